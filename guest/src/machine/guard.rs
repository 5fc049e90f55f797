//! Before the trigger: may it be sent now?
//!
//! The service knows, in its history: whether the content is already being refreshed, and how many
//! refreshes it had. What to do about it is the request's choice; whatever it is, a run of somebody
//! else is never spoken of as ours.

use super::diagnose;
use super::ending::Subject;
use super::look::{Look, look};
use super::others::{self, follow_other};
use super::retry::{Halt, persist};
use super::{Step, Stop};
use crate::content::run::going_on;
use crate::content::{Run, Watched, quota};
use crate::contract::{
    Evidence, FollowMode, IfRunning, Level, Phase, QuotaGuard, QuotaMode, QuotaState,
    QuotaUnreadable, RefreshError, RefreshRequest, Status, Verdict, WhenUnreadable,
};
use crate::facts::{Facts, looks};
use crate::request::Work;
use crate::session::{Pace, Session};
use crate::trouble::{Remedy, Trouble, invalid};

/// The name of the quota among the guards that can be overridden.
const QUOTA: &str = "quota";

/// What the guards leave.
#[derive(Debug, Default)]
pub(crate) struct Cleared {
    /// The look that found nothing in the way; nothing where none was to be had, or asked for.
    pub(crate) look: Option<Look>,
    /// Why the history cannot be read, where that is accepted.
    pub(crate) unread: Option<Trouble>,
    /// The guards that were overridden.
    pub(crate) overridden: Vec<String>,
}

/// Whether a request needs a look before its trigger.
pub(crate) fn is_needed(request: &RefreshRequest) -> bool {
    looks(request.follow) || request.quota.is_some()
}

/// Whether what the request wants to be counted can be counted at all.
pub(crate) fn check(request: &RefreshRequest, work: &Work<'_>) -> Result<(), RefreshError> {
    if request.quota.is_none() || work.watched.is_some() {
        return Ok(());
    }
    Err(invalid(
        "quota_without_history",
        format!(
            "{} has no history that its quota could be counted in.",
            request.name
        ),
        "Give the target a `verify:` with its content, or take `quota` out.",
    ))
}

/// Whether a refresh goes on without a history that cannot be read.
pub(crate) fn goes_unread(
    request: &RefreshRequest,
    watched: &Watched<'_>,
    trouble: &Trouble,
) -> bool {
    let counts = request
        .quota
        .as_ref()
        .is_none_or(|guard| guard.when_unreadable == QuotaUnreadable::Send || request.force);
    counts && (!looks(request.follow) || is_accepted(watched, trouble))
}

/// Passes the guards, or ends.
pub(crate) fn clear(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    watched: &Watched<'_>,
) -> Step<Cleared> {
    let mut cleared = Cleared {
        overridden: request.overridden.clone(),
        ..Cleared::default()
    };
    match free(session, request, watched)? {
        Ok(look) => {
            if let Some(guard) = &request.quota {
                let state = quota::state(&look.history, look.at, guard);
                facts.quota = Some(state.clone());
                if count(session, facts, request, guard, &state)? {
                    cleared.overridden.push(QUOTA.to_owned());
                }
            }
            cleared.look = Some(look);
        }
        Err(trouble) => {
            if uncounted(session, request, &trouble)? {
                cleared.overridden.push(QUOTA.to_owned());
            }
            cleared.unread = Some(trouble);
        }
    }
    Ok(cleared)
}

/// A look that found nothing going on; or why there is none, where that is accepted.
fn free(
    session: &mut Session<'_>,
    request: &RefreshRequest,
    watched: &Watched<'_>,
) -> Step<Result<Look, Trouble>> {
    let mut pace = Pace::up_to(watched.item.poll_ms);
    let mut met: Option<String> = None;
    loop {
        session.say(
            Phase::Looking,
            Level::Debug,
            format!("Looking at the history of the {}.", watched.noun()),
        );
        let seen = match first_look(session, request, watched)? {
            Ok(look) => look,
            Err(trouble) => return Ok(Err(trouble)),
        };
        // Without following, only the quota was looked up.
        let running = going_on(&seen.history, seen.at)
            .filter(|_| looks(request.follow))
            .cloned();
        let Some(running) = running else {
            return Ok(Ok(seen));
        };
        if met.as_ref() != Some(&running.id) {
            met = Some(running.id.clone());
            tell(session, watched, &running);
        }
        match request.if_running {
            IfRunning::Skip => return Err(skipped(request, &running)),
            IfRunning::Follow if request.follow == FollowMode::UntilStarted => {
                return Err(skipped(request, &running));
            }
            IfRunning::Follow => {
                return Err(followed(session, request, watched, running, seen.asked)?);
            }
            IfRunning::Wait => {}
        }
        let remaining = session.remaining_ms();
        let asked = seen.asked.unwrap_or_default();
        if remaining == 0 || asked > remaining {
            return Err(out_of_time(request, &running));
        }
        session.pause(pace.next(session).min(remaining).max(asked))?;
    }
}

/// One look, patiently; a history that may not be read is accepted where the target says so, and
/// where it was only to be counted.
fn first_look(
    session: &mut Session<'_>,
    request: &RefreshRequest,
    watched: &Watched<'_>,
) -> Step<Result<Look, Trouble>> {
    if !looks(request.follow) {
        return Ok(look(session, watched));
    }
    match persist(session, |session| look(session, watched)) {
        Ok(look) => Ok(Ok(look)),
        Err(Halt::Cancelled) => Err(Stop::Cancelled),
        Err(Halt::Trouble(trouble)) => {
            if is_accepted(watched, &trouble) {
                return Ok(Err(*trouble));
            }
            let error = diagnose::explained(session, watched, *trouble);
            Err(Stop::Error(error))
        }
    }
}

