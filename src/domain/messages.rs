//! Messages: sending and reading them.

use super::attachments::{self, Sending};
use super::conversations::Created;
use super::founding::{Founding, direct_key, names};
use super::idempotency::Asked;
use super::{Caller, Domain, Error, invalid, text, visibility};
use crate::ids::{AttachmentId, ConversationId, MessageId, Position};
use crate::log::epoch::{self, Judgement};
use crate::log::history::{self, Interval, Order};
use crate::log::{Changed, Cursor, Event, Key, NewEvent, Receipt, read};
use crate::store::users::User;
use crate::store::{Connection, ConversationKind, EventKind, History, conversations};
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

/// A place in a conversation.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    Cursor(Cursor),
    Message(MessageId),
}

/// A part of a conversation's messages.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Exclusive.
    pub after: Option<Bound>,
    /// Exclusive.
    pub before: Option<Bound>,
    pub order: Order,
    pub limit: usize,
}

/// Messages, and where the next page begins.
#[derive(Clone, Debug)]
pub struct Listed {
    pub items: Vec<wire::Message>,
    /// The last of them, if there are more.
    pub next: Option<Cursor>,
}

impl Draft {
    /// Checks what can be checked without the conversation.
    fn checked(mut self) -> Result<Self, Error> {
        text::check_text(&self.text)?;
        self.metadata = self.metadata.as_deref().map(text::check_metadata).transpose()?;
        attachments::check_named(&self.attachments)?;
        Ok(self)
    }

    /// The event of the message, which has these attachments.
    pub(super) fn event(
        &self,
        key: Key,
        id: MessageId,
        conversation: ConversationId,
        sender: &User,
        attachments: Vec<wire::Attachment>,
    ) -> NewEvent {
        let payload = MessagePayload {
            sender: names(sender),
            text: self.text.as_str().into(),
            reply_to: self.reply_to,
            metadata: self.metadata.as_deref(),
            attachments,
        };
        NewEvent {
            key,
            conversation,
            kind: EventKind::MessageCreated,
            message: Some(id),
            sender: sender.id,
            payload: payload.to_payload(),
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
                return self.replayed_message(position).await;
            }
            let sight = visibility::of(&mut *self.connection().await?, caller, conversation).await?;
            sight.present()?;
            self.check_reply(&sight, original).await?;
        }
        self.post(caller, conversation, draft, key).await
    }

    async fn post(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        draft: Draft,
        key: Key,
    ) -> Result<Created<wire::Message>, Error> {
        if !draft.attachments.is_empty() {
            let sending = Sending { key, conversation, sender: caller.user.clone(), draft };
            return self.sent_by(self.0.log.change(sending).await?).await;
        }
        let id = MessageId(key.id.0);
        match self.0.log.send(draft.event(key, id, conversation, &caller.user, Vec::new())).await? {
            Receipt::Now(event) => sent(&event),
            Receipt::Before(position) => self.replayed_message(position).await,
        }
    }

    /// What a change answers whose last event is a message.
    async fn sent_by<Done>(&self, changed: Changed<Done>) -> Result<Created<wire::Message>, Error> {
        match changed {
            Changed::Now(_, events) => sent(events.last().ok_or(Error::WriteFailed)?),
            Changed::Before(position) => self.replayed_message(position).await,
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
            return self.replayed_message(position).await;
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
        // The members of a direct conversation never change, so it needs no decision under the lock.
        if let Some(direct) = found.filter(|_| kind == ConversationKind::Direct) {
            return self.post(caller, direct.id, draft, key).await;
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
            message: Some(draft),
        };
        self.sent_by(self.0.log.change(founding).await?).await
    }

    /// What a replay answers: the message as it is now, also for who has left.
    async fn replayed_message(&self, position: Position) -> Result<Created<wire::Message>, Error> {
        let events = read::at(&mut *self.connection().await?, &[position]).await?;
        let thing = wire::Message::created(events.first().ok_or(Error::NotFound)?)?;
        Ok(Created { thing, created: true, replayed: true })
    }

    async fn check_reply(&self, sight: &visibility::Sight, original: MessageId) -> Result<(), Error> {
        let mut connection = self.connection().await?;
        match visible_message(&mut connection, sight, original).await? {
            Some(_) => Ok(()),
            None => Err(no_such_reply()),
        }
    }

    /// One message that the caller may read.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn message(&self, caller: &Caller, id: MessageId) -> Result<wire::Message, Error> {
        let mut connection = self.connection().await?;
        let position = message_position(&mut connection, id).await?.ok_or(Error::NotFound)?;
        let events = read::at(&mut connection, &[position]).await?;
        let event = events.first().ok_or(Error::NotFound)?;
        let sight = visibility::of(&mut connection, caller, event.conversation).await?;
        if !sight.covers(position) {
            return Err(Error::NotFound);
        }
        Ok(wire::Message::created(event)?)
    }

    /// A part of a conversation's messages, as far as the caller may read them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the conversation, and for a bound that is no message of it; [`Error::CursorUnknown`].
    pub async fn history(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        wanted: Wanted,
    ) -> Result<Listed, Error> {
        let mut connection = self.connection().await?;
        let sight = visibility::of(&mut connection, caller, conversation).await?;
        let after = place(&mut connection, &sight, wanted.after).await?.map_or(Position::ZERO, Position::next);
        let before = place(&mut connection, &sight, wanted.before).await?.map_or(Position::MAX, Position::previous);
        let cut = |interval: &Interval| Interval { first: interval.first.max(after), last: interval.last.min(before) };
        let intervals: Vec<_> = sight.intervals.iter().map(cut).filter(|part| part.first <= part.last).collect();
        let mut events =
            history::messages(&mut connection, conversation, &intervals, wanted.order, wanted.limit + 1).await?;
        let more = events.len() > wanted.limit;
        events.truncate(wanted.limit);
        let next = events.last().filter(|_| more).map(Event::cursor);
        let items = events.iter().map(wire::Message::created).collect::<Result<_, _>>()?;
        Ok(Listed { items, next })
    }
}

