//! What the answer to a trigger means: did it start something, may it have, or certainly not?
//!
//! A plain function of the answer. Everything that is not certain is "lost": it may have started a
//! run, it is searched for, and it is never sent again.

use crate::classify::{Act, Asked, Class, Judged, is_html, judge, unanswered};
use crate::contract::ServiceError;
use crate::ports::HttpAnswer;
use crate::request::{Trigger, Work};
use crate::session::Session;
use crate::transport::{TransportError, TransportKind};
use crate::trouble::{Trouble, answer_message, retry_after, transport_message};

/// The header in which a flow names its run. [O]
const FLOW_RUN_HEADER: &str = "x-ms-workflow-run-id";

/// What an answer to a trigger means.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Nothing was started: not sent, throttled, not authorised, denied.
    NotStarted(Box<Trouble>),
    /// Nothing was started, because a run is going on.
    Busy(Box<Trouble>),
    /// It may have started a run.
    Lost(Lost),
    /// It was taken, with this answer.
    Taken(HttpAnswer),
    /// It was refused, with this answer.
    Refused(HttpAnswer, Judged),
}

/// A trigger that may have arrived.
#[derive(Debug)]
pub(crate) struct Lost {
    /// The status, where one came.
    pub(crate) status: Option<u16>,
    /// A stable code.
    pub(crate) code: &'static str,
    /// What happened, in a sentence.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: &'static str,
    /// What the service said.
    pub(crate) service_error: Option<ServiceError>,
    /// How long the service wants not to be asked.
    pub(crate) retry_after: Option<u64>,
}

/// The flow run that an answer names.
pub(crate) fn flow_run(answer: &HttpAnswer) -> Option<String> {
    answer
        .header(FLOW_RUN_HEADER)
        .map(|id| crate::redact::cut(id, 128).to_owned())
}

/// What the answer to a trigger means.
pub(crate) fn reply(
    work: &Work<'_>,
    session: &Session<'_>,
    url: &str,
    answer: Result<HttpAnswer, TransportError>,
) -> Reply {
    let what = format!("Triggering the {}", work.noun());
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.certainly_unsent(session.host_reports_unsent) => {
            let asked = Asked::new(work.asked().of, Act::Read);
            let trouble = Trouble::of_transport(&error, asked, &what, url, &session.redactor);
            return Reply::NotStarted(Box::new(trouble));
        }
        Err(error) => {
            // Once a status came, it arrived: whatever broke off afterwards only lost the answer.
            let kind = match error.status {
                Some(_) if error.kind.certainly_unsent(true) => TransportKind::Other,
                _ => error.kind,
            };
            let row = unanswered(work.asked(), kind);
            return Reply::Lost(Lost {
                status: error.status,
                code: row.code,
                message: transport_message(&error, &what, url, &session.redactor),
                hint: row.hint,
                service_error: None,
                retry_after: None,
            });
        }
    };
    if answer.is_success() {
        return if taken(work, &answer) {
            Reply::Taken(answer)
        } else {
            unreadable(&what, session, &answer)
        };
    }
    let judged = judge(work.asked(), &answer, &session.redactor);
    match judged.row.class {
        Class::Refused | Class::Invalid | Class::Over => Reply::Refused(answer, judged),
        Class::Unauthorized | Class::Later | Class::Denied | Class::Broken => Reply::NotStarted(
            Box::new(Trouble::of_answer(judged, &answer, &what, session)),
        ),
        Class::Busy => Reply::Busy(Box::new(Trouble::of_answer(
            judged, &answer, &what, session,
        ))),
        Class::Lost => Reply::Lost(Lost {
            status: Some(answer.status),
            code: judged.row.code,
            message: answer_message(&answer, &judged.service_error, &what),
            hint: judged.row.hint,
            service_error: Some(judged.service_error),
            retry_after: retry_after(&answer, session.service_now()),
        }),
    }
}

/// Whether a 2xx is the service's own. A page for people without a run's id is a proxy's or a
/// login's word; so is, from a flow without a Response, any status but its 200 and 202.
fn taken(work: &Work<'_>, answer: &HttpAnswer) -> bool {
    match work.trigger {
        Trigger::Dataflow(_) | Trigger::Gen2(_) | Trigger::Model(_) => !is_html(answer),
        Trigger::Flow(_) => {
            flow_run(answer).is_some()
                || (!is_html(answer) && (work.by_response || matches!(answer.status, 200 | 202)))
        }
    }
}

fn unreadable(what: &str, session: &Session<'_>, answer: &HttpAnswer) -> Reply {
    let said = crate::classify::Said::of(answer);
    let service_error = said.into_service_error(answer, &session.redactor);
    Reply::Lost(Lost {
        status: Some(answer.status),
        code: "trigger_response_unreadable",
        message: format!(
            "{} That is not an answer of the service.",
            answer_message(answer, &service_error, what)
        ),
        hint: "Check the address, and whether a proxy or a login page stands before it.",
        service_error: Some(service_error),
        retry_after: retry_after(answer, session.service_now()),
    })
}
