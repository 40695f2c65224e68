//! Ctrl-C ends the run in order: servers stop, and their data goes.

use anyhow::{Context, bail};
use std::sync::atomic::{AtomicBool, Ordering};

/// A signal handler reaches nothing but what is global.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Watches for the signal from now on.
pub fn watch() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("cannot watch signals")?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            INTERRUPTED.store(true, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// Goes on, or does not.
pub fn check() -> anyhow::Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    Ok(())
}
