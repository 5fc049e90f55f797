//! Where a configuration comes from, and what it gives: a file, or the options of the command line.
//!
//! The file is `--config` or `HOST_RUNNER_CONFIG`, or `./refresh.yaml`, or the one in the user's
//! configuration folder. A named file must exist: another one in its place would refresh something
//! else. The options become the same tree that a file would have given, so that the same rules
//! apply; errors name the option. No option takes a secret: the URL comes from the variable that
//! `--url-env` names, the client secret from `AZURE_CLIENT_SECRET`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::de;
use super::error::{ConfigError, Problems};
use super::fault::{Fault, shown_target};
use super::policy::Settings;
use super::resolve::{Inputs, Resolver};
use super::schema::File;
use super::target::ResolvedTarget;
use super::template::{Env, Sources, fill, is_variable_name};
use super::tree::{self, At, Entry, Node, Value};

/// The name of the configuration file if none is given.
pub const FILE_NAME: &str = "refresh.yaml";

/// A configuration whose structure has been checked. Its targets and credentials are read when they
/// are needed. `Debug` shows no value.
#[derive(Clone)]
pub struct Config {
    file: Option<PathBuf>,
    base: PathBuf,
    tree: Node,
}

/// The targets to act on.
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
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read_config_text(path)?, path)
    }

    /// Reads the text of a configuration that is at `path`. Errors of targets and credentials are
    /// found when these are needed, or by [`Self::check`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config = Self {
            file: Some(path.to_path_buf()),
            base: path.parent().unwrap_or(Path::new("")).to_path_buf(),
            tree: tree::parse_at(text, path)?,
        };
        config.check_file()?;
        Ok(config)
    }

    /// The configuration of one target that options give.
    pub fn from_options(options: &TargetOptions) -> Result<Self, ConfigError> {
        let tree = options
            .tree()
            .map_err(|(option, fault)| ConfigError::of_option(option, fault))?;
        let config = Self {
            file: None,
            base: PathBuf::new(),
            tree,
        };
        config.check()?;
        Ok(config)
    }

    /// The file, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Where relative paths start: the folder of the file, or the working directory (empty).
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The names of all targets, in the order of the file.
    #[must_use]
    pub fn target_names(&self) -> Vec<String> {
        self.names("targets")
    }

    /// `audit` with its `${…}` filled in; relative paths start at [`Config::base`].
    pub fn audit(&self, inputs: Inputs<'_>) -> Result<Option<String>, ConfigError> {
        let mut resolver = self.resolver(Some(inputs));
        let audit = resolver.audit();
        resolver.problems.finish(audit)
    }

    /// What applies to all targets.
    pub fn settings(&self, inputs: Inputs<'_>) -> Result<Settings, ConfigError> {
        let mut resolver = self.resolver(Some(inputs));
        let settings = resolver.settings();
        known(resolver.problems.finish(settings)?)
    }

    /// The selected targets, with their values fetched and checked. What only others need is neither
    /// fetched nor checked.
    pub fn resolve(
        &self,
        selection: Selection<'_>,
        inputs: Inputs<'_>,
    ) -> Result<Vec<ResolvedTarget>, ConfigError> {
        let names = self.selected(selection)?;
        let mut resolver = self.resolver(Some(inputs));
        let base = resolver.shared();
        let mut targets = Vec::new();
        for name in &names {
            targets.push(resolver.target(&base, name));
        }
        known(resolver.problems.finish(targets.into_iter().collect())?)
    }

    /// Checks everything that is written in the file, for all targets and credentials, without
    /// fetching a value.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_file()?;
        let mut resolver = self.resolver(None);
        resolver.audit();
        resolver.settings();
        let base = resolver.shared();
        for name in self.names("credentials") {
            resolver.credential(&name);
        }
        for name in self.target_names() {
            resolver.target(&base, &name);
        }
        resolver.problems.finish(())
    }

    /// Checks the file without the content of its targets and credentials.
    fn check_file(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::of(self.file());
        let sources = Sources {
            env: None,
            base: &self.base,
        };
        let mut unknown = Vec::new();
        let mut tree = self.tree.clone();
        if let Value::Map(entries) = &mut tree.value {
            for entry in entries {
                if !["targets", "credentials"].contains(&entry.key.as_str()) {
                    let (node, key) = (&entry.node, &entry.key);
                    entry.node = fill(node, key, sources, &mut problems, &mut unknown);
                }
            }
        }
        de::read::<File>(&tree, "", unknown, &mut problems);
        problems.finish(())
    }

    /// The names that are selected, each once.
    fn selected(&self, selection: Selection<'_>) -> Result<Vec<String>, ConfigError> {
        let known = self.target_names();
        let wrong = |fault| match self.file() {
            Some(file) => ConfigError::of_file(file, fault),
            None => ConfigError::of_option("", fault),
        };
        let none = |what| {
            wrong(Fault::NoTarget {
                what,
                known: known.clone(),
            })
        };
        let asked = match selection {
            _ if known.is_empty() => return Err(none("the configuration has no targets")),
            Selection::All => return Ok(known),
            Selection::Names([]) => return Err(none("no target is named")),
            Selection::Names(asked) => asked,
        };
        let mut names: Vec<String> = Vec::new();
        for name in asked {
            if !known.contains(name) {
                let known = known.iter().filter_map(|name| shown_target(name));
                return Err(wrong(Fault::UnknownTarget {
                    name: name.clone(),
                    known: known.map(str::to_owned).collect(),
                }));
            }
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Ok(names)
    }

    fn resolver<'a>(&'a self, inputs: Option<Inputs<'a>>) -> Resolver<'a> {
        Resolver::new(&self.tree, self.file(), &self.base, inputs)
    }

    fn names(&self, section: &str) -> Vec<String> {
        let entries = self.tree.get(&[section]).map_or(&[][..], Node::entries);
        entries.iter().map(|entry| entry.key.clone()).collect()
    }
}

