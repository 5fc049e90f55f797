//! The command line: parses, calls, reports, exits.
//!
//! One file per group of commands. The library does the work; a command puts it together from the
//! options, the environment and the configuration.

mod args;
mod audit;
mod check;
mod component;
mod failure;
mod follow;
mod import;
mod list;
mod refresh;
mod setup;

use anyhow::Context as _;
use clap::FromArgMatches;
use clap::error::ErrorKind;

pub use args::Cli;
use args::{CancelArgs, CheckArgs, Command, FollowArgs, RefreshArgs};
use setup::Start;

use crate::config::json_schema;
use crate::report::{Mode, Signal, width_of_stdout};
use crate::run::Component;
use crate::verdict::Status;

/// Runs the command line of this process and returns its exit code.
#[must_use]
pub fn main() -> u8 {
    // Loading the component takes longer than parsing, so it starts first.
    let command = std::env::args_os().nth(1).unwrap_or_default();
    let embedded = ["refresh", "follow", "cancel", "check", "list"]
        .iter()
        .find(|name| command == **name)
        .and_then(|_| Component::begin(None).ok());
    let mut error = match parse() {
        Ok(cli) => return run(&cli, embedded),
        Err(error) => error,
    };
    let no_arguments = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if [ErrorKind::DisplayHelp, no_arguments].contains(&error.kind()) {
        // The limits are those of clap.
        let help = args::with_help(width_of_stdout().unwrap_or(100).min(120));
        error = help.try_get_matches().err().unwrap_or(error);
    }
    // A closed stream must not change the exit code.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => Status::Invalid.exit_code(),
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let mut command = args::command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn run(cli: &Cli, embedded: Option<Component>) -> u8 {
    let start = Start::new(&cli.common, embedded);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Bytes that never stop arriving keep a task ready, and must not starve timers and signals.
        .event_interval(1)
        .build()
        .context("cannot start the async runtime");
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&start.reporter, &[], &error),
    };
    let code = runtime.block_on(carry_out(&start, &cli.command));
    // Do not wait for a DNS lookup that may still run in a thread.
    runtime.shutdown_background();
    code
}

async fn carry_out(start: &Start, command: &Command) -> u8 {
    let names: &[String] = match command {
        Command::Refresh(RefreshArgs { names, .. }) | Command::Check(CheckArgs { names, .. }) => {
            names
        }
        Command::Follow(FollowArgs { subject, .. })
        | Command::Cancel(CancelArgs { subject, .. }) => std::slice::from_ref(subject),
        _ => &[],
    };
    let result = match command {
        Command::Refresh(args) => refresh::run(start, args).await,
        Command::Follow(args) => follow::follow(start, args).await,
        Command::Cancel(args) => follow::cancel(start, args).await,
        Command::List(command) => list::run(start, command).await,
        Command::Check(args) => check::run(start, args).await,
        Command::Component(args) => component::run(start, args),
        Command::Schema => {
            let schema = json_schema();
            match start.reporter.mode() {
                Mode::Text => start.reporter.print(&format!("{schema:#}\n")),
                Mode::Json | Mode::Kestra => start.reporter.print_json(&schema),
            }
            Ok(0)
        }
        Command::ImportConfig(args) => Ok(import::run(start, args)),
        Command::Audit(command) => audit::run(start, command).await,
    };
    let code = result.unwrap_or_else(|error| failure::report(&start.reporter, names, &error));
    // The exit code of these two states the outcome of a refresh, whoever reads it.
    let reports_outcome = matches!(command, Command::Refresh(_) | Command::Follow(_));
    let delivered = start.deliver(reports_outcome).await;
    match start.reporter.unprinted() {
        _ if code != 0 || reports_outcome => code,
        Some(error) => {
            let code = failure::unprinted(&start.reporter, error);
            let _ = start.deliver(reports_outcome).await;
            code
        }
        None => delivered.map_or_else(Signal::exit_code, |()| code),
    }
}
