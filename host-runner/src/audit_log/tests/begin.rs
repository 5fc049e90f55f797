use super::*;
use crate::audit_log::{Begin, LEASE, RENEW_EVERY};

const NEW: BeginOptions = BeginOptions {
    new: true,
    ..FOLLOWING
};

/// What a start as run `id` leads to, and for which run.
#[track_caller]
fn begins(log: &AuditLog, id: &str, options: BeginOptions) -> String {
    match log.begin(&run(id), options).unwrap() {
        Begin::Start => "start".to_owned(),
        Begin::Wait { run } => format!("wait for {run}"),
        Begin::Follow(view) => format!("follow {}", view.run.run),
        Begin::Hold(view) => format!("hold {}", view.run.run),
        Begin::Replay { verdict, view } => {
            let (status, run, event) = (verdict.status.name(), view.run.run, view.last_event);
            format!("replay {status} of {run} at event {event}")
        }
    }
}

/// A run that began, and sent its trigger.
#[track_caller]
fn sent(log: &AuditLog, id: &str, options: BeginOptions) {
    assert_eq!(begins(log, id, options), "start");
    log.append(&run(id), intent()).unwrap();
}

#[test]
fn the_first_start_starts_and_the_second_waits_for_it() {
    let (_bench, first, second) = Bench::shared();
    assert_eq!(begins(&first, "a", FOLLOWING), "start");
    assert_eq!(begins(&second, "b", FOLLOWING), "wait for a");
    first.append(&run("a"), intent()).unwrap();
    assert_eq!(begins(&second, "b", FOLLOWING), "wait for a");
    finish(&first, "a", outcome_of(Status::Completed, "ours"));
    let replay = "replay completed of a at event 2";
    assert_eq!(begins(&second, "b", FOLLOWING), replay);
}

#[test]
fn another_identity_does_not_wait() {
    let (_bench, audit_log) = Bench::one();
    audit_log.begin(&run("a"), FOLLOWING).unwrap();
    let other = RunInfo {
        identity: "another".into(),
        ..run("b")
    };
    assert_eq!(audit_log.begin(&other, FOLLOWING).unwrap(), Begin::Start);
}

#[test]
fn a_holder_that_stops_renewing_is_dead() {
    let (bench, first, second) = Bench::shared();
    first.begin(&run("a"), FOLLOWING).unwrap();
    bench.clock.forward(LEASE - RENEW_EVERY);
    first.renew().unwrap();
    bench.clock.forward(LEASE - Duration::from_millis(1));
    assert_eq!(begins(&second, "b", FOLLOWING), "wait for a");
    bench.clock.forward(Duration::from_millis(1));
    // It died before its intent.
    assert_eq!(begins(&second, "b", FOLLOWING), "start");
}

#[test]
fn one_process_follows_a_run_that_died_after_its_intent_and_the_others_wait() {
    let (bench, first, second) = Bench::shared();
    let third = bench.open();
    sent(&first, "a", FOLLOWING);
    bench.clock.forward(LEASE);
    assert_eq!(begins(&second, "b", FOLLOWING), "follow a");
    assert_eq!(begins(&third, "c", FOLLOWING), "wait for a");
    finish(&second, "a", outcome_of(Status::Failed, "ours"));
    assert_eq!(begins(&third, "c", FOLLOWING), "start");
}

#[test]
fn a_lost_run_that_cannot_be_followed_is_held_and_nothing_changes() {
    let (bench, first, second) = Bench::shared();
    sent(&first, "a", HOLDING);
    bench.clock.forward(LEASE);
    for _ in 0..2 {
        assert_eq!(begins(&second, "b", HOLDING), "hold a");
    }
    first.renew().unwrap();
    assert_eq!(begins(&second, "b", HOLDING), "wait for a");
}

#[test]
fn a_slow_process_cannot_send_after_another_took_its_run() {
    let (bench, slow, quick) = Bench::shared();
    slow.begin(&run("a"), FOLLOWING).unwrap();
    bench.clock.forward(LEASE);
    assert_eq!(begins(&quick, "b", FOLLOWING), "start");
    slow.renew().unwrap();
    assert_eq!(refusal(&slow, &run("a"), intent()), "claim_lost");
    let not_sent = outcome(Status::AuditUnavailable, Sent::No);
    slow.append(&run("a"), not_sent).unwrap();
    quick.append(&run("b"), intent()).unwrap();
}

#[test]
fn a_slow_process_cannot_send_again_while_another_follows_its_run() {
    let (bench, slow, quick) = Bench::shared();
    sent(&slow, "a", FOLLOWING);
    bench.clock.forward(LEASE);
    assert_eq!(begins(&quick, "b", FOLLOWING), "follow a");
    assert_eq!(refusal(&slow, &run("a"), intent()), "claim_lost");
    slow.finish("a").unwrap();
    // The follower keeps what the slow one gives up.
    assert!(quick.watch("a").unwrap().alive);
}

#[test]
fn a_slow_process_that_still_holds_its_run_may_continue() {
    let (bench, audit_log) = Bench::one();
    audit_log.begin(&run("a"), FOLLOWING).unwrap();
    bench.clock.forward(LEASE * 10);
    audit_log.append(&run("a"), intent()).unwrap();
}

#[test]
fn new_starts_beside_a_live_run_without_affecting_it() {
    let (_bench, first, second) = Bench::shared();
    first.begin(&run("a"), FOLLOWING).unwrap();
    assert_eq!(begins(&second, "b", NEW), "start");
    first.append(&run("a"), intent()).unwrap();
    second.append(&run("b"), intent()).unwrap();
}

#[test]
fn a_run_without_an_intent_does_not_hide_an_older_one_that_was_sent() {
    let (_bench, audit_log) = Bench::one();
    sent(&audit_log, "a", FOLLOWING);
    finish(&audit_log, "a", outcome(Status::Unknown, Sent::Maybe));
    assert_eq!(begins(&audit_log, "b", NEW), "start");
    finish(&audit_log, "b", outcome(Status::Skipped, Sent::No));
    assert_eq!(begins(&audit_log, "c", FOLLOWING), "follow a");
}

#[test]
fn a_waiting_process_sees_the_end_of_the_run() {
    let (_bench, first, waiter) = Bench::shared();
    first.begin(&run("a"), FOLLOWING).unwrap();
    let status = |id: &str| {
        let watched = waiter.watch(id).unwrap();
        let verdict = watched.view.and_then(|view| view.verdict());
        (watched.alive, verdict.map(|verdict| verdict.status))
    };
    assert_eq!(status("a"), (true, None));
    first.append(&run("a"), intent()).unwrap();
    assert_eq!(status("a"), (true, None));
    // The last event releases the run in the same transaction.
    finish(&first, "a", outcome(Status::Failed, Sent::Yes));
    assert_eq!(status("a"), (false, Some(Status::Failed)));
    assert_eq!(waiter.watch("z").unwrap().view, None);
    assert_eq!(status("z"), (false, None));
}
