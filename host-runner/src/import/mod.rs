//! `host-runner import-config`: converts the configuration of the script that this tool replaces.
//!
//! [`import`] is a pure function from the old text to a configuration that loads, notes on what
//! changed, and the variables to set. It reads the script's real shape (credential profiles, priority
//! resources, workflows whose URL is stored in three pieces, operation settings), the same keys on one
//! level, and the fields of the payload. It refuses every other key, so nothing is lost silently.
//!
//! Secrets never reach the output: the pieces of a URL and client secrets become variables, and no
//! error or note repeats a value.

#[cfg(test)]
mod tests;

use std::path::Path;

use secrecy::SecretString;
use serde::Serialize;

use crate::config::tree::{self, Entry, Node, Value};
use crate::config::{At, Config, ConfigError, Fault, shown_key, values};
use crate::secret::Redactor;

/// The three groups of the script's file, and what their entries hold.
const WORKFLOW: [&str; 3] = ["logic_app_url", "api_version", "access_key_params"];
const DATAFLOW: &[&str] = &["workspace_id", "dataflow_id", "name"];
const PROFILE: &[&str] = &["tenant_id", "client_id", "client_secret"];
const SETTINGS: &[&str] = &["default_timeout", "max_retries", "retry_delay"];
/// The fields of the payload that the script posts; `timestamp` is set when the trigger is sent.
const PAYLOAD: &[&str] = &[
    "trigger_type",
    "dataflow_name",
    "workspace",
    "timestamp",
    "source",
    "trigger_source",
    "environment",
];
const GROUPS: &[&str] = &[
    "credential_profiles",
    "priority_resources",
    "power_automate",
    "operation_settings",
];
/// The profile that the script signs in with.
const DEFAULT_PROFILE: &str = "default";

const HEAD: &str =
    "# Made by `host-runner import-config`. Next: `host-runner check`.\nversion: 1\n";
const NO_RETRIES: &str = "`max_retries` and `retry_delay` were not converted: the script's retries trigger the refresh again. `retry:` repeats only a refresh that failed and is worth repeating";
const TIMEOUT: &str = "`default_timeout` became `defaults.timeout`, the limit of one HTTP call; `deadline` (3h30m) limits the whole run";
const NO_WORKFLOW: &str =
    "no workflow has the name of this dataflow, so it did not become a target";
const NO_TARGET: &str = "`power_automate.workflows` or `logic_app_url`";
const NAME_RULE: &str = "a-z, 0-9 and `_`, each name once";
const WHOLE_URL: &str = "the flow's whole URL, the value of `logic_app_url`";
const NOT_VERIFIED: &str = "without `workspace_id` and `dataflow_id` of the same name the outcome is not verified: add `verify:`";
const INCOMPLETE_URL: &str = "`api_version` or `access_key_params` is missing: copy the flow's whole URL from Power Automate instead";
const URL_OF_PIECES: &str = "LOGIC_APP_URL?api-version=API_VERSION&ACCESS_KEY_PARAMS, made of the old file's three values in this order";
const DIFFERENT: &str = "HTTP 202 was a success for the script, and it always exited 0. Now 202 is `accepted`, with `verify:` the service's history decides, HTTP 400 is `failed`, and the exit code reports the outcome";

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The new configuration: YAML that loads.
    #[serde(rename = "refresh_yaml")]
    pub yaml: String,
    /// The names of its targets.
    pub targets: Vec<String>,
    /// What behaves differently, and keys that have no counterpart.
    pub notes: Vec<Note>,
    /// The environment variables that the new configuration reads.
    pub variables: Vec<Variable>,
}

/// Something to know about an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The line in the old file, counted from 1; 0 if the note is about no line.
    pub line: u32,
    /// The note.
    pub text: String,
}

/// An environment variable, or a secret of the orchestrator that becomes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it must contain.
    pub contains: String,
}

