//! The users and conversations that all parts play with.

use super::client::{Client, Wire};
use super::options::{Options, Part};
use super::server::{EXTERNAL_SECRET, Server};
use super::{load, message::Clock};
use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Conversations of the sends and deliveries.
pub const ROOMS: usize = 1_000;
/// Members of the one large conversation.
pub const CROWD: usize = 1_000;
/// Users who send: the most that do at the same time.
const SENDERS: usize = 256;
/// The fewer senders of the other load are the first of these.
const FEW: usize = 32;
/// Conversations of the client who catches up.
const MISSED_ROOMS: usize = 100;
/// Requests at the same time while preparing.
const AT_ONCE: usize = 64;

/// A user.
#[derive(Clone)]
pub struct User {
    pub name: String,
    pub token: String,
}

/// A conversation.
#[derive(Clone)]
pub struct Room {
    pub index: usize,
    pub id: String,
}

/// What the client who catches up has missed.
pub struct Missed {
    pub reader: User,
    pub cursor: String,
    pub events: u64,
}

/// Everybody and everything.
pub struct Stage {
    pub senders: Vec<User>,
    /// Those who receive; the first of them are members of the room with their number.
    pub people: Vec<User>,
    /// Each with three members: sender `index % 32`, sender `index % 256`, and one of the people.
    pub rooms: Vec<Room>,
    /// One sender and people.
    pub crowd: Room,
    pub missed: Option<Missed>,
}

impl Stage {
    /// Makes users, conversations, and what the one who was away has missed.
    pub async fn prepare(options: &Options, server: &Server) -> anyhow::Result<Self> {
        let senders = users("sender", SENDERS)?;
        let people = users("person", CROWD.max(options.streams as usize))?;
        meet(server.address, senders.iter().chain(&people)).await?;
        let rooms = stream::iter(0..ROOMS).map(|index| {
            let (owner, other) = (&senders[index % FEW], &senders[index % SENDERS]);
            make(server.address, index, owner, vec![&other.name, &people[index].name])
        });
        let rooms = rooms.buffered(AT_ONCE).try_collect().await?;
        let names = people.iter().take(CROWD - 1).map(|person| &person.name).collect();
        let crowd = make(server.address, 0, &senders[0], names).await?;
        let missed = match options.has(Part::CatchUp) {
            true => Some(miss(server.address, &senders, options.backlog.into()).await?),
            false => None,
        };
        Ok(Self { senders, people, rooms, crowd, missed })
    }
}

/// Lets the server make users, or remember them.
pub async fn meet(address: SocketAddr, users: impl Iterator<Item = &User>) -> anyhow::Result<()> {
    let users: Vec<_> = users.collect();
    let shares = stream::iter(users.chunks(users.len().div_ceil(AT_ONCE))).map(async |share| {
        let mut wire = Wire::connect(address).await?;
        for user in share {
            wire.get("/v1/me", &user.token).await?;
            wire.answer().await?;
        }
        anyhow::Ok(())
    });
    shares.buffer_unordered(AT_ONCE).try_collect().await
}

fn users(kind: &str, count: usize) -> anyhow::Result<Vec<User>> {
    let expires_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 24 * 3_600;
    let user = |number: usize| {
        let name = format!("{kind}{number}");
        let claims = json!({"sub": name, "aud": "longwave", "exp": expires_at});
        let key = EncodingKey::from_secret(EXTERNAL_SECRET.as_bytes());
        Ok(User { token: jsonwebtoken::encode(&Header::default(), &claims, &key)?, name })
    };
    (0..count).map(user).collect()
}

async fn make(address: SocketAddr, index: usize, owner: &User, members: Vec<&String>) -> anyhow::Result<Room> {
    let mut client = Client::connect(address, &owner.token).await?;
    let body = json!({"kind": "group", "members": members}).to_string();
    let made: Value = serde_json::from_slice(&client.post("/v1/conversations", &body).await?)?;
    let id = made["id"].as_str().context("a conversation without an id")?.to_owned();
    Ok(Room { index, id })
}

/// Lets many conversations of one user go on while that user is away.
async fn miss(address: SocketAddr, senders: &[User], events: u64) -> anyhow::Result<Missed> {
    let reader = users("reader", 1)?.remove(0);
    meet(address, [&reader].into_iter()).await?;
    let rooms = stream::iter(senders[..MISSED_ROOMS].iter().enumerate());
    let rooms = rooms.map(|(index, owner)| make(address, index, owner, vec![&reader.name]));
    let rooms: Vec<Room> = rooms.buffered(AT_ONCE).try_collect().await?;
    let now = Client::connect(address, &reader.token).await?.get("/v1/updates?wait=0").await?;
    let now: Value = serde_json::from_slice(&now)?;
    let cursor = now["cursor"].as_str().context("a poll without a cursor")?.to_owned();
    let each = events.div_ceil(MISSED_ROOMS as u64);
    let clock = Clock::start();
    let sent = rooms.iter().zip(senders).map(async |(room, sender)| {
        let mut poster = load::Poster::connect(address, sender, vec![room.clone()], clock).await?;
        for _ in 0..each {
            poster.post().await?;
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(sent).await?;
    Ok(Missed { reader, cursor, events: each * MISSED_ROOMS as u64 })
}
