//! The flow that we ship, run as a Kestra worker would run its task: `sh -c` with `set -e`, the
//! task's environment over the worker's, a working directory that is thrown away afterwards,
//! stdout and stderr read as pipes.

use std::process::{Command, Stdio};

use serde_json::Value;
use simulator::world::RefreshType;

use crate::support::{
    CLIENT, CLIENT_SECRET, DATAFLOW, Outcome, Platform, TENANT, WORKSPACE, dataflow, flow, frames,
    host_runner, world, world_of,
};

const FLOW_FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../kestra-flows/order-list-refresh.yml"
);

/// The task of the flow, as the engine hands it to a worker.
struct Task {
    env: Vec<(String, String)>,
    files: Vec<(String, String)>,
    commands: Vec<String>,
}

impl Task {
    /// Reads the flow and renders its expressions.
    fn of(platform: &Platform, record: &str, taskrun: &str) -> Self {
        let text = std::fs::read_to_string(FLOW_FILE).unwrap();
        let flow: Value = serde_saphyr::from_str(&text).unwrap();
        let task = &flow["tasks"][0];
        assert_eq!(
            task["taskRunner"]["type"],
            "io.kestra.plugin.core.runner.Process"
        );
        let render = |text: &str| render(text, platform, record, taskrun);
        let pairs = |value: &Value| -> Vec<(String, String)> {
            value
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.clone(), render(value.as_str().unwrap())))
                .collect()
        };
        Self {
            env: pairs(&task["env"]),
            files: pairs(&task["inputFiles"]),
            commands: task["commands"]
                .as_array()
                .unwrap()
                .iter()
                .map(|command| render(command.as_str().unwrap()))
                .collect(),
        }
    }

    /// Runs the task as the Process task runner does.
    fn run(&self, platform: &Platform) -> Outcome {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in &self.files {
            // Only what the simulator needs is added: where it listens, and leave to go there.
            let text = format!(
                "{text}\nendpoints: {{login: {base}, powerbi: {base}, fabric: {base}}}\nsandbox: {{allow_loopback: true}}\n",
                base = platform.base
            )
            .replace("start_within: 5m", "start_within: 1500ms\n      poll: 50ms");
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let bin = host_runner();
        let path = format!(
            "{}:{}",
            bin.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("/bin/sh")
            .arg("-c")
            .arg(format!("set -e\n{}", self.commands.join("\n")))
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", path)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("WORKING_DIR", dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        drop(dir);
        Outcome::of(&output)
    }
}

/// What the flow's expressions come to; one that is not known here fails the test.
fn render(text: &str, platform: &Platform, record: &str, taskrun: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, tail) = after.split_once("}}").unwrap();
        out += before;
        out += &match expression.trim() {
            "secret('ORDER_LIST_FLOW_URL')" => platform.trigger_url(),
            "secret('AZURE_TENANT_ID')" => TENANT.to_string(),
            "secret('AZURE_CLIENT_ID')" => CLIENT.to_string(),
            "secret('AZURE_CLIENT_SECRET')" => CLIENT_SECRET.to_owned(),
            "inputs.workspace_id" => WORKSPACE.to_string(),
            "inputs.dataflow_id" => DATAFLOW.to_string(),
            "inputs.record" => record.to_owned(),
            "taskrun.id" => taskrun.to_owned(),
            "execution.id" => "invented-execution".to_owned(),
            "taskrun.attemptsCount" => "0".to_owned(),
            "flow.id" => "order_list_refresh".to_owned(),
            "flow.namespace" => "company.bi".to_owned(),
            "flow.revision" => "3".to_owned(),
            unknown => panic!("the flow has an expression that the test does not know: {unknown}"),
        };
        rest = tail;
    }
    out + rest
}

/// The outputs of all frames, merged as the engine merges them: the last one of a name wins.
fn outputs(outcome: &Outcome) -> serde_json::Map<String, Value> {
    let mut merged = serde_json::Map::new();
    for frame in frames(&outcome.stdout) {
        if let Some(Value::Object(outputs)) = frame.get("outputs") {
            merged.extend(outputs.clone());
        }
    }
    merged
}

fn metrics(outcome: &Outcome) -> Vec<Value> {
    frames(&outcome.stdout)
        .iter()
        .filter_map(|frame| frame["metrics"].as_array().cloned())
        .flatten()
        .collect()
}

