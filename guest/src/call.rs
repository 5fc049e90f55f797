//! One HTTP call: reading a response, retrying what starts nothing, and why a call stops.
//!
//! A history, a run and a list are read here, once each; [`retry`] repeats such a read until it
//! succeeds or the deadline comes.

use crate::api::content::WatchedContent;
use crate::api::error::{ErrorDetails, in_parentheses};
use crate::api::run::Run;
use crate::classify::{
    CallKind, Class, Classified, Purpose, Row, UNREADABLE, classify, unanswered,
};
use crate::contract::{Level, Phase, Problem, RefreshError, ServiceError, Verdict, problem};
use crate::ports::{HttpAnswer, Method, TransportError, TransportKind};
use crate::redact::MESSAGE_LIMIT;
use crate::session::{Cancelled, Session, TimeLimit};
use crate::time::{Moment, duration_text, retry_after_ms};
use crate::url::host_of;

/// A call without a usable response that started nothing.
#[derive(Debug, Clone)]
pub(crate) struct CallError {
    /// What it means.
    pub(crate) class: Class,
    /// A stable code.
    pub(crate) code: &'static str,
    /// What happened, in a sentence.
    pub(crate) message: String,
    /// What to do next, in a sentence.
    pub(crate) hint: &'static str,
    /// Whether another attempt may succeed.
    pub(crate) retryable: bool,
    /// How long the service asks to wait.
    pub(crate) retry_after_ms: Option<u64>,
    /// Until when the service asks to wait.
    pub(crate) retry_at: Option<Moment>,
    /// The HTTP status, if there was a response.
    pub(crate) status: Option<u16>,
    /// The error that the service reported.
    pub(crate) service_error: Option<ServiceError>,
}

impl CallError {
    /// A call without a response.
    pub(crate) fn of_transport(
        session: &Session<'_>,
        error: &TransportError,
        call: CallKind,
        what: &str,
        url: &str,
    ) -> Self {
        Self {
            status: error.status,
            message: transport_message(session, error, what, url),
            ..Self::of_row(unanswered(call, error.kind))
        }
    }

    /// A response that is not a success.
    pub(crate) fn of_answer(
        session: &Session<'_>,
        classified: Classified,
        answer: &HttpAnswer,
        what: &str,
    ) -> Self {
        let now = session.service_now();
        let wait = retry_after(answer, now);
        Self {
            message: answer_message(answer, &classified.service_error, what),
            retry_after_ms: wait,
            retry_at: wait.map(|wait| now.after_ms(wait)),
            status: Some(answer.status),
            service_error: Some(classified.service_error),
            ..Self::of_row(classified.row)
        }
    }

    /// A response with a success status that cannot be read.
    pub(crate) fn unreadable(session: &Session<'_>, answer: &HttpAnswer, what: &str) -> Self {
        let service_error = ErrorDetails::of(answer).redacted(&session.redactor);
        let message = answer_message(answer, &service_error, what);
        Self {
            message: format!("{message} The response does not have the expected form."),
            status: Some(answer.status),
            service_error: Some(service_error),
            ..Self::of_row(&UNREADABLE)
        }
    }

    fn of_row(row: &Row) -> Self {
        Self {
            class: row.class,
            code: row.code,
            message: String::new(),
            hint: row.hint,
            retryable: row.retryable,
            retry_after_ms: None,
            retry_at: None,
            status: None,
            service_error: None,
        }
    }

    /// The same error, which names the end of the patience if that, and not the deadline, came first.
    pub(crate) fn after_patience(mut self, session: &Session<'_>) -> Self {
        if self.status.is_none() && session.patience_left_ms() < session.remaining_ms() {
            let patience = duration_text(session.connect_patience_ms);
            self.message +=
                &format!(" No request got a response for {patience} (`connect_patience`).");
        }
        self
    }

    /// Whether the same call may succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self.class, Class::Later | Class::Lost | Class::Busy)
    }
}

/// Why a refresh or a follow stops early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nothing was started.
    Error(RefreshError),
    /// There is a verdict.
    Verdict(Box<Verdict>),
    /// The host cancelled.
    Cancelled,
}

/// A step that may stop early.
pub(crate) type Step<T> = Result<T, Stop>;

impl From<Stop> for RefreshError {
    /// The error of the contract, if nothing was started.
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Error(error) => error,
            Stop::Cancelled | Stop::Verdict(_) => Self::Interrupted(problem(
                "interrupted",
                "Cancelled before anything was sent.",
                "Start again: nothing was triggered.",
            )),
        }
    }
}

impl From<CallError> for RefreshError {
    /// The error of the contract, if nothing was started.
    fn from(error: CallError) -> Self {
        let problem = Problem {
            retryable: error.retryable,
            retry_at: error.retry_at.map(|at| at.to_string()),
            service_error: error.service_error,
            ..problem(error.code, error.message, error.hint)
        };
        match error.class {
            Class::Unauthorized => Self::Unauthorized(problem),
            Class::Invalid | Class::Refused | Class::Over => Self::Invalid(problem),
            Class::Denied => Self::Denied(problem),
            Class::Later | Class::Lost | Class::Busy | Class::Broken => Self::Unavailable(problem),
        }
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Error(error.into())
    }
}

impl From<Verdict> for Stop {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(Box::new(verdict))
    }
}

impl From<RefreshError> for Stop {
    fn from(error: RefreshError) -> Self {
        Self::Error(error)
    }
}

