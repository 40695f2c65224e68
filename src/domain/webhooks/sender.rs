//! Posting one event to one target.

use crate::domain::webhooks::resolver::NoPublicAddress;
use crate::domain::webhooks::target::TargetPolicy;
use crate::domain::webhooks::{backoff, signing};
use crate::store::webhooks::WebhookRow;
use bytes::Bytes;
use chrono::Utc;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take.
const TARGET_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an attempt may take in all.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the body of an answer is read: only so that its connection can be used for the next event.
const TARGET_DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of such a body that are read.
const MAX_DRAINED_BYTES: usize = 64 * 1024;
/// How long a connection is kept for the next event.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Posts events.
#[derive(Clone)]
pub struct WebhookSender {
    targets: TargetPolicy,
    client: Client,
}

/// Why the sender cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WebhookSetupError {
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    #[error("the HTTP client cannot be set up")]
    Client(#[from] reqwest::Error),
}

/// Why an event was not delivered.
#[derive(Debug, PartialEq, Eq)]
pub struct WebhookPostError {
    /// For the owner of the webhook. It holds neither the address nor anything that the target answered.
    pub text: String,
    /// The target answered 410: it wants no more events.
    pub gone: bool,
    pub retry_after: Option<Duration>,
}

impl WebhookSender {
    /// Makes the HTTP client: it follows no redirect, uses no proxy, and resolves names by the policy of targets.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(targets: TargetPolicy) -> Result<Self, WebhookSetupError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .dns_resolver(Arc::new(targets.resolver().clone()))
            .connect_timeout(TARGET_CONNECT_TIMEOUT)
            .timeout(RESPONSE_TIMEOUT)
            .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self { targets, client })
    }

    /// Posts an event under an id that stays the same at each attempt.
    ///
    /// # Errors
    /// [`WebhookPostError`]: the target did not take the event, or did not say so.
    pub async fn post(&self, webhook: &WebhookRow, id: &str, body: Bytes) -> Result<(), WebhookPostError> {
        let url = self.targets.read(&webhook.url).map_err(|fault| failure(format!("the address {fault}")))?;
        let now = Utc::now();
        let signature = signing::sign(&webhook.secret, id, now.timestamp(), &body);
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("longwave/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", now.timestamp())
            .header("webhook-signature", signature)
            .body(body);
        match request.send().await {
            Ok(response) => check_response(response).await,
            Err(error) => Err(failure(describe(&error))),
        }
    }
}

/// TLS with the system's root certificates. A system without any can still run the server, but no https target is
/// trusted.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

async fn check_response(response: Response) -> Result<(), WebhookPostError> {
    let status = response.status();
    let asked =
        response.headers().get(RETRY_AFTER).and_then(|value| backoff::retry_after(value.to_str().ok()?, Utc::now()));
    // Only the status counts. The body may be endless.
    let _ = tokio::time::timeout(TARGET_DRAIN_TIMEOUT, drain(response)).await;
    if status.is_success() {
        return Ok(());
    }
    let note = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    let text = format!("the target answered {}{note}", status.as_u16());
    Err(WebhookPostError { text, gone: status == StatusCode::GONE, retry_after: asked })
}

async fn drain(mut response: Response) {
    let mut left = MAX_DRAINED_BYTES;
    while let Ok(Some(chunk)) = response.chunk().await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn failure(text: String) -> WebhookPostError {
    WebhookPostError { text, gone: false, retry_after: None }
}

/// What went wrong, in words of our own: those of the libraries may hold the address.
fn describe(error: &reqwest::Error) -> String {
    let text = if has_cause::<NoPublicAddress>(error) {
        "the name has no address of the public internet"
    } else if has_cause::<rustls::Error>(error) {
        "TLS failed: is the certificate good for this name?"
    } else if error.is_timeout() {
        "the target did not answer in time"
    } else if error.is_connect() {
        "the target cannot be connected to"
    } else {
        "the target broke off, or does not speak HTTP"
    };
    text.into()
}

/// Whether an error is an `E`, or has one among its causes.
fn has_cause<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    // An I/O error does not report the error that it wraps as its source.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<E>() || wrapped.is_some_and(|cause| has_cause::<E>(cause)) || error.source().is_some_and(has_cause::<E>)
}
