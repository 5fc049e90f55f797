//! What a refresh costs as a whole process, and the sizes of the program and its component.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wait4::Wait4;

use super::goals;
use super::setup::{self, Peers, SCRIPT, Setup, TRACKING_ID};
use super::{Times, report};
use crate::cargo;
use crate::interrupt::Interrupt;

/// Rounds before the first that counts: they fill the caches of the disk and of Python.
const WARM_UP: u32 = 10;

/// Measures and reports.
///
/// # Errors
/// If something cannot be started or does not do its work.
pub(crate) fn run(programs: &Path, peers: &Peers, runs: u32, interrupt: &Interrupt) -> Result<()> {
    let setup = Setup::start(programs)?;
    let mut commands = commands(&setup, peers);
    let mut times = Times::default();
    let mut peak_memory: f64 = 0.0;
    for round in 0..WARM_UP.saturating_add(runs) {
        interrupt.check()?;
        for (index, ((command, expected), times)) in commands.iter_mut().zip(&mut times).enumerate()
        {
            let (milliseconds, memory) = once(command, expected)?;
            if round >= WARM_UP {
                times.push(milliseconds);
                if index == 0 {
                    peak_memory = memory.max(peak_memory);
                }
            }
        }
    }
    let times_curl = report("whole process", &times)?;

    let runner = cargo::program(programs, "host-runner");
    let component = setup::json(Command::new(&runner).args(["component", "--output", "json"]))?;
    let startup = cargo::program(&programs.join("examples"), "startup");
    let startup = setup::json(&mut Command::new(startup))?;
    let number = |value: &Value, pointer: &str| {
        let found = value.pointer(pointer).and_then(Value::as_f64);
        found.with_context(|| format!("no number at {pointer}"))
    };
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\nthe compiled component in a process        first   median"
    )?;
    for (name, field) in [
        ("load and link", "load_us"),
        ("instantiate", "instantiate_us"),
    ] {
        let first = number(&startup, &format!("/{field}/first"))?;
        let median = number(&startup, &format!("/{field}/median"))?;
        writeln!(out, "  {name:36}{first:>9.0}{median:>9.0} µs")?;
    }
    let compiled = number(&component, "/compiled_size")? / 1000.0;
    writeln!(out, "  {:36}{compiled:>9.0} kB\n", "size")?;
    let measured = [
        times_curl,
        peak_memory,
        stripped_size(&runner)?,
        number(&component, "/size")?,
        wasi_imports(&component),
    ];
    write!(out, "goals\n{}", goals::report(measured))?;
    Ok(())
}

/// host-runner, curl and the script, each with what its output must contain.
fn commands(setup: &Setup, peers: &Peers) -> [(Command, &'static str); 3] {
    let mut runner = setup.command(&setup.runner);
    runner.args(["refresh", "order_list", "--output", "json"]);
    let mut curl = setup.command("curl");
    curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"])
        .args(["-H", "Content-Type: application/json"])
        .args(["-H", &format!("x-ms-client-tracking-id: {TRACKING_ID}")])
        .args(["--data-binary", "@body.json", &setup.url]);
    let mut script = setup.command(&peers.python);
    script
        .arg(cargo::root().join(SCRIPT))
        .args(["body.json", TRACKING_ID, "script.db"]);
    if let Some(home) = std::env::var_os("HOME") {
        // requests may be installed in the user's own packages.
        script.env("HOME", home);
    }
    [
        (runner, "\"status\":\"accepted\""),
        (curl, "202"),
        (script, "202"),
    ]
}

/// Runs a program whose output must contain `expected`. Returns the time from before its start
/// until after its end in milliseconds, and its highest resident memory in bytes.
fn once(command: &mut Command, expected: &str) -> Result<(f64, f64)> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("{program} does not start"))?;
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut text)?;
    }
    // After stdout has ended: what these programs write to stderr fits into the pipe.
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut text)?;
    }
    let end = child.wait4()?;
    let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
    if !end.status.success() || !text.contains(expected) {
        bail!("{program} did not do its work ({}): {text}", end.status);
    }
    Ok((milliseconds, end.rusage.maxrss as f64))
}

/// The number of WASI interfaces among the component's imports.
fn wasi_imports(component: &Value) -> f64 {
    let imports = component.pointer("/imports").and_then(Value::as_array);
    let is_wasi = |name: &&Value| name.as_str().is_some_and(|name| name.starts_with("wasi:"));
    imports.map_or(0.0, |all| all.iter().filter(is_wasi).count() as f64)
}

/// The size of a stripped copy. The release profile strips already; `strip` still finds symbols
/// that a platform's own objects bring.
fn stripped_size(program: &Path) -> Result<f64> {
    let copy = tempfile::NamedTempFile::new()?;
    std::fs::copy(program, copy.path())?;
    let stripped = Command::new("strip").arg(copy.path()).status();
    if !stripped.is_ok_and(|status| status.success()) {
        eprintln!("xtask: `strip` is missing; the program's size is the one of the build");
    }
    Ok(std::fs::metadata(copy.path())?.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_that_does_its_work_is_measured() {
        let (milliseconds, memory) = once(Command::new("echo").arg("202"), "202").unwrap();
        assert!(milliseconds > 0.0 && memory > 0.0);
        assert!(once(&mut Command::new("false"), "").is_err());
        assert!(once(Command::new("echo").arg("400"), "202").is_err());
        assert!(once(&mut Command::new("no-such-program-anywhere"), "").is_err());
    }

    #[test]
    fn only_wasi_interfaces_are_counted() {
        let component = serde_json::json!({"imports": [
            "powerbi:refresh/control@0.1.0", "wasi:io/poll@0.2.2", "wasi:http/types@0.2.2"
        ]});
        assert_eq!(wasi_imports(&component), 2.0);
        assert_eq!(wasi_imports(&Value::Null), 0.0);
    }
}
