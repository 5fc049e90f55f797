//! `host-runner list`: what these credentials can see.

use serde_json::{Map, Value};

use super::args::{ListArgs, ListCommand, TargetArgs};
use super::failure::{self, Failure};
use super::recorded::one;
use super::setup::{self, Start};
use crate::config::{
    Config, ContentKind, Dataflow, ResolvedTarget, Selection, TargetOptions, What,
};
use crate::report::Mode;
use crate::run::{self, ListRow, Listing, OperationError};
use crate::verdict::{Status, Verdict};

/// Stands where a list needs no id.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Runs the command and gives its exit code.
pub(super) async fn run(start: &Start, command: &ListCommand) -> u8 {
    match carry_out(start, command).await {
        Ok(code) => code,
        Err(failure) => failure::report(start, &[], &failure),
    }
}

async fn carry_out(start: &Start, command: &ListCommand) -> Result<u8, Failure> {
    let (asker, listing) = match command {
        ListCommand::Workspaces(args) => (Asker::of(args), Listing::Workspaces),
        ListCommand::Dataflows { workspace, args } => {
            (Asker::of(args), Listing::Dataflows(workspace.clone()))
        }
        ListCommand::Models { workspace, args } => {
            (Asker::of(args), Listing::Models(workspace.clone()))
        }
        ListCommand::Runs { target } => (Asker::Itself(target.clone()), Listing::Runs),
    };
    let config = configuration(start, &asker)?;
    let inputs = start.inputs(true);
    let settings = config.settings(inputs)?;
    let target = asked_with(start, &config, &asker)?;
    let targets = std::slice::from_ref(&target);
    let signals = start.signals()?;
    let boundary = start.boundary(run::Operation::Refresh, &settings, targets)?;
    let component = setup::component(start, None)?;
    let session = start.session(component, boundary, signals);
    match run::list(&session, &target, listing).await {
        Ok(rows) => {
            say(start, &rows);
            Ok(0)
        }
        Err(OperationError::Interrupted(signal)) => Ok(signal.exit_code()),
        Err(error) => Err(error.into()),
    }
}

/// Whose credentials are used.
enum Asker {
    /// The target's own, for its own history.
    Itself(String),
    /// Those of this target.
    Named(String),
    /// Those of the first target that has some.
    First,
}

impl Asker {
    fn of(args: &ListArgs) -> Self {
        match &args.target {
            Some(name) => Self::Named(name.clone()),
            None => Self::First,
        }
    }
}

/// The configuration; without one the credentials of the environment.
fn configuration(start: &Start, asker: &Asker) -> Result<Config, Failure> {
    match start.config(&TargetArgs::default()) {
        Err(failure)
            if failure.0.code == "config_not_found"
                && matches!(asker, Asker::First)
                && !start.names_config() =>
        {
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

/// The target that is asked with: its own credentials, endpoints and time-out, and nothing of its
/// own where lists are asked for.
fn asked_with(start: &Start, config: &Config, asker: &Asker) -> Result<ResolvedTarget, Failure> {
    let inputs = start.inputs(true);
    let resolve = |name: &String| -> Result<ResolvedTarget, Failure> {
        let targets = config.resolve(Selection::Names(std::slice::from_ref(name)), inputs)?;
        one(&targets).cloned()
    };
    let none = || {
        Failure::of(Verdict::not_sent(
            Status::Invalid,
            "no_credentials",
            "no target of the configuration has credentials for the Power BI API",
            "give one a `verify:` with its content, or run without a configuration and with AZURE_TENANT_ID, \
             AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
        ))
    };
    let target = match asker {
        Asker::Itself(name) => return resolve(name),
        Asker::Named(name) => resolve(name)?,
        Asker::First => {
            let mut found = None;
            for name in config.target_names() {
                let target = resolve(&name)?;
                if target.watched().is_some() {
                    found = Some(target);
                    break;
                }
            }
            found.ok_or_else(none)?
        }
    };
    let mut watched = target.watched().cloned().ok_or_else(none)?;
    watched.kind = ContentKind::Dataflow;
    NO_ID.clone_into(&mut watched.workspace);
    NO_ID.clone_into(&mut watched.item);
    Ok(ResolvedTarget {
        what: What::Dataflow(Dataflow {
            watched,
            mail_on_failure: false,
        }),
        ..target
    })
}

fn say(start: &Start, rows: &[ListRow]) {
    if start.reporter.mode() != Mode::Text {
        for row in rows {
            let object: Map<String, Value> = row
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
                .collect();
            start.reporter.print_json(&Value::Object(object));
        }
        // A log that says nothing would look like a task that did nothing.
        if rows.is_empty() && start.reporter.mode() == Mode::Kestra {
            start.reporter.print("nothing");
        }
        return;
    }
    let Some(first) = rows.first() else {
        start.reporter.print("nothing\n");
        return;
    };
    let widths: Vec<usize> = first
        .iter()
        .enumerate()
        .map(|(column, (name, _))| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|(_, value)| value.chars().count())
                .chain([name.chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for (cell, width) in cells.into_iter().zip(&widths) {
            line += &format!("{cell:width$}  ");
        }
        format!("{}\n", line.trim_end())
    };
    let mut out = line(first.iter().map(|(name, _)| *name).collect());
    for row in rows {
        out += &line(row.iter().map(|(_, value)| value.as_str()).collect());
    }
    start.reporter.print(&out);
}
