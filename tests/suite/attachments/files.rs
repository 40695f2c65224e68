//! Attachments: uploading and downloading files.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, FileStore, Raw, User};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
const MAX_ATTACHMENT_BYTES: usize = 25 * 1024 * 1024;

/// Uploads a text and answers its id.
async fn uploaded(user: &User, text: &str) -> String {
    id(&user.upload(text.to_owned(), &[]).await.expect(201))
}

fn id(attachment: &Value) -> String {
    attachment["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn assert_bytes(answer: &Answer, status: u16, bytes: &[u8]) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.body, bytes);
    assert_eq!(answer.header("content-length"), Some(bytes.len().to_string().as_str()));
}

#[tokio::test]
async fn upload_is_downloaded_unchanged_from_any_node() {
    let (app, files) = FileStore::start(2).await;
    let anna = app.guest("anna").await;
    let headers = [("content-type", "image/png"), ("content-disposition", "attachment; filename=\"dot.png\"")];
    let attachment = anna.upload(PNG, &headers).await.expect(201);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, PNG);
    let sha256: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = json!({"id": attachment["id"], "name": "dot.png", "type": "image/png", "size": PNG.len(),
        "sha256": sha256});
    assert_eq!(attachment, expected);
    for node in 0..2 {
        let answer = anna.on(node).attachment(&id(&attachment), &[]).await;
        assert_bytes(&answer, 200, PNG);
        assert_eq!(answer.header("content-type"), Some("image/png"));
        assert_eq!(answer.header("etag"), Some(format!("\"{sha256}\"").as_str()));
        let disposition = "attachment; filename=\"dot.png\"; filename*=UTF-8''dot.png";
        assert_eq!(answer.header("content-disposition"), Some(disposition));
        let policy = "default-src 'none'; sandbox; frame-ancestors 'none'";
        assert_eq!(answer.header("content-security-policy"), Some(policy));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let mode = std::fs::metadata(files.path()).expect("a directory").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "{mode:o}");
}

