//! Names of files that are safe to show and to save under.

/// Most bytes of a name: what file systems take.
const MOST_BYTES: usize = 255;
/// Bytes of an ending that a cut name keeps, its dot included.
const ENDING_BYTES: usize = 16;
/// What a file without a name is called.
const NAMELESS: &str = "file";

/// Makes a name of what a client says: without directories, without characters that are not seen, of 255 bytes at most.
pub fn clean(name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.chars().filter(|character| !is_unseen(*character)).collect();
    match seen.trim() {
        "" | "." | ".." => NAMELESS.to_owned(),
        name => cut(name),
    }
}

/// Control characters, and those that turn the direction of text: "gpj.exe" must not look like "exe.jpg".
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn cut(name: &str) -> String {
    if name.len() <= MOST_BYTES {
        return name.to_owned();
    }
    let ending =
        name.rfind('.').map(|at| &name[at..]).filter(|ending| ending.len() <= ENDING_BYTES).unwrap_or_default();
    let stem = &name[..name.floor_char_boundary(MOST_BYTES - ending.len())];
    format!("{stem}{ending}")
}

#[cfg(test)]
mod tests {
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
}
