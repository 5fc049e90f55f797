//! Following a run that was triggered before. Nothing here can trigger.
//!
//! Our run is found as the trigger would have found it, in the window of its trigger, however late
//! the follow comes. Where nothing is left to be asked, that is the verdict.

use super::diagnose;
use super::ending::Subject;
use super::look::{Look, read_history};
use super::retry::{Halt, persist};
use super::settle::{Hunt, settle};
use super::{Step, Stop};
use crate::content::Watched;
use crate::content::matching::Wanted;
use crate::contract::{
    FollowRequest, Matched, RefreshError, Sent, ServiceRun, Status, TriggerTrace, Verdict,
};
use crate::facts::Facts;
use crate::names;
use crate::request::{Work, check_run_id};
use crate::session::{Limit, Session};
use crate::time::Moment;
use crate::trouble::{invalid, problem};

/// The verdict on the run that our trigger began.
pub(crate) fn ours(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &FollowRequest,
    trace: &TriggerTrace,
) -> Step<Verdict> {
    check_run_id(&request.run_id)?;
    remember(facts, trace);
    let target = names::resolved(session, &request.target, &request.call_context.endpoints);
    let target = match target {
        Ok(target) => target,
        Err(Stop::Error(error)) => return Ok(unfollowed(facts, error)),
        Err(stop) => return Err(stop),
    };
    let work = Work::of(&target, &request.call_context.endpoints)?;
    let Some(watched) = work.watched else {
        return Ok(facts.verdict_hint(
            Status::Unknown,
            "cannot_be_followed",
            format!(
                "The {} that was triggered at {} gives nothing to follow: what it answers, it answers the caller alone.",
                work.noun(),
                trace.intent.sent_at
            ),
            "Look at the flow's run history, and settle the run with `audit resolve`; or trigger anew with `--new`.",
        ));
    };
    let sent_at = moment("sent-at", &trace.intent.sent_at)?;
    let from = match (&trace.intent.looked_at, &trace.service_run) {
        (Some(looked_at), _) => moment("looked-at", looked_at)?,
        (None, Some(_)) => sent_at,
        // Without a look there is neither a baseline nor the service's clock, and by the host's
        // clock a run that began before the trigger could be taken for ours.
        (None, None) => {
            return Ok(facts.verdict_hint(
                Status::Unknown,
                "cannot_be_followed",
                format!(
                    "The {} was triggered at {sent_at} without a look at the history before it, so no run can be told to be ours.",
                    work.noun()
                ),
                "Look at the flow's run history, and settle the run with `audit resolve`; or trigger anew with `--new`.",
            ));
        }
    };
    let base = match &trace.answered_at {
        Some(answered_at) => moment("answered-at", answered_at)?,
        None => sent_at.after_ms(session.call_timeout_ms),
    };
    let exact = facts.matched == Matched::Exact;
    let hunt = Hunt {
        watched,
        by_id: exact && work.tells_by_id(),
        poll_from: match &trace.poll_from {
            Some(at) => Some(moment("poll-from", at)?),
            None => None,
        },
        wanted: Some(Wanted {
            baseline: trace.intent.baseline.clone(),
            taken: request.taken_runs.clone(),
            from,
            until: base.after_ms(watched.item.start_within_ms),
        }),
        known: trace.service_run.clone(),
        subject: Subject::of_ours(
            &request.name,
            &format!("The {} was triggered at {sent_at}.", work.noun()),
            sent_at,
        ),
        until_started: false,
        at_least_one_look: true,
        ours: true,
    };
    settle(session, facts, hunt)
}

/// The newest run at the service, whoever began it, as it is.
pub(crate) fn newest(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &FollowRequest,
) -> Step<Verdict> {
    let target = names::resolved(session, &request.target, &request.call_context.endpoints)?;
    let work = Work::of(&target, &request.call_context.endpoints)?;
    let watched = watched(&work, &request.name)?;
    let look = first_look(session, &watched)?;
    let Some(newest) = look.history.first() else {
        return Err(Stop::Error(invalid(
            "no_run_found",
            format!("The history of {} is empty.", request.name),
            "Trigger a refresh first.",
        )));
    };
    facts.run = Some(newest.to_service_run());
    let subject = Subject::of_other(&request.name);
    facts.evidence = crate::contract::Evidence::Service;
    if let Some(verdict) =
        super::ending::ended(facts, &subject, &watched, newest, &session.redactor)
    {
        return Ok(verdict);
    }
    let hunt = Hunt {
        watched,
        wanted: None,
        by_id: false,
        poll_from: look.again_from(),
        known: Some(newest.id.clone()),
        subject,
        until_started: false,
        at_least_one_look: false,
        ours: false,
    };
    settle(session, facts, hunt)
}

