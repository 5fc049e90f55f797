//! Verification by the flow's own Response.

use super::*;
use crate::contract::{Evidence, FollowMode, Matched, Sent, Status, Verification};
use crate::ports::HttpAnswer;
use crate::ports::TransportKind;
use crate::testing::{Answer, answer, broken, error as refusal, flow, request, taken, with};

fn responding() -> RefreshRequest {
    request(flow(Verification::Response))
}

fn sync(answer: Answer) -> (World, Verdict) {
    let world = World::new().answers_post(answer);
    let verdict = verdict(&world, &responding());
    assert_eq!(world.posts().len(), 1);
    (world, verdict)
}

/// A Response as a run of the flow sends it.
fn responded(status: u16, body: &str) -> HttpAnswer {
    with(answer(status, body), "x-ms-workflow-run-id", "0858CU18")
}

fn later() -> HttpAnswer {
    with(
        taken(),
        "Location",
        "/workflows/1/runs/0858/operations/2?api-version=1",
    )
}

fn polled(answers: Vec<Answer>) -> (World, Verdict) {
    let mut world = World::new().answers_post(Ok(later()));
    for answer in answers {
        world = world.answers_get(answer);
    }
    let world = world.answers_every_get(Ok(answer(202, "")));
    let verdict = verdict(&world, &responding());
    assert_eq!(world.posts().len(), 1);
    (world, verdict)
}

#[test]
fn a_response_decides_the_verdict() {
    for (body, status) in [
        (r#"{"status":"Completed"}"#, Status::Completed),
        (r#"{"status":"started"}"#, Status::Accepted),
    ] {
        let (world, verdict) = sync(Ok(responded(200, body)));
        assert_eq!((verdict.status, verdict.code.as_str()), (status, ""));
        assert_eq!(
            (verdict.evidence, verdict.matched),
            (Evidence::Flow, Matched::Exact)
        );
        assert!(verdict.own_run && verdict.flow_run.as_deref() == Some("0858CU18"));
        assert_eq!(world.kinds(), ["intent", "triggered", "verdict"]);
    }
    let (_, verdict) = sync(Ok(responded(
        200,
        r#"{"status":"failed","code":"NoRows","message":"no rows"}"#,
    )));
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Failed, "no_rows")
    );
    assert_eq!(verdict.service_error.unwrap().message, "no rows");
    assert!(verdict.message.contains("no rows"));
}

#[test]
fn a_rejection_by_the_platform_is_reported_by_the_service() {
    let (_, verdict) = sync(refusal(400, "TriggerInputSchemaMismatch"));
    assert_eq!(
        (verdict.code.as_str(), verdict.evidence),
        ("flow_input_schema_mismatch", Evidence::Service)
    );
    assert!(!verdict.own_run);
}

#[test]
fn a_response_that_reports_an_error_or_an_unknown_status_is_unknown() {
    for (body, code) in [
        (r#"{"error":{"code":"A"}}"#, "response_reports_error"),
        (r#"{"status":"ok"}"#, "flow_response_unclear"),
        (r#"{"status":"cancelled"}"#, "flow_response_unclear"),
        ("OK", "flow_response_unclear"),
        ("{\"status\":\"compl", "flow_response_unclear"),
    ] {
        let (_, verdict) = sync(Ok(responded(200, body)));
        assert_eq!(
            (verdict.status, verdict.code.as_str(), verdict.sent),
            (Status::Unknown, code, Sent::Yes)
        );
        let received = verdict.service_error.unwrap();
        assert!(!received.code.is_empty() || received.message == body);
    }
}

#[test]
fn an_unclear_response_is_accepted_at_best() {
    for (answer, code) in [
        (responded(200, ""), "flow_response_unclear"),
        (responded(204, ""), "flow_response_unclear"),
        (taken(), "flow_has_no_response"),
    ] {
        let (_, verdict) = sync(Ok(answer));
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Accepted, code)
        );
        assert_eq!(
            (verdict.evidence, verdict.matched),
            (Evidence::None, Matched::None)
        );
        assert!(!verdict.hint.is_empty());
    }
}

#[test]
fn the_trigger_has_the_timeout_of_a_response() {
    let (world, _) = sync(Ok(responded(200, "")));
    assert_eq!(world.posts()[0].timeout_ms, 130_000);
    let world = World::new();
    let mut hurried = responding();
    hurried.call_context.deadline_ms = 20_000;
    verdict(&world, &hurried);
    assert_eq!(world.posts()[0].timeout_ms, 20_000);
}

#[test]
fn a_polled_response_counts_like_an_immediate_one() {
    for (answer, status, code) in [
        (
            Ok(responded(
                400,
                r#"{"error":{"code":"DailyDataflowRefreshLimitExceeded"}}"#,
            )),
            Status::Failed,
            "dataflow_daily_limit",
        ),
        (
            Ok(responded(404, r#"{"code":"NoRows"}"#)),
            Status::Failed,
            "no_rows",
        ),
        (Ok(responded(500, "")), Status::Failed, "flow_response_500"),
        (refusal(400, "BadRequest"), Status::Unknown, "read_failed"),
        (
            Ok(answer(200, "")),
            Status::Accepted,
            "flow_response_unclear",
        ),
        (
            Ok(answer(200, r#"{"status":"failed"}"#)),
            Status::Failed,
            "flow_reported_failure",
        ),
        (refusal(401, ""), Status::Unknown, "read_forbidden"),
        (refusal(403, ""), Status::Unknown, "read_forbidden"),
        (
            broken(TransportKind::Denied),
            Status::Unknown,
            "location_denied",
        ),
    ] {
        let (_, verdict) = polled(vec![answer]);
        assert_eq!((verdict.status, verdict.code.as_str()), (status, code));
        assert_eq!(verdict.sent, Sent::Yes);
    }
}

#[test]
fn a_missing_response_is_unknown() {
    let (world, verdict) = polled(vec![]);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "still_running")
    );
    assert!((3_590_000..3_640_000).contains(&world.elapsed()));
    let world = World::new().answers_post(Ok(with(later(), "Retry-After", "7200")));
    assert_eq!(super::verdict(&world, &responding()).code, "still_running");
    assert_eq!(world.elapsed(), 20);
}

#[test]
fn detached_does_not_wait_for_a_later_response() {
    for mode in [FollowMode::UntilStarted, FollowMode::NotAtAll] {
        let world = World::new().answers_post(Ok(later()));
        let mut request = responding();
        request.follow = mode;
        let verdict = verdict(&world, &request);
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Accepted, "response_not_awaited")
        );
        assert!(world.gets().is_empty());
    }
}

#[test]
fn an_invalid_location_is_unknown() {
    let world = World::new().answers_post(Ok(with(taken(), "Location", "ftp://x/y")));
    let verdict = verdict(&world, &responding());
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "read_failed")
    );
}

#[test]
fn a_cancellation_while_polling_is_a_verdict() {
    let world = World::new()
        .answers_post(Ok(later()))
        .answers_every_get(Ok(answer(202, "")))
        .cancels_after(2);
    let verdict = verdict(&world, &responding());
    assert_eq!(
        (verdict.status, verdict.sent),
        (Status::Interrupted, Sent::Yes)
    );
}
