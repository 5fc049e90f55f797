//! Asking the service to stop a run.
//!
//! A run is stopped by its id: any run of a dataflow, and the enhanced refreshes of a semantic
//! model. The service takes the wish on and the run ends
//! some time later: what became of it, a follow tells. Nothing is appended to the audit log here, for
//! the run's own end is what belongs there.

use crate::classify::{Act, Class, is_html, json_object, judge, snake_case};
use crate::content::rows::text;
use crate::content::{Kind, Watched, dataflow, gen2, model};
use crate::contract::{
    CancelRequest, Cancellation, CancellationStatus, Operation, RefreshError, TargetKind,
    Unsupported,
};
use crate::machine::read_run;
use crate::names;
use crate::ports::{HttpAnswer, Method, Ports};
use crate::request::{Work, check_run_id, secrets_of};
use crate::session::{Limit, Session};
use crate::time::Moment;
use crate::trouble::{Trouble, counted, invalid, retry_after};

const WHAT: &str = "Asking the service to stop the run";

/// Asks the service to stop a run, where the service can.
///
/// # Errors
/// When the service could not be asked, or did not understand.
pub fn cancel_refresh(
    ports: Ports<'_>,
    request: &CancelRequest,
) -> Result<Cancellation, RefreshError> {
    let secrets = secrets_of(&request.target);
    let mut session = Session::open(ports, &request.run_id, &request.call_context, &secrets)?;
    cancel(&mut session, request).map_err(|error| counted(error, session.calls()))
}

fn cancel(
    session: &mut Session<'_>,
    request: &CancelRequest,
) -> Result<Cancellation, RefreshError> {
    check_run_id(&request.run_id)?;
    let endpoints = &request.call_context.endpoints;
    let target = names::resolved_now(session, &request.target, endpoints)?;
    let work = Work::of(&target, endpoints)?;
    let Some(watched) = work.watched else {
        return Err(RefreshError::NotSupported(Unsupported {
            kind: TargetKind::PowerAutomate,
            operation: Operation::Cancel,
        }));
    };
    if request.service_run.trim().is_empty() {
        return Err(invalid(
            "service_run_missing",
            "There is no run to stop: the service's id of it is empty.".to_owned(),
            "Follow the run first; its service run is known once it was matched.",
        ));
    }
    let (status, poll_from) = ask(session, &watched, &request.service_run)?;
    let name = &request.name;
    Ok(Cancellation {
        status,
        service_run: request.service_run.clone(),
        poll_from: poll_from.map(|at| at.to_string()),
        message: match status {
            CancellationStatus::Requested => {
                format!("The service is stopping the run of {name}.")
            }
            CancellationStatus::AlreadyConcluded => {
                format!("The run of {name} had already ended.")
            }
            CancellationStatus::NotFound => {
                format!("The service does not know this run of {name}.")
            }
        },
    })
}

fn ask(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    run: &str,
) -> Result<(CancellationStatus, Option<Moment>), RefreshError> {
    let (method, url) = match watched.kind {
        Kind::Dataflow => (Method::Post, dataflow::cancel_url(watched, run)),
        Kind::Gen2 => (Method::Post, gen2::cancel_url(watched, run)),
        Kind::Model => (Method::Delete, model::refresh_url(watched, run)),
    };
    let asked = watched.kind.asked(Act::Cancel);
    let answer = session
        .api_call(method, url.clone(), Limit::Deadline)
        .map_err(|error| Trouble::of_transport(&error, asked, WHAT, &url, &session.redactor))
        .map_err(Trouble::into_error)?;
    if answer.is_success() && is_html(&answer) {
        return Err(Trouble::unreadable(&answer, WHAT, session).into_error());
    }
    if answer.is_success() {
        let status = match watched.kind {
            Kind::Dataflow => of_dataflow(session, &answer)?,
            // Both say it by their status alone. [V]
            Kind::Gen2 | Kind::Model => CancellationStatus::Requested,
        };
        return Ok((status, asked_from(session, &answer)));
    }
    let judged = judge(asked, &answer, &session.redactor);
    match judged.row.class {
        Class::Over => Ok((CancellationStatus::AlreadyConcluded, None)),
        // The item's address has been right before, so it is the run that is not there.
        _ if answer.status == 404 && watched.kind == Kind::Gen2 => {
            Ok((CancellationStatus::NotFound, None))
        }
        Class::Invalid if watched.kind == Kind::Model => {
            let trouble = Trouble::of_answer(judged, &answer, WHAT, session);
            not_to_be_stopped(session, watched, run, trouble).map(|status| (status, None))
        }
        _ => Err(Trouble::of_answer(judged, &answer, WHAT, session).into_error()),
    }
}

/// What a model's refusal means: it says the same to a refresh that has ended, to one that is not
/// there and to one that cannot be stopped. The refresh itself tells.
fn not_to_be_stopped(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    run: &str,
    trouble: Trouble,
) -> Result<CancellationStatus, RefreshError> {
    let url = model::refresh_url(watched, run);
    match read_run(session, watched, url, run, Limit::Deadline) {
        Ok((Some(run), _)) if run.is_over() => Ok(CancellationStatus::AlreadyConcluded),
        Ok((None, _)) if trouble.status == Some(404) => Ok(CancellationStatus::NotFound),
        _ => Err(trouble.into_error()),
    }
}

/// Since when the service wants to be asked about the run again.
fn asked_from(session: &Session<'_>, answer: &HttpAnswer) -> Option<Moment> {
    let now = session.service_now();
    // The service's clock shows seconds only: one more, so that nobody comes too early by it.
    retry_after(answer, now).map(|wait| now.after_ms(wait.saturating_add(1_000)))
}

/// The status in the answer of a dataflow. The documentation writes `successfullyMarked` in one
/// place and `SuccessfullyMarked` in another; snake case is the same for both. [V]
fn of_dataflow(
    session: &Session<'_>,
    answer: &HttpAnswer,
) -> Result<CancellationStatus, RefreshError> {
    let status = json_object(answer)
        .and_then(|object| text(&object, "status"))
        .map(|status| snake_case(&status));
    match status.as_deref() {
        Some("successfully_marked") => Ok(CancellationStatus::Requested),
        Some("already_concluded") => Ok(CancellationStatus::AlreadyConcluded),
        Some("not_found") => Ok(CancellationStatus::NotFound),
        Some(status) => Err(invalid(
            "cancel_rejected",
            format!("{WHAT}: the service answered `{status}`."),
            "Check the run's id, as it stands in the dataflow's history.",
        )),
        None => Err(Trouble::unreadable(answer, WHAT, session).into_error()),
    }
}
