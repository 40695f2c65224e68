//! Signatures of deliveries, by the Standard Webhooks specification.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// Encodes a secret as its owner is given it.
pub fn encode_secret(secret: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(secret))
}

/// The value of `webhook-signature`: HMAC-SHA256 of id, time and body, joined by dots.
pub fn sign(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.sign()))
}

#[cfg(test)]
#[path = "tests/signing.rs"]
mod tests;
