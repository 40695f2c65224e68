//! Counting messages, by day, by hour of the day or by sender.
//!
//! Sent messages are counted: one that was deleted since still counts, so that figures of the past do not change. A count
//! costs some 50 probes of an index for the bounds of the range, and then reads the range: the events of one
//! conversation, or the whole log for all of them.

use super::history::Interval;
use crate::ids::{ConversationId, Position};
use crate::store::sql::{Sql, only, sql};
use crate::store::{Connection, ErrorClass, StoreError, classify};
use chrono::NaiveDate;
use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Date, Text, Uuid};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use std::collections::HashSet;

/// How long a query of a count may take. Clients do not wait for longer.
const COUNT_TIMEOUT: &str = "SET LOCAL statement_timeout = '30s'";
/// The largest number of figures of one count: as many as a conversation can have members.
const MAX_COUNTS: i64 = 10_000;

/// How messages are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    Day,
    Hour,
    Sender,
}

/// Days of a time zone, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayRange {
    pub first: NaiveDate,
    pub last: NaiveDate,
    /// The name by which PostgreSQL knows it.
    pub zone: String,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct MessageCount {
    /// `2026-11-23`, `0` to `23`, or a user's id.
    pub key: String,
    pub messages: i64,
    pub senders: i64,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    #[error("counting took too long")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for CountError {
    fn from(error: diesel::result::Error) -> Self {
        match classify(&error) {
            ErrorClass::Timeout => Self::TooMany,
            _ => Self::Store(error.into()),
        }
    }
}

/// Reads the names of all time zones. It takes PostgreSQL 150 ms, and they do not change while it runs.
pub async fn zones(connection: &mut Connection) -> Result<HashSet<String>, StoreError> {
    let names: Vec<String> = sql::<Text>("SELECT name FROM pg_timezone_names").load(connection).await?;
    Ok(names.into_iter().collect())
}

/// Answers which day it is in a time zone.
///
/// # Errors
/// [`StoreError`], also where PostgreSQL knows none of this name.
pub async fn today(connection: &mut Connection, zone: &str) -> Result<NaiveDate, StoreError> {
    let query = sql::<Date>("SELECT (now() AT TIME ZONE ").bind::<Text, _>(zone).sql(")::date");
    Ok(only(query.load(connection).await?)?)
}

/// Counts the messages of a conversation that lie in the intervals, the largest figure first. Groups without
/// messages are left out.
pub async fn of_conversation(
    connection: &mut Connection,
    conversation: ConversationId,
    intervals: &[Interval],
    days: &DayRange,
    by: GroupBy,
) -> Result<Vec<MessageCount>, CountError> {
    connection
        .transaction(async |connection| {
            let range = range(connection, days).await?;
            let cut = |interval: &Interval| (interval.first.max(range.first), interval.last.min(range.last));
            let (firsts, lasts): (Vec<_>, Vec<_>) = intervals.iter().map(cut).unzip();
            let query = counting(by, days)
                .sql(" FROM unnest(")
                .bind::<Array<BigInt>, _>(firsts)
                .sql(", ")
                .bind::<Array<BigInt>, _>(lasts)
                .sql(
                    ") i (first, last) CROSS JOIN LATERAL (
                        SELECT e.sender_id, e.created_at FROM events e
                         WHERE e.only_for IS NULL AND e.kind = 'message.created'
                           AND e.position >= i.first AND e.position <= i.last AND e.conversation_id = ",
                )
                .bind::<Uuid, _>(conversation)
                .sql(") e");
            Ok(counted(query, days).load(connection).await?)
        })
        .await
}

/// Counts all messages, the largest figure first. Groups without messages are left out.
pub async fn of_all(
    connection: &mut Connection,
    days: &DayRange,
    by: GroupBy,
) -> Result<Vec<MessageCount>, CountError> {
    connection
        .transaction(async |connection| {
            let range = range(connection, days).await?;
            let query = counting(by, days)
                .sql(" FROM events e WHERE e.kind = 'message.created' AND e.position >= ")
                .bind::<BigInt, _>(range.first)
                .sql(" AND e.position <= ")
                .bind::<BigInt, _>(range.last);
            Ok(counted(query, days).load(connection).await?)
        })
        .await
}

/// Finds positions that include all events of the days: two hours more at either end, for clocks that jumped and for
/// midnights that came twice. Limits all further queries of the transaction to [`COUNT_TIMEOUT`].
async fn range(connection: &mut Connection, days: &DayRange) -> Result<Interval, CountError> {
    connection.batch_execute(COUNT_TIMEOUT).await?;
    let query = sql::<(BigInt, BigInt)>("SELECT log_position_at(")
        .bind::<Date, _>(days.first)
        .sql("::timestamp AT TIME ZONE ")
        .bind::<Text, _>(&days.zone)
        .sql(" - interval '2 h'), log_position_at((")
        .bind::<Date, _>(days.last)
        .sql(" + 1)::timestamp AT TIME ZONE ")
        .bind::<Text, _>(&days.zone)
        .sql(" + interval '2 h')");
    let (first, last): (Position, Position) = only(query.load(connection).await?)?;
    Ok(Interval { first, last })
}

type CountColumns = (Text, BigInt, BigInt);

/// The beginning of a count, up to its FROM clause.
fn counting(by: GroupBy, days: &DayRange) -> Sql<'_, CountColumns> {
    sql("SELECT key, sum(messages)::bigint, count(*) FROM (SELECT ")
        .sql(match by {
            GroupBy::Day => "to_char(local, 'YYYY-MM-DD')",
            GroupBy::Hour => "extract(hour FROM local)::integer::text",
            GroupBy::Sender => "sender_id::text",
        })
        .sql(" AS key, sender_id, count(*) AS messages FROM (SELECT e.sender_id, e.created_at AT TIME ZONE ")
        .bind::<Text, _>(&days.zone)
        .sql(" AS local")
}

/// The end of a count, after its FROM clause.
fn counted<'a>(query: Sql<'a, CountColumns>, days: &DayRange) -> Sql<'a, CountColumns> {
    query
        .sql(") m WHERE local >= ")
        .bind::<Date, _>(days.first)
        .sql(" AND local < ")
        .bind::<Date, _>(days.last)
        .sql(" + 1 GROUP BY 1, 2) s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ")
        .bind::<BigInt, _>(MAX_COUNTS)
}
