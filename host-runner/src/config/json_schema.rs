//! The whole file as one struct, and its JSON Schema: for editors, and for hints about keys in the
//! wrong place.

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema, generate::SchemaGenerator};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::cloud::Cloud;
use super::error::Fault;
use super::kinds::Target;
use super::schema::{Credentials, Defaults, EndpointKeys, Entries, Sandbox, Transport};
use super::values::{Filled, Whole};

/// Names that other tools use, and ours.
const RENAMED: [(&str, &str); 7] = [
    ("interval", "min_interval"),
    ("windows", "window"),
    ("retries", "retry"),
    ("dataset", "model"),
    ("timezone", "zone"),
    ("time_zone", "zone"),
    ("until", "to"),
];

/// The most places that a hint names.
const MOST_PLACES: usize = 3;

/// The configuration of host-runner.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "refresh.yaml")]
#[allow(
    dead_code,
    reason = "read for its errors and described; its sections are read on their own"
)]
pub(crate) struct File {
    /// The version of the format.
    #[serde(deserialize_with = "version")]
    #[schemars(with = "Whole<1, 1>", example = 1)]
    version: (),
    /// The audit log, as in `sqlite:audit.db`. Relative paths start at this file.
    #[schemars(with = "Option<Filled>")]
    audit: Option<IgnoredAny>,
    /// Settings of all targets.
    #[serde(default)]
    #[schemars(with = "Defaults")]
    defaults: IgnoredAny,
    /// Applications that sign in, by name. `default` is used if a target names none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Credentials>")]
    credentials: Entries,
    /// The Microsoft cloud.
    #[serde(default)]
    #[schemars(with = "Cloud")]
    cloud: IgnoredAny,
    /// Addresses that replace those of the cloud.
    #[serde(default)]
    #[schemars(with = "EndpointKeys")]
    endpoints: IgnoredAny,
    /// What the component may reach.
    #[serde(default)]
    #[schemars(with = "Sandbox")]
    sandbox: IgnoredAny,
    /// How the services are reached.
    #[serde(default)]
    #[schemars(with = "Transport")]
    transport: IgnoredAny,
    /// What is refreshed, by name. A name has lower-case letters, digits and `_`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Target>")]
    targets: Entries,
}

fn version<'de, D: Deserializer<'de>>(source: D) -> Result<(), D::Error> {
    let version = Whole::<1, 1>::deserialize(source);
    let fault = || Fault::bad("this version is not supported", "write `version: 1`");
    version.map_or_else(|_| Err(D::Error::custom(fault())), |_| Ok(()))
}

/// The JSON Schema (draft 7, which editors support best).
#[must_use]
pub fn json_schema() -> Value {
    let generator: SchemaGenerator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<File>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.to_value()
}

/// schemars allows null for every `Option`; the reader does not. It also names the type that holds a
/// number here.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    object.remove("format");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(forms)) = object.get_mut("anyOf") {
        forms.retain(|form| form.get("type").is_none_or(|one| one != "null"));
        if let [Value::Object(one)] = forms.as_slice() {
            let one = one.clone();
            object.remove("anyOf");
            // The description of the key is better than that of its type.
            for (key, value) in one {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Where a key that is unknown in a section belongs, as an instruction; nothing if that is not
/// known. `known` are the keys of the section.
pub(crate) fn where_it_belongs(key: &str, section: &str, known: &[&str]) -> Option<String> {
    let renamed = RENAMED.into_iter().find(|(other, _)| *other == key);
    if let Some((_, ours)) = renamed.filter(|(_, ours)| known.contains(ours)) {
        return Some(format!("it is called `{ours}`"));
    }
    let here = general(section);
    let all = mappings();
    let having = all
        .iter()
        .filter(|one| key != "kind" && one.keys.contains_key(key));
    // A section below this one is a better guess than another kind, and that than anything else.
    let places: BTreeSet<(u8, String)> = having
        .map(|one| {
            let below = one.section.strip_prefix(&here).unwrap_or_default();
            let below = below.trim_start_matches('.');
            match one.section.as_str() {
                _ if known.contains(&below) => (0, format!("`{below}:`")),
                section if section == here => (1, format!("`{}`", one.kind)),
                "" => (2, "the top level".to_owned()),
                "targets" => (2, "the target".to_owned()),
                section => (2, format!("`{section}`")),
            }
        })
        .collect();
    let best = places.first()?.0;
    let places = places.iter().filter(|one| one.0 == best);
    let names: Vec<&str> = places.map(|one| one.1.as_str()).collect();
    let shown = names.join(" or ");
    match best {
        0 => Some(format!("move it under {shown}")),
        1 => Some(format!("it is a key of kind {shown}")),
        _ => (names.len() <= MOST_PLACES).then(|| format!("move it to {shown}")),
    }
}

/// An example of the value of a key of a section; empty if there is none.
pub(crate) fn example(key: &str, section: &str) -> String {
    let here = general(section);
    let all = mappings();
    let mut of_section = all.iter().filter(|one| one.section == here);
    if key == "kind" {
        return of_section
            .next()
            .map_or_else(String::new, |one| one.kind.clone());
    }
    let found = of_section.find_map(|one| one.keys.get(key)?.pointer("/examples/0"));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// A section without the names of targets and credentials and the numbers of list items.
fn general(section: &str) -> String {
    let named = section.starts_with("targets.") || section.starts_with("credentials.");
    let steps = section.split('.').enumerate();
    steps
        .filter(|(index, _)| !(named && *index == 1))
        .map(|(_, step)| step.split('[').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(".")
}

/// A mapping of the format.
struct Mapping {
    section: String,
    /// The `kind` that it belongs to; may be empty.
    kind: String,
    keys: Map<String, Value>,
}

/// Every mapping of the format, the outer ones first.
fn mappings() -> Vec<Mapping> {
    let root = json_schema();
    let mut found = Vec::new();
    collect(&root, &root, String::new(), &mut found);
    found
}

/// Follows references and alternatives to everything that has keys.
fn collect(root: &Value, schema: &Value, section: String, found: &mut Vec<Mapping>) {
    let reference = schema.get("$ref").and_then(Value::as_str);
    if let Some(target) = reference.and_then(|text| root.pointer(text.trim_start_matches('#'))) {
        collect(root, target, section.clone(), found);
    }
    for form in ["anyOf", "oneOf", "allOf"] {
        let forms = schema.get(form).and_then(Value::as_array);
        for form in forms.into_iter().flatten() {
            collect(root, form, section.clone(), found);
        }
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(inner).filter(|inner| inner.is_object()) {
            collect(root, inner, section.clone(), found);
        }
    }
    let Some(keys) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let kind = schema
        .pointer("/properties/kind/const")
        .and_then(Value::as_str);
    found.push(Mapping {
        section: section.clone(),
        kind: kind.unwrap_or_default().to_owned(),
        keys: keys.clone(),
    });
    for (key, value) in keys {
        let inner = format!("{section}.{key}");
        let inner = inner.trim_start_matches('.').to_owned();
        collect(root, value, inner, found);
    }
}
