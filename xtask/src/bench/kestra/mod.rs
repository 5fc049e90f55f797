//! What a refresh costs as a task of Kestra, on its real engine, both lines.
//!
//! The time is the one that Kestra shows for the task: from when the engine created the task run
//! until its worker noted the end. The engine's queue, the start of a shell and the reading of frames
//! are in it, alike for all three. The engine is the one of the tests: one process, which keeps
//! everything in memory.

mod check;
mod way;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use kestra_engine::{Engine, Line};
use serde_json::json;

use super::place::{Place, SCRIPT, URL};
use super::stats::{self, Quartiles};
use super::tools::Tools;
use crate::cargo;
use crate::interrupt::Interrupt;
use way::{NAMESPACE, Needs, Way};

/// Rounds before the first that counts: Java compiles what is used often, and caches fill.
const WARM_UP: u32 = 5;

/// How long one task may take before the benchmark gives up. Far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The times that count, in milliseconds, way by way and round by round.
#[derive(Debug, Default)]
struct Times {
    runner: Vec<f64>,
    curl: Vec<f64>,
    script: Vec<f64>,
}

impl Times {
    fn of(&mut self, way: Way) -> &mut Vec<f64> {
        match way {
            Way::Runner => &mut self.runner,
            Way::Curl => &mut self.curl,
            Way::Script => &mut self.script,
        }
    }
}

/// Measures and reports, line by line.
///
/// # Errors
/// Where the engine cannot be built or started, and where a task does not do its work.
pub(crate) fn run(programs: &Path, tools: &Tools, runs: u32, interrupt: &Interrupt) -> Result<()> {
    for line in Line::ALL {
        let measured = measure(line, programs, tools, runs, interrupt);
        // Ctrl-C ends the engine as well, and is then the reason to be told.
        interrupt.check()?;
        report(line, &measured?)?;
    }
    writeln!(
        std::io::stdout(),
        "\nA task's time is what Kestra shows: from when the engine created the task run until its worker noted the end.\n\
         The engine's queue, the start of a shell and the reading of frames are in all three.\n\
         The engine is one process that keeps everything in memory. Ratios are taken round by round."
    )?;
    Ok(())
}

fn measure(
    line: Line,
    programs: &Path,
    tools: &Tools,
    runs: u32,
    interrupt: &Interrupt,
) -> Result<Times> {
    eprintln!(
        "xtask: starting the engine of Kestra {}; a machine's first start fetches and builds it",
        line.release()
    );
    let place = Place::set(programs)?;
    let engine = Engine::start(line, &cargo::target_dir(), &environment())?;
    engine.secret(URL, &place.url)?;
    let folder = place.path("");
    let home = std::env::var_os("HOME").map_or_else(|| folder.clone(), PathBuf::from);
    let needs = Needs {
        runner: &place.runner,
        curl: &tools.curl,
        python: &tools.python,
        script: &cargo::root().join(SCRIPT),
        home: &home,
        folder: &folder,
    };
    for way in Way::ALL {
        // What is JSON is YAML.
        engine.load(&format!("{:#}", way.flow(&needs)))?;
    }
    let mut times = Times::default();
    let mut triggered = 0;
    for round in 0..WARM_UP.saturating_add(runs) {
        for way in Way::turns(round) {
            interrupt.check()?;
            let execution = engine.begin(NAMESPACE, way.flow_id(), &json!({}))?;
            let execution = engine.wait(&execution, &[], PATIENCE)?;
            let time = check::time_of(way, &execution)?;
            triggered += 1;
            if round >= WARM_UP {
                times.of(way).push(time);
            }
        }
        check::triggers(&place.requests(&tools.curl)?, triggered)?;
    }
    Ok(times)
}

/// What every task finds in its environment, before its own `env:`.
fn environment() -> Vec<(OsString, OsString)> {
    vec![
        ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
        ("LANG".into(), "C.UTF-8".into()),
    ]
}

fn report(line: Line, times: &Times) -> Result<()> {
    let out = &mut std::io::stdout();
    let head = format!(
        "task on Kestra {}, {} runs each",
        line.release(),
        times.runner.len()
    );
    writeln!(out, "{}", stats::head(&head))?;
    for (name, times) in [
        ("host-runner refresh", &times.runner),
        ("curl, the same bytes, no record", &times.curl),
        ("Python script with the same record", &times.script),
    ] {
        let quartiles = Quartiles::of(times).context("nothing was measured")?;
        writeln!(out, "  {name:36}{} ms", stats::row(&quartiles))?;
    }
    for (name, other) in [
        ("host-runner / curl", &times.curl),
        ("host-runner / Python script", &times.script),
    ] {
        let ratios = Quartiles::of(&stats::pairwise(&times.runner, other));
        let ratios = ratios.context("nothing was measured")?;
        writeln!(out, "  {name:36}{}", stats::row(&ratios))?;
    }
    Ok(())
}
