//! Creating a conversation.

use crate::domain::accounts::user_names;
use crate::domain::auth::caller::Caller;
use crate::domain::common::validation::check_line;
use crate::domain::conversations::creation::{ConversationCreation, CreatedConversation, direct_key};
use crate::domain::error::{Error, invalid};
use crate::domain::idempotency::created::Created;
use crate::domain::idempotency::request::RequestIdentity;
use crate::domain::service::Domain;
use crate::ids::ConversationId;
use crate::log::ChangeOutcome;
use crate::store::{ConversationKind, History};
use crate::wire;

/// A conversation that is to be created.
#[derive(Debug)]
pub struct ConversationDraft {
    pub kind: ConversationKind,
    pub title: Option<String>,
    pub members: Vec<String>,
    pub history: Option<History>,
}

impl Domain {
    /// Creates a conversation, or finds the direct one that exists.
    ///
    /// # Errors
    /// [`Error::Invalid`], and those of keys.
    pub async fn create_conversation(
        &self,
        caller: &Caller,
        draft: ConversationDraft,
        request: RequestIdentity<'_>,
    ) -> Result<Created<wire::Conversation>, Error> {
        let key = self.0.fingerprinter.key(caller.user.id, request);
        if self.replayed(request, &key).await?.is_some() {
            return self.replayed_conversation(caller, ConversationId(key.id.0)).await;
        }
        let others = user_names::find_others(&mut *self.connection().await?, caller, "members", &draft.members).await?;
        self.check_draft(&draft, others.len())?;
        let founding = ConversationCreation {
            id: ConversationId(key.id.0),
            key,
            kind: draft.kind,
            title: draft.title,
            history: draft.history.unwrap_or(History::Joined),
            founder: caller.user.clone(),
            direct_key: (draft.kind == ConversationKind::Direct).then(|| direct_key(draft.kind, &caller.user, &others)),
            others,
            message: None,
        };
        let id = founding.id;
        match self.0.log.change(founding).await? {
            ChangeOutcome::Applied(CreatedConversation { id, existed, .. }, _) => {
                let thing = self.conversation(caller, id).await?;
                Ok(Created { thing, created: !existed, replayed: false })
            }
            ChangeOutcome::Replayed(_) => self.replayed_conversation(caller, id).await,
        }
    }

    async fn replayed_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<Created<wire::Conversation>, Error> {
        let thing = self.conversation_as_left(caller, id).await?;
        Ok(Created { thing, created: true, replayed: true })
    }

    fn check_draft(&self, draft: &ConversationDraft, others: usize) -> Result<(), Error> {
        if let Some(title) = &draft.title {
            check_line(title, "title")?;
        }
        match draft.kind {
            ConversationKind::Direct if draft.title.is_some() => {
                Err(invalid("title", "a direct conversation has none"))
            }
            ConversationKind::Direct if others != 1 => {
                Err(invalid("members", "a direct conversation takes exactly one other user"))
            }
            ConversationKind::Direct | ConversationKind::Group => self.check_size(others + 1, "members"),
        }
    }

    /// Checks that a conversation may have `count` members.
    pub(crate) fn check_size(&self, count: usize, field: &str) -> Result<(), Error> {
        let most = self.0.max_members;
        if count > most {
            return Err(invalid(field, format!("makes {count} members, at most {most} are taken")));
        }
        Ok(())
    }
}
