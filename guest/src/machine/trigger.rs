//! The attempts: look, intent, trigger, until one may have arrived.
//!
//! Another attempt follows only where it is certain that nothing left, or where the service asks
//! to come again later; each one looks anew and appends an intent of its own first.

use super::ending::{Subject, detached, waited_out};
use super::guard;
use super::look::Look;
use super::reply::{Lost, Reply, flow_run, reply};
use super::response;
use super::settle::{Hunt, settle};
use super::{Step, Stop};
use crate::classify::{DAILY_LIMIT, Judged};
use crate::contract::{
    Evidence, FollowMode, Intent, Level, Operation, Phase, RefreshError, RefreshRequest, Sent,
    Status, StoreError, Triggered, Verdict,
};
use crate::dataflow::history::baseline;
use crate::dataflow::matching::Wanted;
use crate::dataflow::quota;
use crate::facts::{Facts, looks};
use crate::ports::{HttpAnswer, HttpRequest};
use crate::request::{Work, check_run_id, outgoing};
use crate::session::Session;
use crate::time::{Moment, words};
use crate::trouble::{Remedy, Trouble, answer_message, problem};
use crate::url::{host_of, resolve};

/// One attempt: what was seen before it, and what was sent.
struct Attempt {
    look: Option<Look>,
    sent_at: Moment,
    call: HttpRequest,
}

/// Runs attempts until one ends the matter.
pub(crate) fn run(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
) -> Step<Verdict> {
    check_run_id(&request.run_id)?;
    let work = Work::of(&request.target, Operation::Trigger)?;
    // Built once for nothing, so that a wrong payload is said before the service is asked.
    work.request(session, request.response_timeout_ms)?;
    let watched = work.watched.filter(|_| looks(request.follow));
    let mut number = 0_u32;
    loop {
        let look = match watched {
            Some(target) => Some(guard::clear(session, request, target)?),
            None => None,
        };
        if session.remaining_ms() == 0 {
            return Err(Stop::Error(too_late()));
        }
        number = number.saturating_add(1);
        let attempt = Attempt {
            look,
            sent_at: session.service_now(),
            call: work.request(session, request.response_timeout_ms)?,
        };
        write_intent(session, &attempt, number)?;
        session.say(
            Phase::Triggering,
            Level::Info,
            format!("Triggering the {}.", work.noun()),
        );
        let answer = session.send(&attempt.call);
        match reply(&work, session, &attempt.call.url, answer) {
            Reply::NotStarted(trouble) => come_again(session, *trouble, number)?,
            Reply::Lost(lost) => {
                return lost_trigger(session, facts, request, &work, &attempt, lost);
            }
            Reply::Refused(answer, judged) => {
                return refused(session, facts, request, &work, &attempt, &answer, judged);
            }
            Reply::Taken(answer) => {
                return taken(session, facts, request, &work, &attempt, answer);
            }
        }
    }
}

/// A trigger that leaves at the deadline would be lost by its own hurry.
fn too_late() -> RefreshError {
    let mut problem = problem(
        "deadline_passed",
        "The deadline came before the trigger could be sent.".to_owned(),
        "Start again with a longer `deadline`: nothing was triggered.",
    );
    problem.retryable = true;
    RefreshError::Unavailable(problem)
}

fn write_intent(session: &mut Session<'_>, attempt: &Attempt, number: u32) -> Step<()> {
    let intent = Intent {
        request: outgoing(&attempt.call, &session.redactor),
        looked_at: attempt.look.as_ref().map(|look| look.at.to_string()),
        sent_at: attempt.sent_at.to_string(),
        baseline: attempt
            .look
            .as_ref()
            .map(|look| baseline(&look.history, look.at))
            .unwrap_or_default(),
        attempt: number,
    };
    session.append_intent(intent).map_err(|error| match error {
        StoreError::Unavailable(why) => Stop::Error(RefreshError::AuditUnavailable(problem(
            "audit_unavailable",
            format!(
                "The intent could not be stored, so nothing was triggered: {}.",
                session.redactor.line(&why, 300)
            ),
            "Make the record writable, then start again.",
        ))),
        StoreError::Refused(why) => Stop::ClaimLost(RefreshError::ClaimLost(problem(
            "claim_lost",
            format!(
                "The record refused the intent, so nothing was triggered: {}.",
                session.redactor.line(&why, 300)
            ),
            "Another process drives this run: wait for its verdict.",
        ))),
    })
}

/// Nothing was started: waits for the next attempt, or ends.
fn come_again(session: &mut Session<'_>, trouble: Trouble, number: u32) -> Step<()> {
    if trouble.remedy == Remedy::Credentials {
        session.append_triggered(Triggered {
            http_status: trouble.status,
            answered_at: session.service_now().to_string(),
            flow_run: None,
            message: trouble.message.clone(),
            service_error: trouble.service_error.clone(),
        });
    } else {
        session.append_observed("not_sent", None, trouble.message.clone());
    }
    let wait = session.wait_before_retry(trouble.retry_after_ms, number);
    let (Remedy::Patience, Some(wait)) = (trouble.remedy, wait) else {
        return Err(Stop::Error(trouble.into_error()));
    };
    session.say(
        Phase::WaitingToRetry,
        Level::Warning,
        format!(
            "{} Nothing was started; trying again in {}.",
            trouble.message,
            words(wait)
        ),
    );
    session.pause(wait)?;
    Ok(())
}

