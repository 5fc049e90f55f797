//! The machine against a scripted world: every course that a refresh can take.

mod audit_log;
mod before_trigger;
mod chance;
mod follow;
mod golden;
mod guard;
mod kinds;
mod names;
mod quota;
mod response;
mod run;
mod services;
mod trigger;

use crate::contract::{Problem, RefreshError, RefreshRequest, Verdict};
use crate::testing::{Scripted, World, timed};

/// The run that our trigger starts, one second after it; it takes a minute.
fn our_run(end: &str) -> Scripted {
    timed("ours", "OnDemand", 1_000, 60_000, end).by_trigger()
}

fn refresh(world: &World, request: &RefreshRequest) -> Result<Verdict, RefreshError> {
    let end = crate::trigger_refresh(world.ports(), request);
    assert_eq!(world.early(), [""; 0], "asked before `Retry-After`");
    end
}

fn verdict(world: &World, request: &RefreshRequest) -> Verdict {
    refresh(world, request).unwrap_or_else(|error| panic!("{error:?}"))
}

/// The variant's name and the problem of an error.
fn error(world: &World, request: &RefreshRequest) -> (&'static str, Problem) {
    match refresh(world, request) {
        Ok(verdict) => panic!("{verdict:?}"),
        Err(error) => problem(error),
    }
}

pub(crate) fn problem(error: RefreshError) -> (&'static str, Problem) {
    match error {
        RefreshError::Invalid(problem) => ("invalid", problem),
        RefreshError::Unauthorized(problem) => ("unauthorized", problem),
        RefreshError::Unavailable(problem) => ("unavailable", problem),
        RefreshError::Denied(problem) => ("denied", problem),
        RefreshError::AuditUnavailable(problem) => ("audit_unavailable", problem),
        RefreshError::ClaimLost(problem) => ("claim_lost", problem),
        RefreshError::Interrupted(problem) => ("interrupted", problem),
        RefreshError::NotSupported(unsupported) => panic!("{unsupported:?}"),
    }
}
