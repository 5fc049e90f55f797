//! Power Automate, asked without a server.

mod oauth;

use serde_json::{Value, json};

use super::*;
use crate::service::testing::request;
use crate::world::{Dataflow, FlowState, Relay, Respond, Workspace, World};

const FLOW: &str = "0123456789abcdef0123456789abcdef";
const NAME: Uuid = Uuid::from_u128(0x11111111_2222_3333_4444_555555555555);
const SIG: &str = "INVENTED-sig-0123456789";
const WS: Uuid = Uuid::from_u128(1);
const DF: Uuid = Uuid::from_u128(2);
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn start() -> Timestamp {
    "2026-10-01T01:00:00Z".parse().unwrap()
}

fn flow() -> Flow {
    Flow::new(FLOW, NAME, FlowForm::Old, SIG)
}

fn state(flow: Flow) -> State {
    let world = World::new()
        .workspace(Workspace::new(WS, "Data Admin"))
        .dataflow(Dataflow::new(WS, DF, "Master Order List"))
        .flow(flow);
    State::new(world, start())
}

fn url() -> String {
    flow().trigger_url("")
}

fn send(state: &mut State, incoming: &Request) -> Answer {
    let segments: Vec<&str> = incoming.path.trim_start_matches('/').split('/').collect();
    let call = Call::of(&segments).unwrap();
    answer(&call, incoming, state, start(), 1)
}

fn ask(state: &mut State, incoming: &Request) -> Reply {
    match send(state, incoming) {
        Answer::Now(reply) => reply,
        Answer::WhenResponded(run) => held_answer(state, &run, start()).unwrap(),
    }
}

fn post(state: &mut State, target: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let reply = ask(state, &request(Method::POST, target, headers, body));
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let code = body["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (reply.status.as_u16(), code)
}

fn expect(answer: (u16, &str)) -> (u16, String) {
    (answer.0, answer.1.to_owned())
}

#[test]
fn both_forms_of_url_are_understood() {
    for (path, form, scale_unit) in [
        (
            "workflows/x/triggers/manual/paths/invoke",
            FlowForm::Old,
            None,
        ),
        (
            "workflows/x/triggers/manual/paths/invoke/",
            FlowForm::Old,
            None,
        ),
        (
            "powerautomate/automations/direct/workflows/x/triggers/manual/paths/invoke",
            FlowForm::New,
            None,
        ),
        (
            "powerautomate/automations/direct/cu/07/workflows/x/triggers/manual/paths/invoke/",
            FlowForm::New,
            Some(7),
        ),
    ] {
        let segments: Vec<&str> = path.split('/').collect();
        let expected = Call::Trigger {
            form,
            workflow: "x".to_owned(),
            scale_unit,
        };
        assert_eq!(Call::of(&segments), Some(expected), "{path}");
    }
}

#[test]
fn a_trigger_without_a_response_action_is_202_and_empty() {
    let mut state = state(flow());
    let headers = [
        ("content-type", "application/json"),
        ("x-ms-client-tracking-id", "ours-1"),
    ];
    let reply = ask(&mut state, &request(Method::POST, &url(), &headers, "{}"));
    assert_eq!(reply.status.as_u16(), 202);
    assert!(reply.body.is_empty());
    assert_eq!(reply.headers["x-ms-client-tracking-id"], "ours-1");
    assert_eq!(reply.headers["x-ms-workflow-id"], FLOW);
    assert!(!reply.headers.contains_key("location"));
    let run = reply.headers["x-ms-workflow-run-id"].to_str().unwrap();
    assert!(run.ends_with("CU18") && run.len() == 33, "{run}");
}

#[test]
fn two_identical_triggers_make_two_runs() {
    let mut state = state(flow());
    for _ in 0..2 {
        post(&mut state, &url(), JSON, "{}");
    }
    assert_eq!(state.flow_runs_of(FLOW).count(), 2);
}

#[test]
fn each_wrong_url_gets_the_services_own_error() {
    let mut state = state(flow());
    let bearer = [("authorization", "Bearer INVENTED-token-1")];
    let whole = url();
    let cut = whole.split('&').next().unwrap().to_owned();
    for (target, headers, expected) in [
        (
            whole.replace(FLOW, &"f".repeat(32)),
            JSON,
            (404, "WorkflowNotFound"),
        ),
        (
            whole.replace("/workflows", "/powerautomate/automations/direct/workflows"),
            JSON,
            (404, "WorkflowNotFound"),
        ),
        (
            whole.replace("api-version=2016-06-01&", ""),
            JSON,
            (400, "MissingApiVersionParameter"),
        ),
        (
            whole.clone(),
            &bearer[..],
            (400, "DirectApiRequestHasMoreThanOneAuthorization"),
        ),
        (cut, JSON, (401, "DirectApiAuthorizationRequired")),
        (
            whole.replace(SIG, "INVENTED-wrong"),
            JSON,
            (401, "AuthorizationFailed"),
        ),
        (
            whole.replace("&sv=1.0", ""),
            JSON,
            (401, "AuthorizationFailed"),
        ),
    ] {
        assert_eq!(
            post(&mut state, &target, headers, "{}"),
            expect(expected),
            "{target}"
        );
    }
    assert_eq!(state.flow_runs_of(FLOW).count(), 0);
}

#[test]
fn a_flow_that_is_off_names_itself_and_its_state() {
    let mut state = state(flow().state(FlowState::Suspended));
    let reply = ask(&mut state, &request(Method::POST, &url(), JSON, "{}"));
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        body["error"]["message"],
        "Could not execute workflow '11111111-2222-3333-4444-555555555555' trigger 'manual' with state 'Suspended': trigger is not enabled."
    );
}

