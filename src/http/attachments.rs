//! Attachments.

use super::App;
use super::answer;
use super::asked::Creating;
use super::body::{Arriving, check_encoding, patience};
use super::caller::Authenticated;
use super::disposition;
use super::partial::{self, Conditions};
use super::path::PathParam;
use super::problem::Problem;
use super::query::NoQuery;
use crate::domain::attachments::{Found, Label};
use crate::domain::conversations::Created;
use crate::ids::AttachmentId;
use crate::telemetry::error_chain;
use crate::wire::Attachment;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    EXPECT, HeaderValue,
};
use hyper::{HeaderMap, Method, StatusCode};
use std::ops::Range;
use std::time::Duration;
use utoipa::ToSchema;

/// Most bytes of an attachment: a long video note or a photo as the camera made it.
pub const LIMIT: usize = 25 * 1024 * 1024;
/// How long an upload may take: the largest on the slowest line, and as long as other requests to store it.
pub(super) const TIME: Duration = Duration::from_secs(patience(LIMIT).as_secs() + 90);
/// What a browser may do with a file that it shows in spite of `attachment`: nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary, example = "hello")]
#[expect(dead_code, reason = "the shape of what is never whole in memory")]
pub struct File(Vec<u8>);

/// Upload
///
/// The body is the file itself, at most 25 MiB. Its type is told from its bytes; `Content-Type` only says which kind of
/// text a text is. It waits 24 h for the message that names it.
#[utoipa::path(
    post,
    path = "/v1/attachments",
    operation_id = "create_attachment",
    tag = "Attachments",
    security(("token" = [])),
    params((
        "Content-Disposition" = Option<String>, Header,
        description = "The file's name, as `filename=\"…\"` or `filename*=UTF-8''…`",
        example = "attachment; filename=\"photo.jpg\"",
    )),
    request_body(content = File, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "Stored", body = Attachment),
        (status = 409, description = "`idempotency_key_taken`"),
    ),
)]
pub async fn create_attachment(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    creating: Creating,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()?.split(';').next());
    let mut arriving = Arriving::new(body);
    let taken = async {
        let _slot = app.uploads.enter(caller.user.id)?;
        arriving.check_length(&parts.headers, LIMIT)?;
        check_encoding(&parts.headers)?;
        let name = disposition::file_name(&parts.headers)?;
        let mut upload = app.domain.begin_upload(&caller, creating.key()).await?;
        while let Some(bytes) = arriving.next(LIMIT).await? {
            upload.write(&bytes).await?;
        }
        let label = Label { name: name.as_deref(), media_type: media_type.map(str::trim) };
        Ok::<Created<Attachment>, Problem>(upload.finish(label, creating.asked(&[])).await?)
    };
    let taken = taken.await;
    // Who waits to be asked for the body has not begun to send it.
    if taken.is_err() && !parts.headers.contains_key(EXPECT) {
        arriving.let_go().await;
    }
    Ok(answer::created(taken?))
}

/// Download
///
/// For who may read the message that names the file, and for who uploaded it. A single range is answered with 206; any
/// other, and one that lies beyond the end, with the whole file.
#[utoipa::path(
    get,
    path = "/v1/attachments/{id}",
    operation_id = "get_attachment",
    tag = "Attachments",
    security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The attachment"),
        ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` that the range is of"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has"),
    ),
    responses(
        (status = 200, description = "The file", body = File, content_type = "*/*"),
        (status = 206, description = "A part of it", body = File, content_type = "*/*"),
        (status = 304, description = "The client has it"),
    ),
)]
pub async fn get_attachment(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<AttachmentId>,
    _: NoQuery,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = app.domain.attachment(&caller, id).await?;
    let etag = format!("\"{}\"", found.attachment.sha256);
    let conditions = Conditions::of(&headers, &etag);
    if conditions.has_it() {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, value(&etag))]).into_response());
    }
    let size = found.attachment.size as u64;
    // Ranges are defined for GET alone.
    let range = if method == Method::GET { conditions.range(size) } else { None };
    let part = range.clone().unwrap_or(0..size);
    let mut response =
        if method == Method::GET { stream(&app, &found, &part).await? } else { Body::empty() }.into_response();
    describe(response.headers_mut(), &found.attachment, &etag, &part);
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response.headers_mut().insert(CONTENT_RANGE, value(&partial::content_range(&part, size)));
    }
    Ok(response)
}

async fn stream(app: &App, found: &Found, part: &Range<u64>) -> Result<Body, Problem> {
    let pieces = app.domain.bytes_of(found, part.clone()).await?;
    // The head is sent by then: the connection breaks off, which tells the client that something is missing.
    let logged = pieces.inspect(|piece| {
        if let Err(error) = piece {
            tracing::warn!(error = error_chain(error), "a download breaks off");
        }
    });
    Ok(Body::from_stream(logged))
}

fn describe(headers: &mut HeaderMap, attachment: &Attachment, etag: &str, part: &Range<u64>) {
    let media_type = match attachment.media_type.as_str() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    headers.insert(CONTENT_TYPE, value(&media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    headers.insert(CONTENT_DISPOSITION, value(&disposition::attachment(&attachment.name)));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, value(etag));
}

/// A header of ASCII text that we made.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
