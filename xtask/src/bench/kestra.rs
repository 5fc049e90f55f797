//! What a refresh costs as a task of Kestra, on its real engine, both lines.
//!
//! The time is the one that Kestra shows for the task: from when the engine created the task run
//! until its worker recorded the end. The engine's queue, the start of a shell and the parsing of
//! frames are included, equally for all three programs.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kestra_engine::{Engine, Execution, Line};
use serde_json::{Value, json};

use super::setup::{Peers, SCRIPT, Setup, TRACKING_ID, URL};
use super::{Times, report};
use crate::cargo;
use crate::interrupt::Interrupt;

/// Rounds before the first that counts: Java compiles what is used often, and caches fill.
const WARM_UP: u32 = 5;

/// How long one task may take before the benchmark gives up; far longer than it takes.
const TASK_TIMEOUT: Duration = Duration::from_secs(60);

const NAMESPACE: &str = "company.bench";

/// The flows of host-runner, curl and the script, and the output of each that proves its work.
const FLOWS: [(&str, &str, &str); 3] = [
    ("bench_runner", "status", "accepted"),
    ("bench_curl", "http_status", "202"),
    ("bench_script", "http_status", "202"),
];

/// Measures and reports, line by line.
///
/// # Errors
/// If the engine cannot be built or started, or a task does not do its work.
pub(crate) fn run(programs: &Path, peers: &Peers, runs: u32, interrupt: &Interrupt) -> Result<()> {
    for line in Line::ALL {
        let measured = measure(line, programs, peers, runs, interrupt);
        // Ctrl-C also ends the engine; then it is the reason to report.
        interrupt.check()?;
        report(&format!("task on Kestra {}", line.release()), &measured?)?;
    }
    writeln!(
        std::io::stdout(),
        "\nA task's time is what Kestra shows: from the creation of the task run until its worker recorded the\n\
         end. The engine is one process that keeps everything in memory."
    )?;
    Ok(())
}

fn measure(
    line: Line,
    programs: &Path,
    peers: &Peers,
    runs: u32,
    interrupt: &Interrupt,
) -> Result<Times> {
    eprintln!(
        "xtask: starting the engine of Kestra {}; the first start fetches and builds it",
        line.release()
    );
    let setup = Setup::start(programs)?;
    let environment = [
        ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
        ("LANG".into(), "C.UTF-8".into()),
    ];
    let engine = Engine::start(line, &cargo::target_dir(), &environment)?;
    engine.secret(URL, &setup.url)?;
    for flow in flows(&setup, peers) {
        engine.load(&format!("{flow:#}"))?;
    }
    let mut times = Times::default();
    for round in 0..WARM_UP.saturating_add(runs) {
        // Each is first as often as the others, so that what the engine still does after one of
        // them affects all of them.
        let mut turns = [0, 1, 2];
        turns.rotate_left(round as usize % 3);
        for index in turns {
            interrupt.check()?;
            let (Some((id, field, expected)), Some(times)) =
                (FLOWS.get(index), times.get_mut(index))
            else {
                continue;
            };
            let execution = engine.start_execution(NAMESPACE, id, &json!({}))?;
            let execution = engine.wait(&execution, &[], TASK_TIMEOUT)?;
            let time = duration_ms(&execution, field, expected)?;
            if round >= WARM_UP {
                times.push(time);
            }
        }
        check_requests(&setup.requests()?, 3 * (round as usize + 1))?;
    }
    Ok(times)
}

/// How long the task took, if it did its work.
fn duration_ms(execution: &Execution, field: &str, expected: &str) -> Result<f64> {
    let task = execution.task("refresh").context("the task did not run")?;
    ensure!(
        execution.state() == "SUCCESS" && task.var(field) == expected,
        "a task did not do its work: {:#}",
        execution.raw()
    );
    let milliseconds = u32::try_from(task.duration_ms()).unwrap_or_default();
    ensure!(
        milliseconds > 0,
        "a task has no duration: {:#}",
        execution.raw()
    );
    Ok(f64::from(milliseconds))
}