/// The run that somebody else's trigger began, which left at `since` or later. A run that began
/// before it is never taken for it: what went well yesterday says nothing about today.
pub(crate) fn since(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &FollowRequest,
    since: &str,
) -> Step<Verdict> {
    let target = names::resolved(session, &request.target, &request.call_context.endpoints)?;
    let work = Work::of(&target, &request.call_context.endpoints)?;
    let watched = watched(&work, &request.name)?;
    let from = moment("since", since)?;
    // What cannot be read is an error, as long as nothing is known; and the look gives the service's
    // clock, by which a run may begin until `start_within` from now.
    let look = first_look(session, &watched)?;
    let hunt = Hunt {
        watched,
        by_id: false,
        poll_from: look.again_from(),
        wanted: Some(Wanted {
            baseline: Vec::new(),
            taken: request.taken_runs.clone(),
            from,
            // The trigger has been sent by now, whenever that was.
            until: look.at.max(from).after_ms(watched.item.start_within_ms),
        }),
        known: None,
        subject: Subject::of_other_since(&request.name, from),
        until_started: false,
        at_least_one_look: true,
        ours: false,
    };
    settle(session, facts, hunt)
}

/// Reads the history where nothing is known yet.
fn first_look(session: &mut Session<'_>, watched: &Watched<'_>) -> Step<Look> {
    let read = persist(session, |session| {
        read_history(session, watched, Limit::CallOnly)
    });
    match read {
        Ok(look) => Ok(look),
        Err(Halt::Cancelled) => Err(Stop::Cancelled),
        Err(Halt::Trouble(trouble)) => {
            let error = diagnose::explained(session, watched, *trouble);
            Err(Stop::Error(error))
        }
    }
}

/// The content whose history is read.
fn watched<'t>(work: &Work<'t>, name: &str) -> Result<Watched<'t>, Stop> {
    work.watched.ok_or_else(|| {
        Stop::Error(invalid(
            "cannot_be_followed",
            format!("{name} has no history that could be read."),
            "Give the target a `verify:` with its content.",
        ))
    })
}

/// The trigger may have left, so what cannot be looked up is unknown, whatever the reason.
fn unfollowed(facts: &Facts, error: RefreshError) -> Verdict {
    let (code, problem) = match error {
        RefreshError::Unauthorized(problem) => ("read_forbidden", problem),
        RefreshError::Unavailable(problem) => ("read_unavailable", problem),
        RefreshError::Invalid(problem)
        | RefreshError::Denied(problem)
        | RefreshError::AuditUnavailable(problem)
        | RefreshError::ClaimLost(problem)
        | RefreshError::Interrupted(problem) => ("read_failed", problem),
        RefreshError::NotSupported(_) => {
            ("read_failed", problem("not_supported", String::new(), ""))
        }
    };
    let mut verdict = facts.verdict_hint(Status::Unknown, code, problem.message, &problem.hint);
    verdict.retry_at = problem.retry_at;
    verdict.service_error = problem.service_error;
    verdict
}

/// What the audit log knows of the trigger. Unanswered, it may have left; an answer means that it did.
fn remember(facts: &mut Facts, trace: &TriggerTrace) {
    let known = trace.service_run.is_some() || trace.flow_run.is_some();
    facts.sent = if known || trace.answered_at.is_some() {
        Sent::Yes
    } else {
        Sent::Maybe
    };
    facts.flow_run = trace.flow_run.clone();
    facts.matched = match (&trace.service_run, trace.matched) {
        (None, _) => Matched::None,
        (Some(_), Matched::Exact) => Matched::Exact,
        (Some(_), _) => Matched::Inferred,
    };
    facts.run = trace.service_run.as_ref().map(|id| ServiceRun {
        id: id.clone(),
        refresh_type: String::new(),
        status: String::new(),
        started_at: None,
        ended_at: None,
    });
}

fn moment(what: &str, text: &str) -> Result<Moment, Stop> {
    Moment::parse_with_offset(text)
        .map(|(moment, _)| moment)
        .ok_or_else(|| {
            Stop::Error(invalid(
                "trace_not_readable",
                format!("`{what}` of the trigger's trace is not RFC 3339 with an offset."),
                "Give the trace as it stands in the audit log.",
            ))
        })
}
