//! Enough of PostgreSQL's protocol to know one message from the next, and an append from all else.

use std::collections::HashSet;

use bytes::{Buf, Bytes, BytesMut};

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// One message of either side, whole.
pub struct Frame {
    /// Its type; zero for those before the start, which have none.
    pub kind: u8,
    pub bytes: Bytes,
}

impl Frame {
    /// Answers what comes after type and length.
    fn body(&self) -> &[u8] {
        &self.bytes[if self.kind == 0 { 4 } else { 5 }..]
    }

    /// Answers whether the client asks for an encrypted connection.
    pub fn asks_for_encryption(&self) -> bool {
        self.kind == 0
            && self.body().get(..4).is_some_and(|mut code| matches!(code.get_u32(), SSL_REQUEST | GSS_REQUEST))
    }

    /// Answers whether the server tells an error.
    pub fn is_error(&self) -> bool {
        self.kind == b'E'
    }

    /// Answers whether it is the last message that a query gets.
    pub fn ends_an_answer(&self) -> bool {
        self.kind == b'Z'
    }

    /// Answers whether the server is ready for the next query, outside of any transaction.
    pub fn is_ready_and_idle(&self) -> bool {
        self.kind == b'Z' && self.body() == b"I"
    }
}

/// Cuts a stream of bytes into messages.
pub struct Frames {
    buffer: BytesMut,
    untyped: bool,
}

impl Frames {
    /// Begins with what a client sends.
    pub fn of_client() -> Self {
        Self { buffer: BytesMut::new(), untyped: true }
    }

    /// Begins with what a server sends.
    pub fn of_server() -> Self {
        Self { buffer: BytesMut::new(), untyped: false }
    }

    /// Takes in bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Answers the next message that is complete.
    pub fn next(&mut self) -> Option<Frame> {
        let head = usize::from(!self.untyped);
        let length = self.buffer.get(head..head + 4)?.get_u32() as usize + head;
        if self.buffer.len() < length {
            return None;
        }
        let kind = if self.untyped { 0 } else { self.buffer[0] };
        let frame = Frame { kind, bytes: self.buffer.split_to(length).freeze() };
        self.untyped = self.untyped && frame.asks_for_encryption();
        Some(frame)
    }
}

/// What a message of the client's is about, as far as faults are concerned.
#[derive(Debug, PartialEq, Eq)]
pub enum StatementKind {
    Listen,
    /// The settings of a session that writes to the log.
    LogSession,
    Append,
    Other,
}

/// Follows the prepared statements of one connection.
#[derive(Default)]
pub struct Statements {
    appends: HashSet<Vec<u8>>,
}

impl Statements {
    /// Looks at a message of the client's. An append is seen when its parameters are bound.
    pub fn classify(&mut self, frame: &Frame) -> StatementKind {
        let mut fields = frame.body().split(|byte| *byte == 0);
        let first = fields.next().unwrap_or_default();
        let second = fields.next().unwrap_or_default();
        match frame.kind {
            b'Q' => statement_kind(first),
            b'P' => {
                self.appends.remove(first);
                match statement_kind(second) {
                    StatementKind::Append => {
                        self.appends.insert(first.to_owned());
                        StatementKind::Other
                    }
                    other => other,
                }
            }
            b'B' if self.appends.contains(second) => StatementKind::Append,
            _ => StatementKind::Other,
        }
    }
}

fn statement_kind(statement: &[u8]) -> StatementKind {
    let statement = String::from_utf8_lossy(statement).trim_start().to_lowercase();
    if statement.starts_with("listen") {
        StatementKind::Listen
    } else if statement.starts_with("set application_name = 'longwave log'") {
        StatementKind::LogSession
    } else if ["log_append(", "log_change("].iter().any(|function| statement.contains(function))
        && !statement.starts_with("create")
    {
        StatementKind::Append
    } else {
        StatementKind::Other
    }
}
