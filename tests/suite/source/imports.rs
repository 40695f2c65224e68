//! What a source file imports: the paths of its `use` declarations, and those that stand in its code.

use super::tokens::tokens;

/// A path as it is written: `["super", "cursor", "Cursor"]`.
pub type ImportPath = Vec<String>;

/// Answers the paths that stand in the tokens of a source: imports first, then those in code.
pub fn imported_paths(tokens: &[&str]) -> Vec<ImportPath> {
    let mut tokens = tokens.iter().copied().peekable();
    let (mut declared, mut inline) = (Vec::new(), Vec::new());
    let mut before = "";
    while let Some(token) = tokens.next() {
        if token == "use" && tokens.peek() != Some(&"<") {
            let tree: Vec<_> = tokens.by_ref().take_while(|token| *token != ";").collect();
            declared.extend(expand(&tree, &[]));
        } else if is_name(token) && before != "." && before != "::" {
            let mut path = vec![token.to_owned()];
            while tokens.next_if_eq(&"::").is_some() {
                let Some(name) = tokens.next_if(|token| is_name(token)) else { break };
                path.push(name.to_owned());
            }
            inline.extend((path.len() > 1).then_some(path));
        }
        before = token;
    }
    declared.append(&mut inline);
    declared
}

/// Answers the paths of a `use` tree such as `a::{b, c::{self, D}}`. A name behind `as` is no part of a path.
fn expand(tree: &[&str], prefix: &[String]) -> Vec<ImportPath> {
    let mut path = prefix.to_vec();
    for (at, token) in tree.iter().enumerate() {
        match *token {
            "::" => {}
            "{" => return branches(&tree[at + 1..]).into_iter().flat_map(|branch| expand(branch, &path)).collect(),
            name if is_name(name) && name != "as" => path.push(name.to_owned()),
            _ => break,
        }
    }
    if path.is_empty() { Vec::new() } else { vec![path] }
}

/// Splits what follows a `{` at the commas of its level, up to its `}`.
fn branches<'a, 'b>(tree: &'a [&'b str]) -> Vec<&'a [&'b str]> {
    let (mut found, mut begin, mut depth) = (Vec::new(), 0, 1);
    for (at, token) in tree.iter().enumerate() {
        match *token {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && *token == ",") {
            found.push(&tree[begin..at]);
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found.retain(|branch| !branch.is_empty());
    found
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn joined(source: &str) -> Vec<String> {
    imported_paths(&tokens(source)).iter().map(|path| path.join("::")).collect()
}

#[test]
fn use_trees_are_expanded_to_their_paths() {
    let source = "pub use crate::{a::{self, B as C}, d};\nuse super::*;\nuse e;";
    assert_eq!(joined(source), ["crate::a::self", "crate::a::B", "crate::d", "super", "e"]);
}

#[test]
fn paths_in_code_count_and_methods_do_not() {
    let source = "use a::B; fn f() -> impl C + use<'a> { crate::c::d(); x.e::<F>(); <g::H as I>::j() }";
    assert_eq!(joined(source), ["a::B", "crate::c::d", "g::H"]);
}
