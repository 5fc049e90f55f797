//! What a start leads to, given the earlier runs of its identity in the audit log; and which runs accept
//! a manual decision.
//!
//! | the audit log holds | result |
//! |---|---|
//! | nothing, or a run that died before its intent | start |
//! | `completed`, `accepted` | that result |
//! | `accepted` of a detached run | that result; with `--require completed`: follow it |
//! | a run that is alive | wait for its verdict |
//! | `failed`, `skipped`, `cancelled`, nothing sent, `never_started` | start |
//! | any other run that may have been sent | follow it; `if_lost` decides if nothing can be followed |
//!
//! A run without an intent has sent nothing, and does not affect an older run that has one. `--new`
//! starts in any case.

use super::error::AuditLogError;
use super::fold::{RunState, RunView};
use crate::verdict::{Status, Verdict};

/// What to do about an earlier run that may have been sent and cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfLost {
    /// Nothing, until someone records a decision.
    #[default]
    Hold,
    /// Trigger again.
    Resend,
}

/// The options of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeginOptions {
    /// Ignore earlier runs.
    pub new: bool,
    /// Whether `accepted` does not count as success.
    pub require_completed: bool,
    /// Whether the target has a history in which a lost run can be found.
    pub followable: bool,
    /// What to do if it has none.
    pub if_lost: IfLost,
}

/// The earlier runs of an identity.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// A run that a process holds and that has no intent yet.
    pub pending: Option<String>,
    /// The latest run with an intent.
    pub latest: Option<RunView>,
    /// Whether a process holds that run.
    pub latest_alive: bool,
}

/// What a start leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// A new run, which this process now holds.
    Start,
    /// The result of an earlier run; nothing is sent.
    Replay {
        /// The result.
        verdict: Box<Verdict>,
        /// The run.
        view: Box<RunView>,
    },
    /// Another process works on the run: its verdict will be in the audit log.
    Wait {
        /// The run.
        run: String,
    },
    /// An earlier run, which this process now holds: follow it, never trigger it.
    Follow(Box<RunView>),
    /// An earlier run that may have been sent, cannot be followed, and needs a decision.
    Hold(Box<RunView>),
}

/// Decides without changing anything.
#[must_use]
pub fn decide(earlier: Earlier, options: BeginOptions) -> Begin {
    if options.new {
        return Begin::Start;
    }
    if let Some(run) = earlier.pending {
        return Begin::Wait { run };
    }
    let Some(view) = earlier.latest else {
        return Begin::Start;
    };
    let state = view.state();
    // Without a look before the trigger, no run at the service can be matched to it.
    let looked = matches!(&view.intent, Some(intent) if intent.looked_at.is_some());
    let followable = options.followable && (looked || !view.service_run.is_empty());
    let replays = match state {
        RunState::Ended(status) => matches!(status, Status::Completed | Status::Accepted),
        RunState::Detached => !(options.require_completed && followable),
        RunState::NotSent | RunState::NeverStarted | RunState::Unsettled => false,
    };
    if let Some(verdict) = view.verdict().filter(|_| replays) {
        return Begin::Replay {
            verdict: Box::new(verdict),
            view: Box::new(view),
        };
    }
    // A failed run may be about to retry, so this comes before its state.
    if earlier.latest_alive {
        return Begin::Wait { run: view.run.run };
    }
    match (state, followable, options.if_lost) {
        (RunState::Ended(_) | RunState::NotSent | RunState::NeverStarted, _, _) => Begin::Start,
        (RunState::Detached, _, _) | (RunState::Unsettled, true, _) => {
            Begin::Follow(Box::new(view))
        }
        (RunState::Unsettled, false, IfLost::Hold) => Begin::Hold(Box::new(view)),
        (RunState::Unsettled, false, IfLost::Resend) => Begin::Start,
    }
}

/// The final status that a manual decision on this run overrides; none if the run is open. A person's
/// earlier decision may be corrected by another one, so it does not count.
///
/// # Errors
/// Why not: only the status in `allowed` may be overridden, and `completed` never.
pub fn overridden(
    view: &RunView,
    alive: bool,
    allowed: Option<Status>,
) -> Result<Option<Status>, AuditLogError> {
    let run = view.run.run.clone();
    match view.state_without_decision() {
        _ if alive => Err(AuditLogError::RunInProgress(run)),
        RunState::Detached | RunState::Unsettled | RunState::NeverStarted => Ok(None),
        RunState::NotSent => Err(AuditLogError::RunNotSent(run)),
        RunState::Ended(Status::Completed) => Err(AuditLogError::RunCompleted(run)),
        RunState::Ended(status) if allowed == Some(status) => Ok(allowed),
        RunState::Ended(status) => Err(AuditLogError::RunEnded(run, status.name())),
    }
}
