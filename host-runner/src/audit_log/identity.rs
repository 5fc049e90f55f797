//! The identity of a run: what makes two starts "the same".

use serde_json::{Value, json};

use super::chain::{canonical, sha256_hex};

/// The digest, in hex, of (key, target, request). The caller leaves out of `request` what differs
/// between two starts that mean the same: its timestamp, and every secret.
#[must_use]
pub fn identity_digest(key: &str, target: &str, request: &Value) -> String {
    let whole = json!({"key": key, "target": target, "request": request});
    sha256_hex(&[canonical(&whole).as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_has_the_same_identity_however_it_is_written() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":{"c":2,"d":3}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":{"d":3,"c":2},"a":1}"#).unwrap();
        assert_eq!(
            identity_digest("k", "t", &one),
            identity_digest("k", "t", &other)
        );
    }

    #[test]
    fn key_target_and_request_each_make_another_identity() {
        let request = json!({"a": 1});
        let identity = identity_digest("k", "t", &request);
        assert_ne!(identity, identity_digest("k2", "t", &request));
        assert_ne!(identity, identity_digest("k", "t2", &request));
        assert_ne!(identity, identity_digest("k", "t", &json!({"a": 2})));
        assert_ne!(
            identity_digest("ab", "c", &request),
            identity_digest("a", "bc", &request)
        );
        assert_eq!(identity.len(), 64);
    }
}
