//! A serde [`Deserializer`] over the tree, so that the format is a set of derived structs.
//!
//! Its errors have a place and a key path and never hold a value. After an error the part at its
//! place is left out and the rest is read again, so that one run finds every error.
//!
//! serde's own tagged, untagged and flattened types buffer their content and lose the places. The
//! names [`BY_KIND`], [`BY_SHAPE`] and [`PARTS`], given with `#[serde(rename = …)]`, ask this
//! deserializer to do the same with the places kept.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use super::error::Problems;
use super::fault::{Fault, nearest, shown_key};
use super::json_schema;
use super::template::below;
use super::tree::{At, Entry, Node, Value};

/// An enum of this name is chosen by the key `kind`, which its content then does not have.
pub(crate) const BY_KIND: &str = "by kind";
/// An enum of this name is chosen by the type of the value. Its variants may be `none` (that word),
/// `text`, `number`, `keys`, `list` and `one` (anything else).
pub(crate) const BY_SHAPE: &str = "by shape";
/// A struct of this name has fields that share one mapping: each takes its own keys of it. Only the
/// last one may have required keys.
pub(crate) const PARTS: &str = "parts";

/// A newtype of this name holds a list that must not be empty.
pub(crate) const FILLED_LIST: &str = "filled list";

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

/// Reads a part of the tree in which the values at the places `unknown` are not known. Every error is
/// added to `problems`. Without an error the result is there, unless it needs such a value.
pub(crate) fn read<T: DeserializeOwned>(
    node: &Node,
    path: &str,
    unknown: Vec<At>,
    problems: &mut Problems<'_>,
) -> Option<T> {
    let mut left_out = LeftOut {
        places: unknown,
        met: Cell::new(false),
    };
    loop {
        let error = match T::deserialize(Source::of(node, &left_out)) {
            Ok(value) => return (!left_out.met.get()).then_some(value),
            Err(error) => error,
        };
        let at = error.at.unwrap_or(node.at);
        // Leaving out what was already left out changes nothing.
        if left_out.places.contains(&at) {
            return None;
        }
        let (fault, key) = error.into_fault(path);
        if let Some(fault) = fault {
            problems.add(at, &key, fault);
        }
        if at == node.at {
            return None;
        }
        left_out.places.push(at);
    }
}

/// Parts that are not read, because they are unknown or had an error.
struct LeftOut {
    places: Vec<At>,
    /// Whether one of them was met.
    met: Cell<bool>,
}

impl LeftOut {
    fn has(&self, at: At) -> bool {
        let has = self.places.contains(&at);
        self.met.set(self.met.get() || has);
        has
    }

    /// Whether a part of this node is left out.
    fn is_within(&self, node: &Node) -> bool {
        let mut inner: Vec<&Node> = node.entries().iter().map(|entry| &entry.node).collect();
        if let Value::List(items) = &node.value {
            inner.extend(items);
        }
        let entries = node
            .entries()
            .iter()
            .any(|entry| self.places.contains(&entry.at));
        entries
            || inner
                .into_iter()
                .any(|one| self.places.contains(&one.at) || self.is_within(one))
    }
}

/// Why a part of the tree could not be read.
#[derive(Debug)]
pub(crate) struct ReadError {
    at: Option<At>,
    /// The keys, the last one first.
    path: Vec<String>,
    /// Boxed to keep results small.
    cause: Box<Cause>,
}

#[derive(Debug)]
enum Cause {
    Fault(Fault),
    /// A required key was left out.
    LeftOut,
    /// A key that nothing knows. Its hint needs the key path.
    Key {
        key: String,
        known: Vec<&'static str>,
    },
    Missing(&'static str),
}

impl ReadError {
    fn new(fault: Fault) -> Self {
        Self::because(Cause::Fault(fault))
    }

    fn because(cause: Cause) -> Self {
        Self {
            at: None,
            path: Vec::new(),
            cause: Box::new(cause),
        }
    }

    fn expected(what: impl Into<String>, node: &Node) -> Self {
        let fault = Fault::WrongType {
            expected: what.into(),
            found: node.value.kind(),
        };
        Self::new(fault).at(node.at)
    }

    fn at(mut self, at: At) -> Self {
        self.at.get_or_insert(at);
        self
    }

    /// An error of this value. One of the value as a whole, a part of which is left out, may only be
    /// a consequence of that.
    fn of(mut self, node: &Node, left_out: &LeftOut) -> Self {
        if self.at.is_none() && left_out.is_within(node) {
            *self.cause = Cause::LeftOut;
        }
        self.at(node.at)
    }

    fn below(mut self, step: &str) -> Self {
        self.path.push(step.to_owned());
        self
    }

