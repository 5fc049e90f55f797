use super::*;
use crate::audit_log::decide::{Begin, Earlier, decide};

/// An earlier run with these events.
fn earlier(details: &[Detail]) -> Earlier {
    let events: Vec<_> = details
        .iter()
        .map(|detail| ("first", detail.clone()))
        .collect();
    Earlier {
        pending: None,
        latest: (!events.is_empty()).then(|| view(&events)),
        latest_alive: false,
    }
}

fn name(begin: &Begin) -> &'static str {
    match begin {
        Begin::Start => "start",
        Begin::Replay { .. } => "replay",
        Begin::Wait { .. } => "wait",
        Begin::Follow(_) => "follow",
        Begin::Hold(_) => "hold",
    }
}

fn waits_for(run: &str) -> Begin {
    Begin::Wait { run: run.into() }
}

fn ended(status: Status, sent: Sent) -> Vec<Detail> {
    vec![intent(), outcome(status, sent)]
}

/// What the events lead to if a lost run can be followed, is held, or is sent again.
fn leads_to(details: &[Detail]) -> [&'static str; 3] {
    let resending = BeginOptions {
        if_lost: IfLost::Resend,
        ..HOLDING
    };
    [FOLLOWING, HOLDING, resending].map(|manner| name(&decide(earlier(details), manner)))
}

#[test]
fn each_row_of_the_table_holds() {
    let unknown = |sent| outcome(Status::Unknown, sent);
    let not_sent = || observed(Observed::NOT_SENT, None, "");
    let decided = |decision| vec![intent(), unknown(Sent::Yes), resolved(decision)];
    let failed = || outcome(Status::Failed, Sent::Yes);
    let reconciled = Detail::Reconciled(Resolution {
        decision: Decision::NeverStarted,
        reason: String::new(),
        overrides: None,
    });
    let rows = [
        (vec![intent(), reconciled], "start"),
        (vec![], "start"),
        (vec![outcome(Status::Skipped, Sent::No)], "start"),
        (ended(Status::Completed, Sent::Yes), "replay"),
        (ended(Status::Accepted, Sent::Yes), "replay"),
        (vec![intent(), detached()], "replay"),
        (vec![intent(), detached(), interrupted(Sent::Yes)], "lost"),
        (vec![intent(), detached(), failed()], "start"),
        (vec![intent()], "lost"),
        (vec![intent(), triggered(Some(202))], "lost"),
        (vec![intent(), triggered(Some(502))], "lost"),
        (vec![intent(), matched("ours")], "lost"),
        (ended(Status::Unknown, Sent::Yes), "lost"),
        (ended(Status::Unknown, Sent::Maybe), "lost"),
        (ended(Status::InternalError, Sent::Maybe), "lost"),
        (vec![intent(), interrupted(Sent::Maybe)], "lost"),
        (vec![intent(), interrupted(Sent::Yes)], "lost"),
        (vec![intent(), interrupted(Sent::No)], "start"),
        (vec![intent(), not_sent()], "start"),
        (vec![intent(), not_sent(), intent()], "lost"),
        (ended(Status::Failed, Sent::Yes), "start"),
        (vec![intent(), failed(), intent()], "lost"),
        (ended(Status::Skipped, Sent::Yes), "start"),
        (ended(Status::Cancelled, Sent::Yes), "start"),
        (ended(Status::Denied, Sent::No), "start"),
        (ended(Status::Unauthorized, Sent::No), "start"),
        (ended(Status::Unavailable, Sent::No), "start"),
        (vec![intent(), resolved(Decision::NeverStarted)], "start"),
        (decided(Decision::Failed), "start"),
        (decided(Decision::Cancelled), "start"),
        (decided(Decision::Completed), "replay"),
    ];
    for (details, expected) in rows {
        let expected = if expected == "lost" {
            ["follow", "hold", "start"]
        } else {
            [expected; 3]
        };
        assert_eq!(leads_to(&details), expected, "{details:?}");
    }
}

