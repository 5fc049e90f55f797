//! Ctrl-C, SIGTERM and SIGHUP end a thread instead of the process, so that a command that is stopped
//! still cleans up.
//!
//! A terminal's Ctrl-C also reaches the program that a command is running; that program ends by
//! itself, and the command then finds that thread ended, returns, and drops what it holds.

use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};
use tokio::signal::unix::{SignalKind, signal};

/// A thread that ends with the first signal, or with the process.
#[derive(Debug)]
pub(crate) struct Interrupt(JoinHandle<()>);

impl Interrupt {
    /// Starts to listen; from here on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// If the system provides no handler or no thread.
    pub(crate) fn listen() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime for signals")?;
        let entered = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        drop(entered);
        let thread = std::thread::Builder::new().spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
            });
        })?;
        Ok(Self(thread))
    }

    /// Waits for a signal.
    pub(crate) fn wait(self) {
        // The thread does nothing that could panic.
        let _ = self.0.join();
    }

    /// Returns unless a signal was received.
    ///
    /// # Errors
    /// If a signal was received.
    pub(crate) fn check(&self) -> Result<()> {
        let received = self.0.is_finished();
        ensure!(!received, "stopped by a signal; everything was cleaned up");
        Ok(())
    }
}