/// Makes sure that the simulator accepted exactly this many triggers and got nothing else, and that
/// all of them have the same size: host-runner's bytes differ only in the time.
fn check_requests(log: &Value, expected: usize) -> Result<()> {
    let requests = log.as_array().map(Vec::as_slice).unwrap_or_default();
    let accepted = requests.iter().filter(|request| {
        request.get("on") == Some(&"trigger".into()) && request.get("status") == Some(&202.into())
    });
    let accepted = accepted.count();
    ensure!(
        accepted == expected && requests.len() == expected,
        "the simulator got {} requests and accepted {accepted} triggers, expected {expected} triggers",
        requests.len()
    );
    let sizes: BTreeSet<usize> = requests
        .iter()
        .filter_map(|request| Some(request.get("body")?.as_str()?.len()))
        .collect();
    ensure!(
        sizes.len() <= 1,
        "the bodies differ in size: {sizes:?} bytes"
    );
    Ok(())
}

/// The three flows, each with one shell task. Files are on the worker's disk, so that the engine
/// has no more to deliver for one than for another; each task ends in a frame with outputs. Paths
/// are variables: a shell takes them as they are.
fn flows(setup: &Setup, peers: &Peers) -> [Value; 3] {
    let file = |name: &str| setup.path(name).display().to_string();
    let home = std::env::var_os("HOME").map_or_else(|| setup.path(""), PathBuf::from);
    let url = "{{ secret('ORDER_LIST_FLOW_URL') }}";
    let env = [
        json!({
            "RUNNER": setup.runner, "CONFIG": file("refresh.yaml"), URL: url,
            "HOST_RUNNER_AUDIT": format!("sqlite:{}", file("kestra.db")),
            "KESTRA_TASKRUN_ID": "{{ taskrun.id }}", "KESTRA_EXECUTION_ID": "{{ execution.id }}",
        }),
        json!({"BODY": file("body.json"), URL: url}),
        json!({
            "PYTHON": peers.python, "SCRIPT": cargo::root().join(SCRIPT), "HOME": home, URL: url,
            "BODY": file("body.json"), "RECORD": file("kestra-script.db"),
        }),
    ];
    let commands = [
        "\"$RUNNER\" refresh order_list --config \"$CONFIG\"".to_owned(),
        format!(
            "curl -sS -o /dev/null -w '::{{\"outputs\":{{\"http_status\":\"%{{http_code}}\"}}}}::\\n' -X POST \
             -H 'Content-Type: application/json' -H 'x-ms-client-tracking-id: {TRACKING_ID}' \
             --data-binary \"@$BODY\" \"$ORDER_LIST_FLOW_URL\""
        ),
        format!("\"$PYTHON\" \"$SCRIPT\" \"$BODY\" {TRACKING_ID} \"$RECORD\" frame"),
    ];
    let mut flows = FLOWS.map(|(id, ..)| json!({"id": id, "namespace": NAMESPACE}));
    for ((flow, env), command) in flows.iter_mut().zip(env).zip(commands) {
        if let Some(flow) = flow.as_object_mut() {
            let task = json!({
                "id": "refresh",
                "type": "io.kestra.plugin.scripts.shell.Commands",
                "taskRunner": {"type": "io.kestra.plugin.core.runner.Process"},
                "env": env,
                "commands": [command],
            });
            flow.insert("tasks".to_owned(), json!([task]));
        }
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulators_log_must_hold_the_triggers_and_nothing_else() {
        let trigger = |body: &str| json!({"on": "trigger", "status": 202, "body": body});
        let refused = json!({"on": "trigger", "status": 429, "body": "{}"});
        let other = json!({"on": null, "status": 404, "body": ""});
        assert!(check_requests(&json!([trigger("{1}"), trigger("{2}")]), 2).is_ok());
        for (log, expected) in [
            (json!([trigger("{}"), trigger("{}")]), 1),
            (json!([trigger("{}")]), 2),
            (json!([refused]), 1),
            (json!([trigger("{}"), other]), 1),
            (json!([trigger("{}"), trigger("{ }")]), 2),
        ] {
            assert!(check_requests(&log, expected).is_err(), "{log}");
        }
    }
}
