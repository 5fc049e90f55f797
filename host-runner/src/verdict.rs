//! What becomes of a refresh, in the words of the contract with users.
//!
//! One type for the report, the audit log and the exit code, so that the three cannot disagree. The
//! table [`Status::TABLE`] is the only place that knows exit codes: `--help`, the README's table and
//! the process's own end are made from it. An absent value is an empty string, never null, because
//! a missing key fails an expression of the orchestrator.

use serde::{Deserialize, Serialize};

/// The end that a refresh came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The service says that the refresh, begun after we asked, succeeded.
    Completed,
    /// Triggered; no more was asked for.
    Accepted,
    /// The service or the flow refused the trigger, or says that the refresh failed.
    Failed,
    /// A guard held it back.
    Skipped,
    /// Nobody can say yet.
    Unknown,
    /// The run was stopped, by us or by somebody else.
    Cancelled,
    /// Refused by the sandbox policy.
    Denied,
    /// No token, or 401/403 before or at the trigger.
    Unauthorized,
    /// No usable answer.
    Unavailable,
    /// The intent could not be stored.
    AuditUnavailable,
    /// Wrong usage, configuration or input.
    Invalid,
    /// SIGINT or SIGTERM.
    Interrupted,
    /// A bug of ours.
    InternalError,
}

/// One row of the table of verdicts.
#[derive(Debug, Clone, Copy)]
pub struct StatusRow {
    /// The status.
    pub status: Status,
    /// Its name, as users meet it.
    pub name: &'static str,
    /// Whether the trigger left.
    pub sent: &'static str,
    /// What it means.
    pub means: &'static str,
    /// The exit codes that it leads to, as text.
    pub exit: &'static str,
}

/// The exit code of SIGINT, by the convention 128 + signal number.
pub const EXIT_SIGINT: u8 = 130;
/// The exit code of SIGTERM, by the convention 128 + signal number.
pub const EXIT_SIGTERM: u8 = 143;

/// Exit codes from the worst to the best: of several targets, the worst decides.
pub const WORST_FIRST: [u8; 14] = [1, 143, 130, 2, 16, 13, 14, 15, 10, 12, 17, 11, 20, 0];

impl Status {
    /// Every verdict, its meaning and its exit code.
    pub const TABLE: [StatusRow; 13] = [
        row(
            Self::Completed,
            "completed",
            "yes",
            "the service says that the refresh, begun after we asked, succeeded",
            "0",
        ),
        row(
            Self::Accepted,
            "accepted",
            "yes",
            "triggered; no more was asked for",
            "0",
        ),
        row(
            Self::Failed,
            "failed",
            "yes",
            "the service or the flow refused, or says that the refresh failed",
            "10",
        ),
        row(
            Self::Skipped,
            "skipped",
            "no",
            "held back: by another run, the quota, the window or the interval",
            "11",
        ),
        row(
            Self::Unknown,
            "unknown",
            "yes, maybe",
            "nobody can say yet; `follow` asks again, nothing is triggered twice",
            "12",
        ),
        row(
            Self::Cancelled,
            "cancelled",
            "yes",
            "the run was stopped, by us or by somebody else",
            "17",
        ),
        row(
            Self::Denied,
            "denied",
            "no",
            "refused by the sandbox policy",
            "13",
        ),
        row(
            Self::Unauthorized,
            "unauthorized",
            "no",
            "no token, or 401/403 before or at the trigger: nothing was started",
            "14",
        ),
        row(
            Self::Unavailable,
            "unavailable",
            "no",
            "no usable answer: no connection, throttled or down past the deadline",
            "15",
        ),
        row(
            Self::AuditUnavailable,
            "audit_unavailable",
            "no",
            "the intent could not be stored",
            "16",
        ),
        row(
            Self::Invalid,
            "invalid",
            "no",
            "wrong usage, configuration or input",
            "2",
        ),
        row(
            Self::Interrupted,
            "interrupted",
            "no, maybe, yes",
            "SIGINT or SIGTERM; a run that was sent goes on at the service unless `on_interrupt: cancel`",
            "130, 143",
        ),
        row(
            Self::InternalError,
            "internal_error",
            "no, maybe, yes",
            "a bug of ours",
            "1",
        ),
    ];

    /// The status's name, as users meet it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|row| row.status == self)
            .map_or("internal_error", |row| row.name)
    }

    /// Whether this is an end of the refresh itself, which only another of its kind can correct.
    #[must_use]
    pub fn settles(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped
        )
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.status)
    }

    /// The exit code of a process whose only target ended so. An interruption has the code of its
    /// signal, so here it counts as SIGTERM.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Completed | Self::Accepted => 0,
            Self::InternalError => 1,
            Self::Invalid => 2,
            Self::Failed => 10,
            Self::Skipped => 11,
            Self::Unknown => 12,
            Self::Denied => 13,
            Self::Unauthorized => 14,
            Self::Unavailable => 15,
            Self::AuditUnavailable => 16,
            Self::Cancelled => 17,
            Self::Interrupted => EXIT_SIGTERM,
        }
    }
}

