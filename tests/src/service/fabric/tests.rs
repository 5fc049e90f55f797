//! Fabric, asked without a server.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::clock::later;
use crate::secret::Secret;
use crate::service::testing::request;
use crate::world::{Principal, World};

const TENANT: Uuid = Uuid::from_u128(0x11);
const OBJECT: Uuid = Uuid::from_u128(0x33);
const WS: Uuid = Uuid::from_u128(0xa1);
const DF: Uuid = Uuid::from_u128(0xb1);
const TOKEN: &str = "INVENTED.token.1";

fn after_ms(ms: u64) -> Timestamp {
    let start: Timestamp = "2026-10-01T01:00:00Z".parse().unwrap();
    later(start, Duration::from_millis(ms))
}

fn settings() -> DataflowGen2 {
    DataflowGen2::new(WS, DF, "Orders")
}

fn state_of(workspace: Workspace, dataflow: DataflowGen2) -> State {
    let world = World::new().workspace(workspace).dataflow_gen2(dataflow);
    let mut state = State::new(world, after_ms(0));
    state.remember_token(
        Secret::new(TOKEN),
        Claims {
            aud: AUDIENCE.to_owned(),
            iss: "https://sts.windows.net/x/".to_owned(),
            tid: TENANT,
            oid: OBJECT,
            appid: Uuid::from_u128(0x22),
            roles: Vec::new(),
            nbf: 0,
            exp: after_ms(3_600_000).as_second(),
            idtyp: Principal::App,
        },
    );
    state
}

fn state(dataflow: DataflowGen2) -> State {
    state_of(Workspace::new(WS, "Data Admin"), dataflow)
}

fn send(state: &mut State, method: Method, target: &str, body: &str, now: Timestamp) -> Reply {
    let headers = [("authorization", "Bearer INVENTED.token.1")];
    let incoming = request(method, target, &headers, body);
    let segments: Vec<&str> = incoming.path.trim_start_matches('/').split('/').collect();
    let call = Call::of(&incoming.method, &segments).unwrap();
    state.settle(now);
    let reply = answer(&call, &incoming, state, now, 1);
    assert!(reply.headers.contains_key("requestid"));
    reply
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
}

fn get(state: &mut State, target: &str, ms: u64) -> (u16, Value) {
    let reply = send(state, Method::GET, target, "", after_ms(ms));
    (reply.status.as_u16(), json_of(&reply))
}

fn run_path() -> String {
    format!("/v1/workspaces/{WS}/dataflows/{DF}/jobs/execute/instances")
}

fn run(state: &mut State, body: &str, ms: u64) -> Reply {
    send(state, Method::POST, &run_path(), body, after_ms(ms))
}

/// The path of the instance that a run was told.
fn instance(reply: &Reply) -> String {
    let location = reply.headers["location"].to_str().unwrap();
    location
        .strip_prefix("http://127.0.0.1:9")
        .unwrap()
        .to_owned()
}

fn items(rest: &str) -> String {
    format!("/v1/workspaces/{WS}/items/{DF}/jobs{rest}")
}

#[test]
fn a_run_is_accepted_with_an_address_and_a_time() {
    let mut state = state(settings());
    let reply = run(&mut state, "", 0);
    assert_eq!((reply.status.as_u16(), reply.body.len()), (202, 0));
    assert_eq!(reply.headers["retry-after"], "60");
    let (status, running) = get(&mut state, &instance(&reply), 100);
    assert_eq!((status, &running["status"]), (200, &json!("InProgress")));
    assert_eq!(running["startTimeUtc"], "2026-10-01T01:00:00.0000000");
    assert_eq!(running["endTimeUtc"], Value::Null);
    let (_, ended) = get(&mut state, &instance(&reply), 300);
    assert_eq!(ended["status"], "Completed");
    assert_eq!(ended["failureReason"], Value::Null);
    assert_eq!(ended["endTimeUtc"], "2026-10-01T01:00:00.3000000");
}