    /// The fault, if there is one to report, and the key path.
    fn into_fault(self, prefix: &str) -> (Option<Fault>, String) {
        let mut path = prefix.to_owned();
        let mut section = String::new();
        for step in self.path.iter().rev() {
            section.clone_from(&path);
            path = if step.starts_with('[') {
                format!("{path}{step}")
            } else {
                below(&path, step)
            };
        }
        let fault = match *self.cause {
            Cause::LeftOut => None,
            Cause::Fault(fault) => Some(fault),
            Cause::Missing(key) => Some(Fault::MissingKey {
                key,
                example: json_schema::example(key, &path),
            }),
            Cause::Key { key, known } => Some(later(&key).unwrap_or_else(|| Fault::UnknownKey {
                nearest: nearest(&key, &known),
                belongs: json_schema::where_it_belongs(&key, &section, &known),
                key: shown_key(&key).map(str::to_owned),
                known,
            })),
        };
        (fault, path)
    }
}

fn later(word: &str) -> Option<Fault> {
    let (what, instead) = LATER.into_iter().find(|(later, _)| *later == word)?;
    Some(Fault::NotSupportedYet { what, instead })
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be read")
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    /// The text of a [`Wrong`](super::values::Wrong), with its hint on the second line.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        let (what, hint) = text.split_once('\n').unwrap_or((&text, ""));
        Self::new(Fault::bad(what, hint))
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("expected {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("expected {expected}"))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::new(later(word).unwrap_or_else(|| {
            // Microsoft's spelling is accepted beside ours, and not proposed.
            let mixed =
                |word: &str| word.contains(char::is_uppercase) && word.contains(char::is_lowercase);
            let known: Vec<&str> = known.iter().copied().filter(|word| !mixed(word)).collect();
            Fault::UnknownWord {
                nearest: nearest(word, &known),
                known,
            }
        }))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::because(Cause::Key {
            key: key.to_owned(),
            known: known.to_vec(),
        })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::because(Cause::Missing(key))
    }
}

/// A part of the tree that is being read.
#[derive(Clone, Copy)]
struct Source<'de, 's> {
    node: &'de Node,
    left_out: &'s LeftOut,
    /// Whether `kind` has been read.
    has_kind: bool,
    /// If this is one of several structs of one mapping: where it leaves the names of its keys.
    part: Option<&'s RefCell<Vec<&'static str>>>,
}

impl<'de, 's> Source<'de, 's> {
    fn of(node: &'de Node, left_out: &'s LeftOut) -> Self {
        Self {
            node,
            left_out,
            has_kind: false,
            part: None,
        }
    }

    fn inner(self, node: &'de Node) -> Self {
        Self::of(node, self.left_out)
    }

    fn is_left_out(self, entry: &Entry) -> bool {
        self.left_out.has(entry.at) || self.left_out.has(entry.node.at)
    }

    /// The entries of a mapping. An empty value is an empty mapping.
    fn entries(self) -> Result<impl Iterator<Item = &'de Entry> + use<'de, 's>, ReadError> {
        let entries: &[Entry] = match &self.node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => return Err(ReadError::expected("keys with values", self.node)),
        };
        Ok(entries.iter().filter(move |entry| {
            !(self.is_left_out(entry) || self.has_kind && entry.key == "kind")
        }))
    }

    /// An error of a struct: what was left out is not missing.
    fn of_struct(self, error: ReadError) -> ReadError {
        match *error.cause {
            Cause::Missing(key) if error.at.is_none() => {
                let known = self.node.entries().iter().any(|entry| entry.key == key);
                let cause = match known {
                    true => Cause::LeftOut,
                    false => Cause::Missing(key),
                };
                ReadError::because(cause).at(self.node.at)
            }
            _ => error.of(self.node, self.left_out),
        }
    }

    fn check_keys(self, known: &[&'static str]) -> Result<(), ReadError> {
        let unknown = self.entries()?.find(|entry| !known.contains(&&*entry.key));
        match unknown {
            None => Ok(()),
            Some(entry) => Err(ReadError::because(Cause::Key {
                key: entry.key.clone(),
                known: known.to_vec(),
            })
            .at(entry.at)
            .below(&entry.key)),
        }
    }

    /// Several structs that share this mapping.
    fn parts<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let keys = RefCell::new(Vec::new());
        let part = Source {
            part: Some(&keys),
            ..self
        };
        let value = visitor.visit_seq(Parts(part));
        // Only the last part has required keys. If one is missing, all known keys are there.
        match value {
            Err(error) if error.at != Some(self.node.at) => Err(error),
            value => {
                self.check_keys(&keys.take())?;
                value
            }
        }
    }

    /// The variant of an enum that the key `kind` chooses.
    fn by_kind<V: Visitor<'de>>(
        self,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let Some(entry) = self.entries()?.find(|entry| entry.key == "kind") else {
            return Err(self.of_struct(de::Error::missing_field("kind")));
        };
        let Value::Text(kind) = &entry.node.value else {
            return Err(ReadError::expected("text", &entry.node).below("kind"));
        };
        let Some(kind) = variants.iter().find(|variant| *variant == kind) else {
            let error: ReadError = de::Error::unknown_variant(kind, variants);
            return Err(error.at(entry.node.at).below("kind"));
        };
        let content = Source {
            has_kind: true,
            ..self
        };
        visitor.visit_enum(Chosen(kind, content))
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
            Value::Number(_) => "number",
            Value::List(_) => "list",
            Value::Map(_) => "keys",
            Value::Null | Value::Bool(_) => "",
        };
        let fits = |name: &&&str| **name == shape || **name == "one";
        match variants.iter().find(fits) {
            Some(variant) => visitor.visit_enum(Chosen(variant, self)),
            None if variants.contains(&"keys") => {
                Err(ReadError::expected("text or keys with values", self.node))
            }
            None => Err(ReadError::expected("text", self.node)),
        }
    }
}

