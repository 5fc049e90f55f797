//! What the response to a trigger means: whether it started a run, may have, or certainly did not.
//!
//! Everything that is not certain is lost: it may have started a run, so that run is searched for
//! and the trigger is never sent again.

use crate::api::error::ErrorDetails;
use crate::api::reply::is_html;
use crate::call::{CallError, answer_message, retry_after, transport_message};
use crate::classify::{Class, Classified, Purpose, classify, unanswered};
use crate::contract::{ServiceError, Target};
use crate::ports::{HttpAnswer, TransportError, TransportKind};
use crate::redact::cut;
use crate::request::Work;
use crate::session::Session;

/// The header in which a flow names its run. [O]
const FLOW_RUN_HEADER: &str = "x-ms-workflow-run-id";

/// What the response to a trigger means.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Nothing was started: not sent, throttled, not authorized or denied.
    NotStarted(Box<CallError>),
    /// Nothing was started because a run is in progress.
    Busy(Box<CallError>),
    /// It may have started a run.
    Lost(LostTrigger),
    /// It was accepted with this response.
    Accepted(HttpAnswer),
    /// It was rejected with this response.
    Rejected(HttpAnswer, Classified),
}

/// A trigger that may have arrived.
#[derive(Debug)]
pub(crate) struct LostTrigger {
    /// The status, if there was one.
    pub(crate) status: Option<u16>,
    /// A stable code.
    pub(crate) code: &'static str,
    /// What happened, in a sentence.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: &'static str,
    /// The error that the service reported.
    pub(crate) service_error: Option<ServiceError>,
    /// How long the service asks to wait.
    pub(crate) retry_after: Option<u64>,
}

/// The flow run that a response names.
pub(crate) fn flow_run(answer: &HttpAnswer) -> Option<String> {
    let id = answer.header(FLOW_RUN_HEADER)?;
    Some(cut(id, 128).to_owned())
}

/// What the response to a trigger means.
pub(crate) fn reply(
    work: &Work<'_>,
    session: &Session<'_>,
    url: &str,
    answer: Result<HttpAnswer, TransportError>,
) -> Reply {
    let what = format!("Triggering the {} failed", work.noun());
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.certainly_unsent(session.host_reports_unsent) => {
            let call = work.call(Purpose::Read);
            let error = CallError::of_transport(session, &error, call, &what, url);
            return Reply::NotStarted(Box::new(error));
        }
        Err(error) => {
            // A status proves that it arrived, whatever went wrong afterwards.
            let kind = match error.status {
                Some(_) if error.kind.certainly_unsent(true) => TransportKind::Other,
                _ => error.kind,
            };
            let row = unanswered(work.call(Purpose::Trigger), kind);
            return Reply::Lost(LostTrigger {
                status: error.status,
                code: row.code,
                message: transport_message(session, &error, &what, url),
                hint: row.hint,
                service_error: None,
                retry_after: None,
            });
        }
    };
    if answer.is_success() {
        return if is_from_service(work, &answer) {
            Reply::Accepted(answer)
        } else {
            unreadable(session, &answer, &what)
        };
    }
    let classified = classify(work.call(Purpose::Trigger), &answer, &session.redactor);
    let failed = |classified| Box::new(CallError::of_answer(session, classified, &answer, &what));
    match classified.row.class {
        Class::Refused | Class::Invalid | Class::Over => Reply::Rejected(answer, classified),
        Class::Unauthorized | Class::Later | Class::Denied | Class::Broken => {
            Reply::NotStarted(failed(classified))
        }
        Class::Busy => Reply::Busy(failed(classified)),
        Class::Lost => Reply::Lost(LostTrigger {
            status: Some(answer.status),
            code: classified.row.code,
            message: answer_message(&answer, &classified.service_error, &what),
            hint: classified.row.hint,
            service_error: Some(classified.service_error),
            retry_after: retry_after(&answer, session.service_now()),
        }),
    }
}

/// Whether a 2xx comes from the service. An HTML page without a run's id comes from a proxy or a
/// sign-in page, and so does, from a flow without a Response, any status except 200 and 202.
fn is_from_service(work: &Work<'_>, answer: &HttpAnswer) -> bool {
    match work.target {
        Target::Dataflow(_) | Target::DataflowGen2(_) | Target::SemanticModel(_) => {
            !is_html(answer)
        }
        Target::PowerAutomate(_) => {
            flow_run(answer).is_some()
                || (!is_html(answer) && (work.by_response || matches!(answer.status, 200 | 202)))
        }
    }
}

fn unreadable(session: &Session<'_>, answer: &HttpAnswer, what: &str) -> Reply {
    let service_error = ErrorDetails::of(answer).redacted(&session.redactor);
    let message = answer_message(answer, &service_error, what);
    Reply::Lost(LostTrigger {
        status: Some(answer.status),
        code: "trigger_response_unreadable",
        message: format!("{message} The response does not come from the service."),
        hint: "Check the address, and whether a proxy or a sign-in page answers in its place.",
        service_error: Some(service_error),
        retry_after: retry_after(answer, session.service_now()),
    })
}
