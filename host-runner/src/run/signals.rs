//! SIGINT and SIGTERM: heard once, by everybody who waits.
//!
//! Kestra's kill sends SIGTERM and closes our streams; Ctrl-C sends SIGINT. Either ends the run
//! with a durable event, so a signal is a value that waiting code selects on, never a handler that
//! does work. A second signal changes nothing: the first one's end takes less than two seconds.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::report::Signal;

/// Hears the signals. Clones hear the same one.
#[derive(Debug, Clone)]
pub struct Stops {
    /// Nothing where no more signals are heard.
    heard: Option<watch::Receiver<Option<Signal>>>,
}

impl Stops {
    /// Begins to listen; from here on the signals no longer end the process by themselves. Needs
    /// a runtime.
    ///
    /// # Errors
    /// Where the system gives no handler.
    pub fn listen() -> std::io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (tell, heard) = watch::channel(None);
        tokio::spawn(async move {
            let stop = tokio::select! {
                Some(()) = interrupt.recv() => Signal::Interrupt,
                Some(()) = terminate.recv() => Signal::Terminate,
                else => return,
            };
            tell.send_replace(Some(stop));
            // Kept open, so that whoever asks later still hears it.
            tell.closed().await;
        });
        Ok(Self { heard: Some(heard) })
    }

    /// Hears nothing: for what is still done after the signal was heard.
    #[must_use]
    pub(super) fn deaf() -> Self {
        Self { heard: None }
    }

    /// Whether the signal was heard before, and what goes on are an invocation's last moments.
    #[must_use]
    pub(super) fn are_deaf(&self) -> bool {
        self.heard.is_none()
    }

    /// The signal, if one was heard.
    #[must_use]
    pub fn heard(&self) -> Option<Signal> {
        self.heard.as_ref().and_then(|heard| *heard.borrow())
    }

    /// Ends with the signal; never, if none comes.
    pub async fn stopped(&mut self) -> Signal {
        let Some(heard) = &mut self.heard else {
            return std::future::pending().await;
        };
        match heard.wait_for(Option::is_some).await.map(|stop| *stop) {
            Ok(Some(stop)) => stop,
            _ => std::future::pending().await,
        }
    }
}

/// The signal's name.
#[must_use]
pub(super) fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Interrupt => "SIGINT",
        Signal::Terminate => "SIGTERM",
    }
}
