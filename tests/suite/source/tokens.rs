//! A source as words and signs, without comments, without texts and, where asked for, without what only tests compile.

/// Answers the names, the `::` and the other signs of a source, in order. A text literal is the token `""`.
pub fn tokens(source: &str) -> Vec<&str> {
    let mut rest = source;
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let (token, length) = token(rest, first);
            tokens.push(token);
            length
        });
        rest = &rest[length..];
    }
    tokens
}

/// Answers the length of the space, comment or character literal that `rest` begins with.
fn skipped(rest: &str) -> Option<usize> {
    if rest.starts_with(char::is_whitespace) {
        return Some(rest.len() - rest.trim_start().len());
    }
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    character_literal(rest)
}

/// Answers the length of a block comment. They nest.
fn block_comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Answers the length of `'x'` or `'\n'`; a lifetime is none.
fn character_literal(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        return Some(2 + 1 + inner[2..].find('\'')? + 1);
    }
    let length = inner.chars().next()?.len_utf8();
    inner[length..].starts_with('\'').then_some(length + 2)
}

fn token(rest: &str, first: char) -> (&str, usize) {
    if let Some(length) = text_literal(rest) {
        return ("\"\"", length);
    }
    if first.is_alphanumeric() || first == '_' {
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        return (&rest[..length], length);
    }
    let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
    (&rest[..length], length)
}

/// Answers the length of `"…"`, `r"…"` or `r#"…"#`, with or without a `b` or `c` before it.
fn text_literal(rest: &str) -> Option<usize> {
    let after_kind = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let raw = after_kind.strip_prefix('r');
    let after_raw = raw.unwrap_or(after_kind);
    let quoted = after_raw.trim_start_matches('#');
    let hashes = after_raw.len() - quoted.len();
    let text = quoted.strip_prefix('"')?;
    let begin = rest.len() - text.len();
    if raw.is_some() {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(begin + text.find(&end)? + end.len());
    }
    let (mut escaped, mut end) = (false, None);
    for (at, character) in text.char_indices() {
        match character {
            '"' if !escaped => end = end.or(Some(at)),
            _ => escaped = character == '\\' && !escaped,
        }
        if end.is_some() {
            break;
        }
    }
    (hashes == 0).then_some(begin + end? + 1)
}

/// Removes the items under `#[cfg(test)]`, with their further attributes.
pub fn without_tests<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].starts_with(&["#", "[", "cfg", "(", "test", ")", "]"]) {
            at = end_of_item(tokens, at);
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

/// Answers where the item ends that begins at `at` with an attribute: behind its `;`, or behind its block.
fn end_of_item(tokens: &[&str], mut at: usize) -> usize {
    while tokens.get(at) == Some(&"#") {
        at = end_of_group(tokens, at + 1);
    }
    while at < tokens.len() {
        match tokens[at] {
            ";" => return at + 1,
            "{" if tokens[..at].last() != Some(&"::") => return end_of_group(tokens, at),
            "{" | "(" | "[" => at = end_of_group(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Answers where the group ends that is opened at `at`.
fn end_of_group(tokens: &[&str], at: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match *token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

#[test]
fn comments_and_texts_are_no_tokens() {
    let source =
        "/// [`a::b`]\nuse a::b; // use c;\n/* use /* d */ e; */ const F: &str = \"use g; \\\" {\"; r#\"h \" i\"#";
    let expected = ["use", "a", "::", "b", ";", "const", "F", ":", "&", "str", "=", "\"\"", ";", "\"\""];
    assert_eq!(tokens(source), expected);
}

#[test]
fn characters_are_no_tokens_and_lifetimes_are() {
    assert_eq!(tokens("'{' '\\'' b'\"' 'a '_"), ["b", "'", "a", "'", "_"]);
    assert_eq!(tokens("bytes r_ raw::x"), ["bytes", "r_", "raw", "::", "x"]);
}

#[test]
fn items_for_tests_are_removed_and_their_neighbours_stay() {
    let source = "use a; #[cfg(test)] #[path = \"tests/b.rs\"] mod tests; use c;
        #[cfg(test)] mod tests { use d; fn f() {} } #[cfg(test)] use e::{f, g}; #[cfg(unix)] use h;";
    let expected = ["use", "a", ";", "use", "c", ";", "#", "[", "cfg", "(", "unix", ")", "]", "use", "h", ";"];
    assert_eq!(without_tests(&tokens(source)), expected);
}
