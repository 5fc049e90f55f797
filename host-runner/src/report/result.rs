//! The result of one target: the contract with scripts, flows and dashboards.
//!
//! A [`RefreshResult`] is a verdict and what only the invocation knows. Every field is always present
//! and never null: a missing key fails a Kestra expression, and Kestra 1.3 drops keys whose value is
//! null. So no field is an `Option`; an empty string, 0 or false stands for an absent value.

use std::ops::Deref;

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::verdict::{EXIT_SIGINT, EXIT_SIGTERM, Quota, Status, Verdict};

/// The signal that interrupted a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: a worker that ends a task, or a system that shuts down.
    Terminate,
}

impl Signal {
    /// Its name, for example `SIGTERM`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// The exit code of a process that it ended.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => EXIT_SIGINT,
            Self::Terminate => EXIT_SIGTERM,
        }
    }
}

/// What this invocation knows about a target besides the verdict.
///
/// For a replayed verdict, everything except `replayed` and `audit_event` describes the invocation
/// that reached it.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// The target's name.
    pub target: String,
    /// The target's kind, for example `power-automate`.
    pub kind: String,
    /// Our id of the run.
    pub run: String,
    /// When this invocation sent its trigger, if it sent one.
    pub trigger_sent_at: Option<Timestamp>,
    /// When this invocation reached its verdict; none for a manual decision.
    pub concluded_at: Option<Timestamp>,
    /// Which trigger of this run it was, from 1; 0 if none was sent.
    pub attempt: u32,
    /// The idempotency key.
    pub idempotency_key: String,
    /// Whether the verdict comes from the audit log.
    pub replayed: bool,
    /// The number of the run's last event in the audit log; 0 if there is none.
    pub audit_event: u64,
    /// The signal that ended the invocation, if one did.
    pub signal: Option<Signal>,
}

/// The options that change the exit code of a status.
#[derive(Debug, Clone, Default)]
pub struct ExitRules {
    /// `--require completed`: `accepted` exits 12.
    pub require_completed: bool,
    /// `--exit-zero-on` and `exit_zero_on`.
    pub zero_on: Vec<Status>,
}

impl ExitRules {
    /// The exit code of a target with this status.
    ///
    /// `--require completed` wins over `--exit-zero-on accepted`: of two contradicting options, the
    /// stricter one applies.
    #[must_use]
    pub fn exit_code(&self, status: Status, signal: Option<Signal>) -> u8 {
        match (status, signal) {
            (Status::Accepted, _) if self.require_completed => Status::Unknown.exit_code(),
            _ if self.zero_on.contains(&status) => 0,
            (Status::Interrupted, Some(signal)) => signal.exit_code(),
            _ => status.exit_code(),
        }
    }
}

/// The result of one target. Timestamps are RFC 3339 in UTC, or empty.
///
/// It dereferences to its verdict, because a result is a verdict with a few more fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshResult {
    /// The target's name.
    pub target: String,
    /// The target's kind, for example `power-automate`.
    pub kind: String,
    /// The verdict. If the service does not report when the run started or ended, a verdict with a
    /// final status has the times of the trigger and of the verdict instead, but never that of a
    /// manual decision.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Our id of the run.
    pub run: String,
    /// From `started_at` to `ended_at`, in milliseconds; 0 if either is unknown.
    pub duration_ms: u64,
    /// Which trigger of this run it was, from 1; 0 if none was sent.
    pub attempt: u32,
    /// The idempotency key.
    pub idempotency_key: String,
    /// Whether the result comes from the audit log and nothing was sent.
    pub replayed: bool,
    /// The number of the run's last event in the audit log; 0 if there is none.
    pub audit_event: u64,
    /// The exit code of a process with this target alone.
    pub exit_code: u8,
}

impl Deref for RefreshResult {
    type Target = Verdict;

    fn deref(&self) -> &Verdict {
        &self.verdict
    }
}

impl RefreshResult {
    /// Combines a verdict with what this invocation knows.
    #[must_use]
    pub fn new(verdict: &Verdict, invocation: &Invocation, rules: &ExitRules) -> Self {
        // Without a known end, our own times say nothing about the refresh.
        let has_ended = matches!(
            verdict.status,
            Status::Completed | Status::Failed | Status::Cancelled
        );
        let ours = |time: Option<Timestamp>| time.filter(|_| has_ended);
        let started = utc(&verdict.started_at).or(ours(invocation.trigger_sent_at));
        let ended = utc(&verdict.ended_at).or(ours(invocation.concluded_at));
        Self {
            target: invocation.target.clone(),
            kind: invocation.kind.clone(),
            verdict: Verdict {
                retry_at: text(utc(&verdict.retry_at)),
                started_at: text(started),
                ended_at: text(ended),
                quota: match &verdict.quota {
                    // An old audit log has `left: 0` here.
                    Quota { limit: 0, .. } => Quota::default(),
                    counted => Quota {
                        next_slot: text(utc(&counted.next_slot)),
                        ..counted.clone()
                    },
                },
                ..verdict.clone()
            },
            run: invocation.run.clone(),
            duration_ms: milliseconds(started, ended),
            attempt: invocation.attempt,
            idempotency_key: invocation.idempotency_key.clone(),
            replayed: invocation.replayed,
            audit_event: invocation.audit_event,
            exit_code: rules.exit_code(verdict.status, invocation.signal),
        }
    }

    /// Whether the duration is known: both times are present.
    #[must_use]
    pub fn has_duration(&self) -> bool {
        !self.started_at.is_empty() && !self.ended_at.is_empty()
    }
}

/// Parses a timestamp of the verdict. Anything else becomes an absent value, so that readers can rely
/// on the format.
fn utc(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn text(time: Option<Timestamp>) -> String {
    // Digits beyond the millisecond are noise to a reader.
    time.map(|time| time.round(Unit::Millisecond).unwrap_or(time).to_string())
        .unwrap_or_default()
}

/// Never negative: the start may be on the service's clock and the end on ours.
fn milliseconds(started: Option<Timestamp>, ended: Option<Timestamp>) -> u64 {
    started
        .zip(ended)
        .and_then(|(started, ended)| u64::try_from(ended.duration_since(started).as_millis()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
#[path = "result_tests.rs"]
mod tests;
