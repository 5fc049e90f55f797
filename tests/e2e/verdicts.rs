//! A refresh reports its outcome: fields, exit codes and the audit log of the whole process.

use serde_json::json;
use simulator::world::{Item, RefreshType, Relay, ResponseAction};

use crate::support::{Platform, Setup, WORKSPACE, dataflow, flow, world, world_of};

fn after_eight_refreshes() -> Item {
    (1..=8_u64).fold(dataflow(), |item, hours| {
        item.past_run(hours * 2 * 3600, 240, RefreshType::Scheduled, "Success")
    })
}

#[test]
fn a_completed_refresh_has_its_run_and_its_events() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    let outcome = setup.refresh(&[]);
    outcome.is("completed", "", 0);
    assert_eq!(outcome.field("sent"), "yes");
    assert_eq!(outcome.field("evidence"), "service");
    assert_eq!(outcome.field("matched"), "inferred");
    assert_eq!(outcome.field("own_run"), "true");
    assert_eq!(platform.completed_runs(), [outcome.field("service_run")]);
    assert_eq!(platform.triggers(), 1);
    let kinds = setup.event_kinds();
    assert_eq!(kinds.first().map(String::as_str), Some("intent"));
    assert_eq!(kinds.get(1).map(String::as_str), Some("triggered"));
    assert_eq!(kinds.last().map(String::as_str), Some("outcome"));
}

#[test]
fn the_trigger_has_the_five_standard_fields_and_the_runs_id() {
    let platform = Platform::start(&world());
    let outcome = Setup::verified(&platform).refresh(&[]);
    let triggers = platform.requests_for("trigger");
    let trigger = triggers.first().unwrap();
    let body: serde_json::Value = match &trigger.body {
        serde_json::Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    };
    assert_eq!(body["trigger_type"], "Gen1_Dataflow_Refresh");
    assert_eq!(body["dataflow_name"], "Master Order List");
    assert_eq!(body["workspace"], "Data Admin");
    assert_eq!(body["source"], "ORDER_LIST_pipeline");
    let timestamp: jiff::Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
    let apart = jiff::Timestamp::now().duration_since(timestamp).abs();
    assert!(apart < jiff::SignedDuration::from_mins(5), "{apart:?}");
    assert_eq!(
        trigger.headers["x-ms-client-tracking-id"],
        outcome.field("run")
    );
    assert_eq!(trigger.headers["content-type"], "application/json");
    assert!(trigger.had_sig && !trigger.had_authorization);
}

#[test]
fn a_trigger_that_is_accepted_but_rejected_inside_is_no_success() {
    // After eight refreshes in a day the flow replies 202, but the dataflow rejects the refresh.
    let full = after_eight_refreshes();
    let platform = Platform::start(&world_of(full, flow()));
    let outcome = Setup::verified(&platform).refresh(&[]);
    outcome.is("unknown", "refresh_not_started", 12);
    assert_eq!(outcome.field("likely_cause"), "dataflow_daily_limit");
    outcome.says("8");
    let next: jiff::Timestamp = outcome.field("retry_at").parse().unwrap();
    let expected = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(8);
    let apart = next.duration_since(expected).abs();
    assert!(
        apart < jiff::SignedDuration::from_mins(5),
        "{next} is not about {expected}"
    );
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn the_services_end_sets_the_status_and_the_exit_code() {
    for (end, status, exit) in [("Failed", "failed", 10), ("Cancelled", "cancelled", 17)] {
        let platform = Platform::start(&world_of(dataflow().ends(end), flow()));
        let outcome = Setup::verified(&platform).refresh(&[]);
        outcome.exits(exit);
        assert_eq!(outcome.field("status"), status);
    }
}

#[test]
fn without_verification_a_trigger_is_accepted_unless_completed_is_required() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    let outcome = setup.refresh(&[]);
    outcome.exits(0);
    assert_eq!(outcome.field("status"), "accepted");
    assert_eq!(outcome.field("evidence"), "none");
    assert_eq!(platform.requests_for("token").len(), 0);
    assert_eq!(setup.event_kinds(), ["intent", "triggered", "outcome"]);
    let required = setup.refresh(&["--require", "completed"]);
    required.exits(12);
    assert_eq!(required.field("status"), "accepted");
}

