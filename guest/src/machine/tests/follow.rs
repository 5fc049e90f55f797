//! Following a run that was triggered before.

use super::*;
use crate::contract::{
    Event, Evidence, FollowRequest, Matched, Sent, Status, Subject, TriggerTrace, Verification,
};
use crate::ports::TransportKind;
use crate::testing::{broken, error as refusal, flow, follow, trace, verified};

fn ours(world: &World, trace: TriggerTrace) -> Verdict {
    ask(world, &follow(verified(), Subject::Ours(trace)))
        .unwrap_or_else(|error| panic!("{error:?}"))
}

fn ask(world: &World, request: &FollowRequest) -> Result<Verdict, RefreshError> {
    let verdict = crate::follow_refresh(world.ports(), request);
    assert!(world.posts().is_empty() && world.intents().is_empty());
    assert_eq!(world.early(), [""; 0], "asked before `Retry-After`");
    verdict
}

#[test]
fn a_follow_a_day_later_takes_no_later_run() {
    let day = 86_400_000;
    let world = World::new()
        .with(timed(
            "next_day",
            "OnDemand",
            day - 60_000,
            10_000,
            "Success",
        ))
        .with(timed("before", "OnDemand", -60_000, 10_000, "Success"));
    world.pass(day as u64);
    let mut request = follow(verified(), Subject::Ours(trace()));
    request.call_context.now = "2026-11-24T08:00:00Z".into();
    let verdict = ask(&world, &request).unwrap();
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "refresh_not_started")
    );
    assert_eq!(verdict.service_run, None);
    assert_eq!(world.gets().len(), 1);
    assert!(verdict.message.contains("next_day"));

    let world = World::new().with(timed("x", "OnDemand", 2_000, 60_000, "Success"));
    world.pass(day as u64);
    assert_eq!(ask(&world, &request).unwrap().status, Status::Completed);
}

#[test]
fn an_unanswered_trigger_has_the_call_timeout_longer() {
    let mut unanswered = trace();
    unanswered.answered_at = None;
    let world = World::new().with(timed("x", "OnDemand", 329_000, 1_000, "Success"));
    assert_eq!(ours(&world, unanswered.clone()).status, Status::Completed);
    let world = World::new().with(timed("x", "OnDemand", 331_000, 1_000, "Success"));
    let verdict = ours(&world, unanswered);
    assert_eq!(
        (verdict.code.as_str(), verdict.sent),
        ("refresh_not_started", Sent::Maybe)
    );
    let world = World::new().with(timed("x", "OnDemand", 301_000, 1_000, "Success"));
    assert_eq!(ours(&world, trace()).code, "refresh_not_started");
}

#[test]
fn without_a_history_before_the_trigger_no_run_is_matched() {
    let mut blind = trace();
    blind.intent.looked_at = None;
    blind.intent.baseline = vec![];
    for began in [-1_000, 1_000] {
        let world = World::new().with(timed("x", "OnDemand", began, 10_000, "Success"));
        let verdict = ours(&world, blind.clone());
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Unknown, "cannot_be_followed")
        );
    }
    // A known run is not searched for.
    blind.service_run = Some("x".into());
    let world = World::new().with(timed("x", "OnDemand", 1_000, 10_000, "Success"));
    assert_eq!(ours(&world, blind).status, Status::Completed);
}

#[test]
fn the_history_is_read_at_least_once() {
    let world = World::new().with(timed("x", "OnDemand", -5_000, 1_000, "Success"));
    world.pass(10_000);
    let mut known = trace();
    known.service_run = Some("x".into());
    let mut request = follow(verified(), Subject::Ours(known));
    request.call_context.deadline_ms = 0;
    assert_eq!(ask(&world, &request).unwrap().status, Status::Completed);
    assert_eq!(world.gets()[0].timeout_ms, 30_000);

    let world = World::new();
    request.subject = Subject::Ours(trace());
    assert_eq!(ask(&world, &request).unwrap().code, "refresh_not_seen_yet");
    assert_eq!(world.gets().len(), 1);
}

