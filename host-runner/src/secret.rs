//! The last line of defence against printing a secret.
//!
//! Secrets are kept in [`SecretString`], which does not print itself. A [`Redactor`] has every
//! secret of this process and masks it in any output: log lines, errors, audit events, results. A
//! text is searched as it is and with its escapes removed, layer by layer, so that it does not
//! matter who escaped which characters: in percent or form encoding, JSON or HTML, or one within the
//! other. In base64 a secret is found at any place of a longer encoded text. What looks like a SAS
//! signature or a bearer token is masked without being registered, because services repeat such text.
//!
//! It ignores anything shorter than eight characters: masking "a" would make every message
//! unreadable and protect nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;
use uuid::Uuid;

/// What replaces a secret.
pub const MASK: &str = "***";

/// The shortest text that is treated as a secret, in bytes.
pub const SHORTEST_SECRET: usize = 8;

/// The shortest text from a service that is treated as a secret. A SAS signature has 43 characters.
const SHORTEST_LEARNED: usize = 16;

/// How the kinds of escapes begin: percent, JSON and HTML. Each is removed on its own, because a secret
/// may contain what looks like an escape of another kind.
const ESCAPES: &[u8] = b"%\\&";

/// How many layers of escapes are removed: a form within JSON within HTML.
const LAYERS: usize = 3;

/// What precedes a credential that may be unknown.
static MARKS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let marks = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(["sig=", "bearer "]);
    marks.ok()
});

/// Masks every registered secret in a text. Cheap to clone; clones share the secrets.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

/// Everything that is searched for, in the form that [`canonical`] gives it.
#[derive(Default)]
struct Known {
    patterns: BTreeSet<Vec<u8>>,
    finder: Option<AhoCorasick>,
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

    /// Masks `secret` from now on, with and without the blanks and quotes around it.
    pub fn register(&self, secret: &SecretString) {
        let quotes = |c: char| c.is_whitespace() || c == '"' || c == '\'';
        let secret = secret.expose_secret().trim_matches(quotes);
        if secret.len() < SHORTEST_SECRET {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.patterns.len();
        known.patterns.extend(patterns(secret));
        if known.patterns.len() > before {
            // A table of all transitions would need megabytes for a few tokens.
            let kind = Some(AhoCorasickKind::ContiguousNFA);
            let finder = AhoCorasick::builder().kind(kind).build(&known.patterns);
            known.finder = finder.ok().or(known.finder.take());
        }
    }

    /// Masks what a service returned as a secret, unless it may be a word or an id that is used for
    /// something else: a service must not be able to mask those.
    pub fn learn(&self, secret: &SecretString) {
        let text = secret.expose_secret();
        let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(|byte| is(byte));
        let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        let random = mixed && text.bytes().all(is_of_token) && Uuid::parse_str(text).is_err();
        if random && text.len() >= SHORTEST_LEARNED {
            self.register(secret);
        }
    }

    /// The text with every secret masked. Borrowed if there was none.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let hidden = secrets(known.finder.as_ref(), text.as_bytes(), LAYERS);
        if hidden.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut out, mut done) = (Vec::with_capacity(text.len()), 0);
        for place in hidden {
            out.extend_from_slice(text.as_bytes().get(done..place.start).unwrap_or_default());
            out.extend_from_slice(MASK.as_bytes());
            done = place.end;
        }
        out.extend_from_slice(text.as_bytes().get(done..).unwrap_or_default());
        Cow::Owned(String::from_utf8_lossy(&out).into_owned())
    }
}

