//! Bots: users that somebody has made and answers for, and the long-lived tokens that they call with.
//!
//! A token is a session of its bot, so that revoking it ends its streams as logging out ends those of a device. What a
//! bot may do ends with what its owner may: who disables the one disables the other.

use super::conversations::Created;
use super::idempotency::{Asked, check_repeat, check_unused};
use super::tokens::random;
use super::{Caller, Domain, Error, cut, invalid, names, sessions, text};
use crate::ids::{SessionId, UserId};
use crate::log::WriteKey;
use crate::store::bots::{self, BotInsertion, BotOrigin, BotTokenRow, NewBotToken};
use crate::store::{self, Connection, UserRole, users};
use crate::wire;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel_async::AsyncConnection;
use std::time::Duration;
use uuid::Uuid;

/// What tells the token of a bot from all others.
const PREFIX: &str = "lwb_";
/// Characters of a token that its owner is shown again: 48 of its 256 bits.
const SHOWN: usize = 12;
/// Most bots of a user, and most tokens of a bot that are not revoked: what a list on a screen holds.
const MOST: i64 = 50;
/// How long a token may be asked to last, in seconds: a minute to ten years.
const LIFETIME_S: std::ops::RangeInclusive<u64> = 60..=10 * 365 * 86_400;
/// How long a token lasts that never ends: what a clock can still add up.
const ENDLESS: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A bot that somebody wants to have.
#[derive(Debug)]
pub struct Wanted {
    pub name: String,
    pub display_name: Option<String>,
}

/// A token that somebody wants to have.
#[derive(Debug)]
pub struct WantedToken {
    pub name: Option<String>,
    /// In seconds; none: for ever.
    pub expires_in: Option<u64>,
}

/// A token, and itself where it was made just now.
pub struct Issued {
    pub token: BotTokenRow,
    pub secret: Option<String>,
}

/// Whether this is shaped like the token of a bot.
pub(super) fn is_token(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|rest| rest.len() == 43)
}