#[test]
fn detach_ends_when_the_run_has_started_and_follow_reports_the_verdict() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup = Setup::verified(&platform);
    let outcome = setup.refresh(&["--detach"]);
    outcome.exits(0);
    assert_eq!(outcome.field("status"), "accepted");
    assert_ne!(outcome.field("service_run"), "");
    platform.complete("Failed");
    setup
        .run(&["follow", "order_list", "--output", "json"])
        .is("failed", "refresh_failed", 10);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn follow_any_reports_the_newest_run() {
    let platform = Platform::start(&world_of(dataflow().ends("Failed"), flow()));
    platform.start_run("Scheduled");
    platform.wait_until("its end", |platform| {
        platform
            .runs()
            .first()
            .is_some_and(|run| run["status"] == "Failed")
    });
    let outcome =
        Setup::verified(&platform).run(&["follow", "order_list", "--any", "--output", "json"]);
    outcome.exits(10);
    assert_eq!(outcome.field("own_run"), "false");
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_dry_run_shows_the_request_without_its_signature() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    let outcome = setup.run(&["refresh", "order_list", "--dry-run"]);
    outcome
        .exits(0)
        .says("paths/invoke")
        .says("Master Order List");
    assert!(!outcome.stdout.contains(crate::support::SIG));
    assert_eq!(platform.triggers(), 0);
    assert_eq!(platform.requests_for("transactions").len(), 1);
}

#[test]
fn the_worst_status_of_several_targets_sets_the_exit_code() {
    let platform = Platform::start(&world_of(dataflow().ends("Failed"), flow()));
    let setup = Setup::verified(&platform).appending(&format!(
        "  plain:\n    kind: power-automate\n    url: ${{env:ORDER_LIST_FLOW_URL}}\n  other:\n    kind: dataflow\n    workspace: {WORKSPACE}\n    dataflow: 99999999-9999-9999-9999-999999999999\n"
    ));
    let outcome = setup.run(&["refresh", "order_list", "plain", "--output", "json"]);
    outcome.exits(10);
    assert_eq!(outcome.results.len(), 2);
    let with_invalid = setup.run(&["refresh", "plain", "other", "--output", "json"]);
    with_invalid.exits(2);
}

#[test]
fn a_target_given_by_options_is_validated() {
    let platform = Platform::start(&world());
    // Loopback needs a configuration, so this URL is rejected.
    let setup = Setup::bare().env("FLOW_URL", &platform.trigger_url());
    let outcome = setup.run(&[
        "refresh",
        "--kind",
        "power-automate",
        "--url-env",
        "FLOW_URL",
    ]);
    outcome.exits(2).says("https");
    assert_eq!(platform.triggers(), 0);
}

fn responding(response: ResponseAction) -> Platform {
    Platform::start(&world_of(dataflow(), flow().responding(response)))
}

#[test]
fn a_response_that_reports_the_rejection_is_failed_with_its_code() {
    let full = after_eight_refreshes();
    let platform = Platform::start(&world_of(
        full,
        flow().responding(ResponseAction::relaying(Relay::Start)),
    ));
    let outcome = Setup::by_response(&platform).refresh(&[]);
    outcome.is("failed", "dataflow_daily_limit", 10);
    assert_eq!(outcome.field("evidence"), "flow");
    assert_ne!(outcome.field("flow_run"), "");
}

#[test]
fn an_asynchronous_response_is_polled_with_its_own_signature() {
    let platform =
        responding(ResponseAction::with(200, json!({"status": "completed"})).asynchronously(2));
    let outcome = Setup::by_response(&platform).refresh(&[]);
    outcome.is("completed", "", 0);
    let polls = platform.requests_for("poll");
    assert!(polls.len() >= 3, "{polls:?}");
    assert!(polls.iter().all(|poll| poll.had_sig));
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_response_may_take_longer_than_another_call() {
    // The timeout of another call is one second here.
    let platform =
        responding(ResponseAction::with(200, json!({"status": "completed"})).after_ms(2000));
    Setup::by_response(&platform)
        .refresh(&[])
        .is("completed", "", 0);
}
