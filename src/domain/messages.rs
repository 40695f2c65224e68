//! Sending messages.

use super::attachments::{self, Sending};
use super::conversations::Created;
use super::founding::{Founding, direct_key};
use super::idempotency::Asked;
use super::telling::names;
use super::visibility::{self, Sight};
use super::{Caller, Domain, Error, invalid, text};
use crate::ids::{AttachmentId, ConversationId, MessageId, Position, UserId};
use crate::log::{ChangeOutcome, Event, NewEvent, SendOutcome, WriteKey, read};
use crate::store::users::UserRow;
use crate::store::{ConversationKind, EventKind, History, conversations};
use crate::wire::{self, MessagePayload};
use serde_json::value::RawValue;

/// A message that is not sent yet.
#[derive(Clone, Debug)]
pub struct Draft {
    pub text: String,
    pub reply_to: Option<MessageId>,
    pub metadata: Option<Box<RawValue>>,
    /// Uploads of the sender.
    pub attachments: Vec<AttachmentId>,
}

/// A message that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Letter {
    draft: Draft,
    mentions: Vec<UserId>,
}

impl Draft {
    /// Checks what can be checked without the conversation.
    fn checked(mut self) -> Result<Self, Error> {
        text::check_text(&self.text)?;
        self.metadata = self.metadata.as_deref().map(text::check_metadata).transpose()?;
        attachments::check_named(&self.attachments)?;
        Ok(self)
    }
}

impl Letter {
    /// Bytes of memory that it holds beside itself.
    pub(super) fn size_bytes(&self) -> usize {
        let metadata = self.draft.metadata.as_ref().map_or(0, |metadata| metadata.get().len());
        self.draft.text.len() + metadata + size_of_val(self.mentions.as_slice())
    }

    /// The attachments that it names.
    pub(super) fn attachments(&self) -> &[AttachmentId] {
        &self.draft.attachments
    }

    /// The event of the message, which has these attachments.
    pub(super) fn event(
        &self,
        key: WriteKey,
        id: MessageId,
        conversation: ConversationId,
        sender: &UserRow,
        attachments: Vec<wire::Attachment>,
    ) -> NewEvent {
        let payload = MessagePayload {
            sender: names(sender),
            text: Some(self.draft.text.as_str().into()),
            reply_to: self.draft.reply_to,
            mentions: self.mentions.clone(),
            metadata: self.draft.metadata.as_deref(),
            attachments,
            first: None,
        };
        NewEvent {
            key,
            conversation,
            kind: EventKind::MessageCreated,
            message: Some(id),
            sender: sender.id,
            payload: payload.to_payload(),
            reply_to: self.draft.reply_to,
            mentions: self.mentions.clone(),
            only_for: None,
        }
    }
}

impl Domain {
    /// Sends a message to a conversation. Whether the caller may post there is decided under the log's lock.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], and those of keys.
    pub async fn send(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        draft: Draft,
        asked: Asked<'_>,
    ) -> Result<Created<wire::Message>, Error> {
        let draft = draft.checked()?;
        let key = self.0.marks.key(caller.user.id, asked);
        if let Some(original) = draft.reply_to {
            if let Some(position) = self.replayed(asked, &key).await? {
                return self.replayed_message(caller, position).await;
            }
            let sight = visibility::of(&mut *self.connection().await?, caller, conversation).await?;
            sight.present()?;
            self.check_reply(&sight, original).await?;
        }
        let letter = self.letter(draft).await?;
        self.post(caller, conversation, &letter, key).await
    }

    async fn letter(&self, draft: Draft) -> Result<Letter, Error> {
        Ok(Letter { mentions: self.mentions(&draft.text).await?, draft })
    }

