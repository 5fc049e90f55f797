//! The state machine: look → intent → trigger → match → follow → verdict.
//!
//! From the moment a trigger may have left, everything is a verdict; before it, a failure is an
//! error and nothing was started. This file holds the two entries and the one exit, which alone
//! writes the end into the audit log.

pub(crate) mod diagnose;
mod ending;
mod follow;
pub(crate) mod guard;
mod look;
mod others;
mod reply;
mod response;
mod retry;
mod settle;
mod trigger;

#[cfg(test)]
mod tests;

use crate::contract::{
    Conclusion, Entry, Event, FollowRequest, RefreshError, RefreshRequest, Sent, Status, Subject,
    Verdict,
};
use crate::facts::Facts;
use crate::ports::Ports;
use crate::request::secrets_of;
use crate::session::{Cancelled, Session};
use crate::trouble::{counted, problem};

pub(crate) use look::{list, read_history, read_run};
pub(crate) use retry::{Halt, persist};

/// Why the machine stops before its last step.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nothing was started.
    Error(RefreshError),
    /// There is nothing more to do.
    Verdict(Box<Verdict>),
    /// The host asked for an end.
    Cancelled,
    /// Somebody else drives this run; its record is theirs.
    ClaimLost(RefreshError),
}

impl Stop {
    /// The error that it is where nothing was started.
    pub(crate) fn into_error(self) -> RefreshError {
        match self {
            Self::Error(error) | Self::ClaimLost(error) => error,
            Self::Cancelled | Self::Verdict(_) => RefreshError::Interrupted(problem(
                "interrupted",
                "An end was asked for before anything was sent.".to_owned(),
                "Start again: nothing was triggered.",
            )),
        }
    }
}

/// A step of the machine.
pub(crate) type Step<T> = Result<T, Stop>;

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

/// One refresh, from look to verdict. Sends at most one trigger that may have arrived, and none
/// before the store has acknowledged the intent.
///
/// # Errors
/// When nothing was started.
pub fn trigger_refresh(
    ports: Ports<'_>,
    request: &RefreshRequest,
) -> Result<Verdict, RefreshError> {
    let secrets = secrets_of(&request.target);
    let mut session = match Session::open(ports, &request.run_id, &request.call_context, &secrets) {
        Ok(session) => session,
        Err(error) => {
            let end = Event::Outcome(Conclusion::Error(error.clone()));
            let run_id = request.run_id.clone();
            // Nothing was started, so nothing is lost where this is not stored.
            let _ = ports.store.append(&Entry { run_id, event: end });
            return Err(error);
        }
    };
    let mut facts = Facts::default();
    let end = trigger::run(&mut session, &mut facts, request);
    conclude(&mut session, &facts, end)
}

/// The verdict on a run that was triggered before. Never triggers.
///
/// # Errors
/// When the request is wrong, or nothing is known of any run.
pub fn follow_refresh(ports: Ports<'_>, request: &FollowRequest) -> Result<Verdict, RefreshError> {
    let secrets = secrets_of(&request.target);
    let mut session = Session::open(ports, &request.run_id, &request.call_context, &secrets)?;
    let mut facts = Facts::default();
    let end = match &request.subject {
        Subject::Ours(trace) => {
            session.owe_an_end();
            follow::ours(&mut session, &mut facts, request, trace)
        }
        Subject::Newest => {
            session.keep_silent();
            follow::newest(&mut session, &mut facts, request)
        }
        Subject::Since(at) => {
            session.keep_silent();
            follow::since(&mut session, &mut facts, request, at)
        }
    };
    conclude(&mut session, &facts, end)
}

/// Writes the end into the audit log, and gives it.
fn conclude(
    session: &mut Session<'_>,
    facts: &Facts,
    end: Step<Verdict>,
) -> Result<Verdict, RefreshError> {
    let http_calls = session.calls();
    match end.or_else(settled) {
        Ok(mut verdict) => {
            verdict.http_calls = http_calls;
            let event = Event::Outcome(Conclusion::Verdict(verdict.clone()));
            match session.append_end(event) {
                Err(why) if session.owes_an_end() => Ok(unwritten(verdict, &why)),
                // Nothing was sent, so nothing is lost where this is not stored.
                Ok(()) | Err(_) => Ok(verdict),
            }
        }
        Err(Stop::Cancelled) => {
            // The host writes the interruption; what happened before it is still owed.
            let _ = session.flush();
            interrupted(facts, http_calls)
        }
        Err(Stop::ClaimLost(error)) => Err(counted(error, http_calls)),
        Err(Stop::Error(error)) => {
            let error = counted(error, http_calls);
            // Where this is not stored, the error stays true, and a later start follows a run
            // that was never started: it finds none, and triggers nothing twice.
            let _ = session.append_end(Event::Outcome(Conclusion::Error(error.clone())));
            Err(error)
        }
        Err(Stop::Verdict(verdict)) => Ok(*verdict),
    }
}

/// A verdict is a verdict, however it came about.
fn settled(stop: Stop) -> Step<Verdict> {
    match stop {
        Stop::Verdict(verdict) => Ok(*verdict),
        other => Err(other),
    }
}

fn interrupted(facts: &Facts, http_calls: u32) -> Result<Verdict, RefreshError> {
    if facts.sent == Sent::No && facts.run.is_none() {
        return Err(counted(Stop::Cancelled.into_error(), http_calls));
    }
    let mut verdict = facts.verdict_hint(
        Status::Interrupted,
        "interrupted",
        "An end was asked for while the run was under way; it goes on at the service.".to_owned(),
        "Follow it: nothing is triggered again.",
    );
    verdict.http_calls = http_calls;
    Ok(verdict)
}

/// What is left to say where the end is not in the audit log: a success that nobody can look up would
/// be triggered again by the next start, so it is not said to be one.
fn unwritten(mut verdict: Verdict, why: &str) -> Verdict {
    verdict.message = format!(
        "The audit log could not be written: {why}. The verdict that is missing in it is `{}`: {}",
        status_name(verdict.status),
        verdict.message
    );
    verdict.status = Status::Unknown;
    "audit_write_failed".clone_into(&mut verdict.code);
    "Make the audit log writable, then follow the run: nothing is triggered again."
        .clone_into(&mut verdict.hint);
    verdict.retryable = false;
    verdict.retry_at = None;
    verdict
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Completed => "completed",
        Status::Accepted => "accepted",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
        Status::Unknown => "unknown",
        Status::Cancelled => "cancelled",
        Status::Interrupted => "interrupted",
    }
}
