//! What the response to a trigger means: whether it started a run, may have, or certainly did not.
//!
//! Everything that is not certain is lost: it may have started a run, so that run is searched for
//! and the trigger is never sent again.

use crate::api::reply::is_html;
use crate::call::CallError;
use crate::classify::{CallKind, Class, Classified, Purpose, classify, unanswered};
use crate::contract::{Target, TargetKind};
use crate::ports::{HttpAnswer, TransportError, TransportKind};
use crate::redact::cut;
use crate::request::Work;
use crate::session::Session;

/// The header in which a flow names its run. [O]
const FLOW_RUN_HEADER: &str = "x-ms-workflow-run-id";

const TRIGGER: CallKind = CallKind::new(TargetKind::PowerAutomate, Purpose::Trigger);

/// What the response to a trigger means.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Nothing was started: not sent, throttled, not authorized or denied, or a run is in progress.
    NotStarted(Box<CallError>),
    /// It may have started a run.
    Lost(Box<CallError>),
    /// It was accepted with this response, which may be a flow's own and report an error.
    Accepted(HttpAnswer),
    /// It was rejected with this response.
    Rejected(HttpAnswer, Classified),
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
    let trigger = work.call(Purpose::Trigger);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.certainly_unsent(session.host_reports_unsent) => {
            let call = work.call(Purpose::Read);
            let error = CallError::of_transport(session, &error, call, &what, url);
            return Reply::NotStarted(Box::new(error));
        }
        Err(error) => {
            let mut lost = CallError::of_transport(session, &error, trigger, &what, url);
            if error.status.is_some() && error.kind.certainly_unsent(true) {
                // A status proves that it arrived, whatever went wrong afterwards.
                let row = unanswered(trigger, TransportKind::Other);
                (lost.code, lost.hint) = (row.code, row.hint);
            }
            return Reply::Lost(Box::new(lost));
        }
    };
    if work.is_flow() && is_of_flow(&answer, session) {
        return Reply::Accepted(answer);
    }
    if answer.is_success() && is_from_service(work, &answer) {
        return Reply::Accepted(answer);
    }
    if answer.is_success() {
        return Reply::Lost(Box::new(CallError {
            code: "trigger_response_unreadable",
            ..CallError::unreadable(session, &answer, &what)
        }));
    }
    let classified = classify(trigger, &answer, &session.redactor);
    let class = classified.row.class;
    if class.is_rejection() {
        return Reply::Rejected(answer, classified);
    }
    let error = Box::new(CallError::of_answer(session, classified, &answer, &what));
    match class {
        Class::Lost => Reply::Lost(error),
        _ => Reply::NotStarted(error),
    }
}

/// Whether a response is the flow's own, whatever its status: it names its run. Only in two cases the
/// platform names a run that has not responded.
pub(crate) fn is_of_flow(answer: &HttpAnswer, session: &Session<'_>) -> bool {
    let is_platforms = match answer.status {
        502 => {
            let classified = classify(TRIGGER, answer, &session.redactor);
            classified.row.code == "flow_no_response"
        }
        status => status == 504,
    };
    flow_run(answer).is_some() && !is_platforms
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
