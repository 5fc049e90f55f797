//! The attempts: look, intent, trigger, until one may have arrived.
//!
//! Another attempt follows only where it is certain that nothing left, or where the service asks
//! to come again later; each one looks anew and appends an intent of its own first.

use super::ending::{Subject, detached, unreadable, waited_out};
use super::guard::{self, Cleared};
use super::look::Look;
use super::reply::{Lost, Reply, flow_run, reply};
use super::response;
use super::settle::{Hunt, settle};
use super::{Step, Stop};
use crate::classify::{DAILY_LIMIT, Judged};
use crate::content::matching::Wanted;
use crate::content::quota;
use crate::content::run::baseline;
use crate::contract::{
    Evidence, FollowMode, IfRunning, Intent, Level, Matched, Phase, RefreshError, RefreshRequest,
    Sent, ServiceRun, Status, StoreError, Triggered, Verdict,
};
use crate::facts::{Facts, looks};
use crate::names;
use crate::ports::{HttpAnswer, HttpRequest};
use crate::request::{Work, check_run_id, outgoing};
use crate::session::Session;
use crate::time::{Moment, words};
use crate::trouble::{Remedy, Trouble, answer_message, problem, retry_after};
use crate::url::{host_of, resolve};

/// One attempt: what was seen before it, and what was sent.
struct Attempt {
    cleared: Cleared,
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
    let target = names::resolved(session, &request.target, &request.call_context.endpoints)?;
    let work = Work::of(&target, &request.call_context.endpoints)?;
    guard::check(request, &work)?;
    // Built once for nothing, so that a wrong payload is said before the service is asked.
    work.request(session, request.response_timeout_ms)?;
    let watched = work.watched.filter(|_| guard::is_needed(request));
    let mut number = 0_u32;
    loop {
        let cleared = match watched {
            Some(watched) => guard::clear(session, facts, request, &watched)?,
            None => Cleared {
                overridden: request.overridden.clone(),
                ..Cleared::default()
            },
        };
        if session.remaining_ms() == 0 {
            return Err(Stop::Error(too_late()));
        }
        number = number.saturating_add(1);
        let attempt = Attempt {
            cleared,
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
            Reply::NotStarted(trouble) => come_again(session, &attempt, *trouble, number)?,
            Reply::Busy(trouble) => busy(session, request, &attempt, *trouble, number)?,
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
        looked_at: attempt
            .cleared
            .look
            .as_ref()
            .map(|look| look.at.to_string()),
        sent_at: attempt.sent_at.to_string(),
        baseline: attempt
            .cleared
            .look
            .as_ref()
            .map(|look| baseline(&look.history, look.at))
            .unwrap_or_default(),
        attempt: number,
        overridden: attempt.cleared.overridden.clone(),
    };
    session.append_intent(intent).map_err(|error| match error {
        StoreError::Unavailable(why) => Stop::Error(RefreshError::AuditUnavailable(problem(
            "audit_unavailable",
            format!(
                "The intent could not be stored, so nothing was triggered: {}.",
                session.redactor.line(&why, 300)
            ),
            "Make the audit log writable, then start again.",
        ))),
        StoreError::Refused(why) => Stop::ClaimLost(RefreshError::ClaimLost(problem(
            "claim_lost",
            format!(
                "The audit log refused the intent, so nothing was triggered: {}.",
                session.redactor.line(&why, 300)
            ),
            "Another process drives this run: wait for its verdict.",
        ))),
    })
}

/// How long to wait before the next attempt, which begins with a look: as long as both the trigger
/// and the last look were answered with. Nothing where the deadline comes first.
fn wait_before_attempt(
    session: &Session<'_>,
    attempt: &Attempt,
    trouble: &Trouble,
    number: u32,
) -> Option<u64> {
    let look = attempt.cleared.look.as_ref().and_then(Look::again_from);
    let look = look.map_or(0, |from| session.service_now().until(from));
    let wait = session.wait_before_retry(trouble.retry_after_ms, number)?;
    Some(wait.max(look)).filter(|wait| *wait < session.remaining_ms())
}

/// Nothing was started: waits for the next attempt, or ends.
fn come_again(
    session: &mut Session<'_>,
    attempt: &Attempt,
    trouble: Trouble,
    number: u32,
) -> Step<()> {
    if trouble.remedy == Remedy::Credentials {
        session.append_triggered(Triggered {
            http_status: trouble.status,
            answered_at: session.service_now().to_string(),
            flow_run: None,
            service_run: None,
            poll_from: None,
            message: trouble.message.clone(),
            service_error: trouble.service_error.clone(),
        });
    } else {
        session.append_observed("not_sent", None, trouble.message.clone());
    }
    let wait = wait_before_attempt(session, attempt, &trouble, number);
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

/// The service refused, because a run is going on that the look did not show. The look of the next
/// attempt will: what becomes of it is decided there.
fn busy(
    session: &mut Session<'_>,
    request: &RefreshRequest,
    attempt: &Attempt,
    trouble: Trouble,
    number: u32,
) -> Step<()> {
    session.append_observed("not_sent", None, trouble.message.clone());
    let wait = wait_before_attempt(session, attempt, &trouble, number);
    let again = match request.if_running {
        IfRunning::Wait => true,
        IfRunning::Follow => request.follow == FollowMode::ToTheEnd,
        IfRunning::Skip => false,
    };
    match wait.filter(|_| again) {
        Some(wait) => {
            session.say(
                Phase::WaitingForOther,
                Level::Info,
                format!("{} Trying again in {}.", trouble.message, words(wait)),
            );
            session.pause(wait)?;
            Ok(())
        }
        None => Err(Stop::Verdict(Box::new(guard::refused_as_busy(
            request, trouble,
        )))),
    }
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
    let named = Named {
        run: None,
        poll_from: poll_from(session, work, lost.retry_after),
    };
    session.append_triggered(Triggered {
        http_status: lost.status,
        answered_at: session.service_now().to_string(),
        flow_run: None,
        service_run: None,
        poll_from: named.poll_from.map(|at| at.to_string()),
        message: lost.message.clone(),
        service_error: lost.service_error,
    });
    // An answer that came, even a gateway's, tells that the trigger is no longer on its way.
    let answered = lost.status.map(|_| session.service_now());
    let hunt = hunt(
        session,
        request,
        work,
        attempt,
        answered,
        named,
        &lost.message,
    );
    match hunt {
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
        service_run: None,
        poll_from: None,
        message: message.clone(),
        service_error: facts.service_error.clone(),
    });
    if work.by_response && response::is_response(facts, answer, &judged) {
        return Ok(response::refused(facts, request, answer, judged));
    }
    let row = judged.row;
    let mut verdict = facts.verdict_hint(Status::Failed, row.code, message, row.hint);
    verdict.retryable = row.retryable;
    verdict.retry_at = retry_at(session, request, attempt, &judged);
    Ok(verdict)
}

/// When the daily limit leaves a slot, as far as the look before the trigger tells.
fn retry_at(
    session: &Session<'_>,
    request: &RefreshRequest,
    attempt: &Attempt,
    judged: &Judged,
) -> Option<String> {
    if judged.service_error.code != DAILY_LIMIT {
        return None;
    }
    let look = attempt.cleared.look.as_ref()?;
    let now = session.service_now();
    match &request.quota {
        Some(guard) => quota::state(&look.history, now, guard).next_slot,
        None => quota::next_slot(&look.history, now).map(|at| at.to_string()),
    }
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
    if !session.knows_service_clock() && answer.header("date").is_some() {
        session.set_service_clock(&answer);
    }
    let answered_at = session.service_now();
    let named = named(session, facts, work, &answer);
    let message = format!(
        "The {} took the trigger (HTTP {}).",
        work.noun(),
        answer.status
    );
    session.append_triggered(Triggered {
        http_status: Some(answer.status),
        answered_at: answered_at.to_string(),
        flow_run: facts.flow_run.clone(),
        service_run: named.run.clone(),
        poll_from: named.poll_from.map(|at| at.to_string()),
        message: message.clone(),
        service_error: None,
    });
    if work.by_response {
        return response::settle(session, facts, request, &attempt.call.url, answer);
    }
    let hunt = hunt(
        session,
        request,
        work,
        attempt,
        Some(answered_at),
        named,
        &message,
    );
    match (hunt, &attempt.cleared.unread) {
        (Some(hunt), _) => settle(session, facts, hunt),
        (None, Some(why)) => Ok(unreadable(facts, &message, why)),
        (None, None) if looks(request.follow) => Ok(waited_out(facts, &message)),
        (None, None) => Ok(detached(facts, &message)),
    }
}

/// The run that an answer names, and since when it may be asked for.
struct Named {
    run: Option<String>,
    poll_from: Option<Moment>,
}

fn named(session: &Session<'_>, facts: &mut Facts, work: &Work<'_>, answer: &HttpAnswer) -> Named {
    let run = work.run_in(answer);
    if let Some(run) = &run {
        facts.matched = Matched::Exact;
        facts.run = Some(ServiceRun {
            id: run.clone(),
            refresh_type: String::new(),
            status: String::new(),
            started_at: None,
            ended_at: None,
        });
    }
    let asked = retry_after(answer, session.service_now());
    Named {
        run,
        poll_from: poll_from(session, work, asked),
    }
}

/// Since when the service that took the trigger may be asked about the run. A flow speaks of its
/// own Response only, and the history is at another service.
fn poll_from(session: &Session<'_>, work: &Work<'_>, asked: Option<u64>) -> Option<Moment> {
    // The service's clock shows seconds only: one more, so that nobody comes too early by it.
    let wait = asked?.saturating_add(1_000);
    (!work.is_flow()).then(|| session.service_now().after_ms(wait))
}

/// The search for the run that the trigger began, where there is a history to search.
fn hunt<'w>(
    session: &Session<'_>,
    request: &RefreshRequest,
    work: &Work<'w>,
    attempt: &Attempt,
    answered: Option<Moment>,
    named: Named,
    message: &str,
) -> Option<Hunt<'w>> {
    let (watched, look) = (work.watched?, attempt.cleared.look.as_ref()?);
    if !looks(request.follow) {
        return None;
    }
    let base = answered.unwrap_or_else(|| attempt.sent_at.after_ms(session.call_timeout_ms));
    let by_id = work.tells_by_id() && named.run.is_some();
    let history_from = look.again_from().filter(|_| !by_id);
    Some(Hunt {
        watched,
        by_id,
        poll_from: named.poll_from.max(history_from),
        wanted: Some(Wanted {
            baseline: baseline(&look.history, look.at),
            taken: request.taken_runs.clone(),
            from: look.at,
            until: base.after_ms(watched.item.start_within_ms),
        }),
        known: named.run,
        subject: Subject::of_ours(&request.name, message, attempt.sent_at),
        until_started: request.follow == FollowMode::UntilStarted,
        at_least_one_look: false,
        ours: true,
    })
}
