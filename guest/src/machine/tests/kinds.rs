//! Every kind of content in the same machine: what its trigger names and what its history shows.

use super::*;
use crate::contract::{
    Content, Evidence, FollowMode, IfRunning, Matched, ModelRefresh, Sent, Status, Target,
    Verification,
};
use crate::ports::TransportKind;
use crate::testing::{
    Answer, OURS, answer, broken, dataflow, enhanced, error as refusal, flow, gen2, item, ok,
    request, standard, with,
};

/// Every target, and how its run is matched.
fn targets() -> Vec<(Target, Matched)> {
    let by = |content: fn(_) -> Content| flow(Verification::Content(content(item())));
    vec![
        (Target::Dataflow(dataflow()), Matched::Inferred),
        (gen2(), Matched::Exact),
        (standard(), Matched::Exact),
        (enhanced(), Matched::Exact),
        (by(Content::Dataflow), Matched::Inferred),
        (by(Content::DataflowGen2), Matched::Inferred),
        (by(Content::SemanticModel), Matched::Inferred),
    ]
}

/// The targets whose service names the run.
fn named() -> [Target; 3] {
    [gen2(), standard(), enhanced()]
}

/// The run that our trigger starts.
fn ours(end: &str) -> Scripted {
    timed(OURS, "ViaApi", 1_000, 90_000, end).by_trigger()
}

fn end_of(world: &World, target: &Target) -> Verdict {
    verdict(world, &request(target.clone()))
}

#[test]
fn a_named_run_that_vanishes_is_reported() {
    for target in named() {
        let mut gone = ours("Success");
        gone.gone = Some(80_000);
        let verdict = end_of(&World::new().with(gone), &target);
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Unknown, "run_vanished")
        );
        assert_eq!(verdict.matched, Matched::Exact);
    }
}

#[test]
fn two_runs_after_a_lost_trigger_are_ambiguous_for_every_kind() {
    for (target, _) in targets() {
        let other = timed("other", "ViaApi", 1_100, 60_000, "Success").by_trigger();
        let world = World::new()
            .with(ours("Success"))
            .with(other)
            .answers_post(broken(TransportKind::ConnectionLost));
        assert_eq!(end_of(&world, &target).code, "ambiguous_run");
    }
}

// `Retry-After`.

#[test]
fn a_deadline_before_retry_after_reads_nothing() {
    let world = World::new().with(ours("Success"));
    let mut hasty = request(gen2());
    hasty.call_context.deadline_ms = 30_000;
    let verdict = verdict(&world, &hasty);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "refresh_not_seen_yet")
    );
    assert_eq!(
        (verdict.sent, verdict.evidence),
        (Sent::Yes, Evidence::None)
    );
    assert_eq!(
        verdict.retry_at.as_deref(),
        Some("2026-11-23T08:01:01.020Z")
    );
    assert_eq!(world.gets().len(), 1);
}

#[test]
fn a_wait_for_another_refresh_ends_at_a_retry_after_beyond_the_deadline() {
    let busy =
        r#"{"value":[{"id":"other","status":"InProgress","startTime":"2026-11-23T07:59:00Z"}]}"#;
    let world = World::new().answers_get(Ok(with(ok(busy), "Retry-After", "7200")));
    let verdict = end_of(&world, &Target::Dataflow(dataflow()));
    assert_eq!(verdict.code, "deadline_while_waiting");
    assert_eq!(world.gets().len(), 1);
}

#[test]
fn a_retry_after_of_a_gateway_is_respected() {
    let away = || Ok(with(answer(503, "{}"), "Retry-After", "120"));
    for target in named() {
        let world = World::new().with(ours("Success")).answers_post(away());
        assert_eq!(end_of(&world, &target).status, Status::Completed);
        let times = world.call_times();
        assert!(times[2] - times[1] >= 120_000, "{times:?}");
    }
    // A gateway's `Retry-After` of a flow does not apply to the history.
    let flow = flow(Verification::Content(Content::SemanticModel(item())));
    let world = World::new().with(ours("Success")).answers_post(away());
    assert_eq!(end_of(&world, &flow).status, Status::Completed);
    assert!(world.call_times()[2] - world.call_times()[1] < 120_000);
}

// `Deduped`.

fn deduped(from: i64) -> Scripted {
    let mut run = ours("Deduped");
    run.states = vec![(from, "NotStarted".into()), (from + 100, "Deduped".into())];
    run
}