    async fn post(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        letter: &Letter,
        key: WriteKey,
    ) -> Result<Created<wire::Message>, Error> {
        if !letter.attachments().is_empty() {
            let sending = Sending { key, conversation, sender: caller.user.clone(), letter: letter.clone() };
            return self.sent_by(caller, self.0.log.change(sending).await?).await;
        }
        let id = MessageId(key.id.0);
        match self.0.log.send(letter.event(key, id, conversation, &caller.user, Vec::new())).await? {
            SendOutcome::Appended(event) => sent(&event),
            SendOutcome::Recovered(position) => {
                Ok(Created { replayed: false, ..self.replayed_message(caller, position).await? })
            }
            SendOutcome::Replayed(position) => self.replayed_message(caller, position).await,
        }
    }

    /// What a change answers whose last event is a message.
    async fn sent_by<Output>(
        &self,
        caller: &Caller,
        changed: ChangeOutcome<Output>,
    ) -> Result<Created<wire::Message>, Error> {
        match changed {
            ChangeOutcome::Applied(_, events) => sent(events.last().ok_or(Error::WriteFailed)?),
            ChangeOutcome::Replayed(position) => self.replayed_message(caller, position).await,
        }
    }

    /// Sends a message to the one conversation of the caller and some others, which is found or made with it.
    ///
    /// # Errors
    /// [`Error::Invalid`], and those of keys.
    pub async fn send_to(
        &self,
        caller: &Caller,
        to: &[String],
        draft: Draft,
        asked: Asked<'_>,
    ) -> Result<Created<wire::Message>, Error> {
        let draft = draft.checked()?;
        let key = self.0.marks.key(caller.user.id, asked);
        if let Some(position) = self.replayed(asked, &key).await? {
            return self.replayed_message(caller, position).await;
        }
        let others = super::names::find_others(&mut *self.connection().await?, caller, "to", to).await?;
        if others.is_empty() {
            return Err(invalid("to", "names nobody but you"));
        }
        self.check_size(others.len() + 1, "to")?;
        let kind = if others.len() == 1 { ConversationKind::Direct } else { ConversationKind::Group };
        let direct_key = direct_key(kind, &caller.user, &others);
        let found = conversations::by_direct_key(&mut *self.connection().await?, &direct_key).await?;
        if let Some(original) = draft.reply_to {
            let id = found.as_ref().map(|found| found.id).ok_or_else(no_such_reply)?;
            let sight = visibility::of(&mut *self.connection().await?, caller, id).await?;
            self.check_reply(&sight, original).await?;
        }
        let letter = self.letter(draft).await?;
        // The members of a direct conversation never change, so it needs no decision under the lock.
        if let Some(direct) = found.filter(|_| kind == ConversationKind::Direct) {
            return self.post(caller, direct.id, &letter, key).await;
        }
        let founding = Founding {
            key,
            id: ConversationId::new(),
            kind,
            title: None,
            history: History::Joined,
            founder: caller.user.clone(),
            others,
            direct_key: Some(direct_key),
            message: Some(letter),
        };
        self.sent_by(caller, self.0.log.change(founding).await?).await
    }

    /// What a replay answers: the message as the caller sees it now, also if they have left.
    async fn replayed_message(&self, caller: &Caller, position: Position) -> Result<Created<wire::Message>, Error> {
        let mut connection = self.connection().await?;
        let events = read::events_at(&mut connection, &[position]).await?;
        let event = events.first().ok_or(Error::NotFound)?;
        let thing = match visibility::of(&mut connection, caller, event.conversation).await {
            Ok(sight) => sight.show_one(&mut connection, event).await?,
            // The conversation was deleted meanwhile.
            Err(Error::NotFound) => wire::Message::told(event)?,
            Err(error) => return Err(error),
        };
        Ok(Created { thing, created: true, replayed: true })
    }

    async fn check_reply(&self, sight: &Sight, original: MessageId) -> Result<(), Error> {
        match sight.find(&mut *self.connection().await?, original).await? {
            Some(_) => Ok(()),
            None => Err(no_such_reply()),
        }
    }
}

fn sent(event: &Event) -> Result<Created<wire::Message>, Error> {
    Ok(Created { thing: wire::Message::told(event)?, created: true, replayed: false })
}

fn no_such_reply() -> Error {
    invalid("reply_to", "there is no such message in this conversation")
}
