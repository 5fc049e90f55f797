//! Semantic models, asked without a server.

use super::*;
use crate::world::SemanticModel;

const MODEL: Uuid = Uuid::from_u128(0xc1);

fn with(model: SemanticModel) -> State {
    let mut state = state();
    state.world.models.push(model);
    state
}

fn model() -> SemanticModel {
    SemanticModel::new(WS, MODEL, "Sales")
}

fn at(rest: &str) -> String {
    format!("/v1.0/myorg/groups/{WS}/datasets{rest}")
}

fn refreshes() -> String {
    at(&format!("/{MODEL}/refreshes"))
}

fn post(state: &mut State, body: &str, ms: u64) -> Reply {
    let headers = [("authorization", "Bearer INVENTED.token.1")];
    let incoming = request(Method::POST, &refreshes(), &headers, body);
    send(state, &incoming, after_ms(ms))
}

fn get(state: &mut State, target: &str, ms: u64) -> (u16, Value) {
    ask(state, Method::GET, target, "", after_ms(ms))
}

fn code(reply: &Reply) -> (u16, String) {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let code = body["error"]["code"].as_str().unwrap().to_owned();
    (reply.status.as_u16(), code)
}

#[test]
fn models_are_listed_with_their_ids() {
    let mut state = with(model().listed_as_not_refreshable());
    let (_, body) = get(&mut state, &at(""), 0);
    assert_eq!(body["value"][0]["id"], MODEL.to_string());
    assert_eq!(body["value"][0]["isRefreshable"], false);
}

#[test]
fn a_standard_refresh_is_found_by_its_request_id_after_a_while() {
    for body in ["", "{}", r#"{"notifyOption":"NoNotification"}"#] {
        let mut state = with(model());
        let reply = post(&mut state, body, 0);
        assert_eq!((reply.status.as_u16(), reply.body.len()), (202, 0));
        let id = reply.headers["requestid"].to_str().unwrap();
        assert!(!reply.headers.contains_key("location"));
        assert_eq!(get(&mut state, &refreshes(), 49).1["value"], json!([]));
        let (_, running) = get(&mut state, &refreshes(), 50);
        let entry = &running["value"][0];
        assert_eq!(
            (&entry["requestId"], &entry["status"]),
            (&json!(id), &json!("Unknown"))
        );
        assert_eq!(entry["refreshType"], "ViaApi");
        assert!(entry.get("endTime").is_none() && entry.get("extendedStatus").is_none());
        let (_, ended) = get(&mut state, &refreshes(), 300);
        assert_eq!(ended["value"][0]["status"], "Completed");
        assert_eq!(ended["value"][0]["endTime"], "2026-10-01T01:00:00.300Z");
        let details = format!("{}/{id}", refreshes());
        assert_eq!(get(&mut state, &details, 300).0, 404);
        assert_eq!(
            ask(&mut state, Method::DELETE, &details, "", after_ms(300)).0,
            400
        );
    }
}

