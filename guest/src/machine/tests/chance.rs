//! Invariants of every kind of content, checked with generated stories.
//!
//! A story scripts the service, the network and the store call by call; the world knows the real
//! outcome. The stories are the same in every run, and nothing is written to disk.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::contract::{
    Content, Event, Evidence, FollowMode, FollowRequest, IfRunning, Matched, Sent, Status,
    StoreError, Subject, Target, TriggerTrace, Verification, WatchedItem, WhenUnreadable,
};
use crate::ports::Method;
use crate::ports::TransportKind;
use crate::testing::{
    Answer, Happened, OURS, answer, broken, dataflow, enhanced, error as refusal, flow, follow,
    gen2, item, page, request, standard, start, trace, with,
};
use crate::time::Moment;

/// How many stories are checked.
const STORIES: u32 = 1_000;
/// No call may need more HTTP calls than this.
const MOST_CALLS: usize = 500;

/// Everything that is generated.
#[derive(Debug, Clone)]
struct Story {
    target: usize,
    /// The run of our trigger, if it arrives.
    own: Option<Scripted>,
    others: Vec<Scripted>,
    looks: Vec<Option<Answer>>,
    posts: Vec<(Option<Answer>, bool)>,
    store: Vec<Option<StoreError>>,
    patience: Option<u64>,
    follow: FollowMode,
    if_running: IfRunning,
    accept: bool,
    vouches: bool,
    deadline_s: u64,
    cancels: Option<u32>,
}

fn target(number: usize, accept: bool) -> Target {
    let item = || WatchedItem {
        poll_ms: 30_000,
        when_unreadable: match accept {
            true => WhenUnreadable::Accept,
            false => WhenUnreadable::Stop,
        },
        ..item()
    };
    let by = |content| flow(Verification::Content(content));
    let mut target = match number {
        0 => Target::Dataflow(dataflow()),
        1 => gen2(),
        2 => standard(),
        3 => enhanced(),
        4 => by(Content::Dataflow(item())),
        5 => by(Content::DataflowGen2(item())),
        6 => by(Content::SemanticModel(item())),
        7 => flow(Verification::None),
        _ => flow(Verification::Response),
    };
    match &mut target {
        Target::Dataflow(one) => one.item = item(),
        Target::DataflowGen2(one) => one.item = item(),
        Target::SemanticModel(one) => one.item = item(),
        Target::PowerAutomate(_) => {}
    }
    target
}

/// A final state, an unknown state, or a run that never ends.
fn states() -> impl Strategy<Value = Vec<(i64, String)>> {
    let words = [
        "Success",
        "Success",
        "Failed",
        "Cancelled",
        "Deduped",
        "Odd",
        "InProgress",
    ];
    let firsts = ["InProgress", "NotStarted", "Odd"];
    (
        select(firsts.to_vec()),
        select(words.to_vec()),
        0_i64..900_000,
    )
        .prop_map(|(first, last, took)| vec![(0, first.to_owned()), (took, last.to_owned())])
}

fn a_run(
    id: &'static str,
    begins: std::ops::Range<i64>,
    kinds: &'static [&'static str],
) -> impl Strategy<Value = Scripted> {
    let late = prop_oneof![3 => Just(0), 1 => 0_i64..200_000];
    let gone = option::weighted(0.1, 10_000_i64..600_000);
    (begins, select(kinds), states(), late, gone).prop_map(
        move |(begins, kind, states, late, gone)| Scripted {
            id: id.into(),
            refresh_type: kind.into(),
            begins,
            seen: begins + late,
            states: states
                .into_iter()
                .map(|(since, state)| (begins + since, state))
                .collect(),
            gone: gone.map(|after| begins + late + after),
            by_trigger: false,
        },
    )
}

fn waiting(status: u16, seconds: &str) -> Option<Answer> {
    Some(Ok(with(answer(status, "{}"), "Retry-After", seconds)))
}

