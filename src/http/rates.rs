//! How often somebody may ask: token buckets per user and per address, told in `RateLimit` headers.

use crate::ids::UserId;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

/// Requests a second of one user, over time: a person never does it, a bot with many rooms may.
const USER_RATE: NonZeroU32 = NonZeroU32::new(200).unwrap();
/// Requests of one user at once: an app that starts.
const USER_BURST: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
/// Requests a second without a token from one address, over time: two cores hash some 60 passwords a second.
const ADDRESS_RATE: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// Requests without a token from one address at once: a school or an office behind one address.
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
/// Keys after which stale ones are swept.
const SWEEP_ABOVE: usize = 10_000;

type Limiter<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The buckets of a node.
pub struct Rates {
    users: Limiter<UserId>,
    addresses: Limiter<IpAddr>,
}

/// What `RateLimit` headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// `user` or `address`.
    pub policy: &'static str,
    /// Requests that a full bucket takes.
    pub quota: u32,
    /// Seconds in which an empty bucket fills.
    pub window: u32,
    pub remaining: u32,
    /// Seconds until a request is taken again; 0 while there are some left.
    pub wait: u64,
}

impl Default for Rates {
    fn default() -> Self {
        let limiter = |rate, burst| RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst));
        let users = limiter(USER_RATE, USER_BURST).with_middleware();
        let addresses =
            RateLimiter::keyed(Quota::per_second(ADDRESS_RATE).allow_burst(ADDRESS_BURST)).with_middleware();
        Self { users, addresses }
    }
}

impl Rates {
    /// Takes a request of a user; false: it is one too many.
    pub fn user(&self, user: UserId) -> (Rate, bool) {
        check(&self.users, ("user", USER_RATE, USER_BURST), &user)
    }

    /// Takes a request without a token; false: it is one too many.
    pub fn address(&self, address: IpAddr) -> (Rate, bool) {
        check(&self.addresses, ("address", ADDRESS_RATE, ADDRESS_BURST), &address)
    }
}

fn check<K: Hash + Eq + Clone>(
    limiter: &Limiter<K>,
    (policy, rate, burst): (&'static str, NonZeroU32, NonZeroU32),
    key: &K,
) -> (Rate, bool) {
    if limiter.len() > SWEEP_ABOVE {
        limiter.retain_recent();
    }
    let rate = Rate { policy, quota: burst.get(), window: burst.get() / rate, remaining: 0, wait: 0 };
    match limiter.check_key(key) {
        Ok(state) => (Rate { remaining: state.remaining_burst_capacity(), ..rate }, true),
        Err(until) => {
            let wait = until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            (Rate { wait, ..rate }, false)
        }
    }
}
