//! The media type of a file, detected from its bytes. What the client claims only chooses among kinds of text, none of
//! which a browser would run.

/// Bytes at the beginning that are examined: office documents differ from other archives within 6 KiB.
const HEAD_BYTES: usize = 8 * 1024;
/// Kinds of text that a client may claim.
const TEXT_MEDIA_TYPES: [&str; 5] = ["text/plain", "text/csv", "text/markdown", "text/calendar", "application/json"];
/// Formats whose files may be text throughout. For a file that is text, other signatures are not believed: a text that
/// begins with "BM" is no bitmap.
const TEXT_BASED_FORMATS: [&str; 3] = ["application/pdf", "application/rtf", "application/postscript"];
const UNKNOWN_MEDIA_TYPE: &str = "application/octet-stream";

/// Detects the media type of a file while its bytes pass.
#[derive(Default)]
pub struct MediaTypeDetector {
    head: Vec<u8>,
    text: TextDetector,
}

impl MediaTypeDetector {
    /// Examines the next bytes.
    pub fn read(&mut self, bytes: &[u8]) {
        let missing = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        self.text.read(bytes);
    }

    /// The media type. Markup is plain text.
    pub fn media_type(&self, claimed: Option<&str>) -> &'static str {
        let found = infer::get(&self.head).map(|kind| kind.mime_type()).filter(|found| !found.starts_with("text/"));
        if self.head.is_empty() || !self.text.is_text() {
            return found.unwrap_or(UNKNOWN_MEDIA_TYPE);
        }
        let claimed =
            claimed.and_then(|claimed| TEXT_MEDIA_TYPES.into_iter().find(|text| text.eq_ignore_ascii_case(claimed)));
        found.filter(|found| TEXT_BASED_FORMATS.contains(found)).or(claimed).unwrap_or("text/plain")
    }
}

/// Whether bytes are text: UTF-8 without the control characters that only binary files have.
#[derive(Default)]
struct TextDetector {
    broken: bool,
    /// The first bytes of a character whose last ones have not come yet.
    begun: Vec<u8>,
}

impl TextDetector {
    fn read(&mut self, mut bytes: &[u8]) {
        while let (false, false, Some((next, rest))) = (self.broken, self.begun.is_empty(), bytes.split_first()) {
            self.begun.push(*next);
            bytes = rest;
            match std::str::from_utf8(&self.begun) {
                Ok(_) => self.begun.clear(),
                Err(error) => self.broken = error.error_len().is_some(),
            }
        }
        if self.broken {
            return;
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            self.broken = error.error_len().is_some();
            self.begun.extend_from_slice(&bytes[error.valid_up_to()..]);
        }
        self.broken |= bytes.iter().any(|byte| matches!(byte, 0..=8 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F));
        if self.broken {
            self.begun.clear();
        }
    }

    fn is_text(&self) -> bool {
        !self.broken && self.begun.is_empty()
    }
}

#[cfg(test)]
#[path = "tests/media_type.rs"]
mod tests;
