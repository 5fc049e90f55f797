//! What became of one target, as scripts, flows and dashboards read it.
//!
//! A [`RefreshResult`] is the verdict and what only this invocation knows. Every field is always
//! there and never null: a missing key fails an expression of Kestra, and Kestra 1.3 drops a key
//! whose value is null. So no field is an `Option`; an empty string, 0 or false says "nothing".

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::verdict::{
    EXIT_SIGINT, EXIT_SIGTERM, Evidence, Matched, Quota, Sent, ServiceError, Status, Verdict,
};

/// The signal that interrupted a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: a worker that ends a task, or a system that shuts down.
    Terminate,
}

/// What this invocation knows of a target beside the verdict.
///
/// For a verdict that is answered from the audit log, these are the facts of the invocation that
/// reached it, but for `replayed` and `audit_event`.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// The target's name.
    pub target: String,
    /// The target's kind, for example `power-automate`.
    pub kind: String,
    /// Our id of the run.
    pub run: String,
    /// When this invocation sent its trigger; nothing where it sent none.
    pub trigger_sent_at: Option<Timestamp>,
    /// When this invocation reached its verdict.
    pub concluded_at: Option<Timestamp>,
    /// Which trigger of this run it was, from 1; 0 where none was sent.
    pub attempt: u32,
    /// The key of the run's identity.
    pub idempotency_key: String,
    /// Whether the verdict comes from the audit log.
    pub replayed: bool,
    /// The number of the run's last event in the audit log; 0 where there is none.
    pub audit_event: u64,
    /// The signal, where one ended it.
    pub signal: Option<Signal>,
}

/// What makes an exit code differ from its status's own.
#[derive(Debug, Clone, Default)]
pub struct ExitRules {
    /// `--require completed`: an `accepted` is not enough.
    pub require_completed: bool,
    /// `--exit-zero-on` and `exit_zero_on`.
    pub zero_on: Vec<Status>,
}

impl ExitRules {
    /// The exit code of a target that ended so.
    ///
    /// `--require completed` wins over a list that holds `accepted`: of two wishes that contradict
    /// each other, the one that does not call something done.
    #[must_use]
    pub fn exit_code(&self, status: Status, signal: Option<Signal>) -> u8 {
        match (status, signal) {
            (Status::Accepted, _) if self.require_completed => Status::Unknown.exit_code(),
            _ if self.zero_on.contains(&status) => 0,
            (Status::Interrupted, Some(Signal::Interrupt)) => EXIT_SIGINT,
            (Status::Interrupted, _) => EXIT_SIGTERM,
            _ => status.exit_code(),
        }
    }
}

/// What became of one target. Timestamps are RFC 3339 in UTC, or empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshResult {
    /// The target's name.
    pub target: String,
    /// The target's kind, for example `power-automate`.
    pub kind: String,
    /// The end.
    pub status: Status,
    /// Whether the trigger left.
    pub sent: Sent,
    /// Whose word it is.
    pub evidence: Evidence,
    /// How the run at the service was told to be ours.
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
    /// Our id of the run.
    pub run: String,
    /// The service's id of the run.
    pub service_run: String,
    /// The flow run that the trigger began.
    pub flow_run: String,
    /// When the run began at the service; where it does not say, when the trigger of a verdict that
    /// knows of an end was sent.
    pub started_at: String,
    /// When the run ended at the service; where it does not say, when a verdict that knows of an
    /// end was reached.
    pub ended_at: String,
    /// From `started_at` to `ended_at`, in milliseconds; 0 where either is unknown.
    pub duration_ms: u64,
    /// How many HTTP calls were made.
    pub http_calls: u32,
    /// Which trigger of this run it was, from 1; 0 where none was sent.
    pub attempt: u32,
    /// The key of the run's identity.
    pub idempotency_key: String,
    /// Whether this was answered from the audit log, and nothing was sent.
    pub replayed: bool,
    /// The number of the run's last event in the audit log; 0 where there is none.
    pub audit_event: u64,
    /// The exit code of a process with this target alone.
    pub exit_code: u8,
    /// What the service said of an error.
    pub service_error: ServiceError,
    /// What was counted of the quota before the trigger; all zero where none was asked for.
    pub quota: Quota,
}