#[tokio::test]
async fn upload_of_25_mib_is_accepted_and_one_byte_more_is_too_large() {
    let (app, files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let bytes: Vec<u8> = (0..MAX_ATTACHMENT_BYTES).map(|index| (index / 7) as u8).collect();
    let attachment = anna.upload(bytes.clone(), &[]).await.expect(201);
    assert_eq!(attachment["size"], MAX_ATTACHMENT_BYTES);
    assert_bytes(&anna.attachment(&id(&attachment), &[]).await, 200, &bytes);
    let more = [bytes.as_slice(), b"x"].concat();
    anna.upload(more.clone(), &[]).await.problem(413, "body_too_large");
    let pieces: Vec<_> = more.chunks(1 << 20).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let unannounced = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    anna.upload(unannounced, &[]).await.problem(413, "body_too_large");
    files.wait_for(1, 0).await;
}

#[tokio::test]
async fn empty_upload_is_accepted() {
    let (app, _files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let attachment = anna.upload("", &[]).await.expect(201);
    assert_eq!((&attachment["size"], &attachment["name"]), (&json!(0), &json!("file")));
    assert_bytes(&anna.attachment(&id(&attachment), &[("range", "bytes=0-")]).await, 200, b"");
}

#[tokio::test]
async fn media_type_is_detected_from_the_bytes_and_never_active_content() {
    let (app, _files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let html = b"<!DOCTYPE html><script>alert(1)</script>".as_slice();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".as_slice();
    for (bytes, claimed, kind, served) in [
        (PNG, "text/html", "image/png", "image/png"),
        (html, "text/html", "text/plain", "text/plain; charset=utf-8"),
        (svg, "image/svg+xml", "text/plain", "text/plain; charset=utf-8"),
        (b"a,b\n".as_slice(), "text/csv; charset=utf-8", "text/csv", "text/csv; charset=utf-8"),
        (b"\0\x01\x02".as_slice(), "text/html", "application/octet-stream", "application/octet-stream"),
    ] {
        let attachment = anna.upload(bytes, &[("content-type", claimed)]).await.expect(201);
        assert_eq!(attachment["type"], kind);
        let answer = anna.attachment(&id(&attachment), &[]).await;
        assert_eq!(answer.header("content-type"), Some(served));
        assert!(answer.header("content-disposition").is_some_and(|value| value.starts_with("attachment;")));
    }
}

#[tokio::test]
async fn file_names_are_kept_without_dangerous_parts() {
    let (app, _files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    for (given, kept) in [
        ("attachment; filename=\"say \\\"hi\\\".txt\"", "say \"hi\".txt"),
        ("attachment; filename*=UTF-8''%C3%BC%20%E6%BC%A2.txt", "ü 漢.txt"),
        ("attachment; filename=\"../../etc/passwd\"", "passwd"),
        ("attachment; filename*=UTF-8''a%0d%0aSet-Cookie:x.txt", "aSet-Cookie:x.txt"),
        ("attachment", "file"),
    ] {
        let attachment = anna.upload("x", &[("content-disposition", given)]).await.expect(201);
        assert_eq!(attachment["name"], kept, "{given}");
        let answer = anna.attachment(&id(&attachment), &[]).await;
        let disposition = answer.header("content-disposition").expect("a disposition").to_owned();
        let again = anna.upload("x", &[("content-disposition", &disposition)]).await.expect(201);
        assert_eq!(again["name"], kept, "{disposition}");
    }
    for given in ["attachment; filename=\"x", "attachment; filename*=UTF-8''%C3"] {
        let problem = anna.upload("x", &[("content-disposition", given)]).await.problem(400, "malformed");
        assert_eq!(problem["errors"][0]["field"], "Content-Disposition");
    }
}

#[tokio::test]
async fn upload_that_is_malformed_is_refused() {
    let (app, files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    app.anonymous().upload("x", &[]).await.problem(401, "token_missing");
    anna.upload("x", &[("content-encoding", "gzip")]).await.problem(415, "media_type_unsupported");
    anna.upload("x", &[("idempotency-key", "1")]).await.problem(400, "malformed");
    let request = anna.request(Method::POST, "/v1/attachments?name=x").body("x");
    anna.answer(request).await.problem(400, "malformed");
    assert_eq!(files.names().0.len(), 0);
}

#[tokio::test]
async fn range_request_is_answered_in_part_and_an_invalid_one_in_full() {
    let (app, _files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let id = uploaded(&anna, "0123456789").await;
    for (range, bytes, content_range) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=5-99", "56789", "bytes 5-9/10"),
    ] {
        let answer = anna.attachment(&id, &[("range", range)]).await;
        assert_bytes(&answer, 206, bytes.as_bytes());
        assert_eq!(answer.header("content-range"), Some(content_range));
    }
    for range in ["bytes=10-", "bytes=0-1,3-4", "bytes=4-2", "lines=1-2"] {
        let answer = anna.attachment(&id, &[("range", range)]).await;
        assert_bytes(&answer, 200, b"0123456789");
        assert_eq!((answer.header("content-range"), answer.header("accept-ranges")), (None, Some("bytes")));
    }
}

#[tokio::test]
async fn download_with_a_matching_etag_is_not_modified() {
    let (app, _files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let id = uploaded(&anna, "0123456789").await;
    let etag = anna.attachment(&id, &[]).await.header("etag").expect("a tag").to_owned();
    let listed = format!("\"x\", W/{etag}");
    for tag in [etag.as_str(), listed.as_str(), "*"] {
        let answer = anna.attachment(&id, &[("if-none-match", tag), ("range", "bytes=1-2")]).await;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{tag}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
    }
    assert_bytes(&anna.attachment(&id, &[("if-none-match", "\"x\"")]).await, 200, b"0123456789");
    assert_bytes(&anna.attachment(&id, &[("range", "bytes=1-2"), ("if-range", &etag)]).await, 206, b"12");
    assert_bytes(&anna.attachment(&id, &[("range", "bytes=1-2"), ("if-range", "\"x\"")]).await, 200, b"0123456789");
}

#[tokio::test]
async fn head_of_an_attachment_answers_the_headers_of_get_without_a_body() {
    let (app, _files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let path = format!("/v1/attachments/{}", uploaded(&anna, "0123456789").await);
    let answer = anna.answer(anna.request(Method::HEAD, &path).header("range", "bytes=1-2")).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), Some("10"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(answer.header("etag").is_some());
    let other = anna.answer(anna.request(Method::DELETE, &path)).await;
    other.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn unsent_upload_is_visible_to_its_uploader_only() {
    let (app, _files) = FileStore::start(2).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    anna.create_group(&[&bert]).await;
    let id = uploaded(&anna, "x").await;
    for node in 0..2 {
        assert_bytes(&anna.on(node).attachment(&id, &[]).await, 200, b"x");
        let hidden = bert.on(node).attachment(&id, &[("if-none-match", "*")]).await.problem(404, "not_found");
        let absent = bert.on(node).attachment(&Uuid::new_v4().to_string(), &[]).await.problem(404, "not_found");
        assert_eq!(hidden["detail"], absent["detail"]);
    }
    app.anonymous().attachment(&id, &[]).await.problem(401, "token_missing");
    anna.attachment("x", &[]).await.problem(404, "not_found");
}

#[tokio::test]
async fn repeated_upload_is_one_attachment() {
    let (app, files) = FileStore::start(2).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let key = Uuid::new_v4().to_string();
    let headers = [("idempotency-key", key.as_str())];
    let first = anna.upload("once", &headers).await;
    assert!(!first.is_replay());
    assert_eq!(first.expect(201)["id"], key.as_str());
    for node in [1, 0] {
        let again = anna.on(node).upload("once", &headers).await;
        assert!(again.is_replay());
        assert_eq!(again.expect(201), first.expect(201));
        anna.on(node).upload("twice", &headers).await.problem(422, "idempotency_key_reused");
        bert.on(node).upload("once", &headers).await.problem(409, "idempotency_key_taken");
    }
    files.wait_for(1, 0).await;
}

#[tokio::test]
async fn racing_uploads_under_one_key_are_one_attachment_and_leave_no_other_bytes() {
    let (app, files) = FileStore::start(2).await;
    let anna = app.guest("anna").await;
    let key = Uuid::new_v4().to_string();
    let uploads = (0..6).map(|index| {
        let (anna, key) = (anna.on(index % 2), &key);
        async move { anna.upload("raced", &[("idempotency-key", key)]).await }
    });
    let answers = futures_util::future::join_all(uploads).await;
    let first = answers[0].expect(201);
    assert!(answers.iter().all(|answer| answer.expect(201) == first));
    assert_eq!(answers.iter().filter(|answer| !answer.is_replay()).count(), 1);
    files.wait_for(1, 0).await;
    assert_bytes(&anna.attachment(&key, &[]).await, 200, b"raced");
}

#[tokio::test]
async fn message_key_for_an_upload_is_refused() {
    let (app, _files) = FileStore::start(1).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, key) = (anna.create_group(&[&bert]).await, Uuid::new_v4().to_string());
    anna.send_with_key(&group, &key, "hi").await.expect(201);
    anna.upload("hi", &[("idempotency-key", &key)]).await.problem(422, "idempotency_key_reused");
    bert.upload("hi", &[("idempotency-key", &key)]).await.problem(409, "idempotency_key_taken");
}

#[tokio::test]
async fn download_of_missing_bytes_is_an_internal_error() {
    let (app, files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let id = uploaded(&anna, "x").await;
    let (names, _) = files.names();
    std::fs::remove_file(files.path().join(&names[0])).expect("a file");
    let problem = anna.attachment(&id, &[]).await.problem(500, "internal");
    assert!(!problem.to_string().contains(&names[0]), "{problem}");
}

#[tokio::test]
async fn fifth_concurrent_upload_of_a_user_waits() {
    let (app, files) = FileStore::start(1).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let piece = "x".repeat(1 << 20);
    let mut lines = Vec::new();
    for _ in 0..4 {
        let mut line = Raw::connect(&anna).await;
        let head = line.request("POST", "/v1/attachments", "1.1", &format!("Content-Length: {}\r\n", piece.len() + 1));
        line.write(&head).await;
        line.write(&piece).await;
        lines.push(line);
    }
    files.wait_for(0, 4).await;
    let refused = anna.upload("x", &[]).await;
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    bert.upload("x", &[]).await.expect(201);
    let mut line = lines.pop().expect("a line");
    line.write("x").await;
    assert_eq!(line.answer().await.status, 201);
    anna.upload("x", &[]).await.expect(201);
}
