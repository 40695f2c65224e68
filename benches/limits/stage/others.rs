//! The floor, nchan and durable-streams: rooms without members.

use super::{Seat, Shape, Stage};
use crate::message::BODY_BYTES;
use crate::net::exchange::exchange;
use crate::servers::{Server, Who};
use anyhow::bail;

/// Makes the rooms.
pub fn stage(server: &Server, shape: Shape) -> anyhow::Result<Stage> {
    if server.who == Who::Durable {
        // JSON keeps messages apart, as the others do.
        let rooms = (0..shape.rooms()).map(|room| {
            format!("PUT /rooms/{room} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n")
        });
        exchange(server.address, rooms.map(String::into_bytes), |_, _| Ok(()))?;
    }
    let (post, suffix, opening): (_, _, Option<&'static [u8]>) = match server.who {
        Who::Longwave => bail!("Longwave has a stage of its own"),
        Who::Floor => ("rooms", "", None),
        Who::Durable => ("rooms", "?offset=now&live=sse", Some(b"event: control")),
        Who::Nchan => ("post", "", Some(b": hi")),
    };
    let seats = shape.seats().map(|room| {
        let stream = format!("GET /rooms/{room}{suffix} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n")
            .into_bytes();
        Seat { room, stream, opening, token: String::new() }
    });
    let heads = (0..shape.rooms()).map(|room| {
        let head = format!(
            "POST /{post}/{room} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
             Content-Length: {BODY_BYTES}\r\n\r\n"
        );
        head.into_bytes()
    });
    Ok(Stage { seats: seats.collect(), heads: heads.collect() })
}
