//! The change that creates a conversation, alone or with its first message, in one transaction.

use crate::domain::attachments::binding::bind_attachments;
use crate::domain::change_event::ChangeEvent;
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::request::fresh_key;
use crate::domain::messages::draft::ValidatedMessage;
use crate::ids::{ConversationId, MessageId};
use crate::log::{ApplyError, Change, ChangeFuture, LockedHead, NewEvent, WriteKey};
use crate::store::attachments::MessageLocation;
use crate::store::conversations::ConversationRow;
use crate::store::members::NewMember;
use crate::store::users::UserRow;
use crate::store::{Connection, ConversationKind, EventKind, History, MemberRole, conversations, members, users};
use crate::wire::{self, ConversationData, ConversationInEvent, Participant};
use aws_lc_rs::digest::{SHA256, digest};
use std::sync::Arc;

/// First members that `conversation.created` lists; with more of them, it lists none.
const MAX_LISTED_MEMBERS: usize = 50;

/// Creates a conversation; or finds it, if it has a key of its members and exists.
pub struct ConversationCreation {
    /// The key of the message if there is one, else of the conversation.
    pub key: WriteKey,
    pub id: ConversationId,
    pub kind: ConversationKind,
    pub title: Option<String>,
    pub history: History,
    pub founder: Arc<UserRow>,
    pub others: Vec<UserRow>,
    /// Given if there is only one conversation of these members.
    pub direct_key: Option<Vec<u8>>,
    pub message: Option<Arc<ValidatedMessage>>,
}

/// The conversation that was created or found.
#[derive(Clone, Debug)]
pub struct CreatedConversation {
    pub id: ConversationId,
    /// Whether it existed before.
    pub existed: bool,
    /// The attachments of the message.
    pub attachments: Vec<wire::Attachment>,
}

/// The key under which the one conversation of a set of users is found.
pub fn direct_key(kind: ConversationKind, founder: &UserRow, others: &[UserRow]) -> Vec<u8> {
    let mut ids: Vec<_> = others.iter().map(|user| user.id).chain([founder.id]).collect();
    ids.sort();
    let mut text = kind.as_str().to_owned();
    for id in ids {
        text.push_str(&format!(" {id}"));
    }
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

impl Change for ConversationCreation {
    type Output = CreatedConversation;
    type Rejection = Error;

    fn size_bytes(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| message.size_bytes());
        size_of_val(self) + size_of_val(self.others.as_slice()) + message
    }

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
        locked: LockedHead,
    ) -> ChangeFuture<'a, CreatedConversation, Error> {
        Box::pin(async move {
            let found = match &self.direct_key {
                Some(key) => conversations::by_direct_key(connection, key).await?,
                None => None,
            };
            let (id, mut events) = match &found {
                Some(conversation) => (conversation.id, Vec::new()),
                None => (self.id, vec![self.found(connection, locked).await?]),
            };
            let mut attachments = Vec::new();
            if let Some(message) = &self.message {
                let message_id = MessageId(self.key.id.0);
                let place =
                    MessageLocation { message: message_id, conversation: id, position: locked.next.plus(events.len()) };
                attachments = bind_attachments(connection, message.attachments(), &self.founder, place).await?;
                events.push(message.event(self.key.clone(), message_id, id, &self.founder, attachments.clone()));
            }
            Ok((events, CreatedConversation { id, existed: found.is_some(), attachments }))
        })
    }
}

impl ConversationCreation {
    async fn found(&self, connection: &mut Connection, locked: LockedHead) -> Result<NewEvent, ApplyError<Error>> {
        let others: Vec<_> = self.others.iter().map(|user| user.id).collect();
        if users::is_any_disabled(connection, &others).await? {
            return Err(ApplyError::Rejected(invalid("members", "names somebody whose account was deleted just now")));
        }
        let conversation = ConversationRow {
            id: self.id,
            kind: self.kind,
            title: self.title.clone(),
            history: self.history,
            created_by: self.founder.id,
            created_at: locked.now,
        };
        conversations::insert(connection, &conversation, self.direct_key.as_deref()).await?;
        let joining: Vec<_> = self.participants().map(|(user, role)| NewMember { user: user.id, role }).collect();
        members::join(connection, self.id, &joining, locked.next, locked.now).await?;
        Ok(self.event(&conversation))
    }

    /// The founder owns a group. In a direct conversation, both users are plain members.
    fn participants(&self) -> impl Iterator<Item = (&UserRow, MemberRole)> {
        let founder = match self.kind {
            ConversationKind::Direct => MemberRole::Member,
            ConversationKind::Group => MemberRole::Owner,
        };
        std::iter::once((self.founder.as_ref(), founder))
            .chain(self.others.iter().map(|user| (user, MemberRole::Member)))
    }

    fn own_key(&self) -> WriteKey {
        WriteKey { id: self.id.into(), ..fresh_key(self.founder.id) }
    }

    fn event(&self, conversation: &ConversationRow) -> NewEvent {
        let count = self.others.len() + 1;
        let named = self.participants().map(|(user, role)| Participant { user: user.clone().into(), role });
        let members = (count <= MAX_LISTED_MEMBERS).then(|| named.collect());
        let conversation =
            ConversationInEvent { members: Some(members), ..ConversationInEvent::new(conversation, count as i64) };
        ChangeEvent {
            key: if self.message.is_some() { self.own_key() } else { self.key.clone() },
            conversation: self.id,
            kind: EventKind::ConversationCreated,
            message: None,
            actor: &self.founder,
            data: &ConversationData { conversation },
            concerns: self.participants().map(|(user, _)| user.id).collect(),
            only_for: None,
        }
        .event()
    }
}
