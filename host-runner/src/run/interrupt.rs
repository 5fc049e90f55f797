//! The end of a run by a signal.
//!
//! Two seconds are all there is: Kestra's worker has closed our streams by then and waits for us. So
//! what must not be lost comes first, the durable event; then, where `on_interrupt: cancel` says so, the
//! service is asked to stop the run, for as long as the rest of the time allows; then what came of it is
//! stored and told. Nothing here waits for anybody beyond that, and no second signal is heard.

use std::sync::Arc;
use std::time::Duration;

use super::busy::retry_while_busy;
use super::cancel::{CancelError, CancelStatus, Cancelled, cancel, note_of};
use super::ports::Run;
use super::session::{AuditHandle, Session};
use super::signals::signal_name;
use crate::audit_log::event::{Detail, Interrupted};
use crate::config::{OnInterrupt, ResolvedTarget};
use crate::report::{Level, Signal};
use crate::verdict::{Sent, Status, Verdict};

/// How long an interrupted run may wait for a locked record, from the signal.
const LAST_WORDS: Duration = Duration::from_millis(1200);

/// Until when the service may answer, from the signal. What is left of the two seconds is for the note
/// and for the end of the process.
const LAST_CALL: Duration = Duration::from_millis(1600);

/// The pause between two looks for a run whose id at the service is not known yet.
const LOOK_AGAIN: Duration = Duration::from_millis(400);

/// Until when the note may wait for a locked record, from the signal.
const LAST_NOTE: Duration = Duration::from_millis(1800);

/// What came of asking the service to stop a run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stop {
    /// It answered.
    Answered(CancelStatus, String),
    /// Nobody knows which run it is, so nobody was asked.
    NotKnown,
    /// It refused, or could not be asked: why.
    Refused(String),
    /// It had not answered when the time was over.
    NoAnswer,
}

/// Ends a run by a signal: a durable event, a stop at the service where that is wanted, and a verdict
/// that says what goes on.
pub(super) async fn interrupted(
    session: &Session,
    target: &ResolvedTarget,
    run: &Arc<Run>,
    signal: Signal,
    on_interrupt: OnInterrupt,
) -> Verdict {
    let heard_at = session.clock.monotonic();
    let sent = run.known().sent;
    let event = Detail::Interrupted(Interrupted {
        signal: signal_name(signal).to_owned(),
        sent,
        message: what_is_known(sent, on_interrupt).to_owned(),
    });
    if let Err(error) = run.store(event, LAST_WORDS).await {
        session.reporter.log(
            Level::Error,
            &format!("the interruption could not be stored, the intent and what was seen before it are: {error}"),
        );
    }
    let _ = run.audit_log.finish(&run.info.run);
    let stop = match (sent, on_interrupt) {
        (Sent::No, _) | (_, OnInterrupt::Leave) => None,
        (_, OnInterrupt::Cancel) => Some(stop(session, target, run, heard_at).await),
    };
    told(signal, sent, &run.info.run, stop.as_ref())
}

/// Asks the service to stop the run, and stores what came of it.
async fn stop(
    session: &Session,
    target: &ResolvedTarget,
    run: &Arc<Run>,
    heard_at: Duration,
) -> Stop {
    let left = |until: Duration| {
        let passed = session.clock.monotonic().saturating_sub(heard_at);
        until.saturating_sub(passed)
    };
    let last = session.in_its_last_moments();
    let asking = async {
        loop {
            match ask(&last, target, run).await {
                // A run shows itself a moment after its trigger.
                Stop::NotKnown => session.clock.sleep(LOOK_AGAIN).await,
                other => return other,
            }
        }
    };
    let asked = tokio::select! {
        biased;
        asked = asking => asked,
        () = session.clock.sleep(left(LAST_CALL)) => match run.audit_log.run(&run.info.run) {
            Ok(Some(view)) if view.service_run.is_empty() => Stop::NotKnown,
            _ => Stop::NoAnswer,
        },
    };
    // Looking for the run holds it again; nobody shall have to wait until that runs out.
    let _ = run.audit_log.finish(&run.info.run);
    // An answer is in the audit log already, with what the service said beside it.
    if let Some(detail) = asked.note() {
        let stored = retry_while_busy(&session.clock, left(LAST_NOTE), || {
            run.audit_log.append(&run.info, detail.clone())
        });
        match stored.await {
            Ok(receipt) => run.known().last_event = receipt.number,
            Err(error) => session.reporter.log(
                Level::Warn,
                &format!("what came of stopping the run could not be stored: {error}"),
            ),
        }
    } else if let Ok(Some(view)) = run.audit_log.run(&run.info.run) {
        run.known().last_event = view.last_event;
    }
    asked
}

