use super::*;
use crate::audit_log::{Begin, LEASE, RENEW_EVERY};

fn waits_for(begin: Begin) -> String {
    match begin {
        Begin::Wait { run } => run,
        other => panic!("no waiting but {other:?}"),
    }
}

#[test]
fn the_first_start_starts_and_the_second_waits_for_it() {
    let bench = Bench::new();
    let (first, second) = (bench.open(), bench.open());
    assert_eq!(first.begin(&run("a"), FOLLOWING).unwrap(), Begin::Start);
    assert_eq!(waits_for(second.begin(&run("b"), FOLLOWING).unwrap()), "a");
    first.append(&run("a"), intent()).unwrap();
    assert_eq!(waits_for(second.begin(&run("b"), FOLLOWING).unwrap()), "a");
    first
        .append_and_finish(&run("a"), outcome_of(Status::Completed, "ours"))
        .unwrap();
    let Begin::Replay { verdict, view } = second.begin(&run("b"), FOLLOWING).unwrap() else {
        panic!("no replay")
    };
    assert_eq!(
        (verdict.status, view.run.run.as_str(), view.last_event),
        (Status::Completed, "a", 2)
    );
}

#[test]
fn another_identity_does_not_wait() {
    let bench = Bench::new();
    let audit_log = bench.open();
    audit_log.begin(&run("a"), FOLLOWING).unwrap();
    let other = RunInfo {
        identity: "another".into(),
        ..run("b")
    };
    assert_eq!(audit_log.begin(&other, FOLLOWING).unwrap(), Begin::Start);
}

#[test]
fn a_holder_that_stops_renewing_is_dead() {
    let bench = Bench::new();
    let (first, second) = (bench.open(), bench.open());
    first.begin(&run("a"), FOLLOWING).unwrap();
    bench.clock.forward(LEASE - RENEW_EVERY);
    first.renew().unwrap();
    bench.clock.forward(LEASE - Duration::from_millis(1));
    assert_eq!(waits_for(second.begin(&run("b"), FOLLOWING).unwrap()), "a");
    bench.clock.forward(Duration::from_millis(1));
    assert_eq!(
        second.begin(&run("b"), FOLLOWING).unwrap(),
        Begin::Start,
        "it died before its intent"
    );
}

#[test]
fn one_process_follows_a_run_that_died_after_its_intent_and_the_others_wait() {
    let bench = Bench::new();
    let (first, second, third) = (bench.open(), bench.open(), bench.open());
    first.begin(&run("a"), FOLLOWING).unwrap();
    first.append(&run("a"), intent()).unwrap();
    bench.clock.forward(LEASE);
    let Begin::Follow(view) = second.begin(&run("b"), FOLLOWING).unwrap() else {
        panic!("not followed")
    };
    assert_eq!(view.run, run("a"));
    assert_eq!(waits_for(third.begin(&run("c"), FOLLOWING).unwrap()), "a");
    second
        .append_and_finish(&run("a"), outcome_of(Status::Failed, "ours"))
        .unwrap();
    assert_eq!(third.begin(&run("c"), FOLLOWING).unwrap(), Begin::Start);
}

#[test]
fn a_lost_run_that_cannot_be_followed_is_held_and_nothing_changes() {
    let bench = Bench::new();
    let (first, second) = (bench.open(), bench.open());
    first.begin(&run("a"), HOLDING).unwrap();
    first.append(&run("a"), intent()).unwrap();
    bench.clock.forward(LEASE);
    for _ in 0..2 {
        assert!(
            matches!(second.begin(&run("b"), HOLDING).unwrap(), Begin::Hold(view) if view.run.run == "a")
        );
    }
    first.renew().unwrap();
    assert_eq!(waits_for(second.begin(&run("b"), HOLDING).unwrap()), "a");
}

