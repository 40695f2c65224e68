//! What one user or one address may do at once, and how long a request may take.

pub mod body_time;
pub mod rate_limits;
pub mod request_time;
pub mod upload_slots;
