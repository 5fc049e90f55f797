use super::*;
use crate::audit_log::{RunState, RunView};

fn of_one(details: &[Detail]) -> RunView {
    view(
        &details
            .iter()
            .map(|detail| ("first", detail.clone()))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn without_events_there_is_no_view() {
    assert_eq!(RunView::of([]), None);
}

#[test]
fn an_intent_alone_may_have_been_sent() {
    let view = of_one(&[intent()]);
    assert_eq!(view.verdict(), None);
    assert_eq!(view.state_name(), "open");
    assert_eq!(view.intent_time, "2026-11-23T08:00:01.000000Z");
}

#[test]
fn each_row_of_events_has_its_state() {
    let not_sent = || observed(Observed::NOT_SENT, None, "");
    let unknown = |sent| outcome(Status::Unknown, sent);
    let ours = |status| outcome_of(status, "ours");
    let unauthorized = outcome(Status::Unauthorized, Sent::No);
    let accepted = outcome(Status::Accepted, Sent::Yes);
    let later = [
        unknown(Sent::Maybe),
        interrupted(Sent::Maybe),
        ours(Status::Completed),
    ];
    let corrected = [resolved(Decision::NeverStarted), ours(Status::Failed)];
    let unsettled = RunState::Unsettled;
    for (details, sent, state) in [
        (vec![], Sent::Maybe, unsettled),
        (vec![not_sent()], Sent::No, RunState::NotSent),
        // A 2xx is always sent, and any other response leaves it open.
        (vec![triggered(Some(202)), not_sent()], Sent::Yes, unsettled),
        (vec![triggered(Some(504))], Sent::Maybe, unsettled),
        (vec![triggered(None)], Sent::Maybe, unsettled),
        // The sender knows that nothing was sent.
        (vec![unauthorized], Sent::No, RunState::NotSent),
        (vec![interrupted(Sent::No)], Sent::No, RunState::NotSent),
        // A later invocation settles an open run, and corrects a decision.
        (later.into(), Sent::Yes, RunState::Ended(Status::Completed)),
        (corrected.into(), Sent::Yes, RunState::Ended(Status::Failed)),
        (vec![accepted, unknown(Sent::Yes)], Sent::Yes, unsettled),
        (vec![detached()], Sent::Yes, RunState::Detached),
        (vec![detached(), unknown(Sent::Yes)], Sent::Yes, unsettled),
        (
            vec![detached(), interrupted(Sent::Yes)],
            Sent::Yes,
            unsettled,
        ),
    ] {
        let view = of_one(&[vec![intent()], details.clone()].concat());
        assert_eq!((view.sent, view.state()), (sent, state), "{details:?}");
    }
}

#[test]
fn a_match_sets_the_run_and_a_status_sets_its_state() {
    let view = of_one(&[
        intent(),
        triggered(Some(202)),
        observed("other_run", Some("other"), "InProgress"),
        matched("ours"),
        observed(Observed::STATUS, Some("ours"), "Success"),
    ]);
    assert_eq!((view.sent, view.matched), (Sent::Yes, Matched::Inferred));
    assert_eq!(
        (view.service_run, view.flow_run),
        ("ours".into(), "flow-run-1".into())
    );
    assert_eq!(view.service_state.unwrap().status, "Success");
}

#[test]
fn a_new_attempt_resets_the_outcome_and_the_decision() {
    let failed = outcome_of(Status::Failed, "first");
    let view = of_one(&[intent(), matched("first"), failed, intent()]);
    assert_eq!(
        (view.sent, view.state()),
        (Sent::Maybe, RunState::Unsettled)
    );
    assert_eq!((view.service_run.as_str(), &view.outcome), ("", &None));
    assert_eq!(view.verdict(), None);
    let unknown = outcome(Status::Unknown, Sent::Yes);
    let view = of_one(&[intent(), resolved(Decision::Failed), intent(), unknown]);
    assert_eq!((view.state_name(), &view.resolved), ("unknown", &None));
}

#[test]
fn only_the_sender_knows_that_nothing_was_sent() {
    for detail in [
        outcome(Status::Unauthorized, Sent::No),
        interrupted(Sent::No),
    ] {
        let by_another = view(&[("first", intent()), ("second", detail)]);
        assert_eq!(by_another.sent, Sent::Maybe);
        assert_eq!(by_another.state(), RunState::Unsettled);
    }
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
        let later = [outcome(Status::Unknown, Sent::Yes), interrupted(Sent::Yes)];
        let before = [intent(), settled];
        let [before, after] = [of_one(&before), of_one(&[before, later].concat())]
            .map(|view| (view.state(), view.verdict().map(|verdict| verdict.status)));
        assert_eq!(after, before);
        assert_ne!(after.0, RunState::Unsettled);
    }
}

#[test]
fn a_decision_is_a_verdict_with_author_and_reason_but_no_evidence() {
    let view = of_one(&[intent(), matched("ours"), resolved(Decision::Completed)]);
    let expected = Verdict {
        sent: Sent::Yes,
        evidence: Evidence::None,
        service_run: "ours".to_owned(),
        message: "resolved as completed by ann@build1: seen in the portal".to_owned(),
        status: Status::Completed,
        ..view.verdict().unwrap()
    };
    assert_eq!(view.verdict(), Some(expected));
    let view = of_one(&[intent(), resolved(Decision::NeverStarted)]);
    assert_eq!((view.verdict(), view.state_name()), (None, "never_started"));
}

#[test]
fn an_interruption_is_a_verdict() {
    let view = of_one(&[intent(), interrupted(Sent::Maybe)]);
    let verdict = view.verdict().unwrap();
    let found = (verdict.status, verdict.sent);
    assert_eq!(found, (Status::Interrupted, Sent::Maybe));
}

#[test]
fn a_view_has_its_first_author_and_its_last_event() {
    let view = view(&[("first", intent()), ("second", note("x"))]);
    assert_eq!(
        (view.actor.invocation.as_str(), view.last_event),
        ("first", 2)
    );
    assert_eq!(view.first_time, "2026-11-23T08:00:01.000000Z");
    assert_eq!(view.last_time, "2026-11-23T08:00:02.000000Z");
}
