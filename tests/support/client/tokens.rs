//! Tokens as an app's own backend mints them, good and bad.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// The secret that every test node knows the app's backend by.
pub const EXTERNAL_SECRET: &str = "the secret of the app whose users come along";

/// Answers the Unix time in seconds, `offset` seconds from now.
pub fn unix_time(offset: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_secs()).expect("a time of this age") + offset
}

/// Answers the claims of a good token for the user `name`.
pub fn claims(name: &str) -> Value {
    json!({"sub": name, "aud": "longwave", "exp": unix_time(3600)})
}

/// Signs `claims` as the app's backend does.
pub fn mint(claims: &Value) -> String {
    mint_with(&Header::new(Algorithm::HS256), claims, EXTERNAL_SECRET.as_bytes())
}

/// Signs `claims` under a header and a secret of the caller's choice.
pub fn mint_with(header: &Header, claims: &Value, secret: &[u8]) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret)).expect("a token")
}
