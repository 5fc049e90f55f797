//! Ctrl-C, SIGTERM and the end of the terminal set a flag, so that a command that is stopped still cleans up.
//!
//! A terminal's Ctrl-C also reaches the program that a command is running; that program ends by
//! itself, and the command then finds the flag, returns, and drops what it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::signal::unix::{SignalKind, signal};

/// Whether a signal was received.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Starts to listen; from here on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// If the system provides no handler or no thread.
    pub(crate) fn listen() -> Result<Self> {
        let received = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime for signals")?;
        let entered = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        drop(entered);
        let flag = received.clone();
        // Never joined: it ends with the process.
        std::thread::Builder::new().spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
            });
            flag.store(true, Ordering::SeqCst);
        })?;
        Ok(Self(received))
    }

    /// Waits for a signal.
    pub(crate) fn wait(&self) {
        while !self.0.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns unless a signal was received.
    ///
    /// # Errors
    /// If a signal was received.
    pub(crate) fn check(&self) -> Result<()> {
        let received = self.0.load(Ordering::SeqCst);
        ensure!(!received, "stopped by a signal; everything was cleaned up");
        Ok(())
    }
}
