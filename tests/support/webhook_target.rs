//! Somebody whom webhooks post to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::BodyExt;
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{SOON, within};

/// An answer of a target.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    /// A status with a header.
    With(u16, &'static str, String),
    /// 200, and a body without an end.
    Endless,
    /// 200, once it is let go.
    Held(Arc<Notify>),
    /// None, ever.
    Never,
}

/// Something that was posted.
#[derive(Clone, Debug)]
pub struct Posted {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A server that keeps what is posted to it, and answers 200 unless it is told otherwise.
pub struct Target {
    address: SocketAddr,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    posted: UnboundedReceiver<Posted>,
}

#[derive(Clone)]
struct Shared {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    posted: UnboundedSender<Posted>,
}

impl Target {
    /// Starts one on a free port of this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, posted) = unbounded_channel();
        let replies = Arc::new(Mutex::default());
        let shared = Shared { replies: Arc::clone(&replies), posted: sender };
        let router = Router::new().fallback(take).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, replies, posted }
    }

    /// Answers its address.
    pub fn url(&self) -> String {
        format!("http://{}/hook?key=secret", self.address)
    }

    /// Answers its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sets the answers to the next posts.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().expect("no panic under the lock").extend(replies);
    }

    /// Waits for the next post.
    pub async fn next(&mut self) -> Posted {
        within("something is posted", SOON, self.posted.recv()).await.expect("the target lives")
    }

    /// Waits for so many posts.
    pub async fn take(&mut self, count: usize) -> Vec<Posted> {
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            taken.push(self.next().await);
        }
        taken
    }

    /// Answers whether all that was posted has been looked at.
    pub fn is_idle(&self) -> bool {
        self.posted.is_empty()
    }
}

impl Posted {
    /// Answers a header.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_else(|| panic!("no {name}"))
    }

    /// Answers the event.
    #[track_caller]
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Answers the type of the event.
    pub fn kind(&self) -> String {
        self.event()["type"].as_str().expect("a type").to_owned()
    }

    /// Answers the text of the message that the event is about.
    #[track_caller]
    pub fn text(&self) -> String {
        let event = self.event();
        let text = event["data"]["message"]["text"].as_str();
        text.unwrap_or_else(|| panic!("no text in {event}")).to_owned()
    }

    /// Asserts that who holds `secret` signed it.
    #[track_caller]
    pub fn verify(&self, secret: &str) {
        let secret = STANDARD.decode(secret.strip_prefix("whsec_").expect("the prefix")).expect("base64");
        let mut signed = format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).into_bytes();
        signed.extend_from_slice(&self.body);
        let key = EncodingKey::from_secret(&secret);
        let mac = jsonwebtoken::crypto::sign(&signed, &key, Algorithm::HS256).expect("a signature");
        let mac = STANDARD.encode(URL_SAFE_NO_PAD.decode(mac).expect("base64"));
        assert_eq!(self.header("webhook-signature"), format!("v1,{mac}"));
    }
}

async fn take(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return 400.into_reply() };
    assert_eq!(parts.method, "POST");
    let reply = shared.replies.lock().expect("no panic under the lock").pop_front();
    // The test may be over.
    let _ = shared.posted.send(Posted { headers: parts.headers, body: body.to_bytes() });
    match reply.unwrap_or(Reply::Status(200)) {
        Reply::Status(status) => status.into_reply(),
        Reply::With(status, name, value) => {
            let mut response = status.into_reply();
            response.headers_mut().insert(name, value.parse().expect("a header"));
            response
        }
        Reply::Endless => {
            let chunks =
                futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 8192])));
            Body::from_stream(chunks).into_response()
        }
        Reply::Held(gate) => {
            gate.notified().await;
            200.into_reply()
        }
        Reply::Never => std::future::pending().await,
    }
}

trait IntoReply {
    fn into_reply(self) -> Response;
}

impl IntoReply for u16 {
    fn into_reply(self) -> Response {
        hyper::StatusCode::from_u16(self).expect("a status").into_response()
    }
}
