use super::*;
use crate::audit_log::{RunView, Standing, StoredEvent};

/// The view of events that were each written by the invocation named beside them.
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
fn no_events_are_no_view() {
    assert_eq!(RunView::of([]), None);
}

#[test]
fn an_intent_alone_may_have_been_sent() {
    let view = of_one(vec![intent()]);
    assert_eq!(
        (view.sent, view.standing(), view.standing_name()),
        (Sent::Maybe, Standing::Unsettled, "open")
    );
    assert_eq!(view.verdict(), None);
    assert_eq!(view.intent_time, "2026-11-23T08:00:01.000000Z");
}

#[test]
fn an_intent_that_is_known_not_to_have_left_was_not_sent() {
    let view = of_one(vec![intent(), observed(Observed::NOT_SENT, None, "")]);
    assert_eq!((view.sent, view.standing()), (Sent::No, Standing::NotSent));
}

#[test]
fn a_2xx_is_sent_for_good_and_any_other_answer_leaves_it_open() {
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
fn a_match_names_the_run_and_a_status_says_how_it_stands() {
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
fn a_further_attempt_forgets_how_the_one_before_ended() {
    let view = of_one(vec![
        intent(),
        matched("first"),
        outcome_of(Status::Failed, "first"),
        intent(),
    ]);
    assert_eq!(
        (view.sent, view.standing()),
        (Sent::Maybe, Standing::Unsettled)
    );
    assert_eq!(
        (view.service_run.as_str(), &view.outcome, view.verdict()),
        ("", &None, None)
    );
}

#[test]
fn a_further_attempt_forgets_what_was_said_of_the_one_before() {
    let view = of_one(vec![
        intent(),
        resolved(Word::Failed),
        intent(),
        outcome(Status::Unknown, Sent::Yes),
    ]);
    assert_eq!((view.standing_name(), &view.resolved), ("unknown", &None));
}

#[test]
fn only_the_sender_can_say_that_nothing_was_sent() {
    let unauthorized = || outcome(Status::Unauthorized, Sent::No);
    assert_eq!(
        of_one(vec![intent(), unauthorized()]).standing(),
        Standing::NotSent
    );
    let by_another = view(vec![("first", intent()), ("second", unauthorized())]);
    assert_eq!(
        (by_another.sent, by_another.standing()),
        (Sent::Maybe, Standing::Unsettled)
    );
    assert_eq!(
        of_one(vec![intent(), interrupted(Sent::No)]).standing(),
        Standing::NotSent
    );
    let by_another = view(vec![("first", intent()), ("second", interrupted(Sent::No))]);
    assert_eq!(by_another.standing(), Standing::Unsettled);
}

#[test]
fn what_is_settled_is_not_undone_by_somebody_who_cannot_tell() {
    for settled in [
        outcome(Status::Completed, Sent::Yes),
        outcome(Status::Failed, Sent::Yes),
        outcome(Status::Cancelled, Sent::Yes),
        resolved(Word::Completed),
        resolved(Word::NeverStarted),
    ] {
        let before = of_one(vec![intent(), settled.clone()]);
        let after = of_one(vec![
            intent(),
            settled,
            outcome(Status::Unknown, Sent::Yes),
            interrupted(Sent::Yes),
        ]);
        assert_eq!(
            (after.standing(), after.verdict().map(|v| v.status)),
            (before.standing(), before.verdict().map(|v| v.status))
        );
        assert_ne!(after.standing(), Standing::Unsettled);
    }
}

#[test]
fn what_is_open_is_settled_by_whoever_finds_out() {
    let view = of_one(vec![
        intent(),
        outcome(Status::Unknown, Sent::Maybe),
        interrupted(Sent::Maybe),
        outcome_of(Status::Completed, "ours"),
    ]);
    assert_eq!(view.standing(), Standing::Ended(Status::Completed));
    assert_eq!((view.service_run.as_str(), view.sent), ("ours", Sent::Yes));
    let corrected = of_one(vec![
        intent(),
        resolved(Word::NeverStarted),
        outcome_of(Status::Failed, "ours"),
    ]);
    assert_eq!(corrected.standing(), Standing::Ended(Status::Failed));
    let accepted = of_one(vec![
        intent(),
        outcome(Status::Accepted, Sent::Yes),
        outcome(Status::Unknown, Sent::Yes),
    ]);
    assert_eq!(
        (accepted.standing(), accepted.standing_name()),
        (Standing::Unsettled, "unknown")
    );
}

#[test]
fn a_persons_word_is_a_verdict_that_says_who_and_why_and_claims_no_evidence() {
    let view = of_one(vec![intent(), matched("ours"), resolved(Word::Completed)]);
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
        "settled as completed by ann@build1: seen in the portal"
    );
    let view = of_one(vec![intent(), resolved(Word::NeverStarted)]);
    assert_eq!(
        (view.verdict(), view.standing_name()),
        (None, "never_started")
    );
}

#[test]
fn an_interruption_is_a_verdict_of_its_own() {
    let verdict = of_one(vec![intent(), interrupted(Sent::Maybe)])
        .verdict()
        .unwrap();
    assert_eq!(
        (verdict.status, verdict.sent),
        (Status::Interrupted, Sent::Maybe)
    );
}

#[test]
fn a_view_names_its_first_writer_and_its_last_event() {
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
