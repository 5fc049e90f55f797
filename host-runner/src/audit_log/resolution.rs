//! The word of a person, or of a reconciliation, on a run that its own events leave open.

use serde::{Deserialize, Serialize};

/// A word on a run that its own events leave open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The word.
    pub word: Word,
    /// Why, without secrets.
    pub reason: String,
}

/// What can be said of a run that its own events leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The trigger began nothing: the same identity may start afresh.
    NeverStarted,
    /// The refresh succeeded.
    Completed,
    /// The refresh failed.
    Failed,
    /// The refresh was stopped.
    Cancelled,
}

impl Word {
    /// Every word, in the order of the contract.
    pub const ALL: [Self; 4] = [
        Self::NeverStarted,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word, as users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NeverStarted => "never_started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The word that is written so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|word| word.name() == name)
    }
}
