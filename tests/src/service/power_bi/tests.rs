//! Power BI, asked without a server.

mod models;

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::clock::later;
use crate::secret::Secret;
use crate::service::testing::request;
use crate::state::Claims;
use crate::world::{Client, RefreshType, World};

const TENANT: Uuid = Uuid::from_u128(0x11);
const OBJECT: Uuid = Uuid::from_u128(0x33);
const WS: Uuid = Uuid::from_u128(0xa1);
const DF: Uuid = Uuid::from_u128(0xb1);
const TOKEN: &str = "INVENTED.token.1";
const REFRESH: &str = r#"{"notifyOption":"NoNotification"}"#;

fn start() -> Timestamp {
    "2026-10-01T01:00:00Z".parse().unwrap()
}

fn after_ms(ms: u64) -> Timestamp {
    later(start(), Duration::from_millis(ms))
}

fn state_of(workspace: Workspace, dataflow: Dataflow) -> State {
    let world = World::new()
        .client(
            TENANT,
            Client::new(Uuid::from_u128(0x22), OBJECT, "INVENTED-secret-1"),
        )
        .workspace(workspace)
        .dataflow(dataflow);
    let mut state = State::new(world, start());
    state.remember_token(
        Secret::new(TOKEN),
        Claims {
            aud: AUDIENCE.to_owned(),
            iss: "https://sts.windows.net/x/".to_owned(),
            tid: TENANT,
            oid: OBJECT,
            appid: Uuid::from_u128(0x22),
            roles: Vec::new(),
            nbf: start().as_second(),
            exp: start().as_second() + 3600,
            idtyp: Principal::App,
        },
    );
    state
}

fn state() -> State {
    state_of(
        Workspace::new(WS, "Data Admin"),
        Dataflow::new(WS, DF, "Master Order List"),
    )
}

fn ask(
    state: &mut State,
    method: Method,
    target: &str,
    body: &str,
    now: Timestamp,
) -> (u16, Value) {
    let incoming = request(
        method.clone(),
        target,
        &[
            ("authorization", "Bearer INVENTED.token.1"),
            ("content-type", "application/json"),
        ],
        body,
    );
    let reply = send(state, &incoming, now);
    assert!(reply.headers.contains_key("requestid"));
    (
        reply.status.as_u16(),
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
    )
}

fn send(state: &mut State, incoming: &Request, now: Timestamp) -> Reply {
    let segments: Vec<&str> = incoming.path.trim_start_matches('/').split('/').collect();
    let call = Call::of(&incoming.method, &segments).unwrap();
    state.settle(now);
    answer(&call, incoming, state, now, 1)
}

fn at(rest: &str) -> String {
    format!("/v1.0/myorg/groups/{WS}/dataflows{rest}")
}

fn get(state: &mut State, rest: &str, now: Timestamp) -> (u16, Value) {
    ask(state, Method::GET, &at(rest), "", now)
}

#[test]
fn a_caller_without_a_good_token_is_turned_away() {
    let mut state = state();
    for header in ["", "Bearer INVENTED.other.1", "Basic INVENTED"] {
        let incoming = request(
            Method::GET,
            "/v1.0/myorg/groups",
            &[("authorization", header)],
            "",
        );
        assert_eq!(
            send(&mut state, &incoming, start()).status.as_u16(),
            401,
            "{header}"
        );
    }
}

#[test]
fn an_expired_token_is_named_as_such() {
    let (status, body) = ask(
        &mut state(),
        Method::GET,
        "/v1.0/myorg/groups",
        "",
        after_ms(3_600_000),
    );
    assert_eq!(status, 403);
    assert_eq!(body["error"]["code"], "TokenExpired");
}

#[test]
fn a_token_for_another_service_is_turned_away() {
    let mut state = state();
    let mut claims = state.claims_of(TOKEN).unwrap().clone();
    claims.aud.push('/');
    state.remember_token(Secret::new("INVENTED.slash.1"), claims);
    let incoming = request(
        Method::GET,
        "/v1.0/myorg/groups",
        &[("authorization", "Bearer INVENTED.slash.1")],
        "",
    );
    assert_eq!(send(&mut state, &incoming, start()).status.as_u16(), 401);
}

#[test]
fn workspaces_are_found_by_their_exact_name() {
    let mut state = state();
    state
        .world
        .workspaces
        .push(Workspace::new(Uuid::from_u128(0xa2), "Data Admins"));
    state
        .world
        .workspaces
        .push(Workspace::new(Uuid::from_u128(0xa3), "Hidden").only_for(&[Uuid::from_u128(0x99)]));
    let groups = "/v1.0/myorg/groups";
    let (_, all) = ask(&mut state, Method::GET, groups, "", start());
    assert_eq!(all["@odata.count"], 2);
    let exact = format!("{groups}?$filter=name%20eq%20'Data%20Admin'");
    let (_, one) = ask(&mut state, Method::GET, &exact, "", start());
    assert_eq!(one["value"][0]["id"], WS.to_string());
    assert_eq!(one["value"].as_array().unwrap().len(), 1);
    let paged = format!("{groups}?$top=1&$skip=1");
    let (_, second) = ask(&mut state, Method::GET, &paged, "", start());
    assert_eq!(second["value"][0]["name"], "Data Admins");
    let other = format!("{groups}?$filter=contains(name,'x')");
    assert_eq!(ask(&mut state, Method::GET, &other, "", start()).0, 400);
}