/// Whether the target goes without a history that may not be read. A host that has no token at all
/// is another matter.
pub(crate) fn is_accepted(watched: &Watched<'_>, trouble: &Trouble) -> bool {
    trouble.remedy == Remedy::Credentials
        && trouble.code != "token_refused"
        && watched.item.when_unreadable == WhenUnreadable::Accept
}

fn tell(session: &mut Session<'_>, watched: &Watched<'_>, running: &Run) {
    let message = format!(
        "The {} is already being refreshed: {}.",
        watched.noun(),
        running.words()
    );
    session.say(Phase::WaitingForOther, Level::Info, message.clone());
    session.append_observed("other_run", Some(running.to_service_run()), message);
}

fn skipped(request: &RefreshRequest, running: &Run) -> Stop {
    let message = format!(
        "{} is already being refreshed, so nothing was triggered: {}.",
        request.name,
        running.words()
    );
    held_back(running, "already_running", message)
}

fn out_of_time(request: &RefreshRequest, running: &Run) -> Stop {
    let message = format!(
        "The deadline ran out while {} was still being refreshed by another run, so nothing was triggered: {}.",
        request.name,
        running.words()
    );
    held_back(running, "deadline_while_waiting", message)
}

/// Follows somebody else's run to its end. The audit log only says that it was met.
fn followed(
    session: &mut Session<'_>,
    request: &RefreshRequest,
    watched: &Watched<'_>,
    running: Run,
    asked: Option<u64>,
) -> Step<Stop> {
    let end = follow_other(
        session,
        watched,
        Subject::of_other(&request.name),
        &running,
        asked,
        Facts::default(),
    )?;
    let told = format!(
        "{} was already being refreshed, so nothing was triggered.",
        request.name
    );
    Ok(Stop::Verdict(Box::new(others::passed_over(
        end,
        "already_running",
        &told,
    ))))
}

/// The end without having followed the other run.
fn held_back(running: &Run, code: &str, message: String) -> Stop {
    let facts = Facts {
        evidence: Evidence::Service,
        run: Some(running.to_service_run()),
        ..Facts::default()
    };
    let hint = "Start again when that run has ended.";
    let mut verdict = facts.verdict_hint(Status::Skipped, code, message, hint);
    verdict.retryable = true;
    Stop::Verdict(Box::new(verdict))
}

/// The verdict on a trigger that the service refused because a run is going on.
pub(crate) fn refused_as_busy(request: &RefreshRequest, trouble: Trouble) -> Verdict {
    let facts = Facts {
        evidence: Evidence::Service,
        service_error: trouble.service_error,
        ..Facts::default()
    };
    let code = match request.if_running {
        IfRunning::Wait => "deadline_while_waiting",
        IfRunning::Skip | IfRunning::Follow => "already_running",
    };
    let mut verdict = facts.verdict_hint(
        Status::Skipped,
        code,
        format!("{} Nothing was started.", trouble.message),
        "Start again when that run has ended.",
    );
    verdict.retryable = true;
    verdict
}

/// Whether the quota is used up and overridden; ends where it is not overridden.
fn count(
    session: &Session<'_>,
    facts: &Facts,
    request: &RefreshRequest,
    guard: &QuotaGuard,
    state: &QuotaState,
) -> Step<bool> {
    let told = format!(
        "{} of {} refreshes of the last 24 h are used",
        state.counted, state.limit
    );
    if state.left > 0 {
        session.say(Phase::Looking, Level::Info, format!("{told}."));
        return Ok(false);
    }
    let opens = match &state.next_slot {
        Some(at) => format!("{told}; the next slot opens at {at}"),
        None => told,
    };
    if guard.mode == QuotaMode::Warn || request.force {
        let why = if request.force { " (forced)" } else { "" };
        session.say(
            Phase::Looking,
            Level::Warning,
            format!("{opens}. It is triggered all the same{why}."),
        );
        return Ok(request.force && guard.mode == QuotaMode::Block);
    }
    let facts = Facts {
        evidence: Evidence::Service,
        quota: facts.quota.clone(),
        ..Facts::default()
    };
    let mut verdict = facts.verdict_hint(
        Status::Skipped,
        "quota_exhausted",
        format!("{opens}, so {} was not triggered.", request.name),
        "Start again at the next slot; `--force` triggers all the same.",
    );
    verdict.retryable = true;
    verdict.retry_at = state.next_slot.clone();
    Err(Stop::Verdict(Box::new(verdict)))
}

/// What the quota says to a history that cannot be read: whether it is overridden; ends where it
/// holds the trigger back.
fn uncounted(session: &Session<'_>, request: &RefreshRequest, trouble: &Trouble) -> Step<bool> {
    let Some(guard) = &request.quota else {
        return Ok(false);
    };
    if guard.when_unreadable == QuotaUnreadable::Send || request.force {
        session.say(
            Phase::Looking,
            Level::Warning,
            format!(
                "{} So the quota cannot be counted; it is triggered all the same.",
                trouble.message
            ),
        );
        return Ok(guard.when_unreadable == QuotaUnreadable::Skip);
    }
    let facts = Facts {
        service_error: trouble.service_error.clone(),
        ..Facts::default()
    };
    let mut verdict = facts.verdict_hint(
        Status::Skipped,
        "quota_unreadable",
        format!(
            "{} So the quota cannot be counted, and {} was not triggered.",
            trouble.message, request.name
        ),
        trouble.hint,
    );
    verdict.retryable = trouble.retryable;
    verdict.retry_at = trouble.retry_at.map(|at| at.to_string());
    Err(Stop::Verdict(Box::new(verdict)))
}