fn sent(event: &Event) -> Result<Created<wire::Message>, Error> {
    Ok(Created { thing: wire::Message::created(event)?, created: true, replayed: false })
}

fn no_such_reply() -> Error {
    invalid("reply_to", "there is no such message in this conversation")
}

async fn place(
    connection: &mut Connection,
    sight: &visibility::Sight,
    bound: Option<Bound>,
) -> Result<Option<Position>, Error> {
    match bound {
        None => Ok(None),
        Some(Bound::Cursor(cursor)) => match epoch::state(connection, Position::ZERO).await?.judge(cursor) {
            Judgement::Good | Judgement::Expired => Ok(Some(cursor.position)),
            Judgement::Unknown => Err(Error::CursorUnknown),
        },
        Some(Bound::Message(id)) => visible_message(connection, sight, id).await?.map(Some).ok_or(Error::NotFound),
    }
}

async fn visible_message(
    connection: &mut Connection,
    sight: &visibility::Sight,
    id: MessageId,
) -> Result<Option<Position>, Error> {
    let Some(position) = message_position(connection, id).await? else { return Ok(None) };
    if !sight.covers(position) {
        return Ok(None);
    }
    let events = read::at(connection, &[position]).await?;
    let here = events.first().is_some_and(|event| event.conversation == sight.conversation.id);
    Ok(here.then_some(position))
}

/// Where the message of this id stands, if there is one.
async fn message_position(connection: &mut Connection, id: MessageId) -> Result<Option<Position>, Error> {
    let known = read::known(connection, id.into()).await?;
    Ok(known.filter(|known| known.kind == EventKind::MessageCreated).map(|known| known.position))
}