impl From<Cancelled> for Stop {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Repeats `read` until it succeeds, fails in a way that waiting does not solve, or the next try
/// would come after the deadline; reads once if this call does not retry; the inner error is the last failure.
pub(crate) fn retry<T>(
    session: &mut Session<'_>,
    mut read: impl FnMut(&mut Session<'_>) -> Result<T, CallError>,
) -> Result<Result<T, CallError>, Cancelled> {
    let mut tries = 0_u32;
    loop {
        let error = match read(session) {
            Ok(response) => return Ok(Ok(response)),
            Err(error) => error,
        };
        tries = tries.saturating_add(1);
        if !session.retries || !error.is_temporary() {
            return Ok(Err(error));
        }
        let Some(wait) = session.wait_before_retry(error.retry_after_ms, tries) else {
            return Ok(Err(error.after_patience(session)));
        };
        let message = format!("{} Trying again in {}.", error.message, duration_text(wait));
        session.report(Phase::WaitingToRetry, Level::Warning, message);
        session.wait(wait)?;
    }
}

/// Sends a request without a body to an API.
pub(crate) fn fetch(
    session: &mut Session<'_>,
    call: CallKind,
    (method, url): (Method, &str),
    limit: TimeLimit,
    what: &str,
) -> Result<HttpAnswer, CallError> {
    let answer = session.send_to_api(method, url, limit);
    answer.map_err(|error| CallError::of_transport(session, &error, call, what, url))
}

/// What a response holds.
pub(crate) fn parsed<T>(
    session: &Session<'_>,
    call: CallKind,
    answer: &HttpAnswer,
    what: &str,
    parse: impl Fn(&HttpAnswer) -> Option<T>,
) -> Result<T, CallError> {
    if !answer.is_success() {
        let classified = classify(call, answer, &session.redactor);
        return Err(CallError::of_answer(session, classified, answer, what));
    }
    parse(answer).ok_or_else(|| CallError::unreadable(session, answer, what))
}

/// A history as it was read.
#[derive(Debug)]
pub(crate) struct History {
    /// The runs, newest first.
    pub(crate) runs: Vec<Run>,
    /// The service's time of the response.
    pub(crate) at: Moment,
    /// How long the service asks to wait before the next request.
    pub(crate) retry_after_ms: Option<u64>,
}

impl History {
    /// From when on the service accepts the next request.
    pub(crate) fn readable_from(&self) -> Option<Moment> {
        self.retry_after_ms.map(|wait| self.at.after_ms(wait))
    }
}

/// Reads the history before a trigger, and sets the service's clock.
pub(crate) fn look(
    session: &mut Session<'_>,
    content: &WatchedContent<'_>,
) -> Result<History, CallError> {
    history(
        session,
        content,
        TimeLimit::Deadline,
        Session::set_service_clock,
    )
}

/// Reads the history; sets the service's clock only if it is not known yet.
pub(crate) fn read_history(
    session: &mut Session<'_>,
    content: &WatchedContent<'_>,
    limit: TimeLimit,
) -> Result<History, CallError> {
    history(session, content, limit, Session::learn_service_clock)
}

fn history<'p>(
    session: &mut Session<'p>,
    content: &WatchedContent<'_>,
    limit: TimeLimit,
    take_clock: fn(&mut Session<'p>, &HttpAnswer),
) -> Result<History, CallError> {
    let call = CallKind::of(content.kind, Purpose::Read);
    let (url, what) = (content.history_url(), "Reading the history failed");
    let answer = fetch(session, call, (Method::Get, &url), limit, what)?;
    let runs = parsed(session, call, &answer, what, |answer| {
        content.history(answer)
    })?;
    take_clock(session, &answer);
    let at = session.service_now();
    Ok(History {
        runs,
        at,
        retry_after_ms: retry_after(&answer, at),
    })
}

/// Reads one run on its own page, and how long the service asks to wait before the next request. A
/// run that the service does not know, or not yet, is `None`.
pub(crate) fn read_run(
    session: &mut Session<'_>,
    content: &WatchedContent<'_>,
    url: &str,
    run: &str,
    limit: TimeLimit,
) -> Result<(Option<Run>, Option<u64>), CallError> {
    let call = CallKind::of(content.kind, Purpose::Read);
    let what = "Reading the run failed";
    let answer = fetch(session, call, (Method::Get, url), limit, what)?;
    let wait = retry_after(&answer, session.service_now());
    session.learn_service_clock(&answer);
    if answer.status == 404 {
        return Ok((None, wait));
    }
    let run = parsed(session, call, &answer, what, |answer| {
        content.run(answer, run)
    })?;
    Ok((Some(run), wait))
}

/// How long a response asks to wait; a date is measured from the response's own date.
pub(crate) fn retry_after(answer: &HttpAnswer, now: Moment) -> Option<u64> {
    let date = answer.header("date").and_then(Moment::parse_http_date);
    retry_after_ms(answer.header("retry-after")?, date.unwrap_or(now))
}

/// Why there was no response. Shows the host but never more of the URL.
pub(crate) fn transport_message(
    session: &Session<'_>,
    error: &TransportError,
    what: &str,
    url: &str,
) -> String {
    let detail = match session.redactor.line(&error.message, MESSAGE_LIMIT) {
        detail if detail.is_empty() => String::new(),
        detail if error.kind == TransportKind::NotSentByHost => format!(": {detail}"),
        detail => format!(" ({detail})"),
    };
    let (host, phrase) = (host_of(url), error.kind.phrase());
    format!("{what}: the request to {host} {phrase}{detail}.")
}

/// What a service responded.
pub(crate) fn answer_message(answer: &HttpAnswer, error: &ServiceError, what: &str) -> String {
    format!("{what}: HTTP {}{}.", answer.status, in_parentheses(error))
}
