//! Asks the service to stop a run of ours: for `host-runner cancel`, and after a signal.

use std::sync::Arc;
use std::time::Duration;

use super::active_run::{ActiveRun, FinishedRun, Stopped, retry_while_busy};
use super::call::Call;
use super::follow::follow_recorded;
use super::interrupt::StopResult;
use super::request;
use super::session::{AuditHandle, OperationError, Session};
use crate::audit_log::event::{Detail, Note};
use crate::audit_log::{RunState, RunView};
use crate::config::{OnInterrupt, ResolvedTarget};
use crate::contract::refresh::{CancelRequest, Cancellation, CancellationStatus};
use crate::report::Level;
use crate::verdict::{Sent, Status};

/// When the service must have responded, after a signal. The rest of the two seconds is for the note
/// and for the end of the process.
const RESPONSE_LIMIT: Duration = Duration::from_millis(1600);

/// Until when the note may wait for a locked audit log, after a signal.
const NOTE_LIMIT: Duration = Duration::from_millis(1800);

/// The pause between two searches for a run whose id at the service is not known yet.
const SEARCH_PAUSE: Duration = Duration::from_millis(400);

impl CancellationStatus {
    /// The name in outputs and in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::AlreadyConcluded => "already_concluded",
            Self::NotFound => "not_found",
        }
    }
}

/// Asks the service to stop this run. If its id at the service is not known yet, it is looked for once.
///
/// # Errors
/// [`OperationError`]; then the service was not asked.
pub async fn cancel(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    view: RunView,
) -> Result<Cancellation, OperationError> {
    let concluded = |message: String, service_run: String| Cancellation {
        status: CancellationStatus::AlreadyConcluded,
        service_run,
        message,
        poll_from: None,
    };
    let view = match view.state() {
        RunState::NotSent | RunState::NeverStarted => {
            let message = "nothing of this run was sent, so there is nothing to stop";
            return Ok(concluded(message.to_owned(), String::new()));
        }
        RunState::Ended(status) if status != Status::Accepted => {
            let message = format!("the run has already ended: {}", status.name());
            return Ok(concluded(message, view.service_run));
        }
        _ if !view.service_run.is_empty() => view,
        _ => {
            let run = view.run.run.clone();
            let finished = follow_recorded(session, audit, target, view).await?;
            let verdict = finished.verdict;
            if let Some(signal) = finished.invocation.signal {
                return Err(OperationError::Interrupted(signal));
            }
            if let Status::Completed | Status::Failed | Status::Cancelled = verdict.status {
                let message = format!("the run has already ended: {}", verdict.message);
                return Ok(concluded(message, verdict.service_run));
            }
            let view = audit.audit_log.run(&run)?;
            let matched = view.filter(|view| !view.service_run.is_empty());
            matched.ok_or(verdict)?
        }
    };
    let cancellation = request_stop(session, target, &view).await?;
    let note = note(
        cancellation.status.name(),
        &cancellation.message,
        &cancellation.service_run,
        cancellation.poll_from.as_deref().unwrap_or_default(),
    );
    // The request holds even if the audit log does not show who made it.
    if let Err(error) = audit.audit_log.append(&view.run, note) {
        let message = format!("the request to stop the run could not be stored: {error}");
        session.reporter.log(Level::Warn, &message);
    }
    Ok(cancellation)
}

async fn request_stop(
    session: &Session,
    target: &ResolvedTarget,
    view: &RunView,
) -> Result<Cancellation, OperationError> {
    let request = CancelRequest {
        run_id: view.run.run.clone(),
        name: target.name.clone(),
        target: target.wit.clone(),
        call_context: request::call_context(target, session.clock.now(), target.timeout),
        service_run: view.service_run.clone(),
    };
    let call = Call {
        session,
        target: Some(target),
        run: None,
        leases: None,
        limit: target.deadline,
    };
    let called = call.make(async |instance| {
        let exports = instance.exports.powerbi_refresh_refresh();
        let store = &mut instance.store;
        exports.call_cancel_refresh(store, &request).await
    });
    let answer = called.await?;
    answer.map_err(|error| session.boundary.explain(error.into()).into())
}

