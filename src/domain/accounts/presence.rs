//! Presence: who is online, and who may know it.

use crate::domain::accounts::user_names::UserRef;
use crate::domain::auth::caller::Caller;
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::{Cursor, epoch};
use crate::store::connections::{self, ConnectionRow};
use crate::store::users::UserRow;
use crate::store::{Connection, StoreError, Time, members, shared_conversations, users};
use crate::wire::FieldError;

/// Users that one request may name.
const MAX_REQUESTED_USERS: usize = 200;
/// Users who are considered when a request names nobody.
const MAX_CONSIDERED_USERS: i64 = 5_000;
/// Users of one answer.
const MAX_LISTED_USERS: i64 = 1_000;
/// Connections of one answer.
const MAX_LISTED_CONNECTIONS: i64 = 200;

/// A user, and since when they are online.
#[derive(Clone, Debug)]
pub struct UserPresence {
    pub user: UserRow,
    pub since: Option<Time>,
}

fn malformed(field: String, detail: impl Into<String>) -> Error {
    Error::Malformed(vec![FieldError { field, detail: detail.into() }])
}

impl Domain {
    /// Checks that the caller is a member of a conversation; answers the head of the log at which that holds.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for former members.
    pub async fn check_present(&self, caller: &Caller, id: ConversationId) -> Result<Cursor, Error> {
        let mut connection = self.connection().await?;
        members::current(&mut connection, id, caller.user.id).await?.ok_or(Error::NotFound)?;
        let known = self.0.log.committed().map_or(Position::ZERO, |at| at.position);
        Ok(epoch::load(&mut connection, known).await?.head())
    }

    /// Who is online of the users with whom the caller shares a conversation: of all of them, or of those who are
    /// named. The caller is one of them.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is neither an id nor a name.
    pub async fn presence(&self, caller: &Caller, named: Option<&[&str]>) -> Result<Vec<UserPresence>, Error> {
        let refs = named.map(parse_user_refs).transpose()?;
        let mut connection = self.connection().await?;
        let people = match refs {
            Some(refs) => {
                let ids = find_user_ids(&mut connection, caller, &refs).await?;
                shared_conversations::users_among(&mut connection, caller.user.id, &ids).await?
            }
            None => shared_conversations::users_of(&mut connection, caller.user.id, MAX_CONSIDERED_USERS).await?,
        };
        let found = connections::online_since(&mut connection, &people, MAX_LISTED_USERS).await?;
        Ok(found.into_iter().map(|(user, since)| UserPresence { user, since }).collect())
    }

    /// The caller's own connections.
    pub async fn connections(&self, caller: &Caller) -> Result<Vec<ConnectionRow>, Error> {
        Ok(connections::of_user(&mut *self.connection().await?, caller.user.id, MAX_LISTED_CONNECTIONS).await?)
    }
}

fn parse_user_refs(named: &[&str]) -> Result<Vec<UserRef>, Error> {
    if named.len() > MAX_REQUESTED_USERS {
        return Err(malformed(
            "users".into(),
            format!("names {} users, at most {MAX_REQUESTED_USERS} are taken", named.len()),
        ));
    }
    let read = |(index, text): (usize, &&str)| {
        UserRef::parse(text).ok_or_else(|| malformed(format!("users[{index}]"), "is neither an id nor a name"))
    };
    named.iter().enumerate().map(read).collect()
}

async fn find_user_ids(
    connection: &mut Connection,
    caller: &Caller,
    refs: &[UserRef],
) -> Result<Vec<UserId>, StoreError> {
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for named in refs {
        match named {
            UserRef::Me => ids.push(caller.user.id),
            UserRef::Id(id) => ids.push(*id),
            UserRef::Name(name) => names.push(name.clone()),
        }
    }
    Ok(users::by_ids_or_names(connection, &ids, &names).await?.into_iter().map(|user| user.id).collect())
}
