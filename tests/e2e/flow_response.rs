//! Where the flow itself says what became of it.

use serde_json::json;
use simulator::world::{RefreshType, Relay, ResponseAction};

use crate::support::{Platform, Setup, dataflow, flow, world, world_of};

fn answering(respond: ResponseAction) -> Platform {
    Platform::start(&world_of(dataflow(), flow().responding(respond)))
}

#[test]
fn a_flow_that_relays_the_refusal_is_failed_with_its_code() {
    let mut full = dataflow();
    for hours in 1..=8_u64 {
        full = full.past_run(hours * 2 * 3600, 240, RefreshType::Scheduled, "Success");
    }
    let platform = Platform::start(&world_of(
        full,
        flow().responding(ResponseAction::relaying(Relay::Start)),
    ));
    let outcome = Setup::by_response(&platform).refresh(&[]);
    outcome.is("failed", "dataflow_daily_limit", 10);
    assert_eq!(outcome.field("evidence"), "flow");
    assert_ne!(outcome.field("flow_run"), "");
}

#[test]
fn a_flow_is_taken_at_its_word() {
    for (status, expected, exit) in [
        ("completed", "completed", 0),
        ("started", "accepted", 0),
        ("failed", "failed", 10),
    ] {
        let platform = answering(ResponseAction::with(200, json!({"status": status})));
        let outcome = Setup::by_response(&platform).refresh(&[]);
        outcome.exits(exit);
        assert_eq!(outcome.field("status"), expected);
        assert_eq!(outcome.field("evidence"), "flow");
    }
}

#[test]
fn any_other_response_is_accepted_and_says_so() {
    for body in [
        json!({"hello": "there"}),
        json!("fine"),
        json!({"status": "splendid"}),
    ] {
        let platform = answering(ResponseAction::with(200, body));
        let outcome = Setup::by_response(&platform).refresh(&[]);
        outcome.exits(0);
        assert_eq!(outcome.field("status"), "accepted");
    }
}

#[test]
fn a_flow_without_a_response_action_is_told_apart() {
    let platform = Platform::start(&world());
    let outcome = Setup::by_response(&platform).refresh(&[]);
    outcome
        .is("accepted", "flow_has_no_response", 0)
        .says("Response");
}

#[test]
fn an_asynchronous_response_is_polled_with_its_own_signature() {
    let platform =
        answering(ResponseAction::with(200, json!({"status": "completed"})).asynchronously(2));
    let outcome = Setup::by_response(&platform).refresh(&[]);
    outcome.is("completed", "", 0);
    let polls = platform.requests_for("poll");
    assert!(polls.len() >= 3, "{polls:?}");
    assert!(polls.iter().all(|poll| poll.had_sig));
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn an_asynchronous_failure_is_failed() {
    let platform = answering(
        ResponseAction::with(
            422,
            json!({"error": {"code": "BadGateway", "message": "inner"}}),
        )
        .asynchronously(1),
    );
    let outcome = Setup::by_response(&platform).refresh(&[]);
    outcome.exits(10);
    assert_eq!(outcome.field("status"), "failed");
}

#[test]
fn responses_with_a_status_that_may_be_the_gateways_own_are_not_the_flows_word() {
    for (status, expected, exit) in [
        (401, "unauthorized", 14),
        (403, "unauthorized", 14),
        (502, "unknown", 12),
        (503, "unknown", 12),
        (504, "unknown", 12),
    ] {
        let platform = answering(ResponseAction::with(
            status,
            json!({"error": {"code": "Whatever", "message": "no"}}),
        ));
        let outcome = Setup::by_response(&platform).refresh(&["--deadline", "3s"]);
        outcome.exits(exit);
        assert_eq!(outcome.field("status"), expected, "{status}");
        assert_eq!(platform.triggers(), 1, "{status}");
    }
}

#[test]
fn a_flow_that_answers_after_the_usual_timeout_is_waited_for() {
    // One HTTP call takes at most a second here, but a Response may hold the caller longer.
    let platform =
        answering(ResponseAction::with(200, json!({"status": "completed"})).after_ms(2000));
    Setup::by_response(&platform)
        .refresh(&[])
        .is("completed", "", 0);
}
