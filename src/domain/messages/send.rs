//! Sending messages.

use crate::domain::accounts::user_names;
use crate::domain::auth::caller::Caller;
use crate::domain::conversations::creation::{ConversationCreation, CreatedConversation, direct_key};
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::created::Created;
use crate::domain::idempotency::request::RequestIdentity;
use crate::domain::messages::attachment_send::AttachmentSend;
use crate::domain::messages::draft::{MessageDraft, ValidatedMessage};
use crate::domain::reading::visibility;
use crate::domain::reading::visibility::ConversationAccess;
use crate::domain::service::Domain;
use crate::ids::{ConversationId, MessageId, Position};
use crate::log::{ChangeOutcome, Event, SendOutcome, WriteKey, read};
use crate::store::{ConversationKind, History, conversations};
use crate::wire;
use std::sync::Arc;

impl Domain {
    /// Sends a message to a conversation. Whether the caller may post there is decided under the log's lock.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], and those of keys.
    pub async fn send(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        draft: MessageDraft,
        request: RequestIdentity<'_>,
    ) -> Result<Created<wire::Message>, Error> {
        let draft = draft.checked()?;
        let key = self.0.fingerprinter.key(caller.user.id, request);
        if let Some(original) = draft.reply_to {
            if let Some(position) = self.replayed(request, &key).await? {
                return self.replayed_message(caller, position).await;
            }
            let access = visibility::of(&mut *self.connection().await?, caller, conversation).await?;
            access.present()?;
            self.check_reply(&access, original).await?;
        }
        let message = self.validated_message(draft).await?;
        self.post(caller, conversation, Arc::new(message), key).await
    }

    async fn validated_message(&self, draft: MessageDraft) -> Result<ValidatedMessage, Error> {
        let mentions = self.mentions(&draft.text).await?;
        Ok(ValidatedMessage::new(draft, mentions))
    }

    async fn post(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        message: Arc<ValidatedMessage>,
        key: WriteKey,
    ) -> Result<Created<wire::Message>, Error> {
        if !message.attachments().is_empty() {
            let sending = AttachmentSend { key, conversation, sender: caller.user.clone(), message: message.clone() };
            return match self.0.log.change(sending).await? {
                ChangeOutcome::Applied(attachments, events) => sent(caller, &message, attachments, events.last()),
                ChangeOutcome::Replayed(position) => self.replayed_message(caller, position).await,
            };
        }
        let id = MessageId(key.id.0);
        match self.0.log.send(message.event(key, id, conversation, &caller.user, Vec::new())).await? {
            SendOutcome::Appended(event) => sent(caller, &message, Vec::new(), Some(&event)),
            SendOutcome::Recovered(position) => {
                Ok(Created { replayed: false, ..self.replayed_message(caller, position).await? })
            }
            SendOutcome::Replayed(position) => self.replayed_message(caller, position).await,
        }
    }

    /// Sends a message to the one conversation of the caller and some others. It is created with the message if it does
    /// not exist.
    ///
    /// # Errors
    /// [`Error::Invalid`], and those of keys.
    pub async fn send_to(
        &self,
        caller: &Caller,
        to: &[String],
        draft: MessageDraft,
        request: RequestIdentity<'_>,
    ) -> Result<Created<wire::Message>, Error> {
        let draft = draft.checked()?;
        let key = self.0.fingerprinter.key(caller.user.id, request);
        if let Some(position) = self.replayed(request, &key).await? {
            return self.replayed_message(caller, position).await;
        }
        let others = user_names::find_others(&mut *self.connection().await?, caller, "to", to).await?;
        if others.is_empty() {
            return Err(invalid("to", "names nobody but you"));
        }
        self.check_size(others.len() + 1, "to")?;
        let kind = if others.len() == 1 { ConversationKind::Direct } else { ConversationKind::Group };
        let direct_key = direct_key(kind, &caller.user, &others);
        let found = conversations::by_direct_key(&mut *self.connection().await?, &direct_key).await?;
        if let Some(original) = draft.reply_to {
            let id = found.as_ref().map(|found| found.id).ok_or_else(no_such_reply)?;
            let access = visibility::of(&mut *self.connection().await?, caller, id).await?;
            self.check_reply(&access, original).await?;
        }
        let message = Arc::new(self.validated_message(draft).await?);
        // The members of a direct conversation never change, so an ordinary send is enough.
        if let Some(direct) = found.filter(|_| kind == ConversationKind::Direct) {
            return self.post(caller, direct.id, message, key).await;
        }
        let creation = ConversationCreation {
            key,
            id: ConversationId::new(),
            kind,
            title: None,
            history: History::Joined,
            founder: caller.user.clone(),
            others,
            direct_key: Some(direct_key),
            message: Some(message.clone()),
        };
        match self.0.log.change(creation).await? {
            ChangeOutcome::Applied(CreatedConversation { attachments, .. }, events) => {
                sent(caller, &message, attachments, events.last())
            }
            ChangeOutcome::Replayed(position) => self.replayed_message(caller, position).await,
        }
    }

    /// The answer of a replay: the message as the caller sees it now, also if they have left meanwhile.
    async fn replayed_message(&self, caller: &Caller, position: Position) -> Result<Created<wire::Message>, Error> {
        let mut connection = self.connection().await?;
        let events = read::events_at(&mut connection, &[position]).await?;
        let event = events.first().ok_or(Error::NotFound)?;
        let thing = match visibility::of(&mut connection, caller, event.conversation).await {
            Ok(access) => access.view_message(&mut connection, event).await?,
            // The conversation was deleted meanwhile.
            Err(Error::NotFound) => wire::Message::from_event(event)?,
            Err(error) => return Err(error),
        };
        Ok(Created { thing, created: true, replayed: true })
    }

    async fn check_reply(&self, access: &ConversationAccess, original: MessageId) -> Result<(), Error> {
        match access.find(&mut *self.connection().await?, original).await? {
            Some(_) => Ok(()),
            None => Err(no_such_reply()),
        }
    }
}

/// The answer to the sender. It is made of the message that was written, so that its JSON is not parsed again.
fn sent(
    caller: &Caller,
    message: &ValidatedMessage,
    attachments: Vec<wire::Attachment>,
    event: Option<&Arc<Event>>,
) -> Result<Created<wire::Message>, Error> {
    // A message is the last event of its change.
    let event = event.ok_or(Error::WriteFailed)?;
    let thing = wire::Message::from_payload(event, message.payload(&caller.user, attachments));
    Ok(Created { thing, created: true, replayed: false })
}

fn no_such_reply() -> Error {
    invalid("reply_to", "there is no such message in this conversation")
}
