use super::*;
use hyper::header::HeaderValue;

fn read(text: &str) -> Result<Option<String>, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_bytes(text.as_bytes()).unwrap());
    file_name(&headers)
}

#[test]
fn names_are_read_in_every_form() {
    for (text, name) in [
        ("attachment", None),
        ("attachment; filename=a.txt", Some("a.txt")),
        ("attachment; filename=\"a b; c.txt\"; size=3", Some("a b; c.txt")),
        ("inline;FILENAME=\"say \\\"hi\\\".txt\"", Some("say \"hi\".txt")),
        ("attachment; filename=\"C:\\files\\a.txt\"", Some("C:\\files\\a.txt")),
        ("attachment; filename=\"ü.txt\"", Some("ü.txt")),
        ("attachment; filename=\"u.txt\"; filename*=utf-8'de'%C3%BC%20%e6%bc%a2.txt", Some("ü 漢.txt")),
    ] {
        assert_eq!(read(text).unwrap().as_deref(), name, "{text}");
    }
}

#[test]
fn unreadable_disposition_is_refused() {
    for text in [
        "attachment; filename",
        "attachment; filename=\"a",
        "attachment; filename=\"a\"b",
        "attachment; filename*=a.txt",
        "attachment; filename*=UTF-8''%C3",
        "attachment; filename*=UTF-8''%zz",
        "attachment; filename*=latin1''a",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn file_name_comes_back_as_it_was() {
    let name = "say \"ü\" 100%\\漢.txt";
    let header = attachment(name);
    assert!(header.is_ascii(), "{header}");
    assert_eq!(read(&header).unwrap().as_deref(), Some(name));
    assert!(header.contains("filename=\"say ___ 100___.txt\""), "{header}");
}
