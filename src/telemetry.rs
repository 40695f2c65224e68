//! Logging: to stderr, one line a log event, filtered by `RUST_LOG`.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Installs the subscriber that writes log events to stderr. `RUST_LOG` filters them; the default is `info`.
pub fn init() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // Fails when a subscriber is installed already, as by an earlier test in the same process.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).try_init();
}

/// Formats an error with all its causes on one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", error_chain(cause)),
        None => error.to_string(),
    }
}
