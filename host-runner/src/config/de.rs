//! A serde [`Deserializer`] over the tree, so that the format is a set of derived structs.
//!
//! Its errors have a place and a key path and never hold a value. After an error the part at its
//! place becomes unknown and the rest is read again, so that one run finds every error.
//!
//! serde's own tagged, untagged and flattened types buffer their content and lose the places. The
//! names [`BY_KIND`], [`BY_SHAPE`] and [`PARTS`], given with `#[serde(rename = …)]`, ask this
//! deserializer to do the same with the places kept.

use std::cell::RefCell;
use std::fmt;
use std::iter;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::error::{At, ConfigError, Fault, did_you_mean, list, shown_key};
use super::json_schema;
use super::template::below;
use super::tree::{Entry, Node, Value};

/// An enum of this name is chosen by the key `kind`, which its content then does not have.
const BY_KIND: &str = "by kind";
/// An enum of this name is chosen by the type of the value. Its variants may be `none` (that word),
/// `text`, `keys`, `list` and `one` (anything else).
const BY_SHAPE: &str = "by shape";
/// A struct of this name has fields that share one mapping: each takes its own keys of it. Only the
/// last one may have required keys.
const PARTS: &str = "parts";
/// A newtype of this name holds a list that must not be empty.
const FILLED_LIST: &str = "filled list";
/// A newtype of this name holds text, or a number as text. A variable always holds text.
const SCALAR: &str = "scalar";

/// Keys and words of the contract that come with a later version, and what to do until then.
const LATER: [(&str, &str); 5] = [
    (
        "after",
        "name the targets in their order, one start after the other",
    ),
    ("client-certificate", "use `kind: client-secret`"),
    ("federated-token", "use `kind: client-secret`"),
    ("managed-identity", "use `kind: client-secret`"),
    ("azure-cli", "use `kind: client-secret`"),
];

/// Reads a part of the tree. Every error is added to `problems`. Without an error the result is
/// there, unless a part is unknown.
pub(crate) fn read<T: DeserializeOwned>(
    node: &Node,
    path: &str,
    problems: &mut ConfigError,
) -> Option<T> {
    let mut node = node.clone();
    let mut complete = !node.has_unknown();
    loop {
        let source = Source {
            node: &node,
            section: path,
            steps: Vec::new(),
            has_kind: false,
            known: None,
        };
        let error = match T::deserialize(source) {
            Ok(value) => return complete.then_some(value),
            Err(error) => error,
        };
        complete = false;
        let (at, steps) = error.place.unwrap_or((node.at, Vec::new()));
        if let Some(fault) = error.fault {
            problems.add(at, &path_of(path, &steps), fault);
        }
        // Forgetting what is already unknown would change nothing.
        if steps.is_empty() || !node.forget(&steps) {
            return None;
        }
    }
}

/// The key path of a part of a section.
fn path_of(section: &str, steps: &[String]) -> String {
    let join = |path: String, step: &String| match step.starts_with('[') {
        true => path + step,
        false => below(&path, step),
    };
    steps.iter().fold(section.to_owned(), join)
}

/// Why a part of the tree could not be read, and where.
#[derive(Debug)]
pub(crate) struct ReadError {
    /// None if it is only the consequence of another error.
    fault: Option<Fault>,
    /// A required key that is missing.
    missing: Option<&'static str>,
    /// Set where the error passes the first value that knows its place.
    place: Option<(At, Vec<String>)>,
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            missing: None,
            place: None,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be read")
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    /// The alternate form of a [`Fault`] has its hint on the second line.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = format!("{message:#}");
        let (what, hint) = text.split_once('\n').unwrap_or((&text, ""));
        Fault::bad(what, hint).into()
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("expected {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("expected {expected}"))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        // Microsoft's spelling is accepted beside ours, and not proposed.
        let mixed =
            |word: &str| word.contains(char::is_uppercase) && word.contains(char::is_lowercase);
        let known: Vec<&str> = known.iter().copied().filter(|word| !mixed(word)).collect();
        later(word)
            .unwrap_or_else(|| Fault::unknown_word(word, &known))
            .into()
    }

    fn missing_field(key: &'static str) -> Self {
        Self {
            fault: None,
            missing: Some(key),
            place: None,
        }
    }
}

fn missing(key: &str, section: &str) -> Fault {
    let hint = match json_schema::example(key, section) {
        example if example.is_empty() => format!("add `{key}:`"),
        example => format!("add for example `{key}: {example}`"),
    };
    Fault::new("missing_key", format!("`{key}` is missing"), hint)
}

