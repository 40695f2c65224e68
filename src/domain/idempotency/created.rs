//! What a request that creates something answers.

/// What a request that creates something answers.
#[derive(Clone, Debug)]
pub struct Created<T> {
    pub thing: T,
    /// Whether it was made by this request, or by an earlier one with the same key.
    pub created: bool,
    pub replayed: bool,
}
