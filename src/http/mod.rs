//! The HTTP API: who calls, parse, validate, answer.
//!
//! Every route is on one page ([`routes`]), every middleware too ([`middleware`]), in order. One file a resource; each
//! handler is `<verb>_<resource>`, which is also its operation id. Whatever is refused becomes one problem document
//! ([`problem`]). [`server`] takes connections and ends them.

mod account;
mod answer;
mod asked;
mod attachments;
mod body;
mod bots;
mod caller;
mod conversations;
mod csv;
mod cursors;
mod disposition;
mod docs;
mod export;
mod health;
mod me;
mod members;
mod messages;
mod metrics;
mod middleware;
pub mod openapi;
mod page;
mod park;
mod partial;
mod path;
mod prefer;
mod presence;
mod problem;
mod query;
mod rates;
mod reactions;
mod reads;
mod receipt;
mod receive;
mod routes;
mod search;
pub mod server;
mod sessions;
mod socket;
mod statistics;
mod stream;
mod text_body;
mod tickets;
mod typing;
mod updates;
mod uploads;
mod users;
mod webhooks;

pub use metrics::Metrics;
pub use rates::Rates;
pub use routes::router;
pub use uploads::Uploads;

use crate::delivery::{Epochs, Hub, NodePresence, Tailer};
use crate::domain::Domain;
use crate::shutdown::Shutdown;
use std::ops::Deref;
use std::sync::Arc;

/// What handlers need. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl App {
    /// Puts it together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What an [`App`] is made of.
pub struct Parts {
    pub domain: Domain,
    pub uploads: Uploads,
    pub hub: Hub,
    pub live: NodePresence,
    pub epochs: Epochs,
    pub tailer: Tailer,
    pub metrics: Metrics,
    /// None: nobody is limited.
    pub rates: Option<Rates>,
    pub shutdown: Shutdown,
}