impl RefreshResult {
    /// Puts a verdict and what this invocation knows together.
    #[must_use]
    pub fn new(verdict: &Verdict, invocation: &Invocation, rules: &ExitRules) -> Self {
        // Where nobody knows of an end, our own times say nothing of the refresh.
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
            status: verdict.status,
            sent: verdict.sent,
            evidence: verdict.evidence,
            matched: verdict.matched,
            own_run: verdict.own_run,
            code: verdict.code.clone(),
            likely_cause: verdict.likely_cause.clone(),
            message: verdict.message.clone(),
            hint: verdict.hint.clone(),
            retryable: verdict.retryable,
            retry_at: text(utc(&verdict.retry_at)),
            run: invocation.run.clone(),
            service_run: verdict.service_run.clone(),
            flow_run: verdict.flow_run.clone(),
            started_at: text(started),
            ended_at: text(ended),
            duration_ms: milliseconds(started, ended),
            http_calls: verdict.http_calls,
            attempt: invocation.attempt,
            idempotency_key: invocation.idempotency_key.clone(),
            replayed: invocation.replayed,
            audit_event: invocation.audit_event,
            exit_code: rules.exit_code(verdict.status, invocation.signal),
            service_error: verdict.service_error.clone(),
            quota: Quota {
                next_slot: text(utc(&verdict.quota.next_slot)),
                ..verdict.quota.clone()
            },
        }
    }

    /// Whether it is known how long it took: both times are there.
    #[must_use]
    pub fn has_duration(&self) -> bool {
        !self.started_at.is_empty() && !self.ended_at.is_empty()
    }

    /// The result with every text replaced by what `names` makes of identifiers and `prose` makes
    /// of sentences. Every field is named, so that none can be forgotten when one is added.
    #[must_use]
    pub(super) fn map_texts(
        &self,
        names: impl Fn(&str) -> String,
        prose: impl Fn(&str) -> String,
    ) -> Self {
        let Self {
            target,
            kind,
            status,
            sent,
            evidence,
            matched,
            own_run,
            code,
            likely_cause,
            message,
            hint,
            retryable,
            retry_at,
            run,
            service_run,
            flow_run,
            started_at,
            ended_at,
            duration_ms,
            http_calls,
            attempt,
            idempotency_key,
            replayed,
            audit_event,
            exit_code,
            service_error,
            quota,
        } = self;
        Self {
            target: names(target),
            kind: names(kind),
            status: *status,
            sent: *sent,
            evidence: *evidence,
            matched: *matched,
            own_run: *own_run,
            code: names(code),
            likely_cause: names(likely_cause),
            message: prose(message),
            hint: prose(hint),
            retryable: *retryable,
            retry_at: names(retry_at),
            run: names(run),
            service_run: names(service_run),
            flow_run: names(flow_run),
            started_at: names(started_at),
            ended_at: names(ended_at),
            duration_ms: *duration_ms,
            http_calls: *http_calls,
            attempt: *attempt,
            idempotency_key: names(idempotency_key),
            replayed: *replayed,
            audit_event: *audit_event,
            exit_code: *exit_code,
            service_error: ServiceError {
                code: names(&service_error.code),
                message: prose(&service_error.message),
                activity_id: names(&service_error.activity_id),
            },
            quota: Quota {
                next_slot: names(&quota.next_slot),
                ..quota.clone()
            },
        }
    }
}

/// A timestamp of the verdict. What is not one counts as not said: a reader may rely on the form.
fn utc(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn text(time: Option<Timestamp>) -> String {
    // What a clock says beyond the millisecond is noise to a reader.
    time.map(|time| time.round(Unit::Millisecond).unwrap_or(time).to_string())
        .unwrap_or_default()
}

/// Never below 0: the start may be on the service's clock and the end on ours.
fn milliseconds(started: Option<Timestamp>, ended: Option<Timestamp>) -> u64 {
    started
        .zip(ended)
        .and_then(|(started, ended)| u64::try_from(ended.duration_since(started).as_millis()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
#[path = "result_tests.rs"]
mod tests;
