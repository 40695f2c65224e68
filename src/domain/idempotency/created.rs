//! What a request that creates something answers.

/// The answer to a request that creates something.
#[derive(Clone, Debug)]
pub struct Created<T> {
    pub thing: T,
    /// Whether this request, or an earlier one with the same key, has created it.
    pub created: bool,
    pub replayed: bool,
}
