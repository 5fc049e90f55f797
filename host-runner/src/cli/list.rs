//! `host-runner list`: what the credentials can see.

use std::collections::BTreeMap;

use super::args::{ListCommand, TargetArgs, WorkspaceArgs};
use super::failure::{Failure, has_code, invalid};
use super::setup::{self, Start};
use crate::config::{Config, ResolvedTarget, Selection, TargetOptions, item_of};
use crate::contract::types as wit;
use crate::report::{Mode, text, width_of_stdout};
use crate::run::{self, ListRow, Listing, Operation, OperationError};

/// The id of a target that is only used for its credentials.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Runs the command and returns its exit code.
pub(super) async fn run(start: &Start, command: &ListCommand) -> anyhow::Result<u8> {
    let (credentials, listing) = match command {
        ListCommand::Workspaces(args) => (&args.target, Listing::Workspaces),
        ListCommand::Dataflows(WorkspaceArgs { workspace, list }) => {
            (&list.target, Listing::Dataflows(workspace.clone()))
        }
        ListCommand::Models(WorkspaceArgs { workspace, list }) => {
            (&list.target, Listing::Models(workspace.clone()))
        }
        ListCommand::Runs { target } => (&Some(target.clone()), Listing::Runs),
    };
    let credentials = credentials.as_deref();
    let config = configuration(start, credentials)?;
    let settings = config.settings(start.inputs(true))?;
    let mut target = resolve(start, &config, credentials)?;
    if listing != Listing::Runs {
        target = only_credentials(target)?;
    } else if target.content().is_none() {
        return Err(no_history(&target.name));
    }
    let targets = std::slice::from_ref(&target);
    let signals = start.signals()?;
    let session = start.session(Operation::Refresh, &settings, targets, None, signals)?;
    match run::list(&session, &target, listing).await {
        Ok(rows) => {
            print(start, &rows);
            Ok(0)
        }
        Err(OperationError::Interrupted(signal)) => Ok(signal.exit_code()),
        Err(error) => Err(Failure::from(error).into()),
    }
}

/// The configuration; without one, the credentials in the environment.
fn configuration(start: &Start, credentials: Option<&str>) -> anyhow::Result<Config> {
    let config = start.config(&TargetArgs::default());
    let from_environment = credentials.is_none() && start.config.is_none();
    match config {
        Err(error) if from_environment && has_code(&error, "config_not_found") => {
            Ok(Config::from_options(&TargetOptions {
                kind: "dataflow".to_owned(),
                workspace: Some(NO_ID.to_owned()),
                dataflow: Some(NO_ID.to_owned()),
                ..TargetOptions::default()
            })?)
        }
        other => other,
    }
}

/// The named target, otherwise the first one with credentials.
fn resolve(
    start: &Start,
    config: &Config,
    credentials: Option<&str>,
) -> anyhow::Result<ResolvedTarget> {
    let named = |name: &str| -> anyhow::Result<ResolvedTarget> {
        let names = [name.to_owned()];
        setup::only(config.resolve(Selection::Names(&names), start.inputs(true))?)
    };
    if let Some(name) = credentials {
        return named(name);
    }
    for name in config.target_names() {
        let target = named(&name)?;
        if target.content().is_some() {
            return Ok(target);
        }
    }
    Err(no_credentials())
}

/// The target with its credentials, endpoints and timeout, but without its content.
fn only_credentials(target: ResolvedTarget) -> anyhow::Result<ResolvedTarget> {
    let content = target.content().ok_or_else(no_credentials)?;
    let item = wit::WatchedItem {
        workspace: NO_ID.to_owned(),
        item: NO_ID.to_owned(),
        ..item_of(&content).clone()
    };
    Ok(ResolvedTarget {
        wit: wit::Target::Dataflow(wit::DataflowTarget {
            item,
            mail_on_failure: false,
        }),
        trigger: None,
        ..target
    })
}

fn no_credentials() -> anyhow::Error {
    invalid(
        "no_credentials",
        "no target in the configuration has credentials for the Power BI API",
        "give a target a `verify:` section, or run without a configuration and with AZURE_TENANT_ID, \
         AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
    )
}

fn no_history(name: &str) -> anyhow::Error {
    let message = format!(
        "{name} has no refresh history: a flow has one only in the dataflow or model that it refreshes, \
         and the target does not name it"
    );
    let hint = "give the target a `verify:` with that content, or see its runs with `host-runner audit list`";
    invalid("no_history", message, hint)
}

fn print(start: &Start, rows: &[ListRow]) {
    match (rows.first(), start.reporter.mode()) {
        (None, Mode::Json) => {}
        // An empty log would look as if the task had done nothing.
        (None, _) => start.reporter.print("nothing found"),
        (Some(first), Mode::Text) => {
            let names = first.iter().map(|(name, _)| (*name).to_owned()).collect();
            let cells = |row: &ListRow| row.iter().map(|(_, value)| value.clone()).collect();
            let table: Vec<Vec<String>> =
                [names].into_iter().chain(rows.iter().map(cells)).collect();
            start
                .reporter
                .print(&text::table(&table, width_of_stdout()));
        }
        (Some(_), _) => {
            for row in rows {
                let fields = row.iter().map(|(name, value)| (*name, value));
                let fields: BTreeMap<&str, &String> = fields.collect();
                start.reporter.print_json(&fields);
            }
        }
    }
}
