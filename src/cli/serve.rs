//! `longwave serve`.

use super::startup_text::startup_text;
use crate::config::Config;
use crate::{app, http, shutdown};
use anyhow::Context;
use std::io::Write;
use tokio_util::sync::CancellationToken;

/// Serves until Ctrl-C or SIGTERM. Prints [`startup_text`] once requests are accepted.
///
/// # Errors
/// The address cannot be listened on, or the server cannot start or stop.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    tokio::spawn(async move {
        shutdown::signal_received().await;
        on_signal.cancel();
    });
    let listener = http::listen(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
    let text = startup_text(listener.local_addr()?, &config.database);
    app::run(config, listener, stop, || print(&text)).await
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Fails when stdout is a closed pipe, which is no reason not to serve.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
