//! What wraps every request. The whole of it, in order, is on one page: [`stack`].
//!
//! The layers are put together statically around the router, not by `Router::layer`: there each costs every request two
//! boxes and a deeper future.

mod bounded_router;
mod browser_cors;
mod compression;
mod request_span;
pub mod response_body;
pub mod stack;