fn later(word: &str) -> Option<Fault> {
    let (what, instead) = LATER.into_iter().find(|(later, _)| *later == word)?;
    let what = format!("`{what}` is not supported yet");
    Some(Fault::new("not_supported_yet", what, instead))
}

/// A part of the tree that is being read.
#[derive(Clone)]
struct Source<'de, 's> {
    node: &'de Node,
    /// The key path of the part that [`read`] was called for, and the steps from there.
    section: &'s str,
    steps: Vec<String>,
    /// Whether `kind` has been read.
    has_kind: bool,
    /// If this is one of several structs of one mapping: where it adds its keys.
    known: Option<&'s RefCell<Vec<&'static str>>>,
}

impl<'de, 's> Source<'de, 's> {
    fn inner(&self, node: &'de Node, step: &str) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step.to_owned());
        Self {
            node,
            section: self.section,
            steps,
            has_kind: false,
            known: None,
        }
    }

    fn path(&self) -> String {
        path_of(self.section, &self.steps)
    }

    /// An error of this value, unless it is one of a part of it.
    fn place(&self, mut error: ReadError) -> ReadError {
        if error.place.is_none() {
            match error.missing {
                Some(key) if self.node.get(&[key]).is_none() => {
                    error.fault = Some(missing(key, &self.path()));
                }
                // It may only be the consequence of what is unknown.
                None if self.node.has_unknown() => error.fault = None,
                _ => {}
            }
            error.place = Some((self.node.at, self.steps.clone()));
        }
        error
    }

    fn expected<T>(&self, what: &str, hint: &str) -> Result<T, ReadError> {
        let what = format!("expected {what}, found {}", self.node.value.kind());
        Err(self.place(Fault::bad(what, hint).into()))
    }

    fn expected_text<T>(&self) -> Result<T, ReadError> {
        let hint = "write text; put text that looks like something else in quotes";
        self.expected("text", hint)
    }

    /// The known entries of a mapping. An empty value is an empty mapping.
    fn entries(&self) -> Result<impl Iterator<Item = &'de Entry> + use<'de, 's>, ReadError> {
        let entries: &[Entry] = match &self.node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                let hint = "write `key: value` lines below it, indented";
                return self.expected("keys with values", hint);
            }
        };
        let has_kind = self.has_kind;
        Ok(entries.iter().filter(move |entry| {
            !(matches!(entry.node.value, Value::Unknown) || has_kind && entry.key == "kind")
        }))
    }

    fn check_keys(&self, known: &[&'static str]) -> Result<(), ReadError> {
        let Some(entry) = self.entries()?.find(|entry| !known.contains(&&*entry.key)) else {
            return Ok(());
        };
        let key = &entry.key;
        let fault = later(key).unwrap_or_else(|| {
            let shown = shown_key(key).map(|key| format!(" `{key}`"));
            let hint = json_schema::where_it_belongs(key, &self.path(), known)
                .or_else(|| did_you_mean(key, known))
                .unwrap_or_else(|| format!("known keys: {}", list(known)));
            let what = format!("unknown key{}", shown.unwrap_or_default());
            Fault::new("unknown_key", what, hint)
        });
        Err(ReadError {
            place: Some((entry.at, self.inner(&entry.node, key).steps)),
            ..fault.into()
        })
    }

    /// Several structs that share this mapping.
    fn parts<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let keys = RefCell::default();
        let part = Source {
            known: Some(&keys),
            ..self.clone()
        };
        let value = visitor.visit_seq(SeqDeserializer::new(iter::repeat(part)));
        // Only the last part has required keys. If one is missing, all known keys are there.
        let is_inner = |(_, steps): &(At, Vec<String>)| *steps != self.steps;
        let error = value.as_ref().err().and_then(|error| error.place.as_ref());
        if !error.is_some_and(is_inner) {
            self.check_keys(&keys.take())?;
        }
        value
    }

    /// The variant of an enum that the key `kind` chooses.
    fn by_kind<V: Visitor<'de>>(
        self,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let Some(entry) = self.entries()?.find(|entry| entry.key == "kind") else {
            return Err(self.place(de::Error::missing_field("kind")));
        };
        let source = self.inner(&entry.node, "kind");
        let Value::Text(kind) = &entry.node.value else {
            return source.expected_text();
        };
        let Some(variant) = variants.iter().find(|variant| *variant == kind) else {
            return Err(source.place(de::Error::unknown_variant(kind, variants)));
        };
        let content = Source {
            has_kind: true,
            ..self
        };
        visitor.visit_enum(chosen(variant, content))
    }

    /// The variant of an enum that the type of the value chooses.
    fn by_shape<V: Visitor<'de>>(
        self,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let shape = match &self.node.value {
            Value::Text(text) if text == "none" && variants.contains(&"none") => "none",
            Value::Text(_) => "text",
            Value::List(_) => "list",
            Value::Map(_) => "keys",
            _ => "",
        };
        let fits = |name: &&&str| **name == shape || **name == "one";
        match variants.iter().find(fits) {
            Some(variant) => visitor.visit_enum(chosen(variant, self)),
            None => self.expected(
                "text or keys with values",
                "write `key: value` lines below it, indented",
            ),
        }
    }

    fn visit_entries<V: Visitor<'de>>(
        self,
        visitor: V,
        fits: impl Fn(&str) -> bool,
    ) -> Result<V::Value, ReadError> {
        let entries = self.entries()?.filter(|entry| fits(&entry.key));
        let inner = entries.map(|entry| self.inner(&entry.node, &entry.key));
        visitor
            .visit_map(Children(inner.peekable()))
            .map_err(|error| self.place(error))
    }
}

