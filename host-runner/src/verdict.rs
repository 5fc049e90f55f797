//! The outcome of a refresh.
//!
//! The report, the audit log and the exit code share one type, so that they cannot disagree. An
//! absent value is an empty string, never null, because a missing key fails an expression of the
//! orchestrator.

use clap::ValueEnum as _;
use clap::builder::PossibleValue;
use serde::{Deserialize, Serialize};

pub use crate::contract::types::ServiceError;
use crate::contract::types::{self as wit, RefreshError};

/// The status of a refresh. The help shows the comments of its variants.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Status {
    /// The service reports that the refresh, started after our request, succeeded.
    Completed,
    /// Triggered; the outcome was not verified.
    Accepted,
    /// The service or the flow rejected the trigger, or reports that the refresh failed.
    Failed,
    /// Held back by a guard: a running refresh, quota, window or interval.
    Skipped,
    /// The outcome is not known yet; `follow` checks again and never triggers.
    Unknown,
    /// The refresh was stopped, by us or by someone else.
    Cancelled,
    /// Blocked by the sandbox policy.
    Denied,
    /// No token, or 401/403 before or at the trigger.
    Unauthorized,
    /// No usable answer: no connection, throttled or down until the deadline.
    Unavailable,
    /// The intent could not be stored, so nothing was triggered.
    AuditUnavailable,
    /// Usage, configuration or input error.
    Invalid,
    /// SIGINT or SIGTERM; a refresh that was sent keeps running unless `on_interrupt: cancel`.
    Interrupted,
    /// A bug in the runner.
    #[default]
    #[schemars(skip)]
    InternalError,
}

/// The exit code of SIGINT, by the convention 128 + signal number.
pub const EXIT_SIGINT: u8 = 130;
/// The exit code of SIGTERM, by the convention 128 + signal number.
pub const EXIT_SIGTERM: u8 = 143;

/// Exit codes from the worst to the best. With several targets, the worst one sets the exit code.
pub const WORST_FIRST: [u8; 14] = [1, 143, 130, 2, 16, 13, 14, 15, 10, 12, 17, 11, 20, 0];

impl Status {
    /// Its name in results, options and the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name_and_codes().0
    }

    /// Its exit codes. The last one counts if no signal is known.
    #[must_use]
    pub fn exit_codes(self) -> &'static [u8] {
        self.name_and_codes().1
    }

    fn name_and_codes(self) -> (&'static str, &'static [u8]) {
        match self {
            Self::Completed => ("completed", &[0]),
            Self::Accepted => ("accepted", &[0]),
            Self::Failed => ("failed", &[10]),
            Self::Skipped => ("skipped", &[11]),
            Self::Unknown => ("unknown", &[12]),
            Self::Cancelled => ("cancelled", &[17]),
            Self::Denied => ("denied", &[13]),
            Self::Unauthorized => ("unauthorized", &[14]),
            Self::Unavailable => ("unavailable", &[15]),
            Self::AuditUnavailable => ("audit_unavailable", &[16]),
            Self::Invalid => ("invalid", &[2]),
            Self::Interrupted => ("interrupted", &[EXIT_SIGINT, EXIT_SIGTERM]),
            Self::InternalError => ("internal_error", &[1]),
        }
    }

    /// What it means, for the help and the README's table: the comment of its variant.
    #[must_use]
    pub fn meaning(self) -> String {
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(PossibleValue::get_help);
        help.map(ToString::to_string).unwrap_or_default()
    }

    /// The exit code of a process whose only target has this status. An interruption has the code of
    /// its signal; here it counts as SIGTERM.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        self.exit_codes().last().copied().unwrap_or(1)
    }

    /// Whether this is the final outcome of the refresh itself.
    #[must_use]
    pub fn settles(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped
        )
    }
}

/// The exit code of a process with several targets: the worst one.
#[must_use]
pub fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    codes
        .into_iter()
        .min_by_key(|code| rank(*code))
        .unwrap_or(0)
}

