//! The caller in the audit log: execution, task run, attempt, flow, namespace, revision, labels, trigger
//! and trace.

use kestra_engine::{Execution, Line};
use serde_json::json;

use crate::fixture::{CONTEXT, Fixture, Task, VERIFY};
use crate::support::world;

/// Asserts that the only run in the audit log names this task.
pub fn assert_task(fixture: &Fixture, execution: &Execution, flow: &str) {
    let task = &fixture.only_run_events()[0]["actor"]["kestra"];
    assert_eq!(task["execution"], execution.id(), "{task:#}");
    assert_eq!(task["task_run"], execution.task("refresh").unwrap().id());
    assert_eq!(task["attempt"], "0");
    assert_eq!(task["flow"], flow);
    assert_eq!(task["namespace"], fixture.namespace());
    assert_eq!(task["revision"], "1");
    assert_eq!(task["labels"]["team"], "bi");
    assert_eq!(
        task["labels"]["system.correlationId"],
        execution.label("system.correlationId")
    );
}

on_both_lines! {
    fn the_environment_of_our_flows_identifies_the_task(line) {
        let fixture = Fixture::new(line, &world());
        fixture.load("order-list-pipeline");
        let execution = fixture.run("order_list_pipeline", &json!({}));
        assert_task(&fixture, &execution, "order_list_pipeline");
        // Without tracing `trace.parent` is empty, which causes no warning.
        assert_eq!(execution.logged("WARN"), [""; 0]);
    }

    fn a_trace_continues_in_every_call_and_is_in_the_audit_log(line) {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = format!("00-{trace}-00f067aa0ba902b7-01");
        // The engine of the tests has no tracing, so the expression gets a trace.
        let traced = CONTEXT.replace("trace ?? {}", &format!("{{'parent': '{parent}'}}"));
        assert_ne!(traced, CONTEXT);
        for (name, value) in [("TRACEPARENT", &parent), ("KESTRA_CONTEXT", &traced)] {
            let fixture = Fixture::new(line, &world());
            let task = Task::new("host-runner refresh order_list", VERIFY).env(name, value);
            let execution = fixture.run_task(&task);
            assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
            let requests = fixture.platform.requests();
            assert!(requests.len() >= 4);
            for request in requests {
                let parent = request.headers["traceparent"].as_str().unwrap_or_default();
                assert!(parent.starts_with(&format!("00-{trace}-")), "{:?}: {parent}", request.on);
            }
            assert_eq!(fixture.only_run_events()[0]["actor"]["trace"], trace);
        }
    }

    fn an_expression_in_a_label_is_not_evaluated(line) {
        let fixture = Fixture::new(line, &world());
        let flow = Task::new("host-runner refresh order_list", VERIFY).flow();
        let slip = "{{ secret('AZURE_CLIENT_SECRET') }}";
        fixture.load_text(&flow.replace("{team: bi}", &format!("{{team: bi, slip: \"{slip}\"}}")));
        fixture.succeeds("one_task", &json!({}));
        let task = &fixture.only_run_events()[0]["actor"]["kestra"];
        let found = task["labels"]["slip"].as_str().unwrap();
        assert!(found.starts_with("{{ secret('AZURE_CLIENT_SECRET"), "{found}");
    }
}

#[test]
fn the_context_file_identifies_the_task_without_variables_on_kestra_2_0() {
    let fixture = Fixture::new(Line::V2, &world());
    let task = Task::new("host-runner refresh order_list", "")
        .without_env("KESTRA_CONTEXT")
        .with("executionContext: true");
    let execution = fixture.run_task(&task);
    assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
    assert_task(&fixture, &execution, "one_task");
    let refresh = execution.task("refresh").unwrap();
    assert_eq!(refresh.var("idempotency_key"), refresh.id());
    assert_eq!(execution.logged("WARN"), [""; 0]);
}
