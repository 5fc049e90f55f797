//! `cargo xtask bench`: what a refresh costs as a whole process, beside curl and a Python script.
//!
//! The three take turns within each round, so that whatever else the machine does falls on all of
//! them alike. It refuses to measure a run that did not do its work. A goal that is missed is told
//! and is no failure: machines differ.

mod facts;
mod goals;
mod measure;
mod stage;
mod stats;
mod tools;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cargo::{self, Profile};
use crate::interrupt::Interrupt;
use facts::Facts;
use goals::Measured;
use measure::Sample;
use stage::Stage;
use stats::Quartiles;
use tools::Tools;

/// Rounds before the first that counts: they fill the caches of the disk and of Python.
const WARM_UP: u32 = 10;

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many times each program is run
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// The runs that count, program by program.
#[derive(Debug, Default)]
struct Samples {
    runner: Vec<Sample>,
    curl: Vec<Sample>,
    script: Vec<Sample>,
}

/// Builds, measures, reports.
///
/// # Errors
/// Where something is missing, cannot be built or started, or does not do its work.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let tools = Tools::find()?;
    eprintln!("xtask: building for release; the first build takes some minutes");
    let programs = cargo::build(Profile::Release, &["--example", "startup"])?;
    let interrupt = Interrupt::listen()?;
    let facts = Facts::of(&programs)?;
    let mut stage = Stage::set(&programs, &tools)?;
    let mut samples = Samples::default();
    for round in 0..WARM_UP.saturating_add(options.runs) {
        interrupt.check()?;
        let runner = measure::once(&mut stage.runner, "\"status\":\"accepted\"")?;
        let curl = measure::once(&mut stage.curl, "202")?;
        let script = measure::once(&mut stage.script, "202")?;
        if round >= WARM_UP {
            samples.runner.push(runner);
            samples.curl.push(curl);
            samples.script.push(script);
        }
    }
    drop(stage);
    report(&samples, &facts, &tools)?;
    Ok(ExitCode::SUCCESS)
}

fn report(samples: &Samples, facts: &Facts, tools: &Tools) -> Result<()> {
    let quartiles = |samples: &[Sample]| {
        let times: Vec<f64> = samples.iter().map(|sample| sample.milliseconds).collect();
        Quartiles::of(&times).context("nothing was measured")
    };
    let (runner, curl, script) = (
        quartiles(&samples.runner)?,
        quartiles(&samples.curl)?,
        quartiles(&samples.script)?,
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let out = &mut std::io::stdout();
    writeln!(
        out,
        "A refresh of a target that has a SAS URL and nothing else, {} runs each, taking turns, {cores} cores\n({})\n",
        samples.runner.len(),
        tools.versions
    )?;
    writeln!(
        out,
        "{:38}{:>9}{:>9}{:>9}",
        "whole process", "1st qu.", "median", "3rd qu."
    )?;
    for (name, times) in [
        ("host-runner refresh", runner),
        ("curl, the same bytes, no record", curl),
        ("Python script with the same record", script),
    ] {
        writeln!(out, "  {name:36}{} ms", row(&times))?;
    }
    for (name, ratio) in [
        ("host-runner / curl", runner.over(&curl)),
        ("host-runner / Python script", runner.over(&script)),
    ] {
        writeln!(out, "  {name:36}{}", row(&ratio))?;
    }
    writeln!(
        out,
        "\nthe compiled component in a process        first   median\n  load and link                       {:>9.0}{:>9.0} µs\n  \
         instantiate                         {:>9.0}{:>9.0} µs\n  size                                {:>9} kB\n",
        facts.load.0,
        facts.load.1,
        facts.instantiate.0,
        facts.instantiate.1,
        facts.compiled / 1000
    )?;
    let measured = Measured {
        times_curl: runner.over(&curl).median,
        peak_memory: samples
            .runner
            .iter()
            .map(|sample| sample.peak_memory)
            .max()
            .unwrap_or(0),
        program: facts.program,
        component: facts.component,
        wasi_imports: facts.wasi_imports,
    };
    write!(out, "goals\n{}", goals::report(&measured))?;
    Ok(())
}

fn row(quartiles: &Quartiles) -> String {
    format!(
        "{:>9.2}{:>9.2}{:>9.2}",
        quartiles.first, quartiles.median, quartiles.third
    )
}
