//! The directory: who is here, by what their names begin with.

use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::store::user_directory::{self, DirectoryEntry};
use crate::store::users::folded;
use crate::wire;

pub use crate::store::user_directory::DirectoryKey;

impl Domain {
    /// The first `limit` users after a place whose name or display name begins with `query`, in whatever case, in the
    /// order of what matches, each once; answers also after which place the next page begins, if there is one.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub async fn directory(
        &self,
        query: &str,
        after: DirectoryKey,
        limit: usize,
    ) -> Result<(Vec<wire::User>, Option<DirectoryKey>), Error> {
        let (prefix, mut after, mut found) = (folded(query), after, Vec::new());
        // As many as are needed where both names of all users match.
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

/// Whether none of the user's other places that match comes before this one: there the user is listed.
fn is_first(entry: &DirectoryEntry, prefix: &str) -> bool {
    let keys = [&entry.user.name, &entry.display_key];
    keys.into_iter().filter(|key| key.starts_with(prefix)).min() == Some(&entry.place.key)
}
