//! The commands for every kind of target.

use serde_json::Value;
use simulator::world::Item;
use uuid::{Uuid, uuid};

use crate::support::{CLIENT, CLIENT_SECRET, Platform, Setup, TENANT, WORKSPACE, world};

const GEN2: Uuid = uuid!("66666666-6666-6666-6666-666666666666");
const MODEL: Uuid = uuid!("55555555-5555-5555-5555-555555555555");

fn platform() -> Platform {
    Platform::start(
        &world()
            .item(Item {
                retry_after_s: 1,
                ..Item::dataflow_gen2(WORKSPACE, GEN2, "Orders")
            })
            .item(Item::semantic_model(WORKSPACE, MODEL, "Sales")),
    )
}

/// A configuration with a target of each kind, by names.
fn setup(platform: &Platform) -> Setup {
    let setup = Setup::direct(platform);
    setup.appending(
        "  orders: {kind: dataflow-gen2, workspace: Data Admin, dataflow: Orders, poll: 50ms}
  sales: {kind: semantic-model, workspace: Data Admin, model: Sales, poll: 50ms}
  sales_tables: {kind: semantic-model, workspace: Data Admin, model: Sales, poll: 50ms, refresh: {type: full, objects: [Orders, {table: Lines, partition: P1}]}}
",
    )
}

#[test]
fn every_kind_completes_by_name() {
    let platform = platform();
    let setup = setup(&platform);
    for name in ["orders", "sales", "sales_tables"] {
        let outcome = setup.run(&["refresh", name, "--output", "json"]);
        outcome.exits(0);
        let result = outcome.result();
        assert_eq!(
            (&result["status"], &result["matched"], &result["own_run"]),
            (&"completed".into(), &"exact".into(), &true.into()),
            "{outcome:#?}"
        );
    }
    let asked = platform.requests_for("model_refresh");
    let body = asked[1].body.as_str().unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body["objects"],
        serde_json::json!([{"table": "Orders"}, {"table": "Lines", "partition": "P1"}])
    );
}

#[test]
fn a_target_without_a_file_can_be_of_any_kind() {
    for (kind, key, name) in [
        ("dataflow-gen2", "--dataflow", "Orders"),
        ("semantic-model", "--model", "Sales"),
    ] {
        let outcome = Setup::bare()
            .env("AZURE_TENANT_ID", &TENANT.to_string())
            .env("AZURE_CLIENT_ID", &CLIENT.to_string())
            .env("AZURE_CLIENT_SECRET", CLIENT_SECRET)
            // A closed port, so that no test calls the real services.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .run(&[
                "refresh",
                "--kind",
                kind,
                "--workspace",
                "Data Admin",
                key,
                name,
                "--deadline",
                "1s",
                "--output",
                "json",
            ]);
        let result = outcome.result();
        assert_eq!(result["kind"], kind, "{outcome:#?}");
        assert_ne!(result["status"], "invalid", "{outcome:#?}");
        assert_eq!(result["sent"], "no", "{outcome:#?}");
    }
}

#[test]
fn list_shows_visible_content_and_its_kind() {
    let platform = platform();
    let setup = setup(&platform);
    setup
        .run(&["list", "workspaces"])
        .exits(0)
        .says("Data Admin");
    let dataflows = setup.run(&["list", "dataflows", "Data Admin"]);
    dataflows
        .exits(0)
        .says("Master Order List")
        .says("dataflow-gen2");
    setup
        .run(&["list", "models", &WORKSPACE.to_string()])
        .exits(0)
        .says("Sales")
        .says(&MODEL.to_string());
    setup.run(&["refresh", "sales"]).exits(0);
    let runs = setup.run(&["list", "runs", "sales", "--output", "json"]);
    runs.exits(0);
    let run: Value = serde_json::from_str(runs.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(run["status"], "Completed", "{run}");
    setup
        .run(&["list", "dataflows", "Data Admn"])
        .exits(2)
        .says("Data Admin");
}

#[test]
fn cancel_requests_a_cancellation_and_follow_reports_it() {
    let platform = platform();
    let setup = setup(&platform).replacing(
        "sales_tables: {kind: semantic-model,",
        "sales_tables: {kind: semantic-model, deadline: 20s,",
    );
    platform.change_model(MODEL, &serde_json::json!({"run_ms": 600_000}));
    setup
        .run(&["refresh", "sales_tables", "--detach", "--output", "json"])
        .exits(0);
    let stopped = setup.run(&["cancel", "sales_tables", "--output", "json"]);
    stopped.exits(0);
    assert_eq!(
        stopped.result()["cancellation"],
        "requested",
        "{stopped:#?}"
    );
    setup
        .run(&["follow", "sales_tables"])
        .exits(17)
        .says("cancelled");
    let again = setup.run(&["cancel", "sales_tables"]);
    again.exits(0).says("already ended");
}

#[test]
fn a_forced_refresh_is_in_the_audit_log_with_its_actor() {
    let platform = platform();
    let setup = setup(&platform).replacing(
        "  sales: {kind: semantic-model,",
        "  sales: {kind: semantic-model, min_interval: 1h,",
    );
    setup.run(&["refresh", "sales"]).exits(0);
    let soon = setup.run(&["refresh", "sales", "--output", "json"]);
    soon.exits(11);
    assert_eq!(soon.result()["code"], "too_soon");
    let forced = setup.run(&["refresh", "sales", "--force", "--output", "json"]);
    forced.exits(0);
    let run = forced.result()["run"].as_str().unwrap().to_owned();
    setup
        .run(&["audit", "show", &run, "--output", "json"])
        .exits(0)
        .says("\"overridden\":[\"min_interval\"]")
        .says("\"actor\":{");
}

#[test]
fn a_dry_run_shows_the_request_and_the_guards() {
    let platform = platform();
    let setup = setup(&platform).replacing(
        "  orders: {kind: dataflow-gen2,",
        "  orders: {kind: dataflow-gen2, quota: {limit: 3}, parameters: {region: EMEA}, window: \"00:00-24:00 UTC\",",
    );
    let plan = setup.run(&["refresh", "orders", "--dry-run", "--output", "json"]);
    plan.exits(0);
    let plan = plan.result();
    assert_eq!(
        (&plan["would"], &plan["quota"]["left"]),
        (&"send".into(), &3.into()),
        "{plan}"
    );
    assert!(
        plan["request"]["body"].as_str().unwrap().contains("EMEA"),
        "{plan}"
    );
    assert!(platform.requests_for("fabric_run").is_empty());
    setup
        .run(&["refresh", "orders", "--dry-run"])
        .exits(0)
        .says("would         send")
        .says("0 of 3 used");
}
