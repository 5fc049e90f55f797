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
mod schema;
mod setup;

use anyhow::Context as _;
use clap::FromArgMatches;
use clap::error::ErrorKind;

pub use args::Cli;
use args::Command;
use setup::Start;

use crate::run::Component;
use crate::verdict::Status;

/// Runs the command line of this process and returns its exit code.
#[must_use]
pub fn main() -> u8 {
    // Loading the component takes longer than parsing, so it starts first.
    let needs_component = std::env::args_os().nth(1).is_some_and(|command| {
        ["refresh", "follow", "cancel", "check", "list"]
            .iter()
            .any(|name| command == *name)
    });
    let embedded = needs_component
        .then(|| Component::begin(None).ok())
        .flatten();
    match parse() {
        Ok(cli) => run(&cli, embedded),
        Err(error) => {
            let error = match error.kind() {
                ErrorKind::DisplayHelp => {
                    args::with_help().try_get_matches().err().unwrap_or(error)
                }
                _ => error,
            };
            // A closed stream must not change the exit code.
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
                _ => Status::Invalid.exit_code(),
            }
        }
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
    let (names, result) = match command {
        Command::Refresh(args) => (args.names.clone(), refresh::run(start, args).await),
        Command::Follow(args) => (
            vec![args.subject.clone()],
            follow::follow(start, args).await,
        ),
        Command::Cancel(args) => (
            vec![args.subject.clone()],
            follow::cancel(start, args).await,
        ),
        Command::List(command) => (Vec::new(), list::run(start, command).await),
        Command::Check(args) => (args.names.clone(), check::run(start, args).await),
        Command::Component(args) => (Vec::new(), component::run(start, args)),
        Command::Schema => return schema::run(start),
        Command::ImportConfig(args) => return import::run(start, args),
        Command::Audit(command) => (Vec::new(), audit::run(start, command).await),
    };
    result.unwrap_or_else(|error| failure::report(&start.reporter, &names, &error))
}
