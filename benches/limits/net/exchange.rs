//! Many requests whose answers are wanted, and nothing measured.

use super::answer::Partial;
use super::epoll::Epoll;
use super::socket::{SCRATCH_BYTES, Socket};
use crate::interrupt;
use anyhow::ensure;
use std::net::SocketAddr;
use std::time::Duration;

/// Requests that are under way at the same time.
const AT_ONCE: usize = 64;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

struct Line {
    socket: Socket,
    partial: Partial,
    /// Which request is under way.
    asked: Option<usize>,
}

/// Asks everything; gives each answer's body to `take`, with the number of its request, in any order.
///
/// # Errors
/// Also any answer that says no.
pub fn exchange(
    address: SocketAddr,
    requests: impl IntoIterator<Item = Vec<u8>>,
    mut take: impl FnMut(usize, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut requests = requests.into_iter().enumerate();
    let mut epoll = Epoll::make()?;
    let mut lines = Vec::new();
    for (number, request) in requests.by_ref().take(AT_ONCE) {
        let mut socket = Socket::connect(address)?;
        socket.send(&request)?;
        epoll.add(&socket, number as u64)?;
        lines.push(Line { socket, partial: Partial::default(), asked: Some(number) });
    }
    let (mut scratch, mut ready) = (vec![0; SCRATCH_BYTES], Vec::new());
    while lines.iter().any(|line| line.asked.is_some()) {
        interrupt::check()?;
        epoll.wait(PATIENCE, &mut ready)?;
        ensure!(!ready.is_empty(), "no answer for {PATIENCE:?}");
        for token in &ready {
            let line = &mut lines[*token as usize];
            let read = line.socket.read(&mut scratch)?;
            let Some(answer) = line.partial.add(read)? else { continue };
            if let Some(number) = line.asked.take() {
                take(number, answer.success()?)?;
            }
            if let Some((number, request)) = requests.next() {
                line.socket.send(&request)?;
                line.asked = Some(number);
            }
        }
    }
    Ok(())
}
