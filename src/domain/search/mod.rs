//! Searching: what messages hold the words that somebody looks for.
//!
//! The index tells which texts to look at; the texts themselves are read from the log, and compared. So nothing is found
//! that is not there, and nobody finds what they may not read: a hit is shown as its message is shown to the caller, and
//! is one only if the text that is shown has the words.
//!
//! [`index`] fills the index behind the log, one node at a time; [`reindex`] makes it anew.

mod excerpt;
mod fold;
mod grams;
mod index;
mod reindex;

pub use index::Indexer;
pub use reindex::{Advance, reindex};

use super::{Caller, Domain, Error, invalid, names, visibility};
use crate::ids::{ConversationId, Position, UserId};
use crate::log::history::Interval;
use crate::log::{Event, read};
use crate::store::search::{self, Candidates, Filter};
use crate::store::{ANSWER, Connection, StoreError, Time};
use crate::wire::{self, MessagePayload};
use std::collections::BTreeSet;

/// Searches of a node that run at the same time: each may keep a core busy.
pub(super) const AT_ONCE: usize = 4;
/// Texts that one page looks at: words that have their pieces everywhere, and themselves nowhere, end a page early.
const MOST_READ: usize = 2_000;
/// Conversations that the index is asked for by their numbers. More of them cost more than what is in between.
const MOST_SCOPED: usize = 500;

/// What somebody looks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub words: Words,
    pub conversation: Option<ConversationId>,
    /// Id or name of the sender, or `me`.
    pub from: Option<String>,
    /// Inclusive.
    pub since: Option<Time>,
    /// Exclusive.
    pub until: Option<Time>,
    /// Only messages below.
    pub before: Option<Position>,
    pub limit: usize,
}

/// Folded words, all of which a text must have.
#[derive(Clone, Debug)]
pub struct Words(Vec<String>);

/// A part of what was found, the newest first.
#[derive(Clone, Debug)]
pub struct Found {
    pub items: Vec<wire::Hit>,
    /// Where to go on: messages from there on were looked at.
    pub next: Option<Position>,
}

impl Words {
    /// Reads the words; `None` when there is none.
    pub fn parse(text: &str) -> Option<Self> {
        let words = fold::words(text);
        (!words.is_empty()).then_some(Self(words))
    }

    /// Whether a text has all of them.
    fn are_in(&self, text: &str) -> bool {
        let folded = fold::fold(text);
        self.0.iter().all(|word| folded.contains(word.as_str()))
    }
}

impl Domain {
    /// Searches in what the caller may read.
    ///
    /// A page may have fewer hits than were wanted, or none, and yet a next one: it has looked at its share.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the conversation, [`Error::Invalid`] for the sender, [`Error::Busy`].
    pub async fn search(&self, caller: &Caller, wanted: &Wanted) -> Result<Found, Error> {
        let permit = tokio::time::timeout(ANSWER, self.0.searches.acquire()).await;
        let Ok(Ok(_permit)) = permit else { return Err(Error::Busy) };
        let mut connection = self.connection().await?;
        match tokio::time::timeout(ANSWER, page(&mut connection, caller, wanted)).await {
            Ok(found) => found,
            Err(silence) => Ok(connection.settle(Err::<Result<Found, StoreError>, _>(silence))?),
        }
    }
}

async fn page(connection: &mut Connection, caller: &Caller, wanted: &Wanted) -> Result<Found, Error> {
    let sender = match &wanted.from {
        Some(text) => Some(sender(connection, caller, text).await?),
        None => None,
    };
    let seen = match wanted.conversation {
        Some(id) => {
            let sight = visibility::of(connection, caller, id).await?;
            sight.intervals.iter().map(|interval| (id, *interval)).collect()
        }
        None => visibility::everywhere(connection, caller).await?,
    };
    let filter = filter(wanted, sender, &seen);
    let mut items = Vec::new();
    let mut before = wanted.before.unwrap_or(Position::MAX);
    let mut unread = MOST_READ;
    loop {
        // One more than is wanted tells whether there is more; some will turn out not to match.
        let missing = wanted.limit + 1 - items.len();
        let candidates = search::find(connection, &filter, before, (missing + missing / 4 + 8).min(unread)).await?;
        before = candidates.reached;
        unread = unread.saturating_sub(candidates.versions.len());
        items.extend(hits(connection, &candidates, sender, &wanted.words).await?);
        if items.len() > wanted.limit {
            items.truncate(wanted.limit);
            let next = items.last().map(|(position, _)| *position);
            return Ok(Found { items: shown(items), next });
        }
        if before == Position::ZERO || unread == 0 {
            let next = Some(before).filter(|before| *before > Position::ZERO);
            return Ok(Found { items: shown(items), next });
        }
    }
}