#[test]
fn a_live_run_is_waited_for_unless_it_has_a_result() {
    let alive = |details: &[Detail]| {
        let earlier = Earlier {
            latest_alive: true,
            ..earlier(details)
        };
        decide(earlier, FOLLOWING)
    };
    assert_eq!(alive(&[intent()]), waits_for("r"));
    for status in [Status::Unknown, Status::Failed] {
        assert_eq!(alive(&ended(status, Sent::Yes)), waits_for("r"));
    }
    let completed = alive(&ended(Status::Completed, Sent::Yes));
    assert_eq!(name(&completed), "replay");
}

#[test]
fn if_completed_is_required_a_detached_run_is_followed() {
    let unfollowable = BeginOptions {
        followable: false,
        ..REQUIRING
    };
    let new = BeginOptions {
        new: true,
        ..REQUIRING
    };
    let then = |last| vec![intent(), detached(), last];
    let unknown = outcome(Status::Unknown, Sent::Yes);
    for (details, options, alone, alive) in [
        (vec![intent(), detached()], REQUIRING, "follow", "wait"),
        (vec![intent(), detached()], FOLLOWING, "replay", "replay"),
        // Without verification nothing can be followed.
        (vec![intent(), detached()], unfollowable, "replay", "replay"),
        (vec![intent(), detached()], new, "start", "start"),
        (
            ended(Status::Accepted, Sent::Yes),
            REQUIRING,
            "replay",
            "replay",
        ),
        (
            ended(Status::Completed, Sent::Yes),
            REQUIRING,
            "replay",
            "replay",
        ),
        (
            then(outcome_of(Status::Completed, "ours")),
            REQUIRING,
            "replay",
            "replay",
        ),
        (
            then(outcome_of(Status::Failed, "ours")),
            REQUIRING,
            "start",
            "wait",
        ),
        (then(unknown), REQUIRING, "follow", "wait"),
        (
            then(resolved(Decision::Completed)),
            REQUIRING,
            "replay",
            "replay",
        ),
        (
            then(resolved(Decision::NeverStarted)),
            REQUIRING,
            "start",
            "wait",
        ),
    ] {
        for (latest_alive, expected) in [(false, alone), (true, alive)] {
            let earlier = Earlier {
                latest_alive,
                ..earlier(&details)
            };
            let begin = decide(earlier, options);
            assert_eq!(
                name(&begin),
                expected,
                "{options:?} {latest_alive}: {details:?}"
            );
        }
    }
}

#[test]
fn a_run_that_is_alive_before_its_intent_is_waited_for() {
    let pending = Earlier {
        pending: Some("young".into()),
        ..earlier(&ended(Status::Failed, Sent::Yes))
    };
    assert_eq!(decide(pending, FOLLOWING), waits_for("young"));
}

#[test]
fn new_always_starts() {
    let new = BeginOptions {
        new: true,
        ..FOLLOWING
    };
    let completed = earlier(&ended(Status::Completed, Sent::Yes));
    let alive = Earlier {
        pending: Some("young".into()),
        latest_alive: true,
        ..earlier(&[intent()])
    };
    for earlier in [completed, alive] {
        assert_eq!(decide(earlier, new), Begin::Start);
    }
}

#[test]
fn a_replay_returns_the_earlier_result() {
    let completed = outcome_of(Status::Completed, "ours");
    let begin = decide(earlier(&[intent(), completed]), HOLDING);
    let Begin::Replay { verdict, view } = begin else {
        panic!("no replay");
    };
    assert_eq!(verdict.status, Status::Completed);
    assert_eq!(
        (verdict.service_run, view.run.run),
        ("ours".into(), "r".into())
    );
}

#[test]
fn a_trigger_without_a_look_before_it_cannot_be_followed() {
    let Detail::Intent(looked) = intent() else {
        panic!("an intent is one");
    };
    let blind = || {
        Detail::Intent(Intent {
            looked_at: None,
            ..looked.clone()
        })
    };
    assert_eq!(leads_to(&[blind()]), ["hold", "hold", "start"]);
    let found = [blind(), matched("ours")];
    assert_eq!(leads_to(&found), ["follow", "hold", "start"]);
}