#[test]
fn an_enhanced_refresh_is_followed_at_its_own_address() {
    let mut state = with(model().failing("ModelRefresh_Timeout").failed_attempts(1));
    let reply = post(&mut state, r#"{"type":"full","retryCount":1}"#, 0);
    let id = reply.headers["x-ms-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let location = reply.headers["location"].to_str().unwrap();
    let path = location
        .strip_prefix("http://127.0.0.1:9")
        .unwrap()
        .to_owned();
    assert!(path.ends_with(&id));
    assert_ne!(reply.headers["requestid"].to_str().unwrap(), id);
    assert_eq!(get(&mut state, &path, 49).0, 404);
    let (status, running) = get(&mut state, &path, 100);
    assert_eq!((status, &running["status"]), (202, &json!("Unknown")));
    assert_eq!(running["extendedStatus"], "InProgress");
    assert_eq!(running["startTime"], "2026-10-01T01:00:00.000");
    assert_eq!(running["numberOfAttempts"], 0);
    let (status, failed) = get(&mut state, &path, 300);
    assert_eq!((status, &failed["status"]), (200, &json!("Failed")));
    assert_eq!(failed["numberOfAttempts"], 2);
    assert_eq!(failed["type"], "Full");
    assert_eq!(failed["messages"][0]["message"], "ModelRefresh_Timeout");
    assert_eq!(failed["objects"][0]["table"], "Orders");
    let exception = json!(r#"{"errorCode":"ModelRefresh_Timeout"}"#);
    assert_eq!(
        failed["refreshAttempts"][0]["serviceExceptionJson"],
        exception
    );
    let (_, history) = get(&mut state, &refreshes(), 300);
    let entry = &history["value"][0];
    assert_eq!(entry["serviceExceptionJson"], exception);
    assert_eq!(entry["refreshType"], "ViaEnhancedApi");
    assert_eq!(entry["extendedStatus"], "Failed");
}

#[test]
fn a_request_that_contradicts_itself_is_refused() {
    let mut state = with(model());
    for body in [
        r#"{"notifyOption":"NoNotification","type":"Full"}"#,
        r#"{"type":"Tea"}"#,
        r#"{"commitMode":1}"#,
        r#"{"timeout":"25:00:00"}"#,
        r#"{"maxParallelism":"many"}"#,
        r#"{"objects":{}}"#,
        r#"{"tea":1}"#,
        r#"{"notifyOption":"Always"}"#,
        "[]",
    ] {
        let refused = code(&post(&mut state, body, 0));
        assert_eq!(refused, (400, "InvalidRequest".to_owned()), "{body}");
    }
    assert!(state.refreshes_of(MODEL).is_empty());
}

#[test]
fn a_busy_model_says_so_in_the_services_words() {
    let mut state = with(model());
    post(&mut state, "", 0);
    let refused = post(&mut state, "", 10);
    let body: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(
        body,
        json!({"error": {"code": "InvalidRequest", "message":
            "Invalid dataset refresh request. Another refresh request is already executing"}})
    );
}

#[test]
fn without_premium_there_is_no_enhanced_refresh() {
    let mut state = with(model().not_premium());
    assert_eq!(code(&post(&mut state, r#"{"type":"Full"}"#, 0)).0, 400);
    assert_eq!(post(&mut state, "", 0).status.as_u16(), 202);
}

#[test]
fn an_enhanced_refresh_is_cancelled_while_it_runs() {
    let mut state = with(model().ends("Never"));
    let reply = post(&mut state, r#"{"type":"Full"}"#, 0);
    let id = reply.headers["x-ms-request-id"].to_str().unwrap();
    let path = format!("{}/{id}", refreshes());
    assert_eq!(
        ask(&mut state, Method::DELETE, &path, "", after_ms(60)).0,
        200
    );
    assert_eq!(
        ask(&mut state, Method::DELETE, &path, "", after_ms(61)).0,
        400
    );
    let (status, body) = get(&mut state, &path, 62);
    assert_eq!((status, &body["status"]), (200, &json!("Cancelled")));
}

#[test]
fn the_history_is_as_long_as_it_was_asked_for() {
    let settings = (1..=70).fold(model(), |model, n| {
        model.past_run(n * 60, 30, RefreshType::Scheduled, "Disabled")
    });
    let before = with(settings);
    let mut state = State::new(before.world.clone(), start());
    let claims = before.claims_of(TOKEN).unwrap().clone();
    state.remember_token(Secret::new(TOKEN), claims);
    for (query, length) in [("", 60), ("?$top=1", 1), ("?$top=100", 70)] {
        let (_, body) = get(&mut state, &format!("{}{query}", refreshes()), 0);
        assert_eq!(body["value"].as_array().unwrap().len(), length);
        assert_eq!(body["value"][0]["status"], "Disabled");
    }
    let wrong = format!("{}?$top=all", refreshes());
    assert_eq!(get(&mut state, &wrong, 0).0, 400);
}

#[test]
fn who_may_only_look_may_not_refresh() {
    let mut state = with(model());
    state.world.workspaces = vec![Workspace::new(WS, "Data Admin").viewers(&[OBJECT])];
    assert_eq!(get(&mut state, &refreshes(), 0).0, 200);
    let refused = code(&post(&mut state, "", 0));
    assert_eq!(refused, (403, "PowerBINotAuthorizedException".to_owned()));
    let dataflow = super::at(&format!("/{DF}/refreshes"));
    assert_eq!(
        ask(&mut state, Method::POST, &dataflow, REFRESH, start()).0,
        403
    );
}

#[test]
fn a_token_for_fabric_does_as_well() {
    let mut state = with(model());
    let mut claims = state.claims_of(TOKEN).unwrap().clone();
    claims.aud = "https://api.fabric.microsoft.com".to_owned();
    state.remember_token(Secret::new("INVENTED.fabric.1"), claims);
    let headers = [("authorization", "Bearer INVENTED.fabric.1")];
    let incoming = request(Method::GET, &at(""), &headers, "");
    assert_eq!(send(&mut state, &incoming, start()).status.as_u16(), 200);
}

#[test]
fn transactions_can_be_kept_from_applications_alone() {
    let hidden = Dataflow::new(WS, DF, "D").unreadable_to_apps();
    let mut state = state_of(Workspace::new(WS, "W"), hidden);
    let transactions = super::at(&format!("/{DF}/transactions"));
    assert_eq!(get(&mut state, &transactions, 0).0, 403);
    let mut claims = state.claims_of(TOKEN).unwrap().clone();
    claims.idtyp = Principal::User;
    state.remember_token(Secret::new("INVENTED.person.1"), claims);
    let headers = [("authorization", "Bearer INVENTED.person.1")];
    let incoming = request(Method::GET, &transactions, &headers, "");
    assert_eq!(send(&mut state, &incoming, start()).status.as_u16(), 200);
}
