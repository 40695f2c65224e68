//! Answers with a length.

use anyhow::{Context, bail, ensure};
use memchr::memmem;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Reads an answer; none if it is not complete.
    pub fn parse(bytes: &'a [u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let head = &bytes[..end];
        let status = head.get(9..12).and_then(|status| str::from_utf8(status).ok()?.parse().ok());
        let status = status.with_context(|| format!("not an answer: {}", String::from_utf8_lossy(head)))?;
        let length = match status {
            204 => 0,
            _ => length(head).with_context(|| format!("no length: {}", String::from_utf8_lossy(head)))?,
        };
        let body = &bytes[end + 4..];
        ensure!(body.len() <= length, "an answer is longer than it says");
        Ok((body.len() == length).then_some(Self { status, body }))
    }

    /// The body of an answer that says yes.
    pub fn success(self) -> anyhow::Result<&'a [u8]> {
        if !(200..300).contains(&self.status) {
            bail!("the answer is {} {}", self.status, String::from_utf8_lossy(self.body));
        }
        Ok(self.body)
    }
}

fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?;
    str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok()
}

/// The beginning of an answer that is not complete yet.
#[derive(Default)]
pub struct Partial {
    bytes: Vec<u8>,
    /// Whether they were an answer, which has been taken.
    taken: bool,
}

impl Partial {
    /// Adds what was read; answers the answer once it is complete.
    pub fn add<'a>(&'a mut self, read: &'a [u8]) -> anyhow::Result<Option<Answer<'a>>> {
        if self.taken {
            self.bytes.clear();
            self.taken = false;
        }
        if self.bytes.is_empty() {
            match Answer::parse(read)? {
                Some(answer) => return Ok(Some(answer)),
                None => self.bytes.extend_from_slice(read),
            }
            return Ok(None);
        }
        self.bytes.extend_from_slice(read);
        let answer = Answer::parse(&self.bytes)?;
        self.taken = answer.is_some();
        Ok(answer)
    }
}
