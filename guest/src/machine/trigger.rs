//! The attempts: history, intent, trigger, until one may have arrived.
//!
//! Another attempt follows only if it is certain that nothing was started. Each attempt reads the
//! history again and stores an intent of its own.

use super::guard::{self, Clearance};
use super::reply::{Reply, flow_run, reply};
use super::response;
use super::verdicts::{Facts, RunContext, is_followed, unverified};
use super::watch::{RunSearch, watch};
use crate::api::quota;
use crate::api::run::baseline;
use crate::call::{CallError, History, Step, answer_message, retry_after};
use crate::classify::{Class, Classified, DATAFLOW_LIMIT_CODE, MODEL_LIMIT_CODE};
use crate::contract::{
    Evidence, FollowMode, IfRunning, Intent, Level, Matched, Phase, Problem, RefreshError,
    RefreshRequest, Sent, Status, StoreError, Triggered, Verdict, problem, run_with_id,
};
use crate::lookup::resolve;
use crate::matching::MatchWindow;
use crate::ports::{HttpAnswer, HttpRequest};
use crate::request::{Work, check_run_id, outgoing};
use crate::session::Session;
use crate::time::{Moment, duration_text};

/// One attempt: what is triggered, what was seen before, and what is sent.
struct Attempt<'a> {
    request: &'a RefreshRequest,
    work: &'a Work<'a>,
    number: u32,
    clearance: Clearance,
    sent_at: Moment,
    call: HttpRequest,
}

/// Runs attempts until one of them decides.
pub(crate) fn run(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
) -> Step<Verdict> {
    check_run_id(&request.run_id)?;
    let target = resolve(session, &request.target)?;
    let work = &Work::of(&target, session.endpoints)?;
    guard::check(request, work)?;
    // Built once in advance, so that an invalid payload is reported before the first call.
    work.request(session, request.response_timeout_ms)?;
    let mut number = 0_u32;
    loop {
        let clearance = guard::clear(session, facts, request, work)?;
        if session.remaining_ms() == 0 {
            return Err(deadline_passed().into());
        }
        number = number.saturating_add(1);
        let attempt = Attempt {
            request,
            work,
            number,
            clearance,
            sent_at: session.service_now(),
            call: work.request(session, request.response_timeout_ms)?,
        };
        store_intent(session, &attempt)?;
        let message = format!("Triggering the {}.", work.noun());
        session.report(Phase::Triggering, Level::Info, message);
        let answer = session.send(&attempt.call);
        match reply(work, session, &attempt.call.url, answer) {
            Reply::NotStarted(error) => not_started(session, facts, &attempt, *error)?,
            Reply::Lost(error) => return lost(session, facts, &attempt, *error),
            Reply::Rejected(answer, classified) => {
                return Ok(rejected(session, facts, &attempt, &answer, classified));
            }
            Reply::Accepted(answer) => return accepted(session, facts, &attempt, answer),
        }
    }
}

/// A trigger that is sent at the deadline would time out and be lost.
fn deadline_passed() -> RefreshError {
    let message = "The deadline passed before the trigger could be sent.";
    let hint = "Start again with a longer `deadline`: nothing was triggered.";
    RefreshError::Unavailable(Problem {
        retryable: true,
        ..problem("deadline_passed", message, hint)
    })
}

fn store_intent(session: &mut Session<'_>, attempt: &Attempt<'_>) -> Step<()> {
    let history = attempt.clearance.history.as_ref();
    let intent = Intent {
        request: outgoing(&attempt.call, &session.redactor),
        looked_at: history.map(|history| history.at.to_string()),
        sent_at: attempt.sent_at.to_string(),
        baseline: history
            .map(|history| baseline(&history.runs, history.at))
            .unwrap_or_default(),
        attempt: attempt.number,
        overridden: attempt.clearance.overridden.clone(),
    };
    let Err(error) = session.append_intent(intent) else {
        return Ok(());
    };
    let (why, to_error, code, what, hint): (_, fn(Problem) -> RefreshError, _, _, _) = match &error
    {
        StoreError::Unavailable(why) => (
            why,
            RefreshError::AuditUnavailable,
            "audit_unavailable",
            "The intent could not be stored",
            "Make the audit log writable, then start again.",
        ),
        StoreError::Refused(why) => (
            why,
            RefreshError::ClaimLost,
            "claim_lost",
            "The audit log refused the intent",
            "Wait for the verdict of the other process that drives this run.",
        ),
    };
    let why = session.redactor.line(why, 300);
    let message = format!("{what}, so nothing was triggered: {why}.");
    Err(to_error(problem(code, message, hint)).into())
}

