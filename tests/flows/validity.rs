//! The engine accepts every flow that we ship, and every flow has what our flows must have.

use kestra_engine::Line;
use serde_json::{Value, json};

use crate::fixture::{CONTEXT, Fixture};
use crate::shipped;
use crate::support::world;

/// The flow that has only what a safe refresh needs.
const FIRST: &str = "first-refresh";

fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("a flow is YAML")
}

/// Collects every task of a flow, nested ones included.
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
    fn the_engine_accepts_every_flow_without_warnings_and_deprecations(line) {
        let fixture = Fixture::new(line, &world());
        let names = shipped::flows_of(line);
        assert!(names.len() >= 8, "{names:?}");
        for name in names {
            let text = shipped::flow(&name);
            let verdict = fixture.request("validate", json!({"source": text}));
            let verdict = &verdict[0];
            assert!(verdict["constraints"].is_null(), "{name}: {verdict:#}");
            for list in ["deprecationPaths", "warnings"] {
                assert_eq!(verdict[list], json!([]), "{name}: {verdict:#}");
            }
            fixture.load(&name);
        }
    }

    fn the_engine_reads_the_dashboard_with_its_charts(line) {
        let fixture = Fixture::new(line, &world());
        let charts = fixture.request("dashboard", json!({"source": shipped::file("dashboard.yml")}));
        let charts = charts.as_array().expect("a list of charts");
        assert!(charts.len() >= 4, "{charts:?}");
    }
}

#[test]
fn every_flow_is_safe_to_import() {
    for line in Line::ALL {
        for name in shipped::flows_of(line) {
            let text = shipped::flow(&name);
            let flow = parsed(&text);
            let keys = [
                "description",
                "labels",
                "concurrency",
                "sla",
                "errors",
                "finally",
            ];
            for key in keys.iter().filter(|_| name != FIRST) {
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
                    let has_timeout = !task["timeout"].is_null() || name == FIRST;
                    assert!(has_timeout, "{name}: {id} has no timeout");
                    assert!(task["beforeCommands"].is_null(), "{name}: {id}");
                }
                assert!(
                    !task["commands"].to_string().contains("secret("),
                    "{name}: {id} has a secret in a command, which Kestra logs"
                );
                if runs_host_runner(task) {
                    assert!(
                        task["retry"].is_null(),
                        "{name}: {id}: retries belong in the runner"
                    );
                    assert_eq!(task["env"]["KESTRA_CONTEXT"], CONTEXT, "{name}: {id}");
                    let includes = task["namespaceFiles"]["include"].to_string();
                    assert!(
                        includes.contains("refresh.yaml")
                            || !task["env"]["HOST_RUNNER_AUDIT"].is_null(),
                        "{name}: {id} names no audit log"
                    );
                }
            }
        }
    }
}

#[test]
fn flows_are_short_and_name_their_context_once() {
    let yaml = shipped::flow(FIRST);
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
    assert!(yaml.lines().filter(is_code).count() <= 12, "{yaml}");
    assert!(shipped::file("README.md").lines().count() <= 150);
    let hint = host_runner::orchestrator::CONTEXT_LINE;
    assert_eq!(hint, format!("KESTRA_CONTEXT: \"{CONTEXT}\""));
    for line in Line::ALL {
        for name in shipped::flows_of(line) {
            let text = shipped::flow(&name);
            let limit = if name == "order-list-pipeline" {
                110
            } else {
                90
            };
            let lines = text.lines().count();
            assert!(lines <= limit, "{name} has {lines} lines, at most {limit}");
            let others = text.replace("KESTRA_CONTEXT", "");
            assert!(
                !others.contains("KESTRA_") && !others.contains("TRACEPARENT"),
                "{name}"
            );
        }
    }
}
