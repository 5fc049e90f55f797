//! What holds a refresh back, sends it again or stops it, as the configuration says it.

use std::time::Duration;

/// How many refreshes the content may have in a rolling 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The most refreshes.
    pub limit: u32,
    /// The kinds of run that count.
    pub count: Vec<RunKind>,
    /// What to do when none is left.
    pub mode: QuotaMode,
    /// What to do when the history that would be counted cannot be read.
    pub when_unreadable: QuotaUnreadable,
}

/// A kind of run, as the service's history tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// Asked for by a person, or by a dataflow's API.
    OnDemand,
    /// By the content's own schedule.
    Scheduled,
    /// A standard refresh by the API.
    ViaApi,
    /// An enhanced refresh by the API.
    ViaEnhancedApi,
    /// By a tool that speaks XMLA.
    ViaXmlaEndpoint,
}

impl RunKind {
    /// Every kind, by its name in the configuration and in the contract.
    pub const ALL: [(&'static str, Self); 5] = [
        ("on_demand", Self::OnDemand),
        ("scheduled", Self::Scheduled),
        ("via_api", Self::ViaApi),
        ("via_enhanced_api", Self::ViaEnhancedApi),
        ("via_xmla_endpoint", Self::ViaXmlaEndpoint),
    ];

    /// The name in the contract: the service's own, in snake case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Scheduled => "scheduled",
            Self::ViaApi => "via_api",
            Self::ViaEnhancedApi => "via_enhanced_api",
            Self::ViaXmlaEndpoint => "via_xmla_endpoint",
        }
    }
}

/// What to do when no refresh is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaMode {
    /// End in `skipped`.
    Block,
    /// Say so, and trigger.
    Warn,
}

/// What to do when the history that would be counted cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaUnreadable {
    /// Trigger.
    Send,
    /// End in `skipped`.
    Skip,
}

/// How often a refresh is triggered, where it fails and another attempt may end better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The most triggers in all; 1 means no further one.
    pub max_attempts: u32,
    /// The pause before a further trigger.
    pub delay: Duration,
}

/// What to do when the content is already being refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRunning {
    /// Wait until that run has ended, then trigger.
    Wait,
    /// End in `skipped`.
    Skip,
    /// Follow that run, and end in `skipped` with what became of it.
    Follow,
}

/// What becomes of a run at the service when a signal ends us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInterrupt {
    /// It goes on; another start with the same key follows it.
    Leave,
    /// The service is asked to stop it.
    Cancel,
}