/// The wait before the next attempt, as long as both the trigger's and the last history's response
/// ask for; `None` if the deadline comes first.
fn wait_before_attempt(
    session: &Session<'_>,
    attempt: &Attempt<'_>,
    error: &CallError,
) -> Option<u64> {
    let history = attempt.clearance.history.as_ref();
    let readable_from = history.and_then(History::readable_from);
    let readable_in = readable_from.map_or(0, |from| session.service_now().until(from));
    let wait = session.wait_before_retry(error.retry_after_ms, attempt.number)?;
    Some(wait.max(readable_in)).filter(|wait| *wait < session.remaining_ms())
}

/// Nothing was started: waits for the next attempt, or stops. If the service rejected the trigger
/// because of a run that the history did not show, the next attempt will see that run, and decides.
fn not_started(
    session: &mut Session<'_>,
    facts: &mut Facts,
    attempt: &Attempt<'_>,
    error: CallError,
) -> Step<()> {
    if error.class == Class::Unauthorized {
        let mut triggered = triggered(session, error.status, &error.message);
        triggered.service_error = error.service_error.clone();
        session.append_triggered(triggered);
    } else {
        session.append_observed("not_sent", None, &error.message);
    }
    let request = attempt.request;
    let is_busy = error.class == Class::Busy;
    let tries_again = match request.if_running {
        _ if !is_busy => error.is_temporary(),
        IfRunning::Wait => true,
        IfRunning::Follow => request.follow == FollowMode::ToTheEnd,
        IfRunning::Skip => false,
    };
    let wait = wait_before_attempt(session, attempt, &error).filter(|_| tries_again);
    let (phase, level) = match wait {
        None if is_busy => return Err(guard::rejected_as_busy(facts, request, error).into()),
        None => return Err(error.after_patience(session).into()),
        Some(_) if is_busy => (Phase::WaitingForOther, Level::Info),
        Some(_) => (Phase::WaitingToRetry, Level::Warning),
    };
    let wait = wait.unwrap_or_default();
    let (message, again) = (&error.message, duration_text(wait));
    let message = format!("{message} Nothing was started; trying again in {again}.");
    session.report(phase, level, message);
    Ok(session.wait(wait)?)
}

fn lost(
    session: &mut Session<'_>,
    facts: &mut Facts,
    attempt: &Attempt<'_>,
    error: CallError,
) -> Step<Verdict> {
    facts.sent = Sent::Maybe;
    session.may_have_started = true;
    facts.service_error = error.service_error.clone();
    let poll_from = poll_from(session, attempt, error.retry_after_ms);
    session.append_triggered(Triggered {
        poll_from: poll_from.map(|at| at.to_string()),
        service_error: error.service_error,
        ..triggered(session, error.status, &error.message)
    });
    // A response, even a gateway's, proves that the trigger is no longer on its way.
    let answered = error.status.map(|_| session.service_now());
    let base = answered.unwrap_or_else(|| attempt.sent_at.after_ms(session.call_timeout_ms));
    match search(attempt, base, poll_from, &error.message) {
        Some(search) => watch(session, facts, search),
        None => Ok(facts.verdict(Status::Unknown, error.code, error.message, error.hint)),
    }
}

fn rejected(
    session: &mut Session<'_>,
    facts: &mut Facts,
    attempt: &Attempt<'_>,
    answer: &HttpAnswer,
    classified: Classified,
) -> Verdict {
    facts.sent = Sent::Yes;
    facts.evidence = Evidence::Service;
    facts.service_error = Some(classified.service_error.clone());
    facts.flow_run = flow_run(answer);
    let what = format!("The {} rejected the trigger", attempt.work.noun());
    let message = answer_message(session, answer, &classified.service_error, &what);
    session.append_triggered(Triggered {
        flow_run: facts.flow_run.clone(),
        service_error: facts.service_error.clone(),
        ..triggered(session, Some(answer.status), &message)
    });
    let row = classified.row;
    let verdict = Verdict {
        retryable: row.retryable,
        ..facts.verdict(Status::Failed, row.code, message, row.hint)
    };
    with_next_slot(session, attempt, verdict)
}

