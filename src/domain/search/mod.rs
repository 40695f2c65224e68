//! Searching: what messages hold the words that somebody looks for.
//!
//! The index tells which texts to look at; the texts themselves are read from the log, and compared. So nothing is found
//! that is not there, and nobody finds what they may not read: a hit is shown as its message is shown to the caller, and
//! is one only if the text that is shown has the words.
//!
//! [`index`] fills the index behind the log, one node at a time; [`mod@reindex`] makes it anew.

mod excerpt;
mod fold;
mod grams;
mod index;
mod reindex;

pub use index::Indexer;
pub use reindex::{Advance, reindex};

use super::showing::{self, Sights};
use super::{Caller, Domain, Error, invalid, names, visibility};
use crate::ids::{ConversationId, Position, UserId};
use crate::log::{Cursor, Event, read};
use crate::store::search::{self, SearchCandidates, SearchFilter};
use crate::store::{ANSWER, Connection, EventKind, StoreError, Time};
use crate::wire::{self, MessagePayload};
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
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
        match tokio::time::timeout(ANSWER, bounded_page(&mut connection, caller, wanted)).await {
            Ok(found) => found,
            Err(silence) => Ok(connection.settle(Err::<Result<Found, StoreError>, _>(silence))?),
        }
    }
}

/// The page, in a transaction whose statements PostgreSQL itself ends, whoever is gone.
async fn bounded_page(connection: &mut Connection, caller: &Caller, wanted: &Wanted) -> Result<Found, Error> {
    connection
        .transaction(async |connection| {
            connection.batch_execute("SET LOCAL statement_timeout = '5s'").await?;
            page(connection, caller, wanted).await
        })
        .await
}

async fn page(connection: &mut Connection, caller: &Caller, wanted: &Wanted) -> Result<Found, Error> {
    let sender = match &wanted.from {
        Some(text) => Some(sender(connection, caller, text).await?),
        None => None,
    };
    let sights = match wanted.conversation {
        Some(id) => visibility::of(connection, caller, id).await?.sights(),
        None => visibility::everywhere(connection, caller.user.id).await?,
    };
    let reading = Reading { reader: caller.user.id, sights, words: &wanted.words, sender };
    let filter = filter(wanted, &reading);
    let mut items = Vec::new();
    let mut before = wanted.before.unwrap_or(Position::MAX);
    let mut unread = MOST_READ;
    loop {
        // One more than is wanted tells whether there is more; some will turn out not to match.
        let missing = wanted.limit + 1 - items.len();
        let candidates = search::find(connection, &filter, before, (missing + missing / 4 + 8).min(unread)).await?;
        before = candidates.reached;
        unread = unread.saturating_sub(candidates.versions.len());
        items.extend(reading.hits(connection, &candidates).await?);
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

fn filter(wanted: &Wanted, reading: &Reading<'_>) -> SearchFilter {
    let mut grams = grams::of_words(&wanted.words.0);
    grams.extend(reading.sender.map(grams::of_sender));
    let scope = (reading.sights.len() <= MOST_SCOPED).then(|| {
        let conversations = reading.sights.keys();
        grams::sorted(conversations.map(|id| grams::of_conversation(*id)).collect())
    });
    let mut filter = SearchFilter { grams, scope, since: wanted.since, until: wanted.until, ..SearchFilter::default() };
    for (id, interval) in reading.sights.iter().flat_map(|(id, all)| all.iter().map(move |one| (*id, one))) {
        filter.conversations.push(id);
        filter.firsts.push(interval.first);
        filter.lasts.push(interval.last);
    }
    filter
}

/// Somebody who reads candidates to find hits among them.
struct Reading<'a> {
    reader: UserId,
    sights: Sights,
    words: &'a Words,
    sender: Option<UserId>,
}

impl Reading<'_> {
    /// Looks at the texts of candidates; answers the hits, the newest first.
    async fn hits(
        &self,
        connection: &mut Connection,
        candidates: &SearchCandidates,
    ) -> Result<Vec<(Position, wire::Hit)>, Error> {
        let mut matching = BTreeSet::new();
        let versions: BTreeSet<_> = candidates.versions.iter().copied().collect();
        for event in events(connection, versions).await? {
            let from_them = self.sender.is_none_or(|sender| sender == event.sender);
            matching.extend(
                version(&event)
                    .filter(|version| from_them && self.words.are_in(&version.text))
                    .map(|version| version.created),
            );
        }
        // What matched may be an earlier version, or one that the reader may not see.
        let created = events(connection, matching).await?;
        let sight = |event: &Event| Some((event.conversation, self.sights.get(&event.conversation)?.clone()));
        let sights: Sights = created.iter().filter_map(sight).collect();
        let messages = showing::show(connection, self.reader, &created, &sights).await?;
        let hits = created.iter().zip(messages).rev().filter_map(|(event, message)| {
            let text = message.text.as_deref().filter(|text| self.words.are_in(text))?;
            let excerpt = excerpt::around(text, &self.words.0);
            Some((event.position, wire::Hit { message, excerpt }))
        });
        Ok(hits.collect())
    }
}

/// Reads events, in order, a page at a time.
async fn events(connection: &mut Connection, positions: BTreeSet<Position>) -> Result<Vec<Event>, StoreError> {
    let positions: Vec<_> = positions.into_iter().collect();
    let mut found: Vec<Event> = Vec::new();
    let mut rest = &positions[..];
    while !rest.is_empty() {
        let page = read::events_page(connection, rest).await?;
        let asked = rest.len().min(read::MAX_PAGE_EVENTS);
        let done = match page.last() {
            Some(last) if page.len() < asked => rest.partition_point(|position| *position <= last.position),
            _ => asked,
        };
        rest = &rest[done..];
        found.extend(page);
    }
    Ok(found)
}

/// A version of a message.
struct Version {
    text: String,
    /// Where and when the message was sent.
    created: Position,
    created_at: Time,
}

/// Reads a version of a message; `None` for other events, and where the text is gone.
fn version(event: &Event) -> Option<Version> {
    if !matches!(event.kind, EventKind::MessageCreated | EventKind::MessageEdited) {
        return None;
    }
    let payload = MessagePayload::parse(&event.payload).inspect_err(|error| {
        tracing::error!(position = event.position.0, %error, "cannot read a message");
    });
    let payload = payload.ok()?;
    let (created, created_at) = match payload.first {
        Some(first) => (Cursor::parse(&first.cursor)?.position, first.created_at),
        None => (event.position, event.created_at),
    };
    Some(Version { text: payload.text?.into_owned(), created, created_at })
}
