//! Asking the service to stop a run of ours.

use std::sync::Arc;

use super::convert;
use super::follow::follow_recorded;
use super::ports::LookPorts;
use super::request;
use super::session::{AuditHandle, End, Session};
use crate::audit_log::event::{Detail, Note};
use crate::audit_log::{AuditLogError, RunState, RunView};
use crate::config::ResolvedTarget;
use crate::engine::bindings::exports::powerbi::refresh::refresh as api;
use crate::report::{Level, Signal};
use crate::verdict::{Status, Verdict};

/// What became of the wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelStatus {
    /// The service took it on; the run ends in `cancelled` some time later.
    Requested,
    /// The run had already ended.
    AlreadyConcluded,
    /// The service does not know the run.
    NotFound,
}

impl CancelStatus {
    /// Its name, as users meet it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::AlreadyConcluded => "already_concluded",
            Self::NotFound => "not_found",
        }
    }
}

/// What became of the wish to stop a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// What the service said.
    pub status: CancelStatus,
    /// Our id of the run.
    pub run: String,
    /// The service's id of it; empty where it is not known.
    pub service_run: String,
    /// A sentence.
    pub message: String,
    /// Before this time the service does not want to be asked about the run: RFC 3339; else empty.
    pub poll_from: String,
}

/// Why nothing was asked.
#[derive(Debug)]
pub enum CancelError {
    /// A signal.
    Stopped(Signal),
    /// What a refresh would have ended in.
    Verdict(Box<Verdict>),
    /// The audit log.
    AuditLog(AuditLogError),
}

impl From<AuditLogError> for CancelError {
    fn from(error: AuditLogError) -> Self {
        Self::AuditLog(error)
    }
}

/// Asks the service to stop this run. A run whose id at the service is not known yet is looked for
/// first, once.
///
/// # Errors
/// [`CancelError`].
pub async fn cancel(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    view: RunView,
) -> Result<Cancelled, CancelError> {
    let run = view.run.run.clone();
    let ended = |message: String, service_run: String| Cancelled {
        status: CancelStatus::AlreadyConcluded,
        run: run.clone(),
        service_run,
        message,
        poll_from: String::new(),
    };
    let view = match (view.state(), view.service_run.is_empty()) {
        (RunState::NotSent | RunState::NeverStarted, _) => {
            let told = "nothing of this run was sent, so there is nothing to stop".to_owned();
            return Ok(ended(told, String::new()));
        }
        (RunState::Ended(status), _) if status != Status::Accepted => {
            let told = format!("the run has ended already: {}", status.name());
            return Ok(ended(told, view.service_run));
        }
        (_, false) => view,
        (_, true) => {
            let found = follow_recorded(session, audit, target, view).await?;
            if let Some(signal) = found.invocation.signal {
                return Err(CancelError::Stopped(signal));
            }
            match found.verdict.status {
                Status::Completed | Status::Failed | Status::Cancelled => {
                    let told = format!("the run has ended already: {}", found.verdict.message);
                    return Ok(ended(told, found.verdict.service_run));
                }
                _ => {}
            }
            let again = audit.audit_log.run(&run)?;
            match again.filter(|view| !view.service_run.is_empty()) {
                Some(view) => view,
                None => return Err(CancelError::Verdict(Box::new(found.verdict))),
            }
        }
    };
    let cancelled = ask(session, target, &view).await?;
    note(audit, &view, &cancelled, session);
    Ok(cancelled)
}

/// Who asked for it belongs into the audit log; that it is not there changes nothing at the service.
fn note(audit: &AuditHandle, view: &RunView, cancelled: &Cancelled, session: &Session) {
    let detail = note_of(
        cancelled.status.name(),
        &cancelled.message,
        &cancelled.service_run,
        &cancelled.poll_from,
    );
    if let Err(error) = audit.audit_log.append(&view.run, detail) {
        session.reporter.log(
            Level::Warn,
            &format!("that a stop was asked for could not be stored: {error}"),
        );
    }
}

/// What came of a wish to stop a run, as the audit log has it.
pub(super) fn note_of(answer: &str, message: &str, service_run: &str, poll_from: &str) -> Detail {
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

async fn ask(
    session: &Session,
    target: &ResolvedTarget,
    view: &RunView,
) -> Result<Cancelled, CancelError> {
    let bug = |what: String| {
        CancelError::Verdict(Box::new(Verdict::not_sent(
            Status::InternalError,
            "component_failed",
            what,
            "please report this",
        )))
    };
    let gateway = session.boundary.gateway(target).map_err(|error| {
        CancelError::Verdict(Box::new(Verdict::not_sent(
            Status::Invalid,
            error.code(),
            error.to_string(),
            "check the configuration",
        )))
    })?;
    let ports = LookPorts {
        target: target.name.clone(),
        clock: Arc::clone(&session.clock),
        reporter: session.reporter.clone(),
    };
    let mut instance = session
        .instance(ports, gateway)
        .await
        .map_err(|error| bug(error.to_string()))?;
    let request = api::CancelRequest {
        run_id: view.run.run.clone(),
        name: target.name.clone(),
        target: request::target(target, &session.flow_id),
        call_context: request::call_context(target, session.clock.now(), target.timeout),
        service_run: view.service_run.clone(),
    };
    let exports = instance.exports.powerbi_refresh_refresh();
    let call = exports.call_cancel_refresh(&mut instance.store, &request);
    match session.drive(None, call, target.deadline).await {
        End::Done(Ok(Ok(cancellation))) => Ok(Cancelled {
            status: match cancellation.status {
                api::CancellationStatus::Requested => CancelStatus::Requested,
                api::CancellationStatus::AlreadyConcluded => CancelStatus::AlreadyConcluded,
                api::CancellationStatus::NotFound => CancelStatus::NotFound,
            },
            run: view.run.run.clone(),
            service_run: cancellation.service_run,
            poll_from: cancellation.poll_from.unwrap_or_default(),
            message: cancellation.message,
        }),
        End::Done(Ok(Err(error))) => Err(CancelError::Verdict(Box::new(
            session.boundary.failure.explain(convert::error(error)),
        ))),
        End::Done(Err(trap)) => Err(bug(format!("the component broke off: {trap:#}"))),
        End::OutOfTime => Err(bug(
            "the component did not end after its deadline".to_owned()
        )),
        End::Stopped(signal) => Err(CancelError::Stopped(signal)),
    }
}
