//! YAML as a tree in which every key and value has a place.
//!
//! serde-saphyr streams into the target type, and loses places inside enums and flattened structs.
//! So the text becomes this tree first, and [`super::de`] reads the tree. Mistakes that YAML
//! allows are refused here: a duplicate key, an unknown tag, several documents, a number that JSON
//! cannot hold. A tree never prints its values, and a YAML error never repeats the text: both
//! may be secrets.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Spanned};

use super::error::{At, ConfigError, Fault, shown_key};
use crate::files;

/// 2^64: from here on a float is a whole number that has lost digits.
const TWO_TO_THE_64: f64 = 18_446_744_073_709_551_616.0;

const TOO_LARGE: &str = "a number of more than 64 bits would lose digits; put it in quotes";
const NOT_FINITE: &str = "a number is not finite; put it in quotes";
const DUPLICATE_KEY: &str = "a key appears twice";

/// A part of the configuration and its place.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// The content of a part of the configuration.
#[derive(Clone)]
pub(crate) enum Value {
    /// A value that is not fetched, or that had an error. It is not read.
    Unknown,
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

impl Value {
    /// Its type, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null | Self::Unknown => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "keys with values",
        }
    }
}

impl Node {
    /// The entries of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The same mapping with this entry, which replaces one with its key.
    pub(crate) fn with(&self, key: &str, node: Self) -> Self {
        let others = self.entries().iter().filter(|entry| entry.key != key);
        let mut entries: Vec<Entry> = others.cloned().collect();
        entries.push(Entry {
            key: key.to_owned(),
            at: node.at,
            node,
        });
        Self {
            at: self.at,
            value: Value::Map(entries),
        }
    }

    /// The value at this path of keys.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| {
            let entry = node.entries().iter().find(|entry| entry.key == **key)?;
            Some(&entry.node)
        })
    }

    /// Its single values, in their order.
    pub(crate) fn leaves(&self) -> Vec<&Self> {
        match &self.value {
            Value::List(items) => items.iter().flat_map(Self::leaves).collect(),
            Value::Map(entries) => entries.iter().flat_map(|one| one.node.leaves()).collect(),
            _ => vec![self],
        }
    }

    /// Whether a part of it is unknown.
    pub(crate) fn has_unknown(&self) -> bool {
        let mut leaves = self.leaves().into_iter();
        leaves.any(|leaf| matches!(leaf.value, Value::Unknown))
    }

    /// Makes the part at this path of keys and `[index]` unknown. Returns whether it was known.
    pub(crate) fn forget(&mut self, path: &[String]) -> bool {
        let mut steps = path.iter();
        let part = steps.try_fold(self, |node, step| match &mut node.value {
            Value::List(items) => {
                let number = step.trim_matches(['[', ']']).parse::<usize>();
                items.get_mut(number.ok()?)
            }
            Value::Map(entries) => {
                let mut entries = entries.iter_mut();
                Some(&mut entries.find(|entry| entry.key == *step)?.node)
            }
            _ => None,
        });
        let known = part.map(|part| std::mem::replace(&mut part.value, Value::Unknown));
        known.is_some_and(|known| !matches!(known, Value::Unknown))
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} at {:?})", self.value.kind(), self.at)
    }
}

/// JSON with the keys in the order of the file: a flow that logs its input shows it as it was
/// written, and the digest of the request is stable.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null | Value::Unknown => serializer.serialize_unit(),
            Value::Bool(yes) => serializer.serialize_bool(*yes),
            Value::Number(number) => number.serialize(serializer),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(items) => items.serialize(serializer),
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for entry in entries {
                    map.serialize_entry(&entry.key, &entry.node)?;
                }
                map.end()
            }
        }
    }
}

/// The largest configuration or payload, in KiB. A payload is stored with every run.
const LARGEST: u64 = 1024;

/// The text of a file; the fault `absent` if it does not exist.
pub(crate) fn text_of(path: &Path, absent: Fault) -> Result<String, ConfigError> {
    files::read_text(path, LARGEST).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ConfigError::of_option("", absent),
        _ => {
            let what = format!("cannot read the file: {error}");
            let hint = "name a plain text file that this user may read; write what a pipe gives to a file first";
            let fault = Fault::new("config_unreadable", what, hint);
            ConfigError::of_file(Some(path), At::default(), fault)
        }
    })
}

/// The tree of a text that is at `path`.
pub(crate) fn parse_at(text: &str, path: &Path) -> Result<Node, ConfigError> {
    parse(text).map_err(|(at, fault)| ConfigError::of_file(Some(path), at, fault))
}

/// The tree of a YAML text of one document.
pub(crate) fn parse(text: &str) -> Result<Node, (At, Fault)> {
    let options = serde_saphyr::options! {
        // YAML 1.1 reads `no` and `off` as false.
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
        reject_unsupported_tags: true,
        // A snippet would repeat the lines around the error, and one may hold a secret.
        with_snippet: false,
        // An order number such as `007` or `1_000` is text and keeps its digits.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error
            .location()
            .map_or_else(At::default, |location| place(&location));
        let what = format!("invalid YAML: {}", reason(error.without_snippet()));
        let hint = "check this line and the one above it: indentation, a missing colon or quote";
        (at, Fault::new("config_yaml", what, hint))
    })
}

