use crate::ids::{Epoch, Position};
use crate::store::Time;

/// What became of one event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    Appended(Position),
    /// The same request was written before.
    Known(Position),
    /// Another request was written under this id.
    Reused,
    /// The id is somebody else's.
    Taken,
    NotMember,
}

/// A committed batch.
#[derive(Clone, Debug)]
pub struct AppendedBatch {
    pub epoch: Epoch,
    pub created_at: Time,
    pub outcomes: Vec<AppendOutcome>,
}
