//! Verification by the flow's own Response, at once or polled at its `Location`.
//!
//! The `Location` carries a signature of its own that is gone with this process, so the run cannot
//! be followed later: what is not settled here stays `unknown`.

use super::reply::flow_run;
use super::verdicts::{Facts, unread_code};
use crate::api::error::{in_parentheses, snake_case};
use crate::api::flow::FlowResponse;
use crate::api::reply::is_html;
use crate::call::{CallError, Step, retry, retry_after};
use crate::classify::{CallKind, Class, Classified, Purpose, by_service_code, classify};
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

const FAILURE_HINT: &str = "Look at the run in the flow's run history.";
const NO_FOLLOW_HINT: &str = "Look at the run in the flow's run history, and settle the run with `audit resolve`: a Response cannot be requested again.";

const TRIGGER: CallKind = CallKind::new(TargetKind::PowerAutomate, Purpose::Trigger);
const READ: CallKind = CallKind::new(TargetKind::PowerAutomate, Purpose::Read);

/// Whether a rejection is the flow's own Response and not the platform's, which has one of its codes
/// and names no run. A Response is never a redirect.
pub(crate) fn is_response(facts: &Facts, answer: &HttpAnswer, classified: &Classified) -> bool {
    answer.status >= 400 && (facts.flow_run.is_some() || !classified.row.is_specific())
}

/// The verdict on a Response with an error status.
pub(crate) fn rejected(
    facts: &mut Facts,
    request: &RefreshRequest,
    answer: &HttpAnswer,
    classified: Classified,
) -> Verdict {
    let code = format!("flow_response_{}", answer.status);
    failed(facts, request, answer, classified.service_error, &code)
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
        FlowResponse::Failed(error) => {
            return failed(facts, request, answer, error, REPORTED_FAILURE);
        }
        FlowResponse::None => {
            let message = "The flow accepted the trigger (HTTP 202) but has no Response action, so the outcome cannot be verified.";
            let hint = "Give the flow a Response action, or verify by the dataflow's transactions.";
            return facts.verdict(Status::Accepted, "flow_has_no_response", message, hint);
        }
        FlowResponse::Unclear | FlowResponse::Later(_) => {
            let message = format!(
                "The flow's Response (HTTP {}) does not report the outcome of the refresh of {name}.",
                answer.status
            );
            let hint = "Give the Response a JSON body with a `status` of `completed`, `started` or `failed`.";
            return facts.verdict(Status::Accepted, "flow_response_unclear", message, hint);
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

/// The verdict on a Response that reports a failure. The code is ours if the table has the flow's,
/// otherwise the flow's in snake case, otherwise the general one.
fn failed(
    facts: &mut Facts,
    request: &RefreshRequest,
    answer: &HttpAnswer,
    error: ServiceError,
    general_code: &str,
) -> Verdict {
    set_matched(facts);
    let row = by_service_code(&error.code);
    let code = match (row, snake_case(&error.code)) {
        (Some(row), _) => row.code.to_owned(),
        (None, code) if code.is_empty() => general_code.to_owned(),
        (None, code) => code,
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
            Ok(answer) => return Ok(polled_verdict(session, facts, request, &answer)),
            Err(error) => return Ok(unread(facts, error)),
        };
        wait = retry_after(&answer, session.service_now());
        if let Some(next) = answer.header("location").and_then(|l| resolve(&url, l)) {
            url = next;
        }
    }
}

/// The response to one poll: a 202, or the flow's own Response.
fn poll_once(session: &mut Session<'_>, url: &str) -> Result<HttpAnswer, CallError> {
    const WHAT: &str = "Polling the flow's Response failed";
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
    if answer.is_success() {
        if is_html(&answer) && flow_run(&answer).is_none() {
            return Err(CallError::unreadable(session, &answer, WHAT));
        }
        return Ok(answer);
    }
    let classified = classify(TRIGGER, &answer, &session.redactor);
    let is_gone = answer.status == 404 && classified.service_error.code.starts_with("Workflow");
    let is_rejection = classified.row.class.is_rejection();
    if is_rejection && !is_gone && answer.status >= 400 {
        return Ok(answer);
    }
    let mut error = CallError::of_answer(session, classified, &answer, WHAT);
    if is_rejection && is_gone {
        error.code = FLOW_RUN_NOT_FOUND;
    }
    Err(error)
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
    let classified = classify(TRIGGER, answer, &session.redactor);
    rejected(facts, request, answer, classified)
}

/// The Response cannot be read, so the outcome is unknown.
fn unread(facts: &Facts, error: CallError) -> Verdict {
    let code = match error.class {
        Class::Denied => "location_denied",
        _ if error.code == FLOW_RUN_NOT_FOUND => error.code,
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
