//! What streams and polls carry: events, control objects, and the framing of both.

pub(super) mod control;
pub(super) mod ephemeral;
pub(super) mod event;
pub(super) mod framing;