/// What to search for: the secret as it is and with its own escapes removed, and the part of the
/// base64 of either that does not depend on what is before and after it.
fn patterns(secret: &str) -> Vec<Vec<u8>> {
    let mut plain = BTreeSet::from([secret.as_bytes().to_vec()]);
    for _ in 0..LAYERS {
        let outer = plain.clone();
        plain.extend(
            outer
                .iter()
                .flat_map(|text| unescaped(text))
                .map(|(_, inner)| inner),
        );
    }
    let json = Value::from(secret).to_string().into_bytes();
    let form = byte_serialize(secret.as_bytes()).collect::<String>();
    let mut plain: Vec<Vec<u8>> = plain.into_iter().collect();
    let mut encoded = plain.clone();
    encoded.push(form.into_bytes());
    encoded.extend(json.get(1..json.len() - 1).map(<[u8]>::to_vec));
    for text in &encoded {
        for before in 0..3_usize {
            let mut whole = vec![0; before];
            whole.extend_from_slice(text);
            let base64 = STANDARD_NO_PAD.encode(&whole);
            let own = (before * 8).div_ceil(6)..whole.len() * 8 / 6;
            plain.extend(base64.get(own).map(|own| own.as_bytes().to_vec()));
        }
    }
    plain.retain(|pattern| pattern.len() >= SHORTEST_SECRET);
    plain.iter().map(|pattern| canonical(pattern)).collect()
}

