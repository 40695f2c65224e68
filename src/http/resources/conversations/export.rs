//! Exports: a conversation as lines of JSON.

use crate::domain::{Error, Export, ExportStart};
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::get_only::GetOnly;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::QueryParams;
use crate::http::extract::start::export_start;
use crate::http::respond::problem::Problem;
use crate::ids::ConversationId;
use crate::log::Event;
use crate::telemetry::error_chain;
use crate::wire::Encoded;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// A cursor, such as that of the last event of an export that broke off; `@name` of a stored one; or `start`
    /// (default).
    #[param(example = "start")]
    after: Option<String>,
}

/// Export a conversation
///
/// Every event that the caller may see, up to the head of the log as of now, in order, each as a stream carries it. An
/// export that could not be finished ends without the end of its body: go on after the last whole line.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/export",
    operation_id = "export_conversation",
    tag = "Conversations",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation"), ExportParams),
    responses(
        (
            status = 200,
            description = "An event a line",
            content((String = "application/x-ndjson", example = "{\"cursor\":\"MS4xNzE5NzkxMTE4NDY1MTYuOA\"}\n")),
        ),
        (status = 410, description = "`cursor_unknown`, `cursor_expired`, with a fresh `cursor`"),
    ),
)]
pub async fn export_conversation(
    _: GetOnly,
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    QueryParams(params): QueryParams<ExportParams>,
) -> Result<Response, Problem> {
    let after = export_start(&app, &caller, params.after.as_deref()).await?;
    let export = match app.domain.begin_export(caller, id, after).await? {
        ExportStart::Export(export) => export,
        ExportStart::Reset(code, fresh) => return Err(Problem::dead_cursor(code, fresh)),
    };
    let disposition = format!("attachment; filename=\"conversation-{id}.ndjson\"");
    let headers = [(CONTENT_TYPE, "application/x-ndjson".to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, body(app, export)).into_response())
}

/// A page is read when the one before it was taken, so that a client that reads slowly holds one.
fn body(app: App, export: Export) -> Body {
    Body::from_stream(stream::try_unfold((app, export), async |(app, mut export)| {
        if app.shutdown.is_requested() {
            return Err(Error::Busy);
        }
        match export.next(&app.domain).await {
            Ok(events) if events.is_empty() => Ok(None),
            Ok(events) => Ok(Some((lines(events), (app, export)))),
            Err(error) => {
                tracing::info!(error = error_chain(&error), "an export broke off");
                Err(error)
            }
        }
    }))
}

fn lines(events: Vec<Event>) -> Bytes {
    let mut lines = BytesMut::new();
    for event in events {
        lines.put_slice(Encoded::new(Arc::new(event)).json());
        lines.put_u8(b'\n');
    }
    lines.freeze()
}
