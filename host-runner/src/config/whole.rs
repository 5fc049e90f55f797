//! A configuration as a whole: loaded and checked once, resolved as far as it is needed.

use std::fmt;
use std::path::{Path, PathBuf};

use super::credential;
use super::error::ConfigError;
use super::fault::Fault;
use super::file;
use super::keys;
use super::options::{self, TargetOptions};
use super::read_target::{self, Shared};
use super::reader::{Inputs, Item, Reader, Section};
use super::settings::{self, Settings};
use super::target::ResolvedTarget;
use super::tree::{self, Node, Value};
use super::values;
use super::words::nearest;

/// The only version of the format.
const VERSION: u64 = 1;

/// A configuration whose every literal value has been checked, for every target. What is behind
/// `${…}` is not fetched yet. `Debug` shows no value.
#[derive(Clone)]
pub struct Config {
    file: Option<PathBuf>,
    base: PathBuf,
    tree: Node,
}

/// Which targets are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'a> {
    /// All of the configuration, in its order.
    All,
    /// These, in this order; a repeated name counts once.
    Names(&'a [String]),
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("file", &self.file)
            .field("targets", &self.target_names())
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = file::text_of(path)?;
        Self::parse(&text, path)
    }

    /// Checks the text of a configuration that lies at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let tree = tree::parse(text)
            .map_err(|error| ConfigError::at(Some(path), error.line, error.column, error.fault))?;
        let base = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let config = Self {
            file: Some(path.to_path_buf()),
            base,
            tree,
        };
        config.check()?;
        Ok(config)
    }

    /// The configuration of one target that options give.
    pub fn from_options(options: &TargetOptions) -> Result<Self, ConfigError> {
        let tree = options::tree(options)
            .map_err(|(option, fault)| ConfigError::of_option(option, fault))?;
        let config = Self {
            file: None,
            base: PathBuf::new(),
            tree,
        };
        config.check()?;
        Ok(config)
    }

    /// The file, where there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Where relative paths start: the folder of the file, else the working directory (empty).
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The names of all targets, in the order of the file.
    #[must_use]
    pub fn target_names(&self) -> Vec<String> {
        self.targets()
            .map_or_else(Vec::new, |section| section.names())
    }

    /// `audit`, as it is written and with its `${…}` filled in; relative paths start at
    /// [`Config::base`].
    pub fn audit(&self, inputs: Inputs<'_>) -> Result<Option<String>, ConfigError> {
        let mut reader = self.reader(Some(inputs));
        let audit = self
            .top()
            .get("audit")
            .and_then(|item| reader.filled(&item));
        reader.finish(audit)
    }

    /// What holds for all targets.
    pub fn settings(&self, inputs: Inputs<'_>) -> Result<Settings, ConfigError> {
        let mut reader = self.reader(Some(inputs));
        let settings = settings::read(&mut reader, &self.top());
        known(reader.finish(settings)?)
    }

    /// The targets that are asked for, their values fetched and checked. What only others need is
    /// not fetched.
    pub fn resolve(
        &self,
        selection: Selection<'_>,
        inputs: Inputs<'_>,
    ) -> Result<Vec<ResolvedTarget>, ConfigError> {
        let names = self.selected(selection)?;
        let mut reader = self.reader(Some(inputs));
        let top = self.top();
        let shared = Shared::read(&mut reader, &top);
        let mut resolved = Vec::new();
        for name in &names {
            let entry = self
                .targets()
                .and_then(|section| section.entries.iter().find(|entry| entry.key == *name));
            resolved.push(entry.and_then(|entry| {
                read_target::read(&mut reader, &shared, entry, format!("targets.{name}"))
            }));
        }
        known(reader.finish(resolved.into_iter().collect())?)
    }

    /// Checks everything that stands in the file as it is.
    fn check(&self) -> Result<(), ConfigError> {
        let mut reader = self.reader(None);
        let item = Item {
            node: &self.tree,
            path: String::new(),
        };
        let Some(top) = reader.section(&item, &keys::FILE) else {
            return reader.finish(());
        };
        check_version(&mut reader, &top);
        if let Some(item) = top.get("audit") {
            reader.filled(&item);
        }
        settings::read(&mut reader, &top);
        let shared = Shared::read(&mut reader, &top);
        shared.check(&mut reader);
        for entry in shared
            .credentials
            .iter()
            .flat_map(|section| section.entries)
        {
            let item = Item {
                node: &entry.node,
                path: format!("credentials.{}", entry.key),
            };
            credential::read(&mut reader, &entry.key, &item);
        }
        let targets = top.get("targets").and_then(|item| reader.mapping(&item));
        for entry in targets.iter().flat_map(|section| section.entries) {
            let path = format!("targets.{}", entry.key);
            if let Err(fault) = values::target_name(&entry.key) {
                reader.wrong::<()>(entry.at, &path, fault);
            }
            read_target::read(&mut reader, &shared, entry, path);
        }
        reader.finish(())
    }

    /// The names that are meant, each once.
    fn selected(&self, selection: Selection<'_>) -> Result<Vec<String>, ConfigError> {
        let known = self.target_names();
        let wrong = |fault| match self.file() {
            Some(file) => ConfigError::of_file(file, fault),
            None => ConfigError::of_option("", fault),
        };
        let asked = match selection {
            _ if known.is_empty() => {
                return Err(wrong(Fault::NoTarget {
                    what: "the configuration has no targets",
                    known,
                }));
            }
            Selection::All => return Ok(known),
            Selection::Names([]) => {
                return Err(wrong(Fault::NoTarget {
                    what: "no target is named",
                    known,
                }));
            }
            Selection::Names(asked) => asked,
        };
        let mut names: Vec<String> = Vec::new();
        for name in asked {
            if !known.contains(name) {
                let nearest = nearest(name, &known);
                return Err(wrong(Fault::UnknownTarget {
                    name: name.clone(),
                    nearest,
                    known,
                }));
            }
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Ok(names)
    }

    fn reader<'a>(&'a self, inputs: Option<Inputs<'a>>) -> Reader<'a> {
        Reader::new(self.file(), &self.base, inputs)
    }

    /// The file as a section. Whether it is a mapping was checked when it was loaded.
    fn top(&self) -> Section<'_> {
        let entries: &[tree::Entry] = match &self.tree.value {
            Value::Map(entries) => entries,
            _ => &[],
        };
        Section {
            at: self.tree.at,
            path: String::new(),
            entries,
        }
    }

    fn targets(&self) -> Option<Section<'_>> {
        let item = self.top().get("targets")?;
        match &item.node.value {
            Value::Map(entries) => Some(Section {
                at: item.node.at,
                path: item.path,
                entries,
            }),
            _ => None,
        }
    }
}

fn check_version(reader: &mut Reader<'_>, top: &Section<'_>) {
    let Some(item) = reader.required(top, "version", "version: 1") else {
        return;
    };
    if !matches!(&item.node.value, Value::Number(number) if number.as_u64() == Some(VERSION)) {
        reader.bad::<()>(
            &item,
            "this is not a version that can be read",
            "write `version: 1`".to_owned(),
        );
    }
}

/// What was read without a mistake is known; anything else is a fault of this module, and is told
/// as one instead of ending the process.
fn known<T>(value: Option<T>) -> Result<T, ConfigError> {
    value.ok_or_else(|| {
        ConfigError::of_option(
            "",
            Fault::BadValue {
                what: "a value could not be read, and the reason was lost".to_owned(),
                hint: "please report this with the configuration, its secrets taken out".to_owned(),
            },
        )
    })
}
