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
        let text = secret.expose_secret().as_bytes();
        let mixed = text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic);
        let id = Uuid::try_parse_ascii(text).is_ok() || !text.iter().all(is_of_token);
        if mixed && !id && text.len() >= SHORTEST_LEARNED {
            self.register(secret);
        }
    }

    /// The text with every secret masked. Borrowed if there was none.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let hidden = secrets(known.finder.as_ref(), text.as_bytes(), LAYERS);
        if !hidden.contains(&true) {
            return Cow::Borrowed(text);
        }
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
        for run in hidden.chunk_by(|one, next| one == next) {
            let (part, after) = rest.split_at(run.len());
            let masked = run.contains(&true);
            out.extend_from_slice(if masked { MASK.as_bytes() } else { part });
            rest = after;
        }
        Cow::Owned(String::from_utf8_lossy(&out).into_owned())
    }
}

/// What to search for: the secret as it is and with its own escapes removed, and the part of the
/// base64 of either that does not depend on what is before and after it.
fn patterns(secret: &str) -> Vec<Vec<u8>> {
    let mut plain = BTreeSet::from([secret.as_bytes().to_vec()]);
    for _ in 0..LAYERS {
        let outer = plain.clone();
        let inner = outer.iter().flat_map(|text| unescaped(text));
        plain.extend(inner.map(|(_, inner)| inner));
    }
    let mut encoded = plain.clone();
    let form = byte_serialize(secret.as_bytes()).collect::<String>();
    encoded.insert(form.replace("%7E", "~").into_bytes());
    encoded.insert(form.into_bytes());
    for text in encoded {
        for before in 0..3_usize {
            let whole = [&b"  "[..], &text].concat().split_off(2 - before);
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

/// Which bytes of `text` are part of a secret, also within this many layers of escapes.
fn secrets(known: Option<&AhoCorasick>, text: &[u8], layers: usize) -> Vec<bool> {
    let mut hidden = vec![false; text.len()];
    let mut hide = |place: Range<usize>| hidden.get_mut(place).unwrap_or_default().fill(true);
    let canonical = canonical(text);
    let found = known.map(|known| known.find_overlapping_iter(&canonical));
    found
        .into_iter()
        .flatten()
        .for_each(|found| hide(found.range()));
    marked(text).into_iter().for_each(&mut hide);
    let inner = (layers > 0).then(|| unescaped(text));
    for (kind, inner) in inner.into_iter().flatten() {
        let within = secrets(known, &inner, layers - 1);
        let mut within = within.as_slice();
        walk(text, kind, |place, bytes| {
            let (own, rest) = within.split_at(bytes.len());
            within = rest;
            if own.contains(&true) {
                hide(place);
            }
        });
    }
    hidden
}

/// What follows `sig=` and `Bearer `, if it is long enough to be a credential.
fn marked(text: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for mark in MARKS.iter().flat_map(|marks| marks.find_iter(text)) {
        // Not the end of another word, such as `x_sig=`.
        let before = text.get(..mark.start()).and_then(<[u8]>::last);
        let is_word = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        let is_new = found.last().is_none_or(|last| last.end < mark.end());
        let value = text.get(mark.end()..).filter(|_| is_word && is_new);
        let value = value.unwrap_or_default().iter();
        let length = value.take_while(|byte| is_of_token(byte)).count();
        if length >= SHORTEST_SECRET {
            found.push(mark.end()..mark.end() + length);
        }
    }
    found
}

fn is_of_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/%=".contains(byte)
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
            // Two units make one character if the first is a surrogate.
            let unit = |at| u16::try_from(number(at..at + 4, 16)?).ok();
            let units = [unit(2)?, unit(8).unwrap_or_default()];
            let c = char::decode_utf16(units).next()?.ok()?;
            utf8(6 * c.len_utf16(), c)
        }
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
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;

    fn knowing(secret: &str) -> Redactor {
        let redactor = Redactor::new();
        redactor.register(&SecretString::from(secret));
        redactor
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

    /// The ways in which programs write a text into another one, and how much of each is not of the
    /// secret, in front.
    fn encodings(secret: &str) -> Vec<(&'static str, usize, String)> {
        const FEW: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');
        let json = |text: &str| Value::from(text).to_string();
        let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let each = |map: &dyn Fn(char) -> String| secret.chars().map(map).collect::<String>();
        let bytes = secret.bytes().map(|byte| format!("%{byte:02x}"));
        let html = secret.replace('&', "&amp;").replace('<', "&lt;");
        let html = html.replace('"', "&quot;").replace('\'', "&#39;");
        let mut all = vec![
            ("raw", 1, format!("\"{secret}\"\r\n")),
            (
                "percent",
                0,
                utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            ),
            (
                "percent for few",
                0,
                utf8_percent_encode(secret, FEW).to_string(),
            ),
            ("percent in lower case", 0, bytes.collect()),
            ("form", 0, form(secret)),
            ("form in a form", 0, form(&form(secret))),
            ("form in JSON", 1, json(&form(secret))),
            ("JSON", 1, json(secret)),
            ("JSON with slashes", 1, json(secret).replace('/', "\\/")),
            ("JSON in JSON", 2, json(&json(secret))),
            (
                "ASCII in JSON",
                0,
                each(&|c| format!("\\u{:04X}", u32::from(c))),
            ),
            ("HTML", 0, html),
            (
                "HTML in hexadecimal",
                0,
                each(&|c| format!("&#x{:x};", u32::from(c))),
            ),
            (
                "HTML in numbers",
                0,
                each(&|c| format!("&#{};", u32::from(c))),
            ),
        ];
        for before in ["", "1", "id", "22222222-invented-id:"] {
            for whole in [secret.to_owned(), form(secret), format!("{secret}\n")] {
                let whole = format!("{before}{whole}");
                let other = (before.len() * 8).div_ceil(6);
                all.push(("base64", other, STANDARD.encode(&whole)));
                all.push((
                    "base64 in a form",
                    other,
                    form(&STANDARD_NO_PAD.encode(&whole)),
                ));
                all.push(("base64 in a URL", other, URL_SAFE_NO_PAD.encode(whole)));
            }
        }
        all
    }

    #[test]
    fn no_encoding_of_a_secret_leaves_six_characters_of_it() {
        let signs: Vec<char> = r#"aZ07efunx~+/=&%#;"'\<>-_. (,é€"#.chars().collect();
        let mut state = 12_u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut samples = vec![
            "aB3~Q%7Elm.n_o-P".to_owned(),
            r"a\/b%2Fc&amp;d\u0041e".to_owned(),
        ];
        samples.extend((0..30).map(|_| {
            let length = 8 + random(40);
            let inner: String = (0..length).map(|_| signs[random(signs.len())]).collect();
            format!("q{inner}9")
        }));
        for secret in samples {
            let redactor = knowing(&format!("  \"{secret}\"\n"));
            for (encoding, other, text) in encodings(&secret) {
                let shown = format!("{{\"said\": \"you sent {text}, which is wrong\"}}");
                let shown = redactor.scrub(&shown);
                let rest = shown.replacen("{\"said\": \"you sent ", "", 1);
                let rest = rest.strip_suffix(", which is wrong\"}").unwrap();
                let mut parts = text.as_bytes()[other..].windows(6);
                let shows = |part| rest.as_bytes().windows(6).any(|window| window == part);
                assert!(
                    !parts.any(shows),
                    "{encoding} of {secret}: {text} -> {shown}"
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
