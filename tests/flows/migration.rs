//! The flow of docs/migration.md on the engine: side by side, the switch, and back.

use kestra_engine::{Execution, Line};
use serde_json::{Value, json};
use simulator::world::RefreshType;

use crate::fixture::Fixture;
use crate::support::{exhausted_dataflow, flow, world, world_of};

const PAGE: &str = include_str!("../../docs/migration.md");

/// The page's flow, with a stand-in for the script: it posts what the script posted, and reports
/// success whatever the outcome.
fn page_flow(refresh_by: &str, fixture: &Fixture) -> String {
    let (_, after) = PAGE
        .split_once("<!-- rehearsed -->\n```yaml\n")
        .expect("the page has the flow");
    let (flow, _) = after.split_once("```").expect("the block has an end");
    let url = fixture.platform.trigger_url();
    let script = format!(
        "curl --silent --output /dev/null --header 'Content-Type: application/json' --data '{}' '{url}' || true",
        json!({"trigger_type": "Gen1_Dataflow_Refresh", "dataflow_name": "Master Order List", "workspace": "Data Admin", "timestamp": "2026-11-23T18:15:37", "source": "ORDER_LIST_pipeline"})
    );
    for line in ["- python3 refresh_dataflow.py", "refresh_by: script\n"] {
        assert!(flow.contains(line), "{line}");
    }
    flow.replace(
        "- python3 refresh_dataflow.py",
        &format!("- {}", Value::from(script)),
    )
    .replace(
        "refresh_by: script\n",
        &format!("refresh_by: {refresh_by}\n"),
    )
}

fn ran(fixture: &Fixture, refresh_by: &str) -> Execution {
    fixture.load_text(&page_flow(refresh_by, fixture));
    fixture.run("order_list_refresh", &json!({}))
}

/// The fields of every trigger, without the time.
fn payloads(fixture: &Fixture) -> Vec<Value> {
    fixture
        .platform
        .requests_for("trigger")
        .iter()
        .map(|request| {
            let mut body: Value = serde_json::from_str(request.body.as_str().unwrap()).unwrap();
            let time = body.as_object_mut().unwrap().remove("timestamp");
            assert!(time.is_some());
            body
        })
        .collect()
}

on_both_lines! {
    fn side_by_side_a_success_of_the_script_is_compared_with_the_outcome(line) {
        let good = Fixture::new(line, &world());
        let execution = ran(&good, "script");
        assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
        assert_eq!(execution.task("verify").unwrap().var("status"), "completed");

        let swallowed = Fixture::new(line, &world_of(exhausted_dataflow(RefreshType::Scheduled), flow()));
        let execution = ran(&swallowed, "script");
        assert_eq!(execution.task("old_script").unwrap().state(), "SUCCESS");
        let verify = execution.task("verify").unwrap();
        assert_eq!((execution.state(), verify.state()), ("WARNING", "WARNING"));
        assert_eq!(verify.var("status"), "unknown");
        assert_eq!(verify.var("likely_cause"), "dataflow_daily_limit");
        assert_eq!(swallowed.platform.triggers(), 1, "the script's alone");
        assert!(swallowed.runs().is_empty(), "nothing of ours");
    }

    fn the_switch_sends_what_the_script_sent_and_one_line_goes_back(line) {
        let fixture = Fixture::new(line, &world());
        ran(&fixture, "script");
        let switched = ran(&fixture, "host-runner");
        assert_eq!(switched.state(), "SUCCESS", "{:#}", switched.raw());
        assert_eq!(switched.task("refresh").unwrap().var("status"), "completed");
        assert_eq!(switched.task("old_script").unwrap().state(), "SKIPPED");
        let sent = payloads(&fixture);
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0], sent[1], "the same fields as from the script");

        let back = ran(&fixture, "script");
        assert_eq!(back.state(), "SUCCESS", "{:#}", back.raw());
        assert_eq!(back.task("refresh").unwrap().state(), "SKIPPED");
        assert_eq!(back.task("verify").unwrap().var("status"), "completed");
        assert_eq!(fixture.platform.triggers(), 3);
        assert_eq!(fixture.runs().len(), 1, "the audit log has what was ours");
    }
}
