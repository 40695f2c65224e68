//! Webhooks as their owners manage them: creating, listing, changing, replaying, deleting.

use crate::domain::auth::caller::Caller;
use crate::domain::auth::secrets::random_bytes;
use crate::domain::common::pagination::truncate_to_page;
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::created::Created;
use crate::domain::idempotency::key::check_row;
use crate::domain::idempotency::request::RequestIdentity;
use crate::domain::reading::named_cursors::{CursorTarget, resolve_target};
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::domain::webhooks::signing;
use crate::ids::{ConversationId, Position, WebhookId};
use crate::log::{WriteKey, epoch};
use crate::store::webhooks::{NewWebhook, WebhookChanges, WebhookRow};
use crate::store::{Connection, EventKind, WebhookState, webhooks};
use crate::wire::FieldError;
use diesel_async::AsyncConnection;
use uuid::Uuid;

/// Webhooks of one user.
const MAX_WEBHOOKS: i64 = 50;
/// Event types that a webhook may name: more than there are.
const MAX_WEBHOOK_TYPES: usize = 50;

/// A webhook that is to be created.
pub struct WebhookDraft {
    pub url: String,
    pub conversation: Option<ConversationId>,
    pub types: Option<Vec<String>>,
}

/// Changes of a webhook; what is not given stays as it is.
#[derive(Default)]
pub struct WebhookPatch {
    pub url: Option<String>,
    /// `Some(None)`: all types.
    pub types: Option<Option<Vec<String>>>,
    pub state: Option<WebhookState>,
}

/// A webhook; with its secret if it was created just now.
pub struct RegisteredWebhook {
    pub webhook: WebhookRow,
    pub secret: Option<String>,
}

impl Domain {
    /// Creates a webhook of the caller, which begins at the head of the log.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for a conversation that the caller never was in, and those of keys.
    pub async fn create_webhook(
        &self,
        caller: &Caller,
        wanted: WebhookDraft,
        request: RequestIdentity<'_>,
    ) -> Result<Created<RegisteredWebhook>, Error> {
        let key = self.0.fingerprinter.key(caller.user.id, request);
        if request.key.is_some()
            && let Some(webhook) = repeated(&mut *self.connection().await?, &key).await?
        {
            return Ok(replayed(webhook));
        }
        // Resolving the name may take long, so no connection is held meanwhile.
        self.check_target(&wanted.url).await?;
        check_types(wanted.types.as_deref())?;
        let mut connection = self.connection().await?;
        if let Some(conversation) = wanted.conversation {
            visibility::of(&mut connection, caller, conversation).await?;
        }
        let head = epoch::load(&mut connection, Position::ZERO).await?.head();
        let secret = random_bytes::<32>();
        let new = NewWebhook {
            id: WebhookId(key.id.0),
            owner: caller.user.id,
            mac: &key.mac,
            url: &wanted.url,
            conversation: wanted.conversation,
            types: wanted.types.as_deref(),
            secret: &secret,
            epoch: head.epoch,
            position: head.position,
        };
        let inserted = connection
            .transaction(async |connection| {
                if webhooks::lock_and_count(connection, new.owner).await? >= MAX_WEBHOOKS {
                    return Err(invalid("", format!("you have {MAX_WEBHOOKS} webhooks, delete one")));
                }
                Ok(webhooks::insert(connection, &new).await?)
            })
            .await;
        match inserted? {
            Some(webhook) => {
                let thing = RegisteredWebhook { webhook, secret: Some(signing::encode_secret(&secret)) };
                Ok(Created { thing, created: true, replayed: false })
            }
            // The same request came twice at once.
            None => repeated(&mut connection, &key).await?.map(replayed).ok_or(Error::KeyTaken),
        }
    }

    /// The caller's webhooks after one of them, by id; answers whether there are more.
    pub async fn list_webhooks(
        &self,
        caller: &Caller,
        after: Option<WebhookId>,
        limit: usize,
    ) -> Result<(Vec<WebhookRow>, bool), Error> {
        let after = after.unwrap_or(WebhookId(Uuid::nil()));
        let mut connection = self.connection().await?;
        let mut found = webhooks::list(&mut connection, caller.user.id, after, limit as i64 + 1).await?;
        let more = truncate_to_page(&mut found, limit);
        Ok((found, more))
    }

    /// One of the caller's webhooks.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<WebhookRow, Error> {
        let found = webhooks::by_id(&mut *self.connection().await?, id).await?;
        found.filter(|webhook| webhook.owner == caller.user.id).ok_or(Error::NotFound)
    }

    /// Changes one of the caller's webhooks.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn change_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        wanted: WebhookPatch,
    ) -> Result<WebhookRow, Error> {
        let WebhookPatch { url, types, state } = wanted;
        check_types(types.as_ref().and_then(|types| types.as_deref()))?;
        let present = self.webhook(caller, id).await?;
        let url = url.filter(|url| *url != present.url);
        if let Some(url) = &url {
            self.check_target(url).await?;
        }
        let changes = WebhookChanges { url, types, state };
        let mut connection = self.connection().await?;
        webhooks::update(&mut connection, id, caller.user.id, &changes).await?.ok_or(Error::NotFound)
    }

    /// Goes on from any cursor with one of the caller's webhooks, also if it was paused.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::CursorUnknown`], [`Error::CursorExpired`].
    pub async fn replay_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        target: CursorTarget,
    ) -> Result<WebhookRow, Error> {
        self.webhook(caller, id).await?;
        let mut connection = self.connection().await?;
        let cursor = resolve_target(target, &epoch::load(&mut connection, Position::ZERO).await?)?;
        let put = webhooks::replay(&mut connection, id, caller.user.id, cursor.epoch, cursor.position).await?;
        put.ok_or(Error::NotFound)
    }

    /// Deletes one of the caller's webhooks.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_webhook(&self, caller: &Caller, id: WebhookId) -> Result<(), Error> {
        match webhooks::delete(&mut *self.connection().await?, id, caller.user.id).await? {
            true => Ok(()),
            false => Err(Error::NotFound),
        }
    }

    async fn check_target(&self, text: &str) -> Result<(), Error> {
        let targets = &self.0.webhook_targets;
        let url = targets.read(text).map_err(|fault| invalid("url", fault))?;
        targets.look_up(&url).await.map_err(|fault| invalid("url", fault))
    }
}

fn replayed(webhook: WebhookRow) -> Created<RegisteredWebhook> {
    Created { thing: RegisteredWebhook { webhook, secret: None }, created: true, replayed: true }
}

/// The webhook that an earlier request with this key created.
async fn repeated(connection: &mut Connection, key: &WriteKey) -> Result<Option<WebhookRow>, Error> {
    let found = webhooks::by_id(connection, WebhookId(key.id.0)).await?;
    check_row(connection, key, found, |webhook| (webhook.owner, &webhook.mac)).await
}

fn check_types(types: Option<&[String]>) -> Result<(), Error> {
    let Some(types) = types else { return Ok(()) };
    if types.is_empty() || types.len() > MAX_WEBHOOK_TYPES {
        return Err(invalid(
            "types",
            format!("names {} types, needs 1 to {MAX_WEBHOOK_TYPES}; leave it out for all", types.len()),
        ));
    }
    let unknown = types.iter().enumerate().filter(|(_, name)| EventKind::parse(name).is_none());
    let errors: Vec<_> = unknown
        .map(|(index, _)| FieldError { field: format!("types[{index}]"), detail: "is no type of events".into() })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}
