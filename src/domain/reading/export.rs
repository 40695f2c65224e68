//! Exports: all events of a conversation that a member may see, a page at a time.

use crate::domain::auth::caller::Caller;
use crate::domain::error::Error;
use crate::domain::reading::visibility;
use crate::domain::service::Domain;
use crate::ids::{ConversationId, Position};
use crate::log::epoch::{self, CursorStatus};
use crate::log::history::Interval;
use crate::log::{Cursor, Event, history, read};
use crate::store::Connection;
use crate::wire::ResetCode;
use chrono::Utc;

/// An export under way.
#[derive(Clone, Debug)]
pub struct Export {
    caller: Caller,
    conversation: ConversationId,
    /// The last position that was read.
    covered: Position,
    /// The head of the log when it began.
    upto: Position,
}

/// How an export begins.
#[derive(Clone, Debug)]
pub enum ExportStart {
    Export(Export),
    /// The cursor cannot be resumed from; this one is fresh.
    Reset(ResetCode, Cursor),
}

impl Domain {
    /// Begins an export after a cursor, or from the oldest event that is kept.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for former members.
    pub async fn begin_export(
        &self,
        caller: Caller,
        conversation: ConversationId,
        after: Option<Cursor>,
    ) -> Result<ExportStart, Error> {
        let mut connection = self.connection().await?;
        visibility::of(&mut connection, &caller, conversation).await?.present()?;
        let state = epoch::load(&mut connection, Position::ZERO).await?;
        let covered = after.unwrap_or_else(|| state.start());
        Ok(match state.check(covered) {
            CursorStatus::Unknown => ExportStart::Reset(ResetCode::CursorUnknown, state.head()),
            CursorStatus::Expired => ExportStart::Reset(ResetCode::CursorExpired, state.head()),
            CursorStatus::Valid => {
                let (covered, upto) = (covered.position, state.head().position);
                ExportStart::Export(Export { caller, conversation, covered, upto })
            }
        })
    }
}

impl Export {
    /// Reads the next events; an empty page is the end. What the caller may see is read anew for each page, since an
    /// export may take long.
    ///
    /// # Errors
    /// [`Error::SessionRevoked`], [`Error::TokenExpired`]; [`Error::NotFound`] when the caller has left;
    /// [`Error::CursorExpired`] when retention has overtaken it.
    pub async fn next(&mut self, domain: &Domain) -> Result<Vec<Event>, Error> {
        self.check_token(domain)?;
        let mut connection = domain.connection().await?;
        let access = visibility::of(&mut connection, &self.caller, self.conversation).await?;
        access.present()?;
        let cut = |interval: &Interval| Interval {
            first: interval.first.max(self.covered.next()),
            last: interval.last.min(self.upto),
        };
        let intervals: Vec<_> = access.intervals.iter().map(cut).filter(|part| part.first <= part.last).collect();
        let reader = self.caller.user.id;
        let positions =
            history::positions(&mut connection, self.conversation, &intervals, reader, read::MAX_PAGE_EVENTS).await?;
        let events = read::events_page(&mut connection, &positions).await?;
        self.check_kept(&mut connection).await?;
        self.covered = events.last().map_or(self.upto, |last| last.position);
        Ok(events)
    }

    /// Checks that the token is still good.
    fn check_token(&self, domain: &Domain) -> Result<(), Error> {
        if domain.revocations().has_ended(self.caller.user.id, self.caller.session) {
            return Err(Error::SessionRevoked);
        }
        if self.caller.expires_at <= Utc::now() {
            return Err(Error::TokenExpired);
        }
        Ok(())
    }

    /// Checks that retention has dropped nothing of what was to be read. Checked after the read, because retention
    /// announces what it will drop before it drops anything.
    async fn check_kept(&self, connection: &mut Connection) -> Result<(), Error> {
        let oldest = epoch::oldest_position(connection).await?;
        if self.covered < oldest.previous() { Err(Error::CursorExpired) } else { Ok(()) }
    }
}
