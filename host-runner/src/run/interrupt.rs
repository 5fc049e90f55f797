//! The end of a run after a signal.
//!
//! There are two seconds: Kestra's worker has closed our streams by then and waits for us. So the
//! durable event, which must not be lost, comes first. Nothing here waits longer, and further signals
//! are ignored.

use std::time::Duration;

use super::active_run::{FinishedRun, Stopped};
use crate::audit_log::event::{Detail, Interrupted};
use crate::config::OnInterrupt;
use crate::contract::refresh::CancellationStatus;
use crate::report::{Level, Signal};
use crate::verdict::{Sent, Status, Verdict};

/// How long storing the interruption may wait for a locked audit log.
const STORE_LIMIT: Duration = Duration::from_millis(1200);

/// The result of asking the service to stop an interrupted run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopResult {
    /// The service answered.
    Answered(CancellationStatus, String),
    /// The id of the run at the service is not known, so the service was not asked.
    RunNotKnown,
    /// The service refused or could not be asked: why.
    Refused(String),
    /// The service did not respond in time.
    NoResponse,
}

impl StopResult {
    /// Whether the run has ended or is about to.
    fn is_done(&self) -> bool {
        matches!(self, Self::Answered(status, _) if *status != CancellationStatus::NotFound)
    }

    /// The result in a sentence.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Answered(CancellationStatus::NotFound, message) => {
                format!("{message} It may still be running.")
            }
            Self::Answered(_, message) => message.clone(),
            Self::RunNotKnown => "The service could not be asked to stop the run because its id is not known yet. If the run has started, it keeps running.".to_owned(),
            Self::Refused(why) => {
                format!("The service did not stop the run, which keeps running: {why}")
            }
            Self::NoResponse => "The service did not respond in time to the request to stop the run, which may still be running.".to_owned(),
        }
    }
}

impl Stopped {
    /// Stores the interruption and releases the run. Returns whether the trigger was sent.
    pub(super) async fn record(&self, on_interrupt: OnInterrupt) -> Sent {
        let run = &self.run;
        let sent = run.progress().sent;
        let event = Detail::Interrupted(Interrupted {
            signal: self.signal.name().to_owned(),
            sent,
            message: state(sent, on_interrupt).to_owned(),
        });
        if let Err(error) = run.store(event, STORE_LIMIT).await {
            let message = format!(
                "the interruption could not be stored; the audit log holds everything before it: {error}"
            );
            run.reporter.log(Level::Error, &message);
        }
        let _ = run.audit_log.finish(&run.info.run);
        sent
    }

    /// Ends the run here and leaves it running at the service.
    pub(super) async fn leave(self) -> FinishedRun {
        let sent = self.record(OnInterrupt::Leave).await;
        self.finished(sent, None)
    }

    /// The run with the verdict on its interruption.
    pub(super) fn finished(&self, sent: Sent, stop: Option<&StopResult>) -> FinishedRun {
        let verdict = verdict(self.signal, sent, &self.run.info.run, stop);
        self.run.finished(verdict).interrupted_by(self.signal)
    }
}

/// What is known when the signal arrives.
fn state(sent: Sent, on_interrupt: OnInterrupt) -> &'static str {
    use OnInterrupt::{Cancel, Leave};
    match (sent, on_interrupt) {
        (Sent::No, _) => "nothing was sent",
        (Sent::Maybe, Leave) => "the trigger may have been sent; the refresh may be running",
        (Sent::Yes, Leave) => "the refresh was sent and keeps running at the service",
        (Sent::Maybe, Cancel) => "the trigger may have been sent; a refresh is to be stopped",
        (Sent::Yes, Cancel) => "the refresh was sent, and the service is asked to stop it",
    }
}

fn verdict(signal: Signal, sent: Sent, run: &str, stop: Option<&StopResult>) -> Verdict {
    let name = signal.name();
    let message = match stop {
        None => format!("stopped by {name}: {}", state(sent, OnInterrupt::Leave)),
        Some(stop) => format!("stopped by {name}. {}", stop.message()),
    };
    let follow = format!("run `host-runner follow {run}` for the outcome");
    let hint = match (sent, stop) {
        (Sent::No, _) => "start again".to_owned(),
        (_, None) => format!("{follow}; another start with the same key follows the run too"),
        (_, Some(stop)) if stop.is_done() => follow,
        (_, Some(_)) => format!("run `host-runner cancel {run}` to try again; {follow}"),
    };
    Verdict {
        sent,
        retryable: sent == Sent::No,
        ..Verdict::not_sent(Status::Interrupted, "interrupted", message, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_stop_the_verdict_says_that_the_run_keeps_running() {
        let verdict = verdict(Signal::Terminate, Sent::Yes, "r", None);
        assert_eq!(verdict.status, Status::Interrupted);
        assert!(verdict.message.contains("SIGTERM") && verdict.message.contains("keeps running"));
        assert!(verdict.hint.contains("follow r"));
        assert!(!verdict.retryable);
    }

    #[test]
    fn only_an_answer_of_the_service_counts_as_a_stop() {
        let answered = |status, message: &str| StopResult::Answered(status, message.to_owned());
        let requested = answered(
            CancellationStatus::Requested,
            "The service is stopping the run.",
        );
        let not_found = answered(CancellationStatus::NotFound, "Not found.");
        let refused = StopResult::Refused("403".to_owned());
        for (stop, message, hint) in [
            (requested, "is stopping", "run `host-runner follow r`"),
            (not_found, "may still be running", "cancel r"),
            (StopResult::RunNotKnown, "not known yet", "cancel r"),
            (StopResult::NoResponse, "may still be running", "cancel r"),
            (refused, "keeps running: 403", "cancel r"),
        ] {
            let verdict = verdict(Signal::Interrupt, Sent::Yes, "r", Some(&stop));
            assert_eq!(verdict.status, Status::Interrupted);
            assert!(verdict.message.contains("SIGINT"), "{}", verdict.message);
            assert!(verdict.message.contains(message), "{}", verdict.message);
            assert!(verdict.hint.contains(hint), "{}", verdict.hint);
        }
    }
}
