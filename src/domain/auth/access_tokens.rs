//! Access tokens: the server's own, and those that the backend of an app mints.

use crate::config::TokenConfig;
use crate::domain::accounts::user_names::user_name;
use crate::domain::auth::secrets::random_bytes;
use crate::domain::error::Error;
use crate::ids::{SessionId, UserId};
use crate::store::{Connection, StoreError, Time, secrets};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const TOKEN_ISSUER: &str = "longwave";
const TOKEN_AUDIENCE: &str = "longwave";
/// What a token is for, so that nothing else that the same key signs can pass as an access token.
const TOKEN_KIND: &str = "access";
/// Seconds by which the clocks of the nodes may differ.
const CLOCK_LEEWAY_S: u64 = 5;

/// Signs and checks tokens.
pub struct AccessTokenSigner {
    signing: EncodingKey,
    own: DecodingKey,
    external: Option<DecodingKey>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    kind: String,
    iat: i64,
    exp: i64,
}

#[derive(Debug, Deserialize)]
struct ExternalClaims {
    sub: String,
    exp: i64,
}

/// Whom a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSubject {
    Own { user: UserId, session: Option<SessionId> },
    External { name: String },
}

impl AccessTokenSigner {
    /// Takes the keys of the settings. Without a signing key there, the deployment's stored one is used.
    pub async fn open(connection: &mut Connection, tokens: &TokenConfig) -> Result<Self, StoreError> {
        let key = match &tokens.jwt_secret {
            Some(secret) => secret.expose().as_bytes().to_vec(),
            None => secrets::get_or_insert(connection, "jwt", &random_bytes::<32>()).await?,
        };
        let external = tokens.external_jwt_secret.as_ref().map(|key| DecodingKey::from_secret(key.expose().as_bytes()));
        Ok(Self { signing: EncodingKey::from_secret(&key), own: DecodingKey::from_secret(&key), external })
    }

    /// Mints an access token.
    ///
    /// # Panics
    /// Never: the claims are JSON and the key is of the algorithm.
    pub fn mint(&self, user: UserId, session: Option<SessionId>, lifetime: Duration) -> String {
        let now = Utc::now();
        let claims = AccessClaims {
            iss: TOKEN_ISSUER.into(),
            aud: TOKEN_AUDIENCE.into(),
            sub: user,
            sid: session,
            kind: TOKEN_KIND.into(),
            iat: now.timestamp(),
            exp: (now + lifetime).timestamp(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing).expect("claims can be signed")
    }

    /// Checks a token; answers whom it stands for and until when.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] and [`Error::TokenExpired`].
    pub fn check(&self, token: &str) -> Result<(TokenSubject, Time), Error> {
        check_header(token).ok_or(Error::TokenInvalid)?;
        match (self.check_own(token), &self.external) {
            (Err(Error::TokenInvalid), Some(key)) => check_external(token, key),
            (checked, _) => checked,
        }
    }

    fn check_own(&self, token: &str) -> Result<(TokenSubject, Time), Error> {
        let mut validation = validation();
        validation.set_issuer(&[TOKEN_ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<AccessClaims>(token, &self.own, &validation).map_err(refused)?.claims;
        if claims.kind != TOKEN_KIND {
            return Err(Error::TokenInvalid);
        }
        Ok((TokenSubject::Own { user: claims.sub, session: claims.sid }, time(claims.exp)?))
    }
}

/// All that the header of a token may hold. Unknown fields are refused, so that nothing in a header (`jku`, `x5u`) can
/// make the server fetch a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownHeader {
    #[serde(default)]
    typ: Option<String>,
    #[serde(rename = "alg")]
    _alg: String,
    #[serde(default, rename = "kid")]
    _kid: Option<String>,
}

fn check_header(token: &str) -> Option<()> {
    let (header, _) = token.split_once('.')?;
    let header: KnownHeader = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let typ = header.typ.unwrap_or_else(|| "JWT".into());
    (typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt")).then_some(())
}

fn check_external(token: &str, key: &DecodingKey) -> Result<(TokenSubject, Time), Error> {
    let mut validation = validation();
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    let claims = decode::<ExternalClaims>(token, key, &validation).map_err(refused)?.claims;
    let name = user_name(&claims.sub).ok_or(Error::TokenInvalid)?;
    Ok((TokenSubject::External { name }, time(claims.exp)?))
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[TOKEN_AUDIENCE]);
    validation.leeway = CLOCK_LEEWAY_S;
    validation.validate_nbf = true;
    validation
}

fn refused(error: jsonwebtoken::errors::Error) -> Error {
    match error.kind() {
        ErrorKind::ExpiredSignature => Error::TokenExpired,
        _ => Error::TokenInvalid,
    }
}

fn time(seconds: i64) -> Result<Time, Error> {
    Time::from_timestamp(seconds, 0).ok_or(Error::TokenInvalid)
}
