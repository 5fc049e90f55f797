//! Before the trigger: is the dataflow already being refreshed?
//!
//! The service knows, in its history. What to do about it is the request's choice; whatever it is,
//! a run of somebody else is never spoken of as ours.

use super::ending::{Subject, ended_in};
use super::look::{Look, look};
use super::retry::{Halt, persist};
use super::settle::{Hunt, settle};
use super::{Step, Stop};
use crate::contract::{
    DataflowTarget, Evidence, FollowMode, IfRunning, Level, Phase, RefreshRequest, Status,
};
use crate::dataflow::history::{Transaction, going_on};
use crate::facts::Facts;
use crate::session::{Pace, Session};

/// A look that found nothing going on, or the end.
pub(crate) fn clear(
    session: &mut Session<'_>,
    request: &RefreshRequest,
    target: &DataflowTarget,
) -> Step<Look> {
    let mut pace = Pace::up_to(target.poll_ms);
    let mut met: Option<String> = None;
    loop {
        session.say(
            Phase::Looking,
            Level::Debug,
            "Looking at the dataflow's history.".to_owned(),
        );
        let seen = persist(session, |session| look(session, target)).map_err(stop)?;
        let Some(running) = going_on(&seen.history, seen.at).cloned() else {
            return Ok(seen);
        };
        if met.as_ref() != Some(&running.id) {
            met = Some(running.id.clone());
            tell(session, &running);
        }
        match request.if_running {
            IfRunning::Skip => return Err(skipped(request, &running)),
            IfRunning::Follow if request.follow == FollowMode::UntilStarted => {
                return Err(skipped(request, &running));
            }
            IfRunning::Follow => return Err(followed(session, request, target, running)?),
            IfRunning::Wait => {}
        }
        let remaining = session.remaining_ms();
        if remaining == 0 {
            return Err(out_of_time(request, &running));
        }
        session.pause(pace.next(session).min(remaining))?;
    }
}

fn tell(session: &mut Session<'_>, running: &Transaction) {
    let message = format!(
        "The dataflow is already being refreshed: {}.",
        running.words()
    );
    session.say(Phase::WaitingForOther, Level::Info, message.clone());
    session.append_observed("other_run", Some(running.to_service_run()), message);
}

fn skipped(request: &RefreshRequest, running: &Transaction) -> Stop {
    let message = format!(
        "{} is already being refreshed, so nothing was triggered: {}.",
        request.name,
        running.words()
    );
    held_back(running, "already_running", message)
}

fn out_of_time(request: &RefreshRequest, running: &Transaction) -> Stop {
    let message = format!(
        "The deadline ran out while {} was still being refreshed by another run, so nothing was triggered: {}.",
        request.name,
        running.words()
    );
    held_back(running, "deadline_while_waiting", message)
}

/// Follows somebody else's run to its end. The record only says that it was met.
fn followed(
    session: &mut Session<'_>,
    request: &RefreshRequest,
    target: &DataflowTarget,
    running: Transaction,
) -> Step<Stop> {
    let mut facts = Facts {
        run: Some(running.to_service_run()),
        ..Facts::default()
    };
    let hunt = Hunt {
        target,
        wanted: None,
        known: Some(running.id.clone()),
        subject: Subject::of_other(&request.name),
        until_started: false,
        at_least_one_look: false,
        ours: false,
    };
    let mut end = settle(session, &mut facts, hunt)?;
    let message = format!(
        "{} was already being refreshed, so nothing was triggered. {}",
        request.name,
        match ended_in(end.status) {
            Some(word) => format!("That run {word}."),
            None => end.message.clone(),
        }
    );
    // The facts are those of a run that is not ours: nothing was sent, nothing was matched.
    end.status = Status::Skipped;
    "already_running".clone_into(&mut end.code);
    end.message = message;
    "Start again if the content of that run is not new enough.".clone_into(&mut end.hint);
    end.retryable = true;
    end.retry_at = None;
    Ok(Stop::Verdict(Box::new(end)))
}

/// The end without having followed the other run.
fn held_back(running: &Transaction, code: &str, message: String) -> Stop {
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

fn stop(halt: Halt) -> Stop {
    match halt {
        Halt::Trouble(trouble) => Stop::Error(trouble.into_error()),
        Halt::Cancelled => Stop::Cancelled,
    }
}
