//! Longwave's users and conversations.

use super::{CONVERSATIONS, MEMBERS, Seat, Shape, Stage};
use crate::message::BODY_BYTES;
use crate::net::exchange::exchange;
use crate::servers::EXTERNAL_SECRET;
use anyhow::{Context, ensure};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Users who send.
const SENDERS: u32 = 256;
/// How long tokens last.
const TOKEN_SECONDS: u64 = 24 * 3_600;

/// A user.
#[derive(Clone)]
pub struct User {
    pub name: String,
    pub token: String,
}

impl User {
    /// A request without a body.
    pub fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\r\n", self.token).into_bytes()
    }

    /// The head of a request with a JSON body of so many bytes.
    pub fn post(&self, path: &str, length: usize) -> Vec<u8> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n",
            self.token
        );
        head.into_bytes()
    }

    /// A stream from now on.
    pub fn seat(&self, room: u32) -> Seat {
        let (stream, opening) = (self.get("/v1/stream"), Some(OPENING));
        Seat { room, stream, opening, token: self.token.clone() }
    }
}

/// What a stream begins with.
pub const OPENING: &[u8] = b"event: ready";

/// Mints users, and lets the server make them.
pub fn users(address: SocketAddr, kind: &str, count: u32) -> anyhow::Result<Vec<User>> {
    let expires_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + TOKEN_SECONDS;
    let key = EncodingKey::from_secret(EXTERNAL_SECRET.as_bytes());
    let user = |number: u32| {
        let name = format!("{kind}{number}");
        let claims = json!({"sub": name, "aud": "longwave", "exp": expires_at});
        anyhow::Ok(User { token: jsonwebtoken::encode(&Header::default(), &claims, &key)?, name })
    };
    let users: Vec<User> = (0..count).map(user).collect::<Result<_, _>>()?;
    meet(address, &users)?;
    Ok(users)
}

/// Lets the server make users, or remember them.
pub fn meet(address: SocketAddr, users: &[User]) -> anyhow::Result<()> {
    exchange(address, users.iter().map(|user| user.get("/v1/me")), |_, _| Ok(()))
}

/// Makes groups, and answers their ids in order.
pub fn groups<'a>(
    address: SocketAddr,
    groups: impl IntoIterator<Item = (&'a User, Vec<&'a User>)>,
) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    let requests = groups.into_iter().map(|(owner, members)| {
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let body = json!({"kind": "group", "members": names}).to_string();
        let mut request = owner.post("/v1/conversations", body.len());
        request.extend_from_slice(body.as_bytes());
        request
    });
    exchange(address, requests, |number, body| {
        let made: Value = serde_json::from_slice(body)?;
        if ids.len() <= number {
            ids.resize(number + 1, String::new());
        }
        ids[number] = made["id"].as_str().context("a conversation without an id")?.to_owned();
        Ok(())
    })?;
    ensure!(ids.iter().all(|id| !id.is_empty()), "a conversation was not made");
    Ok(ids)
}

/// The head of a send.
pub fn send(sender: &User, conversation: &str) -> Vec<u8> {
    sender.post(&format!("/v1/conversations/{conversation}/messages"), BODY_BYTES)
}

/// Makes users and conversations. A room has its receivers and one sender, who does not listen.
pub fn stage(address: SocketAddr, shape: Shape) -> anyhow::Result<Stage> {
    let seats: Vec<u32> = shape.seats().collect();
    let people = users(address, "person", seats.len() as u32)?;
    let heads = match shape {
        Shape::Crowd(_) | Shape::Pairs(_) => rooms(address, shape.rooms(), &people, &seats)?,
        Shape::Idle(_) => Vec::new(),
        Shape::Members(_) => {
            mingle(address, &people)?;
            Vec::new()
        }
    };
    let seats = people.iter().zip(&seats).map(|(person, room)| person.seat(*room)).collect();
    Ok(Stage { seats, heads })
}

/// Makes rooms, and answers the heads of the sends to each.
fn rooms(address: SocketAddr, count: u32, people: &[User], seats: &[u32]) -> anyhow::Result<Vec<Vec<u8>>> {
    let senders = users(address, "sender", SENDERS.min(count))?;
    let sender = |room: u32| &senders[room as usize % senders.len()];
    let rooms = (0..count).map(|room| {
        let members = people.iter().zip(seats).filter(|(_, seat)| **seat == room).map(|(person, _)| person);
        (sender(room), members.collect())
    });
    let ids = groups(address, rooms)?;
    Ok(ids.iter().zip(0..).map(|(id, room)| send(sender(room), id)).collect())
}

/// Puts everybody into [`CONVERSATIONS`] conversations, with others in each.
fn mingle(address: SocketAddr, people: &[User]) -> anyhow::Result<()> {
    let (count, members) = (people.len(), MEMBERS as usize);
    ensure!(count.is_multiple_of(members) && count.is_multiple_of(30), "{count} users cannot be seated");
    let all = (0..CONVERSATIONS as usize).flat_map(|turn| {
        // Prime to all that divides the number of people, so that each turn seats everybody once.
        let step = 30 * turn + 1;
        let person = move |place: usize| &people[place * step % count];
        (0..count / members).map(move |group| {
            let places = group * members..(group + 1) * members;
            (person(places.start), places.skip(1).map(person).collect())
        })
    });
    groups(address, all).map(|_| ())
}
