//! The fault table: every kind × every phase × every fault.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use super::cell::play;
use super::expected::expected;
use super::faults;
use super::page::{Cells, page};
use super::subjects::{Phase, Subject};

/// How many cells run in parallel. Held calls wait in real time, so this exceeds the number of cores.
const PARALLEL: usize = 8;

#[test]
fn every_kind_reports_the_truth_in_every_phase_with_every_fault() {
    let mut all = VecDeque::new();
    for subject in Subject::ALL {
        for phase in Phase::ALL {
            for fault in faults::ALL {
                if subject.operation(phase).is_some() {
                    all.push_back((subject, phase, fault));
                }
            }
        }
    }
    let queue = Mutex::new(all);
    let cells: Mutex<Cells> = Mutex::default();
    let broken: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some((subject, phase, fault)) = next else {
                        return;
                    };
                    let result = std::panic::catch_unwind(|| play(subject, phase, fault));
                    let place = format!("{} | {} | {}", phase.name(), fault.name, subject.name());
                    let outcome = match result {
                        Ok(outcome) => outcome.unwrap_or_default(),
                        Err(panic) => {
                            let why = panic
                                .downcast_ref::<String>()
                                .cloned()
                                .unwrap_or_else(|| "it panicked".to_owned());
                            broken.lock().unwrap().push(format!("{place}: {why}"));
                            continue;
                        }
                    };
                    let expected_outcome = expected(phase.name(), fault.name, subject.name());
                    if outcome != expected_outcome {
                        let line = format!("{place} | {outcome}  (expected: {expected_outcome})");
                        broken.lock().unwrap().push(line);
                    }
                    cells
                        .lock()
                        .unwrap()
                        .push((subject, phase, fault.name, outcome));
                }
            });
        }
    });
    let mut broken = broken.into_inner().unwrap();
    broken.sort();
    assert!(
        broken.is_empty(),
        "{} cells:\n{}",
        broken.len(),
        broken.join("\n")
    );
    let page = page(&cells.into_inner().unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fault-table.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs/fault-table.md is writable");
    }
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        current == page,
        "docs/fault-table.md is out of date: run this test with UPDATE_DOCS=1"
    );
}
