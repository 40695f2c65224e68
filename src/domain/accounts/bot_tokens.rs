//! The long-lived tokens that bots call with.
//!
//! A token is a session of its bot, so that revoking it ends its streams, as logging out ends those of a device.

use crate::domain::accounts::user_names;
use crate::domain::auth::caller::Caller;
use crate::domain::auth::secrets::{hash_secret, random_bytes};
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::common::validation::check_line;
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::created::Created;
use crate::domain::idempotency::key::check_row;
use crate::domain::idempotency::request::RequestIdentity;
use crate::domain::service::Domain;
use crate::ids::{SessionId, UserId};
use crate::log::WriteKey;
use crate::store::bots::{self, BotTokenRow, NewBotToken};
use crate::store::{Connection, UserRole};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel_async::AsyncConnection;
use std::time::Duration;
use uuid::Uuid;

/// What the token of a bot begins with, so that it is told from all others.
const BOT_TOKEN_PREFIX: &str = "lwb_";
/// Characters of a token that its owner is shown again: 48 of its 256 bits.
const SHOWN_PREFIX_LENGTH: usize = 12;
/// Tokens of a bot that are not revoked: what a list on a screen holds.
const MAX_BOT_TOKENS: i64 = 50;
/// Lifetimes that a request may ask for, in seconds: a minute to ten years.
const TOKEN_LIFETIME_S: std::ops::RangeInclusive<u64> = 60..=10 * 365 * 86_400;
/// The lifetime that is stored for a token that never expires: long, but short enough to be added to the time of day.
const ENDLESS_LIFETIME: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A token that is to be created.
#[derive(Debug)]
pub struct BotTokenDraft {
    pub name: Option<String>,
    /// In seconds; `None`: it never expires.
    pub expires_in: Option<u64>,
}

/// A token; with its secret if it was created just now.
pub struct IssuedBotToken {
    pub token: BotTokenRow,
    pub secret: Option<String>,
}

/// Whether this is shaped like the token of a bot.
pub fn is_bot_token(text: &str) -> bool {
    text.strip_prefix(BOT_TOKEN_PREFIX).is_some_and(|rest| rest.len() == 43)
}

impl Domain {
    /// Creates a token of a bot.
    ///
    /// # Errors
    /// [`Error::NotFound`] unless the caller owns the bot or is an admin, [`Error::Invalid`], and those of keys.
    pub async fn create_bot_token(
        &self,
        caller: &Caller,
        bot: &str,
        wanted: BotTokenDraft,
        request: RequestIdentity<'_>,
    ) -> Result<Created<IssuedBotToken>, Error> {
        check_token(&wanted)?;
        let key = self.0.fingerprinter.key(caller.user.id, request);
        let mut connection = self.connection().await?;
        let bot = managed_bot(&mut connection, caller, bot).await?;
        if request.key.is_some()
            && let Some(token) = repeated_token(&mut connection, &key, bot).await?
        {
            return Ok(Created { thing: IssuedBotToken { token, secret: None }, created: true, replayed: true });
        }
        let secret = format!("{BOT_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()));
        let new = NewBotToken {
            id: SessionId(key.id.0),
            bot,
            name: wanted.name.as_deref(),
            hash: &hash_secret(&secret),
            prefix: &secret[..SHOWN_PREFIX_LENGTH],
            mac: &key.mac,
            lifetime: wanted.expires_in.map_or(ENDLESS_LIFETIME, Duration::from_secs),
            endless: wanted.expires_in.is_none(),
        };
        let inserted = connection
            .transaction(async |connection| {
                if bots::lock_and_count_tokens(connection, bot).await? >= MAX_BOT_TOKENS {
                    return Err(invalid("", format!("the bot has {MAX_BOT_TOKENS} tokens, revoke one")));
                }
                Ok(bots::insert_token(connection, &new).await?)
            })
            .await;
        match inserted? {
            Some(token) => {
                Ok(Created { thing: IssuedBotToken { token, secret: Some(secret) }, created: true, replayed: false })
            }
            None => {
                let token = repeated_token(&mut connection, &key, bot).await?.ok_or(Error::KeyTaken)?;
                Ok(Created { thing: IssuedBotToken { token, secret: None }, created: true, replayed: true })
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
        let bot = managed_bot(&mut connection, caller, bot).await?;
        let after = after.unwrap_or(SessionId(Uuid::nil()));
        let mut found = bots::list_tokens(&mut connection, bot, after, limit as i64 + 1).await?;
        let more = truncate_to_page(&mut found, limit);
        Ok((found, more))
    }

    /// Revokes a token of a bot, and ends its streams.
    ///
    /// # Errors
    /// [`Error::NotFound`] unless the caller owns the bot or is an admin, and the token is the bot's.
    pub async fn revoke_bot_token(&self, caller: &Caller, bot: &str, token: SessionId) -> Result<(), Error> {
        let bot = managed_bot(&mut *self.connection().await?, caller, bot).await?;
        self.end_session(bot, token).await
    }
}

/// Finds the bot that a path names, for its owner and for admins.
async fn managed_bot(connection: &mut Connection, caller: &Caller, named: &str) -> Result<UserId, Error> {
    let user = user_names::find(connection, caller, named).await?;
    // A deleted bot cannot be managed any more.
    if user.role != UserRole::Bot || user.disabled_at.is_some() {
        return Err(Error::NotFound);
    }
    let made = bots::origin(connection, user.id).await?.ok_or(Error::NotFound)?;
    if made.owner != caller.user.id && caller.user.role != UserRole::Admin {
        return Err(Error::NotFound);
    }
    Ok(user.id)
}

/// The token that an earlier request with this key made.
async fn repeated_token(
    connection: &mut Connection,
    key: &WriteKey,
    bot: UserId,
) -> Result<Option<BotTokenRow>, Error> {
    let found = bots::by_id(connection, SessionId(key.id.0)).await?;
    if found.as_ref().is_some_and(|token| token.bot != bot) {
        return Err(Error::KeyTaken);
    }
    // Who made the token is not kept. Its bot is in the path, which the fingerprint covers, and whoever comes here may
    // manage that bot.
    check_row(connection, key, found, |token| (key.owner, &token.mac)).await
}

fn check_token(wanted: &BotTokenDraft) -> Result<(), Error> {
    if let Some(name) = &wanted.name {
        check_line(name, "name")?;
    }
    match wanted.expires_in {
        Some(seconds) if !TOKEN_LIFETIME_S.contains(&seconds) => {
            let (least, most) = (TOKEN_LIFETIME_S.start(), TOKEN_LIFETIME_S.end());
            Err(invalid("expires_in", format!("is {seconds} s, needs {least} to {most}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "tests/bot_tokens.rs"]
mod tests;
