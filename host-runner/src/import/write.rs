//! Writes YAML, line by line. Every value comes out as a scalar that reads back as what it was.

use crate::config::tree::{Node, Value};
use crate::config::values::is_guid;

/// A configuration that is being written.
#[derive(Debug, Default)]
pub(super) struct Lines(String);

impl Lines {
    /// A line at this depth; two blanks each.
    pub(super) fn line(&mut self, depth: usize, text: &str) {
        self.0.push_str(&"  ".repeat(depth));
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// A comment at this depth, one line per line.
    pub(super) fn comment(&mut self, depth: usize, text: &str) {
        for line in text.lines() {
            self.line(depth, format!("# {line}").trim_end());
        }
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A text as a scalar, plain where that is safe.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _-./".contains(c);
    let word = text.to_lowercase();
    let means_something_else = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "none", "nan",
    ]
    .contains(&word.as_str());
    // Five groups of digits are neither a number nor a date.
    if is_guid(text) {
        return text.to_owned();
    }
    if text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(plain)
        && !means_something_else
    {
        return text.to_owned();
    }
    quoted(text)
}

/// A text in double quotes, everything that is not plainly printable escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Marks that turn the writing direction would be taken out on the way to the screen.
            c if c.is_control()
                || ['\u{2028}', '\u{2029}', '\u{feff}'].contains(&c)
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c) =>
            {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A value in YAML's flow style, its keys in their order; `text` writes the texts, each with the key
/// that it stands under.
pub(super) fn flow(key: &str, node: &Node, text: &mut dyn FnMut(&str, &str) -> String) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(one) => {
            let written = text(key, one);
            // In the flow style `{` begins a mapping.
            if written.starts_with('$') {
                format!("\"{written}\"")
            } else {
                written
            }
        }
        Value::List(nodes) => {
            let items: Vec<String> = nodes.iter().map(|node| flow(key, node, text)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let fields: Vec<String> = entries
                .iter()
                .map(|entry| {
                    format!(
                        "{}: {}",
                        scalar(&entry.key),
                        flow(&entry.key, &entry.node, text)
                    )
                })
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// A value that a variable holds.
pub(super) fn variable(name: &str) -> String {
    format!("${{env:{name}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::json;
    use crate::config::tree;

    #[test]
    fn every_text_reads_back_as_what_it_was() {
        for text in [
            "Master Order List",
            "",
            " lead",
            "trail ",
            "true",
            "No",
            "null",
            "12",
            "1e3",
            "0x1F",
            "a: b",
            "a #b",
            "- a",
            "{a}",
            "\"q\" 'q' \\ back",
            "line\nbreak\r\n\ttab",
            "\u{85}\u{2028}\u{202e}\u{feff}",
            "Größe 😀",
            "${env:X}",
            "&a *b !c",
            "2026-11-23",
            "09:00",
            "11111111-1111-1111-1111-111111111111",
            "1e111111-0000-0000-0000-000000000000",
            "~",
            "<<",
            "=",
        ] {
            for written in [
                format!("a: {}\n", scalar(text)),
                format!("{{a: {}}}\n", scalar(text)),
            ] {
                let node = tree::parse(&written).unwrap_or_else(|_| panic!("{written}"));
                let wanted = serde_json::json!({"a": text}).to_string();
                assert_eq!(json::text(&node), wanted, "{written}");
            }
        }
    }

    #[test]
    fn a_nested_value_reads_back_as_what_it_was() {
        let text = r#"{"z b":[1,2.5,true,null,{"${x":"y: z"},"${env:A}",[],{}],"a":"true"}"#;
        let node = tree::parse(text).unwrap();
        let written = flow("", &node, &mut |_, text| scalar(text));
        assert_eq!(
            json::text(&tree::parse(&written).unwrap()),
            text,
            "{written}"
        );
    }
}
