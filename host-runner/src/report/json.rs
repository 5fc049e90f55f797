//! Results for scripts: one line of JSON per target.

use serde_json::Value;

use super::clean::OTHER_LINE_ENDS;
use super::result::RefreshResult;

/// One line of JSON, its fields in the order of the contract. `result` must have been cleaned.
#[must_use]
pub fn line(result: &RefreshResult) -> String {
    // Strings, numbers and flags only: serialising them cannot fail.
    on_one_line(serde_json::to_string(result).unwrap_or_default())
}

/// The value as JSON that no reader breaks in two: serde_json escapes CR and LF, but not U+0085,
/// U+2028 and U+2029, at which Java's patterns and Python's `splitlines` break.
#[must_use]
pub fn value_line(value: &Value) -> String {
    on_one_line(value.to_string())
}

/// Those three characters can only stand within strings, so escaping them changes no value.
fn on_one_line(json: String) -> String {
    if !json.contains(OTHER_LINE_ENDS) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if OTHER_LINE_ENDS.contains(&c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{invocation, verdict};
    use crate::report::result::ExitRules;
    use crate::verdict::Status;

    #[test]
    fn a_result_is_one_line_and_reads_back_as_it_was() {
        let mut told = verdict(Status::Failed);
        told.message = "a\nb\r\nc\u{85}d\u{2028}e\u{2029}f\"g\\h".into();
        let result = RefreshResult::new(&told, &invocation("a"), &ExitRules::default());
        let line = line(&result);
        assert!(
            !line.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']),
            "{line}"
        );
        assert_eq!(
            serde_json::from_str::<RefreshResult>(&line).unwrap(),
            result
        );
    }

    #[test]
    fn the_three_other_line_ends_are_escaped() {
        let value = Value::from("\u{85}\u{2028}\u{2029}");
        assert_eq!(value_line(&value), r#""\u0085\u2028\u2029""#);
    }
}
