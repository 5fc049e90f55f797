//! Makes foreign text safe to print: it must not reveal a secret, control a terminal, add a line, or
//! look like a Kestra frame.
//!
//! Dataflow names, error bodies and service messages are foreign text. A service that returns
//! `::{"outputs":…}::` must not be able to set a task's outputs, and one that returns an escape
//! sequence must not be able to repaint a terminal.

use serde::Serialize;

use crate::secret::Redactor;

/// The line ends other than CR and LF: next line, line separator and paragraph separator. Java's `.`
/// does not match them, so a frame must not contain them unescaped.
pub const OTHER_LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// Removes control characters, except line feed, tab and U+0085, and the marks that change the
/// writing direction. A carriage return becomes a line feed. NUL is removed too: PostgreSQL, which
/// Kestra may use, cannot store it.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => out.push('\n'),
            '\n' | '\t' | '\u{85}' => out.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// As [`printable`], on one line: each line end and tab becomes a space.
#[must_use]
pub fn one_line(text: &str) -> String {
    printable(text)
        .chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if OTHER_LINE_ENDS.contains(&c) => ' ',
            c => c,
        })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Removes secrets and control characters, and keeps the lines.
///
/// Secrets are masked before the filter, because a secret may contain a line end (a PEM key), and
/// after it, because a control character may have split one.
#[must_use]
pub fn safe(redactor: &Redactor, text: &str) -> String {
    redactor
        .scrub(&printable(&redactor.scrub(text)))
        .into_owned()
}

/// As [`safe`], on one line.
#[must_use]
pub fn safe_line(redactor: &Redactor, text: &str) -> String {
    redactor
        .scrub(&one_line(&redactor.scrub(text)))
        .into_owned()
}

/// The value as one line of JSON. Escapes U+0085, U+2028 and U+2029, which serde_json does not and
/// at which Java's patterns and Python's `splitlines` break. These characters only occur within
/// strings, so escaping them changes no value.
#[must_use]
pub fn json_line(value: &impl Serialize) -> String {
    // Output consists of strings, numbers and flags: serializing it cannot fail.
    let json = serde_json::to_string(value).unwrap_or_default();
    OTHER_LINE_ENDS.iter().fold(json, |json, end| {
        json.replace(*end, &format!("\\u{:04x}", u32::from(*end)))
    })
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::report::fixtures::result;
    use crate::report::result::RefreshResult;
    use crate::verdict::Status;

    #[test]
    fn a_result_is_one_line_and_parses_back() {
        let mut result = result("a", Status::Failed);
        result.verdict.message = "a\nb\r\nc\u{85}d\u{2028}e\u{2029}f\"g\\h".into();
        let line = json_line(&result);
        let ends = line.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
        assert!(!ends, "{line}");
        let read: RefreshResult = serde_json::from_str(&line).unwrap();
        assert_eq!(read, result);
        assert_eq!(json_line(&"\u{85}\u{2028}"), r#""\u0085\u2028""#);
    }

    #[test]
    fn controls_and_marks_of_direction_are_removed_and_line_ends_are_line_feeds() {
        for (text, clean) in [
            ("a\u{1b}[31mred\u{7}\0\u{7f}\u{9b}2J", "a[31mred2J"),
            ("one\ttwo\nthree", "one\ttwo\nthree"),
            ("exe\u{202e}gpj\u{2066}x\u{2069}", "exegpjx"),
            // It cannot overwrite the text before it.
            ("failed\rcompleted\r\nend", "failed\ncompleted\nend"),
        ] {
            assert_eq!(printable(text), clean);
        }
        let ends = "a\nb\r\nc\rd\u{85}e\u{2028}f\u{2029}g\th\n";
        assert_eq!(one_line(ends), "a b c d e f g h");
    }

    #[test]
    fn a_secret_split_by_control_characters_or_line_ends_is_masked() {
        let redactor = Redactor::new();
        redactor.register(&SecretString::from("INVENTED-sig-0123456789"));
        redactor.register(&SecretString::from("INVENTED\nKEY\nLINES"));
        let split = "x INVENTED-\u{1b}sig-0123\u{0}456789 y";
        assert_eq!(safe(&redactor, split), "x *** y");
        assert_eq!(safe_line(&redactor, "x INVENTED\nKEY\nLINES y"), "x *** y");
    }
}