/// The place of an exit code in [`WORST_FIRST`]. An unlisted code is as bad as the worst.
#[must_use]
pub fn rank(code: u8) -> usize {
    WORST_FIRST
        .iter()
        .position(|known| *known == code)
        .unwrap_or(0)
}

/// Whether the trigger was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Certainly not.
    #[default]
    No,
    /// Certainly.
    Yes,
    /// It may have been.
    Maybe,
}

/// Who reported the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The service, in its history.
    Service,
    /// The flow, in its Response.
    Flow,
    /// No one.
    #[default]
    None,
}

/// How the run at the service was identified as ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    /// By an id that the service returned for our trigger.
    Exact,
    /// By time, baseline and kind.
    Inferred,
    /// Not at all.
    #[default]
    None,
}

impl From<Matched> for wit::Matched {
    fn from(matched: Matched) -> Self {
        match matched {
            Matched::Exact => Self::Exact,
            Matched::Inferred => Self::Inferred,
            Matched::None => Self::None,
        }
    }
}

/// The outcome of a refresh. Timestamps are RFC 3339 in UTC; an absent one is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// The status.
    pub status: Status,
    /// Whether the trigger was sent.
    pub sent: Sent,
    /// Who reported the outcome.
    pub evidence: Evidence,
    /// How the run at the service was identified as ours.
    pub matched: Matched,
    /// Whether the run that is reported on is ours.
    pub own_run: bool,
    /// A stable code; empty where the status says enough.
    pub code: String,
    /// A code of the probable cause.
    pub likely_cause: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do next, in a sentence.
    pub hint: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
    /// When another attempt may succeed.
    pub retry_at: String,
    /// The service's id of the run.
    pub service_run: String,
    /// The flow run that the trigger started.
    pub flow_run: String,
    /// When the run started at the service.
    pub started_at: String,
    /// When the run ended at the service.
    pub ended_at: String,
    /// How many HTTP calls were made.
    pub http_calls: u32,
    /// The error that the service reported; empty where it reported none.
    pub service_error: ServiceError,
    /// The state of the quota.
    #[serde(default)]
    pub quota: Quota,
}

/// The state of a quota of refreshes in 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The maximum number of refreshes; 0 without a quota, or if they could not be counted.
    pub limit: u32,
    /// The refreshes of the last 24 hours that count.
    pub counted: u32,
    /// How many are left; -1 without a count, so that it cannot be mistaken for an exhausted quota.
    pub left: i64,
    /// When the next refresh is available, if none is left: RFC 3339, UTC; otherwise empty.
    pub next_slot: String,
}

impl Verdict {
    /// A verdict on a refresh of which nothing was sent.
    #[must_use]
    pub fn not_sent(
        status: Status,
        code: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            hint: hint.into(),
            ..Self::default()
        }
    }
}

