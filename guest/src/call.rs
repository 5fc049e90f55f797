//! One HTTP call: reading a response, retrying what starts nothing, and why a call stops.
//!
//! A history, a run and a list are read here, once each; [`retry`] repeats such a read until it
//! succeeds or the deadline comes.

use crate::api::content::WatchedContent;
use crate::api::error::{ErrorDetails, in_parentheses};
use crate::api::reply::is_html;
use crate::api::run::{Run, RunList};
use crate::classify::{
    CAPACITY_CODE, CallKind, Class, Classified, PAGE, Purpose, Row, UNREADABLE, classify,
    unanswered, unsent,
};
use crate::contract::{Level, Phase, Problem, RefreshError, ServiceError, Verdict, problem};
use crate::ports::{HOST_TOKEN_HEADER, HttpAnswer, Method, TransportError, TransportKind};
use crate::redact::MESSAGE_LIMIT;
use crate::session::{Cancelled, Session, TimeLimit};
use crate::time::{Moment, duration_text, retry_after_ms, wait_in_text};
use crate::url::{Parts, host_of};

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
        // What the host did not send starts nothing, so its code counts for a trigger too.
        let vouched = error.certainly_unsent(session.host_reports_unsent);
        let by_host = error.message.split_once(": ").filter(|_| vouched);
        let by_host = by_host.and_then(|(code, why)| Some((unsent(code)?, why)));
        let (row, detail) = match (error.kind, by_host) {
            (TransportKind::NotSentByHost, Some(by_host)) => by_host,
            (kind, _) => (unanswered(call, kind), error.message.as_str()),
        };
        Self {
            status: error.status,
            message: transport_message(session, error.kind, detail, what, url),
            ..Self::of_row(row)
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
        let is_later = classified.row.class == Class::Later;
        let in_text = || wait_in_text(&classified.service_error.message, now).filter(|_| is_later);
        let wait = retry_after(answer, now).max(in_text());
        Self {
            message: answer_message(session, answer, &classified.service_error, what),
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
        let message = answer_message(session, answer, &service_error, what);
        let row = if is_html(answer) { &PAGE } else { &UNREADABLE };
        Self {
            retry_after_ms: retry_after(answer, session.service_now()),
            message: format!("{message} The response does not have the expected form."),
            status: Some(answer.status),
            service_error: Some(service_error),
            ..Self::of_row(row)
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
        if self.status.is_none()
            && self.is_temporary()
            && session.patience_left_ms() < session.remaining_ms()
        {
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
        // A paused capacity may be resumed while the run is at the service.
        let may_resume = error.code == CAPACITY_CODE && session.may_have_started;
        if !session.retries || !(error.is_temporary() || may_resume) {
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
    parse: impl FnOnce(&HttpAnswer) -> Option<T>,
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

/// The most pages of a history that are read, of 100 runs each: a service may never end its pages.
const MOST_PAGES: usize = 10;

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
    let what = "Reading the history failed";
    let mut url = content.history_url();
    let (mut list, mut at, mut wait) = (RunList::default(), None, None);
    let mut has_more = true;
    for _ in 0..MOST_PAGES {
        let answer = fetch(session, call, (Method::Get, &url), limit, what)?;
        let token = parsed(session, call, &answer, what, |answer| {
            content.history(answer, &mut list)
        })?;
        if at.is_none() {
            // The first page's time: a run that starts meanwhile may be missing in the list.
            take_clock(session, &answer);
            at = Some(session.service_now());
        }
        wait = retry_after(&answer, session.service_now());
        has_more = token.is_some();
        let Some(token) = token else { break };
        url = content.next_history_url(&token);
    }
    let at = at.unwrap_or_else(|| session.service_now());
    let (mut runs, dropped) = list.newest_first();
    runs.iter_mut().for_each(|run| run.doubt(at, None));
    if (dropped > 0 || has_more) && !session.cut_reported {
        session.cut_reported = true;
        let count = runs.len();
        let message = format!("The history is too long: only {count} runs are considered.");
        session.report(Phase::Looking, Level::Warning, message);
    }
    Ok(History {
        runs,
        at,
        retry_after_ms: wait,
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
    // A 404 with a code of its own, for example of a paused capacity, says nothing about the run.
    if answer.status == 404 && !classify(call, &answer, &session.redactor).row.is_specific() {
        return Ok((None, wait));
    }
    let mut run = parsed(session, call, &answer, what, |answer| {
        content.run(answer, run)
    })?;
    run.doubt(session.service_now(), None);
    Ok((Some(run), wait))
}

/// How long a response asks to wait; a date is measured from the response's own date.
pub(crate) fn retry_after(answer: &HttpAnswer, now: Moment) -> Option<u64> {
    let date = answer.header("date").and_then(Moment::parse_http_date);
    let exact = answer
        .header("x-ms-retry-after-ms")
        .and_then(|ms| ms.parse().ok());
    exact.or_else(|| retry_after_ms(answer.header("retry-after")?, date.unwrap_or(now)))
}

/// Why there was no response. Shows the host but never more of the URL.
fn transport_message(
    session: &Session<'_>,
    kind: TransportKind,
    detail: &str,
    what: &str,
    url: &str,
) -> String {
    let detail = match session.redactor.line(detail, MESSAGE_LIMIT) {
        detail if detail.is_empty() => String::new(),
        detail if kind == TransportKind::NotSentByHost => format!(": {detail}"),
        detail => format!(" ({detail})"),
    };
    let (host, phrase) = (host_of(url), kind.phrase());
    format!("{what}: the request to {host} {phrase}{detail}.")
}

/// What the service responded, or the host in its place if it could not sign in.
pub(crate) fn answer_message(
    session: &Session<'_>,
    answer: &HttpAnswer,
    error: &ServiceError,
    what: &str,
) -> String {
    if answer.header(HOST_TOKEN_HEADER).is_some() {
        return format!("{what}: {}.", error.message.trim_end_matches('.'));
    }
    let (status, host) = (answer.status, &session.last_host);
    let to = answer
        .header("location")
        .filter(|_| (300..400).contains(&status));
    let to = to.map(|location| Parts::of(location).map_or("another path", |url| url.host()));
    let to = to.map(|to| format!(", a redirect to {to}"));
    let (to, why) = (to.unwrap_or_default(), in_parentheses(error));
    format!("{what}: HTTP {status} from {host}{to}{why}.")
}