#[test]
fn a_slow_process_cannot_send_after_another_took_its_run() {
    let bench = Bench::new();
    let (slow, quick) = (bench.open(), bench.open());
    slow.begin(&run("a"), FOLLOWING).unwrap();
    bench.clock.forward(LEASE);
    assert_eq!(quick.begin(&run("b"), FOLLOWING).unwrap(), Begin::Start);
    slow.renew().unwrap();
    assert_eq!(
        slow.append(&run("a"), intent()).unwrap_err().code(),
        "claim_lost"
    );
    slow.append(&run("a"), outcome(Status::AuditUnavailable, Sent::No))
        .unwrap();
    quick.append(&run("b"), intent()).unwrap();
}

#[test]
fn a_slow_process_cannot_send_again_while_another_follows_its_run() {
    let bench = Bench::new();
    let (slow, quick) = (bench.open(), bench.open());
    slow.begin(&run("a"), FOLLOWING).unwrap();
    slow.append(&run("a"), intent()).unwrap();
    bench.clock.forward(LEASE);
    assert!(matches!(
        quick.begin(&run("b"), FOLLOWING).unwrap(),
        Begin::Follow(_)
    ));
    assert_eq!(
        slow.append(&run("a"), intent()).unwrap_err().code(),
        "claim_lost"
    );
    slow.finish("a").unwrap();
    assert!(
        quick.watch("a").unwrap().alive,
        "the follower keeps what the slow one gives up"
    );
}

#[test]
fn a_slow_process_that_still_holds_its_run_may_continue() {
    let bench = Bench::new();
    let audit_log = bench.open();
    audit_log.begin(&run("a"), FOLLOWING).unwrap();
    bench.clock.forward(LEASE * 10);
    audit_log.append(&run("a"), intent()).unwrap();
}

#[test]
fn new_starts_beside_a_live_run_without_affecting_it() {
    let bench = Bench::new();
    let (first, second) = (bench.open(), bench.open());
    first.begin(&run("a"), FOLLOWING).unwrap();
    let new = BeginOptions {
        new: true,
        ..FOLLOWING
    };
    assert_eq!(second.begin(&run("b"), new).unwrap(), Begin::Start);
    first.append(&run("a"), intent()).unwrap();
    second.append(&run("b"), intent()).unwrap();
}

#[test]
fn a_run_without_an_intent_does_not_hide_an_older_one_that_was_sent() {
    let bench = Bench::new();
    let audit_log = bench.open();
    audit_log.begin(&run("a"), FOLLOWING).unwrap();
    audit_log.append(&run("a"), intent()).unwrap();
    audit_log
        .append_and_finish(&run("a"), outcome(Status::Unknown, Sent::Maybe))
        .unwrap();
    audit_log
        .begin(
            &run("b"),
            BeginOptions {
                new: true,
                ..FOLLOWING
            },
        )
        .unwrap();
    audit_log
        .append_and_finish(&run("b"), outcome(Status::Skipped, Sent::No))
        .unwrap();
    assert!(
        matches!(audit_log.begin(&run("c"), FOLLOWING).unwrap(), Begin::Follow(view) if view.run.run == "a")
    );
}

#[test]
fn a_waiting_process_sees_the_end_of_the_run() {
    let bench = Bench::new();
    let (first, waiter) = (bench.open(), bench.open());
    first.begin(&run("a"), FOLLOWING).unwrap();
    let watched = waiter.watch("a").unwrap();
    assert_eq!((watched.view, watched.alive), (None, true));
    first.append(&run("a"), intent()).unwrap();
    first
        .append_and_finish(&run("a"), outcome(Status::Failed, Sent::Yes))
        .unwrap();
    let watched = waiter.watch("a").unwrap();
    assert!(!watched.alive);
    assert_eq!(
        watched.view.unwrap().verdict().unwrap().status,
        Status::Failed
    );
    let unheard_of = waiter.watch("z").unwrap();
    assert_eq!((unheard_of.view, unheard_of.alive), (None, false));
}