/// The text in one alphabet for both kinds of base64. A form writes a blank as `+` too.
fn canonical(text: &[u8]) -> Vec<u8> {
    let one = |byte: &u8| match byte {
        b' ' | b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    text.iter().map(one).collect()
}

/// Where secrets are in `text`, in order and apart, also within this many layers of escapes.
fn secrets(known: Option<&AhoCorasick>, text: &[u8], layers: usize) -> Vec<Range<usize>> {
    let mut found = marked(text);
    if let Some(known) = known {
        let canonical = canonical(text);
        found.extend(
            known
                .find_overlapping_iter(&canonical)
                .map(|one| one.range()),
        );
    }
    let inner = (layers > 0).then(|| unescaped(text));
    for (kind, inner) in inner.into_iter().flatten() {
        let mut within = secrets(known, &inner, layers - 1).into_iter().peekable();
        let mut end = 0;
        walk(text, kind, |place, bytes| {
            end += bytes.len();
            while within
                .next_if(|range| range.end + bytes.len() <= end)
                .is_some()
            {}
            if within.peek().is_some_and(|range| range.start < end) {
                found.push(place);
            }
        });
    }
    found.sort_unstable_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in found {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// What follows `sig=` and `Bearer `, if it is long enough to be a credential.
fn marked(text: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let marks = MARKS.iter().flat_map(|marks| marks.find_iter(text));
    for mark in marks {
        // Not the end of another word, such as `x_sig=`.
        let before = mark.start().checked_sub(1).and_then(|at| text.get(at));
        let is_word = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        let seen = found.last().is_some_and(|last| mark.end() <= last.end);
        let value = text.get(mark.end()..).unwrap_or_default().iter();
        let length = match is_word && !seen {
            true => value.take_while(|byte| is_of_token(**byte)).count(),
            false => 0,
        };
        if length >= SHORTEST_SECRET {
            found.push(mark.end()..mark.end() + length);
        }
    }
    found
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/%=".contains(&byte)
}

/// The text without one layer of escapes, for every kind that it has.
fn unescaped(text: &[u8]) -> impl Iterator<Item = (u8, Vec<u8>)> {
    let kinds = ESCAPES.iter().filter(|kind| text.contains(kind));
    kinds.filter_map(|kind| {
        let mut inner = Vec::with_capacity(text.len());
        walk(text, *kind, |_, bytes| inner.extend_from_slice(bytes));
        (inner.len() < text.len()).then_some((*kind, inner))
    })
}

/// Calls `step` with the place of each byte and each escape of this kind, and what it stands for.
fn walk(text: &[u8], kind: u8, mut step: impl FnMut(Range<usize>, &[u8])) {
    let mut at = 0;
    while let Some(rest @ [first, ..]) = text.get(at..) {
        let escape = (*first == kind).then(|| escape(rest)).flatten();
        let (length, bytes) = match &escape {
            Some((length, bytes)) => (*length, bytes.as_slice()),
            None => (1, std::slice::from_ref(first)),
        };
        step(at..at + length, bytes);
        at += length;
    }
}

/// The length of the escape at the start of `text`, and the bytes that it stands for.
fn escape(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    let number = |range: Range<usize>, radix: u32| {
        let mut digits = text.get(range).filter(|digits| !digits.is_empty())?.iter();
        digits.try_fold(0, |sum: u32, digit| {
            let digit = char::from(*digit).to_digit(radix)?;
            sum.checked_mul(radix)?.checked_add(digit)
        })
    };
    let utf8 = |length, c: char| Some((length, c.to_string().into_bytes()));
    match text {
        [b'%', ..] => Some((3, vec![u8::try_from(number(1..3, 16)?).ok()?])),
        [b'\\', b'u', ..] => {
            let unit = |at| u16::try_from(number(at..at + 4, 16)?).ok();
            // Two units make one character if the first is a surrogate.
            let units = [unit(2)?, unit(8).unwrap_or_default()];
            let c = char::decode_utf16(units).next()?.ok()?;
            utf8(6 * c.len_utf16(), c)
        }
        [b'\\', b'n', ..] => utf8(2, '\n'),
        [b'\\', b'r', ..] => utf8(2, '\r'),
        [b'\\', b't', ..] => utf8(2, '\t'),
        [b'\\', c @ (b'"' | b'\\' | b'/' | b'\''), ..] => Some((2, vec![*c])),
        [b'&', rest @ ..] => {
            let end = rest.iter().take(10).position(|byte| *byte == b';')?;
            let c = match rest.get(..end)? {
                b"amp" => '&',
                b"lt" => '<',
                b"gt" => '>',
                b"quot" => '"',
                b"apos" => '\'',
                [b'#', b'x' | b'X', ..] => char::from_u32(number(3..end + 1, 16)?)?,
                [b'#', ..] => char::from_u32(number(2..end + 1, 10)?)?,
                _ => return None,
            };
            utf8(end + 2, c)
        }
        _ => None,
    }
}

/// The JSON value with every text and every name replaced by `map`.
#[must_use]
pub fn map_texts(value: &Value, map: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => map(text).into(),
        Value::Array(items) => items.iter().map(|item| map_texts(item, map)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, item)| (map(name), map_texts(item, map)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

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
    fn a_short_value_is_not_a_secret_and_a_clean_text_is_not_copied() {
        assert!(matches!(
            knowing("abc").scrub("abcabc"),
            Cow::Borrowed("abcabc")
        ));
    }

    /// Every way in which one program or another writes a text into another one.
    fn encodings(secret: &str) -> Vec<(&'static str, String)> {
        let json = |text: &str| Value::from(text).to_string();
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        const FEW: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');
        let minimal = utf8_percent_encode(secret, FEW);
        let form: String = byte_serialize(secret.as_bytes()).collect();
        let each = |map: &dyn Fn(char) -> String| secret.chars().map(map).collect::<String>();
        let signs = |map: &dyn Fn(char) -> String| {
            each(&|c| match c.is_ascii_alphanumeric() {
                true => c.to_string(),
                false => map(c),
            })
        };
        let lower = signs(&|c| {
            let bytes = c.to_string().into_bytes();
            bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
        });
        let escaped = signs(&|c| {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            units.map(|unit| format!("\\u{unit:04x}")).collect()
        });
        let html = |quote: &str, apostrophe: &str| {
            each(&|c| match c {
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '>' => "&gt;".to_owned(),
                '"' => quote.to_owned(),
                '\'' => apostrophe.to_owned(),
                other => other.to_string(),
            })
        };
        let numeric = each(&|c| format!("&#{};", u32::from(c)));
        let mut all = vec![
            ("raw", secret.to_owned()),
            ("raw with a line break", format!("\"{secret}\"\r\n")),
            ("percent", percent.clone()),
            ("percent in lower case", lower),
            ("minimal percent", minimal.to_string()),
            ("form", form.clone()),
            ("form in a form", byte_serialize(form.as_bytes()).collect()),
            ("json", json(secret)),
            ("json with slashes", json(secret).replace('/', "\\/")),
            ("json in ascii", escaped),
            ("json in json", json(&json(secret))),
            ("form in json", json(&form)),
            ("html", html("&quot;", "&#39;")),
            ("html in hexadecimal", html("&#x22;", "&#x27;")),
            ("html in numbers", numeric),
            (
                "json in html",
                html("&quot;", "&#39;").replace('\\', "\\\\"),
            ),
        ];
        for before in ["", "1", "id", "22222222-invented-id:"] {
            for after in ["", "\n", "\" }"] {
                let whole = format!("{before}{secret}{after}");
                all.push(("base64", STANDARD.encode(&whole)));
                all.push(("base64 for a URL", URL_SAFE_NO_PAD.encode(&whole)));
                let of_form = format!("{before}{form}{after}");
                all.push(("form in base64", STANDARD.encode(of_form)));
                let base64 = STANDARD.encode(whole);
                all.push((
                    "base64 in a form",
                    byte_serialize(base64.as_bytes()).collect(),
                ));
            }
        }
        all
    }

    /// Whether six bytes of `secret` in a row can be read out of `shown`.
    fn is_readable(secret: &str, shown: &str) -> bool {
        let mut texts = BTreeSet::from([shown.as_bytes().to_vec()]);
        let base64 = |c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c));
        for run in shown.split(base64).filter(|run| run.len() > 3) {
            for start in 0..4 {
                let run = run[start.min(run.len())..].replace('-', "+");
                let whole = &run.replace('_', "/")[..run.len() / 4 * 4];
                texts.extend(STANDARD_NO_PAD.decode(whole));
            }
        }
        for _ in 0..LAYERS {
            let outer = texts.clone();
            let inner = outer.iter().flat_map(|text| unescaped(text));
            texts.extend(inner.map(|(_, inner)| inner));
        }
        let mut parts = secret.as_bytes().windows(6);
        let is_in = |text: &Vec<u8>, part| text.windows(6).any(|window| window == part);
        parts.any(|part| texts.iter().any(|text| is_in(text, part)))
    }

    #[test]
    fn no_encoding_of_a_secret_leaves_a_readable_part_of_it() {
        const SIGNS: &[char] = &[
            'a', 'Z', '0', '7', 'e', 'f', 'u', 'n', 'x', '~', '+', '/', '=', '&', '%', '#', ';',
            '"', '\'', '\\', '<', '>', '-', '_', '.', ' ', '(', ',', 'é', '€', '🗝',
        ];
        let mut state = 12_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        let mut samples = vec![
            "aB3~Q%7Elm.n_o-P".to_owned(),
            "a\\/b%2Fc&amp;d\\u0041e".to_owned(),
        ];
        for _ in 0..20 {
            let length = 8 + random(40);
            let inner: String = (0..length).map(|_| SIGNS[random(SIGNS.len())]).collect();
            samples.push(format!("q{inner}9"));
        }
        for secret in samples {
            let redactor = knowing(&format!("  \"{secret}\"\n"));
            for (encoding, text) in encodings(&secret) {
                let text = format!("{{\"said\": \"you sent {text}, which is wrong\"}}");
                let shown = redactor.scrub(&text);
                let masked = !is_readable(&secret, &shown);
                assert!(masked, "{encoding} of {secret}: {text} -> {shown}");
                assert!(
                    shown.ends_with(", which is wrong\"}"),
                    "{encoding}: {shown}"
                );
            }
        }
    }

    #[test]
    fn what_a_service_returns_is_a_secret_only_if_it_can_be_nothing_else() {
        for (returned, is_secret) in [
            ("triggered", false),
            ("completed", false),
            ("refresh_not_started", false),
            ("2026-10-01T01:00:00Z", false),
            ("20261001010000000000", false),
            ("0f8fad5b-d9cb-469f-a165-70867728950e", false),
            ("INVENTED-0", false),
            ("INVENTED-sig_01%2b23", true),
            ("invented0123456789abcdef", true),
        ] {
            let redactor = Redactor::new();
            redactor.learn(&SecretString::from(returned));
            let text = format!("the run {returned} is known");
            assert_eq!(redactor.scrub(&text) != text, is_secret, "{returned}");
        }
    }

    #[test]
    fn a_signature_in_an_escaped_url_is_masked_too() {
        for (text, shown) in [
            (
                r#"{"next":"https://h/x?v=1\u0026sig\u003dINVENTED-1\u0026z=1"}"#,
                r#"{"next":"https://h/x?v=1\u0026sig\u003d***\u0026z=1"}"#,
            ),
            ("x?a=1&amp;sig=INVENTED-1&amp;z", "x?a=1&amp;sig=***&amp;z"),
            ("sig%253DINVENTED-1%2526z", "sig%253D***%2526z"),
        ] {
            assert_eq!(Redactor::new().scrub(text), shown);
        }
    }
}
