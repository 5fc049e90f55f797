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
    /// `--kind`: `power-automate`, `dataflow`, `dataflow-gen2` or `semantic-model`.
    pub kind: String,
    /// The target's name; without it that of its kind.
    pub name: Option<String>,
    /// `--url-env`: the name of the variable that holds the flow's URL.
    pub url_env: Option<String>,
    /// `--workspace`: the workspace's id or name.
    pub workspace: Option<String>,
    /// `--dataflow`: the dataflow's id or name. With a flow it is the dataflow whose history is
    /// watched.
    pub dataflow: Option<String>,
    /// `--model`: the semantic model's id or name. With a flow it is the model whose history is
    /// watched.
    pub model: Option<String>,
}

/// What is wrong with the options, and which option it is about.
pub(crate) type OptionFault = (&'static str, Fault);

/// The tree that a file with this target would have given.
pub(crate) fn tree(options: &TargetOptions) -> Result<Node, OptionFault> {
    let mut target = vec![text("kind", "--kind", &options.kind)];
    let watch = watch(options)?;
    let watched = watch.is_some();
    if options.kind == "power-automate" {
        target.push(variable("url", "--url-env", url_env(options)?));
        if let Some(mut watch) = watch {
            watch.entries.push(text("kind", watch.option, watch.kind));
            target.push(map("verify", watch.option, watch.entries));
        }
    } else {
        if options.url_env.is_some() {
            return Err((
                "--url-env",
                bad("this belongs to --kind power-automate", "leave it out"),
            ));
        }
        require_item(options)?;
        target.extend(watch.map(|watch| watch.entries).unwrap_or_default());
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

/// The content that the options name.
struct Watch {
    /// The option that names the item.
    option: &'static str,
    /// The kind that a flow's `verify` has for it.
    kind: &'static str,
    entries: Vec<Entry>,
}

fn watch(options: &TargetOptions) -> Result<Option<Watch>, OptionFault> {
    let (option, key, kind, item) = match (&options.dataflow, &options.model) {
        (Some(_), Some(_)) => {
            return Err((
                "--model",
                bad(
                    "--dataflow and --model exclude each other",
                    "give one of them",
                ),
            ));
        }
        (Some(dataflow), None) => ("--dataflow", "dataflow", "dataflow", dataflow),
        (None, Some(model)) => ("--model", "model", "semantic-model", model),
        (None, None) if options.workspace.is_some() => {
            return Err((
                "--workspace",
                bad(
                    "--workspace goes together with --dataflow or --model",
                    "give both",
                ),
            ));
        }
        (None, None) => return Ok(None),
    };
    let Some(workspace) = &options.workspace else {
        let what = format!("{option} and --workspace go together");
        return Err((option, bad(&what, "give both")));
    };
    let entries = vec![
        text("workspace", "--workspace", workspace),
        text(key, option, item),
    ];
    Ok(Some(Watch {
        option,
        kind,
        entries,
    }))
}

/// Refuses content without its item. A kind that nothing knows is refused later, by its name.
fn require_item(options: &TargetOptions) -> Result<(), OptionFault> {
    let (given, what, other) = match options.kind.as_str() {
        "dataflow" => (
            &options.dataflow,
            "a dataflow needs --workspace and --dataflow",
            options.model.is_some(),
        ),
        "dataflow-gen2" => (
            &options.dataflow,
            "a Gen2 dataflow needs --workspace and --dataflow",
            options.model.is_some(),
        ),
        "semantic-model" => (
            &options.model,
            "a semantic model needs --workspace and --model",
            options.dataflow.is_some(),
        ),
        _ => return Ok(()),
    };
    match given {
        Some(_) => Ok(()),
        None if other => Err(("--kind", bad(what, "the option for another kind is given"))),
        None => Err(("--kind", bad(what, "give both"))),
    }
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
