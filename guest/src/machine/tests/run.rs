//! Matching the run that the trigger started, and following it to its end.

use super::*;
use crate::contract::{Event, Evidence, Matched, Sent, Status};
use crate::ports::TransportKind;
use crate::testing::{broken, error as refusal, ok, request, verified};

fn end(world: &World) -> Verdict {
    verdict(world, &request(verified()))
}

#[test]
fn a_run_is_matched_followed_and_completed() {
    let world = World::new().with(our_run("Success"));
    let verdict = end(&world);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Completed, "")
    );
    assert_eq!(
        (verdict.sent, verdict.evidence),
        (Sent::Yes, Evidence::Service)
    );
    assert_eq!(
        (verdict.matched, verdict.own_run),
        (Matched::Inferred, true)
    );
    assert_eq!(verdict.service_run.as_deref(), Some("ours"));
    assert_eq!(
        verdict.started_at.as_deref(),
        Some("2026-11-23T08:00:01.020Z")
    );
    assert_eq!(
        verdict.ended_at.as_deref(),
        Some("2026-11-23T08:01:01.020Z")
    );
    assert_eq!(verdict.http_calls as usize, world.call_times().len());
    assert_eq!(
        world.kinds(),
        ["intent", "triggered", "matched", "status", "verdict"]
    );
    assert!(world.elapsed() < 70_000);
}

#[test]
fn an_unknown_state_is_watched_further_with_one_warning() {
    let mut ours = our_run("Success");
    ours.states = vec![
        (1_000, "Polishing".into()),
        (200_000, "PartialComplete".into()),
        (400_000, "Success".into()),
    ];
    let world = World::new().with(ours);
    assert_eq!(end(&world).status, Status::Completed);
    assert_eq!(world.warnings().len(), 2);
}

#[test]
fn a_run_after_the_window_is_only_a_likely_cause() {
    // The deciding history comes late, because the service was unavailable.
    let mut world =
        World::new().with(timed("late", "OnDemand", 310_000, 10_000, "Success").by_trigger());
    world = world.answers_get(Ok(ok(r#"{"value":[]}"#)));
    for _ in 0..15 {
        world = world.answers_get(refusal(503, ""));
    }
    let verdict = end(&world);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "refresh_not_started")
    );
    assert_eq!(verdict.likely_cause, "started_late");
    assert!(verdict.message.contains("late"), "{}", verdict.message);
}

#[test]
fn two_runs_in_the_window_are_ambiguous() {
    let world = World::new()
        .with(our_run("Success"))
        .with(timed("theirs", "OnDemand", 1_200, 60_000, "Success").by_trigger());
    let verdict = end(&world);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "ambiguous_run")
    );
    assert!(verdict.message.contains("ours") && verdict.message.contains("theirs"));
    assert_eq!((verdict.matched, verdict.own_run), (Matched::None, false));
    assert_eq!(verdict.service_run, None);
    assert_eq!(verdict.sent, Sent::Yes);
}

#[test]
fn a_second_run_that_appears_while_following_makes_it_ambiguous() {
    let world = World::new()
        .with(our_run("Success"))
        .with(timed("theirs", "ViaApi", 30_000, 60_000, "Success").by_trigger());
    let verdict = end(&world);
    assert_eq!(verdict.code, "ambiguous_run");
    assert_eq!(world.kinds(), ["intent", "triggered", "matched", "verdict"]);
}

#[test]
fn a_second_run_after_the_window_changes_nothing() {
    let world = World::new()
        .with(timed("ours", "OnDemand", 1_000, 600_000, "Success").by_trigger())
        .with(timed("theirs", "OnDemand", 310_000, 60_000, "Failed").by_trigger());
    assert_eq!(end(&world).status, Status::Completed);
}

#[test]
fn the_only_success_in_the_window_is_ours() {
    let world = World::new()
        .with(timed("ours", "OnDemand", 1_000, 100, "Success").by_trigger())
        .with(timed("theirs", "OnDemand", 20_000, 100, "Failed").by_trigger());
    assert_eq!(end(&world).status, Status::Completed);
}