#[test]
fn every_form_of_the_run_is_understood() {
    for target in [
        run_path(),
        items("/instances?jobType=Refresh"),
        items("/instances?jobType=Execute"),
        items("/Execute/instances"),
        items("/Refresh/instances"),
    ] {
        let mut state = state(settings());
        let reply = send(&mut state, Method::POST, &target, "", after_ms(0));
        assert_eq!(reply.status.as_u16(), 202, "{target}");
    }
    for target in [items("/instances"), items("/instances?jobType=Tea")] {
        let reply = send(
            &mut state(settings()),
            Method::POST,
            &target,
            "",
            after_ms(0),
        );
        assert_eq!(json_of(&reply)["errorCode"], "InvalidJobType");
        assert_eq!(
            reply.headers["x-ms-public-api-error-code"],
            "InvalidJobType"
        );
    }
}

#[test]
fn execution_data_is_judged_and_kept() {
    let mut state = state(settings().parameters(&["Region"]));
    let good = r#"{"executionData":{"executeOption":"ApplyChangesIfNeeded","parameters":[
        {"parameterName":"Region","type":"Automatic","value":"EU"}]}}"#;
    for bad in [
        "[]",
        r#"{"executionData":3}"#,
        r#"{"executionData":{"executeOption":"Never"}}"#,
        r#"{"executionData":{"parameters":[{"parameterName":"Planet","value":1}]}}"#,
        r#"{"executionData":{"tea":1}}"#,
    ] {
        assert_eq!(run(&mut state, bad, 0).status.as_u16(), 400, "{bad}");
    }
    assert!(state.jobs_of(DF).is_empty());
    assert_eq!(run(&mut state, good, 0).status.as_u16(), 202);
    assert_eq!(
        state.jobs_of(DF)[0].execution["parameters"][0]["value"],
        "EU"
    );
}

#[test]
fn a_failure_has_its_reason_and_only_at_the_end() {
    let mut state = state(settings().refusing_apps());
    let path = instance(&run(&mut state, "", 0));
    assert_eq!(get(&mut state, &path, 10).1["failureReason"], Value::Null);
    let (_, failed) = get(&mut state, &path, 300);
    assert_eq!(failed["status"], "Failed");
    assert_eq!(
        failed["failureReason"]["errorCode"],
        "SPNBasedRefreshNotAllowed"
    );
}

#[test]
fn a_poll_may_ask_for_patience_while_the_job_runs() {
    let mut state = state(settings().poll_retry_after_s(20).running_as("Thinking"));
    let path = instance(&run(&mut state, "", 0));
    let reply = send(&mut state, Method::GET, &path, "", after_ms(10));
    assert_eq!(reply.headers["retry-after"], "20");
    assert_eq!(json_of(&reply)["status"], "Thinking");
    let reply = send(&mut state, Method::GET, &path, "", after_ms(300));
    assert!(!reply.headers.contains_key("retry-after"));
}

