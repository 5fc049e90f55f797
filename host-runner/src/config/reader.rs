//! Reads typed values out of the tree, and notes every mistake on the way.
//!
//! The same functions serve twice. When the configuration is loaded they check what stands in the
//! file, for every target; a value behind `${…}` is passed over. When targets are resolved they
//! fetch those values too, for the targets that were asked for and no others: a target that nobody
//! asked for must not fail because its variable is missing. One code path, so that the two cannot
//! disagree. `None` means that a value is not known, because it was passed over or because its
//! mistake has been noted.

use std::path::Path;

use super::error::{ConfigError, Problem};
use super::fault::Fault;
use super::keys::Keys;
use super::template::Env;
use super::tree::{At, Entry, Node, Value};
use crate::secret::Redactor;

/// What resolving needs from outside.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Looks up environment variables.
    pub env: Env<'a>,
    /// Learns every secret that is fetched.
    pub redactor: &'a Redactor,
    /// Whether the service will be asked what became of a refresh. Without it (`--no-verify`) the
    /// credentials that only `verify` needs are not fetched.
    pub verify: bool,
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs")
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}

/// A value and the path of its key.
#[derive(Clone)]
pub(crate) struct Item<'n> {
    pub(crate) node: &'n Node,
    pub(crate) path: String,
}

/// A mapping and the path of its key.
#[derive(Clone)]
pub(crate) struct Section<'n> {
    pub(crate) at: At,
    pub(crate) path: String,
    pub(crate) entries: &'n [Entry],
}

impl<'n> Section<'n> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<Item<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Item {
            node: &entry.node,
            path: self.path_of(key),
        })
    }

    /// The path of a key of this section.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Its keys, in the order of the file.
    pub(crate) fn names(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.key.clone()).collect()
    }
}

/// Reads, and notes every mistake.
pub(crate) struct Reader<'a> {
    file: Option<&'a Path>,
    pub(crate) base: &'a Path,
    /// Without them, what is behind `${…}` is passed over.
    pub(crate) inputs: Option<Inputs<'a>>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: Option<&'a Path>, base: &'a Path, inputs: Option<Inputs<'a>>) -> Self {
        Self {
            file,
            base,
            inputs,
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The mistakes, in the order of the file; or `value` where there are none.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, ConfigError> {
        self.problems
            .sort_by_key(|problem| (problem.line, problem.column));
        // Sections that two readers need are read twice, and have their mistakes noted twice.
        let mut once: Vec<Problem> = Vec::with_capacity(self.problems.len());
        for problem in self.problems {
            if !once.contains(&problem) {
                once.push(problem);
            }
        }
        ConfigError::of(once).map_or(Ok(value), Err)
    }

    /// The warnings since the last call.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Notes a mistake; always `None`.
    pub(crate) fn wrong<T>(&mut self, at: At, path: &str, fault: Fault) -> Option<T> {
        self.problems.push(match at {
            At::File { line, column } => Problem {
                file: self.file.map(Path::to_path_buf),
                line,
                column,
                key: path.to_owned(),
                fault,
            },
            At::Option(option) => Problem {
                file: None,
                line: 0,
                column: 0,
                key: option.to_owned(),
                fault,
            },
        });
        None
    }

    /// Notes a value that makes no sense; always `None`.
    pub(crate) fn bad<T>(&mut self, item: &Item<'_>, what: &str, hint: String) -> Option<T> {
        let fault = Fault::BadValue {
            what: what.to_owned(),
            hint,
        };
        self.wrong(item.node.at, &item.path, fault)
    }

    /// Notes what the user should know.
    pub(crate) fn warn(&mut self, item: &Item<'_>, text: &str) {
        let place = match (item.node.at, self.file) {
            (At::File { line, .. }, Some(file)) => {
                format!("{}:{line}: {}", file.display(), item.path)
            }
            (At::File { .. }, None) => item.path.clone(),
            (At::Option(option), _) => option.to_owned(),
        };
        self.warnings.push(format!("{place}: {text}"));
    }

    /// A mapping with these keys. An empty value is an empty mapping.
    pub(crate) fn section<'n>(&mut self, item: &Item<'n>, keys: &Keys) -> Option<Section<'n>> {
        let section = self.mapping(item)?;
        self.check_keys(&section, keys);
        Some(section)
    }

    /// Notes every key that may not stand in this section.
    pub(crate) fn check_keys(&mut self, section: &Section<'_>, keys: &Keys) {
        for entry in section.entries {
            if let Some(fault) = keys.fault(&entry.key) {
                self.wrong::<()>(entry.at, &section.path_of(&entry.key), fault);
            }
        }
    }

    /// A mapping with any keys.
    pub(crate) fn mapping<'n>(&mut self, item: &Item<'n>) -> Option<Section<'n>> {
        let entries: &[Entry] = match &item.node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            other => {
                let what = format!("this is {}, and keys with values are wanted", other.kind());
                return self.bad(
                    item,
                    &what,
                    "write `key: value` lines below it, indented".to_owned(),
                );
            }
        };
        Some(Section {
            at: item.node.at,
            path: item.path.clone(),
            entries,
        })
    }

    /// The items of a list.
    pub(crate) fn list<'n>(&mut self, item: &Item<'n>) -> Option<Vec<Item<'n>>> {
        match &item.node.value {
            Value::List(nodes) => Some(
                nodes
                    .iter()
                    .enumerate()
                    .map(|(index, node)| Item {
                        node,
                        path: format!("{}[{index}]", item.path),
                    })
                    .collect(),
            ),
            other => {
                let what = format!("this is {}, and a list is wanted", other.kind());
                self.bad(
                    item,
                    &what,
                    "write `[first, second]`, or one `- item` per line".to_owned(),
                )
            }
        }
    }

    /// The value of a key that must be there.
    pub(crate) fn required<'n>(
        &mut self,
        section: &Section<'n>,
        key: &'static str,
        example: &'static str,
    ) -> Option<Item<'n>> {
        match section.get(key) {
            Some(item) => Some(item),
            None => self.wrong(
                section.at,
                &section.path,
                Fault::MissingKey { key, example },
            ),
        }
    }
}
