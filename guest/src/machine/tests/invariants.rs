//! Invariants of a refresh: every sequence of responses, in every world, in every mode.

use super::*;
use crate::contract::{Content, Event, FollowMode, IfRunning, Sent, Status, Target, Verification};
use crate::ports::Method;
use crate::ports::TransportKind;
use crate::testing::{
    Answer, Happened, answer, broken, dataflow, error as refusal, flow, page, request, taken,
    verified,
};

fn answers() -> Vec<Answer> {
    vec![
        Ok(taken()),
        Ok(answer(200, r#"{"status":"completed"}"#)),
        page(),
        refusal(400, crate::api::error::DAILY_LIMIT),
        refusal(401, "AuthorizationFailed"),
        refusal(429, ""),
        refusal(500, ""),
        refusal(502, "NoResponse"),
        refusal(504, ""),
        broken(TransportKind::ConnectionRefused),
        broken(TransportKind::ConnectTimeout),
        broken(TransportKind::AnswerTimeout),
        broken(TransportKind::ConnectionLost),
        broken(TransportKind::Truncated),
        broken(TransportKind::Denied),
    ]
}

/// Whether another trigger is allowed after this response.
fn started_nothing(answer: &Answer, host_reports_unsent: bool) -> bool {
    match answer {
        Ok(answer) => answer.status == 429,
        Err(error) => error.certainly_unsent(host_reports_unsent),
    }
}

fn worlds() -> Vec<Vec<Scripted>> {
    let by = |id: &str, kind: &str, begins, end| timed(id, kind, begins, 5_000, end).by_trigger();
    vec![
        vec![],
        vec![by("ours", "OnDemand", 1_000, "Success")],
        vec![by("ours", "OnDemand", 1_000, "Failed")],
        vec![by("ours", "OnDemand", 1_000, "Odd")],
        vec![by("plan", "Scheduled", 1_000, "Success")],
        vec![by("late", "OnDemand", 400_000, "Success")],
        vec![
            by("ours", "OnDemand", 1_000, "Failed"),
            by("plan", "Scheduled", 900, "Success"),
        ],
        vec![
            by("ours", "OnDemand", 1_000, "Success"),
            by("theirs", "OnDemand", 2_000, "Success"),
        ],
        vec![timed("other", "OnDemand", -60_000, 90_000, "Success")],
    ]
}

/// Every response, and every pair of responses whose first allows a second; after them the trigger is
/// accepted, so that an extra trigger is noticed.
fn sequences() -> Vec<Vec<Answer>> {
    let mut all = Vec::new();
    for first in answers() {
        if started_nothing(&first, true) {
            all.extend(
                answers()
                    .into_iter()
                    .map(|second| vec![first.clone(), second]),
            );
        } else {
            all.push(vec![first]);
        }
    }
    all
}

/// Fewer polls make the tests faster.
fn slow(target: &mut Target) {
    match target {
        Target::Dataflow(one) => one.item.poll_ms = 30_000,
        Target::PowerAutomate(flow) => {
            if let Verification::Content(Content::Dataflow(item)) = &mut flow.verify {
                item.poll_ms = 30_000;
            }
        }
        Target::DataflowGen2(_) | Target::SemanticModel(_) => {}
    }
}

fn requests() -> Vec<RefreshRequest> {
    let mut all = Vec::new();
    for target in [
        verified(),
        flow(Verification::None),
        flow(Verification::Response),
        Target::Dataflow(dataflow()),
    ] {
        for follow in [
            FollowMode::ToTheEnd,
            FollowMode::UntilStarted,
            FollowMode::NotAtAll,
        ] {
            for host_reports_unsent in [true, false] {
                let mut request = request(target.clone());
                request.follow = follow;
                request.call_context.deadline_ms = 600_000;
                slow(&mut request.target);
                request.if_running = IfRunning::Wait;
                request.call_context.host_reports_unsent = host_reports_unsent;
                all.push(request);
            }
        }
    }
    all
}

#[test]
fn no_trigger_follows_a_possible_arrival_or_precedes_its_intent() {
    for sequence in sequences() {
        for request in requests() {
            for runs in worlds() {
                let mut world = World::new();
                for run in &runs {
                    world = world.with(run.clone());
                }
                for answer in &sequence {
                    world = world.answers_post(answer.clone());
                }
                let result = refresh(&world, &request);
                let story = || format!("{sequence:?} {request:?} {runs:?} {result:?}");
                check_triggers(
                    &world,
                    &sequence,
                    request.call_context.host_reports_unsent,
                    &story,
                );
                check_end(&world, &result, &request, &runs, &story);
            }
        }
    }
}

fn check_triggers(world: &World, sequence: &[Answer], vouches: bool, story: &dyn Fn() -> String) {
    let mut intents = 0;
    let mut posts = 0;
    for happened in world.log() {
        match happened {
            Happened::Append(event) => {
                if let Event::Intent(intent) = *event {
                    intents += 1;
                    assert_eq!(intent.attempt, intents, "{}", story());
                }
            }
            Happened::Call(Method::Post, _) => {
                posts += 1;
                assert_eq!(intents, posts, "a trigger without its intent: {}", story());
                let before = sequence.iter().take(posts as usize - 1);
                for answer in before {
                    assert!(started_nothing(answer, vouches), "twice: {}", story());
                }
            }
            Happened::Call(Method::Get | Method::Delete, _) => {}
        }
    }
}

fn check_end(
    world: &World,
    result: &Result<Verdict, RefreshError>,
    request: &RefreshRequest,
    runs: &[Scripted],
    story: &dyn Fn() -> String,
) {
    let outcomes = world
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Outcome(_)))
        .count();
    assert_eq!(outcomes, 1, "{}", story());
    let Ok(verdict) = result else {
        return;
    };
    if verdict.status == Status::Completed {
        let by_flow = request.target == flow(Verification::Response);
        let ours = runs.iter().filter(|run| run.id == "ours").any(|run| {
            run.states
                .last()
                .is_some_and(|(_, state)| state == "Success")
        });
        assert!(by_flow || ours, "completed without a success: {}", story());
        assert!(
            by_flow || verdict.service_run.as_deref() == Some("ours"),
            "{}",
            story()
        );
        assert!(verdict.own_run, "{}", story());
    }
    if matches!(
        verdict.status,
        Status::Completed | Status::Accepted | Status::Failed
    ) {
        assert_eq!(verdict.sent, Sent::Yes, "{}", story());
    }
    assert_eq!(
        verdict.own_run,
        verdict.matched != crate::contract::Matched::None,
        "{}",
        story()
    );
    assert_eq!(
        verdict.http_calls as usize,
        world.call_times().len(),
        "{}",
        story()
    );
}
