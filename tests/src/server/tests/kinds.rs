//! Each kind of content over real sockets, from the token to the truth.

use super::*;
use crate::scenario::{OAUTH_FLOW, OBJECT_ID, ORDERS_GEN2, SALES_MODEL};
use crate::view::SetOffBy;
use crate::world::{ItemKind, RefreshType};

async fn bearer(simulator: &Simulator, scope: &str) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope={scope}/.default"
    );
    let target = format!("/{TENANT}/oauth2/v2.0/token");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let reply = send(simulator, "POST", &target, &headers, &form).await;
    format!("Bearer {}", reply.json()["access_token"].as_str().unwrap())
}

async fn standing() -> Simulator {
    let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap()));
    Simulator::builder(scenario::every_kind())
        .clock(clock)
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_gen2_dataflow_is_run_followed_and_told() {
    let simulator = standing().await;
    let token = bearer(&simulator, "https://api.fabric.microsoft.com").await;
    let headers = [
        ("authorization", token.as_str()),
        ("x-ms-client-tracking-id", "ours-1"),
    ];
    let target =
        format!("/v1/workspaces/{DATA_ADMIN}/dataflows/{ORDERS_GEN2}/jobs/execute/instances");
    let accepted = send(&simulator, "POST", &target, &headers, "").await;
    assert_eq!((accepted.status, accepted.body.len()), (202, 0));
    assert_eq!(accepted.header("content-length"), Some("0"));
    assert!(accepted.header("requestid").is_some());
    let location = accepted.header("location").unwrap();
    let path = location.strip_prefix("http://localhost").unwrap();
    simulator.advance(Duration::from_secs(2 * 60 * 60));
    let late = send(&simulator, "GET", path, &headers, "").await;
    assert_eq!(
        (late.status, late.json()["errorCode"].as_str()),
        (401, Some("TokenExpired"))
    );
    let token = bearer(&simulator, "https://api.fabric.microsoft.com").await;
    let ended = send(&simulator, "GET", path, &[("authorization", &token)], "").await;
    assert_eq!(ended.json()["status"], "Completed");
    let truth = simulator.item(ORDERS_GEN2).unwrap();
    assert_eq!(
        (truth.kind, truth.effective_triggers),
        (ItemKind::DataflowGen2, 1)
    );
    let run = &truth.runs[0];
    assert_eq!((run.set_off_by, run.request), (SetOffBy::Trigger, Some(2)));
    assert_eq!(run.tracking_id.as_deref(), Some("ours-1"));
    assert!(path.ends_with(&run.id));
    assert!(simulator.violations().is_empty());
}

#[tokio::test]
async fn a_flow_with_oauth_refreshes_a_model_by_the_double_slash_only() {
    let simulator = standing().await;
    let flow = scenario::every_kind().flows[1].clone();
    assert_eq!(flow.id, OAUTH_FLOW);
    let target = flow.trigger_url("");
    for (scope, status) in [
        ("https://service.flow.microsoft.com", 401),
        ("https://service.flow.microsoft.com/", 202),
    ] {
        let token = bearer(&simulator, scope).await;
        let headers = [("authorization", token.as_str())];
        let reply = send(&simulator, "POST", &target, &headers, "").await;
        assert_eq!(reply.status, status, "{scope}");
    }
    simulator
        .begin_run(SALES_MODEL, RefreshType::Scheduled)
        .unwrap();
    simulator
        .begin_run(SALES_MODEL, RefreshType::OnDemand)
        .unwrap();
    let truth = simulator.item(SALES_MODEL).unwrap();
    let by: Vec<SetOffBy> = truth.runs.iter().map(|run| run.set_off_by).collect();
    assert_eq!(
        by,
        [SetOffBy::Person, SetOffBy::Schedule, SetOffBy::Trigger]
    );
    assert_eq!(truth.effective_triggers, 1);
    assert_eq!(simulator.complete(SALES_MODEL, "Failed").unwrap().len(), 3);
    assert_eq!(simulator.item(SALES_MODEL).unwrap().runs[0].state, "Failed");
}

#[tokio::test]
async fn the_admin_api_knows_every_kind() {
    let simulator = standing().await;
    let admin = |path: &str| format!("/__simulator/{path}");
    for (path, body) in [
        (format!("settings/{ORDERS_GEN2}"), r#"{"ends":"Never"}"#),
        (format!("settings/{SALES_MODEL}"), r#"{"premium":false}"#),
        (
            format!("settings/{CLIENT_ID}"),
            r#"{"secret_expired":true}"#,
        ),
        (
            format!("runs/{ORDERS_GEN2}"),
            r#"{"refresh_type":"Scheduled"}"#,
        ),
        (format!("complete/{ORDERS_GEN2}"), r#"{"status":"Failed"}"#),
    ] {
        let reply = send(&simulator, "POST", &admin(&path), &[], body).await;
        assert_eq!(reply.status, 200, "{path}");
    }
    send(&simulator, "GET", "/v1/workspaces", &[], "").await;
    let violations = send(&simulator, "GET", &admin("violations"), &[], "").await;
    assert_eq!(violations.json()[0]["kind"], "no_bearer");
    assert_eq!(violations.json()[0]["operation"], "fabric_workspaces");
    let items = send(&simulator, "GET", &admin("items"), &[], "")
        .await
        .json();
    let kinds: Vec<&Value> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &i["kind"])
        .collect();
    assert_eq!(kinds, ["dataflow", "dataflow_gen2", "semantic_model"]);
    let one = admin(&format!("items/{ORDERS_GEN2}"));
    let one = send(&simulator, "GET", &one, &[], "").await.json();
    let run = &one["runs"][0];
    assert_eq!(
        (&run["state"], &run["set_off_by"]),
        (&json!("Failed"), &json!("schedule"))
    );
    assert_eq!(run["error"], "DataflowRefreshFailed");
    assert_eq!(one["effective_triggers"], 0);
    let nobody = admin(&format!("items/{OBJECT_ID}"));
    assert_eq!(send(&simulator, "GET", &nobody, &[], "").await.status, 404);
    let world = send(&simulator, "GET", &admin("world"), &[], "")
        .await
        .json();
    assert_eq!(world["models"][0]["premium"], false);
    assert_eq!(world["dataflows_gen2"][0]["runs"][0]["kind"], "Scheduled");
}
