//! Measures how long the embedded component takes to load, to link and to instantiate.
//!
//! `cargo xtask bench` runs this. It prints one JSON object with times in microseconds. The first
//! time in a process is listed beside the median, because a process of the runner has only one.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_runner::clock::SystemClock;
use host_runner::engine::{ComponentHost, HostState};
use host_runner::report::{Level, Mode, ReportOptions, Reporter, Sink};
use host_runner::run::{Boundary, HostServices};
use host_runner::secret::Redactor;

/// Enough for a steady median; takes well under a second.
const ROUNDS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let clock = SystemClock::shared();
    let reporter = Arc::new(silent_reporter());
    let gateway = Boundary::closed(&clock, &Redactor::new(), &reporter).gateway(None)?;
    let (mut load, mut instantiate) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let host = ComponentHost::embedded()?;
        load.push(began.elapsed());
        let services = HostServices::read_only("", clock.clone(), reporter.clone());
        let state = HostState::new(clock.clone(), gateway.clone(), services);
        let began = Instant::now();
        let instance = runtime.block_on(host.instantiate(state))?;
        instantiate.push(began.elapsed());
        drop(instance);
    }
    println!(
        "{}",
        serde_json::json!({
            "rounds": ROUNDS,
            "load_us": first_and_median(&load),
            "instantiate_us": first_and_median(&instantiate),
        })
    );
    Ok(())
}

fn silent_reporter() -> Reporter {
    let settings = ReportOptions {
        mode: Mode::Json,
        threshold: Level::Error,
        color_stdout: false,
        color_stderr: false,
        progress_lines: false,
    };
    let sink = || Sink::new(Box::new(std::io::sink()));
    Reporter::new(
        settings,
        Redactor::new(),
        sink(),
        sink(),
        None,
        SystemClock::shared(),
    )
}

fn first_and_median(times: &[Duration]) -> serde_json::Value {
    let mut sorted = times.to_vec();
    sorted.sort();
    let microseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e6);
    serde_json::json!({
        "first": microseconds(times.first()),
        "median": microseconds(sorted.get(sorted.len() / 2)),
    })
}
