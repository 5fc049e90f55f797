//! Before the trigger: whether it may be sent now.
//!
//! The service's history shows whether the content is already being refreshed, and how many
//! refreshes it had. The request decides what follows from that; in no case is another run reported
//! as ours.

use super::verdicts::{Facts, is_followed, skipped_for_other};
use super::watch::watch_other;
use crate::api::content::WatchedContent;
use crate::api::quota;
use crate::api::run::{Run, newest_running, usual_ms};
use crate::call::{CallError, History, Step, Stop, look, retry};
use crate::classify::Class;
use crate::contract::{
    Evidence, FollowMode, IfRunning, Level, Phase, QuotaMode, QuotaUnreadable, RefreshError,
    RefreshRequest, Status, Verdict, WhenUnreadable, invalid,
};
use crate::lookup::explain;
use crate::request::Work;
use crate::session::{Pace, Session};
use crate::time::duration_text;

/// The name of the quota among the guards that can be overridden.
const QUOTA: &str = "quota";
const AFTER_RUN_HINT: &str = "Start again after that run has ended.";

/// What the guards found.
#[derive(Debug, Default)]
pub(crate) struct Clearance {
    /// The history without a running refresh; `None` if it is unreadable or was not requested.
    pub(crate) history: Option<History>,
    /// Why the history cannot be read, if that is accepted.
    pub(crate) unread: Option<CallError>,
    /// The guards that were overridden.
    pub(crate) overridden: Vec<String>,
}

/// Whether the history must be read before the trigger.
pub(crate) fn needs_history(request: &RefreshRequest) -> bool {
    is_followed(request.follow) || request.quota.is_some()
}

/// Checks that a requested quota can be counted at all.
pub(crate) fn check(request: &RefreshRequest, work: &Work<'_>) -> Result<(), RefreshError> {
    if request.quota.is_none() || work.content.is_some() {
        return Ok(());
    }
    Err(invalid(
        "quota_without_history",
        format!(
            "The quota of {} cannot be counted, because it has no history.",
            request.name
        ),
        "Give the target a `verify:` with its content, or remove `quota`.",
    ))
}

/// Whether a refresh goes on although the history cannot be read.
pub(crate) fn accepts_unread(
    request: &RefreshRequest,
    content: &WatchedContent<'_>,
    error: &CallError,
) -> bool {
    let passes_quota = request
        .quota
        .as_ref()
        .is_none_or(|guard| guard.when_unreadable == QuotaUnreadable::Send || request.force);
    passes_quota && (!is_followed(request.follow) || is_accepted(content, error))
}

/// Passes the guards, or stops.
pub(crate) fn clear(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    work: &Work<'_>,
) -> Step<Clearance> {
    let mut clearance = Clearance {
        overridden: request.overridden.clone(),
        ..Clearance::default()
    };
    let Some(content) = work.content.filter(|_| needs_history(request)) else {
        return Ok(clearance);
    };
    facts.quota = None;
    let overrides_quota = match without_running(session, facts, request, &content)? {
        Ok(history) => {
            let overrides = check_quota(session, facts, request, &history)?;
            clearance.history = Some(history);
            overrides
        }
        Err(error) => {
            let overrides = check_unread_quota(session, facts, request, &error)?;
            clearance.unread = Some(error);
            overrides
        }
    };
    if overrides_quota {
        clearance.overridden.push(QUOTA.to_owned());
    }
    Ok(clearance)
}

/// A history without a running refresh, or why it cannot be read if that is accepted.
fn without_running(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    content: &WatchedContent<'_>,
) -> Step<Result<History, CallError>> {
    let mut pace = Pace::up_to(content.item.poll_ms);
    let mut stored: Option<String> = None;
    let message = format!("Reading the history of the {}.", content.noun());
    session.report(Phase::Looking, Level::Debug, message);
    loop {
        let history = match first_history(session, request, content)? {
            Ok(history) => history,
            Err(error) => return Ok(Err(error)),
        };
        // If the run is not followed, the history only serves the quota.
        let running = newest_running(&history.runs, history.at)
            .filter(|_| is_followed(request.follow))
            .cloned();
        let Some(running) = running else {
            return Ok(Ok(history));
        };
        let message = running_message(content, &running, &history);
        // Every time, so that the status shows it again after a retry.
        session.report(Phase::WaitingForOther, Level::Info, message.as_str());
        if stored.as_ref() != Some(&running.id) {
            stored = Some(running.id.clone());
            session.append_observed("other_run", Some(running.to_service_run()), &message);
        }
        match request.if_running {
            IfRunning::Wait => {}
            IfRunning::Follow if request.follow == FollowMode::ToTheEnd => {
                return Err(followed(session, request, content, &running, &history)?);
            }
            IfRunning::Skip | IfRunning::Follow => {
                let (code, reason) = ("already_running", "is already being refreshed");
                return Err(held_back(facts, request, &running, code, reason));
            }
        }
        let remaining = session.remaining_ms();
        let wait = history.retry_after_ms.unwrap_or_default();
        if remaining == 0 || wait > remaining {
            let reason = "was still being refreshed by another run at the deadline";
            let code = "deadline_while_waiting";
            return Err(held_back(facts, request, &running, code, reason));
        }
        session.wait(pace.next(session).min(remaining).max(wait))?;
    }
}

