//! The fault table: every kind × every phase × every fault.

use std::path::Path;
use std::sync::Mutex;

use super::cell::play;
use super::expected::expected;
use super::faults;
use super::page::{Cells, page};
use super::subjects::{Phase, Subject, name};

/// How many cells run in parallel. Held calls wait in real time, so this exceeds the number of cores.
const PARALLEL: usize = 8;

#[test]
fn every_kind_reports_the_truth_in_every_phase_with_every_fault() {
    let mut all = Vec::new();
    for subject in Subject::ALL {
        for phase in Phase::ALL {
            if subject.operation(phase).is_some() {
                all.extend(faults::ALL.iter().map(|fault| (subject, phase, fault)));
            }
        }
    }
    let queue = Mutex::new(all.into_iter());
    let next = || queue.lock().unwrap().next();
    let cells: Mutex<Cells> = Mutex::default();
    let broken: Mutex<Vec<String>> = Mutex::default();
    let work = || {
        while let Some((subject, phase, fault)) = next() {
            let played = std::panic::catch_unwind(|| play(subject, phase, fault));
            let outcome = played.unwrap_or_else(|panic| {
                let why = panic.downcast_ref::<String>();
                why.map_or("it panicked", String::as_str).to_owned()
            });
            let expected = expected(&name(phase), fault.name, &name(subject));
            if outcome != expected {
                let place = format!("{} | {} | {}", name(phase), fault.name, name(subject));
                let line = format!("{place} | {outcome}  (expected: {expected})");
                broken.lock().unwrap().push(line);
            }
            let mut cells = cells.lock().unwrap();
            cells.push((subject, phase, fault.name, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(work);
        }
    });
    let mut broken = broken.into_inner().unwrap();
    broken.sort();
    let count = broken.len();
    assert!(count == 0, "{count} cells:\n{}", broken.join("\n"));
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