fn shown(items: Vec<(Position, wire::Hit)>) -> Vec<wire::Hit> {
    items.into_iter().map(|(_, hit)| hit).collect()
}

async fn sender(connection: &mut Connection, caller: &Caller, text: &str) -> Result<UserId, Error> {
    match names::find(connection, caller, text).await {
        Ok(user) => Ok(user.id),
        Err(Error::NotFound) => Err(invalid("from", "there is no such user")),
        Err(error) => Err(error),
    }
}

fn filter(wanted: &Wanted, sender: Option<UserId>, seen: &[(ConversationId, Interval)]) -> Filter {
    let mut grams = grams::of_words(&wanted.words.0);
    grams.extend(sender.map(grams::of_sender));
    let scope = grams::sorted(seen.iter().map(|(id, _)| grams::of_conversation(*id)).collect());
    Filter {
        grams,
        scope: (scope.len() <= MOST_SCOPED).then_some(scope),
        conversations: seen.iter().map(|(id, _)| *id).collect(),
        firsts: seen.iter().map(|(_, interval)| interval.first).collect(),
        lasts: seen.iter().map(|(_, interval)| interval.last).collect(),
        since: wanted.since,
        until: wanted.until,
    }
}

/// Looks at the texts of candidates; answers the hits, the newest first.
async fn hits(
    connection: &mut Connection,
    candidates: &Candidates,
    sender: Option<UserId>,
    words: &Words,
) -> Result<Vec<(Position, wire::Hit)>, Error> {
    let mut matching = BTreeSet::new();
    let pairs: std::collections::BTreeMap<_, _> = candidates.versions.iter().zip(&candidates.created).collect();
    for event in events(connection, pairs.keys().map(|version| **version).collect()).await? {
        let from_them = sender.is_none_or(|sender| sender == event.sender);
        if from_them && text(&event).is_some_and(|text| words.are_in(&text)) {
            matching.extend(pairs.get(&event.position).map(|created| **created));
        }
    }
    // A version that matched may be an earlier one, or one that the caller may not see.
    let mut hits = Vec::new();
    for event in events(connection, matching.into_iter().collect()).await?.into_iter().rev() {
        let message = wire::Message::created(&event)?;
        if let Some(text) = message.text.as_deref().filter(|text| words.are_in(text)) {
            let excerpt = excerpt::around(text, &words.0);
            hits.push((event.position, wire::Hit { message, excerpt }));
        }
    }
    Ok(hits)
}

/// Reads the events at positions, which are in order, a page at a time.
async fn events(connection: &mut Connection, positions: Vec<Position>) -> Result<Vec<Event>, StoreError> {
    let mut found: Vec<Event> = Vec::new();
    let mut rest = &positions[..];
    while !rest.is_empty() {
        let page = read::page(connection, rest).await?;
        let asked = rest.len().min(read::PAGE_EVENTS);
        let done = match page.last() {
            Some(last) if page.len() < asked => rest.partition_point(|position| *position <= last.position),
            _ => asked,
        };
        rest = &rest[done..];
        found.extend(page);
    }
    Ok(found)
}

/// The text of a version of a message, if there is one still.
fn text(event: &Event) -> Option<String> {
    match MessagePayload::parse(&event.payload) {
        Ok(payload) => Some(payload.text.into_owned()),
        Err(error) => {
            tracing::error!(position = event.position.0, %error, "cannot read a message");
            None
        }
    }
}