/// Reads the history, retrying until the deadline. That it may not be read is accepted if the
/// target says so, or if it only serves the quota.
fn first_history(
    session: &mut Session<'_>,
    request: &RefreshRequest,
    content: &WatchedContent<'_>,
) -> Step<Result<History, CallError>> {
    if !is_followed(request.follow) {
        return Ok(look(session, content));
    }
    match retry(session, |session| look(session, content))? {
        Err(error) if !is_accepted(content, &error) => Err(explain(session, content, error).into()),
        other => Ok(other),
    }
}

/// Whether the target accepts that the history may not be read. A host without a token is another
/// case.
pub(crate) fn is_accepted(content: &WatchedContent<'_>, error: &CallError) -> bool {
    error.class == Class::Unauthorized
        && error.code != "token_refused"
        && content.item.when_unreadable == WhenUnreadable::Accept
}

fn running_message(content: &WatchedContent<'_>, running: &Run, history: &History) -> String {
    let (noun, description) = (content.noun(), running.describe());
    let message = format!("The {noun} is already being refreshed: {description}");
    match usual_ms(&history.runs).map(duration_text) {
        Some(usual) => format!("{message}; a refresh usually takes {usual}."),
        None => format!("{message}."),
    }
}

/// Follows a run that is not ours to its end. The audit log only notes that it was running.
fn followed(
    session: &mut Session<'_>,
    request: &RefreshRequest,
    content: &WatchedContent<'_>,
    running: &Run,
    history: &History,
) -> Step<Stop> {
    let name = &request.name;
    let wait = history.retry_after_ms;
    let outcome = watch_other(session, *content, name, running, wait, Facts::default())?;
    let message = format!("{name} was already being refreshed, so nothing was triggered.");
    Ok(skipped_for_other(outcome, "already_running", &message).into())
}

/// Stops without following the other run.
fn held_back(
    facts: &mut Facts,
    request: &RefreshRequest,
    running: &Run,
    code: &str,
    reason: &str,
) -> Stop {
    facts.evidence = Evidence::Service;
    facts.run = Some(running.to_service_run());
    let (name, description) = (&request.name, running.describe());
    let message = format!("{name} {reason}, so nothing was triggered: {description}.");
    skipped(facts, code, message, AFTER_RUN_HINT).into()
}

/// The verdict on a trigger that the service rejected because a run is in progress.
pub(crate) fn rejected_as_busy(
    facts: &mut Facts,
    request: &RefreshRequest,
    error: CallError,
) -> Verdict {
    facts.evidence = Evidence::Service;
    facts.service_error = error.service_error;
    let code = match request.if_running {
        IfRunning::Wait => "deadline_while_waiting",
        IfRunning::Skip | IfRunning::Follow => "already_running",
    };
    let message = format!("{} Nothing was started.", error.message);
    skipped(facts, code, message, AFTER_RUN_HINT)
}

fn skipped(facts: &Facts, code: &str, message: String, hint: &str) -> Verdict {
    Verdict {
        retryable: true,
        ..facts.verdict(Status::Skipped, code, message, hint)
    }
}

/// Whether an exhausted quota is overridden; stops if it is not.
fn check_quota(
    session: &Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    history: &History,
) -> Step<bool> {
    let Some(guard) = &request.quota else {
        return Ok(false);
    };
    let state = quota::state(&history.runs, history.at, guard);
    facts.quota = Some(state.clone());
    let (counted, limit) = (state.counted, state.limit);
    let mut used = format!("{counted} of {limit} refreshes in the last 24 h are used");
    if state.left > 0 {
        session.report(Phase::Looking, Level::Info, format!("{used}."));
        return Ok(false);
    }
    if let Some(at) = &state.next_slot {
        used = format!("{used}; the next slot opens at {at}");
    }
    if guard.mode == QuotaMode::Warn || request.force {
        let message = format!("{used}. Triggering anyway.");
        session.report(Phase::Looking, Level::Warning, message);
        return Ok(request.force && guard.mode == QuotaMode::Block);
    }
    facts.evidence = Evidence::Service;
    let message = format!("{used}, so {} was not triggered.", request.name);
    let hint = "Start again at the next slot, or use `--force` to trigger anyway.";
    let verdict = Verdict {
        retry_at: state.next_slot,
        ..skipped(facts, "quota_exhausted", message, hint)
    };
    Err(verdict.into())
}

/// Whether a quota that cannot be counted is overridden; stops if it holds the trigger back.
fn check_unread_quota(
    session: &Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    error: &CallError,
) -> Step<bool> {
    let Some(guard) = &request.quota else {
        return Ok(false);
    };
    let message = format!("{} The quota cannot be counted", error.message);
    if guard.when_unreadable == QuotaUnreadable::Send || request.force {
        let message = format!("{message}. Triggering anyway.");
        session.report(Phase::Looking, Level::Warning, message);
        return Ok(guard.when_unreadable == QuotaUnreadable::Skip);
    }
    facts.service_error = error.service_error.clone();
    let message = format!("{message}, so {} was not triggered.", request.name);
    let verdict = Verdict {
        retryable: error.retryable,
        retry_at: error.retry_at.map(|at| at.to_string()),
        ..facts.verdict(Status::Skipped, "quota_unreadable", message, error.hint)
    };
    Err(verdict.into())
}
