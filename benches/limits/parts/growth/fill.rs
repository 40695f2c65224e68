//! A log as years of use would leave it, written by SQL.
//!
//! A hundred thousand conversations of four, of twenty thousand users. Most of the log is messages all over the
//! conversations; among them, twenty conversations (the probes) have a hundred messages each, at equal distances. One
//! reader is in five thousand conversations. The last five thousand events are those that the reader has not seen: a
//! hundred of them lie in three of the reader's conversations, the others in none.

use super::postgres::{Postgres, Recipe};
use crate::figures::thousands;
use crate::interrupt;
use crate::servers::{Home, Server};
use std::time::Instant;

/// Users, without the reader.
pub const USERS: u32 = 20_000;
const CONVERSATIONS: u32 = 100_000;
/// The reader is in every conversation whose number is divided by this.
const READER_STEP: u32 = 20;
/// The reader's conversations with news.
const NEWS: u32 = 3;
/// Events of the end of the log, which the reader has not seen, and the distance of those that concern the reader.
const UNSEEN: u64 = 5_000;
const UNSEEN_STEP: u64 = 50;
/// Conversations whose history is read, and their messages.
const PROBES: u32 = 20;
const PROBE_MESSAGES: u64 = 100;
/// Conversations that are sent to.
const ACTIVE: u32 = 1_000;
/// Events of a statement.
const CHUNK: u64 = 100_000;
/// The text of the last message that the reader has seen.
pub const LAST_READ: &str = "the last one before";

/// The id of a conversation.
pub fn conversation(number: u32) -> String {
    // The id that PostgreSQL makes of it, below.
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// Conversations whose messages lie all over the log.
pub fn probes() -> impl Iterator<Item = u32> {
    (0..PROBES).map(|probe| probe * READER_STEP + 7)
}

/// Conversations that are sent to. None is the reader's.
pub fn active() -> impl Iterator<Item = u32> {
    (0..ACTIVE).map(|index| index * READER_STEP + 1)
}

/// The reader's conversations with news.
pub fn news(index: u32) -> u32 {
    (index + 1) * 1_000 * READER_STEP
}

/// Fills a log with so many events.
pub fn fill(home: &Home, events: u64) -> anyhow::Result<()> {
    let server = Server::longwave(home)?;
    let recipe = Recipe::of(&server)?;
    server.stop()?;
    let postgres = Postgres::start(home, &recipe)?;
    let seen = events - UNSEEN;
    people(&postgres, seen)?;
    let begun = Instant::now();
    eprint!("events: ");
    let mut first = 1;
    while first <= events {
        interrupt::check()?;
        let last = (first + CHUNK - 1).min(events);
        postgres.run("SELECT log_extend()")?;
        postgres.run(&messages(first, last, seen))?;
        first = last + 1;
        if last.is_multiple_of(events / 10) {
            eprint!("{} ", thousands(last as i64));
        }
    }
    postgres.run("SELECT log_extend()")?;
    // Else the server would fill the index of search while it is measured.
    postgres.run("UPDATE search_progress SET position = (SELECT max(position) FROM events)")?;
    postgres.run("VACUUM (ANALYZE, FREEZE)")?;
    let count = postgres.number("SELECT count(*) FROM events")?;
    anyhow::ensure!(count == events as i64, "{count} events instead of {events}");
    postgres.stop()?;
    eprint!("in {:.0} s, ", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Writes users, conversations and members.
fn people(postgres: &Postgres, seen: u64) -> anyhow::Result<()> {
    let id =
        |kind: u8, number: &str| format!("('00000000-0000-4000-800{kind}-' || lpad(to_hex({number}), 12, '0'))::uuid");
    let (user, conversation, reader) = (id(1, "n"), id(0, "n"), id(2, "0"));
    let member = id(1, "(n + k * 7919) % users");
    let owner = id(1, &format!("n % {USERS}"));
    postgres.run(&format!(
        "INSERT INTO users (id, name, display_name) SELECT {user}, 'user' || n, 'user' || n FROM generate_series(0, {USERS} - 1) n;
         INSERT INTO users (id, name, display_name) VALUES ({reader}, 'reader0', 'reader0');
         INSERT INTO conversations (id, kind, created_by, created_at)
         SELECT {conversation}, 'group', {owner}, now() FROM generate_series(0, {CONVERSATIONS} - 1) n;
         INSERT INTO members (conversation_id, user_id, role, joined_at, read, since)
         SELECT {conversation}, {member}, CASE k WHEN 0 THEN 'owner' ELSE 'member' END, 1, 1, now()
           FROM generate_series(0, {CONVERSATIONS} - 1) n, generate_series(0, 3) k, (SELECT {USERS} AS users) u;
         INSERT INTO members (conversation_id, user_id, role, joined_at, read, since)
         SELECT {conversation}, {reader}, 'member', 1, {seen}, now()
           FROM generate_series(0, {CONVERSATIONS} - 1, {READER_STEP}) n;
         ANALYZE;"
    ))
}

/// Writes the messages of a piece of the log.
fn messages(first: u64, last: u64, seen: u64) -> String {
    let (probe_messages, step) = (u64::from(PROBES) * PROBE_MESSAGES, READER_STEP);
    let every = (seen / probe_messages).max(1);
    let news = news(0);
    format!(
        "WITH placed AS (
             SELECT n, CASE
                 WHEN n = {seen} THEN {news}
                 WHEN n > {seen} AND (n - {seen}) % {UNSEEN_STEP} = 0 THEN {news} * (1 + n / {UNSEEN_STEP} % {NEWS})
                 WHEN n > {seen} THEN n * 7919 % {CONVERSATIONS} / {step} * {step} + 1 + n % ({step} - 1)
                 WHEN n % {every} = 0 THEN n / {every} % {PROBES} * {step} + 7
                 ELSE n * 7919 % {CONVERSATIONS} END AS c
               FROM generate_series({first}::bigint, {last}::bigint) n
         ), named AS (
             SELECT n, ('00000000-0000-4000-8000-' || lpad(to_hex(c), 12, '0'))::uuid AS conversation_id,
                    (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
                     || substr(md5(n::text), 4, 15))::uuid AS message_id,
                    ('00000000-0000-4000-8001-' || lpad(to_hex(c % {USERS}), 12, '0'))::uuid AS sender_id,
                    'user' || c % {USERS} AS name
               FROM placed
         ), written AS (
             INSERT INTO events (position, conversation_id, kind, message_id, sender_id, created_at, payload)
             SELECT n, conversation_id, 'message.created', message_id, sender_id, now(),
                    ('{{\"sender\":{{\"name\":\"' || name || '\",\"display_name\":\"' || name || '\"}},\"text\":\"'
                     || CASE n WHEN {seen} THEN '{LAST_READ}' ELSE rpad('message ' || n, 100, '.') END
                     || '\",\"reply_to\":null,\"metadata\":null}}')::json
               FROM named
         )
         INSERT INTO ids (id, position, kind, owner, mac)
         SELECT message_id, n, 'message.created', sender_id, '' FROM named"
    )
}