async fn ask(session: &Session, target: &ResolvedTarget, run: &Arc<Run>) -> Stop {
    let audit = AuditHandle {
        audit_log: run.audit_log.clone(),
        key: run.info.key.clone(),
    };
    let view = match audit.audit_log.run(&run.info.run) {
        Ok(Some(view)) => view,
        Ok(None) => return Stop::NotKnown,
        Err(error) => return Stop::Refused(error.to_string()),
    };
    // Boxed, because looking for the run follows it, and a follow can be interrupted: not this one, which
    // hears no signal.
    match Box::pin(cancel(session, &audit, target, view)).await {
        Ok(Cancelled {
            status, message, ..
        }) => Stop::Answered(status, message),
        Err(CancelError::Verdict(verdict)) => {
            let known = audit.audit_log.run(&run.info.run).ok().flatten();
            match known {
                Some(view) if view.service_run.is_empty() => Stop::NotKnown,
                _ => Stop::Refused(verdict.message),
            }
        }
        Err(CancelError::AuditLog(error)) => Stop::Refused(error.to_string()),
        // Signals are no longer heard.
        Err(CancelError::Stopped(_)) => Stop::NoAnswer,
    }
}

impl Stop {
    fn answer(&self) -> Option<CancelStatus> {
        match self {
            Self::Answered(status, _) => Some(*status),
            _ => None,
        }
    }

    /// What is stored where the service did not answer.
    fn note(&self) -> Option<Detail> {
        let answer = match self {
            Self::Answered(..) => return None,
            Self::NotKnown => "not_asked",
            Self::Refused(_) => "refused",
            Self::NoAnswer => "no_response",
        };
        Some(note_of(answer, &self.words(), "", ""))
    }

    /// What came of it, in a sentence.
    fn words(&self) -> String {
        match self {
            Self::Answered(CancelStatus::NotFound, message) => format!("{message} It may go on."),
            Self::Answered(_, message) => message.clone(),
            Self::NotKnown => "The service could not be asked to stop the run, because its id there is not known yet; if it has begun, it goes on.".to_owned(),
            Self::Refused(why) => {
                format!("The service could not be brought to stop the run, which goes on: {why}")
            }
            Self::NoAnswer => "The service gave no answer to the wish to stop the run in the time that a signal leaves; the run may go on.".to_owned(),
        }
    }
}

/// What is known when the signal comes.
fn what_is_known(sent: Sent, on_interrupt: OnInterrupt) -> &'static str {
    match (sent, on_interrupt) {
        (Sent::No, _) => "nothing was sent",
        (Sent::Maybe, OnInterrupt::Leave) => {
            "the trigger may have been sent; the refresh may be running"
        }
        (Sent::Yes, OnInterrupt::Leave) => "the refresh was sent and goes on at the service",
        (Sent::Maybe, OnInterrupt::Cancel) => {
            "the trigger may have been sent; if it was, the service is asked to stop the refresh"
        }
        (Sent::Yes, OnInterrupt::Cancel) => {
            "the refresh was sent, and the service is asked to stop it"
        }
    }
}

fn told(signal: Signal, sent: Sent, run: &str, stop: Option<&Stop>) -> Verdict {
    let name = signal_name(signal);
    let message = match stop {
        None => format!(
            "stopped by {name}: {}",
            what_is_known(sent, OnInterrupt::Leave)
        ),
        Some(stop) => format!("stopped by {name}. {}", stop.words()),
    };
    let hint = match (sent, stop.map(Stop::answer)) {
        (Sent::No, _) => "start again when you like".to_owned(),
        (_, None) => format!(
            "`host-runner follow {run}` says what became of it; another start with the same key follows it too"
        ),
        (_, Some(Some(CancelStatus::Requested | CancelStatus::AlreadyConcluded))) => {
            format!("`host-runner follow {run}` says what became of it")
        }
        (_, Some(_)) => format!(
            "`host-runner cancel {run}` asks again; `host-runner follow {run}` says what became of it"
        ),
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
    fn without_a_stop_the_verdict_says_what_goes_on() {
        let told = told(Signal::Terminate, Sent::Yes, "r", None);
        assert_eq!(told.status, Status::Interrupted);
        assert!(told.message.contains("SIGTERM") && told.message.contains("goes on"));
        assert!(told.hint.contains("follow r"));
        assert!(!told.retryable);
    }

    #[test]
    fn only_an_answer_of_the_service_is_told_as_one() {
        let requested = Stop::Answered(CancelStatus::Requested, "It is stopping.".to_owned());
        for (stop, words, hint) in [
            (requested, "It is stopping.", "`host-runner follow r` says"),
            (
                Stop::Answered(CancelStatus::NotFound, "Not known.".to_owned()),
                "It may go on",
                "cancel r",
            ),
            (Stop::NotKnown, "not known yet", "cancel r"),
            (Stop::NoAnswer, "may go on", "cancel r"),
            (Stop::Refused("403".to_owned()), "goes on: 403", "cancel r"),
        ] {
            let told = told(Signal::Interrupt, Sent::Yes, "r", Some(&stop));
            assert_eq!(told.status, Status::Interrupted);
            assert!(told.message.contains("SIGINT"), "{}", told.message);
            assert!(told.message.contains(words), "{}", told.message);
            assert!(told.hint.contains(hint), "{}", told.hint);
        }
    }
}
