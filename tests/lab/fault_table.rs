//! The fault table: every kind × every phase × every fault, and every final status at the trigger.

use std::path::Path;
use std::sync::Mutex;

use super::cell::{Outcome, play};
use super::expected::expected;
use super::faults::{self, FaultCase};
use super::page::page;
use super::statuses;
use super::subjects::{Phase, Subject, name};

/// How many cells run in parallel. Held calls wait in real time, so this exceeds the number of cores.
const PARALLEL: usize = 8;

/// Plays every cell; a broken promise is its outcome.
fn play_all<C: Send>(cells: Vec<C>, play: impl Fn(&C) -> Outcome + Sync) -> Vec<(C, Outcome)> {
    let queue = Mutex::new(cells.into_iter());
    let played: Mutex<Vec<(C, Outcome)>> = Mutex::default();
    let next = || queue.lock().unwrap().next();
    let work = || {
        while let Some(cell) = next() {
            let call = std::panic::AssertUnwindSafe(|| play(&cell));
            let outcome = std::panic::catch_unwind(call).unwrap_or_else(|panic| {
                let why = panic.downcast_ref::<String>();
                why.map_or("it panicked", String::as_str).to_owned()
            });
            played.lock().unwrap().push((cell, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(work);
        }
    });
    played.into_inner().unwrap()
}

#[test]
fn every_kind_reports_the_truth_in_every_phase_with_every_fault() {
    let mut cells: Vec<(Subject, Phase, &FaultCase)> = Vec::new();
    for subject in Subject::ALL {
        for phase in Phase::ALL {
            if let Some((on, _)) = subject.operation(phase) {
                let faults = faults::ALL.iter().filter(|fault| fault.applies(on));
                cells.extend(faults.map(|fault| (subject, phase, fault)));
            }
        }
    }
    let faults = play_all(cells, |(subject, phase, fault)| {
        play(*subject, *phase, fault)
    });
    let statuses = play_all(statuses::cells(), statuses::play);
    let mut broken = Vec::new();
    let mut compare = |phase: &str, fault: &str, subject: Subject, outcome: &str| {
        let subject = name(subject);
        let expected = expected(phase, fault, &subject);
        if outcome != expected {
            let line = format!("{phase} | {fault} | {subject} | {outcome}  (expected: {expected})");
            broken.push(line);
        }
    };
    for ((subject, phase, fault), outcome) in &faults {
        compare(&name(phase), fault.name, *subject, outcome);
    }
    for (cell, outcome) in &statuses {
        let status = cell.status.to_string();
        compare(cell.section(), &status, cell.subject, outcome);
    }
    let page = page(&faults) + &statuses::page(&statuses);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fault-table.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs/fault-table.md is writable");
    }
    broken.sort();
    let count = broken.len();
    assert!(count == 0, "{count} cells:\n{}", broken.join("\n"));
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        current == page,
        "docs/fault-table.md is out of date: run this test with UPDATE_DOCS=1"
    );
}
