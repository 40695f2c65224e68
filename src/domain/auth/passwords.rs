use crate::domain::error::{Error, invalid};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

/// Hashes that a node computes at the same time: each takes 19 MiB and a core.
const MAX_CONCURRENT_HASHES: usize = 2;
/// Unicode scalar values of a password.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
/// What a hash of the current parameters begins with: Argon2id as OWASP's Password Storage Cheat Sheet recommends.
const CURRENT_HASH_PREFIX: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// Hashes and checks passwords, off the async threads.
#[derive(Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CONCURRENT_HASHES)))
    }
}

/// What checking a password says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    Wrong,
    Right,
    /// Right, and this is a hash with the current parameters, to be stored instead.
    Rehashed(String),
}

impl Passwords {
    /// Hashes a new password.
    pub async fn hash(&self, password: String) -> String {
        self.run(move || hash(&password)).await
    }

    /// Checks a password. Without a hash it takes as long, so that the time does not tell which names exist.
    pub async fn verify(&self, password: String, hash: Option<String>) -> PasswordCheck {
        if password.chars().count() > *PASSWORD_LENGTH.end() {
            return PasswordCheck::Wrong;
        }
        self.run(move || verify(&password, hash.as_deref())).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        // The semaphore is never closed.
        let _permit = self.0.clone().acquire_owned().await.ok();
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Checks a new password.
///
/// # Errors
/// [`Error::Invalid`] when it is too short or too long.
pub fn check(password: &str, field: &str) -> Result<(), Error> {
    let count = password.chars().count();
    if PASSWORD_LENGTH.contains(&count) {
        return Ok(());
    }
    Err(invalid(field, format!("has {count} characters, needs 8 to 256")))
}

fn hash(password: &str) -> String {
    let hashed: PasswordHash = Argon2::default().hash_password(password.as_bytes()).expect("the parameters are sound");
    hashed.to_string()
}

fn verify(password: &str, stored: Option<&str>) -> PasswordCheck {
    static DUMMY_PASSWORD_HASH: OnceLock<String> = OnceLock::new();
    let known = stored.is_some();
    let stored = stored.unwrap_or_else(|| DUMMY_PASSWORD_HASH.get_or_init(|| hash("nobody has this password")));
    let right = PasswordHash::new(stored)
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
    match (known && right, stored.starts_with(CURRENT_HASH_PREFIX)) {
        (false, _) => PasswordCheck::Wrong,
        (true, true) => PasswordCheck::Right,
        (true, false) => PasswordCheck::Rehashed(hash(password)),
    }
}

#[cfg(test)]
#[path = "tests/passwords.rs"]
mod tests;
