//! `cargo xtask bench`: what a refresh costs, beside curl and a Python script: as a whole process,
//! and as a task on Kestra's engine.
//!
//! The three take turns within each round, so that whatever else the machine does falls on all of
//! them alike. It refuses to measure a run that did not do its work, and to leave out a part for
//! want of a tool. A goal that is missed is told and is no failure: machines differ.

mod facts;
mod goals;
mod kestra;
mod measure;
mod place;
mod process;
mod stage;
mod stats;
mod tools;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cargo::{self, Profile};
use crate::interrupt::Interrupt;
use tools::Tools;

/// How often each is run as a process, unless the user says otherwise.
const PROCESS_RUNS: u32 = 200;

/// The same as a task: Kestra needs far longer for one, and its own times differ more.
const KESTRA_RUNS: u32 = 20;

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many times each program is run [default: 200 as a process, 20 as a task of each line of Kestra]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Measure one part alone
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
    /// Measure a development build, which is quick to have; its times say nothing about what is shipped
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

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

/// Builds, measures, reports.
///
/// # Errors
/// Where something is missing, cannot be built or started, or does not do its work.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let tools = Tools::find()?;
    if options.wants(Part::Kestra) {
        kestra_engine::tools::Tools::find()
            .context("the benchmark on Kestra's engine (`--only process` leaves it out)")?;
    }
    let profile = if options.dev {
        Profile::Dev
    } else {
        eprintln!("xtask: building for release; the first build takes some minutes");
        Profile::Release
    };
    let programs = cargo::build(profile, &["--example", "startup"])?;
    let interrupt = Interrupt::listen()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let build = if options.dev {
        ", DEVELOPMENT BUILD"
    } else {
        ""
    };
    writeln!(
        std::io::stdout(),
        "A refresh of a target that has a SAS URL and nothing else, taking turns, {cores} cores{build}\n({})",
        tools.versions
    )?;
    if options.wants(Part::Process) {
        let runs = options.runs.unwrap_or(PROCESS_RUNS);
        process::run(&programs, &tools, runs, &interrupt)?;
    }
    if options.wants(Part::Kestra) {
        let runs = options.runs.unwrap_or(KESTRA_RUNS);
        kestra::run(&programs, &tools, runs, &interrupt)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Bench {
        #[command(flatten)]
        options: Options,
    }

    fn wanted(arguments: &[&str]) -> (bool, bool) {
        let all = ["bench"].iter().chain(arguments);
        let options = Bench::try_parse_from(all).ok().unwrap().options;
        (options.wants(Part::Process), options.wants(Part::Kestra))
    }

    #[test]
    fn both_parts_are_measured_unless_one_is_asked_for() {
        assert_eq!(wanted(&[]), (true, true));
        assert_eq!(wanted(&["--only", "process"]), (true, false));
        assert_eq!(wanted(&["--only", "kestra"]), (false, true));
        assert!(Bench::try_parse_from(["bench", "--only", "nothing"]).is_err());
    }
}
