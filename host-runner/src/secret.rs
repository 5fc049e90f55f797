//! The last line of defence against printing a secret.
//!
//! Secrets are kept in [`SecretString`], which does not print itself. A [`Redactor`] has every
//! secret of this process and masks its raw, URL-encoded and base64 forms in any output: log lines,
//! errors, audit events, results. It also masks what looks like a SAS signature or a bearer token
//! without being registered, because services repeat such text.
//!
//! It ignores anything shorter than eight characters: masking "a" would make every message
//! unreadable and protect nothing.

use std::borrow::Cow;
use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What replaces a secret.
pub const MASK: &str = "***";

/// The shortest text that is treated as a secret, in bytes.
pub const SHORTEST_SECRET: usize = 8;

/// Masks every registered secret in a text. Cheap to clone; clones share the secrets.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Vec<String>>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// A redactor without secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Masks `secret` from now on: as it is, percent-encoded, and in both usual base64 forms.
    pub fn register(&self, secret: &SecretString) {
        let raw = secret.expose_secret();
        if raw.len() < SHORTEST_SECRET {
            return;
        }
        let decoded = percent_encoding::percent_decode_str(raw).decode_utf8_lossy();
        let mut forms = vec![
            raw.to_owned(),
            decoded.clone().into_owned(),
            utf8_percent_encode(&decoded, NON_ALPHANUMERIC).to_string(),
            STANDARD.encode(raw),
            URL_SAFE_NO_PAD.encode(raw),
        ];
        forms.retain(|form| form.len() >= SHORTEST_SECRET);
        let mut known = self
            .known
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        for form in forms {
            if !known.contains(&form) {
                known.push(form);
            }
        }
        // The longest first, so that a secret that contains another is masked whole.
        known.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// The text with every secret masked. Borrowed if there was none.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = Cow::Borrowed(text);
        let known = self
            .known
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        for form in known.iter() {
            if out.contains(form.as_str()) {
                out = Cow::Owned(out.replace(form.as_str(), MASK));
            }
        }
        drop(known);
        match mask_unregistered(&out) {
            Some(masked) => Cow::Owned(masked),
            None => out,
        }
    }
}

/// Masks what follows `sig=`, also within another URL's query (`sig%3D`), and `Bearer `, if it is
/// long enough to be a credential. Nothing if there is neither.
fn mask_unregistered(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    // Not the end of another word, such as `x_sig=`; `%26sig` is a word of its own.
    let is_word = |before: &str| {
        let encoded = before.ends_with("%26") || before.ends_with("%3f");
        encoded || !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    };
    let marks = ["sig=", "sig%3d", "bearer "].map(|mark| {
        let found = lower.match_indices(mark);
        let words = found.filter(|(at, _)| is_word(lower.split_at(*at).0));
        words.map(|(at, _)| at + mark.len()).collect::<Vec<_>>()
    });
    let mut marks = marks.concat();
    marks.sort_unstable();
    marks.first()?;
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for start in marks {
        let (Some(front), Some(tail)) = (text.get(done..start), text.get(start..)) else {
            continue;
        };
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/%=".contains(c);
        let end = tail.find(|c| !is_token(c)).unwrap_or(tail.len());
        let token = tail.split_at(end).0;
        // An encoded `&` ends the value too.
        let token = token.split("%26").next().unwrap_or(token);
        let is_secret = token.len() >= SHORTEST_SECRET;
        out = out + front + if is_secret { MASK } else { token };
        done = start + token.len();
    }
    Some(out + text.get(done..).unwrap_or_default())
}

/// The maximum length of a text in the audit log and in the output, in characters. A payload fits;
/// text of a service that is longer is not meant to be read.
pub const TEXT_LIMIT: usize = 64 * 1024;

/// The last character of a truncated text.
const CUT_MARK: char = '…';

/// Truncates the text to `limit` characters; the last one is then `…`.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().nth(limit).is_none() {
        return text.to_owned();
    }
    let Some(kept) = limit.checked_sub(1) else {
        return String::new();
    };
    text.chars().take(kept).chain([CUT_MARK]).collect()
}

