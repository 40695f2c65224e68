use super::*;

fn media_type(bytes: &[u8], claimed: &str) -> &'static str {
    let mut content = MediaTypeDetector::default();
    content.read(bytes);
    content.media_type(Some(claimed))
}

#[test]
fn media_type_follows_the_bytes_and_markup_is_plain_text() {
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
        let mut content = MediaTypeDetector::default();
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