/// A value that was read without an error is there. Anything else is a bug here, and is reported
/// instead of ending the process.
fn known<T>(value: Option<T>) -> Result<T, ConfigError> {
    value.ok_or_else(|| {
        let what = "a value could not be read, and the reason is not known";
        let hint = "please report this with the configuration, without its secrets";
        ConfigError::of_option("", Fault::bad(what, hint))
    })
}

/// The text of a configuration.
pub(crate) fn read_config_text(path: &Path) -> Result<String, ConfigError> {
    let absent = Fault::ConfigNotFound {
        path: path.to_path_buf(),
    };
    tree::text_of(path, absent)
}

/// The path of the configuration; nothing if none was named and none is in the usual places. `here`
/// is the working directory, and `exists` tells whether a path exists.
pub fn find_config(
    named: Option<&Path>,
    env: Env<'_>,
    here: &Path,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<Option<PathBuf>, ConfigError> {
    let from_env = || {
        env("HOST_RUNNER_CONFIG")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = named.map(Path::to_path_buf).or_else(from_env) {
        return if exists(&here.join(&path)) {
            Ok(Some(path))
        } else {
            Err(ConfigError::of_option("", Fault::ConfigNotFound { path }))
        };
    }
    Ok(usual_places(env)
        .into_iter()
        .find(|path| exists(&here.join(path))))
}

/// Where a configuration is looked for if none is named, in order.
#[must_use]
pub fn usual_places(env: Env<'_>) -> Vec<PathBuf> {
    let absolute = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder =
        absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let mut places = vec![PathBuf::from(FILE_NAME)];
    places.extend(folder.map(|folder| folder.join("host-runner").join(FILE_NAME)));
    places
}

/// A target that is given by the options of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetOptions {
    /// `--kind`: `power-automate`, `dataflow`, `dataflow-gen2` or `semantic-model`.
    pub kind: String,
    /// The target's name; without it that of its kind.
    pub name: Option<String>,
    /// `--url-env`: the name of the variable that holds the flow's URL.
    pub url_env: Option<String>,
    /// `--workspace`: the workspace's id or name.
    pub workspace: Option<String>,
    /// `--dataflow`: the dataflow's id or name. With a flow, its history is watched.
    pub dataflow: Option<String>,
    /// `--model`: the semantic model's id or name. With a flow, its history is watched.
    pub model: Option<String>,
}

/// An option and what is wrong with it.
type OptionFault = (&'static str, Fault);

fn wrong<T>(option: &'static str, what: &str, hint: &str) -> Result<T, OptionFault> {
    Err((option, Fault::bad(what, hint)))
}

/// The option of an item, the item's kind under `verify`, and its keys.
type WatchedOption = (&'static str, &'static str, Vec<Entry>);

impl TargetOptions {
    /// The tree that a file with this target would have given.
    fn tree(&self) -> Result<Node, OptionFault> {
        let mut target = vec![text("kind", "--kind", &self.kind)];
        let watched = self.watched()?;
        let signs_in = watched.is_some();
        if self.kind == "power-automate" {
            target.push(variable("url", "--url-env", self.url_variable()?));
            if let Some((option, kind, mut keys)) = watched {
                keys.push(text("kind", option, kind));
                target.push(entry("verify", option, Value::Map(keys)));
            }
        } else {
            if self.url_env.is_some() {
                return wrong(
                    "--url-env",
                    "this is an option of --kind power-automate",
                    "omit it",
                );
            }
            self.require_item()?;
            target.extend(watched.map(|(_, _, keys)| keys).unwrap_or_default());
        }
        let usual = self.kind.replace('-', "_");
        let name = self.name.as_deref().unwrap_or(&usual);
        let target = entry(name, "--name", Value::Map(target));
        let mut file = vec![
            entry("version", "--kind", Value::Number(1.into())),
            entry("targets", "--kind", Value::Map(vec![target])),
        ];
        if signs_in {
            let default = entry("default", "credentials", Value::Map(usual_credentials()));
            file.push(entry(
                "credentials",
                "credentials",
                Value::Map(vec![default]),
            ));
        }
        Ok(entry("", "", Value::Map(file)).node)
    }

    /// The content that the options name: the option of the item, its kind under `verify`, the keys.
    fn watched(&self) -> Result<Option<WatchedOption>, OptionFault> {
        let (option, key, kind, item) = match (&self.dataflow, &self.model) {
            (Some(_), Some(_)) => {
                let what = "--dataflow and --model exclude each other";
                return wrong("--model", what, "give one of them");
            }
            (Some(item), None) => ("--dataflow", "dataflow", "dataflow", item),
            (None, Some(item)) => ("--model", "model", "semantic-model", item),
            (None, None) if self.workspace.is_some() => {
                let what = "--workspace requires --dataflow or --model";
                return wrong("--workspace", what, "give both");
            }
            (None, None) => return Ok(None),
        };
        let Some(workspace) = &self.workspace else {
            return wrong(
                option,
                &format!("{option} requires --workspace"),
                "give both",
            );
        };
        let workspace = text("workspace", "--workspace", workspace);
        Ok(Some((
            option,
            kind,
            vec![workspace, text(key, option, item)],
        )))
    }

    /// Refuses content without its item. An unknown kind is refused later, by its name.
    fn require_item(&self) -> Result<(), OptionFault> {
        let (given, other, what) = match self.kind.as_str() {
            "dataflow" => (
                &self.dataflow,
                &self.model,
                "a dataflow needs --workspace and --dataflow",
            ),
            "dataflow-gen2" => (
                &self.dataflow,
                &self.model,
                "a Gen2 dataflow needs --workspace and --dataflow",
            ),
            "semantic-model" => (
                &self.model,
                &self.dataflow,
                "a semantic model needs --workspace and --model",
            ),
            _ => return Ok(()),
        };
        match (given, other) {
            (Some(_), _) => Ok(()),
            (None, Some(_)) => wrong("--kind", what, "the option of another kind is given"),
            (None, None) => wrong("--kind", what, "give both"),
        }
    }

    fn url_variable(&self) -> Result<&str, OptionFault> {
        match self.url_env.as_deref() {
            None => wrong(
                "--kind",
                "a flow needs --url-env",
                "give the name of the variable that holds its URL, as in --url-env ORDER_LIST_FLOW_URL",
            ),
            Some(name) if is_variable_name(name) => Ok(name),
            Some(_) => wrong(
                "--url-env",
                "this is not the name of an environment variable",
                "put the URL in a variable and give its name, as in --url-env ORDER_LIST_FLOW_URL; others can see a secret on the command line",
            ),
        }
    }
}

/// The variables that the tools for Azure use.
fn usual_credentials() -> Vec<Entry> {
    vec![
        text("kind", "credentials", "client-secret"),
        variable("tenant", "AZURE_TENANT_ID", "AZURE_TENANT_ID"),
        variable("client_id", "AZURE_CLIENT_ID", "AZURE_CLIENT_ID"),
        variable(
            "client_secret",
            "AZURE_CLIENT_SECRET",
            "AZURE_CLIENT_SECRET",
        ),
    ]
}

fn entry(key: &str, option: &'static str, value: Value) -> Entry {
    let at = At::Option(option);
    Entry {
        key: key.to_owned(),
        at,
        node: Node { at, value },
    }
}

/// A value that is taken literally.
fn text(key: &str, option: &'static str, value: &str) -> Entry {
    entry(key, option, Value::Text(value.replace("${", "$${")))
}

/// The value of a variable.
fn variable(key: &str, option: &'static str, name: &str) -> Entry {
    entry(key, option, Value::Text(format!("${{env:{name}}}")))
}
