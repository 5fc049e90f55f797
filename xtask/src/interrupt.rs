//! Hearing Ctrl-C and SIGTERM, so that a command that is stopped still cleans up.
//!
//! A terminal's Ctrl-C reaches the program that a command is running as well; that one ends by
//! itself, and the command then finds the flag raised, returns, and drops what it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

/// Whether somebody wants an end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Begins to listen; from here on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// Where the system gives no handler or no thread.
    pub(crate) fn listen() -> Result<Self> {
        let raised = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime for signals")?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        let heard = raised.clone();
        // Never joined: it ends with the process.
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                });
                heard.store(true, Ordering::SeqCst);
            })?;
        Ok(Self(raised))
    }

    /// Goes on, unless somebody wants an end.
    ///
    /// # Errors
    /// Where a signal was heard.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::SeqCst) {
            bail!("stopped by a signal; everything was cleaned up");
        }
        Ok(())
    }
}