/// No quota, or one that could not be counted.
impl Default for Quota {
    fn default() -> Self {
        Self {
            limit: 0,
            counted: 0,
            left: -1,
            next_slot: String::new(),
        }
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated")]
impl Default for ServiceError {
    fn default() -> Self {
        Self {
            code: String::new(),
            message: String::new(),
            activity_id: String::new(),
        }
    }
}

impl From<wit::QuotaState> for Quota {
    fn from(state: wit::QuotaState) -> Self {
        Self {
            limit: state.limit,
            counted: state.counted,
            left: state.left.into(),
            next_slot: state.next_slot.unwrap_or_default(),
        }
    }
}

impl From<wit::Verdict> for Verdict {
    fn from(verdict: wit::Verdict) -> Self {
        Self {
            status: match verdict.status {
                wit::Status::Completed => Status::Completed,
                wit::Status::Accepted => Status::Accepted,
                wit::Status::Failed => Status::Failed,
                wit::Status::Skipped => Status::Skipped,
                wit::Status::Unknown => Status::Unknown,
                wit::Status::Cancelled => Status::Cancelled,
                wit::Status::Interrupted => Status::Interrupted,
            },
            sent: match verdict.sent {
                wit::Sent::No => Sent::No,
                wit::Sent::Yes => Sent::Yes,
                wit::Sent::Maybe => Sent::Maybe,
            },
            evidence: match verdict.evidence {
                wit::Evidence::Service => Evidence::Service,
                wit::Evidence::Flow => Evidence::Flow,
                wit::Evidence::None => Evidence::None,
            },
            matched: match verdict.matched {
                wit::Matched::Exact => Matched::Exact,
                wit::Matched::Inferred => Matched::Inferred,
                wit::Matched::None => Matched::None,
            },
            own_run: verdict.own_run,
            code: verdict.code,
            likely_cause: verdict.likely_cause,
            message: verdict.message,
            hint: verdict.hint,
            retryable: verdict.retryable,
            retry_at: verdict.retry_at.unwrap_or_default(),
            service_run: verdict.service_run.unwrap_or_default(),
            flow_run: verdict.flow_run.unwrap_or_default(),
            started_at: verdict.started_at.unwrap_or_default(),
            ended_at: verdict.ended_at.unwrap_or_default(),
            http_calls: verdict.http_calls,
            service_error: verdict.service_error.unwrap_or_default(),
            quota: verdict.quota.map(Quota::from).unwrap_or_default(),
        }
    }
}

/// Every error of the component means that nothing was sent.
impl From<RefreshError> for Verdict {
    fn from(error: RefreshError) -> Self {
        let (status, problem) = match error {
            RefreshError::Invalid(problem) => (Status::Invalid, problem),
            RefreshError::Unauthorized(problem) => (Status::Unauthorized, problem),
            RefreshError::Unavailable(problem) => (Status::Unavailable, problem),
            RefreshError::Denied(problem) => (Status::Denied, problem),
            RefreshError::AuditUnavailable(problem) | RefreshError::ClaimLost(problem) => {
                (Status::AuditUnavailable, problem)
            }
            RefreshError::Interrupted(problem) => (Status::Interrupted, problem),
            RefreshError::NotSupported(unsupported) => {
                return Self::not_sent(
                    Status::Invalid,
                    "not_supported",
                    format!(
                        "a {} target does not support {} without the content that it refreshes",
                        unsupported.kind.name(),
                        unsupported.operation.name()
                    ),
                    "add `verify:` with that content to the target",
                );
            }
        };
        Self {
            retryable: problem.retryable,
            retry_at: problem.retry_at.unwrap_or_default(),
            http_calls: problem.http_calls,
            service_error: problem.service_error.unwrap_or_default(),
            ..Self::not_sent(status, &problem.code, problem.message, problem.hint)
        }
    }
}

impl wit::TargetKind {
    /// The name of the kind in configurations and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PowerAutomate => "power-automate",
            Self::Dataflow => "dataflow",
            Self::DataflowGen2 => "dataflow-gen2",
            Self::SemanticModel => "semantic-model",
        }
    }
}

impl wit::Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Trigger => "refresh",
            Self::Follow => "follow",
            Self::Cancel => "cancel",
            Self::Inspect => "list",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_exit_code_wins() {
        assert_eq!(worst([0, 11, 17]), 17);
        assert_eq!(worst([12, 10, 0]), 10);
        assert_eq!(worst([15, 2]), 2);
        assert_eq!(worst([143, 1]), 1);
        assert_eq!(worst([]), 0);
    }

    #[test]
    fn every_status_has_one_name_and_known_exit_codes() {
        for status in Status::value_variants() {
            let known = |code| WORST_FIRST.contains(code);
            assert!(status.exit_codes().iter().all(known), "{status:?}");
            assert_eq!(Status::from_str(status.name(), false), Ok(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }
}
