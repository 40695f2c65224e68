//! File names that are safe to show and to save under.

/// Bytes of a name: what file systems take.
const MAX_FILE_NAME_BYTES: usize = 255;
/// Bytes of an extension that a truncated name keeps, its dot included.
const MAX_EXTENSION_BYTES: usize = 16;
/// What a file without a name is called.
const DEFAULT_FILE_NAME: &str = "file";

/// Makes a safe name of what a client gives: without directories, without invisible characters, of 255 bytes at most.
pub fn clean(name: Option<&str>) -> String {
    let name = name.unwrap_or_default();
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.chars().filter(|character| !is_unseen(*character)).collect();
    match seen.trim() {
        "" | "." | ".." => DEFAULT_FILE_NAME.to_owned(),
        name => truncate_to_page(name),
    }
}

/// Control characters, and those that change the direction of text: "gpj.exe" must not look like "exe.jpg".
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn truncate_to_page(name: &str) -> String {
    if name.len() <= MAX_FILE_NAME_BYTES {
        return name.to_owned();
    }
    let ending =
        name.rfind('.').map(|at| &name[at..]).filter(|ending| ending.len() <= MAX_EXTENSION_BYTES).unwrap_or_default();
    let stem = &name[..name.floor_char_boundary(MAX_FILE_NAME_BYTES - ending.len())];
    format!("{stem}{ending}")
}

#[cfg(test)]
#[path = "tests/file_name.rs"]
mod tests;
