//! The directory: users by what their names begin with.

use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::store::user_directory::{self, DirectoryEntry};
use crate::store::users::folded;
use crate::wire;

pub use crate::store::user_directory::DirectoryKey;

impl Domain {
    /// The first `limit` users after a key whose name or display name begins with `query`, without regard to case. They
    /// are in the order of the name that matches, each listed once. Also answers the key of the next page, if there is
    /// one.
    pub async fn directory(
        &self,
        query: &str,
        after: DirectoryKey,
        limit: usize,
    ) -> Result<(Vec<wire::User>, Option<DirectoryKey>), Error> {
        let (prefix, mut after, mut found) = (folded(query), after, Vec::new());
        // Enough to fill the page even if both names of every user match.
        let most = 2 * limit as i64 + 2;
        let mut connection = self.connection().await?;
        loop {
            let entries = user_directory::list(&mut connection, &prefix, &after, most).await?;
            let ends = (entries.len() as i64) < most;
            for entry in entries {
                if is_first(&entry, &prefix) {
                    if found.len() == limit {
                        return Ok((found, Some(after)));
                    }
                    found.push(entry.user.into());
                }
                after = entry.place;
            }
            if ends {
                return Ok((found, None));
            }
        }
    }
}

/// Whether this is the first of the user's two entries that match: a user is listed at that one only.
fn is_first(entry: &DirectoryEntry, prefix: &str) -> bool {
    let keys = [&entry.user.name, &entry.display_key];
    keys.into_iter().filter(|key| key.starts_with(prefix)).min() == Some(&entry.place.key)
}
