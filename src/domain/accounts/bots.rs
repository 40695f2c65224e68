//! Bots: users that another user has created and owns. When the owner is disabled, so are their bots.

use crate::domain::accounts::user_names;
use crate::domain::auth::caller::Caller;
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::common::validation::check_line;
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::created::Created;
use crate::domain::idempotency::key::check_row;
use crate::domain::idempotency::request::RequestIdentity;
use crate::domain::service::Domain;
use crate::ids::UserId;
use crate::log::WriteKey;
use crate::store::bots::{self, BotInsertion, BotOrigin};
use crate::store::{Connection, UserRole, users};
use crate::wire;
use diesel_async::AsyncConnection;
use uuid::Uuid;

/// Bots that a user may have: what a list on a screen holds.
const MAX_BOTS: i64 = 50;
/// A bot that is to be created.
#[derive(Debug)]
pub struct BotDraft {
    pub name: String,
    pub display_name: Option<String>,
}

impl Domain {
    /// Creates a bot of the caller.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for bots, [`Error::Invalid`], [`Error::NameTaken`], and those of keys.
    pub async fn create_bot(
        &self,
        caller: &Caller,
        draft: BotDraft,
        request: RequestIdentity<'_>,
    ) -> Result<Created<wire::User>, Error> {
        let key = self.0.fingerprinter.key(caller.user.id, request);
        let mut connection = self.connection().await?;
        if request.key.is_some()
            && let Some(bot) = repeated_bot(&mut connection, &key).await?
        {
            return Ok(Created { thing: bot, created: true, replayed: true });
        }
        let name = user_names::check_new_name(&draft.name)?;
        let display_name = draft.display_name.unwrap_or_else(|| name.clone());
        check_line(&display_name, "display_name")?;
        if caller.user.role == UserRole::Bot {
            return Err(Error::Forbidden("bots make no bots"));
        }
        let (id, made) = (UserId(key.id.0), BotOrigin { owner: caller.user.id, mac: key.mac.clone() });
        let insertion = connection
            .transaction(async |connection| {
                if bots::lock_and_count(connection, made.owner).await? >= MAX_BOTS {
                    return Err(invalid("", format!("you have {MAX_BOTS} bots, more are not taken")));
                }
                Ok(bots::insert(connection, id, &made, &name, &display_name).await?)
            })
            .await;
        match insertion? {
            BotInsertion::Created(user) => Ok(Created { thing: user.into(), created: true, replayed: false }),
            // The same request may have come twice at once.
            conflict => match (repeated_bot(&mut connection, &key).await?, conflict) {
                (Some(bot), _) => Ok(Created { thing: bot, created: true, replayed: true }),
                (None, BotInsertion::NameTaken) => Err(Error::NameTaken(name)),
                (None, _) => Err(Error::KeyTaken),
            },
        }
    }

    /// The caller's bots after one of them; answers whether there are more.
    pub async fn list_bots(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<(Vec<wire::User>, bool), Error> {
        let after = after.unwrap_or(UserId(Uuid::nil()));
        let mut connection = self.connection().await?;
        let mut found = bots::list(&mut connection, caller.user.id, after, limit as i64 + 1).await?;
        let more = truncate_to_page(&mut found, limit);
        Ok((found.into_iter().map(Into::into).collect(), more))
    }
}

/// The bot that an earlier request with this key created.
async fn repeated_bot(connection: &mut Connection, key: &WriteKey) -> Result<Option<wire::User>, Error> {
    let id = UserId(key.id.0);
    let origin = bots::origin(connection, id).await?;
    match check_row(connection, key, origin, |origin| (origin.owner, &origin.mac)).await? {
        Some(_) => Ok(users::by_id(connection, id).await?.map(Into::into)),
        None => Ok(None),
    }
}
