//! Whether the audit log is as it was written.
//!
//! Checked of every event, from the first to the last: its number follows the one before, its text
//! has the hash that stands beside it after the hash before, and the columns that the audit log is
//! searched by say what the text says (a changed column would hide an event from its run without
//! touching the chain). What this cannot show is said in [`chain`](super::chain).

use serde_json::Value;

use super::chain::{GENESIS, link};
use super::event::Observed;

/// How verifying came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Everything is as it was written.
    Whole {
        /// How many events there are.
        events: u64,
        /// The hash of the last; [`GENESIS`] of an empty record. Kept elsewhere, it shows later
        /// whether the audit log was cut or rewritten.
        head: String,
    },
    /// Something was changed.
    Broken {
        /// The number of the first event that is not as it was written.
        at: u64,
        /// What does not agree, in a sentence.
        why: String,
    },
}

/// An event, as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub number: u64,
    pub columns: Columns,
    pub text: String,
    pub hash: String,
}

/// What the store searches by, taken out of an event's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub time: String,
    pub run: String,
    pub event: String,
    pub target: String,
    pub identity: String,
    pub resource: String,
    /// The service's run that the event says is its run's own.
    pub service_run: Option<String>,
}

impl Columns {
    /// The columns of this event.
    pub(super) fn of(event: &Value) -> Self {
        let text = |name: &str| text_of(event.get(name));
        Self {
            time: text("time"),
            run: text("run"),
            event: text("event"),
            target: text("target"),
            identity: text("identity"),
            resource: text("resource"),
            service_run: own_service_run(event),
        }
    }
}

fn text_of(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn own_service_run(event: &Value) -> Option<String> {
    let detail = event.get("detail")?;
    let id = match event.get("event")?.as_str()? {
        "observed" if text_of(detail.get("what")) == Observed::MATCHED => detail.pointer("/run/id"),
        "triggered" => detail.pointer("/service_run"),
        "outcome" if detail.pointer("/verdict/own_run") == Some(&Value::Bool(true)) => {
            detail.pointer("/verdict/service_run")
        }
        _ => None,
    };
    Some(text_of(id)).filter(|id| !id.is_empty())
}

/// Takes the events in their order, until one is not as it was written.
#[derive(Debug)]
pub(super) struct Verifier {
    events: u64,
    head: String,
}

impl Verifier {
    pub(super) fn new() -> Self {
        Self {
            events: 0,
            head: GENESIS.to_owned(),
        }
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, row: Row) -> Result<(), Verification> {
        let expected = self.events + 1;
        if row.number != expected {
            return Err(Verification::Broken {
                at: expected,
                why: format!(
                    "event {expected} is missing: the next one there is {}",
                    row.number
                ),
            });
        }
        match fault(&self.head, &row) {
            Some(why) => Err(Verification::Broken { at: expected, why }),
            None => {
                self.events = expected;
                self.head = row.hash;
                Ok(())
            }
        }
    }

    /// All events were taken.
    pub(super) fn whole(self) -> Verification {
        Verification::Whole {
            events: self.events,
            head: self.head,
        }
    }
}

fn fault(head: &str, row: &Row) -> Option<String> {
    if link(head, &row.text) != row.hash {
        return Some(
            "its text, or that of an event before it, does not have the hash that was stored"
                .to_owned(),
        );
    }
    let Ok(event) = serde_json::from_str::<Value>(&row.text) else {
        return Some("its text is not JSON".to_owned());
    };
    if event.get("number").and_then(Value::as_u64) != Some(row.number) {
        return Some("its text has another number than its row".to_owned());
    }
    (Columns::of(&event) != row.columns)
        .then(|| "the columns that it is searched by do not say what its text says".to_owned())
}
