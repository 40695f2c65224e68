//! Deleting an account: it is closed at once, and then its memberships and messages are erased, a batch at a time.
//!
//! Closing is one change under the log's lock. A send or an invitation that was admitted before may still be written
//! after it; so the account is erased once more after [`LATE_WRITE_WINDOW`], before it counts as erased. What a node
//! that dies has not erased, the other nodes erase.

use crate::domain::auth::caller::Caller;
use crate::domain::auth::passwords::PasswordCheck;
use crate::domain::conversations::removal::MemberRemoval;
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::domain::messages::current_version::is_deleted;
use crate::domain::messages::delete::delete_under_lock;
use crate::domain::service::Domain;
use crate::domain::service::run_to_completion;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::history::{self, Interval};
use crate::log::{ApplyError, Change, ChangeFuture, ChangeOutcome, LockedHead, WriteKey, read};
use crate::store::users::UserRow;
use crate::store::{Connection, account_deletions, users, webhooks};
use std::sync::Arc;
use std::time::Duration;

/// The display name of a deleted account.
const DELETED_DISPLAY_NAME: &str = "deleted user";
/// Messages that are deleted in one change: the log's lock is held for some 50 ms.
const MESSAGES_PER_ERASURE: usize = 50;
/// Events that are searched for messages of the account in one query.
const EVENTS_PER_SCAN: usize = 10_000;
/// How long the answer waits until all texts are erased. The erasure goes on after that.
const ERASURE_WAIT: Duration = Duration::from_secs(30);
/// How often a node looks for accounts that a node that died has not erased, and for names to be freed.
const ERASURE_POLL_INTERVAL: Duration = Duration::from_secs(60);
/// After this time nothing can be written any more that was admitted before the closing: longer than any request takes.
const LATE_WRITE_WINDOW: Duration = Duration::from_secs(150);
/// How long the name of a deleted account cannot be taken.
const NAME_RESERVATION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Domain {
    /// Deletes the caller's account. It answers when the last text is erased, or after half a minute.
    ///
    /// # Errors
    /// [`Error::CredentialsWrong`]: the password is wrong, is missing, or is given for an account that has none.
    ///
    /// # Cancel safety
    /// What was begun is finished.
    pub async fn delete_account(&self, caller: &Caller, password: Option<String>) -> Result<(), Error> {
        self.check_password(caller.user.id, password).await?;
        let (domain, user) = (self.clone(), caller.user.clone());
        run_to_completion(async move { domain.close_account(user).await }).await
    }

    /// Erases accounts that nodes that died have not erased, and frees names, until it is dropped.
    pub async fn erase_deleted_accounts(&self) {
        loop {
            if let Err(error) = self.erase_all().await {
                tracing::warn!(%error, "cannot erase deleted accounts");
            }
            tokio::time::sleep(ERASURE_POLL_INTERVAL.mul_f64(0.5 + fastrand::f64())).await;
        }
    }

    async fn check_password(&self, user: UserId, password: Option<String>) -> Result<(), Error> {
        let hash = users::password_hash(&mut *self.connection().await?, user).await?;
        let right = match (password, hash) {
            // An app or an operator vouches for the user.
            (None, None) => true,
            (Some(password), Some(hash)) => self.0.passwords.verify(password, Some(hash)).await != PasswordCheck::Wrong,
            (None, Some(_)) | (Some(_), None) => false,
        };
        if right { Ok(()) } else { Err(Error::CredentialsWrong) }
    }

    async fn close_account(&self, user: Arc<UserRow>) -> Result<(), Error> {
        let closed = self.close(user.id).await?;
        self.revocations().disable(&closed);
        self.notify_revocations().await;
        let domain = self.clone();
        let erasing = tokio::spawn(async move {
            for user in closed {
                domain.erase(user).await?;
            }
            Ok::<_, Error>(())
        });
        match tokio::time::timeout(ERASURE_WAIT, erasing).await {
            Ok(Ok(Err(error))) => tracing::warn!(%error, "an account is closed, but not erased yet"),
            Ok(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            Ok(Ok(Ok(()))) | Err(_) => {}
        }
        Ok(())
    }

    /// Closes an account with its bots, and answers which accounts that are.
    async fn close(&self, user: UserId) -> Result<Vec<UserId>, Error> {
        match self.0.log.change(AccountClosing { key: fresh_key(user), user }).await? {
            ChangeOutcome::Applied(closed, _) => Ok(closed),
            // An earlier attempt of this change was committed: the next look finds the bots.
            ChangeOutcome::Replayed(_) => Ok(vec![user]),
        }
    }

    async fn erase_again(&self, user: UserId, settled: bool) -> Result<(), Error> {
        // A request that was admitted before may have created a bot or a webhook meanwhile.
        self.close(user).await?;
        self.erase(user).await?;
        if settled {
            self.pool().ask(async |connection| account_deletions::set_erased(connection, user).await).await?;
        }
        Ok(())
    }

    async fn erase_all(&self) -> Result<(), Error> {
        let pool = self.pool();
        let found =
            pool.ask(async |connection| account_deletions::to_erase(connection, LATE_WRITE_WINDOW).await).await?;
        for (user, settled) in found {
            // An error of one account must not keep the others from being erased.
            if let Err(error) = self.erase_again(user, settled).await {
                tracing::warn!(%error, %user, "cannot erase a deleted account");
            }
        }
        Ok(pool.ask(async |connection| account_deletions::free_names(connection, NAME_RESERVATION).await).await?)
    }

    /// Removes the webhooks, ends the memberships and deletes the messages of a deleted account.
    async fn erase(&self, user: UserId) -> Result<(), Error> {
        let pool = self.pool();
        let found = pool.ask(async |connection| users::by_id(connection, user).await).await?;
        let user = Arc::new(found.ok_or(Error::NotFound)?);
        pool.ask(async |connection| webhooks::delete_all(connection, user.id).await).await?;
        let memberships =
            pool.ask(async |connection| account_deletions::current_memberships(connection, user.id).await).await?;
        for conversation in memberships {
            self.withdraw(&user, conversation).await?;
        }
        let memberships_ended =
            pool.ask(async |connection| account_deletions::erasure_intervals(connection, user.id).await).await?;
        for (conversation, first, last) in memberships_ended {
            let interval = Interval { first, last: last.unwrap_or(Position::MAX) };
            self.erase_texts(&user, conversation, interval).await?;
        }
        Ok(())
    }

    async fn withdraw(&self, user: &Arc<UserRow>, conversation: ConversationId) -> Result<(), Error> {
        let key = fresh_key(user.id);
        let leaving = MemberRemoval { key, conversation, caller: user.clone(), user: (**user).clone(), for_good: true };
        match self.end_membership(&leaving).await {
            // The membership has ended already: another node is at work, or the conversation was deleted.
            Err(Error::NotFound) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn erase_texts(
        &self,
        user: &Arc<UserRow>,
        conversation: ConversationId,
        mut interval: Interval,
    ) -> Result<(), Error> {
        while interval.first <= interval.last {
            let (found, reached) = self
                .pool()
                .ask(async |connection| {
                    history::of_sender(connection, conversation, interval, user.id, EVENTS_PER_SCAN).await
                })
                .await?;
            for part in found.chunks(MESSAGES_PER_ERASURE) {
                let key = fresh_key(user.id);
                let erasing = MessageErasure { key, user: user.clone(), messages: part.to_vec() };
                self.0.log.change(erasing).await?;
            }
            match reached {
                Some(reached) => interval.first = reached.next(),
                None => break,
            }
        }
        Ok(())
    }
}

/// Closes an account.
struct AccountClosing {
    key: WriteKey,
    user: UserId,
}

impl Change for AccountClosing {
    type Output = Vec<UserId>;
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, _: LockedHead) -> ChangeFuture<'a, Vec<UserId>, Error> {
        Box::pin(async move {
            Ok((Vec::new(), account_deletions::delete(connection, self.user, DELETED_DISPLAY_NAME).await?))
        })
    }
}

/// Deletes messages of a deleted account, as far as they are not deleted.
struct MessageErasure {
    key: WriteKey,
    user: Arc<UserRow>,
    /// The positions of their `message.created`.
    messages: Vec<Position>,
}

impl Change for MessageErasure {
    type Output = ();
    type Rejection = Error;

    fn size_bytes(&self) -> usize {
        size_of_val(self) + size_of_val(self.messages.as_slice())
    }

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let created = read::events_at(connection, &self.messages)
                .await
                .map_err(|error| ApplyError::Rejected(error.into()))?;
            let mut events = Vec::with_capacity(created.len());
            for message in &created {
                if is_deleted(connection, message).await? {
                    continue;
                }
                let first = events.is_empty();
                let key = if first { self.key.clone() } else { fresh_key(self.user.id) };
                let locked = LockedHead { next: locked.next.plus(events.len()), ..locked };
                events.push(delete_under_lock(connection, key, &self.user, message, locked).await?);
            }
            Ok((events, ()))
        })
    }
}
