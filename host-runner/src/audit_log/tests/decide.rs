use super::*;
use crate::audit_log::decide::{Begin, Earlier, decide};
use crate::audit_log::{RunView, StoredEvent};

fn earlier(details: Vec<Detail>) -> Earlier {
    let latest = RunView::of((1..).zip(details).map(|(number, detail)| StoredEvent {
        number,
        time: "2026-11-23T08:00:00.000000Z".into(),
        run: run("earlier"),
        actor: Actor::default(),
        detail,
    }));
    Earlier {
        pending: None,
        latest,
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

/// What the events lead to if a lost run can be followed, is held, or is sent again.
fn leads_to(details: &[Detail]) -> [&'static str; 3] {
    let resending = BeginOptions {
        if_lost: IfLost::Resend,
        ..HOLDING
    };
    [FOLLOWING, HOLDING, resending].map(|manner| name(&decide(earlier(details.to_vec()), manner)))
}

#[test]
fn each_row_of_the_table_holds() {
    let unknown = |sent| outcome(Status::Unknown, sent);
    let not_sent = || observed(Observed::NOT_SENT, None, "");
    let rows = [
        (vec![], "start"),
        (vec![outcome(Status::Skipped, Sent::No)], "start"),
        (
            vec![intent(), outcome(Status::Completed, Sent::Yes)],
            "replay",
        ),
        (
            vec![intent(), outcome(Status::Accepted, Sent::Yes)],
            "replay",
        ),
        (vec![intent()], "lost"),
        (vec![intent(), triggered(Some(202))], "lost"),
        (vec![intent(), triggered(Some(502))], "lost"),
        (vec![intent(), matched("ours")], "lost"),
        (vec![intent(), unknown(Sent::Yes)], "lost"),
        (vec![intent(), unknown(Sent::Maybe)], "lost"),
        (
            vec![intent(), outcome(Status::InternalError, Sent::Maybe)],
            "lost",
        ),
        (vec![intent(), interrupted(Sent::Maybe)], "lost"),
        (vec![intent(), interrupted(Sent::Yes)], "lost"),
        (vec![intent(), interrupted(Sent::No)], "start"),
        (vec![intent(), not_sent()], "start"),
        (vec![intent(), not_sent(), intent()], "lost"),
        (vec![intent(), outcome(Status::Failed, Sent::Yes)], "start"),
        (
            vec![intent(), outcome(Status::Failed, Sent::Yes), intent()],
            "lost",
        ),
        (vec![intent(), outcome(Status::Skipped, Sent::Yes)], "start"),
        (
            vec![intent(), outcome(Status::Cancelled, Sent::Yes)],
            "start",
        ),
        (vec![intent(), outcome(Status::Denied, Sent::No)], "start"),
        (
            vec![intent(), outcome(Status::Unauthorized, Sent::No)],
            "start",
        ),
        (
            vec![intent(), outcome(Status::Unavailable, Sent::No)],
            "start",
        ),
        (vec![intent(), resolved(Decision::NeverStarted)], "start"),
        (
            vec![intent(), unknown(Sent::Yes), resolved(Decision::Failed)],
            "start",
        ),
        (
            vec![intent(), unknown(Sent::Yes), resolved(Decision::Cancelled)],
            "start",
        ),
        (
            vec![intent(), unknown(Sent::Yes), resolved(Decision::Completed)],
            "replay",
        ),
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
fn a_reconciliation_counts_like_a_decision() {
    let reconciled = Detail::Reconciled(Resolution {
        decision: Decision::NeverStarted,
        reason: String::new(),
    });
    assert_eq!(leads_to(&[intent(), reconciled]), ["start"; 3]);
}

#[test]
fn a_live_run_is_waited_for_unless_it_has_a_result() {
    let alive = |details| Earlier {
        latest_alive: true,
        ..earlier(details)
    };
    for details in [
        vec![intent()],
        vec![intent(), outcome(Status::Unknown, Sent::Yes)],
        vec![intent(), outcome(Status::Failed, Sent::Yes)],
    ] {
        assert_eq!(
            decide(alive(details), FOLLOWING),
            Begin::Wait {
                run: "earlier".into()
            }
        );
    }
    assert_eq!(
        name(&decide(
            alive(vec![intent(), outcome(Status::Completed, Sent::Yes)]),
            FOLLOWING
        )),
        "replay"
    );
}

#[test]
fn a_run_that_is_alive_before_its_intent_is_waited_for() {
    let pending = Earlier {
        pending: Some("young".into()),
        ..earlier(vec![intent(), outcome(Status::Failed, Sent::Yes)])
    };
    assert_eq!(
        decide(pending, FOLLOWING),
        Begin::Wait {
            run: "young".into()
        }
    );
}

#[test]
fn new_always_starts() {
    let new = BeginOptions {
        new: true,
        ..FOLLOWING
    };
    assert_eq!(
        decide(
            earlier(vec![intent(), outcome(Status::Completed, Sent::Yes)]),
            new
        ),
        Begin::Start
    );
    let alive = Earlier {
        pending: Some("young".into()),
        latest_alive: true,
        ..earlier(vec![intent()])
    };
    assert_eq!(decide(alive, new), Begin::Start);
}

#[test]
fn a_replay_returns_the_earlier_result() {
    let Begin::Replay { verdict, view } = decide(
        earlier(vec![intent(), outcome_of(Status::Completed, "ours")]),
        HOLDING,
    ) else {
        panic!("no replay");
    };
    assert_eq!(
        (
            verdict.status,
            verdict.service_run.as_str(),
            view.run.run.as_str()
        ),
        (Status::Completed, "ours", "earlier")
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
    assert_eq!(
        leads_to(&[blind(), matched("ours")]),
        ["follow", "hold", "start"]
    );
}
