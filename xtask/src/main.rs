//! Developer commands: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench`.
//!
//! What a newcomer runs first, and what the gate runs. Nothing here is shipped.

mod bench;
mod cargo;
mod demo;
mod interrupt;
mod needs;
mod simulator;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Developer commands; they need Rust and a C compiler",
    after_help = EXAMPLES,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  cargo xtask demo                   what the program does, in half a minute after the build
  cargo xtask demo --keep            the same; then try your own commands in another terminal, until Ctrl-C
  cargo xtask demo --keep &          the same in one terminal, until `kill %1`
  cargo xtask test                   every test that this machine can run
  cargo xtask test --strict          every test, or a failure
  cargo xtask bench --only process   the benchmark without Kestra";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show three refreshes against a simulator; no account needed
    ///
    /// Builds host-runner and a simulator of Power Automate, Power BI and Entra, refreshes three targets over
    /// HTTP in a temporary folder, shows the audit log, and removes everything. Fails if a refresh does not
    /// report what it should.
    #[command(after_long_help = EXAMPLES)]
    Demo(demo::Options),
    /// Run every test that this machine can run, and name the others
    ///
    /// Unit tests, end-to-end tests, the lab, and the flows on Kestra's engines. Only the engines need more
    /// than Rust and a C compiler: a JDK 25, Maven, curl and, once, the network. What is missing is installed
    /// with apt-get by root, or by sudo if it takes no password; each command is printed before it runs.
    ///
    /// The last line names the tests that could not be run and the command that changes that. The exit code is
    /// 0 if all tests that ran passed.
    #[command(after_long_help = EXAMPLES)]
    Test(test::Options),
    /// Compare a refresh with curl and a Python script, as a process and as a Kestra task
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
