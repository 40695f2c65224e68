//! Tickets: keys that open one stream, once.

use crate::ids::{SessionId, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::schema::{sessions, tickets};
use crate::store::database::sql::{Time, from_now, now, seconds};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// The user, session and expiry that a ticket stands for.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct TicketRow {
    pub user_id: UserId,
    pub session_id: Option<SessionId>,
    pub token_expires_at: Time,
}

/// Stores a ticket for `lifetime`, and deletes expired tickets.
pub async fn insert(
    connection: &mut Connection,
    hash: &[u8],
    ticket: TicketRow,
    lifetime: Duration,
) -> Result<(), StoreError> {
    diesel::delete(tickets::table.filter(tickets::expires_at.lt(now()))).execute(connection).await?;
    diesel::insert_into(tickets::table)
        .values((
            tickets::hash.eq(hash),
            tickets::user_id.eq(ticket.user_id),
            tickets::session_id.eq(ticket.session_id),
            tickets::token_expires_at.eq(ticket.token_expires_at),
            tickets::expires_at.eq(from_now(seconds(lifetime))),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes a ticket, which can be done once. Returns `None` if it was taken, has expired, or its session was revoked.
pub async fn take(connection: &mut Connection, hash: &[u8]) -> Result<Option<TicketRow>, StoreError> {
    let taken = diesel::delete(tickets::table.find(hash).filter(tickets::expires_at.gt(now())))
        .returning((tickets::user_id, tickets::session_id, tickets::token_expires_at))
        .load::<TicketRow>(connection)
        .await?;
    let Some(ticket) = taken.into_iter().next() else { return Ok(None) };
    if let Some(session) = ticket.session_id {
        let query = sessions::table.find(session).filter(sessions::revoked_at.is_null()).select(sessions::id);
        if query.first::<SessionId>(connection).await.optional()?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(ticket))
}
