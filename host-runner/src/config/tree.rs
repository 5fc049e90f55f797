//! YAML as a tree that knows where each of its parts stands.
//!
//! Every later check wants to name a line, and derived deserialisation gives up at the first
//! mistake; so the text becomes this tree first. It refuses what YAML allows and nobody means: a
//! key twice, a tag that nothing knows, several documents, a number that is not finite. A tree
//! never prints its values, which may be secrets.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{MessageFormatter as _, Spanned, UserMessageFormatter};

use super::fault::Fault;

/// 2^64: from here on a float stands for a whole number whose digits were lost.
const TWO_TO_THE_64: f64 = 18_446_744_073_709_551_616.0;

/// Where a part of the configuration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// In the file; both counted from 1.
    File { line: u32, column: u32 },
    /// In the command line, under this option.
    Option(&'static str),
}

impl At {
    /// The line in the file, counted from 1; 0 for an option.
    pub(crate) fn line(self) -> u32 {
        match self {
            Self::File { line, .. } => line,
            Self::Option(_) => 0,
        }
    }
}

/// A part of the configuration, and where it stands.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// What a part of the configuration is.
#[derive(Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value, in the order of the file.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) node: Node,
}

/// A text that is not YAML, and where.
#[derive(Debug)]
pub(crate) struct YamlError {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) fault: Fault,
}

impl Value {
    /// What it is, for messages: never what it says.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} at {:?})", self.value.kind(), self.at)
    }
}

/// The tree of a YAML text of one document.
pub(crate) fn parse(text: &str) -> Result<Node, YamlError> {
    let options = serde_saphyr::options! {
        // YAML 1.1 reads `no` and `off` as false, which surprises everybody once.
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
        reject_unsupported_tags: true,
        // A snippet would repeat the lines around the mistake, and one may hold a secret.
        with_snippet: false,
        // An order number `007` or `1_000` is a text, and stays as it is written.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((0, 0), |at| (narrow(at.line()), narrow(at.column())));
        let reason = UserMessageFormatter
            .format_message(&error)
            .replace(char::is_control, " ");
        YamlError {
            line,
            column,
            fault: Fault::ConfigYaml { reason },
        }
    })
}

/// Lines and columns come in the parser's own width.
fn narrow(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let at = place(&spanned.referenced);
        Ok(Self {
            at,
            value: spanned.value,
        })
    }
}

fn place(location: &serde_saphyr::Location) -> At {
    At::File {
        line: narrow(location.line()),
        column: narrow(location.column()),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // Whole numbers of more than 64 bits arrive here too, with their last digits lost.
        if value.abs() >= TWO_TO_THE_64 {
            return Err(E::custom(
                "a number beyond 64 bits loses digits; put it in quotes",
            ));
        }
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is not finite; put it in quotes"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(node) = seq.next_element()? {
            out.push(node);
        }
        Ok(Value::List(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out: Vec<Entry> = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            // `1` and `"1"` are two keys in YAML, and one here.
            if out.iter().any(|entry| entry.key == key.value) {
                return Err(A::Error::custom(format!(
                    "duplicate mapping key: {}",
                    key.value
                )));
            }
            let at = place(&key.referenced);
            out.push(Entry {
                key: key.value,
                at,
                node: map.next_value()?,
            });
        }
        Ok(Value::Map(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(node: &Node) -> &[Entry] {
        match &node.value {
            Value::Map(entries) => entries,
            other => panic!("{}", other.kind()),
        }
    }

    #[test]
    fn every_key_and_value_knows_its_line_and_the_order_is_kept() {
        let tree = parse("# comment\nb: 1\na:\n  - x\n  - {c: ~, no: no}\n").unwrap();
        let top = entries(&tree);
        let keys: Vec<&str> = top.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
        assert_eq!(top[0].at, At::File { line: 2, column: 1 });
        assert_eq!(top[0].node.at, At::File { line: 2, column: 4 });
        let Value::List(items) = &top[1].node.value else {
            panic!()
        };
        assert_eq!(items[1].at, At::File { line: 5, column: 5 });
        assert!(matches!(entries(&items[1])[0].node.value, Value::Null));
        assert!(matches!(&entries(&items[1])[1].node.value, Value::Text(no) if no == "no"));
    }

    #[test]
    fn an_anchor_serves_two_targets() {
        let tree = parse("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n").unwrap();
        let b = entries(&entries(&tree)[1].node);
        let shown: Vec<(&str, String)> = b
            .iter()
            .map(|entry| match &entry.node.value {
                Value::Number(number) => (entry.key.as_str(), number.to_string()),
                other => panic!("{}", other.kind()),
            })
            .collect();
        assert!(shown.contains(&("x", "1".to_owned())) && shown.contains(&("y", "3".to_owned())));
    }

    #[test]
    fn a_mistake_in_the_yaml_names_line_and_column_and_never_the_text() {
        for (text, line) in [
            ("a: INVENTED-secret-1\nb: [1, 2\nc: 3\n", 3),
            ("a: INVENTED-secret-1\na: INVENTED-secret-2\n", 2),
            ("a: \"INVENTED-secret-1\n", 1),
            ("a: 1\n  b: INVENTED-secret-1\n", 2),
            ("a: !vault INVENTED-secret-1\n", 1),
            ("a: INVENTED-secret-1\n\tb: 1\n", 1),
            ("a: *INVENTED-secret-1\n", 1),
            ("a: 1\n--- \nb: INVENTED-secret-1\n", 2),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.fault.code(), "config_yaml");
            let shown = error.fault.to_string();
            assert!(!shown.contains("INVENTED") || text.contains('*'), "{shown}");
            assert!(
                error.line >= line && error.line <= line + 1,
                "{text:?}: {} {shown}",
                error.line
            );
        }
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_refused() {
        for text in [
            "a: 1e999",
            "a: .nan",
            "a: 340282366920938463463374607431768211455",
        ] {
            assert_eq!(
                parse(text).unwrap_err().fault.code(),
                "config_yaml",
                "{text}"
            );
        }
    }

    #[test]
    fn a_number_with_a_leading_zero_keeps_it() {
        let tree = parse("a: 007\nb: 0\nc: 0.5").unwrap();
        let kinds: Vec<&str> = entries(&tree)
            .iter()
            .map(|entry| entry.node.value.kind())
            .collect();
        assert_eq!(kinds, ["a text", "a number", "a number"]);
    }

    #[test]
    fn a_tree_does_not_print_what_it_holds() {
        let tree = parse("client_secret: INVENTED-secret-1").unwrap();
        assert!(!format!("{tree:?}").contains("INVENTED"));
    }
}
