//! The simulator over real sockets.

mod client;
mod faults;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use self::client::{
    PATIENCE, RawReply, SILENCE, bytes_of, connected, request_text, rest_of, send, until,
};
use super::*;
use crate::clock::StandingClock;
use crate::faults::{Fault, FaultRule, Operation};
use crate::scenario::{self, CLIENT_ID, CLIENT_SECRET, DATA_ADMIN, MASTER_ORDER_LIST, TENANT};
use crate::world::{Flow, Relay, ResponseAction};

/// A simulator of the world in which everything works, changed by `change`, with a standing clock.
async fn started(change: impl FnOnce(&mut World)) -> (Simulator, Flow) {
    let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap()));
    let mut world = scenario::order_list_completes();
    change(&mut world);
    let flow = world.flows[0].clone();
    let builder = Simulator::builder(world).clock(clock);
    (builder.start().await.unwrap(), flow)
}

fn trigger_text(flow: &Flow) -> String {
    let headers = [
        ("content-type", "application/json"),
        ("x-ms-client-tracking-id", "ours-1"),
    ];
    let body = r#"{"dataflow_name":"Master Order List"}"#;
    request_text("POST", &flow.trigger_url(""), &headers, body)
}

async fn trigger(simulator: &Simulator, flow: &Flow) -> RawReply {
    RawReply::parse(&bytes_of(simulator, &trigger_text(flow)).await.unwrap()).unwrap()
}

fn flow_runs(simulator: &Simulator) -> usize {
    simulator.world().flow_runs.len()
}

#[tokio::test]
async fn the_order_list_is_triggered_and_completes() {
    let (simulator, flow) = started(|_| {}).await;
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https%3A%2F%2Fanalysis.windows.net%2Fpowerbi%2Fapi%2F.default"
    );
    let target = format!("/{TENANT}/oauth2/v2.0/token");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let reply = send(&simulator, "POST", &target, &headers, &form).await;
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = [("authorization", &*format!("Bearer {token}"))];

    let reply = trigger(&simulator, &flow).await;
    assert_eq!((reply.status, reply.body.len()), (202, 0));
    assert_eq!(reply.header("content-length"), Some("0"));
    assert_eq!(reply.header("date"), Some("Thu, 01 Oct 2026 01:00:00 GMT"));
    let transactions =
        format!("/v1.0/myorg/groups/{DATA_ADMIN}/dataflows/{MASTER_ORDER_LIST}/transactions");
    for (wait, status) in [(100, "InProgress"), (900, "Success")] {
        simulator.advance(Duration::from_millis(wait));
        let reply = send(&simulator, "GET", &transactions, &bearer, "").await;
        assert_eq!(reply.json()["value"][0]["status"], status);
    }
    let run = &simulator.item(MASTER_ORDER_LIST).unwrap().runs[0];
    assert_eq!(run.tracking_id.as_deref(), Some("ours-1"));
    assert_eq!(run.request, Some(2));
    simulator.advance(Duration::from_secs(3600));
    let late = send(&simulator, "GET", &transactions, &bearer, "").await;
    assert_eq!(late.status, 403);
    assert_eq!(late.header("date"), Some("Thu, 01 Oct 2026 02:00:01 GMT"));
    assert!(simulator.violations().is_empty());
}

#[tokio::test]
async fn a_caller_is_held_until_the_run_has_ended() {
    let respond = Some(ResponseAction::relaying(Relay::Completion));
    let (simulator, flow) = started(|world| world.flows[0].respond = respond).await;
    let mut stream = connected(&simulator, &trigger_text(&flow)).await;
    until(|| flow_runs(&simulator) == 1).await;
    assert!(timeout(SILENCE, stream.read_u8()).await.is_err());
    simulator.advance(Duration::from_secs(1));
    let reply = RawReply::parse(&rest_of(stream).await.unwrap()).unwrap();
    assert_eq!(reply.json()["status"], "completed");
}

#[tokio::test]
async fn a_location_has_the_host_that_the_caller_used() {
    let respond = ResponseAction::relaying(Relay::Start).asynchronously(1);
    let (simulator, flow) = started(|world| world.flows[0].respond = Some(respond)).await;
    let accepted = trigger(&simulator, &flow).await;
    let location = accepted.header("location").unwrap();
    let target = location.strip_prefix("http://localhost").unwrap();
    for status in [202, 200] {
        let reply = send(&simulator, "GET", target, &[], "").await;
        assert_eq!(reply.status, status);
    }
    let log = serde_json::to_string(&simulator.requests()).unwrap();
    assert!(!log.contains(target.split_once("&sig=").unwrap().1));
}

#[tokio::test]
async fn one_connection_serves_several_requests() {
    let (simulator, _) = started(|_| {}).await;
    let open = request_text("GET", "/nowhere", &[], "").replace("connection: close\r\n", "");
    let closing = request_text("GET", "/nowhere", &[], "");
    let bytes = bytes_of(&simulator, &(open + &closing)).await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.matches("HTTP/1.1 404").count(), 2);
    assert_eq!(simulator.requests().len(), 2);
}

#[tokio::test]
async fn an_incomplete_request_has_no_effect() {
    let (simulator, flow) = started(|_| {}).await;
    let text = trigger_text(&flow);
    let mut stream = connected(&simulator, &text[..text.len() - 5]).await;
    stream.shutdown().await.unwrap();
    assert_eq!(rest_of(stream).await.unwrap(), b"");
    assert!(simulator.requests().is_empty());
    assert_eq!(flow_runs(&simulator), 0);
}

#[tokio::test]
async fn a_world_that_contradicts_itself_does_not_start() {
    let mut world = scenario::order_list_completes();
    world.items.clear();
    let error = Simulator::start(world).await.err().unwrap();
    assert_eq!(error.code(), "world_invalid");
}