#[test]
fn the_shipped_flow_refreshes_and_its_outputs_say_so() {
    let platform = Platform::start(&world());
    let store = tempfile::tempdir().unwrap();
    let record = format!("sqlite:{}/audit.db", store.path().display());
    let outcome = Task::of(&platform, &record, "tr-1").run(&platform);
    outcome.exits(0);
    assert_eq!(outcome.stderr, "", "a line on stderr is an ERROR in Kestra");
    let outputs = outputs(&outcome);
    assert_eq!(outputs["status"], "completed");
    assert_eq!(outputs["refreshes"]["order_list"]["status"], "completed");
    assert_eq!(outputs["summary"]["exit_code"], 0);
    assert_eq!(outputs["idempotency_key"], "tr-1");
    let names: Vec<String> = metrics(&outcome)
        .iter()
        .map(|metric| {
            assert!(
                metric["value"].is_number(),
                "a metric without a value kills the pipe: {metric}"
            );
            metric["name"].as_str().unwrap().to_owned()
        })
        .collect();
    for name in [
        "powerbi.refresh.duration",
        "powerbi.refresh.order_list.duration",
        "powerbi.refresh.completed",
        "powerbi.refresh.http_calls",
    ] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} is not among {names:?}"
        );
    }
    for frame in frames(&outcome.stdout) {
        assert!(
            frame.get("assets").is_none(),
            "assets kill the pipe on the open-source edition"
        );
    }
}

#[test]
fn every_output_field_is_there_and_none_is_null() {
    let platform = Platform::start(&world_of(dataflow().never_starting(), flow()));
    let store = tempfile::tempdir().unwrap();
    let record = format!("sqlite:{}/audit.db", store.path().display());
    let outcome = Task::of(&platform, &record, "tr-1").run(&platform);
    outcome.exits(12);
    let outputs = outputs(&outcome);
    for name in [
        "target",
        "kind",
        "status",
        "sent",
        "evidence",
        "matched",
        "own_run",
        "code",
        "likely_cause",
        "message",
        "hint",
        "retryable",
        "retry_at",
        "run",
        "service_run",
        "flow_run",
        "started_at",
        "ended_at",
        "duration_ms",
        "http_calls",
        "attempt",
        "idempotency_key",
        "replayed",
        "audit_event",
        "exit_code",
        "service_error",
    ] {
        assert!(
            !outputs.get(name).is_none_or(Value::is_null),
            "{name} is missing or null"
        );
        let nested = &outputs["refreshes"]["order_list"][name];
        assert!(
            !nested.is_null(),
            "refreshes.order_list.{name} is missing or null"
        );
    }
    for name in ["code", "message", "activity_id"] {
        assert!(
            outputs["service_error"][name].is_string(),
            "service_error.{name}"
        );
    }
}

#[test]
fn the_swallowed_refusal_turns_the_task_red_and_names_the_next_slot() {
    let mut full = dataflow();
    for hours in 1..=8_u64 {
        full = full.past_run(hours * 2 * 3600, 240, RefreshType::Scheduled, "Success");
    }
    let platform = Platform::start(&world_of(full, flow()));
    let store = tempfile::tempdir().unwrap();
    let record = format!("sqlite:{}/audit.db", store.path().display());
    let outcome = Task::of(&platform, &record, "tr-1").run(&platform);
    outcome.exits(12);
    let outputs = outputs(&outcome);
    assert_eq!(outputs["likely_cause"], "dataflow_daily_limit");
    assert_ne!(outputs["retry_at"], "");
    let levels: Vec<String> = frames(&outcome.stdout)
        .iter()
        .filter_map(|frame| frame["logs"].as_array().cloned())
        .flatten()
        .filter_map(|log| log["level"].as_str().map(str::to_owned))
        .collect();
    assert!(levels.iter().any(|level| level == "ERROR"), "{levels:?}");
    assert!(
        levels
            .iter()
            .all(|level| ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level.as_str()))
    );
}

#[test]
fn a_task_that_is_delivered_twice_is_one_refresh_and_counts_once() {
    let platform = Platform::start(&world());
    let store = tempfile::tempdir().unwrap();
    let record = format!("sqlite:{}/audit.db", store.path().display());
    let task = Task::of(&platform, &record, "tr-1");
    task.run(&platform).exits(0);
    let again = task.run(&platform);
    again.exits(0);
    assert_eq!(outputs(&again)["replayed"], true);
    assert!(
        !metrics(&again)
            .iter()
            .any(|metric| metric["name"] == "powerbi.refresh.completed")
    );
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn the_record_knows_the_execution_that_asked() {
    let platform = Platform::start(&world());
    let store = tempfile::tempdir().unwrap();
    let record = format!("sqlite:{}/audit.db", store.path().display());
    Task::of(&platform, &record, "tr-1").run(&platform).exits(0);
    let list = Command::new(host_runner())
        .args(["audit", "list", "--output", "json", "--audit", &record])
        .output()
        .unwrap();
    let run = Outcome::of(&list).results[0]["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let show = Command::new(host_runner())
        .args([
            "audit", "show", &run, "--output", "json", "--audit", &record,
        ])
        .output()
        .unwrap();
    let event = Outcome::of(&show).results[0].clone();
    let kestra = &event["actor"]["kestra"];
    assert_eq!(kestra["execution"], "invented-execution");
    assert_eq!(kestra["task_run"], "tr-1");
    assert_eq!(kestra["revision"], "3");
    assert_eq!(event["key"], "tr-1");
}
