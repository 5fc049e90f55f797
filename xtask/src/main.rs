//! Developer commands: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench`.
//!
//! What a newcomer runs first, and what the gate runs. Nothing here is shipped.

mod bench;
mod cargo;
mod demo;
mod interrupt;
mod simulator;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Developer commands",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show three refreshes against the simulator; no account needed
    Demo,
    /// Run every test, as the gate does
    Test,
    /// Compare a refresh with curl and a Python script, as a process and as a Kestra task
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Demo => demo::run(),
        Command::Test => test::run(),
        Command::Bench(options) => bench::run(&options),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
