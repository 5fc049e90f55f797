//! The events of the audit log: what the component reported and what the runner adds.
//!
//! These types are the stored form. A field that is added later needs `#[serde(default)]`, because
//! events are never rewritten; nothing is ever renamed or taken away. Times that the service or the
//! component gave are kept as they were given (RFC 3339 with an offset); only the audit log's own
//! `time` is ours. Nothing here may hold a credential: [`AuditLog`](super::Record) scrubs every text
//! before it is stored, as the last of several guards.

use serde::{Deserialize, Serialize};

use super::actor::Actor;
pub use super::resolution::{Resolution, Word};
use crate::verdict::{Sent, ServiceError, Verdict};

/// Which run an event belongs to, and whom that run serves. All empty for a note of no run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunInfo {
    /// Our id of the run, a UUID.
    pub run: String,
    /// The target's name.
    pub target: String,
    /// The target's kind, for example `power-automate`.
    pub kind: String,
    /// The idempotency key; empty where every start is a run of its own.
    pub key: String,
    /// See [`identity_digest`](super::identity_digest).
    pub identity: String,
    /// The resource at the service that only one run may trigger and match at a time; empty where
    /// nothing is matched.
    pub resource: String,
}

/// One event, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Its number in the audit log, from 1, without gaps.
    pub number: u64,
    /// When it was stored: RFC 3339, UTC, microseconds.
    pub time: String,
    /// The run.
    #[serde(flatten)]
    pub run: RunInfo,
    /// Who wrote it.
    pub actor: Actor,
    /// What happened.
    #[serde(flatten)]
    pub detail: Detail,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "detail", rename_all = "snake_case")]
pub enum Detail {
    /// A trigger is about to leave.
    Intent(Intent),
    /// The trigger was answered, or no answer came.
    Triggered(Triggered),
    /// The state at the service changed, or a trigger is known not to have left.
    Observed(Observed),
    /// The end of an invocation.
    Outcome(Outcome),
    /// A signal ended an invocation.
    Interrupted(Interrupted),
    /// What was found out later about a run that a crash left open.
    Reconciled(Resolution),
    /// A person's word on a run that nothing else settles.
    Resolved(Resolution),
    /// Anything else.
    Note(Note),
}

impl Detail {
    /// The name that stands in the event's field `event`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Intent(_) => "intent",
            Self::Triggered(_) => "triggered",
            Self::Observed(_) => "observed",
            Self::Outcome(_) => "outcome",
            Self::Interrupted(_) => "interrupted",
            Self::Reconciled(_) => "reconciled",
            Self::Resolved(_) => "resolved",
            Self::Note(_) => "note",
        }
    }
}

/// What is stored before a trigger leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What will be sent, without any secret.
    pub request: Outgoing,
    /// The service's own `Date` at the look: no run that began earlier is ours.
    pub looked_at: Option<String>,
    /// When the trigger was about to leave, on the service's clock where it is known.
    pub sent_at: String,
    /// The runs at the service that were there before, as far as they could be taken for ours.
    pub baseline: Vec<String>,
    /// How many triggers this run has tried to send, this one included.
    pub attempt: u32,
    /// The guards that would have held it back, and were overridden by `--force`; whoever wrote the
    /// event forced it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<String>,
}

/// A request, without any secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The HTTP method.
    pub method: String,
    /// The URL, without `sig`.
    pub url: String,
    /// The headers that the component sets.
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
}

/// How a trigger was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggered {
    /// The HTTP status; nothing when no answer came.
    pub http_status: Option<u16>,
    /// When, on the service's clock where it is known.
    pub answered_at: String,
    /// The flow run that the trigger began, where it said so.
    pub flow_run: Option<String>,
    /// The run at the service that the trigger began, where the answer named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_run: Option<String>,
    /// Before this time the service does not want to be asked about the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_from: Option<String>,
    /// What was answered, in a sentence.
    pub message: String,
    /// What the service said of an error.
    pub service_error: Option<ServiceError>,
}

/// A state at the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// [`MATCHED`](Self::MATCHED), [`STATUS`](Self::STATUS), [`NOT_SENT`](Self::NOT_SENT),
    /// [`OTHER_RUN`](Self::OTHER_RUN), or a word of a later component.
    pub what: String,
    /// The run at the service, where one is meant.
    pub run: Option<ServiceRun>,
    /// What was seen, in a sentence.
    pub message: String,
}

impl Observed {
    /// The run was told to be ours.
    pub const MATCHED: &'static str = "matched";
    /// The run that is ours has another status.
    pub const STATUS: &'static str = "status";
    /// The trigger is known not to have left, or was refused for now.
    pub const NOT_SENT: &'static str = "not_sent";
    /// A run that is not ours.
    pub const OTHER_RUN: &'static str = "other_run";
}

/// A run, as the service's history shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRun {
    /// The service's id.
    pub id: String,
    /// Its kind, as the service says it, for example `OnDemand`.
    pub refresh_type: String,
    /// Its state, as the service says it, for example `Success`.
    pub status: String,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// The end of an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What became of the refresh.
    pub verdict: Verdict,
    /// The invocation that says so; a run may be followed by several, one after the other.
    pub invocation: Invocation,
}

/// The times of one invocation, on our clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Invocation {
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// When it ended: RFC 3339, UTC.
    pub ended_at: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// The end of an invocation by a signal. The run goes on at the service if it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupted {
    /// `SIGINT` or `SIGTERM`.
    pub signal: String,
    /// Whether the trigger had left.
    pub sent: Sent,
    /// What was going on, in a sentence.
    pub message: String,
}

/// Anything else that belongs into the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// A short name, for example `deployment`.
    pub topic: String,
    /// The text.
    pub message: String,
    /// More, as names and values.
    pub fields: Vec<(String, String)>,
}

impl Note {
    /// A stop was asked for.
    pub const CANCEL: &'static str = "cancel";
    /// Before this time the service does not want to be asked about the run.
    pub const POLL_FROM: &'static str = "poll_from";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_event_reads_as_one_flat_object_with_its_detail_below() {
        let event = StoredEvent {
            number: 7,
            time: "2026-11-23T08:15:37.000001Z".into(),
            run: RunInfo {
                run: "r".into(),
                target: "order_list".into(),
                ..RunInfo::default()
            },
            actor: Actor::default(),
            detail: Detail::Resolved(Resolution {
                word: Word::NeverStarted,
                reason: "seen in the portal".into(),
            }),
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["event"], "resolved");
        assert_eq!(json["run"], "r");
        assert_eq!(json["detail"]["word"], "never_started");
        assert_eq!(serde_json::from_value::<StoredEvent>(json).unwrap(), event);
    }

    #[test]
    fn every_word_and_every_event_is_stored_under_its_own_name() {
        for word in Word::ALL {
            assert_eq!(serde_json::to_value(word).unwrap(), word.name());
            assert_eq!(Word::from_name(word.name()), Some(word));
        }
        assert_eq!(Word::from_name("done"), None);
        let resolution = Resolution {
            word: Word::Failed,
            reason: String::new(),
        };
        let note = Note {
            topic: String::new(),
            message: String::new(),
            fields: Vec::new(),
        };
        for detail in [
            Detail::Reconciled(resolution.clone()),
            Detail::Resolved(resolution),
            Detail::Note(note),
        ] {
            assert_eq!(
                serde_json::to_value(&detail).unwrap()["event"],
                detail.name()
            );
        }
    }
}
