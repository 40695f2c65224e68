//! The HTTP API: who calls, parse, validate, answer.
//!
//! Every route is on one page ([`routes`]), every middleware too ([`middleware`]), in order. One file a resource; each
//! handler is `<verb>_<resource>`, which is also its operation id. Whatever is refused becomes one problem document
//! ([`problem`]). [`server`] takes connections and ends them.

mod answer;
mod asked;
mod body;
mod caller;
mod conversations;
mod cursors;
mod docs;
mod health;
mod members;
mod messages;
mod middleware;
pub mod openapi;
mod page;
mod park;
mod path;
mod problem;
mod query;
mod rates;
mod receive;
mod routes;
pub mod server;
mod sessions;
mod socket;
mod stream;
mod text_body;
mod tickets;
mod updates;
mod users;

pub use rates::Rates;
pub use routes::router;

use crate::delivery::{Epochs, Hub, Tailer};
use crate::domain::Domain;
use crate::shutdown::Shutdown;
use crate::store::Pool;
use std::sync::Arc;

/// What handlers need. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub domain: Domain,
    pub hub: Hub,
    pub epochs: Epochs,
    pub tailer: Tailer,
    pub pool: Pool,
    /// None: nobody is limited.
    pub rates: Option<Arc<Rates>>,
    pub shutdown: Shutdown,
}
