//! Asking the service to stop a run.
//!
//! Only a dataflow's run can be stopped, by its id. The service takes the wish on and the run ends
//! some time later: what became of it, a follow tells. Nothing is appended to the record here, for
//! the run's own end is what belongs there.

use crate::classify::{Asked, json_object, judge, snake_case};
use crate::contract::{
    CancelRequest, Cancellation, CancellationStatus, DataflowTarget, Operation, RefreshError,
    TargetKind, Unsupported,
};
use crate::dataflow::api::cancel_url;
use crate::ports::{HttpAnswer, Method, Ports};
use crate::request::{Work, check_run_id, secrets_of};
use crate::session::{Limit, Session};
use crate::trouble::{Trouble, counted, invalid};

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
    let mut session = Session::open(ports, &request.run_id, &request.circumstances, &secrets)?;
    cancel(&mut session, request).map_err(|error| counted(error, session.calls()))
}

fn cancel(
    session: &mut Session<'_>,
    request: &CancelRequest,
) -> Result<Cancellation, RefreshError> {
    check_run_id(&request.run_id)?;
    let work = Work::of(&request.target, Operation::Cancel)?;
    let Some(target) = work.watched else {
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
    let answer = ask(session, target, &request.service_run).map_err(Trouble::into_error)?;
    let status = status_of(&answer)
        .ok_or_else(|| Trouble::unreadable(&answer, WHAT, session).into_error())?;
    let (status, message) = match status.as_str() {
        "successfully_marked" => (
            CancellationStatus::Requested,
            format!("The service is stopping the run of {}.", request.name),
        ),
        "already_concluded" => (
            CancellationStatus::AlreadyConcluded,
            format!("The run of {} had already ended.", request.name),
        ),
        "not_found" => (
            CancellationStatus::NotFound,
            format!("The service does not know this run of {}.", request.name),
        ),
        _ => {
            return Err(invalid(
                "cancel_rejected",
                format!("{WHAT}: the service answered `{status}`."),
                "Check the run's id, as it stands in the dataflow's history.",
            ));
        }
    };
    Ok(Cancellation {
        status,
        service_run: request.service_run.clone(),
        message,
    })
}

fn ask(
    session: &mut Session<'_>,
    target: &DataflowTarget,
    run: &str,
) -> Result<HttpAnswer, Trouble> {
    let url = cancel_url(target, run);
    let answer = session
        .power_bi(Method::Post, url.clone(), Limit::Deadline)
        .map_err(|error| Trouble::of_transport(&error, WHAT, &url, &session.redactor))?;
    if answer.is_success() {
        return Ok(answer);
    }
    let judged = judge(Asked::Cancel, &answer, &session.redactor);
    Err(Trouble::of_answer(judged, &answer, WHAT, session))
}

/// The status in an answer. The documentation writes `successfullyMarked` in one place and
/// `SuccessfullyMarked` in another; snake case is the same for both. [V]
fn status_of(answer: &HttpAnswer) -> Option<String> {
    let object = json_object(answer)?;
    let status = snake_case(object.get("status")?.as_text()?);
    (!status.is_empty()).then_some(status)
}