/// A scripted response to a history; none for the real one.
fn look() -> impl Strategy<Value = Option<Answer>> {
    let faults = vec![
        Some(refusal(401, "PowerBINotAuthorizedException")),
        Some(refusal(403, "")),
        Some(refusal(404, "")),
        waiting(429, "20"),
        waiting(429, "100000"),
        Some(refusal(500, "")),
        waiting(500, "3"),
        Some(refusal(502, "")),
        waiting(503, "30"),
        Some(refusal(504, "")),
        Some(broken(TransportKind::ConnectionLost)),
        Some(broken(TransportKind::AnswerTimeout)),
        Some(broken(TransportKind::Truncated)),
        Some(Ok(answer(200, r#"{"value":[{"id":"#))),
        Some(page()),
    ];
    prop_oneof![6 => Just(None), 1 => select(faults)]
}

/// A scripted response to a trigger, and whether the trigger arrives.
fn post() -> impl Strategy<Value = (Option<Answer>, bool)> {
    let busy = r#"{"error":{"code":"InvalidRequest","message":"Another refresh request is already executing"}}"#;
    let refused = vec![
        Some(refusal(400, crate::api::error::DAILY_LIMIT)),
        Some(refusal(401, "")),
        Some(refusal(403, "")),
        Some(refusal(404, "")),
        Some(refusal(500, "")),
    ];
    let again = vec![
        waiting(429, "58"),
        Some(refusal(429, "")),
        Some(Ok(answer(400, busy))),
        Some(refusal(409, "")),
        Some(broken(TransportKind::ConnectionRefused)),
        Some(broken(TransportKind::TlsFailed)),
        Some(broken(TransportKind::ConnectTimeout)),
    ];
    let lost = vec![
        Some(refusal(502, "NoResponse")),
        Some(refusal(502, "")),
        Some(refusal(503, "")),
        waiting(503, "90"),
        Some(refusal(504, "")),
        Some(broken(TransportKind::ConnectionLost)),
        Some(broken(TransportKind::AnswerTimeout)),
        Some(broken(TransportKind::Truncated)),
        Some(broken(TransportKind::Other)),
        Some(page()),
    ];
    prop_oneof![
        5 => Just((None, true)),
        1 => select(refused).prop_map(|answer| (answer, false)),
        3 => select(again).prop_map(|answer| (answer, false)),
        3 => (select(lost), any::<bool>()),
    ]
}

fn stored() -> impl Strategy<Value = Option<StoreError>> {
    prop_oneof![
        12 => Just(None),
        1 => Just(Some(StoreError::Unavailable("locked".into()))),
        1 => Just(Some(StoreError::Refused("not yours".into()))),
    ]
}

fn story() -> impl Strategy<Value = Story> {
    let own = option::weighted(0.85, a_run(OURS, 0..400_000, &["OnDemand"]));
    let theirs = prop_oneof![
        a_run(
            "first",
            -600_000..500_000,
            &["OnDemand", "Scheduled", "ViaXmlaEndpoint"]
        ),
        a_run("second", -100_000_000..0, &["OnDemand", "Scheduled"]),
        a_run("third", 0..60_000, &["OnDemand", "Scheduled"]),
    ];
    let happens = (
        own,
        vec(theirs, 0..3),
        vec(look(), 0..10),
        vec(post(), 0..4),
    );
    let modes = (
        select(vec![
            FollowMode::ToTheEnd,
            FollowMode::ToTheEnd,
            FollowMode::ToTheEnd,
            FollowMode::UntilStarted,
            FollowMode::NotAtAll,
        ]),
        select(vec![IfRunning::Wait, IfRunning::Skip, IfRunning::Follow]),
        any::<bool>(),
        any::<bool>(),
        select(vec![5, 90, 600, 1_800]),
    );
    let around = (
        vec(stored(), 0..8),
        option::weighted(0.2, 1_u64..100),
        option::weighted(0.1, 0_u32..12),
    );
    (0_usize..9, happens, modes, around).prop_map(|(target, happens, modes, around)| {
        let (own, mut others, looks, mut posts) = happens;
        let (follow, if_running, accept, vouches, deadline_s) = modes;
        let (store, patience, cancels) = around;
        others.dedup_by(|one, other| one.id == other.id);
        if others.len() == 2 && others[0].id == others[1].id {
            others.pop();
        }
        // Without the host's guarantee this one may arrive or not.
        for (answer, arrives) in &mut posts {
            if matches!(answer, Some(Err(error)) if error.kind == TransportKind::ConnectTimeout) {
                *arrives = !vouches && accept;
            }
        }
        Story {
            target,
            own: own.map(Scripted::by_trigger),
            others,
            looks,
            posts,
            store,
            patience,
            follow,
            if_running,
            accept,
            vouches,
            deadline_s,
            cancels,
        }
    })
}

fn world_of(story: &Story) -> World {
    let mut world = World::new();
    for run in story.own.iter().chain(&story.others) {
        world = world.with(run.clone());
    }
    if let Some(waits) = story.cancels {
        world = world.cancels_after(waits);
    }
    world.looks_go(&story.looks);
    world.triggers_go(&story.posts);
    world.store_goes(&story.store);
    world.asks_for_patience(story.patience);
    world
}

fn request_of(story: &Story) -> RefreshRequest {
    let mut request = request(target(story.target, story.accept));
    request.follow = story.follow;
    request.if_running = story.if_running;
    request.call_context.host_reports_unsent = story.vouches;
    request.call_context.deadline_ms = story.deadline_s * 1_000;
    request
}

/// No trigger without its stored intent, at most one arrival, no call too early, and an outcome.
fn check_calls(world: &World) {
    let mut intents = 0;
    let mut posts = 0;
    for happened in world.log() {
        match happened {
            Happened::Append(event) if matches!(*event, Event::Intent(_)) => intents += 1,
            Happened::Call(Method::Post, _) => {
                posts += 1;
                assert_eq!(intents, posts, "a trigger without its intent");
            }
            _ => {}
        }
    }
    assert!(
        world.arrivals() <= 1,
        "{} triggers arrived",
        world.arrivals()
    );
    assert_eq!(world.early(), [""; 0], "asked before `Retry-After`");
    assert!(world.call_times().len() < MOST_CALLS, "no end");
}

/// A verdict agrees with the world or is unknown.
fn check_verdict(world: &World, story: &Story, verdict: &Verdict) {
    assert_eq!(verdict.own_run, verdict.matched != Matched::None);
    if verdict.sent == Sent::No {
        assert_eq!(world.arrivals(), 0, "said not to be sent");
    }
    let run = verdict.service_run.clone().unwrap_or_default();
    let state = world.state_of(&run);
    let is = |word: &str| state.as_ref().is_some_and(|(state, _)| state == word);
    match verdict.status {
        // The flow's own Response.
        Status::Completed | Status::Failed if verdict.evidence == Evidence::Flow => {
            assert_eq!(verdict.matched, Matched::Exact);
        }
        Status::Completed => {
            assert!(is("Success"), "{run} did not complete");
            check_ours(world, story, verdict, &run);
        }
        Status::Cancelled => {
            assert!(is("Cancelled"), "{run} was not stopped");
            check_ours(world, story, verdict, &run);
        }
        Status::Failed if verdict.own_run => {
            assert!(is("Failed"), "{run} did not fail");
            check_ours(world, story, verdict, &run);
        }
        // The service rejected the trigger.
        Status::Failed => assert_eq!(world.arrivals(), 0),
        Status::Skipped => {
            assert!(!verdict.own_run);
            assert_eq!(verdict.sent == Sent::Yes, verdict.code == "deduplicated");
        }
        Status::Accepted => {
            let asked_for = story.follow != FollowMode::ToTheEnd || story.target > 6;
            assert!(asked_for || (story.accept && verdict.code == "history_unreadable"));
            assert_eq!(verdict.sent, Sent::Yes);
        }
        Status::Unknown | Status::Interrupted => {}
    }
}

/// A named run is certainly ours. An inferred one is ours or, if ours is not visible, one that cannot
/// be distinguished from it: on demand, and started after the history was read.
fn check_ours(world: &World, story: &Story, verdict: &Verdict, run: &str) {
    assert_eq!(verdict.sent, Sent::Yes);
    if run == OURS {
        assert_eq!(world.arrivals(), 1, "ours without a trigger");
        return;
    }
    assert_eq!(verdict.matched, Matched::Inferred);
    let other = story.others.iter().find(|other| other.id == run).unwrap();
    assert_ne!(other.refresh_type, "Scheduled");
    let intent = world.intents().pop().unwrap();
    let looked_at = Moment::parse(intent.looked_at.as_deref().unwrap()).unwrap();
    assert!(start().plus_ms(other.begins) >= looked_at);
    assert!(!intent.baseline.contains(&other.id));
}

/// What the audit log holds of the trigger.
fn trace_of(world: &World) -> Option<TriggerTrace> {
    let mut known: Option<TriggerTrace> = None;
    for event in world.events() {
        match (event, &mut known) {
            (Event::Intent(intent), known) => {
                *known = Some(TriggerTrace {
                    intent,
                    answered_at: None,
                    ..trace()
                });
            }
            (Event::Triggered(triggered), Some(known)) => {
                known.answered_at = triggered.http_status.map(|_| triggered.answered_at);
                known.poll_from = triggered.poll_from;
                if triggered.service_run.is_some() {
                    known.matched = Matched::Exact;
                    known.service_run = triggered.service_run;
                }
            }
            (Event::Observed(observed), Some(known))
                if observed.what == "matched" && known.matched == Matched::None =>
            {
                known.matched = Matched::Inferred;
                known.service_run = observed.run.map(|run| run.id);
            }
            _ => {}
        }
    }
    known
}

fn later(world: &World, story: &Story, trace: TriggerTrace) -> FollowRequest {
    let mut request = follow(target(story.target, story.accept), Subject::Ours(trace));
    let elapsed = i64::try_from(world.elapsed()).unwrap();
    request.call_context.now = start().plus_ms(elapsed).to_string();
    request.call_context.deadline_ms = story.deadline_s * 1_000;
    request
}

fn check_story(story: &Story) {
    let world = world_of(story);
    let end = crate::trigger_refresh(world.ports(), &request_of(story));
    check_calls(&world);
    let outcomes = world
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Outcome(_)))
        .count();
    assert!(outcomes <= 1);
    match &end {
        Ok(verdict) => {
            check_verdict(&world, story, verdict);
            assert_eq!(verdict.http_calls as usize, world.call_times().len());
        }
        Err(_) => assert_eq!(world.arrivals(), 0, "an error after a trigger: {end:?}"),
    }

    // Another process follows the run from the audit log: immediately, and again hours later.
    let posts = world.posts().len();
    for hours in [0, 3] {
        world.pass(hours * 3_600_000);
        world.next_process();
        if let Some(trace) = trace_of(&world) {
            let request = later(&world, story, trace);
            let verdict = crate::follow_refresh(world.ports(), &request).unwrap();
            check_calls(&world);
            check_verdict(&world, story, &verdict);
            assert_ne!(verdict.status, Status::Accepted);
            assert_eq!(world.posts().len(), posts, "a follow that triggers");
        }
    }
}

#[test]
fn no_verdict_claims_more_than_the_world_shows() {
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(STORIES)
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let told = TestRunner::new_with_rng(config, rng).run(&story(), |story| {
        check_story(&story);
        Ok(())
    });
    if let Err(why) = told {
        panic!("{why}");
    }
}
