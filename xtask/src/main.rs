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
  cargo xtask demo --keep            the same, then a simulator to try your own commands on
  cargo xtask test                   every test that this machine can run
  cargo xtask test --strict          every test, or none
  cargo xtask bench --only process   the benchmark without Kestra";

const DEMO_EXAMPLES: &str = "Examples:
  cargo xtask demo
  cargo xtask demo --keep      paste the printed exports and commands in another terminal; Ctrl-C ends it
  cargo xtask demo --keep &    the same in one terminal; `kill %1` ends it";

const TEST_EXAMPLES: &str = "Examples:
  cargo xtask test
  cargo xtask test --strict
  JAVA_HOME=/path/to/jdk cargo xtask test
  cargo test --workspace --test kestra -- pipeline    some of the tests on Kestra's engines, afterwards";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show three refreshes against a simulator; no account needed
    ///
    /// Builds host-runner and a simulator of Power Automate, Power BI and Entra, refreshes three targets over
    /// HTTP in a temporary folder, shows the audit log, and removes everything. Fails if a refresh does not
    /// report what it should.
    #[command(after_long_help = DEMO_EXAMPLES)]
    Demo(demo::Options),
    /// Run every test that this machine can run, and name the others
    ///
    /// Unit tests, end-to-end tests, the lab, and the flows on Kestra's engines. Only the engines need more
    /// than Rust and a C compiler: a JDK 25, Maven, curl and, once, the network. What is missing is installed
    /// with apt-get by root, or by sudo if it takes no password; each command is printed before it runs.
    ///
    /// The last line names the tests that could not be run and the command that changes that. The exit code is
    /// 0 if all tests that ran passed.
    #[command(after_long_help = TEST_EXAMPLES)]
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
