//! The figures of a node.

use crate::http::app::App;
use crate::http::extract::query::NoQuery;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_TYPE, HeaderValue};

/// Figures
///
/// For Prometheus, without a token: it shows nothing of what is written or who writes it.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "Operation",
    responses((
        status = 200,
        description = "Gauges of this node",
        body = String,
        content_type = "text/plain",
        example = "# HELP longwave_streams Streams that are open on this node.\n# TYPE longwave_streams gauge\nlongwave_streams 3\n",
    )),
)]
pub async fn get_metrics(State(app): State<App>, _: NoQuery) -> Response {
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, media)], app.metrics.render()).into_response()
}
