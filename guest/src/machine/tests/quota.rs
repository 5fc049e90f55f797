//! The quota, and a history that may not be read.

use super::*;
use crate::contract::{
    FollowMode, Matched, QuotaGuard, QuotaMode, QuotaUnreadable, Sent, Status, Target,
    Verification, WatchedItem, WhenUnreadable,
};
use crate::ports::TransportKind;
use crate::testing::{
    Answer, OURS, broken, dataflow, enhanced, error as refusal, flow, gen2, ok, request, standard,
    verified, with,
};

const HOUR: i64 = 3_600_000;

fn guard(limit: u32) -> QuotaGuard {
    QuotaGuard {
        limit,
        count: vec!["on_demand".into(), "scheduled".into()],
        mode: QuotaMode::Block,
        when_unreadable: QuotaUnreadable::Send,
    }
}

/// A run every two hours, the newest two hours ago.
fn used(runs: i64) -> World {
    let mut world =
        World::new().with(timed(OURS, "OnDemand", 1_000, 60_000, "Success").by_trigger());
    for number in 1..=runs {
        let kind = ["OnDemand", "Scheduled"][usize::try_from(number % 2).unwrap()];
        let id = format!("r{number}");
        world = world.with(timed(&id, kind, -2 * number * HOUR, 60_000, "Success"));
    }
    world
}

fn counting(target: Target, guard: QuotaGuard) -> RefreshRequest {
    let mut request = request(target);
    request.quota = Some(guard);
    request
}

#[test]
fn warn_and_force_trigger_anyway_and_only_force_is_stored() {
    for (mode, force, overridden) in [
        (QuotaMode::Warn, false, vec!["window"]),
        (QuotaMode::Warn, true, vec!["window"]),
        (QuotaMode::Block, true, vec!["window", "quota"]),
    ] {
        let world = used(9);
        let mut request = counting(verified(), guard(8));
        request.quota.as_mut().unwrap().mode = mode;
        request.force = force;
        request.overridden = vec!["window".into()];
        let verdict = verdict(&world, &request);
        assert_eq!(verdict.status, Status::Completed);
        assert_eq!(verdict.quota.unwrap().left, 0);
        assert_eq!(world.intents()[0].overridden, overridden);
        assert!(
            world.warnings()[0].contains("9 of 8"),
            "{:?}",
            world.warnings()
        );
    }
}

#[test]
fn only_the_given_types_and_runs_without_a_type_count() {
    for (kinds, counted) in [
        (vec!["scheduled"], 4),
        (vec!["on_demand"], 4),
        (vec![], 0),
        (vec!["via_api"], 0),
    ] {
        let mut only = guard(20);
        only.count = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let world = used(8);
        let verdict_1 = verdict(&world, &counting(verified(), only.clone()));
        assert_eq!(verdict_1.quota.unwrap().counted, counted);
        // Fabric's `Manual` counts as on demand.
        let verdict_2 = verdict(&used(8), &counting(gen2(), only));
        assert_eq!(verdict_2.quota.unwrap().counted, counted);
    }
    let row = r#"{"value":[{"id":"r","status":"Success","startTime":"2026-11-23T07:00:00Z","endTime":"2026-11-23T07:00:01Z"}]}"#;
    let world = World::new().answers_get(Ok(ok(row)));
    let verdict = verdict(&world, &counting(verified(), guard(1)));
    assert_eq!(verdict.quota.unwrap().counted, 1);
}

#[test]
fn a_dropped_run_does_not_count_and_a_limit_of_zero_never_opens() {
    let world = used(0).with(timed("r", "OnDemand", -HOUR, 1_000, "Deduped"));
    let first = verdict(&world, &counting(gen2(), guard(1)));
    assert_eq!(first.quota.unwrap().counted, 0);
    let second = verdict(&used(3), &counting(gen2(), guard(0)));
    assert_eq!(
        (second.code.as_str(), second.retry_at),
        ("quota_exhausted", None)
    );
}

