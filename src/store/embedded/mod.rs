//! The embedded default: a private PostgreSQL that lives and dies with this process.
//!
//! Without a database URL the server keeps a cluster of its own under its data directory:
//!
//! ```text
//! <data_dir>/longwave.lock   held (flock) as long as the server lives; has its pid
//! <data_dir>/postgres        PGDATA
//! <data_dir>/postgres.log    what PostgreSQL says, bounded
//! <data_dir>/socket          the Unix socket, 0700; a path too long for that is in <data_dir>/socket-dir
//! ```
//!
//! Invariants:
//! - Durable as any PostgreSQL: fsync, full page writes and checksums are on.
//! - Nobody else reaches it: Unix socket only, inside a directory that only its user may enter.
//! - One process a directory. The lock dies with its holder, so a crash leaves nothing to clean up.
//! - PostgreSQL never outlives this process for long (`process` says how, and on which systems).
//! - PostgreSQL never runs as root (`run_as`).
//!
//! Lifecycle: [`Embedded::start`] runs everything that blocks on one thread, which makes the cluster if
//! there is none, starts PostgreSQL, reports, and then starts it again whenever it dies, until
//! [`Embedded::stop`] or drop. The app calls it; `longwave token` asks [`Embedded::running`].

mod binaries;
mod cluster;
mod data_dir;
mod error;
mod handle;
mod log_file;
mod options;
mod postmaster;
mod process;
mod run_as;
mod socket_dir;
mod supervisor;

pub use error::EmbeddedError;
pub use handle::Embedded;
pub use options::EmbeddedOptions;