#[test]
fn a_schema_asks_for_json_and_for_its_properties() {
    let mut state = state(flow().requiring(&["dataflow_name", "source"]));
    let text = [("content-type", "text/plain")];
    let full = r#"{"dataflow_name":"a","source":"b"}"#;
    let mismatch = expect((400, "TriggerInputSchemaMismatch"));
    assert_eq!(
        post(&mut state, &url(), JSON, r#"{"dataflow_name":"a"}"#),
        mismatch
    );
    assert_eq!(post(&mut state, &url(), JSON, "[]"), mismatch);
    assert_eq!(post(&mut state, &url(), &text, full), mismatch);
    assert_eq!(post(&mut state, &url(), JSON, full), expect((202, "")));
}

#[test]
fn a_trigger_takes_post_only() {
    let reply = ask(&mut state(flow()), &request(Method::GET, &url(), &[], ""));
    assert_eq!(reply.status.as_u16(), 405);
}

#[test]
fn a_synchronous_response_is_the_flows_own_word() {
    let respond = Respond::with(418, json!({"status": "failed"}));
    let mut state = state(flow().responding(respond));
    let reply = ask(&mut state, &request(Method::POST, &url(), JSON, "{}"));
    assert_eq!(reply.status.as_u16(), 418);
    assert_eq!(reply.body.as_ref(), br#"{"status":"failed"}"#);
    assert!(reply.headers.contains_key("x-ms-workflow-run-id"));
}

#[test]
fn an_asynchronous_response_is_polled_at_its_own_signed_address() {
    let mut respond = Respond::relaying(Relay::Start).asynchronously(1);
    respond.retry_after_s = Some(7);
    let mut state = state(flow().refreshing(DF).responding(respond));
    let reply = ask(&mut state, &request(Method::POST, &url(), JSON, "{}"));
    assert_eq!(reply.status.as_u16(), 202);
    assert_eq!(reply.headers["retry-after"], "7");
    let location = reply.headers["location"].to_str().unwrap();
    let target = location.strip_prefix("http://127.0.0.1:9").unwrap();
    assert!(
        !target.contains(SIG),
        "the operation has a signature of its own"
    );

    let (unsigned, _) = target.split_once("&sig=").unwrap();
    let refused = ask(&mut state, &request(Method::GET, unsigned, &[], ""));
    assert_eq!(refused.status.as_u16(), 401);
    let wrong = format!("{unsigned}&sig={SIG}");
    let refused = ask(&mut state, &request(Method::GET, &wrong, &[], ""));
    assert_eq!(refused.status.as_u16(), 401);

    let first = ask(&mut state, &request(Method::GET, target, &[], ""));
    assert_eq!(first.status.as_u16(), 202);
    assert!(first.headers.contains_key("location"));
    let second = ask(&mut state, &request(Method::GET, target, &[], ""));
    assert_eq!(second.status.as_u16(), 200);
    assert_eq!(second.body.as_ref(), br#"{"status":"started"}"#);
}