#[test]
fn a_dropped_run_is_skipped_with_the_outcome_of_the_other() {
    for (state, end) in [
        ("Success", "That run completed."),
        ("Failed", "That run failed."),
        ("Cancelled", "That run was cancelled."),
    ] {
        // The history before the trigger did not show the other run yet.
        let other = timed("other", "Scheduled", -1_000, 200_000, state).seen_after(30_000);
        let world = World::new().with(deduped(1_000)).with(other);
        let verdict = end_of(&world, &gen2());
        assert_eq!(
            (verdict.status, verdict.code.as_str(), verdict.sent),
            (Status::Skipped, "deduplicated", Sent::Yes)
        );
        assert_eq!((verdict.own_run, verdict.matched), (false, Matched::None));
        assert_eq!(verdict.service_run.as_deref(), Some("other"));
        assert!(verdict.message.ends_with(end), "{}", verdict.message);
        assert_eq!(world.posts().len(), 1);
    }
}

#[test]
fn a_dropped_run_is_skipped_even_if_the_other_is_unknown() {
    // It has ended, its history may not be read, or following was not requested.
    let world = World::new().with(deduped(1_000));
    let verdict_1 = end_of(&world, &gen2());
    let mut detached = request(gen2());
    detached.follow = FollowMode::UntilStarted;
    let verdict_2 = verdict(&World::new().with(deduped(1_000)), &detached);
    // If the service queues it first, detached waits until it has started.
    let verdict_3 = verdict(
        &World::new().with(deduped(200_000).seen_after(-190_000)),
        &detached,
    );
    for verdict in [verdict_1, verdict_2, verdict_3] {
        assert_eq!(
            (verdict.status, verdict.code.as_str(), verdict.sent),
            (Status::Skipped, "deduplicated", Sent::Yes)
        );
        assert!(!verdict.own_run);
        assert!(verdict.message.ends_with('.'), "{}", verdict.message);
    }
}

#[test]
fn detached_waits_until_a_queued_run_has_started() {
    let mut queued = ours("Success");
    queued.states = vec![(1_000, "NotStarted".into()), (100_000, "InProgress".into())];
    let mut detached = request(gen2());
    detached.follow = FollowMode::UntilStarted;
    let world = World::new().with(queued);
    assert_eq!(verdict(&world, &detached).status, Status::Accepted);
    assert!(world.elapsed() >= 100_000);
}

// Busy.

fn busy() -> Vec<Answer> {
    let said = r#"{"error":{"code":"InvalidRequest","message":"Invalid dataset refresh request. Another refresh request is already executing"}}"#;
    vec![Ok(answer(400, said)), refusal(409, "")]
}

#[test]
fn a_busy_model_is_skipped_or_followed_as_configured() {
    for refused in busy() {
        let world = World::new().answers_post(refused.clone());
        let mut skip = request(standard());
        skip.if_running = IfRunning::Skip;
        let skipped = verdict(&world, &skip);
        assert_eq!(
            (skipped.status, skipped.code.as_str(), skipped.sent),
            (Status::Skipped, "already_running", Sent::No)
        );
        assert_eq!(world.posts().len(), 1);

        let other = timed("other", "ViaXmlaEndpoint", 0, 100_000, "Failed").seen_after(500);
        let world = World::new().with(other).answers_post(refused);
        let mut follow = request(standard());
        follow.if_running = IfRunning::Follow;
        let followed = verdict(&world, &follow);
        assert_eq!(
            (followed.status, followed.sent, followed.own_run),
            (Status::Skipped, Sent::No, false)
        );
        assert!(followed.message.contains("That run failed."));
        assert_eq!(world.posts().len(), 1);
    }
}

#[test]
fn only_an_enhanced_refresh_is_read_on_its_own_page() {
    let world = World::new().with(ours("Success"));
    end_of(&world, &enhanced());
    assert!(world.gets()[1..].iter().all(|get| get.url.ends_with(OURS)));
    let world = World::new().with(ours("Success"));
    end_of(&world, &standard());
    assert!(world.gets().iter().all(|get| get.url.ends_with("?$top=60")));
    let Target::SemanticModel(model) = standard() else {
        panic!("no model");
    };
    assert_eq!(model.refresh, ModelRefresh::Standard(false));
}
