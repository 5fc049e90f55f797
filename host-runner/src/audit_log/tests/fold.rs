use super::*;
use crate::audit_log::{RunState, RunView, StoredEvent};

/// The view of events and the invocations that wrote them.
fn view(events: Vec<(&str, Detail)>) -> RunView {
    RunView::of(
        (1..)
            .zip(events)
            .map(|(number, (invocation, detail))| StoredEvent {
                number,
                time: format!("2026-11-23T08:00:{number:02}.000000Z"),
                run: run("r"),
                actor: Actor {
                    user: "ann".into(),
                    host: "build1".into(),
                    invocation: invocation.into(),
                    ..Actor::default()
                },
                detail,
            }),
    )
    .unwrap()
}

fn of_one(details: Vec<Detail>) -> RunView {
    view(
        details
            .into_iter()
            .map(|detail| ("first", detail))
            .collect(),
    )
}

#[test]
fn without_events_there_is_no_view() {
    assert_eq!(RunView::of([]), None);
}

#[test]
fn an_intent_alone_may_have_been_sent() {
    let view = of_one(vec![intent()]);
    assert_eq!(
        (view.sent, view.state(), view.state_name()),
        (Sent::Maybe, RunState::Unsettled, "open")
    );
    assert_eq!(view.verdict(), None);
    assert_eq!(view.intent_time, "2026-11-23T08:00:01.000000Z");
}

#[test]
fn an_intent_with_a_not_sent_observation_was_not_sent() {
    let view = of_one(vec![intent(), observed(Observed::NOT_SENT, None, "")]);
    assert_eq!((view.sent, view.state()), (Sent::No, RunState::NotSent));
}

#[test]
fn a_2xx_is_always_sent_and_any_other_response_leaves_it_open() {
    let view = of_one(vec![
        intent(),
        triggered(Some(202)),
        observed(Observed::NOT_SENT, None, ""),
    ]);
    assert_eq!(
        (view.sent, view.flow_run.as_str()),
        (Sent::Yes, "flow-run-1")
    );
    assert_eq!(
        of_one(vec![intent(), triggered(Some(504))]).sent,
        Sent::Maybe
    );
    assert_eq!(of_one(vec![intent(), triggered(None)]).sent, Sent::Maybe);
}

#[test]
fn a_match_sets_the_run_and_a_status_sets_its_state() {
    let view = of_one(vec![
        intent(),
        observed(Observed::OTHER_RUN, Some("other"), "InProgress"),
        matched("ours"),
        observed(Observed::STATUS, Some("ours"), "Success"),
    ]);
    assert_eq!(
        (view.sent, view.matched, view.service_run.as_str()),
        (Sent::Yes, Matched::Inferred, "ours")
    );
    assert_eq!(view.service_state.unwrap().status, "Success");
}

#[test]
fn a_new_attempt_resets_the_outcome() {
    let view = of_one(vec![
        intent(),
        matched("first"),
        outcome_of(Status::Failed, "first"),
        intent(),
    ]);
    assert_eq!(
        (view.sent, view.state()),
        (Sent::Maybe, RunState::Unsettled)
    );
    assert_eq!(
        (view.service_run.as_str(), &view.outcome, view.verdict()),
        ("", &None, None)
    );
}

#[test]
fn a_new_attempt_resets_the_decision() {
    let view = of_one(vec![
        intent(),
        resolved(Decision::Failed),
        intent(),
        outcome(Status::Unknown, Sent::Yes),
    ]);
    assert_eq!((view.state_name(), &view.resolved), ("unknown", &None));
}

#[test]
fn only_the_sender_knows_that_nothing_was_sent() {
    let unauthorized = || outcome(Status::Unauthorized, Sent::No);
    assert_eq!(
        of_one(vec![intent(), unauthorized()]).state(),
        RunState::NotSent
    );
    let by_another = view(vec![("first", intent()), ("second", unauthorized())]);
    assert_eq!(
        (by_another.sent, by_another.state()),
        (Sent::Maybe, RunState::Unsettled)
    );
    assert_eq!(
        of_one(vec![intent(), interrupted(Sent::No)]).state(),
        RunState::NotSent
    );
    let by_another = view(vec![("first", intent()), ("second", interrupted(Sent::No))]);
    assert_eq!(by_another.state(), RunState::Unsettled);
}

#[test]
fn a_settled_run_stays_settled() {
    for settled in [
        outcome(Status::Completed, Sent::Yes),
        outcome(Status::Failed, Sent::Yes),
        outcome(Status::Cancelled, Sent::Yes),
        resolved(Decision::Completed),
        resolved(Decision::NeverStarted),
    ] {
        let before = of_one(vec![intent(), settled.clone()]);
        let after = of_one(vec![
            intent(),
            settled,
            outcome(Status::Unknown, Sent::Yes),
            interrupted(Sent::Yes),
        ]);
        assert_eq!(
            (after.state(), after.verdict().map(|v| v.status)),
            (before.state(), before.verdict().map(|v| v.status))
        );
        assert_ne!(after.state(), RunState::Unsettled);
    }
}

#[test]
fn a_later_invocation_settles_an_open_run() {
    let view = of_one(vec![
        intent(),
        outcome(Status::Unknown, Sent::Maybe),
        interrupted(Sent::Maybe),
        outcome_of(Status::Completed, "ours"),
    ]);
    assert_eq!(view.state(), RunState::Ended(Status::Completed));
    assert_eq!((view.service_run.as_str(), view.sent), ("ours", Sent::Yes));
    let corrected = of_one(vec![
        intent(),
        resolved(Decision::NeverStarted),
        outcome_of(Status::Failed, "ours"),
    ]);
    assert_eq!(corrected.state(), RunState::Ended(Status::Failed));
    let accepted = of_one(vec![
        intent(),
        outcome(Status::Accepted, Sent::Yes),
        outcome(Status::Unknown, Sent::Yes),
    ]);
    assert_eq!(
        (accepted.state(), accepted.state_name()),
        (RunState::Unsettled, "unknown")
    );
}

#[test]
fn a_decision_is_a_verdict_with_author_and_reason_but_no_evidence() {
    let view = of_one(vec![
        intent(),
        matched("ours"),
        resolved(Decision::Completed),
    ]);
    let verdict = view.verdict().unwrap();
    assert_eq!(
        (verdict.status, verdict.evidence),
        (Status::Completed, crate::verdict::Evidence::None)
    );
    assert_eq!(
        (verdict.sent, verdict.service_run.as_str()),
        (Sent::Yes, "ours")
    );
    assert_eq!(
        verdict.message,
        "resolved as completed by ann@build1: seen in the portal"
    );
    let view = of_one(vec![intent(), resolved(Decision::NeverStarted)]);
    assert_eq!((view.verdict(), view.state_name()), (None, "never_started"));
}

#[test]
fn an_interruption_is_a_verdict() {
    let verdict = of_one(vec![intent(), interrupted(Sent::Maybe)])
        .verdict()
        .unwrap();
    assert_eq!(
        (verdict.status, verdict.sent),
        (Status::Interrupted, Sent::Maybe)
    );
}

#[test]
fn a_view_has_its_first_author_and_its_last_event() {
    let view = view(vec![("first", intent()), ("second", note("x"))]);
    assert_eq!(
        (view.actor.invocation.as_str(), view.last_event),
        ("first", 2)
    );
    assert_eq!(
        (view.first_time.as_str(), view.last_time.as_str()),
        ("2026-11-23T08:00:01.000000Z", "2026-11-23T08:00:02.000000Z")
    );
}
