//! What reaches a Kestra task from its environment: the context in the audit log, the trace in every call, and
//! outputs. The tests of `report::frames`, of `orchestrator` and of `tests/flows` cover the rest.

use serde_json::{Map, Value, json};

use crate::support::{CLIENT_SECRET, Outcome, Platform, Setup, frames, verified, world};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACE_GUID: &str = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";

/// A Kestra task with the usual target, and the folder of its audit log, which outlives the task.
fn task() -> (Platform, Setup, tempfile::TempDir) {
    let (platform, setup) = verified(&world());
    let store = tempfile::tempdir().unwrap();
    let audit_log = format!("sqlite:{}/audit.db", store.path().display());
    let setup = setup
        .env("HOST_RUNNER_AUDIT", &audit_log)
        .env("KESTRA_TASKRUN_ID", "tr-1")
        .env("KESTRA_EXECUTION_ID", "ex-1")
        .env("TRACEPARENT", &format!("00-{TRACE_ID}-00f067aa0ba902b7-01"));
    (platform, setup, store)
}

/// The outputs, merged as the engine merges them.
fn outputs(outcome: &Outcome) -> Map<String, Value> {
    let mut merged = Map::new();
    for frame in frames(&outcome.stdout) {
        merged.extend(frame["outputs"].as_object().cloned().unwrap_or_default());
    }
    merged
}

#[test]
fn labels_trigger_and_trace_are_in_the_audit_log_without_secrets() {
    let (_platform, task, _store) = task();
    let labels = json!({
        "team": "bi",
        "system": {"correlationId": "c-1"},
        "slip": format!("pw {CLIENT_SECRET}"),
    });
    let schedule = "io.kestra.plugin.core.trigger.Schedule";
    let task = task
        .env("KESTRA_LABELS", &labels.to_string())
        .env("KESTRA_TRIGGER_ID", "nightly")
        .env("KESTRA_TRIGGER_TYPE", schedule);
    task.run("refresh order_list").exits(0);
    let events = task.events();
    assert!(events.len() > 3);
    for event in &events {
        let kestra = &event["actor"]["kestra"];
        assert_eq!(
            kestra["labels"],
            json!({"team": "bi", "system.correlationId": "c-1", "slip": "pw ***"})
        );
        assert_eq!(kestra["trigger"], "nightly");
        assert_eq!(kestra["trigger_type"], schedule);
        assert_eq!(event["actor"]["trace"], TRACE_ID);
    }
    let run = events[0]["run"].as_str().unwrap();
    task.run(&format!("audit show {run} --output text"))
        .exits(0)
        .says("kestra.labels.team: bi")
        .says("kestra.trigger: nightly")
        .says(&format!("trace: {TRACE_ID}"));
}

#[test]
fn every_call_continues_the_trace_and_the_audit_log_has_its_id() {
    let (platform, task, _store) = task();
    task.run("refresh order_list").exits(0);
    let requests = platform.requests();
    let mut spans: Vec<&str> = requests
        .iter()
        .map(|request| {
            let parent = request.headers["traceparent"].as_str().unwrap();
            assert_eq!(&parent[3..35], TRACE_ID);
            assert!(parent.ends_with("-01"), "{parent}");
            &parent[36..52]
        })
        .collect();
    spans.sort_unstable();
    spans.dedup();
    assert_eq!(spans.len(), requests.len(), "a span for each call");
    let header = |on: &str, name: &str| platform.requests_for(on)[0].headers[name].clone();
    assert_eq!(header("token", "client-request-id"), TRACE_GUID);
    assert_eq!(header("transactions", "x-ms-client-request-id"), TRACE_GUID);
    assert_eq!(header("trigger", "x-ms-client-request-id"), Value::Null);

    let events = task.events();
    let intents = |event: &&Value| event["event"] == "intent";
    let intent = events.iter().find(intents).unwrap();
    let sent = format!("{}-{TRACE_ID}", intent["run"].as_str().unwrap());
    assert_eq!(header("trigger", "x-ms-client-tracking-id"), sent);
    let recorded = intent["detail"]["request"]["headers"].as_array().unwrap();
    let sent = json!(["x-ms-client-tracking-id", sent]);
    assert!(recorded.contains(&sent), "{recorded:?}");
}

#[test]
fn otlp_frames_replace_logs_and_belong_to_the_trace() {
    let (_platform, task, _store) = task();
    let outcome = task.run("refresh order_list --kestra-otlp");
    outcome.exits(0);
    let frames = frames(&outcome.stdout);
    assert!(frames.iter().all(|frame| frame.get("logs").is_none()));
    let record = |frame: &Value| {
        let record = &frame["otlp"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        (!record.is_null()).then(|| record.clone())
    };
    let records: Vec<Value> = frames.iter().filter_map(record).collect();
    assert!(records.len() > 2, "{frames:#?}");
    assert!(records.iter().all(|record| record["traceId"] == TRACE_ID));
    assert_eq!(outputs(&outcome)["status"], "completed");
}

#[test]
fn lists_and_follow_have_the_outputs_of_a_refresh() {
    let (_platform, task, _store) = task();
    let refreshed = outputs(&task.run("refresh order_list"));
    let listed = outputs(&task.run("audit list"));
    assert_eq!(listed["count"], 1);
    assert_eq!(listed["run_ids"], json!([refreshed["run"]]));
    let json = task.run("audit list --output json");
    assert_eq!(
        &listed["runs"][0],
        json.result(),
        "the rows are those of JSON"
    );
    let open = outputs(&task.run("audit list --open"));
    for (name, nothing) in [
        ("count", json!(0)),
        ("run_ids", json!([])),
        ("runs", json!([])),
    ] {
        assert_eq!(open[name], nothing);
    }

    let run = refreshed["run"].as_str().unwrap();
    let followed = outputs(&task.run(&format!("follow {run}")));
    assert!(followed.keys().eq(refreshed.keys()), "{followed:#?}");
    assert_eq!(followed["status"], "completed");
    assert_eq!(followed["refreshes"]["order_list"]["run"], *run);
    assert_eq!(followed["summary"]["exit_code"], 0);
}

#[test]
fn a_check_an_empty_list_and_a_missing_execution_id_are_logged() {
    let (_platform, task, _store) = task();
    let task = task.without_env("KESTRA_EXECUTION_ID");
    for (line, logged) in [
        ("check order_list", "is writable"),
        ("list models 'Data Admin'", "nothing found"),
        ("refresh order_list", "the line KESTRA_CONTEXT: "),
    ] {
        let outcome = task.run(line);
        outcome.exits(0);
        let frames = frames(&outcome.stdout);
        let logs = frames.iter().filter_map(|frame| frame["logs"].as_array());
        let infos = logs.flatten().filter(|log| log["level"] == "INFO");
        let infos: Vec<String> = infos.map(|log| log["message"].to_string()).collect();
        assert!(infos.iter().any(|log| log.contains(logged)), "{infos:?}");
    }
}
