//! Keeps secrets out of the request log.
//!
//! Two nets: what is known (every signature, client secret and token of this simulator) is taken
//! out wherever it stands, and what sits in a place for secrets (a `sig` parameter, a
//! `client_secret` field) is taken out even when it is wrong.

use serde_json::Value;

use crate::secret::MASK;

/// Names of query parameters, form fields and JSON fields whose values are never shown.
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

/// A known secret shorter than this is left alone: masking "a" would blank the log.
const SHORTEST_SECRET: usize = 8;

fn is_secret_name(name: &str) -> bool {
    SECRET_NAMES
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}

/// A query or form with its secret values masked.
#[must_use]
pub(crate) fn query(text: &str) -> String {
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

/// Any text without the known secrets and without the values of `sig` parameters.
#[must_use]
pub(crate) fn text<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> String {
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

/// A body without the values of secret fields: JSON as JSON, anything else as a form.
#[must_use]
pub(crate) fn body(text: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return query(text);
    };
    if mask_json(&mut value) {
        value.to_string()
    } else {
        text.to_owned()
    }
}

/// Masks in place; true when there was something to mask.
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
    fn a_signature_is_masked_and_the_rest_of_the_query_stays() {
        assert_eq!(
            query("api-version=1&sv=1.0&sig=INVENTED"),
            "api-version=1&sv=1.0&sig=***"
        );
        assert_eq!(query("api-version=1&sig="), "api-version=1&sig=");
    }

    #[test]
    fn a_client_secret_in_a_form_is_masked() {
        assert_eq!(
            body("client_id=1&client_secret=INVENTED&scope=s"),
            "client_id=1&client_secret=***&scope=s"
        );
    }

    #[test]
    fn a_secret_field_in_json_is_masked_at_any_depth() {
        assert_eq!(
            body(r#"{"a":[{"password":"INVENTED"}]}"#),
            r#"{"a":[{"password":"***"}]}"#
        );
    }

    #[test]
    fn a_body_without_secrets_is_kept_to_the_byte() {
        let json = r#"{ "b": 1,  "a": 2 }"#;
        assert_eq!(body(json), json);
    }

    #[test]
    fn a_known_secret_is_masked_wherever_it_stands() {
        let known = ["INVENTED-sig-0123456789"];
        assert_eq!(
            text("/x/INVENTED-sig-0123456789/y", known.into_iter()),
            "/x/***/y"
        );
    }

    #[test]
    fn a_signature_that_was_put_into_a_path_or_text_is_masked() {
        assert_eq!(
            text("/a%3Fsig%3DINVENTED", [].into_iter()),
            "/a%3Fsig%3D***"
        );
        assert_eq!(
            text("{\"u\":\"http://h/?sig=INV&x=1\"}", [].into_iter()),
            "{\"u\":\"http://h/?sig=***&x=1\"}"
        );
    }
}
