//! What a start leads to, given what the audit log holds of its identity.
//!
//! | what the audit log holds | leads to |
//! |---|---|
//! | nothing; a run that died before its intent | start |
//! | `completed`, `accepted` | that result |
//! | a run that is alive | wait for its verdict |
//! | `failed`, `skipped`, `cancelled`, nothing sent, `never_started` | start |
//! | a run that may have been sent and has no such end | follow it; where nothing can be followed, `if_lost` decides |
//!
//! Only runs with an intent count as "what the audit log holds": one without has sent nothing, and says
//! nothing about an older one that has. `--new` starts whatever the audit log holds.

use super::fold::RunView;
use super::standing::Standing;
use crate::verdict::{Status, Verdict};

/// What to do about an earlier run that may have been sent and cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfLost {
    /// Nothing: a person says what became of it.
    #[default]
    Hold,
    /// Trigger again.
    Resend,
}

/// How a start is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeginOptions {
    /// Earlier runs of the identity do not count.
    pub new: bool,
    /// Whether the target has a history in which a lost run can be found again.
    pub followable: bool,
    /// What to do where it has none.
    pub if_lost: IfLost,
}

/// What the audit log holds of an identity.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// A run that somebody holds and that has no intent yet.
    pub pending: Option<String>,
    /// The latest run that has an intent.
    pub latest: Option<RunView>,
    /// Whether somebody holds that run.
    pub latest_alive: bool,
}

/// What a start leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// A run of its own, which this process holds from now on.
    Start,
    /// The result of an earlier run; nothing is to be sent.
    Replay {
        /// The result.
        verdict: Box<Verdict>,
        /// The run.
        view: Box<RunView>,
    },
    /// Another process has the run in hand: its verdict will be in the audit log.
    Wait {
        /// The run.
        run: String,
    },
    /// An earlier run, which this process holds from now on, to be followed and never triggered.
    Follow(Box<RunView>),
    /// An earlier run that may have been sent, cannot be followed, and needs a person's word.
    Hold(Box<RunView>),
}

/// Decides, without changing anything.
#[must_use]
pub fn decide(earlier: Earlier, manner: BeginOptions) -> Begin {
    if manner.new {
        return Begin::Start;
    }
    if let Some(run) = earlier.pending {
        return Begin::Wait { run };
    }
    let Some(view) = earlier.latest else {
        return Begin::Start;
    };
    let standing = view.standing();
    if let (Standing::Ended(Status::Completed | Status::Accepted), Some(verdict)) =
        (standing, view.verdict())
    {
        return Begin::Replay {
            verdict: Box::new(verdict),
            view: Box::new(view),
        };
    }
    // A run that failed may be about to try again, so being alive comes before how it stands.
    if earlier.latest_alive {
        return Begin::Wait { run: view.run.run };
    }
    // Without a look before its trigger no run at the service can be told to be its own.
    let looked = view
        .intent
        .as_ref()
        .is_some_and(|intent| intent.looked_at.is_some());
    let followable = manner.followable && (looked || !view.service_run.is_empty());
    match (standing, followable, manner.if_lost) {
        (Standing::Ended(_) | Standing::NotSent | Standing::NeverStarted, _, _) => Begin::Start,
        (Standing::Unsettled, true, _) => Begin::Follow(Box::new(view)),
        (Standing::Unsettled, false, IfLost::Hold) => Begin::Hold(Box::new(view)),
        (Standing::Unsettled, false, IfLost::Resend) => Begin::Start,
    }
}
