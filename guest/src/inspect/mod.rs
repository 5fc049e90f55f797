//! Questions that change nothing: what would a refresh send, what can these credentials reach,
//! what is there.
//!
//! Nothing is tried again here but the search for ids, which is the first step of a refresh: a person who asks wants to know how it is now, and a check reports
//! the very error that a refresh would end with.

mod access;
mod lists;

use crate::content::quota;
use crate::content::run::going_on;
use crate::contract::{
    Endpoints, Inspection, Operation, Plan, Query, Question, RefreshError, RefreshRequest, Target,
    TargetKind, Unsupported,
};
use crate::machine::{diagnose, guard, read_history};
use crate::names::{resolved, resolved_now};
use crate::ports::Ports;
use crate::request::{Work, check_run_id, outgoing, secrets_of};
use crate::session::{Limit, Session};
use crate::trouble::counted;

/// Answers a question. Read-only.
///
/// # Errors
/// When the question is wrong, or the service does not answer it.
pub fn inspect(ports: Ports<'_>, query: &Query) -> Result<Inspection, RefreshError> {
    let (run_id, secrets) = match &query.question {
        Question::Plan(request) => (request.run_id.as_str(), secrets_of(&request.target)),
        Question::Access(target) | Question::Runs(target) | Question::Resolve(target) => {
            ("", secrets_of(target))
        }
        Question::Workspaces | Question::Dataflows(_) | Question::Models(_) => ("", Vec::new()),
    };
    let mut session = Session::open(ports, run_id, &query.call_context, &secrets)?;
    let endpoints = &query.call_context.endpoints;
    answer(&mut session, endpoints, &query.question)
        .map_err(|error| counted(error, session.calls()))
}

fn answer(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    question: &Question,
) -> Result<Inspection, RefreshError> {
    match question {
        Question::Plan(request) => plan(session, request).map(Inspection::Plan),
        Question::Access(target) => {
            access::findings(session, endpoints, target).map(Inspection::Access)
        }
        Question::Resolve(target) => match resolved(session, target, endpoints) {
            Ok(resolved) => Ok(Inspection::Resolved(resolved)),
            Err(stop) => Err(stop.into_error()),
        },
        Question::Runs(target) => runs(session, endpoints, target),
        Question::Workspaces => lists::workspaces(session, endpoints).map(Inspection::Items),
        Question::Dataflows(workspace) => {
            lists::dataflows(session, endpoints, workspace).map(Inspection::Items)
        }
        Question::Models(workspace) => {
            lists::models(session, endpoints, workspace).map(Inspection::Items)
        }
    }
}

fn plan(session: &mut Session<'_>, request: &RefreshRequest) -> Result<Plan, RefreshError> {
    check_run_id(&request.run_id)?;
    let endpoints = &request.call_context.endpoints;
    let target = resolved_now(session, &request.target, endpoints)?;
    let work = Work::of(&target, endpoints)?;
    guard::check(request, &work)?;
    let call = work.request(session, request.response_timeout_ms)?;
    let look = match work.watched.filter(|_| guard::is_needed(request)) {
        Some(watched) => match read_history(session, &watched, Limit::Deadline) {
            Ok(look) => Some(look),
            Err(trouble) if guard::goes_unread(request, &watched, &trouble) => None,
            Err(trouble) => return Err(diagnose::explained(session, &watched, trouble)),
        },
        None => None,
    };
    let look = look.as_ref();
    Ok(Plan {
        request: outgoing(&call, &session.redactor),
        running: look
            .and_then(|look| going_on(&look.history, look.at))
            .map(|run| run.to_service_run()),
        newest: look
            .and_then(|look| look.history.first())
            .map(|run| run.to_service_run()),
        quota: look
            .zip(request.quota.as_ref())
            .map(|(look, guard)| quota::state(&look.history, look.at, guard)),
    })
}

fn runs(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    target: &Target,
) -> Result<Inspection, RefreshError> {
    let target = resolved_now(session, target, endpoints)?;
    let work = Work::of(&target, endpoints)?;
    let Some(watched) = work.watched else {
        return Err(RefreshError::NotSupported(Unsupported {
            kind: TargetKind::PowerAutomate,
            operation: Operation::Inspect,
        }));
    };
    let look = read_history(session, &watched, Limit::Deadline)
        .map_err(|trouble| diagnose::explained(session, &watched, trouble))?;
    Ok(Inspection::Runs(
        look.history
            .iter()
            .map(|run| run.to_service_run())
            .collect(),
    ))
}

#[cfg(test)]
mod tests;