const fn row(
    status: Status,
    name: &'static str,
    sent: &'static str,
    means: &'static str,
    exit: &'static str,
) -> StatusRow {
    StatusRow {
        status,
        name,
        sent,
        means,
        exit,
    }
}

/// The exit code of a process with several targets: the worst of theirs.
#[must_use]
pub fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: u8| WORST_FIRST.iter().position(|known| *known == code);
    codes
        .into_iter()
        .min_by_key(|code| rank(*code).unwrap_or(0))
        .unwrap_or(0)
}

/// Whether the trigger left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Certainly not.
    #[default]
    No,
    /// Certainly.
    Yes,
    /// It may have.
    Maybe,
}

/// Whose word a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The service's, in its history.
    Service,
    /// The flow's, in its Response.
    Flow,
    /// Nobody's.
    #[default]
    None,
}

/// How the run at the service was told to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    /// By an id that the service gave to our trigger.
    Exact,
    /// By time, baseline and kind.
    Inferred,
    /// Not at all.
    #[default]
    None,
}

/// What a service said of an error. Empty where it said nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceError {
    /// Its code, as it stands there.
    pub code: String,
    /// Its message, without secrets.
    pub message: String,
    /// What its support asks for: activity, request or tracking id.
    pub activity_id: String,
}

/// What became of a refresh. Timestamps are RFC 3339, UTC; an absent one is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The end.
    pub status: Status,
    /// Whether the trigger left.
    pub sent: Sent,
    /// Whose word it is.
    pub evidence: Evidence,
    /// How the run was told to be ours.
    pub matched: Matched,
    /// Whether the run that is spoken of is ours.
    pub own_run: bool,
    /// A stable code; empty where the status says it all.
    pub code: String,
    /// A code of what probably lies behind it.
    pub likely_cause: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do next, in a sentence.
    pub hint: String,
    /// Whether another attempt may end better.
    pub retryable: bool,
    /// When another attempt may end better.
    pub retry_at: String,
    /// The service's id of the run.
    pub service_run: String,
    /// The flow run that the trigger began.
    pub flow_run: String,
    /// When the run began at the service.
    pub started_at: String,
    /// When the run ended at the service.
    pub ended_at: String,
    /// How many HTTP calls were made.
    pub http_calls: u32,
    /// What the service said.
    pub service_error: ServiceError,
    /// What was counted of the quota; all zero where none was asked for.
    #[serde(default)]
    pub quota: Quota,
}

/// What was counted of a quota of refreshes in 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quota {
    /// The most refreshes; 0 where no quota was asked for, or it could not be counted.
    pub limit: u32,
    /// The refreshes of the last 24 hours that count.
    pub counted: u32,
    /// How many are left.
    pub left: u32,
    /// When the next one is free, where none is left: RFC 3339, UTC; else empty.
    pub next_slot: String,
}

impl Verdict {
    /// A verdict that says nothing but its status, code and message; nothing was sent.
    #[must_use]
    pub fn not_sent(
        status: Status,
        code: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            sent: Sent::No,
            evidence: Evidence::None,
            matched: Matched::None,
            own_run: false,
            code: code.to_owned(),
            likely_cause: String::new(),
            message: message.into(),
            hint: hint.into(),
            retryable: false,
            retry_at: String::new(),
            service_run: String::new(),
            flow_run: String::new(),
            started_at: String::new(),
            ended_at: String::new(),
            http_calls: 0,
            service_error: ServiceError::default(),
            quota: Quota::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_target_decides_in_the_order_of_the_contract() {
        assert_eq!(worst([0, 11, 17]), 17);
        assert_eq!(worst([12, 10, 0]), 10);
        assert_eq!(worst([15, 2]), 2);
        assert_eq!(worst([143, 1]), 1);
        assert_eq!(worst([]), 0);
    }

    #[test]
    fn every_row_of_the_table_says_the_exit_code_that_the_process_ends_with() {
        for row in Status::TABLE {
            let codes: Vec<u8> = row
                .exit
                .split(", ")
                .map(|code| code.parse().unwrap())
                .collect();
            assert!(codes.contains(&row.status.exit_code()), "{}", row.name);
            assert_eq!(Status::from_name(row.name), Some(row.status));
            assert_eq!(serde_json::to_value(row.status).unwrap(), row.name);
        }
    }
}
