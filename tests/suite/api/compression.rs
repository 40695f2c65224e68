//! Large JSON is compressed for clients that ask for it; what must arrive as it is does.

use std::io::Read;

use reqwest::Method;

use crate::support::{Answer, Raw, TestApp, User};

const ACCEPT: &str = "Accept-Encoding: gzip, br, zstd\r\n";

async fn get_gzipped(user: &User, path: &str) -> Answer {
    user.answer(user.request(Method::GET, path).header("accept-encoding", "gzip")).await
}

async fn conversation_with_messages(app: &TestApp) -> (User, String) {
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    for number in 0..10 {
        anna.say(&group, &format!("message number {number}, long enough to be worth it")).await;
    }
    (anna, group)
}

#[tokio::test]
async fn history_is_the_same_compressed_and_not() {
    let app = TestApp::start().await;
    let (anna, group) = conversation_with_messages(&app).await;
    let path = format!("/v1/conversations/{group}/messages");
    let (plain, packed) = (anna.get(&path).await, get_gzipped(&anna, &path).await);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    for answer in [&plain, &packed] {
        assert_eq!((answer.status, answer.header("vary")), (200, Some("accept-encoding")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).expect("a gzip stream");
    assert_eq!(unpacked, plain.body);
    assert!(packed.body.len() * 2 < plain.body.len(), "{} of {}", packed.body.len(), plain.body.len());
}

#[tokio::test]
async fn small_answers_and_refusals_are_not_compressed() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let answers = [get_gzipped(&anna, "/v1/me").await, get_gzipped(&app.anonymous(), "/v1/me").await];
    for answer in answers {
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None), "{answer:?}");
        answer.json();
    }
}

#[tokio::test]
async fn streams_waiting_polls_exports_and_files_are_not_compressed() {
    let app = TestApp::start().await;
    let (anna, group) = conversation_with_messages(&app).await;
    let mut stream = Raw::connect(&anna).await;
    stream.write(&stream.get("/v1/stream?after=start", ACCEPT)).await;
    let (_, head) = stream.head().await;
    assert!(!head.contains("content-encoding"), "{head}");
    stream.read_until("message number 9").await;
    let mut poll = Raw::connect(&anna).await;
    poll.write(&poll.get("/v1/updates?after=start", ACCEPT)).await;
    let page = poll.answer().await;
    assert!(!page.head.contains("content-encoding") && page.body.len() > 1_024, "{}", page.head);
    page.json();
    let export = get_gzipped(&anna, &format!("/v1/conversations/{group}/export")).await;
    let file = anna.upload("{\"a\": 1}\n".repeat(1_000), &[("content-type", "application/json")]).await.expect(201);
    let path = format!("/v1/attachments/{}", file["id"].as_str().expect("an id"));
    for answer in [export, get_gzipped(&anna, &path).await] {
        assert_eq!((answer.status, answer.header("content-encoding")), (200, None), "{answer:?}");
        assert!(answer.body.len() > 1_024, "{answer:?}");
    }
}
