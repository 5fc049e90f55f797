//! From the old text to its keys, each with its meaning and its line.

use super::error::ImportError;
use super::keys::{Role, Unit, meaning, nearest_to, role_in, role_of};
use super::secrets;
use crate::config::json;
use crate::config::tree::{self, At, Entry, Node, Value};

/// A key whose meaning is known.
#[derive(Debug, Clone)]
pub(super) struct Found<'n> {
    pub(super) role: Role,
    pub(super) unit: Option<Unit>,
    /// As it may be shown.
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) node: &'n Node,
}

/// A key that nothing knows, or a field of the payload.
#[derive(Debug, Clone)]
pub(super) struct Other<'n> {
    /// As it stands in the file.
    pub(super) raw: String,
    /// As it may be shown.
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) node: &'n Node,
    /// The known name that it resembles.
    pub(super) nearest: Option<String>,
}

/// An old configuration.
#[derive(Debug, Default)]
pub(super) struct Old<'n> {
    pub(super) found: Vec<Found<'n>>,
    /// Fields of the payload beyond the known ones.
    pub(super) fields: Vec<Other<'n>>,
    pub(super) unknown: Vec<Other<'n>>,
    /// Keys without a value, and second ones that say the same as the first.
    pub(super) idle: Vec<(String, u32, &'static str)>,
}

impl<'n> Old<'n> {
    /// The key with this meaning.
    pub(super) fn get(&self, role: Role) -> Option<&Found<'n>> {
        self.found.iter().find(|found| found.role == role)
    }
}

/// The tree of an old text.
pub(super) fn tree(text: &str) -> Result<Node, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    tree::parse(text).map_err(|error| {
        let (line, column) = (error.line, error.column);
        // The parser's words may repeat a key or a name, and either may be a misplaced secret.
        match error.fault.to_string().contains("duplicate mapping key") {
            true => ImportError::Twice { line, column },
            false => ImportError::Yaml { line, column },
        }
    })
}

/// The keys of a tree.
pub(super) fn old(tree: &Node) -> Result<Old<'_>, Vec<ImportError>> {
    let entries = match &tree.value {
        Value::Map(entries) if !entries.is_empty() => entries,
        Value::Map(_) | Value::Null => return Err(vec![ImportError::Empty]),
        other => {
            return Err(vec![ImportError::NotAMapping {
                found: other.kind(),
            }]);
        }
    };
    let has = |name: &str| entries.iter().any(|entry| entry.key == name);
    if has("version") && has("targets") {
        return Err(vec![ImportError::AlreadyNew]);
    }
    let mut reading = Reading::default();
    for entry in entries {
        reading.top(entry);
    }
    if reading.errors.is_empty() {
        Ok(reading.old)
    } else {
        Err(reading.errors)
    }
}

#[derive(Default)]
struct Reading<'n> {
    old: Old<'n>,
    errors: Vec<ImportError>,
}

impl<'n> Reading<'n> {
    fn top(&mut self, entry: &'n Entry) {
        let role = role_of(&entry.key);
        match (&entry.node.value, role) {
            (Value::Map(inner), Some((Role::Payload, _))) => {
                for one in inner {
                    self.field(&entry.key, one);
                }
            }
            (Value::Map(inner), _) => {
                for one in inner {
                    self.grouped(&entry.key, one, role.map(|(role, _)| role));
                }
            }
            (_, Some((role, unit))) => self.known(role, unit, &entry.key, entry),
            (_, None) => self.unknown(&entry.key, entry),
        }
    }

    /// A key of a group, one level down and no further.
    fn grouped(&mut self, group: &str, entry: &'n Entry, of_group: Option<Role>) {
        let path = format!("{group}.{}", entry.key);
        let left = of_group.filter(|role| matches!(role, Role::Left(_)));
        match (&entry.node.value, role_in(group, &entry.key)) {
            (Value::Map(_), Some((role @ Role::Left(_), unit))) => {
                self.known(role, unit, &path, entry);
            }
            (Value::Map(inner), Some((Role::Payload, _))) => {
                for one in inner {
                    self.field(&path, one);
                }
            }
            (Value::Map(_), _) | (_, None) => match left {
                Some(role) => self.known(role, None, &path, entry),
                None => self.unknown(&path, entry),
            },
            (_, Some((role, unit))) => self.known(role, unit, &path, entry),
        }
    }

    /// A field of the payload. The names of the payload are those that the flow reads, so they are
    /// taken as they are written.
    fn field(&mut self, group: &str, entry: &'n Entry) {
        let role = match entry.key.as_str() {
            "trigger_type" => Some(Role::TriggerType),
            "dataflow_name" => Some(Role::DataflowName),
            "workspace" => Some(Role::Workspace),
            "source" => Some(Role::Source),
            "trigger_source" => Some(Role::TriggerSource),
            "environment" => Some(Role::Environment),
            "timestamp" => Some(Role::Timestamp),
            _ => None,
        };
        let path = format!("{group}.{}", entry.key);
        match role {
            Some(role) => self.known(role, None, &path, entry),
            None => self.old.fields.push(other(&path, entry)),
        }
    }

    fn known(&mut self, role: Role, unit: Option<Unit>, path: &str, entry: &'n Entry) {
        let found = Found {
            role,
            unit,
            key: shown(path),
            line: line_of(entry.at),
            node: &entry.node,
        };
        let left = matches!(role, Role::Left(_));
        if matches!(entry.node.value, Value::Null) && !left {
            self.old.idle.push((
                found.key,
                found.line,
                "has no value, and is taken as not there",
            ));
            return;
        }
        let first = self.old.get(role).filter(|_| !left);
        match first {
            None => self.old.found.push(found),
            Some(first) if first.unit == unit && same(first.node, found.node) => {
                self.old
                    .idle
                    .push((found.key, found.line, "says the same as an earlier key"));
            }
            Some(first) => self.errors.push(ImportError::Conflict {
                key: found.key,
                line: found.line,
                other: first.key.clone(),
                other_line: first.line,
                meaning: meaning(role),
            }),
        }
    }

    fn unknown(&mut self, path: &str, entry: &'n Entry) {
        let unknown = Other {
            nearest: nearest_to(&entry.key),
            ..other(path, entry)
        };
        self.old.unknown.push(unknown);
    }
}

fn other<'n>(path: &str, entry: &'n Entry) -> Other<'n> {
    Other {
        raw: entry.key.clone(),
        key: shown(path),
        line: line_of(entry.at),
        node: &entry.node,
        nearest: None,
    }
}

fn same(one: &Node, other: &Node) -> bool {
    json::text(one) == json::text(other)
}

/// A key as it may be shown: one that is no name may be a secret in the wrong place.
fn shown(path: &str) -> String {
    let name = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    if path.len() <= 64 && path.chars().all(name) && !secrets::looks_like_one(path) {
        path.to_owned()
    } else {
        "a key that is no name".to_owned()
    }
}

fn line_of(at: At) -> u32 {
    match at {
        At::File { line, .. } => line,
        At::Option(_) => 0,
    }
}
