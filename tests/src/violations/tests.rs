//! What is noted, and what is not.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::*;
use crate::clock::{Clock, StandingClock};
use crate::core::Core;
use crate::faults::{CannedReply, FaultRule, Mishap};
use crate::message::Answer;
use crate::scenario::{self, CLIENT_ID, CLIENT_SECRET, DATA_ADMIN, ORDERS_GEN2, TENANT};
use crate::service::testing::request;

fn engine() -> (Core, Arc<StandingClock>) {
    let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap()));
    let engine = Core::new(scenario::every_kind(), clock.clone());
    (engine, clock)
}

fn ask(engine: &Core, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let incoming = request(method, target, headers, body);
    match engine.receive(&incoming).answer {
        Some(Answer::Now(reply)) => reply,
        _ => Reply::empty(599),
    }
}

fn bearer(engine: &Core, scope: &str) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope={scope}/.default"
    );
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let target = format!("/{TENANT}/oauth2/v2.0/token");
    let reply = ask(engine, Method::POST, &target, &headers, &form);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

fn kinds(engine: &Core) -> Vec<ViolationKind> {
    engine.violations().iter().map(|one| one.kind).collect()
}

fn run_path() -> String {
    format!("/v1/workspaces/{DATA_ADMIN}/dataflows/{ORDERS_GEN2}/jobs/execute/instances")
}

#[test]
fn a_poll_before_its_time_is_noted_and_one_at_its_time_is_not() {
    let (engine, clock) = engine();
    let token = bearer(&engine, "https://api.fabric.microsoft.com");
    let auth = [("authorization", token.as_str())];
    let accepted = ask(&engine, Method::POST, &run_path(), &auth, "");
    let location = accepted.headers["location"].to_str().unwrap();
    let path = location.strip_prefix("http://127.0.0.1:9").unwrap();
    clock.advance(Duration::from_secs(59));
    ask(&engine, Method::GET, path, &auth, "");
    clock.advance(Duration::from_secs(1));
    ask(&engine, Method::GET, path, &auth, "");
    let violations = engine.violations();
    assert_eq!(violations.len(), 1);
    let one = &violations[0];
    assert_eq!(one.kind, ViolationKind::PolledBeforeRetryAfter);
    assert_eq!(one.operation, Some(Operation::FabricInstance));
    assert_eq!((one.path.as_str(), one.request), (path, 3));
    assert_eq!(one.time, "2026-10-01T01:00:59.000Z");
    assert_eq!(one.until.as_deref(), Some("2026-10-01T01:01:00.000Z"));
}

#[test]
fn an_announcement_that_never_arrived_binds_nobody() {
    let (engine, _) = engine();
    let token = bearer(&engine, "https://api.fabric.microsoft.com");
    let auth = [("authorization", token.as_str())];
    engine.set_faults(vec![FaultRule::on(Operation::FabricRun, Mishap::DropAfter)]);
    ask(&engine, Method::POST, &run_path(), &auth, "");
    let id = engine.item(ORDERS_GEN2).unwrap().runs[0].id.clone();
    let path = format!("/v1/workspaces/{DATA_ADMIN}/items/{ORDERS_GEN2}/jobs/instances/{id}");
    assert_eq!(
        ask(&engine, Method::GET, &path, &auth, "").status.as_u16(),
        200
    );
    assert!(engine.violations().is_empty());
}

#[test]
fn a_429_binds_its_caller_and_its_operation_only() {
    let (engine, clock) = engine();
    let token = bearer(&engine, "https://analysis.windows.net/powerbi/api");
    let auth = [("authorization", token.as_str())];
    let groups = "/v1.0/myorg/groups";
    for fault in [
        Mishap::Throttled {
            retry_after_s: 10,
            as_date: true,
        }
        .into(),
        crate::faults::Fault::from(CannedReply::status(429).header("Retry-After", "10")),
    ] {
        let before = kinds(&engine).len();
        engine.set_faults(vec![FaultRule::on(Operation::Groups, fault).times(1)]);
        assert_eq!(
            ask(&engine, Method::GET, groups, &auth, "").status.as_u16(),
            429
        );
        let other = format!("{groups}/{DATA_ADMIN}/dataflows");
        ask(&engine, Method::GET, &other, &auth, "");
        assert_eq!(kinds(&engine).len(), before);
        ask(&engine, Method::GET, groups, &auth, "");
        assert_eq!(kinds(&engine)[before..], [ViolationKind::IgnoredRetryAfter]);
        clock.advance(Duration::from_secs(10));
        ask(&engine, Method::GET, groups, &auth, "");
        assert_eq!(kinds(&engine).len(), before + 1);
    }
}

#[test]
fn one_call_too_many_is_429_and_the_next_one_a_violation() {
    let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap()));
    let engine = Core::new(scenario::every_kind().throttle(1, 60), clock.clone());
    let token = bearer(&engine, "https://api.fabric.microsoft.com");
    let auth = [("authorization", token.as_str())];
    let list = || ask(&engine, Method::GET, "/v1/workspaces", &auth, "");
    assert_eq!(list().status.as_u16(), 200);
    clock.advance(Duration::from_secs(20));
    let reply = list();
    assert_eq!(reply.status.as_u16(), 429);
    assert_eq!(reply.headers["retry-after"], "40");
    assert!(kinds(&engine).is_empty());
    list();
    assert_eq!(kinds(&engine), [ViolationKind::IgnoredRetryAfter]);
    clock.advance(Duration::from_secs(40));
    assert_eq!(list().status.as_u16(), 200);
}

#[test]
fn what_a_request_breaks_by_itself_is_noted() {
    let auth = [("authorization", "Bearer INVENTED.other.1")];
    let raw = format!(
        "/v1.0/myorg/groups/{DATA_ADMIN}/dataflows/transactions/2026-10-01T01:00:00Z@x$1/cancel"
    );
    let flow = scenario::every_kind().flows[0].trigger_url("");
    for (method, target, headers, expected) in [
        (
            Method::GET,
            "/v1/workspaces",
            &[][..],
            ViolationKind::NoBearer,
        ),
        (
            Method::GET,
            "/v1.0/myorg/groups",
            &[][..],
            ViolationKind::NoBearer,
        ),
        (
            Method::POST,
            raw.as_str(),
            &auth[..],
            ViolationKind::UnencodedId,
        ),
        (
            Method::GET,
            "/v1.0/myorg/groups/Data%20Admin/datasets",
            &auth[..],
            ViolationKind::NotAGuid,
        ),
        (
            Method::GET,
            "/v1/workspaces/x/dataflows",
            &auth[..],
            ViolationKind::NotAGuid,
        ),
        (
            Method::POST,
            flow.as_str(),
            &auth[..],
            ViolationKind::SigAndAuthorization,
        ),
    ] {
        let (engine, _) = engine();
        ask(&engine, method, target, headers, "");
        assert_eq!(kinds(&engine), [expected], "{target}");
        let text = serde_json::to_string(&engine.violations()).unwrap();
        assert!(!text.contains("INVENTED"), "{text}");
    }
}
