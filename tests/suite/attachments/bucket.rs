//! Attachments in a bucket of an S3-compatible storage: here a small one inside the test, which keeps what it is sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use crate::support::{Raw, SOON, TestApp, User, eventually};

const MIB: usize = 1 << 20;

/// What a bucket was asked for, and what it has.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    objects: BTreeMap<String, Vec<u8>>,
    /// The parts of uploads that have not ended, by their number.
    parts: BTreeMap<usize, Vec<u8>>,
    aborted: usize,
    largest: usize,
    unsigned: Vec<String>,
}

impl Bucket {
    /// Starts it, and answers where it is.
    async fn start() -> (Self, String) {
        let bucket = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).layer(axum::extract::DefaultBodyLimit::disable());
        let router = router.with_state(bucket.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (bucket, endpoint)
    }

    /// Starts a deployment that keeps its attachments in it.
    async fn deployment(nodes: usize) -> (TestApp, Self) {
        let (bucket, endpoint) = Self::start().await;
        let app = TestApp::builder().nodes(nodes).in_processes().flag("--attachments", "s3://files/chat/");
        let app = app.env("AWS_ENDPOINT_URL", &endpoint).env("AWS_REGION", "eu-central-1");
        let app = app.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
        (app.start().await, bucket)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("no panic under the lock")
    }
}

/// Answers as S3 does, as far as the server asks.
async fn answer(State(bucket): State<Bucket>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    let mut kept = bucket.kept();
    let signature = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signature.starts_with("AWS4-HMAC-SHA256 Credential=key/") || !signature.contains("/eu-central-1/s3/") {
        kept.unsigned.push(format!("{method} {uri}: {signature}"));
    }
    kept.largest = kept.largest.max(body.len());
    let number = query.split('&').find_map(|pair| pair.strip_prefix("partNumber=")?.parse().ok());
    match (method.as_str(), number) {
        ("POST", _) if query.starts_with("delete") => delete(&mut kept, &String::from_utf8_lossy(&body)),
        ("POST", _) if query.starts_with("uploads") => {
            let result = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>";
            result.into_response()
        }
        ("POST", _) => {
            let whole = std::mem::take(&mut kept.parts).into_values().flatten().collect();
            kept.objects.insert(path, whole);
            "<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>".into_response()
        }
        ("PUT", Some(number)) => {
            kept.parts.insert(number, body.to_vec());
            [("etag", "\"1\"")].into_response()
        }
        ("PUT", None) => {
            kept.objects.insert(path, body.to_vec());
            [("etag", "\"1\"")].into_response()
        }
        ("DELETE", _) if query.contains("uploadId") => {
            kept.parts.clear();
            kept.aborted += 1;
            StatusCode::NO_CONTENT.into_response()
        }
        ("DELETE", _) => {
            kept.objects.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
        ("GET", _) => kept.objects.get(&path).map_or(StatusCode::NOT_FOUND.into_response(), |all| part(all, &headers)),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn delete(kept: &mut Kept, request: &str) -> Response {
    let mut deleted = String::new();
    for key in request.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next()) {
        kept.objects.remove(&format!("/files/{key}"));
        deleted.push_str(&format!("<Deleted><Key>{key}</Key></Deleted>"));
    }
    format!("<DeleteResult>{deleted}</DeleteResult>").into_response()
}

fn part(all: &[u8], headers: &HeaderMap) -> Response {
    let range = headers.get("range").and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let (first, last) = range.map(|(first, last)| (number(first), number(last))).expect("a range");
    let headers = [
        ("etag", "\"1\"".to_owned()),
        ("last-modified", "Mon, 23 Nov 2026 00:00:00 GMT".to_owned()),
        ("content-range", format!("bytes {first}-{last}/{}", all.len())),
    ];
    (StatusCode::PARTIAL_CONTENT, headers, all[first..=last].to_vec()).into_response()
}

async fn upload(user: &User, bytes: Vec<u8>) -> String {
    user.upload(bytes, &[]).await.expect(201)["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn bucket_keeps_uploads_and_gets_signed_requests_only() {
    let (app, bucket) = Bucket::deployment(2).await;
    let anna = app.guest("anna").await;
    let large: Vec<u8> = (0..12 * MIB).map(|index| (index / 7) as u8).collect();
    for (bytes, requests) in [(b"small".to_vec(), 1), (large, 2)] {
        let id = upload(&anna, bytes.clone()).await;
        let whole = anna.on(1).attachment(&id, &[]).await;
        assert!(whole.status == 200 && whole.body == bytes);
        let part = anna.on(1).attachment(&id, &[("range", "bytes=1-3")]).await;
        assert_eq!((part.status, &part.body[..]), (206, &bytes[1..4]));
        let kept = bucket.kept();
        assert_eq!(kept.objects.len(), requests);
        assert!(kept.objects.keys().all(|path| path.starts_with("/files/chat/")), "{:?}", kept.objects.keys());
        assert!(kept.objects.values().any(|object| *object == bytes));
        assert!(kept.largest <= 5 * MIB, "{} bytes at once", kept.largest);
        assert_eq!(kept.unsigned, [""; 0]);
    }
    let sql = app.sql().await;
    sql.execute("UPDATE attachments SET created_at = now() - interval '25 hours'", &[]).await.expect("an update");
    let cleared = async || bucket.kept().objects.is_empty().then_some(());
    eventually("the bucket is empty", 3 * SOON, cleared).await;
    let noted = "SELECT count(*) FROM attachment_discards";
    let forgotten = async || (sql.query_one(noted, &[]).await.ok()?.get::<_, i64>(0) == 0).then_some(());
    eventually("nothing is left to be removed", 3 * SOON, forgotten).await;
}

#[tokio::test]
async fn interrupted_upload_is_aborted_in_the_bucket() {
    let (app, bucket) = Bucket::deployment(1).await;
    let anna = app.guest("anna").await;
    let mut line = Raw::connect(&anna).await;
    let head = line.request("POST", "/v1/attachments", "1.1", &format!("Content-Length: {}\r\n", 20 * MIB));
    line.write(&head).await;
    line.write(&"x".repeat(6 * MIB)).await;
    eventually("a part is there", SOON, async || (!bucket.kept().parts.is_empty()).then_some(())).await;
    drop(line);
    eventually("the upload is aborted", SOON, async || (bucket.kept().aborted == 1).then_some(())).await;
    assert!(bucket.kept().objects.is_empty() && bucket.kept().parts.is_empty());
}

#[tokio::test]
async fn unreachable_bucket_answers_unavailable_and_leaves_no_attachment() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let app = TestApp::builder().in_processes().flag("--attachments", "s3://files");
    let app = app.env("AWS_ENDPOINT_URL", &endpoint).env("AWS_ACCESS_KEY_ID", "key");
    let app = app.env("AWS_SECRET_ACCESS_KEY", "secret").start().await;
    let anna = app.guest("anna").await;
    anna.upload("x", &[]).await.problem(503, "unavailable");
    let row = app.sql().await.query_one("SELECT count(*) FROM attachments", &[]).await.expect("a count");
    assert_eq!(row.get::<_, i64>(0), 0);
}
