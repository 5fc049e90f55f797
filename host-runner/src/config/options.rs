//! A target that is given by options, where there is no configuration.
//!
//! The options become the same tree that a file would have given, so that they are held to the same
//! rules; only the places in the errors are the options' names. A secret is never an option's value:
//! the URL comes from the variable that `--url-env` names, the client secret from
//! `AZURE_CLIENT_SECRET`.

use super::fault::Fault;
use super::template::is_variable_name;
use super::tree::{At, Entry, Node, Value};

/// A target, as the options of the command line give it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetOptions {
    /// `--kind`: `power-automate` or `dataflow`.
    pub kind: String,
    /// The target's name; without it that of its kind.
    pub name: Option<String>,
    /// `--url-env`: the name of the variable that holds the flow's URL.
    pub url_env: Option<String>,
    /// `--workspace`: the workspace's id.
    pub workspace: Option<String>,
    /// `--dataflow`: the dataflow's id. With a flow it is the dataflow whose history is watched.
    pub dataflow: Option<String>,
}

/// What is wrong with the options, and which option it is about.
pub(crate) type OptionFault = (&'static str, Fault);

/// The tree that a file with this target would have given.
pub(crate) fn tree(options: &TargetOptions) -> Result<Node, OptionFault> {
    let mut target = vec![text("kind", "--kind", &options.kind)];
    let mut watch = Vec::new();
    for (key, option, value) in [
        ("workspace", "--workspace", &options.workspace),
        ("dataflow", "--dataflow", &options.dataflow),
    ] {
        watch.extend(value.as_ref().map(|value| text(key, option, value)));
    }
    let watched = !watch.is_empty();
    if watched && watch.len() < 2 {
        return Err((
            "--dataflow",
            bad("--workspace and --dataflow go together", "give both"),
        ));
    }
    if options.kind == "power-automate" {
        target.push(variable("url", "--url-env", url_env(options)?));
        if watched {
            watch.push(text("kind", "--dataflow", "dataflow"));
            target.push(map("verify", "--dataflow", watch));
        }
    } else {
        if options.url_env.is_some() {
            return Err((
                "--url-env",
                bad("this belongs to --kind power-automate", "leave it out"),
            ));
        }
        if options.kind == "dataflow" && !watched {
            return Err((
                "--kind",
                bad("a dataflow needs --workspace and --dataflow", "give both"),
            ));
        }
        target.extend(watch);
    }
    let name = options
        .name
        .clone()
        .unwrap_or_else(|| options.kind.replace('-', "_"));
    let mut file = vec![entry("version", "--kind", Value::Number(1.into()))];
    if watched {
        file.push(map(
            "credentials",
            "credentials",
            vec![map("default", "credentials", credential())],
        ));
    }
    file.push(map("targets", "--kind", vec![map(&name, "--name", target)]));
    Ok(Node {
        at: At::Option("--kind"),
        value: Value::Map(file),
    })
}

fn url_env(options: &TargetOptions) -> Result<&str, OptionFault> {
    match options.url_env.as_deref() {
        None => Err((
            "--kind",
            bad(
                "a flow needs --url-env",
                "give the name of the variable that holds its URL, as in --url-env ORDER_LIST_FLOW_URL",
            ),
        )),
        Some(name) if is_variable_name(name) => Ok(name),
        Some(_) => Err((
            "--url-env",
            bad(
                "this is not the name of an environment variable",
                "put the URL into a variable and give its name, as in --url-env ORDER_LIST_FLOW_URL; a secret on the command line is seen by others",
            ),
        )),
    }
}

/// The variables that every tool for Azure uses.
fn credential() -> Vec<Entry> {
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

fn bad(what: &str, hint: &str) -> Fault {
    Fault::BadValue {
        what: what.to_owned(),
        hint: hint.to_owned(),
    }
}

fn entry(key: &str, option: &'static str, value: Value) -> Entry {
    let at = At::Option(option);
    Entry {
        key: key.to_owned(),
        at,
        node: Node { at, value },
    }
}

/// A value that means itself.
fn text(key: &str, option: &'static str, value: &str) -> Entry {
    entry(key, option, Value::Text(value.replace("${", "$${")))
}

/// A value that a variable holds.
fn variable(key: &str, option: &'static str, name: &str) -> Entry {
    entry(key, option, Value::Text(format!("${{env:{name}}}")))
}

fn map(key: &str, option: &'static str, entries: Vec<Entry>) -> Entry {
    entry(key, option, Value::Map(entries))
}
