//! The commands for every kind of target.

use serde_json::{Value, json};
use simulator::world::Item;
use uuid::{Uuid, uuid};

use crate::support::{CLIENT, CLIENT_SECRET, Platform, Setup, TENANT, WORKSPACE, world};

const GEN2: Uuid = uuid!("66666666-6666-6666-6666-666666666666");
const MODEL: Uuid = uuid!("55555555-5555-5555-5555-555555555555");

/// The services, and a configuration with a target of each kind, by names.
fn setup() -> (Platform, Setup) {
    let gen2 = Item {
        retry_after_s: 1,
        ..Item::dataflow_gen2(WORKSPACE, GEN2, "Orders")
    };
    let model = Item::semantic_model(WORKSPACE, MODEL, "Sales");
    let platform = Platform::start(&world().item(gen2).item(model));
    let setup = Setup::direct(&platform).appending(
        "  orders: {kind: dataflow-gen2, workspace: Data Admin, dataflow: Orders, poll: 50ms}
  sales: {kind: semantic-model, workspace: Data Admin, model: Sales, poll: 50ms, min_interval: 1h}
  sales_tables: {kind: semantic-model, workspace: Data Admin, model: Sales, poll: 50ms, refresh: {type: full, objects: [Orders, {table: Lines, partition: P1}]}}
",
    );
    (platform, setup)
}

#[test]
fn every_kind_completes_by_name() {
    let (platform, setup) = setup();
    for name in ["orders", "sales", "sales_tables"] {
        let outcome = setup.run(&format!("refresh {name} --output json"));
        outcome.is("completed", "", 0);
        assert_eq!(outcome.field("matched"), "exact");
    }
    let body = platform.requests_for("model_refresh")[1].json();
    assert_eq!(
        body["objects"],
        json!([{"table": "Orders"}, {"table": "Lines", "partition": "P1"}])
    );
}

#[test]
fn a_target_without_a_file_can_be_of_any_kind() {
    for (kind, item) in [
        ("dataflow-gen2", "--dataflow Orders"),
        ("semantic-model", "--model Sales"),
    ] {
        let outcome = Setup::bare()
            .env("AZURE_TENANT_ID", &TENANT.to_string())
            .env("AZURE_CLIENT_ID", &CLIENT.to_string())
            .env("AZURE_CLIENT_SECRET", CLIENT_SECRET)
            // A closed port, so that no test calls the real services.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .run(&format!(
                "refresh --kind {kind} --workspace 'Data Admin' {item} --deadline 1s --output json"
            ));
        assert_eq!(outcome.field("kind"), kind, "{outcome:#?}");
        assert_ne!(outcome.field("status"), "invalid", "{outcome:#?}");
        assert_eq!(outcome.field("sent"), "no", "{outcome:#?}");
    }
}

#[test]
fn list_shows_visible_content_and_its_kind() {
    let (_platform, setup) = setup();
    setup.run("refresh sales").exits(0);
    for (line, exit, says) in [
        ("workspaces", 0, "Data Admin"),
        ("dataflows 'Data Admin'", 0, "Master Order List"),
        ("dataflows 'Data Admin'", 0, "dataflow-gen2"),
        (&format!("models {WORKSPACE}"), 0, "Sales"),
        (&format!("models {WORKSPACE}"), 0, &MODEL.to_string()),
        ("runs sales --output json", 0, "\"status\":\"Completed\""),
        ("dataflows 'Data Admn'", 2, "Data Admin"),
    ] {
        let outcome = setup.run(&format!("list {line}"));
        outcome.exits(exit).says(says);
    }
}

#[test]
fn cancel_requests_a_cancellation_and_follow_reports_it() {
    let (platform, setup) = setup();
    platform.change(MODEL, json!({"run_ms": 600_000}));
    setup.run("refresh sales_tables --detach").exits(0);
    let stopped = setup.run("cancel sales_tables --output json");
    stopped.exits(0);
    assert_eq!(stopped.field("cancellation"), "requested");
    let followed = setup.run("follow sales_tables");
    followed.exits(17).says("cancelled");
    let again = setup.run("cancel sales_tables");
    again.exits(0).says("already ended");
}

#[test]
fn a_forced_refresh_is_in_the_audit_log_with_its_actor() {
    let (_platform, setup) = setup();
    setup.run("refresh sales").exits(0);
    let soon = setup.run("refresh sales --output json");
    soon.is("skipped", "too_soon", 11);
    let forced = setup.run("refresh sales --force --output json");
    forced.exits(0);
    let run = forced.field("run");
    setup
        .run(&format!("audit show {run} --output json"))
        .exits(0)
        .says("\"overridden\":[\"min_interval\"]")
        .says("\"actor\":{");
}

#[test]
fn a_dry_run_shows_the_request_and_the_guards() {
    let (platform, setup) = setup();
    let setup = setup.replacing(
        "  orders: {kind: dataflow-gen2,",
        "  orders: {kind: dataflow-gen2, quota: {limit: 3}, parameters: {region: EMEA}, window: \"00:00-24:00 UTC\",",
    );
    let outcome = setup.run("refresh orders --dry-run --output json");
    outcome.exits(0).says("EMEA");
    let plan: &Value = outcome.result();
    assert_eq!(
        (&plan["would"], &plan["quota"]["left"]),
        (&json!("send"), &json!(3))
    );
    assert!(platform.requests_for("fabric_run").is_empty());
    setup
        .run("refresh orders --dry-run")
        .exits(0)
        .says("would         send")
        .says("0 of 3 used");
}
