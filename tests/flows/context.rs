//! Who asked, in the audit log: execution, task run, attempt, flow, namespace, revision, labels,
//! trigger and trace.

use kestra_engine::{Execution, Line};
use serde_json::Value;

use crate::stage::{Stage, Task};
use crate::support::world;

/// What the audit log knows of who asked for the only run.
fn asked(stage: &Stage) -> Value {
    let runs = stage.runs();
    assert_eq!(runs.len(), 1, "{runs:#?}");
    let events = stage.events(runs[0]["run"].as_str().unwrap());
    events[0]["actor"].clone()
}

/// The Kestra task of it.
fn known(stage: &Stage) -> Value {
    asked(stage)["kestra"].clone()
}

/// Insists on what is so on either line and by either way.
fn names_the_task(stage: &Stage, known: &Value, execution: &Execution, flow: &str) {
    assert_eq!(known["execution"], execution.id(), "{known:#}");
    assert_eq!(known["task_run"], execution.task("refresh").unwrap().id());
    assert_eq!(known["attempt"], "0");
    assert_eq!(known["flow"], flow);
    assert_eq!(known["namespace"], stage.namespace());
    assert_eq!(known["revision"], "1");
    assert_eq!(known["labels"]["team"], "bi");
    assert_eq!(
        known["labels"]["system.correlationId"],
        execution.label("system.correlationId")
    );
}

on_both_lines! {
    fn the_environment_of_our_flows_brings_all_of_it(line) {
        let stage = Stage::new(line, &world());
        stage.load("order-list-pipeline");
        let execution = stage.run("order_list_pipeline", &Stage::ids());
        names_the_task(&stage, &known(&stage), &execution, "order_list_pipeline");
        // Without tracing `trace.parent` is empty, which is not worth a word.
        assert_eq!(execution.logged("WARN"), [""; 0]);
    }

    fn a_trace_goes_on_in_every_call_and_stands_in_the_record(line) {
        let stage = Stage::new(line, &world());
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let verify = "{kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444, start_within: 5m}";
        let task = Task::new("host-runner refresh order_list", verify)
            .env("TRACEPARENT", &format!("00-{trace}-00f067aa0ba902b7-01"));
        let execution = stage.run_task(&task);
        assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
        let requests = stage.platform.requests();
        assert!(requests.len() >= 4);
        for request in requests {
            let parent = request.headers["traceparent"].as_str().unwrap_or_default();
            assert!(parent.starts_with(&format!("00-{trace}-")), "{:?}: {parent}", request.on);
        }
        assert_eq!(asked(&stage)["trace"], trace);
    }
}

#[test]
fn on_2_0_the_context_file_brings_it_without_a_line_of_environment() {
    let stage = Stage::new(Line::V2, &world());
    let task = Task::new("host-runner refresh order_list", "")
        .without_env("KESTRA_TASKRUN_ID")
        .without_env("KESTRA_EXECUTION_ID")
        .with("executionContext: true");
    let execution = stage.run_task(&task);
    assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
    names_the_task(&stage, &known(&stage), &execution, "one_task");
    let refresh = execution.task("refresh").unwrap();
    assert_eq!(refresh.var("idempotency_key"), refresh.id());
    assert_eq!(execution.logged("WARN"), [""; 0]);
}
