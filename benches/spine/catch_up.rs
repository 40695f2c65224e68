//! One client who was away.

use super::figures::Figures;
use super::message::Stamp;
use super::server::Server;
use super::stage::Stage;
use super::stream::Stream;
use anyhow::{Context, ensure};
use std::collections::HashMap;

pub async fn run(stage: &Stage, server: &Server, figures: &mut Figures) -> anyhow::Result<()> {
    let missed = stage.missed.as_ref().context("nobody was away")?;
    server.settle().await?;
    let mut next: HashMap<usize, u64> = HashMap::new();
    let before = server.usage()?;
    let path = format!("/v1/stream?after={}", missed.cursor);
    let mut stream = Stream::open(server.address, &missed.reader.token, &path).await?;
    for _ in 0..missed.events {
        let event = stream.next().await?;
        let Stamp { room, number, .. } = Stamp::read(event.data()?).context("not one of ours")?;
        let due = next.entry(room).or_default();
        ensure!(number == *due, "message {number} of room {room} came where {due} was due");
        *due += 1;
    }
    let spent = server.spent(&before)?;
    let mut part =
        figures.part(format!("catch-up: one stream, {} events in {} conversations", missed.events, next.len()));
    part.add("events/s", missed.events as f64 / spent.elapsed.as_secs_f64());
    part.add_cpu("event", missed.events, &spent);
    Ok(())
}