/// Converts the text of the script's configuration.
///
/// `name` names the target if the file defines a single one. The redactor gets every secret of the
/// old text, which is that of `path`.
///
/// # Errors
/// Every problem that prevents the import.
pub fn import(
    text: &str,
    path: &Path,
    name: Option<&str>,
    redactor: &Redactor,
) -> Result<Imported, ConfigError> {
    let root = tree::parse_at(text, path)?;
    let mut import = Import {
        redactor,
        name,
        errors: ConfigError::none(Some(path)),
        imported: Imported::default(),
    };
    import.file(&root);
    let imported = import.errors.finish(import.imported)?;
    let refuse = |code, what, hint| {
        let fault = Fault::new(code, what, hint);
        Err(ConfigError::of_file(Some(path), At::default(), fault))
    };
    if redactor.scrub(&imported.yaml) != imported.yaml {
        let what = "a secret of this file is also the value of another key that is not secret";
        let hint = "put the secret into a variable, write `${NAME}` in its place, and import again";
        return refuse("import_secret_repeated", what.to_owned(), hint);
    }
    let config = Config::parse(&imported.yaml, Path::new("refresh.yaml"));
    match config.and_then(|config| config.check()) {
        Ok(()) => Ok(imported),
        Err(error) => {
            let what = format!("the result does not load: {}", error.message());
            let hint = "correct the value in the old file and import again";
            refuse("import_not_loadable", what, hint)
        }
    }
}

/// A mapping of the old file: its entries and its place.
#[derive(Clone, Copy)]
struct Section<'a> {
    entries: &'a [Entry],
    at: At,
}

impl<'a> Section<'a> {
    fn get(self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// An import in progress.
struct Import<'a> {
    redactor: &'a Redactor,
    name: Option<&'a str>,
    errors: ConfigError,
    imported: Imported,
}

impl Import<'_> {
    fn file(&mut self, root: &Node) {
        let known = [GROUPS, &WORKFLOW, DATAFLOW, PROFILE, SETTINGS, PAYLOAD].concat();
        let Some(root) = self.section("", root, &known) else {
            return;
        };
        let workflows = self.group(root, "power_automate", "workflows", &WORKFLOW);
        let dataflows = self.group(root, "priority_resources", "dataflows", DATAFLOW);
        let profiles = self.nested(root, "credential_profiles", &[DEFAULT_PROFILE]);
        let profile = profiles.and_then(|all| self.nested(all, DEFAULT_PROFILE, PROFILE));
        let settings = self.nested(root, "operation_settings", SETTINGS);

        self.imported.yaml += HEAD;
        self.settings(settings.unwrap_or(root));
        self.credentials(profile.unwrap_or(root));
        self.imported.yaml += "targets:\n";
        if root.get("logic_app_url").is_some() {
            let name = root.get("dataflow_name").or(root.get("name"));
            let name = name
                .and_then(|entry| self.text(entry))
                .unwrap_or("refresh".to_owned());
            self.target(&name, root, Some(root), root);
        }
        for (key, workflow) in &workflows {
            let dataflow = dataflows.iter().find(|(other, _)| other == key);
            self.target(key, *workflow, dataflow.map(|(_, section)| *section), root);
        }
        let has_workflow = |key: &&str| workflows.iter().any(|(other, _)| other == key);
        for (_, dataflow) in dataflows.iter().filter(|(key, _)| !has_workflow(key)) {
            self.note(dataflow.at, NO_WORKFLOW);
        }
        if self.imported.targets.is_empty() && self.errors.codes().next().is_none() {
            self.missing(NO_TARGET, root.at);
        }
        self.note(At::default(), DIFFERENT);
    }