/// The verdict with the state of a daily limit that is its reason, according to the history before
/// the trigger.
fn with_next_slot(session: &Session<'_>, attempt: &Attempt<'_>, verdict: Verdict) -> Verdict {
    let limits: &[usize] = match verdict.code.as_str() {
        DATAFLOW_LIMIT_CODE => &[quota::DAILY_REFRESHES],
        MODEL_LIMIT_CODE => &quota::MODEL_REFRESHES,
        _ => return verdict,
    };
    let Some(history) = attempt.clearance.history.as_ref() else {
        return verdict;
    };
    let (runs, now) = (&history.runs, session.service_now());
    let state = match &attempt.request.quota {
        Some(guard) => quota::state(runs, now, guard),
        None => quota::used_up(runs, now, limits),
    };
    Verdict {
        retry_at: state.next_slot.clone(),
        quota: Some(state),
        ..verdict
    }
}

fn accepted(
    session: &mut Session<'_>,
    facts: &mut Facts,
    attempt: &Attempt<'_>,
    answer: HttpAnswer,
) -> Step<Verdict> {
    let work = attempt.work;
    facts.sent = Sent::Yes;
    session.may_have_started = true;
    facts.flow_run = flow_run(&answer);
    if answer.header("date").is_some() {
        session.learn_service_clock(&answer);
    }
    let answered_at = session.service_now();
    let run = work.run_in(&answer);
    if let Some(id) = &run {
        facts.matched = Matched::Exact;
        facts.run = Some(run_with_id(id));
    }
    let poll_from = poll_from(session, attempt, retry_after(&answer, answered_at));
    let (noun, status) = (work.noun(), answer.status);
    let reported = response::reported_error(session, facts, attempt.request, &answer)
        .map(|verdict| with_next_slot(session, attempt, verdict));
    let message = match &reported {
        Some(verdict) => verdict.message.clone(),
        None => format!("The {noun} accepted the trigger (HTTP {status})."),
    };
    facts.reported = reported.map(Box::new);
    session.append_triggered(Triggered {
        flow_run: facts.flow_run.clone(),
        service_run: run.clone(),
        poll_from: poll_from.map(|at| at.to_string()),
        service_error: facts
            .reported
            .as_ref()
            .and_then(|one| one.service_error.clone()),
        ..triggered(session, Some(status), &message)
    });
    if work.by_response && facts.reported.is_none() {
        let (request, url) = (attempt.request, &attempt.call.url);
        return response::await_response(session, facts, request, url, answer);
    }
    if let Some(search) = search(attempt, answered_at, poll_from, &message) {
        let claimed = work.run_perhaps_in(&answer).filter(|_| run.is_none());
        let by_id = work.has_run_page() && run.is_some();
        let search = RunSearch {
            by_id,
            // What the history's response asks to wait is not about the run's own page.
            poll_from: if by_id { poll_from } else { search.poll_from },
            known: run,
            claimed,
            ..search
        };
        return watch(session, facts, search);
    }
    if let Some(reported) = facts.reported.take() {
        return Ok(*reported);
    }
    let unread = attempt.clearance.unread.as_ref();
    Ok(unverified(facts, &message, attempt.request.follow, unread))
}

/// A response to the trigger, now, of which nothing more is known.
fn triggered(session: &Session<'_>, http_status: Option<u16>, message: &str) -> Triggered {
    Triggered {
        http_status,
        answered_at: session.service_now().to_string(),
        flow_run: None,
        service_run: None,
        poll_from: None,
        message: message.to_owned(),
        service_error: None,
    }
}

/// From when on the triggered service accepts a request for the run. A flow's `Retry-After` is
/// about its own Response, and the history is at another service.
fn poll_from(
    session: &Session<'_>,
    attempt: &Attempt<'_>,
    retry_after_ms: Option<u64>,
) -> Option<Moment> {
    // The service's clock shows whole seconds only, so one more is added.
    let wait = retry_after_ms?.saturating_add(1_000);
    (!attempt.work.is_flow()).then(|| session.service_now().after_ms(wait))
}

/// The search for the run that the trigger started, if there is a history to search. `base` is when
/// the trigger had arrived for certain.
fn search<'a>(
    attempt: &Attempt<'a>,
    base: Moment,
    poll_from: Option<Moment>,
    message: &str,
) -> Option<RunSearch<'a>> {
    let request = attempt.request;
    let content = attempt.work.content;
    let content = content.filter(|_| is_followed(request.follow))?;
    let history = attempt.clearance.history.as_ref()?;
    let context = RunContext::ours(&request.name, message, attempt.sent_at);
    Some(RunSearch {
        poll_from: poll_from.max(history.readable_from()),
        window: Some(MatchWindow {
            baseline: baseline(&history.runs, history.at),
            taken: request.taken_runs.clone(),
            triggered: Some(content.kind),
            from: history.at,
            until: base.after_ms(content.item.start_within_ms),
        }),
        until_started: request.follow == FollowMode::UntilStarted,
        ..RunSearch::new(content, context)
    })
}
