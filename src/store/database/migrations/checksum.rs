use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of a text.
pub fn checksum(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}
