//! The HTTP API: from a connection to a request, from a request to a call of the domain, and from its result to a
//! response.
//!
//! - [`routes`] has every route on one page, [`middleware`] everything that wraps a request, outermost first.
//! - `connection/` accepts connections, serves requests on them, and hands those of streams and waiting polls over to
//!   delivery.
//! - `extract/` reads requests: caller, path, query, body, preferences. `respond/` makes responses; everything that is
//!   refused becomes one problem document ([`respond::problem`]).
//! - `limits/` counts what a user or an address may do at once. `resources/` has a file a resource; each handler is
//!   `<verb>_<resource>`, which is also its operation id. `openapi/` makes the document of the API.
//!
//! Imports go from `connection` and `routes` down to `middleware` and `resources`, from these to `extract`, and from all
//! to `app`, `limits` and `respond`. `app` (the crate's) builds the [`App`] and calls [`serve`].

mod app;
mod connection;
mod extract;
mod limits;
mod middleware;
mod node_metrics;
mod openapi;
mod resources;
mod respond;
mod routes;

pub use app::{App, AppParts};
pub use connection::accept::{listen, serve};
pub use limits::rate_limits::RateLimits;
pub use limits::upload_slots::UploadSlots;
pub use node_metrics::NodeMetrics;
pub use routes::{openapi_json, service};
