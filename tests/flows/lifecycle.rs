//! What Kestra does to tasks, looked at closely: kill, timeout, retry, a lost worker, Restart, Replay.
//! Whatever it does, there is one refresh where one was meant, and the audit log knows. That this holds
//! in every flow, and for a task that is delivered twice, is shown in `matrix`.

use std::process::Command;

use kestra_engine::{Execution, Line};
use serde_json::{Value, json};

use crate::shipped;
use crate::stage::{Stage, Task};
use crate::support::{dataflow, flow, world, world_of};

const FLOW: &str = "order_list_pipeline";

/// A world in which a refresh goes on until it is ended.
fn endless() -> simulator::world::World {
    world_of(dataflow().run_ms(3_600_000), flow())
}

/// The pipeline with something in it changed, as users change it.
fn changed(from: &str, to: &str) -> String {
    let text = shipped::flow("order-list-pipeline");
    assert!(text.contains(from), "the pipeline has no {from:?}");
    text.replace(from, to)
}

/// Begins a flow, and waits until its run at the service is known to be its own.
fn begun_and_matched(stage: &Stage, flow: &str) -> String {
    let inputs = if flow == FLOW {
        Stage::ids()
    } else {
        json!({})
    };
    let execution = stage.begin(flow, &inputs);
    stage.until_matched();
    execution
}

/// The events of the only run, with their fields.
fn events(stage: &Stage) -> Vec<Value> {
    let runs = stage.runs();
    assert_eq!(runs.len(), 1, "{runs:#?}");
    stage.events(runs[0]["run"].as_str().unwrap())
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect()
}

fn status(execution: &Execution) -> Value {
    execution.task("refresh").unwrap().var("status")
}

/// Whether a process is there.
fn is_running(pid: &Value) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
        || Command::new("kill")
            .args(["-0", &pid.to_string()])
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

