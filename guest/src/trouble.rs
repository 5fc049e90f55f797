//! What held a call back, and the error that it becomes where nothing was started.

use crate::classify::{Asked, Class, Judged, Row, unanswered};
use crate::contract::{Problem, RefreshError, ServiceError};
use crate::ports::HttpAnswer;
use crate::redact::{MESSAGE_LIMIT, Redactor};
use crate::session::Session;
use crate::time::{Moment, retry_after_ms};
use crate::transport::TransportError;
use crate::url::host_of;

/// What is to be done about a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The credentials are not accepted.
    Credentials,
    /// The request or the target is wrong.
    Correction,
    /// The host's policy refused it.
    Permission,
    /// The same call may end better later.
    Patience,
    /// There is no usable answer, and waiting changes nothing.
    Repair,
}

/// A call that brought nothing usable and started nothing.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// What is to be done about it.
    pub(crate) remedy: Remedy,
    /// A stable code.
    pub(crate) code: &'static str,
    /// What happened, in a sentence.
    pub(crate) message: String,
    /// What to do next, in a sentence.
    pub(crate) hint: &'static str,
    /// Whether another attempt may end better.
    pub(crate) retryable: bool,
    /// How long the service asks to wait.
    pub(crate) retry_after_ms: Option<u64>,
    /// Until when the service asks to wait.
    pub(crate) retry_at: Option<Moment>,
    /// The HTTP status, where an answer came.
    pub(crate) status: Option<u16>,
    /// What the service said.
    pub(crate) service_error: Option<ServiceError>,
}

impl Trouble {
    /// From a call that brought no answer.
    pub(crate) fn of_transport(
        error: &TransportError,
        asked: Asked,
        what: &str,
        url: &str,
        redactor: &Redactor,
    ) -> Self {
        let row = unanswered(asked, error.kind);
        Self {
            remedy: remedy_of(row),
            code: row.code,
            message: transport_message(error, what, url, redactor),
            hint: row.hint,
            retryable: row.retryable,
            retry_after_ms: None,
            retry_at: None,
            status: error.status,
            service_error: None,
        }
    }

    /// From an answer that is not a success.
    pub(crate) fn of_answer(
        judged: Judged,
        answer: &HttpAnswer,
        what: &str,
        session: &Session<'_>,
    ) -> Self {
        let retry_after = retry_after(answer, session.service_now());
        Self {
            remedy: remedy_of(judged.row),
            retryable: judged.row.retryable,
            code: judged.row.code,
            message: answer_message(answer, &judged.service_error, what),
            hint: judged.row.hint,
            retry_after_ms: retry_after,
            retry_at: retry_after.map(|wait| session.service_now().after_ms(wait)),
            status: Some(answer.status),
            service_error: Some(judged.service_error),
        }
    }

    /// From an answer that says success and cannot be read.
    pub(crate) fn unreadable(answer: &HttpAnswer, what: &str, session: &Session<'_>) -> Self {
        let said = crate::classify::Said::of(answer);
        let service_error = said.into_service_error(answer, &session.redactor);
        Self {
            remedy: Remedy::Patience,
            code: "response_unreadable",
            message: format!(
                "{} That is not what was asked for.",
                answer_message(answer, &service_error, what)
            ),
            hint: "Check the endpoint, and whether a proxy stands before it.",
            retryable: true,
            retry_after_ms: None,
            retry_at: None,
            status: Some(answer.status),
            service_error: Some(service_error),
        }
    }

    /// The error that this is where nothing was started.
    pub(crate) fn into_error(self) -> RefreshError {
        let problem = Problem {
            code: self.code.to_owned(),
            message: self.message,
            hint: self.hint.to_owned(),
            retryable: self.retryable,
            retry_at: self.retry_at.map(|at| at.to_string()),
            http_calls: 0,
            service_error: self.service_error,
        };
        match self.remedy {
            Remedy::Credentials => RefreshError::Unauthorized(problem),
            Remedy::Correction => RefreshError::Invalid(problem),
            Remedy::Permission => RefreshError::Denied(problem),
            Remedy::Patience | Remedy::Repair => RefreshError::Unavailable(problem),
        }
    }
}

/// How long an answer asks to wait; a date is measured from the answer's own.
pub(crate) fn retry_after(answer: &HttpAnswer, now: Moment) -> Option<u64> {
    let from = answer
        .header("date")
        .and_then(Moment::parse_http_date)
        .unwrap_or(now);
    retry_after_ms(answer.header("retry-after")?, from)
}

/// What became of a call without an answer. It names the host and never more of the URL.
pub(crate) fn transport_message(
    error: &TransportError,
    what: &str,
    url: &str,
    redactor: &Redactor,
) -> String {
    let detail = redactor.line(&error.message, MESSAGE_LIMIT);
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    };
    format!(
        "{what}: the call to {} {}{detail}.",
        host_of(url),
        error.kind.phrase()
    )
}

/// What a service answered.
pub(crate) fn answer_message(answer: &HttpAnswer, error: &ServiceError, what: &str) -> String {
    format!("{what}: HTTP {}{}.", answer.status, in_words(error))
}

/// What a service said, in brackets; nothing where it said nothing.
pub(crate) fn in_words(error: &ServiceError) -> String {
    let message = error.message.trim_end_matches('.');
    match (error.code.is_empty(), message.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!(" ({})", error.code),
        (true, false) => format!(" ({message})"),
        (false, false) => format!(" ({}: {message})", error.code),
    }
}

/// An error of the request or the target.
pub(crate) fn invalid(code: &str, message: String, hint: &str) -> RefreshError {
    RefreshError::Invalid(problem(code, message, hint))
}

/// A problem that another attempt does not better.
pub(crate) fn problem(code: &str, message: String, hint: &str) -> Problem {
    Problem {
        code: code.to_owned(),
        message,
        hint: hint.to_owned(),
        retryable: false,
        retry_at: None,
        http_calls: 0,
        service_error: None,
    }
}

/// The same error with the number of calls that were made.
pub(crate) fn counted(mut error: RefreshError, http_calls: u32) -> RefreshError {
    match &mut error {
        RefreshError::Invalid(problem)
        | RefreshError::Unauthorized(problem)
        | RefreshError::Unavailable(problem)
        | RefreshError::Denied(problem)
        | RefreshError::AuditUnavailable(problem)
        | RefreshError::ClaimLost(problem)
        | RefreshError::Interrupted(problem) => problem.http_calls = http_calls,
        RefreshError::NotSupported(_) => {}
    }
    error
}

fn remedy_of(row: &Row) -> Remedy {
    match row.class {
        Class::Unauthorized => Remedy::Credentials,
        Class::Invalid | Class::Refused | Class::Over => Remedy::Correction,
        Class::Later | Class::Lost | Class::Busy => Remedy::Patience,
        Class::Denied => Remedy::Permission,
        Class::Broken => Remedy::Repair,
    }
}
