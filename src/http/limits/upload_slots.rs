//! How many uploads are under way at once: each holds up to 10 MiB of memory where the storage is a bucket.

use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use crate::ids::UserId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Uploads of one user at once, on one node: as many as apps start that send an album.
const MAX_UPLOADS_PER_USER: usize = 4;
/// UploadSlots of all users at once, on one node: 640 MiB.
const MAX_UPLOADS: usize = 64;
/// `Retry-After` of a refused upload: by then, some uploads have ended.
const UPLOAD_RETRY_AFTER_S: u64 = 5;

/// The uploads that are under way on a node.
#[derive(Clone, Default)]
pub struct UploadSlots(Arc<Mutex<HashMap<UserId, usize>>>);

/// An upload that is under way, until it is dropped.
pub struct UploadSlot {
    uploads: UploadSlots,
    user: UserId,
}

impl UploadSlots {
    /// Lets an upload begin.
    ///
    /// # Errors
    /// 429 when the user has too many, 503 when all have.
    pub fn acquire(&self, user: UserId) -> Result<UploadSlot, Problem> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.get(&user).is_some_and(|count| *count >= MAX_UPLOADS_PER_USER) {
            let detail = format!("{MAX_UPLOADS_PER_USER} uploads of yours are under way, wait for one to end");
            return Err(Problem::new(ProblemCode::RateLimited, detail).with_retry_after(UPLOAD_RETRY_AFTER_S));
        }
        if running.values().sum::<usize>() >= MAX_UPLOADS {
            let problem = Problem::new(ProblemCode::Unavailable, "too many uploads are under way, try again");
            return Err(problem.with_retry_after(UPLOAD_RETRY_AFTER_S));
        }
        *running.entry(user).or_default() += 1;
        Ok(UploadSlot { uploads: self.clone(), user })
    }
}

impl Drop for UploadSlot {
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
#[path = "tests/upload_slots.rs"]
mod tests;