/// The fields of events, results and lists with our own words and ids.
const OURS: &str = "cancellation code event evidence identity invocation kind likely_cause matched \
    overridden overrides resolved_as resource run sent status target topic what word";

/// The objects in which the text of a service or a person has such a name.
const OF_SERVICES: &str = "labels newest run running service_error";

/// Whether the text has the form of our own words and ids. A name or an id that has another form may be
/// someone else's.
#[must_use]
pub fn is_own_form(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-:/.".contains(c);
    text.len() <= 256 && text.chars().all(fits)
}

/// The JSON value with every text of a service or a person replaced by `map`.
///
/// Names of fields and our own words and ids stay as they are: a service that returns the secret
/// `completed` must not change what an event means. Labels are named by people.
#[must_use]
pub fn map_texts(value: &Value, map: &impl Fn(&str) -> String) -> Value {
    map_field("", value, map)
}

fn map_field(name: &str, value: &Value, map: &impl Fn(&str) -> String) -> Value {
    let is_in = |names: &str| names.split(' ').any(|one| one == name);
    match value {
        Value::String(text) if is_in(OURS) && is_own_form(text) => value.clone(),
        Value::String(text) => map(text).into(),
        Value::Array(items) => match (name, items.as_slice()) {
            // Pairs of a name and a value.
            ("fields" | "headers", [key @ Value::String(_), item]) => {
                Value::from_iter([key.clone(), map_field("", item, map)])
            }
            _ => items
                .iter()
                .map(|item| map_field(name, item, map))
                .collect(),
        },
        Value::Object(fields) => {
            let field = |(key, item): (&String, &Value)| {
                let inner = if is_in(OF_SERVICES) { "" } else { key };
                let is_ours = name != "labels" && is_own_form(key);
                let key = if is_ours { key.clone() } else { map(key) };
                (key, map_field(inner, item, map))
            };
            fields.iter().map(field).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowing(secret: &str) -> Redactor {
        let redactor = Redactor::new();
        redactor.register(&SecretString::from(secret));
        redactor
    }

    #[test]
    fn a_known_secret_is_masked_in_every_form_it_may_take() {
        let redactor = knowing("invented+secret/value=");
        for text in [
            "invented+secret/value=",
            "invented%2Bsecret%2Fvalue%3D",
            "aW52ZW50ZWQrc2VjcmV0L3ZhbHVlPQ==",
        ] {
            let shown = redactor.scrub(text);
            assert!(
                !shown.contains("invented") && !shown.contains("aW52"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_signature_that_nobody_registered_is_masked_too() {
        let shown = Redactor::new()
            .scrub("https://h/x?sv=1.0&sig=INVENTED-0123456789&z=1")
            .into_owned();
        assert_eq!(shown, "https://h/x?sv=1.0&sig=***&z=1");
        let shown = Redactor::new()
            .scrub("Authorization: Bearer invented.token.value")
            .into_owned();
        assert_eq!(shown, "Authorization: Bearer ***");
        for (text, shown) in [
            (
                "next: https://h/x?SIG=INVENTED-1&z=1",
                "next: https://h/x?SIG=***&z=1",
            ),
            (
                "u=https%3A%2F%2Fh%3Fsig%3DINVENTED-1%26z%3D1",
                "u=https%3A%2F%2Fh%3Fsig%3D***%26z%3D1",
            ),
            ("sig=INVENTED-1 sig=INVENTED-2", "sig=*** sig=***"),
            (
                "design=good_and_clean, sig=short",
                "design=good_and_clean, sig=short",
            ),
        ] {
            assert_eq!(Redactor::new().scrub(text), shown);
        }
    }

    #[test]
    fn truncated_text_is_marked_and_keeps_whole_characters() {
        let cuts = [("äöü", 3), ("äöüx", 3), ("ab", 1), ("ab", 0), ("", 0)];
        let expected = ["äöü", "äö…", "…", "", ""];
        assert_eq!(cuts.map(|(text, limit)| cut(text, limit)), expected);
    }

    #[test]
    fn a_short_value_is_not_a_secret_and_a_clean_text_is_not_copied() {
        assert!(matches!(
            knowing("abc").scrub("abcabc"),
            Cow::Borrowed("abcabc")
        ));
    }
}
