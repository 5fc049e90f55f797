//! Which runs accept a manual decision, and that the store enforces it.

use super::*;
use crate::audit_log::{LEASE, overridden};

/// The statuses that a decision overrides.
const FINAL: [Status; 4] = [
    Status::Accepted,
    Status::Failed,
    Status::Cancelled,
    Status::Skipped,
];

fn of_one(details: &[Detail]) -> RunView {
    let events: Vec<_> = details.iter().map(|one| ("first", one.clone())).collect();
    view(&events)
}

/// The result of a decision that may override `allowed`: `settles`, `overrides`, or the code of its refusal.
fn decided(view: &RunView, alive: bool, allowed: Option<Status>) -> &'static str {
    match overridden(view, alive, allowed) {
        Ok(None) => "settles",
        Ok(overridden) => {
            assert_eq!(overridden, allowed);
            "overrides"
        }
        Err(error) => {
            assert!(!error.hint().is_empty());
            error.code()
        }
    }
}

fn resolved_over(decision: Decision, overrides: Status) -> Detail {
    let Detail::Resolved(resolution) = resolved(decision) else {
        panic!("a decision is one");
    };
    Detail::Resolved(Resolution {
        overrides: Some(overrides),
        ..resolution
    })
}

#[test]
fn a_decision_settles_an_open_run_and_overrides_any_other_only_if_asked_to() {
    let not_sent = || observed(Observed::NOT_SENT, None, "");
    let ended = |status| vec![outcome(status, Sent::Yes)];
    let then = |first, later| vec![first, later];
    let completed = || outcome(Status::Completed, Sent::Yes);
    let failed = || outcome(Status::Failed, Sent::Yes);
    let unknown = || outcome(Status::Unknown, Sent::Yes);
    let skipped = outcome(Status::Skipped, Sent::No);
    let needs = ("override_required", "overrides");
    let refused = |code| (code, code);
    for (details, (plain, overriding)) in [
        (vec![], refused("settles")),
        (vec![triggered(Some(202))], refused("settles")),
        (vec![interrupted(Sent::Maybe)], refused("settles")),
        (ended(Status::Unknown), refused("settles")),
        (ended(Status::InternalError), refused("settles")),
        (vec![detached()], refused("settles")),
        (ended(Status::Accepted), needs),
        (ended(Status::Failed), needs),
        (ended(Status::Cancelled), needs),
        (ended(Status::Skipped), needs),
        (vec![skipped], needs),
        (ended(Status::Completed), refused("run_completed")),
        (vec![not_sent()], refused("run_not_sent")),
        (vec![interrupted(Sent::No)], refused("run_not_sent")),
        (
            vec![outcome(Status::Denied, Sent::No)],
            refused("run_not_sent"),
        ),
        (
            vec![outcome(Status::Unauthorized, Sent::No)],
            refused("run_not_sent"),
        ),
        (
            vec![outcome(Status::Unavailable, Sent::No)],
            refused("run_not_sent"),
        ),
        (
            vec![outcome(Status::Invalid, Sent::No)],
            refused("run_not_sent"),
        ),
        // The last thing that counts is decided on.
        (
            then(ended(Status::Accepted).remove(0), interrupted(Sent::Yes)),
            refused("settles"),
        ),
        (then(failed(), unknown()), needs),
        (
            then(completed(), interrupted(Sent::Yes)),
            refused("run_completed"),
        ),
        (then(failed(), intent()), refused("settles")),
        // A person's decision may be corrected, but not what it did not override.
        (
            then(unknown(), resolved(Decision::Completed)),
            refused("settles"),
        ),
        (
            then(unknown(), resolved(Decision::NeverStarted)),
            refused("settles"),
        ),
        (
            then(failed(), resolved_over(Decision::Completed, Status::Failed)),
            needs,
        ),
        (
            vec![unknown(), resolved(Decision::Failed), completed()],
            refused("run_completed"),
        ),
    ] {
        let view = of_one(&[vec![intent()], details.clone()].concat());
        let reported = view.outcome.as_ref().map(|outcome| outcome.verdict.status);
        assert_eq!(decided(&view, false, None), plain, "{details:?}");
        assert_eq!(decided(&view, false, reported), overriding, "{details:?}");
        assert_eq!(
            decided(&view, true, reported),
            "run_in_progress",
            "{details:?}"
        );
        for other in FINAL.into_iter().filter(|other| Some(*other) != reported) {
            assert_eq!(
                decided(&view, false, Some(other)),
                plain,
                "{other:?}: {details:?}"
            );
        }
    }
}

/// A run `r` of the first invocation, which has ended with this status.
fn ended_run(first: &AuditLog, status: Status) {
    first.begin(&run("r"), FOLLOWING).unwrap();
    first.append(&run("r"), intent()).unwrap();
    finish(first, "r", outcome(status, Sent::Yes));
}

#[test]
fn a_run_that_concludes_meanwhile_is_not_overturned() {
    for (status, code) in [
        (Status::Completed, "run_completed"),
        (Status::Failed, "override_required"),
    ] {
        let (_bench, follower, person) = Bench::shared();
        ended_run(&follower, Status::Accepted);
        let (decision, seen) = (Decision::NeverStarted, person.run("r").unwrap().unwrap());
        assert_eq!(decided(&seen, false, Some(Status::Accepted)), "overrides");
        finish(&follower, "r", outcome(status, Sent::Yes));
        let late = resolved_over(decision, Status::Accepted);
        assert_eq!(refusal(&person, &run("r"), late), code);
        assert_eq!(person.run("r").unwrap().unwrap().resolved, None);
    }
}

#[test]
fn a_run_is_not_decided_on_while_a_process_works_on_it() {
    let (bench, follower, person) = Bench::shared();
    follower.begin(&run("r"), FOLLOWING).unwrap();
    follower.append(&run("r"), intent()).unwrap();
    let decision = || resolved(Decision::NeverStarted);
    assert_eq!(refusal(&person, &run("r"), decision()), "run_in_progress");
    bench.clock.forward(LEASE);
    person.append(&run("r"), decision()).unwrap();
    // A slow process that still learns the outcome corrects the decision.
    follower
        .append(&run("r"), outcome_of(Status::Failed, "ours"))
        .unwrap();
    assert_eq!(person.run("r").unwrap().unwrap().state_name(), "failed");
}

#[test]
fn the_event_holds_what_the_decision_overrides() {
    let (_bench, audit_log) = Bench::one();
    let append = |detail: Detail| audit_log.append(&run("r"), detail).unwrap();
    let last = || {
        let entry = audit_log.events_of("r").unwrap().pop().unwrap();
        serde_json::to_value(&entry.event.detail).unwrap()["detail"].clone()
    };
    ended_run(&audit_log, Status::Unknown);
    // An open run has nothing to override, whatever the decision may.
    append(resolved_over(Decision::Completed, Status::Failed));
    assert_eq!(last().get("overrides"), None);
    append(outcome(Status::Failed, Sent::Yes));
    append(resolved_over(Decision::Completed, Status::Failed));
    assert_eq!(last()["overrides"], "failed");
    let verdict = audit_log.run("r").unwrap().unwrap().verdict().unwrap();
    let message = "resolved as completed by ann@build1, overriding failed: seen in the portal";
    assert_eq!(verdict.message, message);
}