impl<'de> Deserializer<'de> for Source<'de, '_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => number
                .deserialize_any(visitor)
                .map_err(|_| ReadError::expected("another number", self.node)),
            Value::Text(value) => visitor.visit_borrowed_str(value),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
        .map_err(|error: ReadError| error.of(self.node, self.left_out))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            // A variable holds text.
            Value::Text(text) if text == "true" => visitor.visit_bool(true),
            Value::Text(text) if text == "false" => visitor.visit_bool(false),
            _ => Err(ReadError::new(Fault::bad(
                "expected `true` or `false`",
                "write `true` or `false`",
            ))),
        }
        .map_err(|error: ReadError| error.of(self.node, self.left_out))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Text(text) => visitor
                .visit_borrowed_str(text)
                .map_err(|error: ReadError| error.of(self.node, self.left_out)),
            _ => Err(ReadError::expected("text", self.node)),
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
        let at = self.node.at;
        let is_empty = matches!(&self.node.value, Value::List(items) if items.is_empty());
        if name == FILLED_LIST && is_empty {
            let fault = Fault::bad("this list is empty", "add an entry, or remove the key");
            return Err(ReadError::new(fault).at(at));
        }
        let (node, left_out) = (self.node, self.left_out);
        visitor
            .visit_newtype_struct(self)
            .map_err(|error| error.of(node, left_out))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::List(items) => visitor
                .visit_seq(Items(items.iter().enumerate(), self))
                .map_err(|error| error.of(self.node, self.left_out)),
            _ => Err(ReadError::expected("a list", self.node)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let entries: Vec<&Entry> = self.entries()?.collect();
        visitor
            .visit_map(Entries(entries.iter(), None, self))
            .map_err(|error| self.of_struct(error))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if name == PARTS {
            return self.parts(visitor);
        }
        match self.part {
            Some(all) => all.borrow_mut().extend(keys),
            None => self.check_keys(keys)?,
        }
        let entries: Vec<&Entry> = self
            .entries()?
            .filter(|entry| keys.contains(&&*entry.key))
            .collect();
        visitor
            .visit_map(Entries(entries.iter(), None, self))
            .map_err(|error| self.of_struct(error))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let result = match (name, &self.node.value) {
            (BY_KIND, _) => self.by_kind(variants, visitor),
            (BY_SHAPE, _) => self.by_shape(variants, visitor),
            (_, Value::Text(word)) => visitor.visit_enum(word.as_str().into_deserializer()),
            _ => Err(de::Error::unknown_variant("", variants)),
        };
        result.map_err(|error: ReadError| error.of(self.node, self.left_out))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct identifier
    }
}

/// The items of a list.
struct Items<'de, 's>(
    std::iter::Enumerate<std::slice::Iter<'de, Node>>,
    Source<'de, 's>,
);

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let left_out = self.1.left_out;
        let Some((index, node)) = self.0.find(|(_, node)| !left_out.has(node.at)) else {
            return Ok(None);
        };
        seed.deserialize(self.1.inner(node))
            .map(Some)
            .map_err(|error| error.of(node, left_out).below(&format!("[{index}]")))
    }
}

/// The entries of a mapping, and the value of the key that was read last.
struct Entries<'de, 'e, 's>(
    std::slice::Iter<'e, &'de Entry>,
    Option<&'de Entry>,
    Source<'de, 's>,
);

impl<'de> MapAccess<'de> for Entries<'de, '_, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        self.1 = self.0.next().copied();
        let Some(entry) = self.1 else {
            return Ok(None);
        };
        seed.deserialize(BorrowedStrDeserializer::new(&entry.key))
            .map(Some)
            .map_err(|error: ReadError| error.at(entry.at).below(&entry.key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some(entry) = self.1 else {
            return Err(ReadError::because(Cause::LeftOut));
        };
        seed.deserialize(self.2.inner(&entry.node))
            .map_err(|error| error.of(&entry.node, self.2.left_out).below(&entry.key))
    }
}

/// The same mapping for each field of a struct of parts.
struct Parts<'de, 's>(Source<'de, 's>);

impl<'de> SeqAccess<'de> for Parts<'de, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        seed.deserialize(self.0).map(Some)
    }
}

/// A variant and the part of the tree that is its content.
struct Chosen<'de, 's>(&'static str, Source<'de, 's>);

impl<'de, 's> EnumAccess<'de> for Chosen<'de, 's> {
    type Error = ReadError;
    type Variant = Content<'de, 's>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), ReadError> {
        let variant = seed.deserialize(StrDeserializer::new(self.0))?;
        Ok((variant, Content(self.1)))
    }
}

/// The content of a variant: always one value.
struct Content<'de, 's>(Source<'de, 's>);

impl<'de> VariantAccess<'de> for Content<'de, '_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.0.deserialize_struct("", keys, visitor)
    }
}
