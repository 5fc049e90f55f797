//! The whole simulator over real sockets.

mod client;
mod every_call;
mod faults;
mod https;
mod kinds;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::client::{PATIENCE, Raw, SILENCE, bytes_of, connected, request_text, send, until};
use super::*;
use crate::clock::StandingClock;
use crate::faults::{CannedReply, FaultRule, Mishap, Operation};
use crate::scenario::{self, CLIENT_ID, CLIENT_SECRET, DATA_ADMIN, MASTER_ORDER_LIST, TENANT};
use crate::world::{Flow, Relay, Respond};

async fn token(simulator: &Simulator) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https%3A%2F%2Fanalysis.windows.net%2Fpowerbi%2Fapi%2F.default"
    );
    let target = format!("/{TENANT}/oauth2/v2.0/token");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let reply = send(simulator, "POST", &target, &headers, &form).await;
    assert_eq!(reply.status, 200);
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

async fn get(simulator: &Simulator, target: &str, token: &str) -> Raw {
    let bearer = format!("Bearer {token}");
    send(simulator, "GET", target, &[("authorization", &bearer)], "").await
}

fn transactions() -> String {
    format!("/v1.0/myorg/groups/{DATA_ADMIN}/dataflows/{MASTER_ORDER_LIST}/transactions")
}

fn trigger_text(flow: &Flow) -> String {
    let headers = [
        ("content-type", "application/json"),
        ("x-ms-client-tracking-id", "ours-1"),
    ];
    let body = r#"{"dataflow_name":"Master Order List"}"#;
    request_text("POST", &flow.trigger_url(""), &headers, body)
}

async fn trigger(simulator: &Simulator, flow: &Flow) -> Raw {
    Raw::parse(&bytes_of(simulator, &trigger_text(flow)).await.unwrap()).unwrap()
}

fn flow_runs(simulator: &Simulator) -> usize {
    simulator.world().flows[0].runs.len()
}

#[tokio::test]
async fn the_order_list_is_triggered_followed_and_completes() {
    let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap()));
    let world = scenario::order_list_completes();
    let flow = world.flows[0].clone();
    let simulator = Simulator::builder(world)
        .clock(clock)
        .start()
        .await
        .unwrap();
    let token = token(&simulator).await;
    let before = get(&simulator, &transactions(), &token).await;
    assert_eq!(before.header("date"), Some("Thu, 01 Oct 2026 01:00:00 GMT"));
    assert_eq!(before.json()["value"].as_array().unwrap().len(), 1);

    let reply = trigger(&simulator, &flow).await;
    assert_eq!((reply.status, reply.body.len()), (202, 0));
    assert_eq!(reply.header("x-ms-client-tracking-id"), Some("ours-1"));

    simulator.advance(Duration::from_millis(100));
    let running = get(&simulator, &transactions(), &token).await.json();
    assert_eq!(running["value"][0]["status"], "InProgress");
    simulator.advance(Duration::from_secs(1));
    let ended = get(&simulator, &transactions(), &token).await;
    assert_eq!(ended.json()["value"][0]["status"], "Success");
    assert_eq!(ended.header("date"), Some("Thu, 01 Oct 2026 01:00:01 GMT"));

    let truth = simulator.world();
    let run = &truth.dataflows[0].transactions[0];
    assert_eq!((run.asked_by.as_str(), run.request), ("ours-1", Some(3)));
    simulator.advance(Duration::from_secs(3600));
    let late = get(&simulator, &transactions(), &token).await;
    assert_eq!(
        (late.status, late.json()["error"]["code"].as_str()),
        (403, Some("TokenExpired"))
    );
}

#[tokio::test]
async fn the_incident_is_accepted_and_then_swallowed() {
    let world = scenario::accepted_then_swallowed();
    let flow = world.flows[0].clone();
    let simulator = Simulator::start(world).await.unwrap();
    assert_eq!(trigger(&simulator, &flow).await.status, 202);
    let truth = simulator.world();
    let inner = truth.flows[0].runs[0].inner.clone().unwrap();
    assert_eq!(
        inner.error["error"]["code"],
        "DailyDataflowRefreshLimitExceeded"
    );
    assert_eq!(truth.dataflows[0].transactions.len(), 8);
}

#[tokio::test]
async fn a_flow_that_responds_tells_the_refusal() {
    let world = scenario::refused_by_responding_flow();
    let flow = world.flows[0].clone();
    let simulator = Simulator::start(world).await.unwrap();
    let reply = trigger(&simulator, &flow).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["error"]["message"],
        "Skipping dataflow refresh as number of auto refreshes in last 24 hours (8) exceeded allowed limit 8"
    );
}

#[tokio::test]
async fn a_caller_is_held_until_the_run_has_ended() {
    let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap()));
    let mut world = scenario::order_list_completes();
    world.flows[0].respond = Some(Respond::relaying(Relay::Completion));
    let text = trigger_text(&world.flows[0]);
    let simulator = Simulator::builder(world)
        .clock(clock)
        .start()
        .await
        .unwrap();
    let mut stream = connected(&simulator, &text).await;
    let mut bytes = Vec::new();
    until(|| flow_runs(&simulator) == 1).await;
    assert!(timeout(SILENCE, stream.read_u8()).await.is_err());
    simulator.advance(Duration::from_secs(1));
    timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(Raw::parse(&bytes).unwrap().json()["status"], "completed");
}

