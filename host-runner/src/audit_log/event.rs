//! The events of the audit log: from the component, and from the runner itself.
//!
//! These types are the stored form. A new field needs `#[serde(default)]`, because events are never
//! rewritten; no field is ever renamed or removed. Times from the service or the component are kept
//! as given (RFC 3339 with an offset); only the event's own `time` is ours. No event may contain a
//! credential: [`AuditLog`](super::AuditLog) masks every text before it is stored, as the last of
//! several guards.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::actor::Actor;
pub use crate::contract::audit_store::{Note, Observed, Triggered};
pub use crate::contract::types::{Intent, Outgoing as LoggedRequest, ServiceRun};
use crate::verdict::{Sent, ServiceError, Status, Verdict};

/// The run that an event belongs to, and its target. All fields are empty for a note without a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunInfo {
    /// Our id of the run, a UUID.
    pub run: String,
    /// The target's name.
    pub target: String,
    /// The target's kind, for example `power-automate`.
    pub kind: String,
    /// The idempotency key; empty if every start is a new run.
    pub key: String,
    /// See [`identity_digest`](super::identity_digest).
    pub identity: String,
    /// The resource at the service that only one run at a time may trigger and match; empty if
    /// nothing is matched.
    pub resource: String,
}

/// An event as it is stored.
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
    /// A trigger is about to be sent.
    Intent(#[serde(with = "StoredIntent")] Intent),
    /// The response to the trigger, or that there was none.
    Triggered(#[serde(with = "StoredTriggered")] Triggered),
    /// A new state at the service, or that the trigger was not sent.
    Observed(Observed),
    /// The end of an invocation.
    Outcome(Outcome),
    /// A signal ended an invocation.
    Interrupted(Interrupted),
    /// The outcome, found later, of a run that a crash left open.
    Reconciled(Resolution),
    /// A manual decision on a run whose outcome cannot be verified.
    Resolved(Resolution),
    /// Anything else.
    Note(Note),
}

impl Detail {
    /// The value of the event's field `event`.
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
    request: LoggedRequest,
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
    /// The run was matched to ours.
    pub const MATCHED: &'static str = "matched";
    /// Our run has another status.
    pub const STATUS: &'static str = "status";
    /// The trigger was not sent, or was rejected for now.
    pub const NOT_SENT: &'static str = "not_sent";
}

/// The end of an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The outcome of the refresh.
    pub verdict: Verdict,
    /// The invocation; several may follow a run, one after the other.
    pub invocation: InvocationTimes,
}

/// The times of an invocation, on our clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InvocationTimes {
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// When it ended: RFC 3339, UTC.
    pub ended_at: String,
    /// Its duration, in milliseconds.
    pub duration_ms: u64,
}

/// The end of an invocation by a signal. The run continues at the service if it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupted {
    /// `SIGINT` or `SIGTERM`.
    pub signal: String,
    /// Whether the trigger was sent.
    pub sent: Sent,
    /// What the invocation was doing, in a sentence.
    pub message: String,
}

/// A decision on a run whose own events leave its outcome open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The decision.
    #[serde(rename = "word")]
    pub decision: Decision,
    /// The reason, without secrets.
    pub reason: String,
    /// The final status that it overrides; none if the run was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Status>,
}

/// The outcome that a decision states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Decision {
    /// The trigger started nothing: the next start triggers again.
    NeverStarted,
    /// The refresh succeeded.
    Completed,
    /// The refresh failed: the next start triggers again.
    Failed,
    /// The refresh was stopped: the next start triggers again.
    Cancelled,
}

impl Decision {
    /// The name on the command line and in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.status().map_or("never_started", Status::name)
    }

    /// The decision with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(name, false).ok()
    }

    /// The status that it stands for.
    #[must_use]
    pub fn status(self) -> Option<Status> {
        match self {
            Self::NeverStarted => None,
            Self::Completed => Some(Status::Completed),
            Self::Failed => Some(Status::Failed),
            Self::Cancelled => Some(Status::Cancelled),
        }
    }
}

impl Note {
    /// A stop was requested.
    pub const CANCEL: &'static str = "cancel";
    /// The service asks not to be polled about the run before this time.
    pub const POLL_FROM: &'static str = "poll_from";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_of_the_events_of_the_component_does_not_change() {
        let intent = Intent {
            request: LoggedRequest {
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
    fn a_stored_event_is_a_flat_object_with_a_detail() {
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
                decision: Decision::NeverStarted,
                reason: "seen in the portal".into(),
                overrides: None,
            }),
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["event"], "resolved");
        assert_eq!(json["run"], "r");
        // As in logs of versions that knew no overriding decision.
        let stored = serde_json::json!({"word": "never_started", "reason": "seen in the portal"});
        assert_eq!(json["detail"], stored);
        assert_eq!(serde_json::from_value::<StoredEvent>(json).unwrap(), event);
    }

    #[test]
    fn every_decision_and_event_is_stored_under_its_name() {
        for decision in Decision::value_variants().iter().copied() {
            assert_eq!(serde_json::to_value(decision).unwrap(), decision.name());
            assert_eq!(Decision::from_name(decision.name()), Some(decision));
        }
        assert_eq!(Decision::from_name("done"), None);
        let resolution = Resolution {
            decision: Decision::Failed,
            reason: String::new(),
            overrides: None,
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
            let stored = serde_json::to_value(&detail).unwrap();
            assert_eq!(stored["event"], detail.name());
        }
    }
}
