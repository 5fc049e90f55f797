//! Verification by the flow's own Response, at once or polled at its `Location`.
//!
//! The `Location` carries a signature of its own that is gone with this process, so the run cannot
//! be followed later: what is not settled here stays `unknown`.

use super::reply::is_of_flow;
use super::verdicts::{Facts, unread_code};
use crate::api::error::{ErrorDetails, in_parentheses, snake_case};
use crate::api::flow::FlowResponse;
use crate::api::reply::is_html;
use crate::call::{CallError, Step, answer_message, retry, retry_after};
use crate::classify::{CallKind, Class, Purpose, by_service_error, classify};
use crate::contract::{
    Evidence, FollowMode, Level, Matched, Phase, RefreshRequest, ServiceError, Status, TargetKind,
    Verdict,
};
use crate::ports::{HttpAnswer, HttpRequest, Method};
use crate::session::{Pace, Session};
use crate::url::resolve;

/// The longest pause between two polls, unless the flow names one.
const LONGEST_POLL_MS: u64 = 10_000;
/// The code of a `Location` whose run no longer exists.
const FLOW_RUN_NOT_FOUND: &str = "flow_run_not_found";
/// The code of a Response that reports a failure without a code.
const REPORTED_FAILURE: &str = "flow_reported_failure";

/// The code of an error that does not tell whether the refresh failed.
const REPORTED_ERROR: &str = "response_reports_error";
/// How long a `Location` may not exist yet.
const APPEARS_WITHIN_MS: u64 = 120_000;

const STATUS_HINT: &str =
    "Give the Response a JSON body with a `status` of `completed`, `started` or `failed`.";
const SETTLE_HINT: &str =
    "Check the run history in the service, and settle the run with `audit resolve`.";
const FAILURE_HINT: &str = "Look at the run in the flow's run history.";
const NO_FOLLOW_HINT: &str = "Look at the run in the flow's run history, and settle the run with `audit resolve`: a Response cannot be requested again.";

const WHAT: &str = "Polling the flow's Response failed";
const READ: CallKind = CallKind::new(TargetKind::PowerAutomate, Purpose::Read);

/// The verdict on a response to a trigger that reports an error, whatever its status; `None` if it
/// reports none.
pub(crate) fn reported_error(
    session: &Session<'_>,
    facts: &Facts,
    request: &RefreshRequest,
    answer: &HttpAnswer,
) -> Option<Verdict> {
    if !answer.is_success() {
        let error = ErrorDetails::of(answer).redacted(&session.redactor);
        return Some(failed(&mut facts.clone(), request, answer, error));
    }
    match FlowResponse::of(answer, &session.redactor) {
        FlowResponse::Failed(error) => Some(failed(&mut facts.clone(), request, answer, error)),
        FlowResponse::Error(error) => {
            let what = "The response to the trigger reports an error";
            let message = answer_message(session, answer, &error, what);
            Some(Verdict {
                service_error: Some(error),
                ..facts.verdict(Status::Unknown, REPORTED_ERROR, message, SETTLE_HINT)
            })
        }
        _ => None,
    }
}

/// The verdict on an accepted trigger by its Response.
pub(crate) fn await_response(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    trigger_url: &str,
    answer: HttpAnswer,
) -> Step<Verdict> {
    let response = FlowResponse::of(&answer, &session.redactor);
    let FlowResponse::Later(location) = response else {
        return Ok(verdict_on(facts, request, response, &answer));
    };
    let name = &request.name;
    if request.follow != FollowMode::ToTheEnd {
        let message = format!("The flow for {name} is running; its Response was not awaited.");
        let hint = "Follow the next refresh to its end: a Response cannot be requested later.";
        return Ok(facts.verdict(Status::Accepted, "response_not_awaited", message, hint));
    }
    match resolve(trigger_url, &location) {
        Some(url) => poll(session, facts, request, url, &answer),
        None => {
            let message = "The flow's Response cannot be polled: its `Location` is not an address.";
            Ok(facts.verdict(Status::Unknown, "read_failed", message, NO_FOLLOW_HINT))
        }
    }
}

