use super::*;
use crate::audit_log::{Filter, LEASE};

fn ended(audit_log: &AuditLog, id: &str, target: &str, end: Option<Detail>) {
    let run = RunInfo {
        target: target.into(),
        identity: id.into(),
        ..run(id)
    };
    audit_log.begin(&run, FOLLOWING).unwrap();
    audit_log.append(&run, intent()).unwrap();
    if let Some(end) = end {
        audit_log.append_and_finish(&run, end).unwrap();
    }
}

fn ids(audit_log: &AuditLog, filter: &Filter) -> Vec<String> {
    audit_log
        .list(filter)
        .unwrap()
        .into_iter()
        .map(|summary| summary.view.run.run)
        .collect()
}

fn filled(bench: &Bench) -> AuditLog {
    let audit_log = bench.open();
    ended(
        &audit_log,
        "a",
        "orders",
        Some(outcome(Status::Unknown, Sent::Yes)),
    );
    ended(
        &audit_log,
        "b",
        "sales",
        Some(outcome(Status::Completed, Sent::Yes)),
    );
    ended(
        &audit_log,
        "c",
        "orders",
        Some(outcome(Status::Failed, Sent::Yes)),
    );
    ended(&audit_log, "d", "orders", None);
    audit_log
        .append(&RunInfo::default(), note("belongs to no run"))
        .unwrap();
    audit_log
}

#[test]
fn runs_are_listed_newest_first_by_target_and_up_to_a_limit() {
    let bench = Bench::new();
    let audit_log = filled(&bench);
    let all = Filter {
        target: None,
        open: false,
        limit: 10,
    };
    assert_eq!(ids(&audit_log, &all), ["d", "c", "b", "a"]);
    assert_eq!(
        ids(
            &audit_log,
            &Filter {
                limit: 2,
                ..all.clone()
            }
        ),
        ["d", "c"]
    );
    assert_eq!(
        ids(
            &audit_log,
            &Filter {
                target: Some("sales".into()),
                ..all.clone()
            }
        ),
        ["b"]
    );
    let names: Vec<_> = audit_log
        .list(&all)
        .unwrap()
        .iter()
        .map(|run| (run.view.state_name(), run.alive))
        .collect();
    assert_eq!(
        names,
        [
            ("open", true),
            ("failed", false),
            ("completed", false),
            ("unknown", false)
        ]
    );
}

#[test]
fn open_runs_are_neither_settled_nor_held_by_a_process() {
    let bench = Bench::new();
    let audit_log = filled(&bench);
    let open = Filter {
        target: None,
        open: true,
        limit: 10,
    };
    assert_eq!(ids(&audit_log, &open), ["a"]);
    bench.clock.forward(LEASE);
    assert_eq!(ids(&audit_log, &open), ["d", "a"]);
    audit_log
        .append(&run("a"), resolved(Decision::Failed))
        .unwrap();
    assert_eq!(ids(&audit_log, &open), ["d"]);
}

#[test]
fn the_latest_run_of_a_target_has_the_newest_intent() {
    let bench = Bench::new();
    let audit_log = filled(&bench);
    let skipped = RunInfo {
        identity: "e".into(),
        target: "sales".into(),
        ..run("e")
    };
    audit_log.begin(&skipped, FOLLOWING).unwrap();
    audit_log
        .append_and_finish(&skipped, outcome(Status::Skipped, Sent::No))
        .unwrap();
    let latest = |target: &str| {
        audit_log
            .latest_run_of_target(target)
            .unwrap()
            .map(|view| view.run.run)
    };
    assert_eq!(latest("orders").as_deref(), Some("d"));
    assert_eq!(latest("sales").as_deref(), Some("b"));
    assert_eq!(latest("unheard_of"), None);
}
