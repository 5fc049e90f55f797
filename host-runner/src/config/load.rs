//! Where a configuration comes from, and what it gives: a file, the options of the command line, or
//! both.
//!
//! The file is `--config` or `HOST_RUNNER_CONFIG`, or `./refresh.yaml`, or the one in the user's
//! configuration folder. A named file must exist: another one in its place would refresh something
//! else. A target that options give replaces the file's targets, and everything else in the file
//! applies. It becomes the same tree that a file would have given, so that the same rules apply;
//! errors name the option. No option takes a secret: the URL comes from the variable that `--url-env`
//! names, and without credentials in the file the client secret from `AZURE_CLIENT_SECRET`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::de;
use super::error::{At, ConfigError, Fault, did_you_mean, list, shown_target};
use super::json_schema::File;
use super::policy::Settings;
use super::resolve::{Inputs, Resolver};
use super::target::ResolvedTarget;
use super::template::{Env, is_variable_name};
use super::tree::{self, Node, Value};

/// The name of the configuration file if none is given.
pub const FILE_NAME: &str = "refresh.yaml";

/// A configuration whose top level has been checked. Its sections, targets and credentials are read
/// when they are needed. `Debug` shows no value.
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

    /// Reads the text of a configuration that is at `path`. Errors within a section are found when it
    /// is needed, or by [`Self::check`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config = Self {
            file: Some(path.to_path_buf()),
            base: path.parent().unwrap_or(Path::new("")).to_path_buf(),
            tree: tree::parse_at(text, path)?,
        };
        let mut problems = ConfigError::none(config.file());
        config.check_top(&mut problems);
        problems.finish(config)
    }

    /// The configuration of one target that options give, without a file.
    pub fn from_options(options: &TargetOptions) -> Result<Self, ConfigError> {
        let empty = Self {
            file: None,
            base: PathBuf::new(),
            tree: map([("version", node(Value::Number(1.into())))]),
        };
        empty.with_target(options)
    }

    /// The same configuration with this target instead of its own. The target's credentials are
    /// `default`; if there are none, they come from the variables that the tools for Azure use.
    pub fn with_target(mut self, options: &TargetOptions) -> Result<Self, ConfigError> {
        let target = map([(options.name().as_str(), options.target()?)]);
        self.tree = self.tree.with("targets", target);
        let credentials = self.tree.get(&["credentials"]).cloned();
        let credentials = credentials.unwrap_or_else(|| map([]));
        if credentials.get(&["default"]).is_none() {
            let default = map([
                ("kind", literal("client-secret")),
                ("tenant", variable("AZURE_TENANT_ID")),
                ("client_id", variable("AZURE_CLIENT_ID")),
                ("client_secret", variable("AZURE_CLIENT_SECRET")),
            ]);
            let credentials = credentials.with("default", default);
            self.tree = self.tree.with("credentials", credentials);
        }
        Ok(self)
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
        let mut resolver = self.resolver(None);
        self.check_top(&mut resolver.problems);
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

    /// Checks the version and the keys at the top level, without the content of the sections.
    fn check_top(&self, problems: &mut ConfigError) {
        de::read::<File>(&self.tree, "", problems);
    }

    /// The names that are selected, each once.
    fn selected(&self, selection: Selection<'_>) -> Result<Vec<String>, ConfigError> {
        let known = self.target_names();
        let shown: Vec<&str> = known.iter().filter_map(|name| shown_target(name)).collect();
        let shown = list(&shown);
        let wrong = |code, what: &str, hint: &str| {
            let fault = Fault::new(code, what, hint);
            Err(ConfigError::of_file(self.file(), At::default(), fault))
        };
        let asked = match selection {
            _ if known.is_empty() => {
                let hint = "add one below `targets:`";
                return wrong("no_target", "the configuration has no targets", hint);
            }
            Selection::All => return Ok(known),
            Selection::Names([]) => {
                let hint = format!("name one or more of {shown}, or use --all");
                return wrong("no_target", "no target is named", &hint);
            }
            Selection::Names(asked) => asked,
        };
        let mut names: Vec<String> = Vec::new();
        for name in asked {
            if !known.contains(name) {
                let hint = match did_you_mean(name, &known) {
                    Some(nearest) => format!("{nearest} Targets: {shown}"),
                    None => format!("targets: {shown}"),
                };
                let what = format!("there is no target `{name}`");
                return wrong("unknown_target", &what, &hint);
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
    tree::text_of(path, no_config(path))
}

fn no_config(path: &Path) -> Fault {
    let what = format!("there is no configuration file `{}`", path.display());
    let hint = "check --config and HOST_RUNNER_CONFIG, or give a target by options (--kind …)";
    Fault::new("config_not_found", what, hint)
}

/// The path of the configuration: the named one, otherwise the first that exists of the usual places,
/// relative to `here`.
///
/// # Errors
/// If the named file does not exist, or there is none in the usual places.
pub fn find_config(
    named: Option<&Path>,
    env: Env<'_>,
    here: &Path,
) -> Result<PathBuf, ConfigError> {
    let exists = |path: &Path| here.join(path).exists();
    if let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) {
        return match exists(path) {
            true => Ok(path.to_path_buf()),
            false => Err(ConfigError::of_option("", no_config(path))),
        };
    }
    let absolute = |name| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || Some(absolute("HOME")?.join(".config"));
    let folder = absolute("XDG_CONFIG_HOME").or_else(home);
    let of_user = folder.map(|folder| folder.join("host-runner").join(FILE_NAME));
    let places = [Some(PathBuf::from(FILE_NAME)), of_user];
    let mut places = places.into_iter().flatten();
    places.clone().find(|path| exists(path)).ok_or_else(|| {
        let first = format!("./{FILE_NAME}");
        let shown = places.by_ref().skip(1);
        let shown = shown.fold(first, |all, place| format!("{all} and {}", place.display()));
        let what = format!("no configuration file found; looked for {shown}");
        let hint = "write one as shown in the README, or define a target with --kind power-automate --url-env VAR";
        ConfigError::of_option("", Fault::new("config_not_found", what, hint))
    })
}

/// A target that is given by the options of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetOptions {
    /// `--kind`: `power-automate`, `dataflow`, `dataflow-gen2` or `semantic-model`.
    pub kind: String,
    /// `--url-env`: the name of the variable that holds the flow's URL.
    pub url_env: Option<String>,
    /// `--workspace`: the workspace's id or name.
    pub workspace: Option<String>,
    /// `--dataflow`: the dataflow's id or name. With a flow, its history is watched.
    pub dataflow: Option<String>,
    /// `--model`: the semantic model's id or name. With a flow, its history is watched.
    pub model: Option<String>,
}

impl TargetOptions {
    /// The target's name.
    fn name(&self) -> String {
        self.kind.replace('-', "_")
    }

    /// The target as a file would have given it.
    fn target(&self) -> Result<Node, ConfigError> {
        let given = |key, value: &Option<String>| Some((key, literal(value.as_deref()?)));
        let mut target = vec![("kind", literal(&self.kind))];
        if let Some(name) = &self.url_env {
            if !is_variable_name(name) {
                return Err(ConfigError::of_option(
                    "--url-env",
                    Fault::bad(
                        "this is not the name of an environment variable",
                        "put the URL in a variable and give its name, as in --url-env ORDER_LIST_FLOW_URL; others can see a secret on the command line",
                    ),
                ));
            }
            target.push(("url", variable(name)));
        }
        let mut content: Vec<(&str, Node)> = [
            given("workspace", &self.workspace),
            given("dataflow", &self.dataflow),
            given("model", &self.model),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !content.is_empty() && self.kind == "power-automate" {
            let kind = match self.dataflow {
                Some(_) => "dataflow",
                None => "semantic-model",
            };
            content.push(("kind", literal(kind)));
            target.push(("verify", map(content)));
        } else {
            target.extend(content);
        }
        Ok(map(target))
    }
}

fn node(value: Value) -> Node {
    Node {
        at: At::default(),
        value,
    }
}

fn map<'k>(keys: impl IntoIterator<Item = (&'k str, Node)>) -> Node {
    let empty = node(Value::Map(Vec::new()));
    let keys = keys.into_iter();
    keys.fold(empty, |all, (key, value)| all.with(key, value))
}

/// A value that is taken literally.
fn literal(value: &str) -> Node {
    node(Value::Text(value.replace("${", "$${")))
}

/// The value of a variable.
fn variable(name: &str) -> Node {
    node(Value::Text(format!("${{env:{name}}}")))
}