#[test]
fn a_quota_without_a_history_is_invalid() {
    for verify in [Verification::None, Verification::Response] {
        let world = World::new();
        let (kind, problem) = error(&world, &counting(flow(verify), guard(8)));
        assert_eq!(
            (kind, problem.code.as_str()),
            ("invalid", "quota_without_history")
        );
        assert!(world.call_times().is_empty());
    }
}

#[test]
fn an_unreadable_quota_is_sent_or_skipped_as_configured() {
    let answers: [Answer; 3] = [
        refusal(403, ""),
        refusal(503, ""),
        broken(TransportKind::ConnectionLost),
    ];
    for answer in answers {
        for (unreadable, force, sends, overridden) in [
            (QuotaUnreadable::Send, false, true, false),
            (QuotaUnreadable::Send, true, true, false),
            (QuotaUnreadable::Skip, false, false, false),
            (QuotaUnreadable::Skip, true, true, true),
        ] {
            let world = World::new().answers_every_get(answer.clone());
            let mut request = counting(verified(), guard(8));
            request.quota.as_mut().unwrap().when_unreadable = unreadable;
            request.force = force;
            request.follow = FollowMode::NotAtAll;
            let verdict = verdict(&world, &request);
            assert_eq!(world.gets().len(), 1);
            if sends {
                assert_eq!(verdict.status, Status::Accepted);
                assert_eq!(world.posts().len(), 1);
                assert_eq!(world.intents()[0].looked_at, None);
                assert_eq!(!world.intents()[0].overridden.is_empty(), overridden);
                assert!(world.warnings()[0].contains("quota cannot be counted"));
            } else {
                assert_eq!(
                    (verdict.status, verdict.code.as_str(), verdict.sent),
                    (Status::Skipped, "quota_unreadable", Sent::No)
                );
                assert!(world.posts().is_empty());
            }
        }
    }
}

// `when_unreadable` of the item.

fn item_of(target: &mut Target) -> &mut WatchedItem {
    match target {
        Target::Dataflow(one) => &mut one.item,
        Target::DataflowGen2(one) => &mut one.item,
        Target::SemanticModel(one) => &mut one.item,
        Target::PowerAutomate(flow) => match &mut flow.verify {
            Verification::Content(content) => match content {
                crate::contract::Content::Dataflow(item)
                | crate::contract::Content::DataflowGen2(item)
                | crate::contract::Content::SemanticModel(item) => item,
            },
            _ => panic!("nothing is watched"),
        },
    }
}

fn accepting() -> Vec<Target> {
    let mut targets = vec![
        verified(),
        Target::Dataflow(dataflow()),
        gen2(),
        standard(),
        enhanced(),
    ];
    for target in &mut targets {
        item_of(target).when_unreadable = WhenUnreadable::Accept;
    }
    targets
}

#[test]
fn only_a_forbidden_history_is_accepted() {
    let token = with(
        crate::testing::answer(401, r#"{"error":{"code":"invalid_client"}}"#),
        "x-host-runner-answer",
        "token",
    );
    for (answer, kind) in [
        (refusal(404, ""), "invalid"),
        (refusal(503, ""), "unavailable"),
        (broken(TransportKind::Denied), "denied"),
        (Ok(token), "unauthorized"),
    ] {
        let world = World::new().answers_every_get(answer);
        assert_eq!(error(&world, &request(accepting().remove(0))).0, kind);
        assert!(world.posts().is_empty());
    }
}

#[test]
fn an_unread_history_does_not_change_a_lost_or_rejected_trigger() {
    for target in accepting() {
        let world = World::new()
            .answers_every_get(refusal(403, ""))
            .answers_post(broken(TransportKind::ConnectionLost));
        let lost = verdict(&world, &request(target.clone()));
        assert_eq!(
            (lost.status, lost.code.as_str(), lost.sent, lost.matched),
            (
                Status::Unknown,
                "trigger_response_lost",
                Sent::Maybe,
                Matched::None
            )
        );
        let world = World::new()
            .answers_every_get(refusal(403, ""))
            .answers_post(refusal(400, "Odd"));
        assert_eq!(verdict(&world, &request(target)).status, Status::Failed);
    }
}