#[test]
fn the_list_shows_what_has_ended_and_by_scenario_what_runs() {
    for (settings, while_running) in [(settings(), 1), (settings().listing_running(), 2)] {
        let mut state = state(settings);
        run(&mut state, "", 0);
        run(&mut state, "", 1000);
        let (_, body) = get(&mut state, &items("/instances"), 1000);
        assert_eq!(body["value"].as_array().unwrap().len(), while_running);
        let (_, body) = get(&mut state, &items("/instances"), 2000);
        let starts: Vec<&Value> = body["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| &job["startTimeUtc"])
            .collect();
        assert_eq!(
            starts,
            ["2026-10-01T01:00:01.0000000", "2026-10-01T01:00:00.0000000"]
        );
    }
}

#[test]
fn a_job_is_cancelled_until_it_has_completed() {
    let mut state = state(settings().ends("Never").cancelled_without_end());
    let path = instance(&run(&mut state, "", 0));
    let cancel = format!("{path}/cancel");
    let reply = send(&mut state, Method::POST, &cancel, "", after_ms(10));
    assert_eq!(
        (reply.status.as_u16(), instance(&reply)),
        (202, path.clone())
    );
    assert_eq!(reply.headers["retry-after"], "60");
    let (_, cancelled) = get(&mut state, &path, 20);
    assert_eq!(
        (&cancelled["status"], &cancelled["endTimeUtc"]),
        (&json!("Cancelled"), &Value::Null)
    );
    let again = send(&mut state, Method::POST, &cancel, "", after_ms(30));
    assert_eq!(again.status.as_u16(), 400);
    assert_eq!(json_of(&again)["errorCode"], "JobAlreadyCompleted");
}

#[test]
fn lists_come_page_by_page() {
    let mut state = state(settings());
    state.world.fabric_page_size = Some(2);
    for n in 2..=5 {
        let id = Uuid::from_u128(0xb0 + n);
        state
            .world
            .dataflows_gen2
            .push(DataflowGen2::new(WS, id, "Orders"));
    }
    let mut target = format!("/v1/workspaces/{WS}/dataflows");
    let mut sizes = Vec::new();
    loop {
        let (status, body) = get(&mut state, &target, 0);
        assert_eq!(status, 200);
        sizes.push(body["value"].as_array().unwrap().len());
        let Some(next) = body["continuationUri"].as_str() else {
            break;
        };
        assert!(next.contains(body["continuationToken"].as_str().unwrap()));
        target = next.strip_prefix("http://127.0.0.1:9").unwrap().to_owned();
    }
    assert_eq!(sizes, [2, 2, 1]);
    let wrong = "/v1/workspaces?continuationToken=other";
    assert_eq!(get(&mut state, wrong, 0).0, 400);
    let (_, workspaces) = get(&mut state, "/v1/workspaces", 0);
    assert_eq!(workspaces["value"][0]["displayName"], "Data Admin");
    assert_eq!(workspaces["value"][0]["type"], "Workspace");
}

#[test]
fn what_is_not_there_is_named() {
    let mut state = state(settings());
    let other = Uuid::from_u128(0xff);
    for (target, status, code) in [
        (
            format!("/v1/workspaces/{other}/dataflows"),
            404,
            "WorkspaceNotFound",
        ),
        (
            format!("/v1/workspaces/{WS}/items/{other}/jobs/instances"),
            404,
            "ItemNotFound",
        ),
        (items(&format!("/instances/{other}")), 404, "ItemNotFound"),
        (items("/instances/x"), 400, "InvalidParameter"),
        ("/v1/capacities".to_owned(), 404, "EntityNotFound"),
    ] {
        let (got, body) = get(&mut state, &target, 0);
        assert_eq!(
            (got, &body["errorCode"]),
            (status, &json!(code)),
            "{target}"
        );
    }
}

#[test]
fn who_may_not_is_told() {
    let viewer = Workspace::new(WS, "Data Admin").viewers(&[OBJECT]);
    let mut viewing = state_of(viewer, settings());
    assert_eq!(get(&mut viewing, &items("/instances"), 0).0, 200);
    let refused = run(&mut viewing, "", 0);
    assert_eq!(refused.status.as_u16(), 403);
    assert_eq!(json_of(&refused)["errorCode"], "InsufficientPrivileges");
    let mut foreign = state_of(
        Workspace::new(WS, "Data Admin").only_for(&[TENANT]),
        settings(),
    );
    assert_eq!(get(&mut foreign, &items("/instances"), 0).0, 403);
    let mut unreadable = state(settings().unreadable());
    assert_eq!(get(&mut unreadable, &items("/instances"), 0).0, 403);
    let mut locked = state(settings().not_refreshable());
    assert_eq!(run(&mut locked, "", 0).status.as_u16(), 403);
}

#[test]
fn a_token_must_be_for_fabric_and_alive() {
    let mut state = state(settings());
    let (status, body) = get(&mut state, "/v1/workspaces", 3_600_000);
    assert_eq!((status, &body["errorCode"]), (401, &json!("TokenExpired")));
    let mut claims = state.claims_of(TOKEN).unwrap().clone();
    claims.aud.push('/');
    let mut other = State::new(World::new(), after_ms(0));
    other.remember_token(Secret::new(TOKEN), claims);
    let (status, body) = get(&mut other, "/v1/workspaces", 0);
    assert_eq!((status, &body["errorCode"]), (401, &json!("Unauthorized")));
}

#[test]
fn a_second_run_that_is_one_too_many_is_429() {
    use crate::world::SecondRun;
    let mut state = state(settings().second_run(SecondRun::TooMany));
    run(&mut state, "", 0);
    let refused = run(&mut state, "", 1);
    assert_eq!(refused.status.as_u16(), 429);
    assert_eq!(json_of(&refused)["errorCode"], "TooManyRequestsForJobs");
}