#[test]
fn a_follow_that_cannot_read_ends_in_unknown() {
    for (answer, code) in [
        (refusal(401, ""), "read_forbidden"),
        (refusal(404, ""), "read_failed"),
        (broken(TransportKind::ConnectionRefused), "read_unavailable"),
    ] {
        let world = World::new().answers_every_get(answer);
        let verdict = ours(&world, trace());
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Unknown, code)
        );
        assert_eq!(verdict.sent, Sent::Yes);
        assert_eq!(world.kinds(), ["verdict"]);
    }
}

#[test]
fn a_run_known_only_to_a_response_cannot_be_followed() {
    for verify in [Verification::None, Verification::Response] {
        let world = World::new();
        let request = follow(flow(verify), Subject::Ours(trace()));
        let verdict = ask(&world, &request).unwrap();
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Unknown, "cannot_be_followed")
        );
        assert_eq!(verdict.sent, Sent::Yes);
        assert!(verdict.hint.contains("--new"));
        assert!(world.gets().is_empty());
        assert_eq!(world.kinds(), ["verdict"]);
    }
}

#[test]
fn an_unreadable_trace_is_invalid() {
    let mut odd = trace();
    odd.intent.sent_at = "then".into();
    let world = World::new();
    let error = ask(&world, &follow(verified(), Subject::Ours(odd))).unwrap_err();
    assert_eq!(problem(error).1.code, "trace_not_readable");
}

#[test]
fn an_interrupted_follow_keeps_the_facts_of_the_trigger() {
    let mut unanswered = trace();
    unanswered.answered_at = None;
    let world = World::new().cancels_after(0);
    let verdict = ours(&world, unanswered);
    assert_eq!(
        (verdict.status, verdict.sent),
        (Status::Interrupted, Sent::Maybe)
    );
    assert!(world.events().is_empty());
}

#[test]
fn the_newest_run_stays_the_same_while_it_is_followed() {
    let world = World::new()
        .with(timed("first", "OnDemand", -30_000, 60_000, "Failed"))
        .with(timed("second", "OnDemand", 10_000, 1_000, "Success"));
    let verdict = ask(&world, &follow(verified(), Subject::Newest)).unwrap();
    assert_eq!(
        (verdict.status, verdict.service_run.as_deref()),
        (Status::Failed, Some("first"))
    );
}

/// A moment relative to the start of every scripted world.
fn after_start(seconds: i64) -> String {
    let at = 8 * 3600 + seconds;
    format!(
        "2026-11-23T{:02}:{:02}:{:02}Z",
        at / 3600,
        at / 60 % 60,
        at % 60
    )
}

fn since(seconds: i64) -> Subject {
    Subject::Since(after_start(seconds))
}

#[test]
fn the_run_of_another_trigger_is_followed_from_its_start() {
    for (end, status) in [
        ("Success", Status::Completed),
        ("Failed", Status::Failed),
        ("Cancelled", Status::Cancelled),
    ] {
        let world = World::new()
            .with(timed("yesterday", "OnDemand", -90_000, 10_000, "Success"))
            .with(timed("theirs", "OnDemand", 20_000, 60_000, end))
            .with(timed("schedule", "Scheduled", 100_000, 1_000, "Success"));
        let verdict = ask(&world, &follow(verified(), since(-5))).unwrap();
        assert_eq!(
            (verdict.status, verdict.service_run.as_deref()),
            (status, Some("theirs"))
        );
        assert_eq!(
            (verdict.own_run, verdict.matched, verdict.sent),
            (false, Matched::None, Sent::No)
        );
        assert!(world.events().is_empty());
    }
}

#[test]
fn an_older_success_does_not_count_for_another_trigger() {
    let world = World::new().with(timed("yesterday", "OnDemand", -90_000, 10_000, "Success"));
    let verdict = ask(&world, &follow(verified(), since(-5))).unwrap();
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "refresh_not_started")
    );
    assert_eq!(verdict.service_run, None);
    let from = "2026-11-23T07:59:55";
    assert!(verdict.message.contains(from), "{}", verdict.message);
}

#[test]
fn two_runs_of_another_trigger_are_ambiguous() {
    let world = World::new()
        .with(timed("one", "OnDemand", -4_000, 1_000, "Success"))
        .with(timed("two", "OnDemand", -2_000, 1_000, "Success"));
    let verdict = ask(&world, &follow(verified(), since(-5))).unwrap();
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "ambiguous_run")
    );
    let unreadable = Subject::Since("yesterday".into());
    let error = ask(&World::new(), &follow(verified(), unreadable)).unwrap_err();
    assert_eq!(problem(error).0, "invalid");
}