#[test]
fn the_path_is_judged_segment_by_segment() {
    let mut state = state();
    let other = Uuid::from_u128(0xff);
    for (target, status) in [
        ("/v1.0/myorg/groups/not-a-guid/dataflows".to_owned(), 400),
        (format!("/v1.0/myorg/groups/{other}/dataflows"), 404),
        (at("/not-a-guid/transactions"), 400),
        (at(&format!("/{other}/transactions")), 404),
        (at(&format!("/{DF}/somewhere")), 404),
        (at(&format!("/{DF}")), 200),
    ] {
        assert_eq!(
            ask(&mut state, Method::GET, &target, "", start()).0,
            status,
            "{target}"
        );
    }
}

#[test]
fn a_workspace_that_the_caller_was_not_added_to_is_forbidden() {
    let workspace = Workspace::new(WS, "Data Admin").only_for(&[Uuid::from_u128(0x99)]);
    let mut state = state_of(workspace, Dataflow::new(WS, DF, "D"));
    let (status, body) = get(&mut state, "", start());
    assert_eq!(status, 403);
    assert_eq!(body["error"]["code"], "PowerBINotAuthorizedException");
}

#[test]
fn a_refresh_shows_late_runs_and_ends() {
    let mut state = state();
    let refreshes = at(&format!("/{DF}/refreshes"));
    assert_eq!(
        ask(&mut state, Method::POST, &refreshes, REFRESH, start()),
        (200, Value::Null)
    );
    let transactions = format!("/{DF}/transactions");
    let (_, before) = get(&mut state, &transactions, after_ms(49));
    assert_eq!(before["value"], json!([]));
    let (_, running) = get(&mut state, &transactions, after_ms(50));
    assert_eq!(running["value"][0]["status"], "InProgress");
    assert_eq!(running["value"][0]["refreshType"], "OnDemand");
    assert!(running["value"][0].get("endTime").is_none());
    let (_, ended) = get(&mut state, &transactions, after_ms(300));
    assert_eq!(ended["value"][0]["status"], "Success");
    assert_eq!(ended["value"][0]["endTime"], "2026-10-01T01:00:00.300Z");
}

#[test]
fn transactions_come_newest_first() {
    let dataflow = Dataflow::new(WS, DF, "D")
        .past_run(7200, 60, RefreshType::Scheduled, "Failed")
        .past_run(60, 30, RefreshType::OnDemand, "Success");
    let mut state = state_of(Workspace::new(WS, "W"), dataflow);
    let (_, body) = get(&mut state, &format!("/{DF}/transactions"), start());
    assert_eq!(body["value"][0]["status"], "Success");
    assert_eq!(body["value"][1]["startTime"], "2026-09-30T23:00:00.000Z");
}

#[test]
fn a_refresh_without_its_option_is_refused() {
    let mut state = state();
    let refreshes = at(&format!("/{DF}/refreshes"));
    for body in ["", "{}", r#"{"notifyOption":"MailOnCompletion"}"#] {
        assert_eq!(
            ask(&mut state, Method::POST, &refreshes, body, start()).0,
            400,
            "{body}"
        );
    }
    assert!(state.runs_of(DF).is_empty());
}

#[test]
fn an_unreadable_dataflow_can_be_refreshed_but_not_followed() {
    let mut state = state_of(
        Workspace::new(WS, "W"),
        Dataflow::new(WS, DF, "D").unreadable(),
    );
    let refreshes = at(&format!("/{DF}/refreshes"));
    assert_eq!(
        ask(&mut state, Method::POST, &refreshes, REFRESH, start()).0,
        200
    );
    let (status, body) = get(&mut state, &format!("/{DF}/transactions"), start());
    assert_eq!(status, 403);
    assert_eq!(body["error"]["code"], "PowerBINotAuthorizedException");
}

#[test]
fn a_transaction_is_cancelled_by_its_encoded_id_only() {
    let mut state = state_of(
        Workspace::new(WS, "W"),
        Dataflow::new(WS, DF, "D").ends("Never"),
    );
    ask(
        &mut state,
        Method::POST,
        &at(&format!("/{DF}/refreshes")),
        REFRESH,
        start(),
    );
    let id = state.runs_of(DF)[0].id.clone();
    let raw = at(&format!("/transactions/{id}/cancel"));
    assert_eq!(ask(&mut state, Method::POST, &raw, "", after_ms(1)).0, 400);
    let encoded = utf8_percent_encode(&id, NON_ALPHANUMERIC);
    let good = at(&format!("/transactions/{encoded}/cancel"));
    let (status, body) = ask(&mut state, Method::POST, &good, "", after_ms(2));
    assert_eq!(
        (status, &body["status"]),
        (200, &json!("SuccessfullyMarked"))
    );
    assert_eq!(body["transactionId"], id);
    let (_, again) = ask(&mut state, Method::POST, &good, "", after_ms(3));
    assert_eq!(again["status"], "AlreadyConcluded");
}
