use crate::ids::Position;
use diesel::result::Error;

/// Whether a write is new or a repeat, by its id: the answer of the SQL function `log_judge_id`, which decides it for all
/// writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdJudgement {
    New,
    /// The same owner wrote the same request before; its event stands here.
    Known(Position),
    /// The same owner wrote another request under this id.
    Reused,
    /// The id is somebody else's.
    Taken,
}

impl IdJudgement {
    /// Converts the code that SQL answers; `position` is that of a known write.
    ///
    /// # Errors
    /// The code is unknown.
    pub fn new(code: i16, position: Option<Position>) -> Result<Self, Error> {
        match (code, position) {
            (0, _) => Ok(Self::New),
            (1, Some(position)) => Ok(Self::Known(position)),
            (2, _) => Ok(Self::Reused),
            (3, _) => Ok(Self::Taken),
            _ => Err(Error::DeserializationError(format!("unknown outcome {code} of a write").into())),
        }
    }
}