#[test]
fn an_error_before_the_newest_run_is_known_is_an_error() {
    for (answer, kind) in [
        (refusal(403, ""), "unauthorized"),
        (refusal(404, ""), "invalid"),
        (broken(TransportKind::Denied), "denied"),
        (refusal(503, ""), "unavailable"),
    ] {
        let world = World::new().answers_every_get(answer);
        for subject in [Subject::Newest, since(-5)] {
            let error = ask(&world, &follow(verified(), subject)).unwrap_err();
            assert_eq!(problem(error).0, kind);
        }
        assert!(world.events().is_empty());
    }
    let error = ask(&World::new(), &follow(verified(), Subject::Newest)).unwrap_err();
    assert_eq!(problem(error).1.code, "no_run_found");
    let request = follow(flow(Verification::Response), Subject::Newest);
    let error = ask(&World::new(), &request).unwrap_err();
    assert_eq!(problem(error).1.code, "cannot_be_followed");
    let world = World::new()
        .answers_every_get(refusal(503, ""))
        .cancels_after(0);
    let error = ask(&world, &follow(verified(), Subject::Newest)).unwrap_err();
    assert_eq!(problem(error).0, "interrupted");
}

#[test]
fn an_interrupted_follow_of_the_newest_run_names_it() {
    let world = World::new()
        .with(timed("newest", "OnDemand", -30_000, 600_000, "Success"))
        .cancels_after(2);
    let verdict = ask(&world, &follow(verified(), Subject::Newest)).unwrap();
    assert_eq!(
        (verdict.status, verdict.sent),
        (Status::Interrupted, Sent::No)
    );
    assert_eq!(verdict.service_run.as_deref(), Some("newest"));
    assert!(
        !world
            .events()
            .iter()
            .any(|event| matches!(event, Event::Outcome(_)))
    );
}

// Every kind.

use crate::contract::Target;
use crate::testing::{OURS, dataflow, enhanced, gen2, ok, standard, with};

/// A trace of a trigger whose response named the run.
fn exact() -> TriggerTrace {
    TriggerTrace {
        service_run: Some(OURS.into()),
        matched: Matched::Exact,
        ..trace()
    }
}

#[test]
fn a_named_run_is_followed_by_its_id_for_every_kind() {
    for target in [gen2(), standard(), enhanced()] {
        for (end, status) in [("Success", Status::Completed), ("Failed", Status::Failed)] {
            // Another run in the window does not matter.
            let world = World::new()
                .with(timed(OURS, "OnDemand", 2_000, 60_000, end))
                .with(timed("other", "OnDemand", 2_500, 1_000, "Success"));
            let verdict = ask(&world, &follow(target.clone(), Subject::Ours(exact()))).unwrap();
            assert_eq!(
                (verdict.status, verdict.matched, verdict.own_run),
                (status, Matched::Exact, true)
            );
        }
    }
}

#[test]
fn a_run_without_an_id_is_followed_by_its_window_for_every_kind() {
    for target in [Target::Dataflow(dataflow()), gen2(), standard(), enhanced()] {
        let world = World::new()
            .with(timed("before", "ViaApi", -2_000, 10_000, "Success"))
            .with(timed("plan", "Scheduled", 1_000, 10_000, "Success"))
            .with(timed(OURS, "ViaApi", 2_000, 60_000, "Failed"));
        let found = ask(&world, &follow(target.clone(), Subject::Ours(trace()))).unwrap();
        assert_eq!(
            (found.status, found.matched, found.service_run.as_deref()),
            (Status::Failed, Matched::Inferred, Some(OURS))
        );
        let twins = World::new()
            .with(timed(OURS, "ViaApi", 2_000, 60_000, "Success"))
            .with(timed("other", "ViaApi", 2_500, 60_000, "Success"));
        let twins = ask(&twins, &follow(target, Subject::Ours(trace()))).unwrap();
        assert_eq!(twins.code, "ambiguous_run");
    }
}

