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

fn begun(bench: &Bench, run: &RunInfo) -> AuditLog {
    let audit_log = bench.open();
    audit_log.begin(run, FOLLOWING).unwrap();
    audit_log
}

#[test]
fn one_run_at_a_time_holds_a_resource() {
    let bench = Bench::new();
    let (a, b) = (other("a", "orders"), other("b", "sales"));
    let (first, second) = (begun(&bench, &a), begun(&bench, &b));
    assert_eq!(
        first.claim_resource(RESOURCE, &a).unwrap(),
        ResourceClaim::Claimed
    );
    assert_eq!(
        first.claim_resource(RESOURCE, &a).unwrap(),
        ResourceClaim::Claimed,
        "again"
    );
    let held = ResourceClaim::HeldBy {
        run: "a".into(),
        target: "orders".into(),
    };
    assert_eq!(second.claim_resource(RESOURCE, &b).unwrap(), held);
    assert_eq!(
        second.claim_resource("another", &b).unwrap(),
        ResourceClaim::Claimed
    );
    second.release_resource(RESOURCE, &b).unwrap();
    assert_eq!(
        second.claim_resource(RESOURCE, &b).unwrap(),
        held,
        "only its holder can release it"
    );
    first.release_resource(RESOURCE, &a).unwrap();
    assert_eq!(
        second.claim_resource(RESOURCE, &b).unwrap(),
        ResourceClaim::Claimed
    );
}

#[test]
fn two_runs_of_one_process_do_not_share_a_resource() {
    let bench = Bench::new();
    let (a, b) = (other("a", "orders"), other("b", "sales"));
    let audit_log = begun(&bench, &a);
    audit_log.begin(&b, FOLLOWING).unwrap();
    audit_log.claim_resource(RESOURCE, &a).unwrap();
    assert!(matches!(
        audit_log.claim_resource(RESOURCE, &b).unwrap(),
        ResourceClaim::HeldBy { .. }
    ));
}

#[test]
fn finishing_a_run_releases_its_resource() {
    let bench = Bench::new();
    let (a, b) = (other("a", "orders"), other("b", "sales"));
    let audit_log = begun(&bench, &a);
    audit_log.begin(&b, FOLLOWING).unwrap();
    audit_log.claim_resource(RESOURCE, &a).unwrap();
    audit_log.finish("a").unwrap();
    assert_eq!(
        audit_log.claim_resource(RESOURCE, &b).unwrap(),
        ResourceClaim::Claimed
    );
}

#[test]
fn a_claim_is_renewed_and_expires_with_the_lease() {
    let bench = Bench::new();
    let (a, b) = (other("a", "orders"), other("b", "sales"));
    let (first, second) = (begun(&bench, &a), begun(&bench, &b));
    first.claim_resource(RESOURCE, &a).unwrap();
    bench.clock.forward(LEASE - Duration::from_secs(1));
    first.renew().unwrap();
    bench.clock.forward(LEASE - Duration::from_secs(1));
    assert!(matches!(
        second.claim_resource(RESOURCE, &b).unwrap(),
        ResourceClaim::HeldBy { .. }
    ));
    bench.clock.forward(Duration::from_secs(1));
    assert_eq!(
        second.claim_resource(RESOURCE, &b).unwrap(),
        ResourceClaim::Claimed
    );
}

#[test]
fn an_intent_is_rejected_after_the_resource_was_taken_over_even_if_it_is_free_again() {
    let bench = Bench::new();
    let (a, b) = (other("a", "orders"), other("b", "sales"));
    let (slow, quick) = (begun(&bench, &a), begun(&bench, &b));
    slow.claim_resource(RESOURCE, &a).unwrap();
    bench.clock.forward(LEASE);
    quick.claim_resource(RESOURCE, &b).unwrap();
    quick.append(&b, intent()).unwrap();
    let error = slow.append(&a, intent()).unwrap_err();
    assert_eq!(error.code(), "claim_lost");
    assert!(error.to_string().contains(RESOURCE), "{error}");
    quick.finish("b").unwrap();
    assert_eq!(slow.append(&a, intent()).unwrap_err().code(), "claim_lost");
    slow.claim_resource(RESOURCE, &a).unwrap();
    slow.append(&a, intent()).unwrap();
}

#[test]
fn an_intent_needs_no_claim_if_none_was_made_or_it_was_released() {
    let bench = Bench::new();
    let (a, b) = (other("a", "orders"), other("b", "sales"));
    let audit_log = begun(&bench, &a);
    audit_log.begin(&b, FOLLOWING).unwrap();
    audit_log.append(&a, intent()).unwrap();
    audit_log.claim_resource(RESOURCE, &b).unwrap();
    audit_log.release_resource(RESOURCE, &b).unwrap();
    audit_log.append(&b, intent()).unwrap();
}

#[test]
fn a_lost_run_cannot_claim_a_resource() {
    let bench = Bench::new();
    let audit_log = bench.open();
    assert_eq!(
        audit_log
            .claim_resource(RESOURCE, &run("a"))
            .unwrap_err()
            .code(),
        "claim_lost"
    );
}

#[test]
fn matched_service_runs_are_listed_per_resource() {
    let bench = Bench::new();
    let audit_log = bench.open();
    for (id, target) in [("a", "one"), ("b", "two"), ("c", "three")] {
        audit_log.begin(&other(id, target), FOLLOWING).unwrap();
    }
    let elsewhere = RunInfo {
        resource: "dataflow:5555".into(),
        ..other("d", "four")
    };
    audit_log.begin(&elsewhere, FOLLOWING).unwrap();
    audit_log
        .append(&other("a", "one"), matched("run of a"))
        .unwrap();
    audit_log
        .append(
            &other("a", "one"),
            outcome_of(Status::Completed, "run of a"),
        )
        .unwrap();
    audit_log
        .append(&other("b", "two"), outcome_of(Status::Failed, "run of b"))
        .unwrap();
    audit_log
        .append(
            &other("c", "three"),
            observed(Observed::OTHER_RUN, Some("other"), ""),
        )
        .unwrap();
    audit_log
        .append(
            &other("c", "three"),
            observed(Observed::STATUS, Some("other"), ""),
        )
        .unwrap();
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
    let bench = Bench::new();
    let audit_log = bench.open();
    let day = Duration::from_secs(24 * 60 * 60);
    for (id, target) in [("old", "one"), ("ours", "two"), ("later", "three")] {
        audit_log.begin(&other(id, target), FOLLOWING).unwrap();
        if id == "ours" {
            audit_log.append(&other(id, target), intent()).unwrap();
        } else {
            audit_log.append(&other(id, target), matched(id)).unwrap();
        }
        bench.clock.forward(day * 2);
    }
    assert_eq!(audit_log.taken_runs(RESOURCE, "ours").unwrap(), ["later"]);
    assert_eq!(
        audit_log.taken_runs(RESOURCE, "a new one").unwrap(),
        Vec::<String>::new()
    );
}
