//! Another refresh is already running.

use super::*;
use crate::contract::{Event, Evidence, FollowMode, IfRunning, Matched, Sent, Status};
use crate::testing::{error as refusal, request, verified};

fn other(took: i64, end: &str) -> Scripted {
    timed("other", "OnDemand", -60_000, took, end)
}

#[test]
fn the_deadline_while_waiting_ends_in_skipped() {
    let world = World::new().with(other(80_000_000, "Success"));
    let verdict = verdict(&world, &request(verified()));
    assert_eq!(verdict.status, Status::Skipped);
    assert_eq!(verdict.code, "deadline_while_waiting");
    assert_eq!(verdict.sent, Sent::No);
    assert!(verdict.retryable && verdict.retry_at.is_none() && !verdict.own_run);
    assert!(world.posts().is_empty() && world.intents().is_empty());
    assert_eq!(world.kinds(), ["other_run", "verdict"]);
}

#[test]
fn skip_ends_immediately() {
    let world = World::new().with(other(80_000_000, "Success"));
    let mut request = request(verified());
    request.if_running = IfRunning::Skip;
    let verdict = verdict(&world, &request);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Skipped, "already_running")
    );
    assert_eq!((verdict.sent, verdict.own_run), (Sent::No, false));
    assert_eq!(verdict.service_run.as_deref(), Some("other"));
    assert_eq!(world.elapsed(), 20);
}

#[test]
fn follow_ends_in_skipped_with_the_outcome() {
    for (end, word) in [
        ("Success", "That run completed."),
        ("Failed", "That run failed."),
        ("Cancelled", "That run was cancelled."),
    ] {
        let world = World::new().with(other(100_000, end));
        let mut request = request(verified());
        request.if_running = IfRunning::Follow;
        let verdict = verdict(&world, &request);
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Skipped, "already_running")
        );
        assert_eq!((verdict.sent, verdict.matched), (Sent::No, Matched::None));
        assert_eq!(
            (verdict.own_run, verdict.evidence),
            (false, Evidence::Service)
        );
        assert!(verdict.message.contains(word), "{}", verdict.message);
        assert!(verdict.started_at.is_some() && verdict.ended_at.is_some());
        assert!(world.posts().is_empty());
        assert_eq!(world.kinds(), ["other_run", "verdict"]);
    }
}

#[test]
fn a_followed_run_without_a_known_outcome_is_skipped_too() {
    let mut request = request(verified());
    request.if_running = IfRunning::Follow;
    let world = World::new().with(other(80_000_000, "Success"));
    let verdict_1 = verdict(&world, &request);
    assert_eq!(verdict_1.status, Status::Skipped);
    assert!(
        verdict_1.message.contains("still running"),
        "{}",
        verdict_1.message
    );

    let world = World::new().with(other(100_000, "Success"));
    world.pass(0);
    let history = crate::testing::ok(
        r#"{"value":[{"id":"other","status":"InProgress","startTime":"2026-11-23T07:59:00Z"}]}"#,
    );
    let world = world.answers_get(Ok(history)).answers_get(refusal(403, ""));
    let verdict_2 = verdict(&world, &request);
    assert_eq!(
        (verdict_2.status, verdict_2.sent),
        (Status::Skipped, Sent::No)
    );
    assert!(
        verdict_2.message.contains("HTTP 403"),
        "{}",
        verdict_2.message
    );
}

#[test]
fn detached_does_not_follow_another_run() {
    let world = World::new().with(other(100_000, "Success"));
    let mut request = request(verified());
    request.if_running = IfRunning::Follow;
    request.follow = FollowMode::UntilStarted;
    assert_eq!(verdict(&world, &request).status, Status::Skipped);
    assert_eq!(world.elapsed(), 20);
}

#[test]
fn an_old_run_without_an_end_holds_nothing_back() {
    let endless = timed("endless", "OnDemand", -90_000_000, 900_000_000, "Success");
    let world = World::new().with(endless).with(our_run("Success"));
    assert_eq!(
        verdict(&world, &request(verified())).status,
        Status::Completed
    );
    assert_eq!(world.intents()[0].baseline, ["endless"]);
}

#[test]
fn a_cancellation_while_waiting_sends_nothing() {
    let world = World::new()
        .with(other(80_000_000, "Success"))
        .cancels_after(3);
    let (kind, problem) = error(&world, &request(verified()));
    assert_eq!(
        (kind, problem.code.as_str()),
        ("interrupted", "interrupted")
    );
    assert!(world.posts().is_empty());
    assert!(
        !world
            .events()
            .iter()
            .any(|event| matches!(event, Event::Outcome(_)))
    );

    let world = World::new()
        .with(other(80_000_000, "Success"))
        .cancels_after(3);
    let mut following = request(verified());
    following.if_running = IfRunning::Follow;
    assert_eq!(error(&world, &following).0, "interrupted");
}
