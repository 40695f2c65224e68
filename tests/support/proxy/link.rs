//! One connection through the proxy.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::unix;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Faults;
use super::frames::{Frame, Frames, StatementKind, Statements};

/// What others may know of a connection and do to it.
#[derive(Default)]
pub struct Link {
    pub listening: AtomicBool,
    /// It is the connection by which a node writes to the log.
    pub writes_log: AtomicBool,
    /// Nothing passes any more, and neither side is told.
    pub blackholed: AtomicBool,
    /// It is, as soon as the answer that is under way has passed.
    pub blackholed_after_answer: AtomicBool,
    /// The answer that ends the next transaction is kept from the client, and the connection is reset in its place.
    swallowing: AtomicBool,
    pub cut: CancellationToken,
}

impl Link {
    async fn stall_if_blackholed(&self) {
        if self.blackholed.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

/// The request of an append that the server has not got yet.
pub struct HeldAppend {
    bytes: BytesMut,
    go_on: CancellationToken,
    done: oneshot::Sender<bool>,
}

/// Serves one client until either side closes or the connection is cut. The client sees a reset then.
pub async fn serve(client: TcpStream, server: tokio::net::UnixStream, link: Arc<Link>, faults: Arc<Faults>) {
    let _ = client.set_zero_linger();
    let (client_read, client_write) = client.into_split();
    let (mut server_read, mut server_write) = server.into_split();
    let held = tokio::select! {
        () = link.cut.cancelled() => None,
        held = relay(client_read, client_write, &mut server_read, &mut server_write, &link, &faults) => held.ok().flatten(),
    };
    if let Some(held) = held {
        held.go_on.cancelled().await;
        let stored = forward_held_append(&held.bytes, &mut server_read, &mut server_write).await.unwrap_or(false);
        let _ = held.done.send(stored);
    }
}

/// Carries both directions. Answers what is held back when an append shall stall; the client's side is closed then.
async fn relay(
    mut client_read: OwnedReadHalf,
    client_write: OwnedWriteHalf,
    server_read: &mut unix::OwnedReadHalf,
    server_write: &mut unix::OwnedWriteHalf,
    link: &Link,
    faults: &Faults,
) -> io::Result<Option<HeldAppend>> {
    let client_write = Arc::new(tokio::sync::Mutex::new(client_write));
    tokio::select! {
        held = relay_requests(&mut client_read, &client_write, server_write, link, faults) => held,
        end = relay_responses(server_read, &client_write, link, faults) => end.map(|()| None),
    }
}

async fn relay_requests(
    client: &mut OwnedReadHalf,
    refusals: &tokio::sync::Mutex<OwnedWriteHalf>,
    server: &mut unix::OwnedWriteHalf,
    link: &Link,
    faults: &Faults,
) -> io::Result<Option<HeldAppend>> {
    let mut frames = Frames::of_client();
    let mut statements = Statements::default();
    let mut buffer = BytesMut::new();
    while client.read_buf(&mut buffer).await? > 0 {
        frames.push(&buffer.split());
        while let Some(frame) = frames.next() {
            if frame.asks_for_encryption() {
                refusals.lock().await.write_all(b"N").await?;
                continue;
            }
            match statements.classify(&frame) {
                StatementKind::Listen => faults.on_listen(link),
                StatementKind::LogSession => link.writes_log.store(true, Ordering::SeqCst),
                StatementKind::Append if faults.take_swallow() => link.swallowing.store(true, Ordering::SeqCst),
                StatementKind::Append => {
                    if let Some((go_on, done)) = faults.take_stall() {
                        let bytes = collect_append(frame, &mut frames, client).await?;
                        return Ok(Some(HeldAppend { bytes, go_on, done }));
                    }
                }
                StatementKind::Other => {}
            }
            link.stall_if_blackholed().await;
            server.write_all(&frame.bytes).await?;
        }
    }
    Ok(None)
}

/// Collects an append from its parameters to its `Sync`, whatever pieces the network makes of it.
async fn collect_append(bind: Frame, frames: &mut Frames, client: &mut OwnedReadHalf) -> io::Result<BytesMut> {
    let mut bytes = BytesMut::from(&bind.bytes[..]);
    let mut buffer = BytesMut::new();
    loop {
        while let Some(frame) = frames.next() {
            bytes.extend_from_slice(&frame.bytes);
            if frame.kind == b'S' {
                return Ok(bytes);
            }
        }
        if client.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        frames.push(&buffer.split());
    }
}

async fn relay_responses(
    server: &mut unix::OwnedReadHalf,
    client: &tokio::sync::Mutex<OwnedWriteHalf>,
    link: &Link,
    faults: &Faults,
) -> io::Result<()> {
    let mut frames = Frames::of_server();
    let mut buffer = BytesMut::new();
    let mut kept = BytesMut::new();
    while server.read_buf(&mut buffer).await? > 0 {
        frames.push(&buffer.split());
        while let Some(frame) = frames.next() {
            kept.extend_from_slice(&frame.bytes);
            if frame.kind == b'Z' && link.writes_log.load(Ordering::SeqCst) {
                faults.count_log_round_trip();
            }
            let swallowing = link.swallowing.load(Ordering::SeqCst);
            if swallowing && frame.is_ready_and_idle() {
                faults.swallowed();
                return Ok(());
            }
            if !swallowing || frame.kind == b'Z' {
                link.stall_if_blackholed().await;
                client.lock().await.write_all(&kept.split()).await?;
                faults.on_answer(&frame, link);
            }
        }
    }
    Ok(())
}

/// Lets a held append go on, and answers whether PostgreSQL has committed it.
async fn forward_held_append(
    request: &[u8],
    server: &mut unix::OwnedReadHalf,
    answers: &mut unix::OwnedWriteHalf,
) -> io::Result<bool> {
    answers.write_all(request).await?;
    let mut frames = Frames::of_server();
    let mut buffer = BytesMut::new();
    let mut stored = false;
    while server.read_buf(&mut buffer).await? > 0 {
        frames.push(&buffer.split());
        while let Some(frame) = frames.next() {
            stored |= frame.kind == b'C';
            if frame.is_ready_and_idle() {
                return Ok(stored);
            }
        }
    }
    Ok(false)
}
