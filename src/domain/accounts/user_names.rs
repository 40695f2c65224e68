//! How users are named: by id, by name, or `me`.

use crate::domain::auth::caller::Caller;
use crate::domain::error::{Error, invalid};
use crate::ids::UserId;
use crate::store::users::UserRow;
use crate::store::{Connection, users};
use crate::wire::FieldError;
use std::collections::{HashMap, HashSet};

/// The rule for names of users, for error messages.
pub const USER_NAME_RULE: &str = "has 2 to 32 characters of a-z, 0-9, dot, underscore and hyphen, begins and ends with a letter or digit, and is neither \"me\" nor like an id";

/// Errors that an answer lists for one field.
const MAX_LISTED_ERRORS: usize = 50;

/// A user as requests name one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UserRef {
    Me,
    Id(UserId),
    /// Folded.
    Name(String),
}

impl UserRef {
    /// Reads an id, a name or `me`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "me" {
            return Some(Self::Me);
        }
        UserId::parse(text).map(Self::Id).or_else(|| user_name(text).map(Self::Name))
    }
}

/// Folds a name of a user; `None` when it is against the rule.
pub fn user_name(text: &str) -> Option<String> {
    let name = text.to_ascii_lowercase();
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    let fits = (2..=32).contains(&bytes.len())
        && bytes.iter().copied().all(inner)
        && outer(bytes.first())
        && outer(bytes.last())
        && name != "me"
        // 32 hexadecimal digits are an id without its hyphens.
        && uuid::Uuid::try_parse(&name).is_err();
    fits.then_some(name)
}

/// Finds the user that a path names.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(connection: &mut Connection, caller: &Caller, text: &str) -> Result<UserRow, Error> {
    let found = match UserRef::parse(text) {
        Some(UserRef::Me) => Some((*caller.user).clone()),
        Some(UserRef::Id(id)) => users::by_id(connection, id).await?,
        Some(UserRef::Name(name)) => users::by_name(connection, &name).await?,
        None => None,
    };
    found.ok_or(Error::NotFound)
}

/// Finds the users that a list in a body names, in its order, each once, without the caller.
///
/// # Errors
/// [`Error::Invalid`] with the first entries of `field` that name nobody.
pub async fn find_others(
    connection: &mut Connection,
    caller: &Caller,
    field: &str,
    texts: &[String],
) -> Result<Vec<UserRow>, Error> {
    let refs: Vec<_> = texts.iter().map(|text| UserRef::parse(text)).collect();
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for named in refs.iter().flatten() {
        match named {
            UserRef::Me => {}
            UserRef::Id(id) => ids.push(*id),
            UserRef::Name(name) => names.push(name.clone()),
        }
    }
    let found = users::by_ids_or_names(connection, &ids, &names).await?;
    let by_id: HashMap<_, _> = found.iter().map(|user| (user.id, user)).collect();
    let by_name: HashMap<_, _> = found.iter().map(|user| (user.name.as_str(), user)).collect();
    let (mut others, mut seen, mut errors) = (Vec::new(), HashSet::from([caller.user.id]), Vec::new());
    for (index, named) in refs.iter().enumerate() {
        let user = match named {
            Some(UserRef::Me) => continue,
            Some(UserRef::Id(id)) => by_id.get(id),
            Some(UserRef::Name(name)) => by_name.get(name.as_str()),
            None => None,
        };
        match user {
            Some(user) if user.disabled_at.is_none() => {
                if seen.insert(user.id) {
                    others.push((*user).clone());
                }
            }
            _ if errors.len() == MAX_LISTED_ERRORS => break,
            _ => errors.push(FieldError { field: format!("{field}[{index}]"), detail: "there is no such user".into() }),
        }
    }
    if errors.is_empty() { Ok(others) } else { Err(Error::Invalid(errors)) }
}

/// Checks and folds the name of a new user.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_new_name(text: &str) -> Result<String, Error> {
    user_name(text).ok_or_else(|| invalid("name", USER_NAME_RULE))
}

#[cfg(test)]
#[path = "tests/user_names.rs"]
mod tests;
