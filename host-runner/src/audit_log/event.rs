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
pub use crate::contract::audit_store::{Note, Observed, Triggered};
pub use crate::contract::types::{Intent, Outgoing, ServiceRun};
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
    Intent(#[serde(with = "StoredIntent")] Intent),
    /// The trigger was answered, or no answer came.
    Triggered(#[serde(with = "StoredTriggered")] Triggered),
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

/// The stored form of an [`Intent`], which leaves out an empty field that was added later.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Intent")]
struct StoredIntent {
    request: Outgoing,
    looked_at: Option<String>,
    sent_at: String,
    baseline: Vec<String>,
    attempt: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overridden: Vec<String>,
}

/// The stored form of a [`Triggered`], which leaves out empty fields that were added later.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Triggered")]
struct StoredTriggered {
    http_status: Option<u16>,
    answered_at: String,
    flow_run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    poll_from: Option<String>,
    message: String,
    service_error: Option<ServiceError>,
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
    fn the_stored_form_of_the_events_of_the_component_does_not_change() {
        let intent = Intent {
            request: Outgoing {
                method: "POST".into(),
                url: "u".into(),
                headers: vec![("a".into(), "b".into())],
                body: "{}".into(),
            },
            looked_at: None,
            sent_at: "t".into(),
            baseline: vec!["r".into()],
            attempt: 1,
            overridden: Vec::new(),
        };
        let triggered = Triggered {
            http_status: Some(202),
            answered_at: "t".into(),
            flow_run: None,
            service_run: None,
            poll_from: None,
            message: "m".into(),
            service_error: None,
        };
        let observed = Observed {
            what: Observed::MATCHED.into(),
            run: Some(ServiceRun {
                id: "r".into(),
                refresh_type: "OnDemand".into(),
                status: "InProgress".into(),
                started_at: Some("t".into()),
                ended_at: None,
            }),
            message: "m".into(),
        };
        let request = r#"{"method":"POST","url":"u","headers":[["a","b"]],"body":"{}"}"#;
        let intent_text = format!(
            r#"{{"event":"intent","detail":{{"request":{request},"looked_at":null,"sent_at":"t","baseline":["r"],"attempt":1}}}}"#
        );
        for (detail, text) in [
            (Detail::Intent(intent), intent_text.as_str()),
            (
                Detail::Triggered(triggered),
                r#"{"event":"triggered","detail":{"http_status":202,"answered_at":"t","flow_run":null,"message":"m","service_error":null}}"#,
            ),
            (
                Detail::Observed(observed),
                r#"{"event":"observed","detail":{"what":"matched","run":{"id":"r","refresh_type":"OnDemand","status":"InProgress","started_at":"t","ended_at":null},"message":"m"}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&detail).unwrap(), text);
            assert_eq!(serde_json::from_str::<Detail>(text).unwrap(), detail);
        }
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