on_both_lines! {
    fn a_kill_ends_the_process_with_a_durable_word_and_leaves_the_refresh_running(line) {
        let stage = Stage::new(line, &endless());
        stage.load("order-list-pipeline");
        let execution = begun_and_matched(&stage, FLOW);
        let pid = events(&stage)[0]["actor"]["pid"].clone();
        stage.kill(&execution);
        let killed = stage.end_of(&execution);
        assert_eq!(killed.state(), "KILLED");
        stage.eventually("the process is gone", |_| !is_running(&pid));
        let events = events(&stage);
        assert_eq!(kinds(&events).last(), Some(&"interrupted"));
        let last = events.last().unwrap();
        assert_eq!(last["detail"]["signal"], "SIGTERM");
        assert_eq!(last["detail"]["sent"], "yes");
        assert_eq!(stage.platform.runs()[0]["status"], "InProgress");
        assert!(stage.platform.requests_for("cancel").is_empty());
    }

    fn a_kill_stops_the_refresh_too_where_that_is_asked_for(line) {
        let stage = Stage::new(line, &endless());
        stage.load_text(&changed("          deadline: 3h30m\n", "          deadline: 3h30m\n          on_interrupt: cancel\n"));
        let execution = begun_and_matched(&stage, FLOW);
        stage.kill(&execution);
        stage.eventually("the service was asked to stop it", |stage| {
            !stage.platform.requests_for("cancel").is_empty()
        });
        stage.eventually("what the service said of it is stored", |stage| {
            kinds(&events(stage)).last() == Some(&"note")
        });
        let events = events(&stage);
        let kinds = kinds(&events);
        assert_eq!(kinds[kinds.len() - 2..], ["interrupted", "note"], "first the interruption");
        assert_eq!(stage.end_of(&execution).state(), "KILLED");
        assert_eq!(stage.platform.runs()[0]["status"], "Cancelled");
    }

    fn a_task_that_runs_out_of_time_is_red_and_the_record_has_what_kestra_lost(line) {
        let stage = Stage::new(line, &endless());
        stage.load_text(&changed("timeout: PT4H", "timeout: PT8S"));
        let execution = begun_and_matched(&stage, FLOW);
        let ended = stage.end_of(&execution);
        assert_eq!(ended.state(), "FAILED");
        // Kestra drops the outputs of a task that it timed out.
        assert_eq!(status(&ended), Value::Null);
        assert_eq!(ended.label("verdict"), "none");
        assert!(ended.logged("ERROR").join("\n").contains("no verdict"));
        stage.eventually("the interruption is stored", |stage| {
            kinds(&events(stage)).last() == Some(&"interrupted")
        });
        assert_eq!(stage.platform.triggers(), 1);
    }

    fn a_restart_after_an_interruption_follows_what_the_first_start_began(line) {
        let stage = Stage::new(line, &endless());
        stage.load_text(&changed("timeout: PT4H", "timeout: PT8S"));
        let first = begun_and_matched(&stage, FLOW);
        assert_eq!(stage.end_of(&first).state(), "FAILED");
        stage.platform.complete("Success");
        let again = stage.restart(&first);
        assert_eq!(again.state(), "SUCCESS", "{:#}", again.raw());
        assert_eq!(status(&again), "completed");
        assert_eq!(stage.platform.triggers(), 1, "it is followed, not triggered again");
        assert_eq!(stage.runs().len(), 1);
    }

    fn a_retry_after_a_lost_worker_follows_what_the_first_began(line) {
        let stage = Stage::new(line, &endless());
        // A task `retry:` of Kestra's, which our flows do not have, gives the task once more under
        // the same task run id, as a worker that is lost does.
        let verify = "{kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444, start_within: 5m}";
        let task = Task::new("host-runner refresh order_list", verify)
            .with("retry: {type: constant, interval: PT1S, maxAttempts: 2}");
        stage.load_text(&task.flow());
        let execution = begun_and_matched(&stage, "one_task");
        let pid = events(&stage)[0]["actor"]["pid"].to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        stage.until(&execution, "a second attempt", |execution| {
            execution.task("refresh").is_some_and(|task| task.attempts() == 2)
        });
        stage.platform.complete("Success");
        let ended = stage.end_of(&execution);
        let refresh = ended.task("refresh").unwrap();
        assert_eq!(ended.state(), "SUCCESS", "{:#}", ended.raw());
        assert_eq!(refresh.var("status"), "completed");
        assert_eq!(refresh.var("idempotency_key"), refresh.id());
        assert_eq!(stage.platform.triggers(), 1);
        assert_eq!(stage.runs().len(), 1);
    }

    fn a_restart_after_a_failed_refresh_starts_afresh_under_the_same_task_run(line) {
        let stage = Stage::new(line, &world_of(dataflow().ends("Failed"), flow()));
        stage.load("order-list-pipeline");
        let first = stage.run(FLOW, &Stage::ids());
        assert_eq!((first.state(), &status(&first)), ("FAILED", &json!("failed")));
        assert_eq!(first.task("refresh").unwrap().exit_code(), 10);
        stage.platform.change_dataflow(json!({"ends": "Success"}));
        let again = stage.restart(first.id());
        assert_eq!((again.state(), &status(&again)), ("SUCCESS", &json!("completed")));
        assert_eq!(again.task("refresh").unwrap().id(), first.task("refresh").unwrap().id());
        assert_eq!(stage.platform.triggers(), 2);
        assert_eq!(stage.runs().len(), 2);
    }

    fn a_restart_after_nobody_knew_looks_again_and_triggers_nothing(line) {
        let stage = Stage::new(line, &world_of(dataflow().never_starting(), flow()));
        stage.load("order-list-pipeline");
        let first = stage.run(FLOW, &Stage::ids());
        assert_eq!((first.state(), &status(&first)), ("FAILED", &json!("unknown")));
        let again = stage.restart(first.id());
        assert_eq!((again.state(), &status(&again)), ("FAILED", &json!("unknown")));
        assert_eq!(stage.platform.triggers(), 1);
        assert_eq!(stage.runs().len(), 1);
    }

    fn a_replay_is_a_new_refresh(line) {
        let stage = Stage::new(line, &world());
        stage.load("order-list-pipeline");
        let first = stage.run(FLOW, &Stage::ids());
        let again = stage.replay(first.id());
        assert_eq!((first.state(), again.state()), ("SUCCESS", "SUCCESS"));
        assert_ne!(again.task("refresh").unwrap().id(), first.task("refresh").unwrap().id());
        assert_eq!(again.task("refresh").unwrap().var("replayed"), false);
        assert_eq!(stage.platform.triggers(), 2);
        assert_eq!(stage.platform.completed_runs().len(), 2);
    }
}