/// The items of a list, or the values of a mapping with their keys as last steps. An error of one of
/// them gets its place here.
struct Children<I: Iterator>(iter::Peekable<I>);

impl<'de, 's, I: Iterator<Item = Source<'de, 's>>> de::SeqAccess<'de> for Children<I> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some(source) = self.0.next() else {
            return Ok(None);
        };
        let value = seed.deserialize(source.clone());
        value.map(Some).map_err(|error| source.place(error))
    }
}

impl<'de, 's, I: Iterator<Item = Source<'de, 's>>> de::MapAccess<'de> for Children<I> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let key = self.0.peek().and_then(|source| source.steps.last());
        key.map(|key| seed.deserialize(StrDeserializer::new(key)))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let value = de::SeqAccess::next_element_seed(self, seed)?;
        value.ok_or_else(|| de::Error::custom("this key has no value"))
    }
}

/// A variant and the part of the tree that is its content.
fn chosen<'de, 's>(
    variant: &'static str,
    content: Source<'de, 's>,
) -> MapAccessDeserializer<impl de::MapAccess<'de, Error = ReadError> + use<'de, 's>> {
    let entry = iter::once((variant, content));
    MapAccessDeserializer::new(MapDeserializer::new(entry))
}

impl<'de> IntoDeserializer<'de, ReadError> for Source<'de, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Source<'de, '_> {
    type Error = ReadError;

    /// Nothing of the format is read without a type.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ReadError> {
        self.expected("another type", "")
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            // A variable holds text.
            Value::Text(text) if text == "true" => visitor.visit_bool(true),
            Value::Text(text) if text == "false" => visitor.visit_bool(false),
            _ => Err(self.place(de::Error::unknown_variant("", &["true", "false"]))),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_str(text),
            _ => self.expected_text(),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match (name, &self.node.value) {
            (FILLED_LIST, Value::List(items)) if items.is_empty() => {
                let fault = Fault::bad("this list is empty", "add an entry, or remove the key");
                Err(self.place(fault.into()))
            }
            (SCALAR, Value::Number(number)) => {
                visitor.visit_newtype_struct(number.to_string().into_deserializer())
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Value::List(items) = &self.node.value else {
            let hint = "write `[first, second]`, or one `- item` per line";
            return self.expected("a list", hint);
        };
        let items = items.iter().enumerate();
        let known = items.filter(|(_, item)| !matches!(item.value, Value::Unknown));
        let inner = known.map(|(index, item)| self.inner(item, &format!("[{index}]")));
        visitor.visit_seq(Children(inner.peekable()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.visit_entries(visitor, |_| true)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.known {
            _ if name == PARTS => return self.parts(visitor),
            Some(known) => known.borrow_mut().extend(keys),
            None => self.check_keys(keys)?,
        }
        self.visit_entries(visitor, |key| keys.contains(&key))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match (name, &self.node.value) {
            (BY_KIND, _) => self.by_kind(variants, visitor),
            (BY_SHAPE, _) => self.by_shape(variants, visitor),
            (_, Value::Text(word)) => visitor
                .visit_enum(word.as_str().into_deserializer())
                .map_err(|error| self.place(error)),
            _ => Err(self.place(de::Error::unknown_variant("", variants))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct identifier
    }
}
