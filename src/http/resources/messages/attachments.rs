//! Attachments.

use crate::domain::{Created, ReadableAttachment, UploadLabel};
use crate::http::app::App;
use crate::http::extract::body::{BodyReader, check_encoding};
use crate::http::extract::caller::Authenticated;
use crate::http::extract::idempotent_request::IdempotentRequest;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::NoQuery;
use crate::http::limits::request_time::MAX_UPLOAD_BYTES;
use crate::http::respond::content_disposition;
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
use crate::http::respond::range_request::{self, RangeConditions};
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
use utoipa::ToSchema;

/// What a browser may do with a file that it shows in spite of `attachment`: nothing.
const ATTACHMENT_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary, example = "hello")]
#[expect(dead_code, reason = "the shape of what is never whole in memory")]
pub struct File(Vec<u8>);

/// Upload
///
/// The body is the file itself, at most 25 MiB. Its type is detected from its bytes; `Content-Type` only says which kind of
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
    idempotent: IdempotentRequest,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()?.split(';').next());
    let mut reader = BodyReader::new(body);
    let uploaded = async {
        let _slot = app.uploads.acquire(caller.user.id)?;
        reader.check_length(&parts.headers, MAX_UPLOAD_BYTES)?;
        check_encoding(&parts.headers)?;
        let name = content_disposition::file_name(&parts.headers)?;
        let mut upload = app.domain.begin_upload(&caller, idempotent.key()).await?;
        while let Some(bytes) = reader.next(MAX_UPLOAD_BYTES).await? {
            upload.write(&bytes).await?;
        }
        let label = UploadLabel { name: name.as_deref(), media_type: media_type.map(str::trim) };
        Ok::<Created<Attachment>, Problem>(upload.finish(label, idempotent.asked(&[])).await?)
    };
    let uploaded = uploaded.await;
    // A client that waits for 100 Continue has not begun to send the body.
    if uploaded.is_err() && !parts.headers.contains_key(EXPECT) {
        reader.drain().await;
    }
    Ok(json::created(uploaded?))
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
    let conditions = RangeConditions::of(&headers, &etag);
    if conditions.is_not_modified() {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, header_value(&etag))]).into_response());
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
        response.headers_mut().insert(CONTENT_RANGE, header_value(&range_request::content_range(&part, size)));
    }
    Ok(response)
}

async fn stream(app: &App, found: &ReadableAttachment, part: &Range<u64>) -> Result<Body, Problem> {
    let pieces = app.domain.attachment_bytes(found, part.clone()).await?;
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
    headers.insert(CONTENT_TYPE, header_value(&media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    headers.insert(CONTENT_DISPOSITION, header_value(&content_disposition::attachment(&attachment.name)));
    headers.insert(CONTENT_SECURITY_POLICY, ATTACHMENT_POLICY);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, header_value(etag));
}

/// A header value of ASCII text that was made here.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