#[test]
fn a_run_without_a_start_is_ambiguous_even_alone() {
    let row = r#"{"value":[{"id":"ours","refreshType":"OnDemand","status":"Success"}]}"#;
    let world = World::new()
        .answers_get(Ok(ok(r#"{"value":[]}"#)))
        .answers_every_get(Ok(ok(row)));
    assert_eq!(end(&world).code, "ambiguous_run");
}

#[test]
fn a_run_of_the_baseline_or_of_another_trigger_is_not_taken() {
    // It starts in the future by its own clock, so only the baseline excludes it.
    let mut before = timed("before", "OnDemand", 30_000, 10_000, "Success");
    before.seen = -1_000;
    before.states = vec![(-1_000, "Success".into())];
    let world = World::new()
        .with(before)
        .with(timed("other", "OnDemand", 1_000, 100, "Success").by_trigger());
    let mut request = request(verified());
    request.taken_runs = vec!["other".into()];
    let verdict = verdict(&world, &request);
    assert_eq!(verdict.code, "refresh_not_started");
    assert_eq!(world.intents()[0].baseline, ["before"]);
}

#[test]
fn an_earlier_run_that_appears_late_is_not_taken() {
    let hidden = timed("hidden", "OnDemand", -5_000, 100_000, "Success").seen_after(8_000);
    let verdict = end(&World::new().with(hidden));
    assert_eq!(verdict.code, "refresh_not_started");
}

#[test]
fn a_deadline_within_the_window_is_too_early() {
    let world = World::new();
    let mut request = request(verified());
    request.call_context.deadline_ms = 60_000;
    let verdict = verdict(&world, &request);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "refresh_not_seen_yet")
    );
    assert_eq!(verdict.sent, Sent::Yes);
    assert!(world.elapsed() < 62_000);
}

#[test]
fn an_unreadable_history_after_the_trigger_is_unknown() {
    for (answer, code) in [
        (refusal(401, ""), "read_forbidden"),
        (broken(TransportKind::Denied), "read_failed"),
        (
            broken(TransportKind::CertificateUntrusted),
            "read_unavailable",
        ),
    ] {
        // While matching, and while following.
        for failures in [1, 6] {
            let mut world = World::new().with(our_run("Success"));
            for number in 0..failures {
                let row = r#"{"id":"ours","refreshType":"OnDemand","status":"InProgress","startTime":"2026-11-23T08:00:02Z"}"#;
                let rows = if number < 2 { "" } else { row };
                world = world.answers_get(Ok(ok(&format!(r#"{{"value":[{rows}]}}"#))));
            }
            let world = world.answers_every_get(answer.clone());
            let verdict = end(&world);
            assert_eq!(
                (verdict.status, verdict.code.as_str()),
                (Status::Unknown, code)
            );
            assert_eq!(
                (verdict.sent, verdict.evidence),
                (Sent::Yes, Evidence::None)
            );
            assert_eq!(verdict.own_run, failures == 6);
            assert_eq!(world.posts().len(), 1);
        }
    }
}

#[test]
fn a_vanished_run_is_followed_if_it_returns_and_unknown_otherwise() {
    let mut gone = our_run("Success");
    gone.gone = Some(20_000);
    let back = {
        let mut back = our_run("Success");
        back.seen = 40_000;
        back
    };
    let world = World::new().with(gone.clone()).with(back);
    assert_eq!(end(&world).status, Status::Completed);

    let world = World::new().with(gone);
    let verdict = end(&world);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "run_vanished")
    );
    assert_eq!(verdict.service_run.as_deref(), Some("ours"));
}

#[test]
fn a_cancellation_after_the_trigger_is_a_verdict() {
    let world = World::new().with(our_run("Success")).cancels_after(5);
    let interrupted = end(&world);
    assert_eq!(
        (interrupted.status, interrupted.sent),
        (Status::Interrupted, Sent::Yes)
    );
    assert_eq!(interrupted.service_run.as_deref(), Some("ours"));
    assert!(
        !world
            .events()
            .iter()
            .any(|event| matches!(event, Event::Outcome(_)))
    );

    let world = World::new()
        .answers_post(broken(TransportKind::ConnectionLost))
        .cancels_after(0);
    assert_eq!(end(&world).sent, Sent::Maybe);
}

#[test]
fn polls_slow_down_up_to_the_limit() {
    let world =
        World::new().with(timed("ours", "OnDemand", 1_000, 600_000, "Success").by_trigger());
    end(&world);
    let times = world.call_times();
    let pauses: Vec<u64> = times
        .windows(2)
        .skip(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!((450..600).contains(&pauses[0]), "{pauses:?}");
    assert!(
        pauses[10..]
            .iter()
            .all(|pause| (4_500..5_600).contains(pause)),
        "{pauses:?}"
    );
}