/// The verdict on a successful Response.
fn verdict_on(
    facts: &mut Facts,
    request: &RefreshRequest,
    response: FlowResponse,
    answer: &HttpAnswer,
) -> Verdict {
    let name = &request.name;
    let (status, done, detail) = match response {
        FlowResponse::Completed(message) => (Status::Completed, "completed", message),
        FlowResponse::Started(message) => (Status::Accepted, "was started", message),
        FlowResponse::Failed(error) => return failed(facts, request, answer, error),
        FlowResponse::Error(error) | FlowResponse::Unknown(error) => {
            return unclear(facts, Status::Unknown, name, answer, error);
        }
        // Without a word, it is only known that the flow ran; other words are not understood.
        FlowResponse::Unclear(error) => {
            let status = match answer.body.is_empty() {
                true => Status::Accepted,
                false => Status::Unknown,
            };
            return unclear(facts, status, name, answer, error);
        }
        FlowResponse::None => {
            let message = "The flow accepted the trigger (HTTP 202) but has no Response action, so the outcome cannot be verified.";
            let hint = "Give the flow a Response action, or verify by the dataflow's transactions.";
            return facts.verdict(Status::Accepted, "flow_has_no_response", message, hint);
        }
        FlowResponse::Later(_) => {
            let message = "The flow's Response is still to come.";
            return facts.verdict(Status::Unknown, "still_running", message, NO_FOLLOW_HINT);
        }
    };
    set_matched(facts);
    let detail = match detail.trim_end_matches('.') {
        "" => String::new(),
        detail => format!(": {detail}"),
    };
    let message = format!("The flow reports that the refresh of {name} {done}{detail}.");
    facts.verdict(status, "", message, "")
}

/// The verdict on a Response that does not report the outcome, with what was received.
fn unclear(
    facts: &mut Facts,
    status: Status,
    name: &str,
    answer: &HttpAnswer,
    received: ServiceError,
) -> Verdict {
    let (http_status, received_text) = (answer.status, in_parentheses(&received));
    let message = format!(
        "The flow's Response (HTTP {http_status}) does not report the outcome of the refresh of {name}{received_text}."
    );
    facts.service_error = Some(received);
    facts.verdict(status, "flow_response_unclear", message, STATUS_HINT)
}

/// The verdict on a Response that reports a failure. The code is ours if the table has the flow's,
/// otherwise the flow's in snake case, otherwise the general one.
fn failed(
    facts: &mut Facts,
    request: &RefreshRequest,
    answer: &HttpAnswer,
    error: ServiceError,
) -> Verdict {
    set_matched(facts);
    let row = by_service_error(&error);
    let code = match (row, snake_case(&error.code)) {
        (Some(row), _) => row.code.to_owned(),
        (None, code) if !code.is_empty() => code,
        (None, _) if answer.is_success() => REPORTED_FAILURE.to_owned(),
        (None, _) => format!("flow_response_{}", answer.status),
    };
    let (name, status) = (&request.name, answer.status);
    let why = in_parentheses(&error);
    let message =
        format!("The flow reports that the refresh of {name} failed: HTTP {status}{why}.");
    facts.service_error = Some(error);
    let hint = row.map_or(FAILURE_HINT, |row| row.hint);
    Verdict {
        retryable: row.is_some_and(|row| row.retryable),
        ..facts.verdict(Status::Failed, &code, message, hint)
    }
}

/// A Response answers our own request.
fn set_matched(facts: &mut Facts) {
    facts.evidence = Evidence::Flow;
    facts.matched = Matched::Exact;
}