fn lost_trigger(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    work: &Work<'_>,
    attempt: &Attempt,
    lost: Lost,
) -> Step<Verdict> {
    facts.sent = Sent::Maybe;
    facts.service_error = lost.service_error.clone();
    session.append_triggered(Triggered {
        http_status: lost.status,
        answered_at: session.service_now().to_string(),
        flow_run: None,
        message: lost.message.clone(),
        service_error: lost.service_error,
    });
    // An answer that came, even a gateway's, tells that the trigger is no longer on its way.
    let answered = lost.status.map(|_| session.service_now());
    match hunt(session, request, work, attempt, answered, &lost.message) {
        Some(hunt) => settle(session, facts, hunt),
        None => Ok(facts.verdict_hint(Status::Unknown, lost.code, lost.message, lost.hint)),
    }
}

fn refused(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    work: &Work<'_>,
    attempt: &Attempt,
    answer: &HttpAnswer,
    judged: Judged,
) -> Step<Verdict> {
    facts.sent = Sent::Yes;
    facts.evidence = Evidence::Service;
    facts.service_error = Some(judged.service_error.clone());
    facts.flow_run = flow_run(answer);
    let what = format!("The {} refused the trigger", work.noun());
    let mut message = answer_message(answer, &judged.service_error, &what);
    if let Some(location) = answer.header("location").filter(|_| answer.status < 400) {
        let host = resolve(&attempt.call.url, location);
        let host = host.as_deref().map_or("nowhere", host_of);
        message = format!("{message} It redirects to {host}, which is not followed.");
    }
    session.append_triggered(Triggered {
        http_status: Some(answer.status),
        answered_at: session.service_now().to_string(),
        flow_run: facts.flow_run.clone(),
        message: message.clone(),
        service_error: facts.service_error.clone(),
    });
    if work.by_response && response::is_response(facts, answer, &judged) {
        return Ok(response::refused(facts, request, answer, judged));
    }
    let row = judged.row;
    let mut verdict = facts.verdict_hint(Status::Failed, row.code, message, row.hint);
    verdict.retryable = row.retryable;
    verdict.retry_at = retry_at(session, attempt, &judged);
    Ok(verdict)
}

/// When the daily limit leaves a slot, as far as the look before the trigger tells.
fn retry_at(session: &Session<'_>, attempt: &Attempt, judged: &Judged) -> Option<String> {
    if judged.service_error.code != DAILY_LIMIT {
        return None;
    }
    let look = attempt.look.as_ref()?;
    quota::next_slot(&look.history, session.service_now()).map(|at| at.to_string())
}

fn taken(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    work: &Work<'_>,
    attempt: &Attempt,
    answer: HttpAnswer,
) -> Step<Verdict> {
    facts.sent = Sent::Yes;
    facts.flow_run = flow_run(&answer);
    let answered_at = session.service_now();
    let message = format!(
        "The {} took the trigger (HTTP {}).",
        work.noun(),
        answer.status
    );
    session.append_triggered(Triggered {
        http_status: Some(answer.status),
        answered_at: answered_at.to_string(),
        flow_run: facts.flow_run.clone(),
        message: message.clone(),
        service_error: None,
    });
    if work.by_response {
        return response::settle(session, facts, request, &attempt.call.url, answer);
    }
    match hunt(session, request, work, attempt, Some(answered_at), &message) {
        Some(hunt) => settle(session, facts, hunt),
        None if looks(request.follow) => Ok(waited_out(facts, &message)),
        None => Ok(detached(facts, &message)),
    }
}

/// The search for the run that the trigger began, where there is a history to search.
fn hunt<'r>(
    session: &Session<'_>,
    request: &'r RefreshRequest,
    work: &Work<'r>,
    attempt: &Attempt,
    answered: Option<Moment>,
    message: &str,
) -> Option<Hunt<'r>> {
    let (target, look) = (work.watched?, attempt.look.as_ref()?);
    let base = answered.unwrap_or_else(|| attempt.sent_at.after_ms(session.call_timeout_ms));
    Some(Hunt {
        target,
        wanted: Some(Wanted {
            baseline: baseline(&look.history, look.at),
            taken: request.taken_runs.clone(),
            from: look.at,
            until: base.after_ms(target.start_within_ms),
        }),
        known: None,
        subject: Subject::of_ours(&request.name, message, attempt.sent_at),
        until_started: request.follow == FollowMode::UntilStarted,
        at_least_one_look: false,
        ours: true,
    })
}