#[test]
fn a_named_run_that_never_appears_is_unknown_after_its_window() {
    for target in [gen2(), standard(), enhanced()] {
        let world = World::new().with(timed("other", "ViaApi", 2_000, 60_000, "Success"));
        let verdict = ask(&world, &follow(target, Subject::Ours(exact()))).unwrap();
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Unknown, "refresh_not_started")
        );
        assert!(world.elapsed() >= 300_000);
    }
}

#[test]
fn the_earliest_poll_time_is_part_of_the_trace() {
    let mut trace = exact();
    trace.poll_from = Some("2026-11-23T08:01:00Z".into());
    let world = World::new().with(timed(OURS, "ViaApi", 2_000, 10_000, "Success"));
    let found = ask(&world, &follow(gen2(), Subject::Ours(trace.clone()))).unwrap();
    assert_eq!(found.status, Status::Completed);
    assert_eq!(world.call_times(), [60_000]);

    // Even the one reading that a follow always gets waits for it.
    let world = World::new().with(timed(OURS, "ViaApi", 2_000, 10_000, "Success"));
    let mut hasty = follow(gen2(), Subject::Ours(trace.clone()));
    hasty.call_context.deadline_ms = 0;
    let early = ask(&world, &hasty).unwrap();
    assert_eq!(
        (early.status, early.code.as_str(), early.sent),
        (Status::Unknown, "refresh_not_seen_yet", Sent::Yes)
    );
    assert_eq!(early.retry_at.as_deref(), Some("2026-11-23T08:01:00Z"));
    assert!(world.gets().is_empty());

    trace.poll_from = Some("then".into());
    let error = ask(&World::new(), &follow(gen2(), Subject::Ours(trace))).unwrap_err();
    assert_eq!(problem(error).1.code, "trace_not_readable");
}

#[test]
fn a_followed_run_that_was_dropped_is_skipped_with_the_outcome_of_the_other() {
    let mut dropped = timed(OURS, "ViaApi", 2_000, 0, "Deduped");
    dropped.states = vec![(2_000, "Deduped".into())];
    let world =
        World::new()
            .with(dropped)
            .with(timed("other", "Scheduled", -60_000, 200_000, "Success"));
    let verdict = ask(&world, &follow(gen2(), Subject::Ours(exact()))).unwrap();
    assert_eq!(
        (verdict.status, verdict.sent, verdict.own_run),
        (Status::Skipped, Sent::Yes, false)
    );
    assert_eq!(verdict.service_run.as_deref(), Some("other"));
}

#[test]
fn the_newest_run_of_every_kind_is_reported_and_no_event_is_stored() {
    for target in [
        verified(),
        Target::Dataflow(dataflow()),
        gen2(),
        standard(),
        enhanced(),
    ] {
        for (end, status) in [
            ("Success", Status::Completed),
            ("Failed", Status::Failed),
            ("Cancelled", Status::Cancelled),
            ("Deduped", Status::Skipped),
        ] {
            let world = World::new()
                .with(timed("older", "OnDemand", -90_000, 10_000, "Success"))
                .with(timed("newest", "Scheduled", -30_000, 60_000, end));
            let verdict = ask(&world, &follow(target.clone(), Subject::Newest)).unwrap();
            assert_eq!(
                (verdict.status, verdict.service_run.as_deref()),
                (status, Some("newest"))
            );
            assert_eq!(
                (verdict.own_run, verdict.matched, verdict.sent),
                (false, Matched::None, Sent::No)
            );
            assert_eq!(verdict.evidence, Evidence::Service);
            assert!(world.events().is_empty());
        }
        assert!(ask(&World::new(), &follow(target, Subject::Newest)).is_err());
    }
}

#[test]
fn the_newest_run_is_not_read_before_retry_after() {
    let row = r#"{"value":[{"id":"n","status":"InProgress","startTime":"2026-11-23T07:59:00Z"}]}"#;
    let world = World::new()
        .with(timed("n", "OnDemand", -60_000, 70_000, "Success"))
        .answers_get(Ok(with(ok(row), "Retry-After", "50")));
    let verdict = ask(&world, &follow(verified(), Subject::Newest)).unwrap();
    assert_eq!(verdict.status, Status::Completed);
    assert_eq!(world.call_times(), [0, 50_020]);
}
