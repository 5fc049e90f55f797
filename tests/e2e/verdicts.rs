//! A refresh reports its outcome: fields, exit codes and the audit log of the whole process.

use serde_json::json;
use simulator::world::{RefreshType, ResponseAction};

use crate::support::{
    CLIENT, DATAFLOW, Platform, SIG, Setup, TENANT, WORKSPACE, dataflow, endless,
    exhausted_dataflow, flow, verified, world, world_of,
};

#[test]
fn a_completed_refresh_has_its_run_and_its_events() {
    let (platform, setup) = verified(&world());
    let outcome = setup.refresh("");
    outcome.is("completed", "", 0);
    for (field, value) in [
        ("sent", "yes"),
        ("evidence", "service"),
        ("matched", "inferred"),
        ("own_run", "true"),
    ] {
        assert_eq!(outcome.field(field), value);
    }
    assert_eq!(platform.completed_runs(), [outcome.field("service_run")]);
    assert_eq!(platform.triggers(), 1);
    let kinds = setup.event_kinds();
    assert_eq!(kinds[..2], ["intent", "triggered"]);
    assert_eq!(kinds.last().unwrap(), "outcome");

    let trigger = &platform.requests_for("trigger")[0];
    let mut body = trigger.json();
    let timestamp = body["timestamp"].take();
    assert_eq!(
        body,
        json!({
            "trigger_type": "Gen1_Dataflow_Refresh",
            "dataflow_name": "Master Order List",
            "workspace": "Data Admin",
            "source": "ORDER_LIST_pipeline",
            "timestamp": null,
        })
    );
    let timestamp: jiff::Timestamp = timestamp.as_str().unwrap().parse().unwrap();
    let apart = jiff::Timestamp::now().duration_since(timestamp).abs();
    assert!(apart < jiff::SignedDuration::from_mins(5), "{apart:?}");
    let tracking_id = &trigger.headers["x-ms-client-tracking-id"];
    assert_eq!(*tracking_id, outcome.field("run"));
    assert_eq!(trigger.headers["content-type"], "application/json");
    assert!(trigger.had_sig && !trigger.had_authorization);
}

#[test]
fn a_trigger_that_is_accepted_but_rejected_inside_is_no_success() {
    // After eight refreshes in a day the flow replies 202, but the dataflow rejects the refresh.
    let full = exhausted_dataflow(RefreshType::Scheduled);
    let (platform, setup) = verified(&world_of(full, flow()));
    let outcome = setup.refresh("");
    outcome.is("unknown", "refresh_not_started", 12);
    assert_eq!(outcome.field("likely_cause"), "dataflow_daily_limit");
    outcome.says("8");
    let next: jiff::Timestamp = outcome.field("retry_at").parse().unwrap();
    let expected = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(8);
    let apart = next.duration_since(expected).abs();
    assert!(apart < jiff::SignedDuration::from_mins(5), "{apart:?}");
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn the_services_end_sets_the_status_and_the_exit_code() {
    for (end, status, exit) in [("Failed", "failed", 10), ("Cancelled", "cancelled", 17)] {
        let (_platform, setup) = verified(&world_of(dataflow().ends(end), flow()));
        setup.refresh("").ends(status, "yes", exit);
    }
}

#[test]
fn without_verification_a_trigger_is_accepted_unless_completed_is_required() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    let outcome = setup.refresh("");
    outcome.ends("accepted", "yes", 0);
    assert_eq!(outcome.field("evidence"), "none");
    assert_eq!(platform.requests_for("token").len(), 0);
    assert_eq!(setup.event_kinds(), ["intent", "triggered", "outcome"]);
    let required = setup.refresh("--require completed");
    required.ends("accepted", "yes", 12);
    setup.refresh("--detach").ends("accepted", "yes", 0);
    // Nothing can be followed, so no run is open.
    assert_eq!(setup.open_runs(), Vec::<String>::new());
    let by_file = setup.replacing("timeout: 1s", "timeout: 1s, require: completed");
    by_file.refresh("").ends("accepted", "yes", 12);
}