/// Polls the `Location` until the Response is there.
fn poll(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    mut url: String,
    accepted: &HttpAnswer,
) -> Step<Verdict> {
    let mut pace = Pace::up_to(LONGEST_POLL_MS);
    // The first pause is meant for a history; a flow takes longer to respond.
    pace.next(session);
    let mut wait = retry_after(accepted, session.service_now());
    let mut missing_since = None;
    loop {
        let pause = wait.unwrap_or_else(|| pace.next(session));
        let remaining = session.remaining_ms();
        if remaining == 0 || wait.is_some_and(|wait| wait > remaining) {
            let name = &request.name;
            let message = format!("The flow had not responded for {name} at the deadline.");
            return Ok(facts.verdict(Status::Unknown, "still_running", message, NO_FOLLOW_HINT));
        }
        session.wait(pause.min(remaining))?;
        let message = "Polling the flow's Response.";
        session.report(Phase::Following, Level::Debug, message);
        let answer = match retry(session, |session| poll_once(session, &url))? {
            // The Response is not there yet.
            Ok(answer) if answer.status == 202 => answer,
            Ok(answer) if answer.is_success() || is_own(&answer, session) => {
                return Ok(polled_verdict(session, facts, request, &answer));
            }
            // The address may not exist yet.
            Ok(answer) => {
                let now = session.service_now();
                if missing_since.get_or_insert(now).until(now) >= APPEARS_WITHIN_MS {
                    let classified = classify(READ, &answer, &session.redactor);
                    let error = CallError::of_answer(session, classified, &answer, WHAT);
                    return Ok(unread(facts, error));
                }
                answer
            }
            Err(error) => return Ok(unread(facts, error)),
        };
        wait = retry_after(&answer, session.service_now());
        if let Some(next) = answer.header("location").and_then(|l| resolve(&url, l)) {
            url = next;
        }
    }
}

/// The response to one poll: a 202, the flow's own Response, or a 404.
fn poll_once(session: &mut Session<'_>, url: &str) -> Result<HttpAnswer, CallError> {
    let request = HttpRequest {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: String::new(),
        timeout_ms: session.bounded(session.call_timeout_ms),
    };
    let answer = session
        .send(&request)
        .map_err(|error| CallError::of_transport(session, &error, READ, WHAT, url))?;
    let is_own = is_own(&answer, session);
    if answer.is_success() && is_html(&answer) && !is_own {
        return Err(CallError::unreadable(session, &answer, WHAT));
    }
    if answer.is_success() || is_own || answer.status == 404 {
        return Ok(answer);
    }
    let classified = classify(READ, &answer, &session.redactor);
    Err(CallError::of_answer(session, classified, &answer, WHAT))
}

/// Whether a polled response is the flow's own. The platform names the run too in a 404 for an address
/// that does not exist yet, but without an error.
fn is_own(answer: &HttpAnswer, session: &Session<'_>) -> bool {
    let error = ErrorDetails::of(answer);
    let has_error = !error.code.is_empty() || !error.message.is_empty();
    is_of_flow(answer, session) && (answer.status != 404 || has_error)
}

fn polled_verdict(
    session: &Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    answer: &HttpAnswer,
) -> Verdict {
    if answer.is_success() {
        let response = FlowResponse::of(answer, &session.redactor);
        return verdict_on(facts, request, response, answer);
    }
    let error = ErrorDetails::of(answer).redacted(&session.redactor);
    failed(facts, request, answer, error)
}

/// The Response cannot be read, so the outcome is unknown.
fn unread(facts: &Facts, error: CallError) -> Verdict {
    let code = match error.class {
        Class::Denied => "location_denied",
        _ if error.status == Some(404) => FLOW_RUN_NOT_FOUND,
        class => unread_code(class),
    };
    let message = format!(
        "The flow is running, but its Response cannot be read. {}",
        error.message
    );
    Verdict {
        retry_at: error.retry_at.map(|at| at.to_string()),
        service_error: error.service_error,
        ..facts.verdict(Status::Unknown, code, message, NO_FOLLOW_HINT)
    }
}
