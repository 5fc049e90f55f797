//! The hash chain that makes changes of the audit log visible.
//!
//! `hash(n) = sha256(hex hash(n-1) + "\n" + text(n))`, where the text is the event as canonical JSON:
//! no whitespace, the keys of every object in byte order. The text is stored as it was hashed, so
//! verifying needs no serialization and works across versions; a dozen lines of Python can do it.
//!
//! The chain shows every change, gap and reordering. It cannot show that the newest events were cut
//! off, nor that someone recomputed the whole chain. For that, keep the head that `audit verify`
//! prints in another place.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::event::Observed;

/// The hash before the first event.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash, in hex, of an event with this text after an event with the hash `previous`.
#[must_use]
pub fn link(previous: &str, text: &str) -> String {
    sha256_hex(&[previous.as_bytes(), b"\n", text.as_bytes()])
}

fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let mut hex = String::with_capacity(GENESIS.len());
    for byte in hasher.finalize() {
        for nibble in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    hex
}

/// The value as canonical JSON.
#[must_use]
pub fn canonical(value: &Value) -> String {
    sorted(value).to_string()
}

/// Sorts the keys. Whether `serde_json` does depends on features that other crates of the build
/// enable.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let by_key: BTreeMap<&String, &Value> = map.iter().collect();
            Value::Object(
                by_key
                    .into_iter()
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// The identity of a run: the digest, in hex, of key, target and request. Two starts with the same
/// identity are the same refresh. `request` must contain neither its timestamp nor a secret.
#[must_use]
pub fn identity_digest(key: &str, target: &str, request: &Value) -> String {
    let whole = json!({"key": key, "target": target, "request": request});
    sha256_hex(&[canonical(&whole).as_bytes()])
}

/// The result of verifying the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Nothing was changed.
    Whole {
        /// The number of events.
        events: u64,
        /// The hash of the last event; [`GENESIS`] if there is none.
        head: String,
    },
    /// Something was changed.
    Broken {
        /// The number of the first changed event.
        at: u64,
        /// What does not match, in a sentence.
        why: String,
    },
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredRow {
    pub number: u64,
    pub columns: Columns,
    pub text: String,
    pub hash: String,
}

/// The columns that queries use, copied from an event's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub time: String,
    pub run: String,
    pub event: String,
    pub target: String,
    pub identity: String,
    pub resource: String,
    /// The service's run that the event matched to its run.
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

/// Verifies the events in their order: the numbers have no gap, each text has the stored hash, and
/// the columns match the text. A changed column would hide an event from its run without touching
/// the chain.
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

    /// Verifies the next event.
    pub(super) fn take(&mut self, row: StoredRow) -> Result<(), Verification> {
        let expected = self.events + 1;
        if let Some(why) = self.mismatch(&row, expected) {
            return Err(Verification::Broken { at: expected, why });
        }
        self.events = expected;
        self.head = row.hash;
        Ok(())
    }

    fn mismatch(&self, row: &StoredRow, expected: u64) -> Option<String> {
        if row.number != expected {
            return Some(format!(
                "event {expected} is missing: the next one is {}",
                row.number
            ));
        }
        let why = if link(&self.head, &row.text) != row.hash {
            "its text, or that of an earlier event, does not have the stored hash"
        } else {
            match serde_json::from_str::<Value>(&row.text) {
                Err(_) => "its text is not JSON",
                Ok(event) if event.get("number").and_then(Value::as_u64) != Some(row.number) => {
                    "its text has another number than its row"
                }
                Ok(event) if Columns::of(&event) != row.columns => {
                    "its columns do not match its text"
                }
                Ok(_) => return None,
            }
        };
        Some(why.to_owned())
    }

    /// The result after all events.
    pub(super) fn whole(self) -> Verification {
        Verification::Whole {
            events: self.events,
            head: self.head,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_keys_at_every_depth_and_keeps_the_order_of_lists() {
        let value: Value =
            serde_json::from_str(r#" {"b": [ {"z":1, "a":null}, "ø\n" ], "a": true} "#).unwrap();
        let expected = r#"{"a":true,"b":[{"a":null,"z":1},"ø\n"]}"#;
        assert_eq!(canonical(&value), expected);
    }

    #[test]
    fn a_link_can_be_recomputed_with_any_sha256() {
        // printf '%064d\n{}' 0 | sha256sum
        assert_eq!(
            link(GENESIS, "{}"),
            "5649d09ed68c17156095d175eef152856c5b1a81c117c409c1e00f096aa6838e"
        );
    }

    #[test]
    fn a_link_depends_on_the_text_and_on_all_that_came_before() {
        let first = link(GENESIS, "{}");
        assert_ne!(first, link(GENESIS, "{ }"));
        assert_ne!(link(&first, "{}"), first);
    }

    #[test]
    fn the_same_request_has_the_same_identity_however_it_is_written() {
        let identity =
            |text| identity_digest("k", "t", &serde_json::from_str::<Value>(text).unwrap());
        let one = identity(r#"{"a":1,"b":{"c":2,"d":3}}"#);
        assert_eq!(one, identity(r#"{"b":{"d":3,"c":2},"a":1}"#));
    }

    #[test]
    fn key_target_and_request_each_make_another_identity() {
        let request = json!({"a": 1});
        let of = |key, target| identity_digest(key, target, &request);
        let identity = of("k", "t");
        assert_ne!(identity, of("k2", "t"));
        assert_ne!(identity, of("k", "t2"));
        assert_ne!(identity, identity_digest("k", "t", &json!({"a": 2})));
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(identity.len(), 64);
    }
}
