//! The input and output of a Kestra task: its context in the audit log, the trace in every call, outputs, and
//! missing lines of its `env:`.

use serde_json::{Map, Value, json};

use crate::support::{CLIENT_SECRET, Outcome, Platform, Setup, frames, world};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACE_GUID: &str = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";

/// The usual target in a Kestra task, with an audit log that outlives the task.
struct Task {
    setup: Setup,
    _store: tempfile::TempDir,
}

impl Task {
    fn of(setup: Setup) -> Self {
        let store = tempfile::tempdir().unwrap();
        let record = format!("sqlite:{}/audit.db", store.path().display());
        Self {
            setup: setup.env("HOST_RUNNER_AUDIT", &record),
            _store: store,
        }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.setup = self.setup.env(name, value);
        self
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.setup.run(arguments)
    }
}

fn task(platform: &Platform) -> Task {
    Task::of(Setup::verified(platform))
        .env("KESTRA_TASKRUN_ID", "tr-1")
        .env("KESTRA_EXECUTION_ID", "ex-1")
}

/// The outputs, merged as the engine merges them.
fn outputs(outcome: &Outcome) -> Map<String, Value> {
    let mut merged = Map::new();
    for frame in frames(&outcome.stdout) {
        merged.extend(frame["outputs"].as_object().cloned().unwrap_or_default());
    }
    merged
}

