//! Asking the service to cancel a run.
//!
//! Any run of a dataflow can be cancelled by its id, and the enhanced refreshes of a semantic model.
//! The service accepts the request and the run ends some time later; following the run shows its
//! outcome. Nothing is appended to the audit log here: the outcome of the run belongs there.

use crate::api::content::{ContentKind, WatchedContent};
use crate::api::dataflow;
use crate::api::error::{ErrorDetails, snake_case};
use crate::api::reply::is_html;
use crate::call::{CallError, fetch, read_run, retry_after};
use crate::classify::{CallKind, Class, Purpose, classify};
use crate::contract::{
    CancelRequest, Cancellation, CancellationStatus, Operation, RefreshError, invalid,
    not_supported,
};
use crate::lookup::resolve;
use crate::ports::{HttpAnswer, Ports};
use crate::request::{Work, check_run_id};
use crate::session::{Session, TimeLimit};

const WHAT: &str = "Cancelling the run failed";

/// Asks the service to cancel a run, if the service can.
///
/// # Errors
/// If the service could not be reached or did not accept the request.
pub fn cancel_refresh(
    ports: Ports<'_>,
    request: &CancelRequest,
) -> Result<Cancellation, RefreshError> {
    let target = Some(&request.target);
    let mut session = Session::open(ports, &request.run_id, &request.call_context, target)?;
    session.retries = false;
    cancel(&mut session, request).map_err(|error| error.with_calls(session.calls))
}

fn cancel(
    session: &mut Session<'_>,
    request: &CancelRequest,
) -> Result<Cancellation, RefreshError> {
    check_run_id(&request.run_id)?;
    let target = resolve(session, &request.target)?;
    let Some(content) = Work::of(&target, session.endpoints)?.content else {
        return Err(not_supported(Operation::Cancel));
    };
    if request.service_run.trim().is_empty() {
        return Err(invalid(
            "service_run_missing",
            "The service's id of the run to cancel is empty.",
            "Follow the run first: its service run is known after it was matched.",
        ));
    }
    let (status, poll_from) = send(session, &content, &request.service_run)?;
    let name = &request.name;
    Ok(Cancellation {
        status,
        service_run: request.service_run.clone(),
        poll_from,
        message: match status {
            CancellationStatus::Requested => {
                format!("The service is cancelling the run of {name}.")
            }
            CancellationStatus::AlreadyConcluded => {
                format!("The run of {name} had already ended.")
            }
            CancellationStatus::NotFound => format!("The service has no such run of {name}."),
        },
    })
}

/// Sends the request. Returns the status, and when the service accepts the next request.
fn send(
    session: &mut Session<'_>,
    content: &WatchedContent<'_>,
    run: &str,
) -> Result<(CancellationStatus, Option<String>), RefreshError> {
    let call = CallKind::of(content.kind, Purpose::Cancel);
    let (method, url) = content.cancel_call(run);
    let answer = fetch(session, call, (method, &url), TimeLimit::Deadline, WHAT)?;
    if answer.is_success() {
        let status = match content.kind {
            _ if is_html(&answer) || !ErrorDetails::of(&answer).code.is_empty() => {
                return Err(CallError::unreadable(session, &answer, WHAT).into());
            }
            ContentKind::Dataflow => of_dataflow(session, &answer)?,
            // For both the HTTP status alone means that it was accepted. [V]
            ContentKind::Gen2 | ContentKind::Model => CancellationStatus::Requested,
        };
        let now = session.service_now();
        // The service's clock shows whole seconds only, so one more is added.
        let poll_from =
            retry_after(&answer, now).map(|wait| now.after_ms(wait.saturating_add(1_000)));
        return Ok((status, poll_from.map(|at| at.to_string())));
    }
    let classified = classify(call, &answer, &session.redactor);
    let class = classified.row.class;
    let is_missing = answer.status == 404 && !classified.row.is_specific();
    let error = CallError::of_answer(session, classified, &answer, WHAT);
    let status = match (class, content.kind) {
        (Class::Over, _) => CancellationStatus::AlreadyConcluded,
        // The item's address was right before, so it is the run that is missing.
        (_, ContentKind::Gen2) if is_missing => CancellationStatus::NotFound,
        (Class::Invalid, ContentKind::Model) => not_cancellable(session, content, run, error)?,
        _ => return Err(error.into()),
    };
    Ok((status, None))
}

/// What a model's rejection means: it is the same for a refresh that has ended, one that does not
/// exist and one that cannot be cancelled, so the refresh itself is read.
fn not_cancellable(
    session: &mut Session<'_>,
    content: &WatchedContent<'_>,
    run: &str,
    error: CallError,
) -> Result<CancellationStatus, RefreshError> {
    let (_, url) = content.cancel_call(run);
    match read_run(session, content, &url, run, TimeLimit::Deadline) {
        Ok((Some(run), _)) if run.is_final() => Ok(CancellationStatus::AlreadyConcluded),
        Ok((None, _)) if error.status == Some(404) => Ok(CancellationStatus::NotFound),
        _ => Err(error.into()),
    }
}

/// The status in a dataflow's response. The documentation writes both `successfullyMarked` and
/// `SuccessfullyMarked`, which are the same in snake case. [V]
fn of_dataflow(
    session: &Session<'_>,
    answer: &HttpAnswer,
) -> Result<CancellationStatus, RefreshError> {
    let status = dataflow::cancellation(answer).map(|status| snake_case(&status));
    match status.as_deref() {
        Some("successfully_marked") => Ok(CancellationStatus::Requested),
        Some("already_concluded") => Ok(CancellationStatus::AlreadyConcluded),
        Some("not_found") => Ok(CancellationStatus::NotFound),
        Some(status) => Err(invalid(
            "cancel_rejected",
            format!("{WHAT}: the service answered `{status}`."),
            "Check the run's id in the dataflow's history.",
        )),
        None => Err(CallError::unreadable(session, answer, WHAT).into()),
    }
}