#[test]
fn detach_ends_when_the_run_has_started_and_follow_reports_the_verdict() {
    let (platform, setup) = verified(&endless());
    let outcome = setup.refresh("--detach");
    outcome.ends("accepted", "yes", 0);
    assert_ne!(outcome.field("service_run"), "");
    platform.complete("Failed");
    let followed = setup.run("follow order_list --output json");
    followed.is("failed", "refresh_failed", 10);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn follow_any_reports_the_newest_run() {
    let (platform, setup) = verified(&world_of(dataflow().ends("Failed"), flow()));
    platform.start_run("Scheduled");
    platform.wait_until("its end", |platform| {
        platform.runs().iter().any(|run| run["status"] == "Failed")
    });
    let outcome = setup.run("follow order_list --any --output json");
    outcome.exits(10);
    assert_eq!(outcome.field("own_run"), "false");
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_dry_run_shows_the_request_without_its_signature() {
    let (platform, setup) = verified(&world());
    let outcome = setup.run("refresh order_list --dry-run");
    outcome
        .exits(0)
        .says("paths/invoke")
        .says("Master Order List");
    assert!(!outcome.stdout.contains(SIG));
    assert_eq!(platform.triggers(), 0);
    assert_eq!(platform.requests_for("transactions").len(), 1);
}

#[test]
fn the_worst_status_of_several_targets_sets_the_exit_code() {
    let (_platform, setup) = verified(&world_of(dataflow().ends("Failed"), flow()));
    let setup = setup.appending(&format!(
        "  plain: {{kind: power-automate, url: \"${{env:ORDER_LIST_FLOW_URL}}\"}}\n  other: {{kind: dataflow, workspace: {WORKSPACE}, dataflow: 99999999-9999-9999-9999-999999999999}}\n"
    ));
    let outcome = setup.run("refresh order_list plain --output json");
    outcome.exits(10);
    assert_eq!(outcome.results.len(), 2);
    let with_invalid = setup.run("refresh plain other --output json");
    with_invalid.exits(2);
}

#[test]
fn a_target_given_by_options_is_validated() {
    // Loopback needs a configuration, so this URL is rejected.
    let setup = Setup::bare().env("FLOW_URL", &flow().trigger_url("http://127.0.0.1:9"));
    let outcome = setup.run("refresh --kind power-automate --url-env FLOW_URL");
    outcome.exits(2).says("https");
}

#[test]
fn a_response_may_take_longer_than_another_call() {
    // The timeout of another call is one second here.
    let late = ResponseAction::with(200, json!({"status": "completed"})).after_ms(2000);
    let platform = Platform::start(&world_of(dataflow(), flow().responding(late)));
    let outcome = Setup::by_response(&platform).refresh("");
    outcome.is("completed", "", 0);
}

#[test]
fn a_target_of_options_gets_everything_else_from_the_configuration() {
    let (platform, setup) = verified(&world());
    let target = format!("--kind dataflow --workspace {WORKSPACE} --dataflow {DATAFLOW}");
    // Endpoints, sandbox, audit log, defaults and credentials are those of the file.
    let outcome = setup.run(&format!("refresh {target} --output json"));
    outcome.is("completed", "", 0);
    assert_eq!(outcome.field("target"), "dataflow");
    assert_eq!(platform.requests_for("refresh").len(), 1);
    assert!(!setup.event_kinds().is_empty());
    // Without `default`, the credentials are those of the usual variables.
    let named = setup
        .replacing("  default:\n", "  other:\n")
        .env("AZURE_TENANT_ID", &TENANT.to_string());
    let outcome = named.run(&format!("refresh {target}"));
    outcome.exits(2).says("AZURE_CLIENT_ID");
    let client = named.env("AZURE_CLIENT_ID", &CLIENT.to_string());
    client.run(&format!("refresh {target}")).exits(0);
    // A named file must exist, and an invalid one is refused.
    let client = client.appending("flavour: red\n");
    for (file, says) in [
        ("nowhere.yaml", "nowhere.yaml"),
        ("refresh.yaml", "flavour"),
    ] {
        let outcome = client.run(&format!("refresh {target} --config {file}"));
        outcome.exits(2).says(says);
    }
}