    /// The entries of `outer.inner`, each a mapping of known keys.
    fn group<'a>(
        &mut self,
        root: Section<'a>,
        outer: &str,
        inner: &str,
        known: &[&str],
    ) -> Vec<(&'a str, Section<'a>)> {
        let outer = self.nested(root, outer, &[inner]);
        let all = outer.and_then(|outer| self.nested(outer, inner, &[]));
        let known = [known, PAYLOAD].concat();
        let entries = all.map(|all| all.entries).unwrap_or_default();
        let read = |entry: &'a Entry| {
            let section = self.section(shown(&entry.key), &entry.node, &known)?;
            Some((entry.key.as_str(), section))
        };
        entries.iter().filter_map(read).collect()
    }

    fn nested<'a>(&mut self, of: Section<'a>, key: &str, known: &[&str]) -> Option<Section<'a>> {
        self.section(key, &of.get(key)?.node, known)
    }

    /// A mapping. With `known`, every other key is an error.
    fn section<'a>(&mut self, key: &str, node: &'a Node, known: &[&str]) -> Option<Section<'a>> {
        let Value::Map(entries) = &node.value else {
            self.invalid(key, node.at, "a mapping");
            return None;
        };
        for entry in entries {
            if !known.is_empty() && !known.contains(&entry.key.as_str()) {
                let what = format!("unknown key `{}`", shown(&entry.key));
                let hint = format!("remove it, or use one of: {}", known.join(", "));
                let fault = Fault::new("import_unknown_key", what, hint);
                self.errors.add(entry.at, "", fault);
            }
        }
        Some(Section {
            entries,
            at: node.at,
        })
    }

    /// The script's timeout; a note on the settings that have no counterpart.
    fn settings(&mut self, settings: Section<'_>) {
        if let Some(entry) = settings.get("max_retries").or(settings.get("retry_delay")) {
            self.note(entry.at, NO_RETRIES);
        }
        let Some(entry) = settings.get("default_timeout") else {
            return;
        };
        match &entry.node.value {
            Value::Number(seconds) if seconds.as_u64().is_some_and(|seconds| seconds > 0) => {
                self.imported.yaml += &format!("defaults: {{timeout: {seconds}s}}\n");
                self.note(entry.at, TIMEOUT);
            }
            _ => self.invalid(&entry.key, entry.at, "a number of seconds, at least 1"),
        }
    }

    fn credentials(&mut self, profile: Section<'_>) {
        let mut value = |key: &str, variable: &str| match profile.get(key) {
            Some(entry) if key != "client_secret" => self.plain(entry),
            Some(entry) => self.secret(entry, variable),
            None => self.variable(variable, &format!("the application's `{key}`")),
        };
        let tenant = value("tenant_id", "AZURE_TENANT_ID");
        let client = value("client_id", "AZURE_CLIENT_ID");
        let secret = value("client_secret", "AZURE_CLIENT_SECRET");
        self.imported.yaml += &format!(
            "credentials:\n  default: {{kind: client-secret, tenant: {tenant}, client_id: {client}, client_secret: {secret}}}\n"
        );
    }

    fn target(
        &mut self,
        key: &str,
        workflow: Section<'_>,
        dataflow: Option<Section<'_>>,
        root: Section<'_>,
    ) {
        let name = self.name.map_or_else(|| target_name(key), str::to_owned);
        if values::target_name(&name).is_err() || self.imported.targets.contains(&name) {
            self.invalid("the target's name", workflow.at, NAME_RULE);
            return;
        }
        let url = self.url(&name, workflow);
        let payload = self.payload(workflow, dataflow, root);
        self.imported.yaml +=
            &format!("  {name}:\n    kind: power-automate\n    url: {url}\n{payload}");
        let ids = dataflow
            .and_then(|found| Some((found.get("workspace_id")?, found.get("dataflow_id")?)));
        match ids {
            Some((workspace, dataflow)) => {
                let (workspace, dataflow) = (self.plain(workspace), self.plain(dataflow));
                self.imported.yaml += &format!(
                    "    verify: {{kind: dataflow, workspace: {workspace}, dataflow: {dataflow}}}\n"
                );
            }
            None => self.note(workflow.at, NOT_VERIFIED),
        }
        self.imported.targets.push(name);
    }

    /// The variable that holds the URL, with a description of how the old pieces make it.
    fn url(&mut self, name: &str, workflow: Section<'_>) -> String {
        let pieces = WORKFLOW.map(|key| workflow.get(key).and_then(|entry| self.text(entry)));
        let [Some(address), version, parameters] = pieces else {
            self.missing("`logic_app_url`", workflow.at);
            return String::new();
        };
        if let Some(variable) = reference(&address) {
            return self.variable(variable, "the flow's whole URL, with its `sig`");
        }
        let whole = address.contains('?');
        if !whole && (version.is_none() || parameters.is_none()) {
            self.note(workflow.at, INCOMPLETE_URL);
        }
        for secret in [whole.then_some(address), parameters].into_iter().flatten() {
            self.learn(&secret);
        }
        let contains = if whole { WHOLE_URL } else { URL_OF_PIECES };
        self.variable(&format!("{}_FLOW_URL", name.to_uppercase()), contains)
    }

    fn payload(
        &mut self,
        workflow: Section<'_>,
        dataflow: Option<Section<'_>>,
        root: Section<'_>,
    ) -> String {
        let places = [Some(workflow), dataflow, Some(root)];
        let find = |key: &str| places.iter().flatten().find_map(|place| place.get(key));
        let mut fields = Vec::new();
        for key in PAYLOAD {
            // The script puts the dataflow's `name` into the payload.
            let name = dataflow.filter(|_| *key == "dataflow_name");
            let entry = find(key).or_else(|| name?.get("name"));
            if let Some(entry) = entry.filter(|_| *key != "timestamp") {
                fields.push(format!("{key}: {}", self.plain(entry)));
            }
        }
        // The script sends one of two payloads, and the one with `trigger_source` has no `source`.
        let no_source = find("trigger_source").is_some() && find("source").is_none();
        let source = if no_source { "    source: none\n" } else { "" };
        format!("    payload: {{{}}}\n{source}", fields.join(", "))
    }

    /// A value that is not secret, as a YAML scalar; a reference stays a variable.
    fn plain(&mut self, entry: &Entry) -> String {
        let text = self.text(entry).unwrap_or_default();
        match reference(&text) {
            Some(name) => self.variable(name, &format!("the value of `{}`", entry.key)),
            // JSON's quoting is valid YAML, and `$${` is a literal `${`.
            None => serde_json::Value::from(text.replace("${", "$${")).to_string(),
        }
    }

    /// A value that is secret: always a variable, and known to the redactor from now on.
    fn secret(&mut self, entry: &Entry, variable: &str) -> String {
        let text = self.text(entry).unwrap_or_default();
        if reference(&text).is_none() {
            self.learn(&text);
        }
        let variable = reference(&text).unwrap_or(variable);
        self.variable(variable, &format!("the value of `{}`", entry.key))
    }

    /// Registers a secret, and a `sig` in it, which also occurs on its own.
    fn learn(&self, secret: &str) {
        let parts = secret.split(['?', '&']);
        let signatures = parts.filter_map(|part| part.strip_prefix("sig="));
        for part in signatures.chain([secret]) {
            self.redactor.register(&SecretString::from(part));
        }
    }

    fn text(&mut self, entry: &Entry) -> Option<String> {
        match &entry.node.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Number(number) if entry.key == "api_version" => Some(number.to_string()),
            _ => {
                self.invalid(&entry.key, entry.at, "text");
                None
            }
        }
    }

    fn invalid(&mut self, key: &str, at: At, expected: &str) {
        let what = format!("`{key}`: expected {expected}");
        let fault = Fault::new("import_invalid_value", what, "correct it and import again");
        self.errors.add(at, "", fault);
    }

    fn missing(&mut self, what: &str, at: At) {
        let what = format!("{what} is missing");
        let hint = "name the script's own file, or add the key; `${NAME}` reads a variable";
        let fault = Fault::new("import_missing_key", what, hint);
        self.errors.add(at, "", fault);
    }

    fn note(&mut self, at: At, text: &str) {
        let (line, text) = (at.line, text.to_owned());
        self.imported.notes.push(Note { line, text });
    }

    /// Lists a variable, and returns the placeholder that reads it.
    fn variable(&mut self, name: &str, contains: &str) -> String {
        let variables = &mut self.imported.variables;
        if !variables.iter().any(|known| known.name == name) {
            variables.push(Variable {
                name: name.to_owned(),
                contains: contains.to_owned(),
            });
        }
        format!("\"${{env:{name}}}\"")
    }
}

/// The variable that a value such as `${NAME}` refers to.
fn reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(valid).then_some(name)
}

/// A target's name made of any text: `Master Order List` becomes `master_order_list`.
fn target_name(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

/// A key for messages. A key can hold a secret (`client_secret:VALUE`, without the space).
fn shown(key: &str) -> &str {
    shown_key(key).unwrap_or("…")
}
