//! The hash chain that makes the audit log's history evident.
//!
//! `hash(n) = sha256(hex hash(n-1) + "\n" + text(n))`, where the text is the event as canonical
//! JSON: no whitespace, the keys of every object in byte order. The text is stored as it was hashed,
//! so that verifying needs no re-serialising and outlives every version of this program; anybody can
//! do it with a dozen lines of Python.
//!
//! It shows every change, gap and reordering. It cannot show that the newest events were cut off, nor
//! stop somebody who recomputes the whole chain: for that, keep the head that `audit verify` prints
//! somewhere else.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// What stands before the first event in place of a hash.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an event with this text after one with the hash `previous`, in hex.
#[must_use]
pub fn link(previous: &str, text: &str) -> String {
    sha256_hex(&[previous.as_bytes(), b"\n", text.as_bytes()])
}

/// SHA-256 over the parts, one after the other, in hex.
pub(super) fn sha256_hex(parts: &[&[u8]]) -> String {
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

/// Sorts the keys itself: whether `serde_json` does depends on the features that other crates of the
/// same build ask for.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_keys_at_every_depth_and_keeps_the_order_of_lists() {
        let value: Value =
            serde_json::from_str(r#" {"b": [ {"z":1, "a":null}, "ø\n" ], "a": true} "#).unwrap();
        assert_eq!(
            canonical(&value),
            r#"{"a":true,"b":[{"a":null,"z":1},"ø\n"]}"#
        );
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
}