#[tokio::test]
async fn an_asynchronous_response_is_found_at_its_absolute_location() {
    let mut world = scenario::order_list_completes();
    world.flows[0].respond = Some(Respond::relaying(Relay::Start).asynchronously(1));
    let flow = world.flows[0].clone();
    let simulator = Simulator::start(world).await.unwrap();
    let accepted = trigger(&simulator, &flow).await;
    let location = accepted.header("location").unwrap();
    let target = location.strip_prefix("http://localhost").unwrap();
    let (unsigned, sig) = target.split_once("&sig=").unwrap();
    assert_eq!(send(&simulator, "GET", unsigned, &[], "").await.status, 401);
    assert_eq!(send(&simulator, "GET", target, &[], "").await.status, 202);
    let done = send(&simulator, "GET", target, &[], "").await;
    assert_eq!(
        (done.status, done.json()),
        (200, json!({"status": "started"}))
    );
    let log = serde_json::to_string(&simulator.requests()).unwrap();
    assert!(!log.contains(sig));
}

#[tokio::test]
async fn every_power_bi_reply_has_its_own_request_id_even_a_false_one() {
    let rule = FaultRule::on(Operation::Groups, CannedReply::status(503))
        .after(1)
        .times(1);
    let world = scenario::order_list_completes().fault(rule);
    let simulator = Simulator::start(world).await.unwrap();
    let token = token(&simulator).await;
    let mut ids = Vec::new();
    for status in [200, 503, 200] {
        let reply = get(&simulator, "/v1.0/myorg/groups", &token).await;
        assert_eq!(reply.status, status);
        assert!(reply.header("date").is_some());
        ids.push(reply.header("requestid").unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn the_log_has_the_services_requests_without_secrets_and_not_the_admins() {
    let world = scenario::order_list_completes();
    let flow = world.flows[0].clone();
    let simulator = Simulator::start(world).await.unwrap();
    let token = token(&simulator).await;
    get(&simulator, "/v1.0/myorg/groups", &token).await;
    trigger(&simulator, &flow).await;
    let log = send(&simulator, "GET", "/__simulator/requests", &[], "").await;
    let text = String::from_utf8(log.body.clone()).unwrap();
    for secret in [&token, CLIENT_SECRET, flow.sig.expose()] {
        assert!(!text.contains(secret));
    }
    let log = log.json();
    let on: Vec<&Value> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["on"])
        .collect();
    assert_eq!(on, ["token", "groups", "trigger"]);
    assert_eq!(log[2]["json"]["dataflow_name"], "Master Order List");
    assert_eq!(log[2]["headers"]["x-ms-client-tracking-id"], "ours-1");
    assert_eq!(log[1]["headers"]["authorization"], "Bearer ***");
    assert_eq!(
        (&log[2]["had_sig"], &log[2]["had_authorization"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn the_admin_api_changes_a_running_simulator() {
    let simulator = Simulator::start(scenario::order_list_completes())
        .await
        .unwrap();
    let faults = r#"[{"on":"token","times":1,"fault":{"status":503}}]"#;
    let reply = send(&simulator, "POST", "/__simulator/faults", &[], faults).await;
    assert_eq!(reply.json(), json!({"faults": 1}));
    let target = format!("/{TENANT}/oauth2/v2.0/token");
    assert_eq!(send(&simulator, "POST", &target, &[], "").await.status, 503);
    assert_eq!(send(&simulator, "POST", &target, &[], "").await.status, 400);
}

#[tokio::test]
async fn one_connection_serves_several_requests() {
    let simulator = Simulator::start(scenario::order_list_completes())
        .await
        .unwrap();
    let open = request_text("GET", "/nowhere", &[], "").replace("connection: close\r\n", "");
    let closing = request_text("GET", "/nowhere", &[], "");
    let bytes = bytes_of(&simulator, &(open + &closing)).await.unwrap();
    let answers = String::from_utf8_lossy(&bytes)
        .matches("HTTP/1.1 404")
        .count();
    assert_eq!(answers, 2);
    assert_eq!(simulator.requests().len(), 2);
}

#[tokio::test]
async fn a_request_that_did_not_arrive_whole_has_no_effect() {
    let simulator = Simulator::start(scenario::order_list_completes())
        .await
        .unwrap();
    let flow = scenario::order_list_completes().flows[0].clone();
    let text = trigger_text(&flow);
    let cut = &text[..text.len() - 5];
    let mut stream = connected(&simulator, cut).await;
    stream.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    assert!(simulator.requests().is_empty());
    assert_eq!(flow_runs(&simulator), 0);
}

#[tokio::test]
async fn a_world_that_contradicts_itself_does_not_start() {
    let mut world = scenario::order_list_completes();
    world.dataflows.clear();
    let error = Simulator::start(world).await.err().unwrap();
    assert_eq!(error.code(), "world_invalid");
}
