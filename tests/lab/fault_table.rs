//! The fault table: every kind × every phase × every fault.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use super::cell::play;
use super::expected::expected;
use super::faults;
use super::page::{Cells, page};
use super::subjects::{Phase, Subject};

/// How many cells are played at once. Held calls wait in real time, so more than there are cores.
const AT_ONCE: usize = 8;

#[test]
fn every_kind_tells_the_truth_in_every_phase_under_every_fault() {
    let mut all = VecDeque::new();
    for subject in Subject::ALL {
        for phase in Phase::ALL {
            for wrong in faults::ALL {
                if subject.operation(phase).is_some() {
                    all.push_back((subject, phase, wrong));
                }
            }
        }
    }
    let queue = Mutex::new(all);
    let cells: Mutex<Cells> = Mutex::default();
    let broken: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some((subject, phase, wrong)) = next else {
                        return;
                    };
                    let played = std::panic::catch_unwind(|| play(subject, phase, wrong));
                    let place = format!("{} | {} | {}", phase.name(), wrong.name, subject.name());
                    let outcome = match played {
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
                    let must = expected(phase.name(), wrong.name, subject.name());
                    if outcome != must {
                        let told = format!("{place} | {outcome}  (expected: {must})");
                        broken.lock().unwrap().push(told);
                    }
                    cells
                        .lock()
                        .unwrap()
                        .push((subject, phase, wrong.name, outcome));
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
        std::fs::write(&path, &page).expect("the page is written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == page,
        "docs/fault-table.md is not what the table comes to; write it anew with UPDATE_DOCS=1"
    );
}