/// The log entries at this level.
fn logs(outcome: &Outcome, level: &str) -> Vec<String> {
    frames(&outcome.stdout)
        .iter()
        .filter_map(|frame| frame["logs"].as_array().cloned())
        .flatten()
        .filter(|log| log["level"] == level)
        .filter_map(|log| log["message"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn labels_trigger_and_trace_are_in_the_audit_log_without_secrets() {
    let platform = Platform::start(&world());
    let labels = json!({
        "team": "bi",
        "system": {"correlationId": "c-1"},
        "slip": format!("pw {CLIENT_SECRET}"),
    });
    let task = task(&platform)
        .env("KESTRA_LABELS", &labels.to_string())
        .env("KESTRA_TRIGGER_ID", "nightly")
        .env(
            "KESTRA_TRIGGER_TYPE",
            "io.kestra.plugin.core.trigger.Schedule",
        )
        .env("TRACEPARENT", &format!("00-{TRACE_ID}-00f067aa0ba902b7-01"));
    task.run(&["refresh", "order_list"]).exits(0);
    let events = task.setup.events();
    assert!(events.len() > 3);
    for event in &events {
        let kestra = &event["actor"]["kestra"];
        assert_eq!(kestra["labels"]["team"], "bi");
        assert_eq!(kestra["labels"]["system.correlationId"], "c-1");
        assert_eq!(kestra["labels"]["slip"], "pw ***");
        assert_eq!(kestra["trigger"], "nightly");
        assert_eq!(
            kestra["trigger_type"],
            "io.kestra.plugin.core.trigger.Schedule"
        );
        assert_eq!(event["actor"]["trace"], TRACE_ID);
    }
    let run = events[0]["run"].as_str().unwrap();
    task.run(&["audit", "show", run, "--output", "text"])
        .exits(0)
        .says("kestra.labels.team: bi")
        .says("kestra.trigger: nightly")
        .says(&format!("trace: {TRACE_ID}"));
}

#[test]
fn every_call_continues_the_trace_and_the_audit_log_has_its_id() {
    let platform = Platform::start(&world());
    let task = task(&platform).env("TRACEPARENT", &format!("00-{TRACE_ID}-00f067aa0ba902b7-01"));
    task.run(&["refresh", "order_list"]).exits(0);
    let requests = platform.requests();
    let mut spans: Vec<String> = requests
        .iter()
        .map(|request| {
            let parent = request.headers["traceparent"].as_str().unwrap();
            let (trace, span) = (&parent[3..35], &parent[36..52]);
            assert_eq!(trace, TRACE_ID);
            assert!(parent.ends_with("-01"), "{parent}");
            span.to_owned()
        })
        .collect();
    spans.sort();
    spans.dedup();
    assert_eq!(spans.len(), requests.len(), "a span for each call");
    let token = &platform.requests_for("token")[0];
    assert_eq!(token.headers["client-request-id"], TRACE_GUID);
    let look = &platform.requests_for("transactions")[0];
    assert_eq!(look.headers["x-ms-client-request-id"], TRACE_GUID);
    let trigger = &platform.requests_for("trigger")[0];
    assert!(trigger.headers["x-ms-client-request-id"].is_null());

    let events = task.setup.events();
    let intent = events
        .iter()
        .find(|event| event["event"] == "intent")
        .unwrap();
    let sent = format!("{}-{TRACE_ID}", intent["run"].as_str().unwrap());
    assert_eq!(trigger.headers["x-ms-client-tracking-id"], sent);
    let recorded = intent["detail"]["request"]["headers"].as_array().unwrap();
    assert!(
        recorded.contains(&json!(["x-ms-client-tracking-id", sent])),
        "{recorded:?}"
    );
}

#[test]
fn no_trace_is_started_and_an_invalid_one_is_a_warning() {
    for (value, warned) in [("", false), ("00-nonsense-01", true)] {
        let platform = Platform::start(&world());
        let task = task(&platform).env("TRACEPARENT", value);
        let outcome = task.run(&["refresh", "order_list"]);
        outcome.exits(0);
        for request in platform.requests() {
            for name in ["traceparent", "client-request-id", "x-ms-client-request-id"] {
                assert!(request.headers[name].is_null(), "{request:?}");
            }
        }
        let run = outputs(&outcome)["run"].clone();
        let trigger = &platform.requests_for("trigger")[0];
        assert_eq!(trigger.headers["x-ms-client-tracking-id"], run);
        let about_it = logs(&outcome, "WARN")
            .iter()
            .filter(|message| message.contains("TRACEPARENT: \"{{ trace.parent ?? '' }}\""))
            .count();
        assert_eq!(about_it, usize::from(warned), "{outcome:#?}");
    }
}

#[test]
fn otlp_frames_replace_logs_and_counters() {
    let platform = Platform::start(&world());
    let outcome = task(&platform)
        .env("TRACEPARENT", &format!("00-{TRACE_ID}-00f067aa0ba902b7-01"))
        .run(&["refresh", "order_list", "--kestra-otlp"]);
    outcome.exits(0);
    let frames = frames(&outcome.stdout);
    assert!(frames.iter().all(|frame| frame.get("logs").is_none()));
    let records: Vec<&Value> = frames
        .iter()
        .map(|frame| &frame["otlp"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0])
        .filter(|record| !record.is_null())
        .collect();
    assert!(records.len() > 2, "{frames:#?}");
    let times: Vec<u64> = records
        .iter()
        .map(|record| {
            assert_eq!(record["traceId"], TRACE_ID);
            record["timeUnixNano"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let counters: Vec<&str> = frames
        .iter()
        .filter_map(|frame| {
            frame["otlp"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array()
        })
        .flatten()
        .filter(|metric| metric["sum"]["aggregationTemporality"] == 1)
        .filter_map(|metric| metric["name"].as_str())
        .collect();
    assert_eq!(
        counters,
        ["powerbi.refresh.http_calls", "powerbi.refresh.completed"]
    );
    let plain: Vec<&Value> = frames
        .iter()
        .filter_map(|frame| frame["metrics"].as_array())
        .flatten()
        .collect();
    assert!(!plain.is_empty() && plain.iter().all(|metric| metric["type"] == "timer"));
    assert_eq!(outputs(&outcome)["status"], "completed");
}

#[test]
fn a_dry_run_has_every_field_as_output_and_a_quota_gauge() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform).replacing(
        "    kind: power-automate\n",
        "    kind: power-automate\n    quota: {limit: 8}\n",
    );
    let outcome = Task::of(setup).env("KESTRA_TASKRUN_ID", "tr-1").run(&[
        "refresh",
        "order_list",
        "--dry-run",
    ]);
    outcome.exits(0);
    let outputs = outputs(&outcome);
    let plan = outputs["plans"]["order_list"].as_object().unwrap();
    for name in [
        "target", "dry_run", "would", "code", "retry_at", "quota", "request", "running", "newest",
    ] {
        assert!(!plan[name].is_null(), "{name}: {plan:?}");
        assert_eq!(outputs[name], plan[name], "{name}");
    }
    for name in ["id", "refresh_type", "status", "started_at", "ended_at"] {
        assert_eq!(plan["running"][name], "", "{plan:?}");
        assert_eq!(plan["newest"][name], "", "{plan:?}");
    }
    assert_eq!(plan["would"], "send");
    let gauges: Vec<Value> = frames(&outcome.stdout)
        .iter()
        .filter_map(|frame| frame["metrics"].as_array().cloned())
        .flatten()
        .collect();
    assert_eq!(
        gauges,
        [json!({
            "type": "gauge", "name": "powerbi.refresh.order_list.quota_left", "value": 8,
            "tags": {"target": "order_list", "kind": "power-automate"},
        })]
    );
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_list_of_runs_is_an_output_even_if_empty() {
    let platform = Platform::start(&world());
    let task = task(&platform);
    let refreshed = outputs(&task.run(&["refresh", "order_list"]));
    let listed = outputs(&task.run(&["audit", "list"]));
    assert_eq!(listed["count"], 1);
    assert_eq!(listed["run_ids"], json!([refreshed["run"]]));
    let row = &listed["runs"][0];
    assert_eq!(row["status"], "completed");
    assert_eq!(row["target"], "order_list");
    let json = task.run(&["audit", "list", "--output", "json"]);
    assert_eq!(row, json.result(), "the rows are those of JSON");
    let open = outputs(&task.run(&["audit", "list", "--open"]));
    assert_eq!(open["count"], 0);
    assert_eq!(open["run_ids"], json!([]));
    assert_eq!(open["runs"], json!([]));
}

#[test]
fn a_list_without_an_audit_log_is_empty_with_a_warning() {
    let platform = Platform::start(&world());
    let task = task(&platform);
    let listed = task.run(&["audit", "list", "--open"]);
    listed.exits(0);
    assert_eq!(outputs(&listed)["count"], 0);
    assert!(
        logs(&listed, "WARN")
            .iter()
            .any(|message| message.contains("does not exist")),
        "{listed:#?}"
    );
}

#[test]
fn follow_has_the_outputs_of_a_refresh() {
    let platform = Platform::start(&world());
    let task = task(&platform);
    let refreshed = outputs(&task.run(&["refresh", "order_list"]));
    let run = refreshed["run"].as_str().unwrap();
    let followed = task.run(&["follow", run]);
    followed.exits(0);
    let followed = outputs(&followed);
    assert_eq!(
        followed.keys().collect::<Vec<_>>(),
        refreshed.keys().collect::<Vec<_>>()
    );
    assert_eq!(followed["status"], "completed");
    assert_eq!(followed["refreshes"]["order_list"]["run"], *run);
    assert_eq!(followed["summary"]["exit_code"], 0);
}

#[test]
fn a_check_and_an_empty_list_are_logged() {
    let platform = Platform::start(&world());
    let task = task(&platform);
    let checked = task.run(&["check", "order_list"]);
    checked.exits(0);
    let told = logs(&checked, "INFO");
    assert!(
        told.iter().any(|line| line.contains("is writable")),
        "{told:?}"
    );
    let listed = task.run(&["list", "models", "Data Admin"]);
    listed.exits(0);
    assert_eq!(logs(&listed, "INFO"), ["nothing found"]);
}

#[test]
fn missing_ids_are_logged_with_the_lines_to_add() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    let dir = setup.dir().to_str().unwrap().to_owned();
    let task = Task::of(setup).env("WORKING_DIR", &dir);
    let outcome = task.run(&["refresh", "order_list"]);
    outcome.exits(0);
    let warned = logs(&outcome, "WARN");
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].ends_with("KESTRA_TASKRUN_ID: \"{{ taskrun.id }}\""));
    let told = logs(&outcome, "INFO");
    assert!(
        told.iter()
            .any(|line| line.ends_with("KESTRA_EXECUTION_ID: \"{{ execution.id }}\"")),
        "{told:?}"
    );
    assert_eq!(outputs(&outcome)["idempotency_key"], "");
}

#[test]
fn a_context_file_provides_the_ids() {
    let platform = Platform::start(&world());
    let task = Task::of(Setup::verified(&platform));
    std::fs::write(
        task.setup.path(".kestra-execution-context.json"),
        r#"{"execution":{"id":"ex-1"},"taskrun":{"id":"tr-9","attemptsCount":0},
            "labels":{"team":"bi"},"inputs":{"password":"INVENTED-input-0123456789"}}"#,
    )
    .unwrap();
    let outcome = task.run(&["refresh", "order_list"]);
    outcome.exits(0);
    assert!(logs(&outcome, "WARN").is_empty(), "{outcome:#?}");
    assert!(!outcome.stdout.contains("KESTRA_"), "{outcome:#?}");
    assert_eq!(outputs(&outcome)["idempotency_key"], "tr-9");
    let events = task.setup.events();
    assert_eq!(events[0]["actor"]["kestra"]["labels"]["team"], "bi");
    assert!(!format!("{events:?}").contains("INVENTED-input"));
}