impl Domain {
    /// Makes a bot of the caller.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for bots, [`Error::Invalid`], [`Error::NameTaken`], and those of keys.
    pub async fn create_bot(
        &self,
        caller: &Caller,
        wanted: Wanted,
        asked: Asked<'_>,
    ) -> Result<Created<wire::User>, Error> {
        let key = self.0.marks.key(caller.user.id, asked);
        let mut connection = self.connection().await?;
        if asked.key.is_some()
            && let Some(bot) = repeated_bot(&mut connection, &key).await?
        {
            return Ok(Created { thing: bot, created: true, replayed: true });
        }
        let name = names::wanted(&wanted.name)?;
        let display_name = wanted.display_name.unwrap_or_else(|| name.clone());
        text::check_line(&display_name, "display_name")?;
        if caller.user.role == UserRole::Bot {
            return Err(Error::Forbidden("bots make no bots"));
        }
        let (id, made) = (UserId(key.id.0), BotOrigin { owner: caller.user.id, mac: key.mac.clone() });
        let insertion = connection
            .transaction(async |connection| {
                if bots::lock_and_count(connection, made.owner).await? >= MOST {
                    return Err(invalid("", format!("you have {MOST} bots, more are not taken")));
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
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub async fn list_bots(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<(Vec<wire::User>, bool), Error> {
        let after = after.unwrap_or(UserId(Uuid::nil()));
        let mut connection = self.connection().await?;
        let mut found = bots::list(&mut connection, caller.user.id, after, limit as i64 + 1).await?;
        let more = cut(&mut found, limit);
        Ok((found.into_iter().map(Into::into).collect(), more))
    }

    /// Makes a token of a bot.
    ///
    /// # Errors
    /// [`Error::NotFound`] unless the caller owns the bot or is an admin, [`Error::Invalid`], and those of keys.
    pub async fn create_bot_token(
        &self,
        caller: &Caller,
        bot: &str,
        wanted: WantedToken,
        asked: Asked<'_>,
    ) -> Result<Created<Issued>, Error> {
        check_token(&wanted)?;
        let key = self.0.marks.key(caller.user.id, asked);
        let mut connection = self.connection().await?;
        let bot = managed(&mut connection, caller, bot).await?;
        if asked.key.is_some()
            && let Some(token) = repeated_token(&mut connection, &key, bot).await?
        {
            return Ok(Created { thing: Issued { token, secret: None }, created: true, replayed: true });
        }
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()));
        let new = NewBotToken {
            id: SessionId(key.id.0),
            bot,
            name: wanted.name.as_deref(),
            hash: &sessions::hash(&secret),
            prefix: &secret[..SHOWN],
            mac: &key.mac,
            lifetime: wanted.expires_in.map_or(ENDLESS, Duration::from_secs),
            endless: wanted.expires_in.is_none(),
        };
        let inserted = connection
            .transaction(async |connection| {
                if bots::lock_and_count_tokens(connection, bot).await? >= MOST {
                    return Err(invalid("", format!("the bot has {MOST} tokens, revoke one")));
                }
                Ok(bots::insert_token(connection, &new).await?)
            })
            .await;
        match inserted? {
            Some(token) => {
                Ok(Created { thing: Issued { token, secret: Some(secret) }, created: true, replayed: false })
            }
            None => {
                let token = repeated_token(&mut connection, &key, bot).await?.ok_or(Error::KeyTaken)?;
                Ok(Created { thing: Issued { token, secret: None }, created: true, replayed: true })
            }
        }
    }

    /// The tokens of a bot that are not revoked, after one of them; answers whether there are more.
    ///
    /// # Errors
    /// [`Error::NotFound`] unless the caller owns the bot or is an admin.
    pub async fn list_bot_tokens(
        &self,
        caller: &Caller,
        bot: &str,
        after: Option<SessionId>,
        limit: usize,
    ) -> Result<(Vec<BotTokenRow>, bool), Error> {
        let mut connection = self.connection().await?;
        let bot = managed(&mut connection, caller, bot).await?;
        let after = after.unwrap_or(SessionId(Uuid::nil()));
        let mut found = bots::list_tokens(&mut connection, bot, after, limit as i64 + 1).await?;
        let more = cut(&mut found, limit);
        Ok((found, more))
    }

    /// Revokes a token of a bot, and ends its streams.
    ///
    /// # Errors
    /// [`Error::NotFound`] unless the caller owns the bot or is an admin, and the token is the bot's.
    pub async fn revoke_bot_token(&self, caller: &Caller, bot: &str, token: SessionId) -> Result<(), Error> {
        let bot = managed(&mut *self.connection().await?, caller, bot).await?;
        self.end_session(bot, token).await
    }
}

/// The bot that a path names, for who may manage it.
async fn managed(connection: &mut Connection, caller: &Caller, named: &str) -> Result<UserId, Error> {
    let user = names::find(connection, caller, named).await?;
    // One that was deleted is no bot any more.
    if user.role != UserRole::Bot || user.disabled_at.is_some() {
        return Err(Error::NotFound);
    }
    let made = bots::origin(connection, user.id).await?.ok_or(Error::NotFound)?;
    if made.owner != caller.user.id && caller.user.role != UserRole::Admin {
        return Err(Error::NotFound);
    }
    Ok(user.id)
}

/// What an earlier request with this key made.
async fn repeated_bot(connection: &mut Connection, key: &WriteKey) -> Result<Option<wire::User>, Error> {
    let id = UserId(key.id.0);
    let Some(made) = bots::origin(connection, id).await? else {
        check_unused(connection, key).await?;
        return Ok(None);
    };
    check_repeat(key, made.owner, &made.mac)?;
    store::durability_barrier(connection).await?;
    Ok(users::by_id(connection, id).await?.map(Into::into))
}

async fn repeated_token(
    connection: &mut Connection,
    key: &WriteKey,
    bot: UserId,
) -> Result<Option<BotTokenRow>, Error> {
    let Some(token) = bots::by_id(connection, SessionId(key.id.0)).await? else {
        check_unused(connection, key).await?;
        return Ok(None);
    };
    // Who made it is not kept: its bot is in the path, which the mark holds, and whoever comes here may manage that.
    if token.bot != bot {
        return Err(Error::KeyTaken);
    }
    check_repeat(key, key.owner, &token.mac)?;
    store::durability_barrier(connection).await?;
    Ok(Some(token))
}

fn check_token(wanted: &WantedToken) -> Result<(), Error> {
    if let Some(name) = &wanted.name {
        text::check_line(name, "name")?;
    }
    match wanted.expires_in {
        Some(seconds) if !LIFETIME_S.contains(&seconds) => {
            let (least, most) = (LIFETIME_S.start(), LIFETIME_S.end());
            Err(invalid("expires_in", format!("is {seconds} s, needs {least} to {most}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_prefix_and_the_length_is_taken_for_a_token() {
        let good = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()));
        assert!(is_token(&good));
        assert!(!is_token(&good[1..]) && !is_token(&good[..40]) && !is_token("eyJhbGciOiJIUzI1NiJ9.e30.x"));
    }
}
