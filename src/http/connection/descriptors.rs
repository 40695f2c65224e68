//! How many file descriptors the process may have, and which part of them connections may take.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is asked for where the system sets no hard limit. Linux allows no more by default.
const MAX_DESCRIPTORS: u64 = 1 << 20;
/// Most descriptors that are kept back: those of PostgreSQL's connections, of files, and of outgoing requests.
const MAX_RESERVED_DESCRIPTORS: u64 = 4_096;

/// Raises the limit of descriptors to the hard one, and answers how many of them may be open when one more connection is
/// accepted. Shells and service managers start processes with 1,024, which is for programs that still call `select`.
pub fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(MAX_DESCRIPTORS);
    // Not allowed in some sandboxes: the server then does with what it has.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(hard), maximum: limit.maximum });
    connection_limit(getrlimit(Resource::Nofile).current.unwrap_or(MAX_DESCRIPTORS))
}

/// What connections may take of so many descriptors: all but a quarter, or a reserve that is enough for any node.
fn connection_limit(descriptors: u64) -> u64 {
    descriptors - (descriptors / 4).min(MAX_RESERVED_DESCRIPTORS)
}

#[cfg(test)]
#[path = "tests/descriptors.rs"]
mod tests;
