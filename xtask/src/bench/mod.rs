//! `cargo xtask bench`: what a refresh costs, beside curl and a Python script that does the same.
//!
//! Measured as whole processes and as tasks on Kestra's engine. The three programs take turns within
//! each round, so that whatever else the machine does affects all of them. A run that did not do its
//! work fails the benchmark, and so does a missing tool. A missed goal is reported and is no failure:
//! machines differ.

mod goals;
mod kestra;
mod process;
mod setup;
mod stats;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::setup::Peers;
use crate::cargo::{self, Profile};
use crate::interrupt::Interrupt;

/// Rounds as processes; Kestra takes far longer for one, and its times vary more.
const PROCESS_RUNS: u32 = 200;
const KESTRA_RUNS: u32 = 20;

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many times each program is run [default: 200 as a process, 20 as a task of each line of Kestra]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Measure only one part
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
    /// Measure a development build, which is quick to make; its times say nothing about a release
    #[arg(long)]
    dev: bool,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// As whole processes
    Process,
    /// As shell tasks on Kestra's engine, 1.3 and 2.0; needs a JDK and Maven
    Kestra,
}

/// Builds, measures, reports.
///
/// # Errors
/// If something is missing, cannot be built or started, or does not do its work.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let peers = Peers::find()?;
    let wants = |part| options.only.is_none_or(|only| only == part);
    if wants(Part::Kestra) {
        kestra_engine::tools::Tools::find()
            .context("the benchmark on Kestra's engine (`--only process` omits it)")?;
    }
    let (profile, label) = match options.dev {
        true => (Profile::Dev, ", DEVELOPMENT BUILD"),
        false => (Profile::Release, ""),
    };
    eprintln!("xtask: building; the first release build takes several minutes");
    let programs = cargo::build(profile, &["--example", "startup"])?;
    // As installed: a copy costs fewer page faults than a file that the linker has just written.
    let runner = cargo::program(&programs, "host-runner");
    let copy = runner.with_extension("copy");
    std::fs::copy(&runner, &copy).and_then(|_| std::fs::rename(&copy, &runner))?;
    let interrupt = Interrupt::listen()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "A refresh of a target with only a SAS URL, taking turns, {cores} cores{label}\n({})",
        peers.versions
    )?;
    if wants(Part::Process) {
        let runs = options.runs.unwrap_or(PROCESS_RUNS);
        process::run(&programs, &peers, runs, &interrupt)?;
    }
    if wants(Part::Kestra) {
        let runs = options.runs.unwrap_or(KESTRA_RUNS);
        kestra::run(&programs, &peers, runs, &interrupt)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The times of host-runner, curl and the script in milliseconds, round by round.
type Times = [Vec<f64>; 3];

/// Prints the quartiles of the three, and of host-runner's ratios within each round. Returns the
/// median ratio to curl.
fn report(what: &str, times: &Times) -> Result<f64> {
    let mut out = std::io::stdout();
    let [runner, curl, script] = times;
    let head = format!("{what}, {} runs each", runner.len());
    writeln!(out, "{}", stats::head(&head))?;
    for (name, times) in [
        ("host-runner refresh", runner),
        ("curl, same bytes, no audit log", curl),
        ("Python script, same audit log", script),
    ] {
        let quartiles = stats::quartiles(times).context("nothing was measured")?;
        writeln!(out, "  {name:36}{} ms", stats::row(quartiles))?;
    }
    let mut print_ratios = |name: &str, other: &[f64]| {
        let ratios: Vec<f64> = runner.iter().zip(other).map(|(a, b)| a / b).collect();
        let ratios = stats::quartiles(&ratios).context("nothing was measured")?;
        writeln!(out, "  {name:36}{}", stats::row(ratios))?;
        anyhow::Ok(ratios[1])
    };
    let times_curl = print_ratios("host-runner / curl", curl)?;
    print_ratios("host-runner / Python script", script)?;
    Ok(times_curl)
}
