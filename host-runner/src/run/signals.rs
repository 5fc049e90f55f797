//! SIGINT and SIGTERM.
//!
//! Kestra's kill sends SIGTERM and closes our streams; Ctrl-C sends SIGINT. Either ends the run with
//! a durable event, so a signal is a value that waiting code selects on, never a handler that does
//! work. A second signal is ignored: handling the first one takes less than two seconds.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::report::Signal;

/// The first signal that the process receives. Clones share it.
#[derive(Debug, Clone)]
pub struct Signals {
    /// None if nothing is received.
    first: Option<watch::Receiver<Option<Signal>>>,
}

impl Signals {
    /// Begins to listen. From here on the signals no longer end the process by themselves. Needs a
    /// runtime.
    ///
    /// # Errors
    /// If the system provides no handlers.
    pub fn listen() -> std::io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // A handler makes a write beyond the limit for files an error instead of the end of the process.
        let _ = signal(SignalKind::from_raw(libc::SIGXFSZ))?;
        let (sender, first) = watch::channel(None);
        tokio::spawn(async move {
            let received = tokio::select! {
                Some(()) = interrupt.recv() => Signal::Interrupt,
                Some(()) = terminate.recv() => Signal::Terminate,
                else => return,
            };
            sender.send_replace(Some(received));
            // Keeps the channel open for receivers that wait later.
            sender.closed().await;
        });
        Ok(Self { first: Some(first) })
    }

    /// Listens to nothing: for an operation that may end at any time, and for the work that is left
    /// after the first signal.
    #[must_use]
    pub fn none() -> Self {
        Self { first: None }
    }

    pub(super) fn is_none(&self) -> bool {
        self.first.is_none()
    }

    /// The signal, if one was received.
    #[must_use]
    pub fn received(&self) -> Option<Signal> {
        self.first.as_ref().and_then(|first| *first.borrow())
    }

    /// Waits for the signal; forever if none comes.
    pub async fn wait(&mut self) -> Signal {
        let Some(first) = &mut self.first else {
            return std::future::pending().await;
        };
        match first.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            _ => std::future::pending().await,
        }
    }
}
