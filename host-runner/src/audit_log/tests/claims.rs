use super::*;
use crate::audit_log::{LEASE, ResourceClaim};

const RESOURCE: &str = "dataflow:4444";

fn other(id: &str, target: &str) -> RunInfo {
    RunInfo {
        target: target.into(),
        identity: format!("identity of {target}"),
        ..run(id)
    }
}

/// The runs of two targets with one resource.
fn rivals() -> (RunInfo, RunInfo) {
    (other("a", "orders"), other("b", "sales"))
}

/// Each rival in a process of its own.
fn begun() -> (Bench, AuditLog, AuditLog) {
    let (bench, first, second) = Bench::shared();
    first.begin(&rivals().0, FOLLOWING).unwrap();
    second.begin(&rivals().1, FOLLOWING).unwrap();
    (bench, first, second)
}

/// Both rivals in one process.
fn begun_together() -> (Bench, AuditLog) {
    let (bench, audit_log) = Bench::one();
    audit_log.begin(&rivals().0, FOLLOWING).unwrap();
    audit_log.begin(&rivals().1, FOLLOWING).unwrap();
    (bench, audit_log)
}

/// Whether the run gets the resource.
#[track_caller]
fn claims(log: &AuditLog, run: &RunInfo) -> bool {
    log.claim_resource(RESOURCE, run).unwrap() == ResourceClaim::Claimed
}

#[test]
fn one_run_at_a_time_holds_a_resource() {
    let (a, b) = rivals();
    let (_bench, first, second) = begun();
    assert!(claims(&first, &a));
    assert!(claims(&first, &a), "again");
    let held = ResourceClaim::HeldBy {
        run: "a".into(),
        target: "orders".into(),
    };
    assert_eq!(second.claim_resource(RESOURCE, &b).unwrap(), held);
    let another = second.claim_resource("another", &b).unwrap();
    assert_eq!(another, ResourceClaim::Claimed);
    second.release_resource(RESOURCE, &b).unwrap();
    assert!(!claims(&second, &b), "only its holder can release it");
    first.release_resource(RESOURCE, &a).unwrap();
    assert!(claims(&second, &b));
}

#[test]
fn two_runs_of_one_process_do_not_share_a_resource_and_finishing_one_releases_it() {
    let (a, b) = rivals();
    let (_bench, audit_log) = begun_together();
    assert!(claims(&audit_log, &a));
    assert!(!claims(&audit_log, &b));
    audit_log.finish("a").unwrap();
    assert!(claims(&audit_log, &b));
}

#[test]
fn a_claim_is_renewed_and_expires_with_the_lease() {
    let (a, b) = rivals();
    let (bench, first, second) = begun();
    assert!(claims(&first, &a));
    bench.clock.forward(LEASE - Duration::from_secs(1));
    first.renew().unwrap();
    bench.clock.forward(LEASE - Duration::from_secs(1));
    assert!(!claims(&second, &b));
    bench.clock.forward(Duration::from_secs(1));
    assert!(claims(&second, &b));
}

#[test]
fn an_intent_is_rejected_after_the_resource_was_taken_over_even_if_it_is_free_again() {
    let (a, b) = rivals();
    let (bench, slow, quick) = begun();
    assert!(claims(&slow, &a));
    bench.clock.forward(LEASE);
    assert!(claims(&quick, &b));
    quick.append(&b, intent()).unwrap();
    let error = slow.append(&a, intent()).unwrap_err();
    assert_eq!(error.code(), "claim_lost");
    assert!(error.to_string().contains(RESOURCE), "{error}");
    quick.finish("b").unwrap();
    assert_eq!(refusal(&slow, &a, intent()), "claim_lost");
    assert!(claims(&slow, &a));
    slow.append(&a, intent()).unwrap();
}

#[test]
fn an_intent_needs_no_claim_if_none_was_made_or_it_was_released() {
    let (a, b) = rivals();
    let (_bench, audit_log) = begun_together();
    audit_log.append(&a, intent()).unwrap();
    assert!(claims(&audit_log, &b));
    audit_log.release_resource(RESOURCE, &b).unwrap();
    audit_log.append(&b, intent()).unwrap();
}

#[test]
fn a_lost_run_cannot_claim_a_resource() {
    let claim = Bench::new().open().claim_resource(RESOURCE, &run("a"));
    assert_eq!(claim.unwrap_err().code(), "claim_lost");
}

#[test]
fn matched_service_runs_are_listed_per_resource() {
    let (_bench, audit_log) = Bench::one();
    for (id, target) in [("a", "one"), ("b", "two"), ("c", "three")] {
        audit_log.begin(&other(id, target), FOLLOWING).unwrap();
    }
    let elsewhere = RunInfo {
        resource: "dataflow:5555".into(),
        ..other("d", "four")
    };
    audit_log.begin(&elsewhere, FOLLOWING).unwrap();
    let seen = |what| observed(what, Some("other"), "");
    for (id, target, detail) in [
        ("a", "one", matched("run of a")),
        ("a", "one", outcome_of(Status::Completed, "run of a")),
        ("b", "two", outcome_of(Status::Failed, "run of b")),
        ("c", "three", seen("other_run")),
        ("c", "three", seen(Observed::STATUS)),
    ] {
        audit_log.append(&other(id, target), detail).unwrap();
    }
    audit_log.append(&elsewhere, matched("run of d")).unwrap();
    let taken = |except: &str| {
        let mut taken = audit_log.taken_runs(RESOURCE, except).unwrap();
        taken.sort();
        taken
    };
    assert_eq!(taken("c"), ["run of a", "run of b"]);
    assert_eq!(taken("a"), ["run of b"]);
}

#[test]
fn only_matches_after_the_intent_are_listed() {
    let (bench, audit_log) = Bench::one();
    let day = Duration::from_secs(24 * 60 * 60);
    for (id, target) in [("old", "one"), ("ours", "two"), ("later", "three")] {
        audit_log.begin(&other(id, target), FOLLOWING).unwrap();
        let detail = if id == "ours" { intent() } else { matched(id) };
        audit_log.append(&other(id, target), detail).unwrap();
        bench.clock.forward(day * 2);
    }
    assert_eq!(audit_log.taken_runs(RESOURCE, "ours").unwrap(), ["later"]);
    let taken = audit_log.taken_runs(RESOURCE, "a new one").unwrap();
    assert!(taken.is_empty(), "{taken:?}");
}
