//! Tickets: secrets that open one stream, once.

use crate::domain::auth::caller::Caller;
use crate::domain::auth::secrets::{hash_secret, new_secret};
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::store::tickets;
use crate::wire;
use std::time::Duration;

/// How long a ticket lasts.
const TICKET_LIFETIME: Duration = Duration::from_secs(30);

impl Domain {
    /// Creates a ticket that opens one stream.
    pub async fn make_ticket(&self, caller: &Caller) -> Result<wire::Ticket, Error> {
        let (ticket, hash) = new_secret();
        let stands_for = tickets::TicketRow {
            user_id: caller.user.id,
            session_id: caller.session,
            token_expires_at: caller.expires_at,
        };
        tickets::insert(&mut *self.connection().await?, &hash, stands_for, TICKET_LIFETIME).await?;
        Ok(wire::Ticket { ticket, expires_in: TICKET_LIFETIME.as_secs() })
    }

    /// Spends a ticket; answers for whom it was made and until when their token is valid.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`].
    pub(crate) async fn take_ticket(&self, ticket: &str) -> Result<tickets::TicketRow, Error> {
        tickets::take(&mut *self.connection().await?, &hash_secret(ticket)).await?.ok_or(Error::TokenInvalid)
    }
}
