//! Invented credentials of the simulated services, and how they are kept out of the request log.
//!
//! The `Debug` output of a [`Secret`] is masked, but it can be written to and read from a world file:
//! the simulator must know the signature that it accepts. `secrecy::SecretString` cannot be
//! serialised.
//!
//! Known secrets (every signature, client secret and token of this simulator) are masked wherever
//! they appear in the log. The values of secret fields (a `sig` parameter, a `client_secret`) are
//! masked even when they are wrong.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Replaces a secret.
pub const MASK: &str = "***";

/// A credential that is visible only through [`Secret::expose`].
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps an invented credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Names of query parameters, form fields and JSON fields whose values are masked.
const SECRET_NAMES: [&str; 8] = [
    "sig",
    "client_secret",
    "client_assertion",
    "access_token",
    "refresh_token",
    "password",
    "authorization",
    "assertion",
];

/// Shorter known secrets are not masked: masking "a" would blank the log.
const SHORTEST_SECRET: usize = 8;

fn is_secret_name(name: &str) -> bool {
    SECRET_NAMES
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}

/// A query or form with its secret values masked.
pub(crate) fn mask_query(text: &str) -> String {
    text.split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if is_secret_name(name) && !value.is_empty() => {
                format!("{name}={MASK}")
            }
            _ => pair.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("&")
}

/// Any text with the known secrets and the values of `sig` parameters masked.
pub(crate) fn mask_text<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut out = text.to_owned();
    for secret in known.filter(|secret| secret.len() >= SHORTEST_SECRET) {
        if out.contains(secret) {
            out = out.replace(secret, MASK);
        }
    }
    for marker in ["sig=", "sig%3D", "sig%3d"] {
        if out.contains(marker) {
            out = after_marker(&out, marker);
        }
    }
    out
}

fn after_marker(text: &str, marker: &str) -> String {
    let mut pieces = text.split(marker);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.~%*".contains(c)));
        let (value, rest) = piece.split_at(end.unwrap_or(piece.len()));
        out.push_str(marker);
        out.push_str(if value.is_empty() { "" } else { MASK });
        out.push_str(rest);
    }
    out
}

/// A body with the values of secret fields masked: JSON as JSON, anything else as a form.
pub(crate) fn mask_body(text: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return mask_query(text);
    };
    if mask_json(&mut value) {
        value.to_string()
    } else {
        text.to_owned()
    }
}

/// Masks in place; true if anything was masked.
fn mask_json(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter_mut().fold(false, |masked, (name, value)| {
            if is_secret_name(name) {
                *value = Value::from(MASK);
                true
            } else {
                mask_json(value) || masked
            }
        }),
        Value::Array(items) => items
            .iter_mut()
            .map(mask_json)
            .fold(false, |masked, now| masked | now),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_debug_output() {
        let secret = Secret::new("INVENTED-sig-0123456789");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), "INVENTED-sig-0123456789");
    }

    #[test]
    fn secret_values_are_masked_and_the_rest_is_kept() {
        for (text, expected) in [
            (
                "api-version=1&sv=1.0&sig=INVENTED",
                "api-version=1&sv=1.0&sig=***",
            ),
            ("api-version=1&sig=", "api-version=1&sig="),
            (
                "client_id=1&client_secret=INVENTED&scope=s",
                "client_id=1&client_secret=***&scope=s",
            ),
            (
                r#"{"a":[{"password":"INVENTED"}]}"#,
                r#"{"a":[{"password":"***"}]}"#,
            ),
            (r#"{ "b": 1,  "a": 2 }"#, r#"{ "b": 1,  "a": 2 }"#),
        ] {
            assert_eq!(mask_body(text), expected);
        }
    }

    #[test]
    fn known_secrets_and_signatures_are_masked_in_any_text() {
        for (original, expected) in [
            ("/x/INVENTED-sig-0123456789/y", "/x/***/y"),
            ("/a%3Fsig%3DINVENTED", "/a%3Fsig%3D***"),
            (
                "{\"u\":\"http://h/?sig=INV&x=1\"}",
                "{\"u\":\"http://h/?sig=***&x=1\"}",
            ),
        ] {
            let known = ["INVENTED-sig-0123456789"];
            assert_eq!(mask_text(original, known.into_iter()), expected);
        }
    }
}
