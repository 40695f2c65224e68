//! Mentions: `@name` in a text, where no letter or digit stands before the `@`.

use crate::domain::accounts::user_names::user_name;
use crate::domain::error::Error;
use crate::domain::service::Domain;
use crate::ids::UserId;
use crate::store::users;
use std::collections::HashMap;

/// Users that one message can mention.
const MAX_MENTIONS: usize = 50;

impl Domain {
    /// Finds the users whom a text mentions, each once, in the order of the text. Names of nobody are plain text.
    pub(crate) async fn mentions(&self, text: &str) -> Result<Vec<UserId>, Error> {
        let names = mentioned_names(text);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let found = users::by_ids_or_names(&mut *self.connection().await?, &[], &names).await?;
        let present = found.into_iter().filter(|user| user.disabled_at.is_none());
        let ids: HashMap<_, _> = present.map(|user| (user.name, user.id)).collect();
        Ok(names.iter().filter_map(|name| ids.get(name).copied()).collect())
    }
}

/// The names that a text may mention, folded, each once.
fn mentioned_names(text: &str) -> Vec<String> {
    let belongs = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let mut names = Vec::new();
    for (at, _) in text.match_indices('@') {
        if text[..at].chars().next_back().is_some_and(char::is_alphanumeric) {
            continue;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
        // A full stop after a name ends the sentence.
        let name = user_name(rest[..end].trim_end_matches(['.', '_', '-']));
        if let Some(name) = name.filter(|name| !names.contains(name)) {
            names.push(name);
        }
        if names.len() == MAX_MENTIONS {
            break;
        }
    }
    names
}

#[cfg(test)]
#[path = "tests/mentions.rs"]
mod tests;
