//! How often a user or an address may send requests: token buckets, reported in `RateLimit` headers.

use crate::ids::UserId;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

/// Requests a second of one user, over time: a person never does it, a bot with many rooms may.
const USER_REQUESTS_PER_S: NonZeroU32 = NonZeroU32::new(200).unwrap();
/// Requests of one user at once: an app that starts.
const USER_REQUEST_BURST: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
/// Requests a second without a token from one address, over time: two cores hash some 60 passwords a second.
const ADDRESS_REQUESTS_PER_S: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// Requests without a token from one address at once: a school or an office behind one address.
const ADDRESS_REQUEST_BURST: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
/// Keys after which stale ones are swept.
const SWEEP_ABOVE_KEYS: usize = 10_000;

type Limiter<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The buckets of a node.
pub struct RateLimits {
    users: Limiter<UserId>,
    addresses: Limiter<IpAddr>,
}

/// The state of one bucket, for `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// `user` or `address`.
    pub policy: &'static str,
    /// Requests that a full bucket takes.
    pub quota: u32,
    /// Seconds in which an empty bucket fills.
    pub window: u32,
    pub remaining: u32,
    /// Seconds until the next request is accepted; 0 while some are left.
    pub wait: u64,
}

/// In a request: where a handler leaves the state of the bucket that it took from.
#[derive(Clone, Default)]
pub struct RateLimitSlot(Arc<OnceLock<RateLimitStatus>>);

impl RateLimitSlot {
    /// Leaves the state; the first one counts.
    pub fn set(&self, status: RateLimitStatus) {
        let _ = self.0.set(status);
    }

    /// What was left.
    pub fn get(&self) -> Option<&RateLimitStatus> {
        self.0.get()
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        let limiter = |rate, burst| RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst));
        let users = limiter(USER_REQUESTS_PER_S, USER_REQUEST_BURST).with_middleware();
        let addresses =
            RateLimiter::keyed(Quota::per_second(ADDRESS_REQUESTS_PER_S).allow_burst(ADDRESS_REQUEST_BURST))
                .with_middleware();
        Self { users, addresses }
    }
}

impl RateLimits {
    /// Takes a request of a user; false: it is one too many.
    pub fn user(&self, user: UserId) -> (RateLimitStatus, bool) {
        check(&self.users, ("user", USER_REQUESTS_PER_S, USER_REQUEST_BURST), &user)
    }

    /// Takes a request without a token; false: it is one too many.
    pub fn address(&self, address: IpAddr) -> (RateLimitStatus, bool) {
        check(&self.addresses, ("address", ADDRESS_REQUESTS_PER_S, ADDRESS_REQUEST_BURST), &address)
    }
}

fn check<K: Hash + Eq + Clone>(
    limiter: &Limiter<K>,
    (policy, rate, burst): (&'static str, NonZeroU32, NonZeroU32),
    key: &K,
) -> (RateLimitStatus, bool) {
    if limiter.len() > SWEEP_ABOVE_KEYS {
        limiter.retain_recent();
    }
    let rate = RateLimitStatus { policy, quota: burst.get(), window: burst.get() / rate, remaining: 0, wait: 0 };
    match limiter.check_key(key) {
        Ok(state) => (RateLimitStatus { remaining: state.remaining_burst_capacity(), ..rate }, true),
        Err(until) => {
            let wait = until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            (RateLimitStatus { wait, ..rate }, false)
        }
    }
}
