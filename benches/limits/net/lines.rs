//! The lines of a stream's body, whatever pieces it comes in.

use anyhow::{Context, bail, ensure};
use memchr::{memchr, memmem, memrchr};

/// Where in a stream the next byte belongs.
enum Place {
    Head,
    /// In the line with a chunk's size, as far as it was read.
    Size {
        size: usize,
        digits: usize,
    },
    /// In a chunk, with so many bytes to come.
    Chunk(usize),
    /// In the line end after a chunk, with so many bytes to come.
    ChunkEnd(usize),
    /// In a body that ends with the connection.
    Plain,
}

/// Takes a stream apart.
pub struct Lines {
    place: Place,
    /// The head, or the line, that is not complete yet.
    partial: Vec<u8>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { place: Place::Head, partial: Vec::new() }
    }
}

impl Lines {
    /// Whether the head has come.
    pub fn is_open(&self) -> bool {
        !matches!(self.place, Place::Head)
    }

    /// Takes what was read, and gives every line that is complete, without its end, to `take`.
    pub fn add(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Head => bytes = self.head(bytes)?,
                Place::Size { size, digits } => match bytes[0] {
                    b'\n' => {
                        ensure!(*size > 0 && *digits > 0, "a stream ended");
                        self.place = Place::Chunk(*size);
                        bytes = &bytes[1..];
                    }
                    b'\r' => bytes = &bytes[1..],
                    digit => {
                        let digit = char::from(digit).to_digit(16).context("a stream is not in chunks")?;
                        (*size, *digits) = (*size * 16 + digit as usize, *digits + 1);
                        ensure!(*digits < 8, "a chunk is too large");
                        bytes = &bytes[1..];
                    }
                },
                Place::Chunk(left) => {
                    let (chunk, rest) = bytes.split_at(bytes.len().min(*left));
                    *left -= chunk.len();
                    if *left == 0 {
                        self.place = Place::ChunkEnd(2);
                    }
                    self.body(chunk, take)?;
                    bytes = rest;
                }
                Place::ChunkEnd(left) => {
                    *left -= 1;
                    if *left == 0 {
                        self.place = Place::Size { size: 0, digits: 0 };
                    }
                    bytes = &bytes[1..];
                }
                Place::Plain => {
                    self.body(bytes, take)?;
                    bytes = &[];
                }
            }
        }
        Ok(())
    }

    /// Takes of the head what there is of it; answers the rest.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> anyhow::Result<&'a [u8]> {
        let before = self.partial.len();
        self.partial.extend_from_slice(bytes);
        let Some(end) = memmem::find(&self.partial, b"\r\n\r\n") else { return Ok(&[]) };
        let head = self.partial[..end].to_ascii_lowercase();
        if !head.starts_with(b"http/1.1 200") {
            bail!("a stream was refused: {}", String::from_utf8_lossy(&self.partial));
        }
        let chunked = memmem::find(&head, b"\r\ntransfer-encoding: chunked").is_some();
        self.place = if chunked { Place::Size { size: 0, digits: 0 } } else { Place::Plain };
        // An idle stream keeps no buffer.
        self.partial = Vec::new();
        Ok(&bytes[end + 4 - before..])
    }

    fn body(&mut self, mut piece: &[u8], take: &mut impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if !self.partial.is_empty() {
            let Some(end) = memchr(b'\n', piece) else {
                self.partial.extend_from_slice(piece);
                return Ok(());
            };
            self.partial.extend_from_slice(&piece[..end]);
            take(&self.partial)?;
            self.partial.clear();
            piece = &piece[end + 1..];
        }
        let Some(last) = memrchr(b'\n', piece) else {
            self.partial.extend_from_slice(piece);
            return Ok(());
        };
        for line in piece[..last].split(|byte| *byte == b'\n') {
            take(line)?;
        }
        self.partial.extend_from_slice(&piece[last + 1..]);
        Ok(())
    }
}
