use super::*;
use crate::record::{Filter, LEASE};

fn ended(record: &Record, id: &str, target: &str, end: Option<Detail>) {
    let run = RunInfo {
        target: target.into(),
        identity: id.into(),
        ..run(id)
    };
    record.begin(&run, FOLLOWING).unwrap();
    record.append(&run, intent()).unwrap();
    if let Some(end) = end {
        record.append_and_finish(&run, end).unwrap();
    }
}

fn ids(record: &Record, filter: &Filter) -> Vec<String> {
    record
        .list(filter)
        .unwrap()
        .into_iter()
        .map(|summary| summary.view.run.run)
        .collect()
}

fn filled(bench: &Bench) -> Record {
    let record = bench.open();
    ended(
        &record,
        "a",
        "orders",
        Some(outcome(Status::Unknown, Sent::Yes)),
    );
    ended(
        &record,
        "b",
        "sales",
        Some(outcome(Status::Completed, Sent::Yes)),
    );
    ended(
        &record,
        "c",
        "orders",
        Some(outcome(Status::Failed, Sent::Yes)),
    );
    ended(&record, "d", "orders", None);
    record
        .append(&RunInfo::default(), note("belongs to no run"))
        .unwrap();
    record
}

#[test]
fn runs_are_listed_from_the_newest_by_target_and_up_to_a_limit() {
    let bench = Bench::new();
    let record = filled(&bench);
    let all = Filter {
        target: None,
        open: false,
        limit: 10,
    };
    assert_eq!(ids(&record, &all), ["d", "c", "b", "a"]);
    assert_eq!(
        ids(
            &record,
            &Filter {
                limit: 2,
                ..all.clone()
            }
        ),
        ["d", "c"]
    );
    assert_eq!(
        ids(
            &record,
            &Filter {
                target: Some("sales".into()),
                ..all.clone()
            }
        ),
        ["b"]
    );
    let names: Vec<_> = record
        .list(&all)
        .unwrap()
        .iter()
        .map(|run| (run.view.standing_name(), run.alive))
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
fn open_runs_are_those_that_nobody_settled_and_nobody_works_on() {
    let bench = Bench::new();
    let record = filled(&bench);
    let open = Filter {
        target: None,
        open: true,
        limit: 10,
    };
    assert_eq!(ids(&record, &open), ["a"]);
    bench.clock.forward(LEASE);
    assert_eq!(ids(&record, &open), ["d", "a"]);
    record.append(&run("a"), resolved(Word::Failed)).unwrap();
    let left: Vec<_> = record
        .open_runs()
        .unwrap()
        .into_iter()
        .map(|view| view.run.run)
        .collect();
    assert_eq!(left, ["d"]);
}

#[test]
fn the_latest_run_of_a_target_is_the_one_that_last_meant_to_send() {
    let bench = Bench::new();
    let record = filled(&bench);
    let skipped = RunInfo {
        identity: "e".into(),
        target: "sales".into(),
        ..run("e")
    };
    record.begin(&skipped, FOLLOWING).unwrap();
    record
        .append_and_finish(&skipped, outcome(Status::Skipped, Sent::No))
        .unwrap();
    let latest = |target: &str| {
        record
            .latest_run_of_target(target)
            .unwrap()
            .map(|view| view.run.run)
    };
    assert_eq!(latest("orders").as_deref(), Some("d"));
    assert_eq!(latest("sales").as_deref(), Some("b"));
    assert_eq!(latest("unheard_of"), None);
}
