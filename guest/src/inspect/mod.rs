//! Questions that change nothing: what would a refresh send, what can these credentials reach,
//! what is there.
//!
//! Nothing is tried again here: a person who asks wants to know how it is now, and a check reports
//! the very error that a refresh would end with.

mod access;
mod lists;

use crate::contract::{
    Inspection, Operation, Plan, Query, Question, RefreshError, RefreshRequest, Target, TargetKind,
    Unsupported,
};
use crate::dataflow::history::going_on;
use crate::facts::looks;
use crate::machine::read_history;
use crate::ports::Ports;
use crate::request::{Work, check_run_id, outgoing, secrets_of};
use crate::session::{Limit, Session};
use crate::trouble::{Trouble, counted};

/// Answers a question. Read-only.
///
/// # Errors
/// When the question is wrong, or the service does not answer it.
pub fn inspect(ports: Ports<'_>, query: &Query) -> Result<Inspection, RefreshError> {
    let (run_id, secrets) = match &query.question {
        Question::Plan(request) => (request.run_id.as_str(), secrets_of(&request.target)),
        Question::Access(target) | Question::Runs(target) => ("", secrets_of(target)),
        Question::Workspaces(_) | Question::Dataflows(_) | Question::Models(_) => ("", Vec::new()),
    };
    let mut session = Session::open(ports, run_id, &query.circumstances, &secrets)?;
    answer(&mut session, &query.question).map_err(|error| counted(error, session.calls()))
}

fn answer(session: &mut Session<'_>, question: &Question) -> Result<Inspection, RefreshError> {
    match question {
        Question::Plan(request) => plan(session, request).map(Inspection::Plan),
        Question::Access(target) => access::findings(session, target).map(Inspection::Access),
        Question::Runs(target) => runs(session, target),
        Question::Workspaces(endpoint) => {
            lists::workspaces(session, endpoint).map(Inspection::Items)
        }
        Question::Dataflows(reference) => {
            lists::dataflows(session, reference).map(Inspection::Items)
        }
        Question::Models(_) => Err(unsupported(TargetKind::SemanticModel)),
    }
}

fn plan(session: &mut Session<'_>, request: &RefreshRequest) -> Result<Plan, RefreshError> {
    check_run_id(&request.run_id)?;
    let work = Work::of(&request.target, Operation::Inspect)?;
    let call = work.request(session, request.response_timeout_ms)?;
    let history = match work.watched.filter(|_| looks(request.follow)) {
        Some(target) => {
            read_history(session, target, Limit::Deadline).map_err(Trouble::into_error)?
        }
        None => Vec::new(),
    };
    Ok(Plan {
        request: outgoing(&call, &session.redactor),
        running: going_on(&history, session.service_now()).map(|run| run.to_service_run()),
        newest: history.first().map(|run| run.to_service_run()),
    })
}

fn runs(session: &mut Session<'_>, target: &Target) -> Result<Inspection, RefreshError> {
    let work = Work::of(target, Operation::Inspect)?;
    let Some(target) = work.watched else {
        return Err(unsupported(TargetKind::PowerAutomate));
    };
    let history = read_history(session, target, Limit::Deadline).map_err(Trouble::into_error)?;
    Ok(Inspection::Runs(
        history.iter().map(|run| run.to_service_run()).collect(),
    ))
}

fn unsupported(kind: TargetKind) -> RefreshError {
    RefreshError::NotSupported(Unsupported {
        kind,
        operation: Operation::Inspect,
    })
}

#[cfg(test)]
mod tests;
