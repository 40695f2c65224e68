//! How many uploads are under way at once: each holds up to 10 MiB of memory where the storage is a bucket.

use super::problem::{Code, Problem};
use crate::ids::UserId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Uploads of one user at once, on one node: what apps that send an album do.
const OF_USER: usize = 4;
/// Uploads of all users at once, on one node: 640 MiB.
const OF_ALL: usize = 64;
/// Seconds after which it is worth to try again: some uploads have ended by then.
const RETRY_AFTER: u64 = 5;

/// The uploads of a node.
#[derive(Clone, Default)]
pub struct Uploads(Arc<Mutex<HashMap<UserId, usize>>>);

/// An upload that is under way, until it is dropped.
pub struct Slot {
    uploads: Uploads,
    user: UserId,
}

impl Uploads {
    /// Lets an upload begin.
    ///
    /// # Errors
    /// 429 when the user has too many, 503 when all have.
    pub fn enter(&self, user: UserId) -> Result<Slot, Problem> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.get(&user).is_some_and(|count| *count >= OF_USER) {
            let detail = format!("{OF_USER} uploads of yours are under way, wait for one to end");
            return Err(Problem::new(Code::RateLimited, detail).with_retry_after(RETRY_AFTER));
        }
        if running.values().sum::<usize>() >= OF_ALL {
            let problem = Problem::new(Code::Unavailable, "too many uploads are under way, try again");
            return Err(problem.with_retry_after(RETRY_AFTER));
        }
        *running.entry(user).or_default() += 1;
        Ok(Slot { uploads: self.clone(), user })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut running = self.uploads.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_upload_waits_until_one_of_the_four_has_ended() {
        let (uploads, user) = (Uploads::default(), UserId::new());
        let mut slots: Vec<_> = (0..OF_USER).map(|_| uploads.enter(user).unwrap()).collect();
        assert!(uploads.enter(user).is_err());
        assert!(uploads.enter(UserId::new()).is_ok());
        slots.pop();
        assert!(uploads.enter(user).is_ok());
        drop(slots);
        assert!(uploads.0.lock().unwrap().is_empty());
    }

    #[test]
    fn all_users_together_have_their_limit() {
        let uploads = Uploads::default();
        let slots: Vec<_> = (0..OF_ALL).map(|_| uploads.enter(UserId::new()).unwrap()).collect();
        assert!(uploads.enter(UserId::new()).is_err());
        drop(slots);
        assert!(uploads.enter(UserId::new()).is_ok());
    }
}
