use super::*;
use crate::audit_log::{Filter, LEASE, RunSummary};

fn list(log: &AuditLog, target: Option<&str>, open: bool, limit: usize) -> Vec<RunSummary> {
    let filter = Filter {
        target: target.map(str::to_owned),
        open,
        limit,
    };
    log.list(&filter).unwrap()
}

fn ids(log: &AuditLog, target: Option<&str>, open: bool, limit: usize) -> Vec<String> {
    let runs = list(log, target, open, limit);
    runs.into_iter().map(|run| run.view.run.run).collect()
}

fn run_of(target: &str, id: &str) -> RunInfo {
    RunInfo {
        target: target.into(),
        identity: id.into(),
        ..run(id)
    }
}

fn filled() -> (Bench, AuditLog) {
    let (bench, audit_log) = Bench::one();
    for (id, target, status) in [
        ("a", "orders", Some(Status::Unknown)),
        ("b", "sales", Some(Status::Completed)),
        ("c", "orders", Some(Status::Failed)),
        ("d", "orders", None),
    ] {
        let run = run_of(target, id);
        audit_log.begin(&run, FOLLOWING).unwrap();
        audit_log.append(&run, intent()).unwrap();
        if let Some(status) = status {
            let end = outcome(status, Sent::Yes);
            audit_log.append_and_finish(&run, end).unwrap();
        }
    }
    add_note(&audit_log, "belongs to no run");
    (bench, audit_log)
}

#[test]
fn runs_are_listed_newest_first_by_target_and_up_to_a_limit() {
    let (_bench, audit_log) = filled();
    assert_eq!(ids(&audit_log, None, false, 10), ["d", "c", "b", "a"]);
    assert_eq!(ids(&audit_log, None, false, 2), ["d", "c"]);
    assert_eq!(ids(&audit_log, Some("sales"), false, 10), ["b"]);
    let all = list(&audit_log, None, false, 10);
    let states: Vec<_> = all.iter().map(|run| run.view.state_name()).collect();
    assert_eq!(states, ["open", "failed", "completed", "unknown"]);
    let alive: Vec<_> = all.iter().map(|run| run.alive).collect();
    assert_eq!(alive, [true, false, false, false]);
}

#[test]
fn open_runs_are_neither_settled_nor_held_by_a_process() {
    let (bench, audit_log) = filled();
    let open = || ids(&audit_log, None, true, 10);
    assert_eq!(open(), ["a"]);
    bench.clock.forward(LEASE);
    assert_eq!(open(), ["d", "a"]);
    let decision = resolved(Decision::Failed);
    audit_log.append(&run("a"), decision).unwrap();
    assert_eq!(open(), ["d"]);
}

#[test]
fn a_detached_run_is_open_until_its_end_is_known_unless_a_process_follows_it() {
    let (_bench, first, second) = Bench::shared();
    let open = || ids(&second, None, true, 10);
    for (id, end) in [
        ("a", detached()),
        ("b", outcome(Status::Accepted, Sent::Yes)),
    ] {
        let run = run_of("orders", id);
        first.begin(&run, FOLLOWING).unwrap();
        first.append(&run, intent()).unwrap();
        first.append_and_finish(&run, end).unwrap();
    }
    // What was not verified can never be.
    assert_eq!(open(), ["a"]);
    let sent = second.last_refresh_of_target("orders").unwrap();
    assert!(sent.is_some());
    first.begin(&run_of("orders", "a"), REQUIRING).unwrap();
    assert_eq!(open(), Vec::<String>::new());
    let unknown = outcome(Status::Unknown, Sent::Yes);
    first
        .append_and_finish(&run_of("orders", "a"), unknown)
        .unwrap();
    assert_eq!(open(), ["a"]);
    first
        .append(&run_of("orders", "a"), outcome_of(Status::Failed, "ours"))
        .unwrap();
    assert_eq!(open(), Vec::<String>::new());
}

#[test]
fn the_latest_run_of_a_target_has_the_newest_intent() {
    let (_bench, audit_log) = filled();
    let (skipped, end) = (run_of("sales", "e"), outcome(Status::Skipped, Sent::No));
    audit_log.begin(&skipped, FOLLOWING).unwrap();
    audit_log.append_and_finish(&skipped, end).unwrap();
    let latest = |target: &str| {
        let view = audit_log.latest_run_of_target(target).unwrap();
        view.map(|view| view.run.run)
    };
    assert_eq!(latest("orders").as_deref(), Some("d"));
    assert_eq!(latest("sales").as_deref(), Some("b"));
    assert_eq!(latest("unheard_of"), None);
}
