//! Reading the documents of the repository.

use std::path::Path;

/// Answers the text of a file of the repository.
pub fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Answers what stands under a heading, up to the next one of its level.
pub fn section<'a>(markdown: &'a str, heading: &str) -> &'a str {
    let (_, rest) = markdown.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

/// Answers the fenced blocks of a language, each with its line ends.
pub fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let Some(fenced) = line.strip_prefix("```") else { continue };
        let block: String = lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        if fenced == language {
            blocks.push(block);
        }
    }
    blocks
}

/// Answers the cells of the rows of tables that begin with `start`.
pub fn rows<'a>(markdown: &'a str, start: &str) -> Vec<Vec<&'a str>> {
    let rows = markdown.lines().filter(|line| line.starts_with(start));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}
