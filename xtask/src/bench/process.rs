//! What a refresh costs as a whole process.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::facts::Facts;
use super::goals::{self, Measured};
use super::measure::{self, Sample};
use super::stage::Stage;
use super::stats::{self, Quartiles};
use super::tools::Tools;
use crate::interrupt::Interrupt;

/// Rounds before the first that counts: they fill the caches of the disk and of Python.
const WARM_UP: u32 = 10;

/// The runs that count, program by program.
#[derive(Debug, Default)]
struct Samples {
    runner: Vec<Sample>,
    curl: Vec<Sample>,
    script: Vec<Sample>,
}

/// Measures and reports.
///
/// # Errors
/// Where something cannot be started, or does not do its work.
pub(crate) fn run(programs: &Path, tools: &Tools, runs: u32, interrupt: &Interrupt) -> Result<()> {
    let facts = Facts::of(programs)?;
    let mut stage = Stage::set(programs, tools)?;
    let mut samples = Samples::default();
    for round in 0..WARM_UP.saturating_add(runs) {
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
    report(&samples, &facts)
}

fn report(samples: &Samples, facts: &Facts) -> Result<()> {
    let quartiles = |samples: &[Sample]| {
        let times: Vec<f64> = samples.iter().map(|sample| sample.milliseconds).collect();
        Quartiles::of(&times).context("nothing was measured")
    };
    let (runner, curl, script) = (
        quartiles(&samples.runner)?,
        quartiles(&samples.curl)?,
        quartiles(&samples.script)?,
    );
    let out = &mut std::io::stdout();
    let head = format!("whole process, {} runs each", samples.runner.len());
    writeln!(out, "{}", stats::head(&head))?;
    for (name, times) in [
        ("host-runner refresh", runner),
        ("curl, the same bytes, no record", curl),
        ("Python script with the same record", script),
    ] {
        writeln!(out, "  {name:36}{} ms", stats::row(&times))?;
    }
    for (name, ratio) in [
        ("host-runner / curl", runner.over(&curl)),
        ("host-runner / Python script", runner.over(&script)),
    ] {
        writeln!(out, "  {name:36}{}", stats::row(&ratio))?;
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
