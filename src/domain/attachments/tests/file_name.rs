use super::*;

#[test]
fn directories_and_unseen_characters_go() {
    for (given, kept) in [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\files\\a.txt", "a.txt"),
        ("a\0b\r\nc\u{7f}.txt", "abc.txt"),
        ("photo\u{202e}gpj.exe", "photogpj.exe"),
        ("  ü 漢.txt ", "ü 漢.txt"),
        (".bashrc", ".bashrc"),
        ("..", "file"),
        ("a/", "file"),
        ("", "file"),
    ] {
        assert_eq!(clean(Some(given)), kept, "{given:?}");
    }
    assert_eq!(clean(None), "file");
}

#[test]
fn long_names_are_cut_between_characters_and_keep_their_ending() {
    let name = clean(Some(&format!("{}.jpeg", "ü".repeat(200))));
    assert!(name.len() <= 255 && name.len() > 250 && name.ends_with("ü.jpeg"), "{name}");
    assert_eq!(clean(Some(&format!("a.{}", "b".repeat(300)))).len(), 255);
}
