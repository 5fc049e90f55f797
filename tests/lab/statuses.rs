//! Every final status at the trigger, with two starts of the same key.
//!
//! Only a refusal is `failed`. A trigger that may have started a refresh is searched for in the history and
//! never sent again.

use std::fmt::Write;

use host_runner::verdict::{Sent, Status};
use simulator::faults::{CannedReply, Fault, FaultRule};

use super::cell::{Outcome, assert_promises, outcome};
use super::lab::{Lab, ms};
use super::subjects::{Phase, Subject, name};

/// The boundaries of every class, and each status that a service, gateway or proxy is known to send.
const STATUSES: [u16; 67] = [
    100, 101, 103, 199, 200, 201, 202, 204, 206, 226, 299, 300, 301, 302, 303, 304, 307, 308, 399,
    400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 418, 421, 422, 423, 424, 425, 426, 428,
    429, 431, 451, 498, 499, 500, 501, 502, 503, 504, 505, 507, 508, 509, 511, 520, 521, 522, 523,
    524, 525, 529, 530, 598, 599, 600, 700, 799, 999,
];

/// Those that are also tested with a refresh that has started.
const STARTED: [u16; 15] = [
    100, 101, 199, 200, 226, 299, 300, 304, 399, 408, 499, 500, 503, 599, 999,
];

/// The kinds whose replies are read differently.
const SUBJECTS: [Subject; 7] = [
    Subject::Flow,
    Subject::FlowResponse,
    Subject::FlowDataflow,
    Subject::Dataflow,
    Subject::Gen2,
    Subject::Model,
    Subject::Enhanced,
];

/// A kind and a status, and whether a refresh starts.
#[derive(Clone, Copy)]
pub struct StatusCell {
    pub subject: Subject,
    pub status: u16,
    started: bool,
}

impl StatusCell {
    /// The section of the table, as a phase of `expected.txt`.
    pub fn section(self) -> &'static str {
        match self.started {
            true => "trigger-started",
            false => "trigger-not-started",
        }
    }
}

/// Every cell.
pub fn cells() -> Vec<StatusCell> {
    let mut cells = Vec::new();
    for subject in SUBJECTS {
        let has_history = subject.operation(Phase::Look).is_some();
        for status in STATUSES {
            for started in [false, true] {
                if !started || (has_history && STARTED.contains(&status)) {
                    cells.push(StatusCell {
                        subject,
                        status,
                        started,
                    });
                }
            }
        }
    }
    cells
}

/// Plays a cell, asserts that no trigger is repeated, and returns the outcome of the first start.
pub fn play(cell: &StatusCell) -> Outcome {
    let StatusCell {
        subject, status, ..
    } = *cell;
    let place = format!("{} {status} {}", name(subject), cell.section());
    let (on, _) = subject.operation(Phase::Trigger).expect("a trigger");
    let reply = CannedReply::status(status);
    let fault = match cell.started {
        true => Fault::ReplaceAfterStatus(reply),
        false => Fault::Reply(reply),
    };
    let world = subject.world().fault(FaultRule::on(on, fault));
    let is_refusal = (400..500).contains(&status) && ![408, 499].contains(&status);
    subject.lab(world, "", async |lab: &Lab| {
        let first = lab.refresh().await;
        assert_promises(lab, &first, &place);
        if first.status == Status::Failed {
            assert!(is_refusal, "{place}: {first:?}");
        }
        if !is_refusal {
            assert_ne!(first.sent, Sent::No, "{place}: {first:?}");
            lab.time.pass(ms(3_600_000));
            let second = lab.refresh().await;
            assert_promises(lab, &second, &place);
            assert_eq!(lab.triggers(), 1, "{place}: {second:?}");
        }
        outcome(first.status, &first.code)
    })
}

/// The table of each section. Neighbours with the same outcomes share a row.
pub fn page(played: &[(StatusCell, Outcome)]) -> String {
    let mut out = String::new();
    for section in ["trigger-not-started", "trigger-started"] {
        let _ = write!(out, "\n## {section}\n\n| status |");
        let mut rows: Vec<(u16, u16, String)> = Vec::new();
        let of_section = |(cell, _): &&(StatusCell, Outcome)| cell.section() == section;
        let cells: Vec<_> = played.iter().filter(of_section).collect();
        let subjects = SUBJECTS.into_iter();
        let subjects = subjects.filter(|s| cells.iter().any(|(cell, _)| cell.subject == *s));
        let subjects: Vec<Subject> = subjects.collect();
        for subject in &subjects {
            let _ = write!(out, " {} |", name(*subject));
        }
        let _ = write!(out, "\n|---|{}\n", "---|".repeat(subjects.len()));
        for status in STATUSES {
            let of = |subject: &Subject| {
                cells
                    .iter()
                    .find(|(cell, _)| (cell.subject, cell.status) == (*subject, status))
                    .map(|(_, outcome)| format!(" {} |", outcome.replacen(' ', "<br>", 1)))
            };
            let row: Option<String> = subjects.iter().map(of).collect();
            match (row, rows.last_mut()) {
                (Some(row), Some((_, last, same))) if row == *same => *last = status,
                (Some(row), _) => rows.push((status, status, row)),
                (None, _) => {}
            }
        }
        for (first, last, row) in rows {
            let range = match first == last {
                true => first.to_string(),
                false => format!("{first}–{last}"),
            };
            let _ = writeln!(out, "| {range} |{row}");
        }
    }
    out
}
