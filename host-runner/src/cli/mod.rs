//! The command line: parse, call, report, exit.
//!
//! One file per command. What a command does is in the library; here it is put together from the
//! options, the environment and the configuration.

mod args;
mod audit;
mod cancel;
mod check;
mod component;
mod failure;
mod follow;
mod import;
mod list;
mod recorded;
mod refresh;
mod schema;
mod setup;

use clap::Parser;
use clap::error::ErrorKind;

pub use args::Cli;
use args::Command;
use setup::Start;

use crate::run::Component;

/// Runs the process's command line and gives its exit code.
#[must_use]
pub fn main() -> u8 {
    // Begun before the command line is read: by the time it is needed it is there.
    let runs = std::env::args_os().nth(1).is_some_and(|command| {
        ["refresh", "follow", "cancel", "check", "list"]
            .iter()
            .any(|one| command == *one)
    });
    let embedded = if runs {
        Component::begin(None).ok()
    } else {
        None
    };
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let error = match error.kind() {
                ErrorKind::DisplayHelp => {
                    args::with_help().try_get_matches().err().unwrap_or(error)
                }
                _ => error,
            };
            // A closed stream must not change the exit code.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
                _ => crate::verdict::Status::Invalid.exit_code(),
            };
        }
    };
    let start = Start::new(&cli.common, embedded);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failure::bug(&start, &format!("no runtime: {error}")),
    };
    let code = runtime.block_on(async {
        match &cli.command {
            Command::Refresh(args) => refresh::run(&start, args).await,
            Command::Follow(args) => follow::run(&start, args).await,
            Command::Cancel(args) => cancel::run(&start, args).await,
            Command::List(command) => list::run(&start, command).await,
            Command::Check(args) => check::run(&start, args).await,
            Command::Component(args) => component::run(&start, args),
            Command::Schema => schema::run(&start),
            Command::ImportConfig(args) => import::run(&start, args),
            Command::Audit(command) => audit::run(&start, command).await,
        }
    });
    // A lookup of a name may still be under way in a thread; nobody waits for it.
    runtime.shutdown_background();
    code
}
