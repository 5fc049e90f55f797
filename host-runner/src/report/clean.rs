//! What foreign text may not do on its way out: give away a secret, steer a terminal, begin a line
//! of its own, or pass for a Kestra frame.
//!
//! Names of dataflows, bodies of errors and messages of services are written by others. A service
//! that answers `::{"outputs":…}::` must not be able to write a task's outputs, and one that
//! answers an escape sequence must not be able to repaint a terminal. These functions refuse
//! nothing; they take out or defuse.

use std::borrow::Cow;

use crate::secret::Redactor;

/// The three line ends that are neither CR nor LF: next line, line separator and paragraph
/// separator. Java's `.` does not match them, so a frame must not hold them raw, and many readers
/// break lines at them.
pub const OTHER_LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// What stands at the end of a text that was cut.
pub const CUT_MARK: char = '…';

/// The text without what steers a terminal: C0 controls but line feed and tab, DEL, C1 controls
/// but U+0085, and the marks that turn the writing direction. A carriage return becomes a line
/// feed. NUL goes with the rest: PostgreSQL, where Kestra may store it, cannot hold it.
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

/// The text on one line: every line end and tab is a space. What steers a terminal is gone too.
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

/// The text without secrets and without what steers a terminal; its lines stay lines.
///
/// Secrets are looked for before the filter, because a secret may hold a line end (a key in PEM),
/// and after it, because a control character may have stood within one.
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

/// The line in a form that Kestra takes for plain text: a space stands before anything that begins
/// like a frame or like one of its log-level marks (`##kestra:log:debug##`). The frame's pattern is
/// anchored, so one space is enough; how the line ends is not asked, to be safe of `$`, which in
/// Java also matches before a line end.
#[must_use]
pub fn guarded(line: &str) -> Cow<'_, str> {
    if line.starts_with("::") || line.starts_with("##kestra") {
        Cow::Owned(format!(" {line}"))
    } else {
        Cow::Borrowed(line)
    }
}

/// At most `limit` characters of the text; the last of them is [`CUT_MARK`] where it was cut.
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

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn an_escape_sequence_loses_its_escape_and_keeps_its_text() {
        assert_eq!(
            printable("a\u{1b}[31mred\u{7}\0\u{7f}\u{9b}2J"),
            "a[31mred2J"
        );
        assert_eq!(printable("one\ttwo\nthree"), "one\ttwo\nthree");
    }

    #[test]
    fn a_turned_writing_direction_is_taken_out() {
        assert_eq!(printable("exe\u{202e}gpj\u{2066}x\u{2069}"), "exegpjx");
    }

    #[test]
    fn a_carriage_return_cannot_overwrite_what_stood_before_it() {
        assert_eq!(
            printable("failed\rcompleted\r\nend"),
            "failed\ncompleted\nend"
        );
    }

    #[test]
    fn every_kind_of_line_end_becomes_a_space() {
        assert_eq!(
            one_line("a\nb\r\nc\rd\u{85}e\u{2028}f\u{2029}g\th\n"),
            "a b c d e f g h"
        );
    }

    #[test]
    fn whatever_begins_like_a_frame_is_pushed_off_the_start_of_the_line() {
        assert_eq!(guarded(r#"::{"outputs":{}}::"#), r#" ::{"outputs":{}}::"#);
        assert_eq!(guarded("::{\"a\":1}::\u{2028}"), " ::{\"a\":1}::\u{2028}");
        assert_eq!(guarded("##kestra:log:debug##"), " ##kestra:log:debug##");
        assert!(matches!(
            guarded("plain ::{}::"),
            Cow::Borrowed("plain ::{}::")
        ));
    }

    #[test]
    fn a_secret_that_control_characters_or_line_ends_hide_is_masked_all_the_same() {
        let redactor = Redactor::new();
        redactor.register(&SecretString::from("INVENTED-sig-0123456789"));
        redactor.register(&SecretString::from("INVENTED\nKEY\nLINES"));
        assert_eq!(
            safe(&redactor, "x INVENTED-\u{1b}sig-0123\u{0}456789 y"),
            "x *** y"
        );
        assert_eq!(safe_line(&redactor, "x INVENTED\nKEY\nLINES y"), "x *** y");
    }

    #[test]
    fn a_cut_text_says_so_and_is_never_cut_within_a_character() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüx", 3), "äö…");
        assert_eq!(cut("ab", 1), "…");
        assert_eq!(cut("ab", 0), "");
        assert_eq!(cut("", 0), "");
    }
}