/// The note on a request to stop a run.
fn note(answer: &str, message: &str, service_run: &str, poll_from: &str) -> Detail {
    Detail::Note(Note {
        topic: Note::CANCEL.to_owned(),
        message: message.to_owned(),
        fields: vec![
            ("answer".to_owned(), answer.to_owned()),
            ("service_run".to_owned(), service_run.to_owned()),
            (Note::POLL_FROM.to_owned(), poll_from.to_owned()),
        ],
    })
}

/// Ends a run after a signal: stores the interruption and, with `on_interrupt: cancel`, asks the service
/// to stop the run for as long as the two seconds allow.
pub(super) async fn end_interrupted(
    session: &Session,
    target: &ResolvedTarget,
    stopped: Stopped,
    on_interrupt: OnInterrupt,
) -> FinishedRun {
    let received_at = session.clock.monotonic();
    let sent = stopped.record(on_interrupt).await;
    let stop = match (sent, on_interrupt) {
        (Sent::No, _) | (_, OnInterrupt::Leave) => None,
        (_, OnInterrupt::Cancel) => Some(stop(session, target, &stopped.run, received_at).await),
    };
    stopped.finished(sent, stop.as_ref())
}

/// Asks the service to stop an interrupted run, and stores the result.
async fn stop(
    session: &Session,
    target: &ResolvedTarget,
    run: &Arc<ActiveRun>,
    received_at: Duration,
) -> StopResult {
    let left = |limit: Duration| {
        let passed = session.clock.monotonic().saturating_sub(received_at);
        limit.saturating_sub(passed)
    };
    let session = session.after_signal();
    let stopping = async {
        loop {
            match stop_once(&session, target, run).await {
                // A run appears in the history a moment after its trigger.
                StopResult::RunNotKnown => session.clock.sleep(SEARCH_PAUSE).await,
                other => return other,
            }
        }
    };
    let result = tokio::select! {
        biased;
        result = stopping => result,
        () = session.clock.sleep(left(RESPONSE_LIMIT)) => match run.audit_log.run(&run.info.run) {
            Ok(Some(view)) if view.service_run.is_empty() => StopResult::RunNotKnown,
            _ => StopResult::NoResponse,
        },
    };
    // The search took the run again; releasing it saves others from waiting for the end of its lease.
    let _ = run.audit_log.finish(&run.info.run);
    let answer = match &result {
        // `cancel` has stored the answer, with more details.
        StopResult::Answered(..) => {
            if let Ok(Some(view)) = run.audit_log.run(&run.info.run) {
                run.progress().last_event = view.last_event;
            }
            return result;
        }
        StopResult::RunNotKnown => "not_asked",
        StopResult::Refused(_) => "refused",
        StopResult::NoResponse => "no_response",
    };
    let note = note(answer, &result.message(), "", "");
    let stored = retry_while_busy(&session.clock, left(NOTE_LIMIT), || {
        run.audit_log.append(&run.info, note.clone())
    });
    match stored.await {
        Ok(receipt) => run.progress().last_event = receipt.number,
        Err(error) => {
            let message = format!("the result of stopping the run could not be stored: {error}");
            session.reporter.log(Level::Warn, &message);
        }
    }
    result
}

async fn stop_once(session: &Session, target: &ResolvedTarget, run: &ActiveRun) -> StopResult {
    let audit = AuditHandle {
        audit_log: run.audit_log.clone(),
        key: run.info.key.clone(),
    };
    let view = match audit.audit_log.run(&run.info.run) {
        Ok(Some(view)) => view,
        Ok(None) => return StopResult::RunNotKnown,
        Err(error) => return StopResult::Refused(error.to_string()),
    };
    match cancel(session, &audit, target, view).await {
        Ok(cancellation) => StopResult::Answered(cancellation.status, cancellation.message),
        Err(OperationError::Failed(verdict)) => match audit.audit_log.run(&run.info.run) {
            Ok(Some(view)) if view.service_run.is_empty() => StopResult::RunNotKnown,
            _ => StopResult::Refused(verdict.message.clone()),
        },
        // Signals are ignored by now.
        Err(OperationError::Interrupted(_)) => StopResult::NoResponse,
    }
}
