//! What a flow's own Response says of the refresh.
//!
//! It answers our own request, so there is no doubt which run it speaks of. It is taken at its
//! word where it has a JSON field `status` of `completed`, `started` or `failed`; any other success
//! tells that the flow ran, and nothing of the refresh.

use crate::classify::{Judged, Said, by_service_code, json_object, snake_case};
use crate::contract::ServiceError;
use crate::ports::HttpAnswer;
use crate::redact::{MESSAGE_LIMIT, Redactor};

/// What a successful Response says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// The refresh completed. The message may be empty.
    Completed(String),
    /// The refresh was started. The message may be empty.
    Started(String),
    /// The refresh failed.
    Failed(Failure),
    /// The flow ran; of the refresh it says nothing that is understood.
    Unclear,
    /// The flow has no Response.
    NoResponse,
    /// The Response comes later, at this `Location`.
    Later(String),
}

/// Why a flow says that the refresh failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// A stable code: ours where we know the flow's, else the flow's in our way of writing.
    pub(crate) code: String,
    /// What to do next.
    pub(crate) hint: &'static str,
    /// Whether another attempt may end better.
    pub(crate) retryable: bool,
    /// What the flow said.
    pub(crate) service_error: ServiceError,
}

const HINT: &str = "Look at the run in the flow's run history.";

/// What a 2xx says. `polled` where it was fetched at a `Location`.
pub(crate) fn word(answer: &HttpAnswer, polled: bool, redactor: &Redactor) -> Word {
    if answer.status == 202 {
        match answer.header("location") {
            Some(location) => return Word::Later(location.to_owned()),
            None if polled => return Word::Later(String::new()),
            None => {}
        }
    }
    let object = json_object(answer);
    let status = object
        .as_ref()
        .and_then(|object| object.get("status"))
        .and_then(crate::json::Json::as_text)
        .map(str::to_ascii_lowercase);
    let (Some(object), Some(status)) = (object, status) else {
        return if answer.status == 202 {
            Word::NoResponse
        } else {
            Word::Unclear
        };
    };
    let said = Said::of_object(&object);
    let message = redactor.line(&said.message, MESSAGE_LIMIT);
    match status.trim() {
        "completed" => Word::Completed(message),
        "started" => Word::Started(message),
        "failed" => Word::Failed(failure(
            Said::of(answer).into_service_error(answer, redactor),
            "flow_reported_failure",
        )),
        _ => Word::Unclear,
    }
}

/// What a 4xx or 5xx Response says; `judged` is what the table makes of it.
pub(crate) fn refusal(answer: &HttpAnswer, judged: Judged) -> Failure {
    failure(
        judged.service_error,
        &format!("flow_response_{}", answer.status),
    )
}

fn failure(service_error: ServiceError, otherwise: &str) -> Failure {
    let row = by_service_code(&service_error.code);
    let code = match row {
        Some(row) => row.code.to_owned(),
        None => snake_case(&service_error.code),
    };
    Failure {
        code: if code.is_empty() {
            otherwise.to_owned()
        } else {
            code
        },
        hint: row.map_or(HINT, |row| row.hint),
        retryable: row.is_some_and(|row| row.retryable),
        service_error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Act, Asked, DAILY_LIMIT, Of, judge};

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer {
            status,
            headers: vec![],
            body: body.as_bytes().to_vec(),
        }
    }

    fn said(status: u16, body: &str) -> Word {
        word(&answer(status, body), false, &Redactor::default())
    }

    fn code(word: Word) -> String {
        match word {
            Word::Failed(failure) => failure.code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_status_is_taken_at_its_word_in_any_case() {
        assert_eq!(
            said(200, r#"{"status":"Completed"}"#),
            Word::Completed(String::new())
        );
        assert_eq!(
            said(201, r#"{"status":"started","message":"run 1"}"#),
            Word::Started("run 1".into())
        );
        assert_eq!(
            said(202, r#"{"status":"started"}"#),
            Word::Started(String::new())
        );
    }

    #[test]
    fn anything_else_is_unclear_and_never_success() {
        for body in [
            "",
            "OK",
            "[]",
            "{}",
            r#"{"status":true}"#,
            r#"{"status":"success"}"#,
            r#"{"state":"completed"}"#,
            "<html>completed</html>",
        ] {
            assert_eq!(said(200, body), Word::Unclear, "{body}");
        }
    }

    #[test]
    fn a_202_without_a_location_means_that_there_is_no_response() {
        assert_eq!(said(202, ""), Word::NoResponse);
        let mut later = answer(202, "");
        later.headers.push(("location".into(), "/runs/1".into()));
        assert_eq!(
            word(&later, false, &Redactor::default()),
            Word::Later("/runs/1".into())
        );
        assert_eq!(
            word(&answer(202, ""), true, &Redactor::default()),
            Word::Later(String::new())
        );
    }

    #[test]
    fn a_failure_has_our_code_then_the_flows_then_a_general_one() {
        for (body, expected) in [
            (
                r#"{"status":"failed","code":"DailyDataflowRefreshLimitExceeded"}"#,
                "dataflow_daily_limit",
            ),
            (
                r#"{"status":"failed","error":{"code":"WorkflowNotFound"}}"#,
                "flow_not_found",
            ),
            (
                r#"{"status":"FAILED","code":"OrderListEmpty"}"#,
                "order_list_empty",
            ),
            (
                r#"{"status":"failed","message":"no idea"}"#,
                "flow_reported_failure",
            ),
            (
                r#"{"status":"failed","error":"it did not work"}"#,
                "flow_reported_failure",
            ),
        ] {
            assert_eq!(code(said(200, body)), expected, "{body}");
        }
    }

    #[test]
    fn a_refusing_response_has_a_code_too() {
        for (status, body, expected) in [
            (
                400,
                format!(r#"{{"error":{{"code":"{DAILY_LIMIT}"}}}}"#),
                "dataflow_daily_limit",
            ),
            (
                409,
                r#"{"code":"AlreadyRunning"}"#.to_owned(),
                "already_running",
            ),
            (404, String::new(), "flow_response_404"),
            (500, "oops".to_owned(), "flow_response_500"),
        ] {
            let answer = answer(status, &body);
            let judged = judge(
                Asked::new(Of::Flow, Act::Trigger),
                &answer,
                &Redactor::default(),
            );
            assert_eq!(refusal(&answer, judged).code, expected);
        }
    }
}
