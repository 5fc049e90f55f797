//! Every flow that we ship is one that the engine takes, and has what a flow of ours has to have.

use kestra_engine::Line;
use serde_json::{Value, json};

use crate::shipped;
use crate::stage::Stage;
use crate::support::world;

/// The flow's YAML.
fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("a flow is YAML")
}

/// Every task of a flow, those within others too.
fn tasks(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            let is_task = fields
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|kind| {
                    kind.starts_with("io.kestra.")
                        && !kind.contains(".trigger.")
                        && !kind.contains(".runner.")
                });
            if is_task {
                found.push(value.clone());
            }
            fields.values().for_each(|field| tasks(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| tasks(item, found)),
        _ => {}
    }
}

fn runs_host_runner(task: &Value) -> bool {
    task["commands"].to_string().contains("host-runner ")
}

on_both_lines! {
    fn the_engine_finds_nothing_wrong_with_any_flow_and_nothing_that_it_is_to_lose(line) {
        let stage = Stage::new(line, &world());
        let names = shipped::flows_of(line);
        assert!(names.len() >= 8, "{names:?}");
        for name in names {
            let text = shipped::flow(&name);
            let verdict = stage.ask("validate", json!({"source": text}));
            let verdict = &verdict[0];
            assert!(verdict["constraints"].is_null(), "{name}: {verdict:#}");
            for list in ["deprecationPaths", "warnings"] {
                assert_eq!(verdict[list], json!([]), "{name}: {verdict:#}");
            }
            stage.load(&name);
        }
    }
}

#[test]
fn every_flow_has_what_makes_it_safe_to_import() {
    for line in Line::ALL {
        for name in shipped::flows_of(line) {
            let text = shipped::flow(&name);
            let flow = parsed(&text);
            for key in [
                "description",
                "labels",
                "concurrency",
                "sla",
                "errors",
                "finally",
            ] {
                assert!(!flow[key].is_null(), "{name} has no {key}");
            }
            assert_eq!(flow["namespace"], "company.bi", "{name}");
            let mut all = Vec::new();
            tasks(&flow, &mut all);
            assert!(!all.is_empty(), "{name}");
            for task in &all {
                let id = &task["id"];
                if task["type"]
                    .as_str()
                    .is_some_and(|kind| kind.ends_with("shell.Commands"))
                {
                    assert_eq!(
                        task["taskRunner"]["type"], "io.kestra.plugin.core.runner.Process",
                        "{name}: {id}"
                    );
                    assert!(!task["timeout"].is_null(), "{name}: {id} has no timeout");
                }
                assert!(
                    !task["commands"].to_string().contains("secret("),
                    "{name}: {id} has a secret in its command, which Kestra logs"
                );
                if runs_host_runner(task) {
                    assert!(
                        task["retry"].is_null(),
                        "{name}: {id}: retries belong in the runner"
                    );
                    for variable in [
                        "HOST_RUNNER_AUDIT",
                        "KESTRA_TASKRUN_ID",
                        "KESTRA_EXECUTION_ID",
                        "TRACEPARENT",
                    ] {
                        assert!(
                            !task["env"][variable].is_null(),
                            "{name}: {id} has no {variable} in its env"
                        );
                    }
                }
            }
        }
    }
}

on_both_lines! {
    fn the_dashboard_is_one_that_the_engine_reads_with_its_charts(line) {
        let stage = Stage::new(line, &world());
        let charts = stage.ask("dashboard", json!({"source": shipped::file("dashboard.yml")}));
        let charts = charts.as_array().expect("a list of charts");
        assert!(charts.len() >= 4, "{charts:?}");
    }
}
