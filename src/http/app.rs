//! The state that handlers share.

use super::limits::rate_limits::RateLimits;
use super::limits::upload_slots::UploadSlots;
use super::node_metrics::NodeMetrics;
use crate::delivery::{Epochs, Hub, NodePresence, Tailer};
use crate::domain::Domain;
use crate::shutdown::Shutdown;
use std::ops::Deref;
use std::sync::Arc;

/// The state that handlers share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppParts>);

impl App {
    /// Puts it together.
    pub fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

/// The parts of an [`App`].
pub struct AppParts {
    pub domain: Domain,
    pub uploads: UploadSlots,
    pub hub: Hub,
    pub presence: NodePresence,
    pub epochs: Epochs,
    pub tailer: Tailer,
    pub metrics: NodeMetrics,
    /// None: requests are not limited.
    pub rate_limits: Option<RateLimits>,
    pub shutdown: Shutdown,
}
