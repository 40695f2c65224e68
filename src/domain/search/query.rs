//! Finding the messages that have certain words, among those that the caller may read.

use crate::domain::accounts::user_names;
use crate::domain::auth::caller::Caller;
use crate::domain::error::{Error, invalid};
use crate::domain::reading::message_view::VisibleIntervals;
use crate::domain::reading::{message_view, visibility};
use crate::domain::search::version::read_version;
use crate::domain::search::{excerpt, fold, ngrams};
use crate::domain::service::Domain;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::{Event, read};
use crate::store::search::{self, SearchCandidates, SearchFilter};
use crate::store::{Connection, StoreError, Time};
use crate::wire;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a search waits for its turn.
const SEARCH_PERMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Texts that are read for one page. A page ends early when its words' n-grams are frequent, and the words are not.
const MAX_TEXTS_PER_PAGE: usize = 2_000;
/// Conversations that a query of the index is restricted to. With more of them, the restriction costs more than it
/// saves.
const MAX_SCOPED_CONVERSATIONS: usize = 500;

/// What to search for.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    pub words: SearchWords,
    pub conversation: Option<ConversationId>,
    /// Id or name of the sender, or `me`.
    pub from: Option<String>,
    /// Inclusive.
    pub since: Option<Time>,
    /// Exclusive.
    pub until: Option<Time>,
    /// Only messages before this position.
    pub before: Option<Position>,
    pub limit: usize,
}

/// Folded words. A text must have all of them.
#[derive(Clone, Debug)]
pub struct SearchWords(Vec<String>);

/// A page of hits, the newest first.
#[derive(Clone, Debug)]
pub struct SearchPage {
    pub items: Vec<wire::Hit>,
    /// Where the next page goes on: messages from this position on were searched.
    pub next: Option<Position>,
}

impl SearchWords {
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
    /// Searches among the messages that the caller may read.
    ///
    /// A page may have fewer hits than its limit, or none, although there is a next one: each page reads a bounded
    /// number of texts.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the conversation, [`Error::Invalid`] for the sender, [`Error::Busy`].
    pub async fn search(&self, caller: &Caller, query: &SearchQuery) -> Result<SearchPage, Error> {
        let permit = tokio::time::timeout(SEARCH_PERMIT_TIMEOUT, self.0.search_permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else { return Err(Error::Busy) };
        self.pool().ask(async |connection| Ok::<_, StoreError>(page(connection, caller, query).await)).await?
    }
}

async fn page(connection: &mut Connection, caller: &Caller, query: &SearchQuery) -> Result<SearchPage, Error> {
    let sender = match &query.from {
        Some(text) => Some(sender(connection, caller, text).await?),
        None => None,
    };
    let intervals = match query.conversation {
        Some(id) => visibility::of(connection, caller, id).await?.visible_intervals(),
        None => visibility::everywhere(connection, caller.user.id).await?,
    };
    let reading = HitReader { reader: caller.user.id, intervals, words: &query.words, sender };
    let filter = filter(query, &reading);
    let mut items = Vec::new();
    let mut before = query.before.unwrap_or(Position::MAX);
    let mut remaining = MAX_TEXTS_PER_PAGE;
    loop {
        // One hit more than the limit tells whether there is a next page. Some candidates will turn out not to match.
        let missing = query.limit + 1 - items.len();
        let candidates = search::find(connection, &filter, before, (missing + missing / 4 + 8).min(remaining)).await?;
        before = candidates.reached;
        remaining = remaining.saturating_sub(candidates.versions.len());
        items.extend(reading.hits(connection, &candidates).await?);
        if items.len() > query.limit {
            items.truncate(query.limit);
            let next = items.last().map(|(position, _)| *position);
            return Ok(SearchPage { items: without_positions(items), next });
        }
        if before == Position::ZERO || remaining == 0 {
            let next = Some(before).filter(|before| *before > Position::ZERO);
            return Ok(SearchPage { items: without_positions(items), next });
        }
    }
}

fn without_positions(items: Vec<(Position, wire::Hit)>) -> Vec<wire::Hit> {
    items.into_iter().map(|(_, hit)| hit).collect()
}

async fn sender(connection: &mut Connection, caller: &Caller, text: &str) -> Result<UserId, Error> {
    match user_names::find(connection, caller, text).await {
        Ok(user) => Ok(user.id),
        Err(Error::NotFound) => Err(invalid("from", "there is no such user")),
        Err(error) => Err(error),
    }
}

fn filter(query: &SearchQuery, reading: &HitReader<'_>) -> SearchFilter {
    let mut grams = ngrams::of_words(&query.words.0);
    grams.extend(reading.sender.map(ngrams::of_sender));
    let scope = (reading.intervals.len() <= MAX_SCOPED_CONVERSATIONS).then(|| {
        let conversations = reading.intervals.keys();
        ngrams::sorted(conversations.map(|id| ngrams::of_conversation(*id)).collect())
    });
    let mut filter = SearchFilter { grams, scope, since: query.since, until: query.until, ..SearchFilter::default() };
    for (id, interval) in reading.intervals.iter().flat_map(|(id, all)| all.iter().map(move |one| (*id, one))) {
        filter.conversations.push(id);
        filter.firsts.push(interval.first);
        filter.lasts.push(interval.last);
    }
    filter
}

/// Finds the hits among candidates, for one reader.
struct HitReader<'a> {
    reader: UserId,
    intervals: VisibleIntervals,
    words: &'a SearchWords,
    sender: Option<UserId>,
}

impl HitReader<'_> {
    /// Reads the texts of candidates; answers the hits, the newest first.
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
                read_version(&event)
                    .filter(|version| from_them && self.words.are_in(&version.text))
                    .map(|version| version.created),
            );
        }
        // The version that matched may be an earlier one, or one that the reader may not see.
        let created = events(connection, matching).await?;
        let interval_of = |event: &Event| Some((event.conversation, self.intervals.get(&event.conversation)?.clone()));
        let intervals: VisibleIntervals = created.iter().filter_map(interval_of).collect();
        let messages = message_view::view_messages(connection, self.reader, &created, &intervals).await?;
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
