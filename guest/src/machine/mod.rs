//! The state machine: history → intent → trigger → match → follow → verdict.
//!
//! Before a trigger may have been sent, a failure is an error and nothing was started; afterwards,
//! everything is a verdict. This file holds the two entry points and the one exit, which alone
//! writes the outcome to the audit log.

mod follow;
pub(crate) mod guard;
mod reply;
mod response;
mod trigger;
mod verdicts;
mod watch;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::problem;

use self::verdicts::Facts;
use crate::call::{Step, Stop};
use crate::contract::{
    Conclusion, Entry, Event, FollowRequest, RefreshError, RefreshRequest, Sent, Status, Subject,
    Verdict,
};
use crate::ports::Ports;
use crate::session::Session;

/// One refresh, from reading the history to the verdict. Sends at most one trigger that may have
/// arrived, and none before the store has acknowledged the intent.
///
/// # Errors
/// If nothing was started.
pub fn trigger_refresh(
    ports: Ports<'_>,
    request: &RefreshRequest,
) -> Result<Verdict, RefreshError> {
    let target = Some(&request.target);
    let mut session = match Session::open(ports, &request.run_id, &request.call_context, target) {
        Ok(session) => session,
        Err(error) => {
            let event = Event::Outcome(Conclusion::Error(error.clone()));
            let run_id = request.run_id.clone();
            // Nothing was started, so nothing is lost if this is not stored.
            let _ = ports.store.append(&Entry { run_id, event });
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
/// If the request is invalid, or no run is known.
pub fn follow_refresh(ports: Ports<'_>, request: &FollowRequest) -> Result<Verdict, RefreshError> {
    let target = Some(&request.target);
    let mut session = Session::open(ports, &request.run_id, &request.call_context, target)?;
    let mut facts = Facts::default();
    let is_ours = matches!(request.subject, Subject::Ours(_));
    (session.outcome_expected, session.audit_disabled) = (is_ours, !is_ours);
    let end = match &request.subject {
        Subject::Ours(trace) => follow::ours(&mut session, &mut facts, request, trace),
        Subject::Newest => follow::newest(&mut session, &mut facts, request),
        Subject::Since(at) => follow::since(&mut session, &mut facts, request, at),
    };
    conclude(&mut session, &facts, end)
}

/// Writes the outcome to the audit log and returns it.
fn conclude(
    session: &mut Session<'_>,
    facts: &Facts,
    end: Step<Verdict>,
) -> Result<Verdict, RefreshError> {
    let http_calls = session.calls;
    let mut verdict = match end {
        Ok(verdict) => verdict,
        Err(Stop::Verdict(verdict)) => *verdict,
        Err(Stop::Cancelled) => {
            // The host writes the interruption; earlier events are still due.
            let _ = session.flush();
            return interrupted(facts, http_calls);
        }
        // The process that drives this run writes its events.
        Err(Stop::Error(error @ RefreshError::ClaimLost(_))) => {
            return Err(error.with_calls(http_calls));
        }
        Err(Stop::Error(error)) => {
            let error = error.with_calls(http_calls);
            // If this is not stored, the error stays true: a later start follows a run that was
            // never started, finds none, and triggers nothing twice.
            let _ = session.append_outcome(Event::Outcome(Conclusion::Error(error.clone())));
            return Err(error);
        }
    };
    verdict.http_calls = http_calls;
    match session.append_outcome(Event::Outcome(Conclusion::Verdict(verdict.clone()))) {
        Err(why) if session.outcome_expected => Ok(not_stored(verdict, &why)),
        // Without a trigger nothing is lost if this is not stored.
        Ok(()) | Err(_) => Ok(verdict),
    }
}

fn interrupted(facts: &Facts, http_calls: u32) -> Result<Verdict, RefreshError> {
    if facts.sent == Sent::No && facts.run.is_none() {
        return Err(RefreshError::from(Stop::Cancelled).with_calls(http_calls));
    }
    Ok(Verdict {
        http_calls,
        ..facts.verdict(
            Status::Interrupted,
            "interrupted",
            "Interrupted while the run was in progress; the run continues at the service.",
            "Follow the run: following never triggers again.",
        )
    })
}

/// The verdict if the outcome is not in the audit log. The next start would repeat a success that
/// it cannot look up, so it is not reported as one.
fn not_stored(verdict: Verdict, why: &str) -> Verdict {
    let message = format!(
        "The audit log could not be written: {why}. It does not hold the verdict: {}",
        verdict.message
    );
    Verdict {
        status: Status::Unknown,
        code: "audit_write_failed".to_owned(),
        message,
        hint: "Make the audit log writable, then follow the run: following never triggers again."
            .to_owned(),
        retryable: false,
        retry_at: None,
        ..verdict
    }
}
