//! What a file is, by its bytes. What the client says of it only chooses among kinds of text, none of which a browser
//! would run.

/// Bytes at the beginning that are looked at: office documents are told from other archives within 6 KiB.
const HEAD: usize = 8 * 1024;
/// Kinds of text that a client may name.
const TEXTS: [&str; 5] = ["text/plain", "text/csv", "text/markdown", "text/calendar", "application/json"];
/// Formats that may consist of text alone. Other signatures are too short to be believed then: a text that begins with
/// "BM" is no bitmap.
const TEXT_FORMATS: [&str; 3] = ["application/pdf", "application/rtf", "application/postscript"];
const UNKNOWN: &str = "application/octet-stream";

/// What is known of a file while its bytes pass.
#[derive(Default)]
pub struct Content {
    head: Vec<u8>,
    text: Text,
}

impl Content {
    /// Looks at the next bytes.
    pub fn read(&mut self, bytes: &[u8]) {
        let missing = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        self.text.read(bytes);
    }

    /// The media type. Markup is plain text.
    pub fn media_type(&self, claimed: Option<&str>) -> &'static str {
        let found = infer::get(&self.head).map(|kind| kind.mime_type()).filter(|found| !found.starts_with("text/"));
        if self.head.is_empty() || !self.text.is_text() {
            return found.unwrap_or(UNKNOWN);
        }
        let claimed = claimed.and_then(|claimed| TEXTS.into_iter().find(|text| text.eq_ignore_ascii_case(claimed)));
        found.filter(|found| TEXT_FORMATS.contains(found)).or(claimed).unwrap_or("text/plain")
    }
}

/// Whether bytes are text: UTF-8 without the control characters that only binary files have.
#[derive(Default)]
struct Text {
    broken: bool,
    /// The beginning of a character whose end has not come yet.
    begun: Vec<u8>,
}

impl Text {
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
mod tests {
    use super::*;

    fn media_type(bytes: &[u8], claimed: &str) -> &'static str {
        let mut content = Content::default();
        content.read(bytes);
        content.media_type(Some(claimed))
    }

    #[test]
    fn the_bytes_decide_and_markup_is_plain_text() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "text/html"), "image/png");
        assert_eq!(media_type(b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/png"), "image/jpeg");
        assert_eq!(media_type(b"<!DOCTYPE html><script>alert(1)</script>", "text/html"), "text/plain");
        assert_eq!(media_type(b"<?xml version='1.0'?><svg onload='x'/>", "image/svg+xml"), "text/plain");
        assert_eq!(media_type(b"<html>\xe4</html>", "text/html"), "application/octet-stream");
        assert_eq!(media_type(b"%PDF-1.4\n1 0 obj\n", "text/plain"), "application/pdf");
        assert_eq!(media_type(b"BMW is a car", "image/bmp"), "text/plain");
        assert_eq!(media_type(b"a,b\n1,2\n", "text/csv"), "text/csv");
        assert_eq!(media_type(b"\x01\x02\x03", "image/png"), "application/octet-stream");
        assert_eq!(media_type(b"", "image/png"), "application/octet-stream");
    }

    #[test]
    fn text_is_known_wherever_it_is_cut_and_broken_text_too() {
        let text = "aü漢😀b".as_bytes();
        let cut_up = |text: &[u8], size| {
            let mut content = Content::default();
            text.chunks(size).for_each(|piece| content.read(piece));
            content.media_type(None)
        };
        for size in 1..=text.len() {
            assert_eq!(cut_up(text, size), "text/plain", "{size}");
            assert_eq!(cut_up(&text[..text.len() - 2], size), "application/octet-stream", "{size}");
            assert_eq!(cut_up(b"abc\xc3(defg", size), "application/octet-stream", "{size}");
            assert_eq!(cut_up(b"abc\0defg", size), "application/octet-stream", "{size}");
        }
    }
}
