use super::*;
use crate::audit_log::{Filter, LEASE};

fn ids(audit_log: &AuditLog, target: Option<&str>, open: bool, limit: usize) -> Vec<String> {
    let filter = Filter {
        target: target.map(str::to_owned),
        open,
        limit,
    };
    let runs = audit_log.list(&filter).unwrap();
    runs.into_iter().map(|run| run.view.run.run).collect()
}

fn filled(bench: &Bench) -> AuditLog {
    let audit_log = bench.open();
    for (id, target, status) in [
        ("a", "orders", Some(Status::Unknown)),
        ("b", "sales", Some(Status::Completed)),
        ("c", "orders", Some(Status::Failed)),
        ("d", "orders", None),
    ] {
        let run = RunInfo {
            target: target.into(),
            identity: id.into(),
            ..run(id)
        };
        audit_log.begin(&run, FOLLOWING).unwrap();
        audit_log.append(&run, intent()).unwrap();
        if let Some(status) = status {
            let end = outcome(status, Sent::Yes);
            audit_log.append_and_finish(&run, end).unwrap();
        }
    }
    audit_log
        .append(&RunInfo::default(), note("belongs to no run"))
        .unwrap();
    audit_log
}

#[test]
fn runs_are_listed_newest_first_by_target_and_up_to_a_limit() {
    let bench = Bench::new();
    let audit_log = filled(&bench);
    assert_eq!(ids(&audit_log, None, false, 10), ["d", "c", "b", "a"]);
    assert_eq!(ids(&audit_log, None, false, 2), ["d", "c"]);
    assert_eq!(ids(&audit_log, Some("sales"), false, 10), ["b"]);
    let all = Filter {
        target: None,
        open: false,
        limit: 10,
    };
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
    let open = || ids(&audit_log, None, true, 10);
    assert_eq!(open(), ["a"]);
    bench.clock.forward(LEASE);
    assert_eq!(open(), ["d", "a"]);
    audit_log
        .append(&run("a"), resolved(Decision::Failed))
        .unwrap();
    assert_eq!(open(), ["d"]);
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
