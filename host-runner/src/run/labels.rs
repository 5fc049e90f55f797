//! The labels of an execution, as the audit log keeps them.
//!
//! They are written by flow authors, and every event of a run carries them, so they are bounded. A
//! nested label gets the dotted name that Kestra's own pages show (`system.correlationId`).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::report::clean::{cut, printable};

/// The most labels that are kept. Kestra's pages show a dozen; every event repeats them.
const MOST: usize = 50;
/// The longest name, in characters.
const LONGEST_NAME: usize = 128;
/// The longest value, in characters. With [`MOST`] an event stays below some ten kilobytes, and in
/// practice below one.
const LONGEST_VALUE: usize = 256;
/// How deep nested labels are followed. Kestra nests at each dot of a name.
const DEEPEST: usize = 8;

/// Labels, and how many there were no room for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Labels {
    pub(super) kept: BTreeMap<String, String>,
    pub(super) left_out: usize,
}

/// The labels in a JSON object; nothing where it is none.
pub(super) fn labels(value: &Value) -> Option<Labels> {
    let object = value.as_object()?;
    let mut all = Labels::default();
    for (name, value) in object {
        all.add(name, value, DEEPEST);
    }
    Some(all)
}

impl Labels {
    fn add(&mut self, name: &str, value: &Value, depth: usize) {
        let text = match value {
            Value::Object(fields) if depth > 0 => {
                for (below, value) in fields {
                    self.add(&format!("{name}.{below}"), value, depth - 1);
                }
                return;
            }
            Value::Null => return,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if self.kept.len() >= MOST {
            self.left_out += 1;
            return;
        }
        let name = cut(&printable(name), LONGEST_NAME);
        self.kept
            .insert(name, cut(&printable(&text), LONGEST_VALUE));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_labels_get_dotted_names_and_plain_values_become_texts() {
        let all = labels(&json!({
            "team": "bi",
            "system": {"correlationId": "c1", "restarted": true},
            "try": 2,
            "gone": null,
        }))
        .unwrap();
        let kept: Vec<(&str, &str)> = all
            .kept
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            kept,
            [
                ("system.correlationId", "c1"),
                ("system.restarted", "true"),
                ("team", "bi"),
                ("try", "2")
            ]
        );
        assert_eq!(all.left_out, 0);
    }

    #[test]
    fn what_is_no_object_has_no_labels() {
        for value in [json!([]), json!("a"), json!(1), json!(null)] {
            assert_eq!(labels(&value), None, "{value}");
        }
        assert_eq!(labels(&json!({})), Some(Labels::default()));
    }

    #[test]
    fn too_many_and_too_long_ones_are_cut() {
        let many: serde_json::Map<String, Value> = (0..MOST + 3)
            .map(|n| (format!("l{n}"), json!("x".repeat(2_000))))
            .collect();
        let all = labels(&Value::Object(many)).unwrap();
        assert_eq!((all.kept.len(), all.left_out), (MOST, 3));
        assert!(
            all.kept
                .values()
                .all(|value| value.chars().count() == LONGEST_VALUE && value.ends_with('…'))
        );
    }

    #[test]
    fn a_label_cannot_steer_a_terminal() {
        let all = labels(&json!({"a\u{1b}b": "c\u{7}d"})).unwrap();
        assert_eq!(all.kept["ab"], "cd");
    }

    #[test]
    fn labels_nested_without_end_are_kept_as_their_text() {
        let mut value = json!("end");
        for _ in 0..100 {
            value = json!({ "a": value });
        }
        assert_eq!(labels(&value).unwrap().kept.len(), 1);
    }
}