/// What is wrong. The error itself is never formatted: its text may quote the file.
fn reason(error: &Error) -> String {
    match error {
        Error::ExternalMessage { msg, .. } => msg.replace(char::is_control, " "),
        Error::DuplicateMappingKey { key, .. } => match key.as_deref().and_then(shown_key) {
            Some(key) => format!("the key `{key}` appears twice"),
            None => DUPLICATE_KEY.to_owned(),
        },
        Error::Message { msg, .. } => [TOO_LARGE, NOT_FINITE, DUPLICATE_KEY]
            .into_iter()
            .find(|own| msg.contains(own))
            .unwrap_or("unexpected content")
            .to_owned(),
        Error::Eof { .. } => "the text ends too early".to_owned(),
        Error::MultipleDocuments { .. } => "there is more than one document".to_owned(),
        Error::UnknownAnchor { .. } => "an alias has no anchor".to_owned(),
        Error::UnsupportedTag { .. } => "a tag is not supported".to_owned(),
        Error::NonFiniteFloat { .. } => NOT_FINITE.to_owned(),
        _ => "unexpected content".to_owned(),
    }
}

/// The parser counts lines and columns in types of its own.
fn narrow(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            at: place(&spanned.referenced),
            value: spanned.value,
        })
    }
}

fn place(location: &serde_saphyr::Location) -> At {
    At {
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
            return Err(E::custom(TOO_LARGE));
        }
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom(NOT_FINITE))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
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
            // `1` and `"1"` are two keys in YAML and one here.
            if out.iter().any(|entry| entry.key == key.value) {
                return Err(A::Error::custom(DUPLICATE_KEY));
            }
            out.push(Entry {
                at: place(&key.referenced),
                key: key.value,
                node: map.next_value()?,
            });
        }
        Ok(Value::Map(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        serde_json::to_string(&parse(text).unwrap()).unwrap()
    }

    #[test]
    fn every_key_and_value_has_a_place() {
        let tree = parse("# comment\nb: 1\na:\n  - x\n  - {c: ~}\n").unwrap();
        let places: Vec<(At, At)> = tree.entries().iter().map(|e| (e.at, e.node.at)).collect();
        let at = |line, column| At { line, column };
        assert_eq!(places, [(at(2, 1), at(2, 4)), (at(3, 1), at(4, 3))]);
    }

    #[test]
    fn yaml_becomes_json_in_the_order_of_the_file() {
        for (yaml, expected) in [
            (
                "z: \"a\\\"\\n☃\"\na: [1, -2, 0.5, true, ~, []]\n\"m n\": {y: {}, x: '1'}\n",
                r#"{"z":"a\"\n☃","a":[1,-2,0.5,true,null,[]],"m n":{"y":{},"x":"1"}}"#,
            ),
            (
                "a: 007\nb: 1_000\nc: no\n",
                r#"{"a":"007","b":"1_000","c":"no"}"#,
            ),
            (
                "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n",
                r#"{"a":{"x":1,"y":2},"b":{"y":3,"x":1}}"#,
            ),
        ] {
            assert_eq!(json(yaml), expected);
        }
    }

    #[test]
    fn invalid_yaml_names_line_and_reason_and_never_the_text() {
        for (text, line, reason) in [
            ("a: INVENTED-secret-1\nb: [1, 2\nc: 3\n", 2, ""),
            (
                "a: INVENTED-secret-1\na: INVENTED-secret-2\n",
                2,
                "the key `a` appears twice",
            ),
            ("INVENTED1: 1\nINVENTED1: 1\n", 2, "a key appears twice"),
            ("1: x\n\"1\": INVENTED\n", 2, "a key appears twice"),
            ("a: \"INVENTED-secret-1\n", 1, ""),
            ("a: 1\n  b: INVENTED-secret-1\n", 2, ""),
            ("a: !vault INVENTED-secret-1\n", 1, "tag"),
            ("a: INVENTED-secret-1\n\tb: 1\n", 1, ""),
            ("a: *INVENTED-secret-1\n", 1, "anchor"),
            ("a: 1\n--- \nb: INVENTED-secret-1\n", 2, "document"),
            ("a: 1e999", 1, "not finite"),
            ("a: .nan", 1, "not finite"),
            ("a: 340282366920938463463374607431768211455", 1, "64 bits"),
        ] {
            let (at, fault) = parse(text).unwrap_err();
            let shown = format!("{fault:?} {fault}");
            assert!(!shown.contains("INVENTED"), "{shown}");
            assert!(shown.contains(reason), "{text}: {shown}");
            let lines = [0, line, line + 1];
            assert!(lines.contains(&at.line), "{text}: {shown}");
        }
    }

    #[test]
    fn a_tree_does_not_print_its_values() {
        let tree = parse("client_secret: INVENTED-secret-1").unwrap();
        assert!(!format!("{tree:?}").contains("INVENTED"));
    }
}
