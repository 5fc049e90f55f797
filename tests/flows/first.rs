//! The first flow: started by a person, a schedule and another flow, and restarted.

use kestra_engine::{Execution, Line};
use serde_json::json;

use crate::context::assert_task;
use crate::fixture::Fixture;
use crate::shipped;
use crate::support::{endless, kill, world};

const FLOW: &str = "first_refresh";

/// The first flow with this trigger, adapted.
fn with_trigger(fixture: &Fixture, trigger: &str) -> String {
    let flow = shipped::flow("first-refresh") + "labels: {team: bi}\ntriggers:\n" + trigger;
    fixture.adapted(&flow)
}

/// Asserts that the refresh completed, and that the audit log has the task and what started it.
fn assert_refreshed(fixture: &Fixture, execution: &Execution, line: Line, trigger: &str) {
    assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
    assert_eq!(execution.logged("WARN"), [""; 0]);
    let refresh = execution.task("refresh").unwrap();
    assert_eq!(refresh.var("status"), "completed");
    assert_eq!(refresh.var("idempotency_key"), refresh.id());
    assert_eq!(fixture.platform.triggers(), 1);
    assert_task(fixture, execution, FLOW);
    let task = &fixture.only_run_events()[0]["actor"]["kestra"];
    assert_eq!(
        task["labels"]["trigger"].as_str().unwrap_or_default(),
        trigger
    );
    // 1.3 does not name the trigger in an expression.
    let id = if line == Line::V2 { trigger } else { "" };
    assert_eq!(task["trigger"].as_str().unwrap_or_default(), id, "{task:#}");
}

on_both_lines! {
    fn a_person_starts_it(line) {
        let fixture = Fixture::new(line, &world());
        fixture.load_text(&(shipped::flow("first-refresh") + "labels: {team: bi}\n"));
        let execution = fixture.run(FLOW, &json!({}));
        assert_refreshed(&fixture, &execution, line, "");
    }

    fn a_schedule_starts_it(line) {
        let fixture = Fixture::new(line, &world());
        let schedule = "  - {id: often, type: io.kestra.plugin.core.trigger.Schedule, cron: \"0 0 29 2 *\", labels: {trigger: often}}\n";
        let flow = with_trigger(&fixture, schedule);
        let ticking = flow.replace("cron: \"0 0 29 2 *\"", "cron: \"* * * * * *\", withSeconds: true");
        // One at a time, until it is loaded without its schedule.
        let ticking = ticking + "concurrency: {limit: 1, behavior: CANCEL}\n";
        fixture.request("load", json!({"source": ticking}));
        let first = fixture.first_execution(FLOW);
        fixture.request("load", json!({"source": flow}));
        let first = fixture.finished(&first);
        let refresh = first.task("refresh").unwrap();
        assert_eq!((first.state(), refresh.var("status")), ("SUCCESS", "completed".into()));
        let run = refresh.var("run");
        let events = fixture.events(run.as_str().unwrap());
        let task = &events[0]["actor"]["kestra"];
        assert_eq!(task["execution"], first.id(), "{task:#}");
        assert_eq!(task["labels"]["trigger"], "often");
        let id = if line == Line::V2 { "often" } else { "" };
        assert_eq!(task["trigger"].as_str().unwrap_or_default(), id, "{task:#}");
    }

    fn another_flow_starts_it(line) {
        let fixture = Fixture::new(line, &world());
        let after = match line {
            Line::V1 => "preconditions: {id: up, flows: [{namespace: company.bi, flowId: load, states: [SUCCESS]}]}",
            Line::V2 => "dependsOn: [{namespace: company.bi, flowId: load, states: [SUCCESS]}]",
        };
        let trigger = format!("  - {{id: after, type: io.kestra.plugin.core.trigger.Flow, {after}, labels: {{trigger: after}}}}\n");
        fixture.request("load", json!({"source": with_trigger(&fixture, &trigger)}));
        fixture.load_text("id: load\nnamespace: company.bi\ntasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: loaded}]\n");
        fixture.succeeds("load", &json!({}));
        let execution = &fixture.executions(FLOW, 1)[0];
        assert_refreshed(&fixture, execution, line, "after");
    }

    fn a_restart_follows_the_refresh_instead_of_starting_another(line) {
        let fixture = Fixture::new(line, &endless());
        fixture.load("first-refresh");
        let execution = fixture.start(FLOW, &json!({}));
        fixture.wait_for_match();
        let pid = fixture.only_run_events()[0]["actor"]["pid"].to_string();
        assert!(kill("9", &pid));
        assert_eq!(fixture.finished(&execution).state(), "FAILED");
        fixture.platform.complete("Success");
        let again = fixture.restart(&execution);
        let refresh = again.task("refresh").unwrap();
        assert_eq!(again.state(), "SUCCESS", "{:#}", again.raw());
        assert_eq!(refresh.var("status"), "completed");
        assert_eq!((fixture.platform.triggers(), fixture.runs().len()), (1, 1));
    }
}
