//! The table as a page for people.

use std::fmt::Write;

use super::faults;
use super::subjects::{Phase, Subject};

/// What came of every cell, in the order of subject, phase, fault.
pub type Cells = Vec<(Subject, Phase, &'static str, String)>;

const HEAD: &str = "\
# What every fault leads to

Made by `cargo test --workspace --test lab`, which plays every cell against the
simulator with the embedded component, the real outbound boundary and a record on disk, and fails
when this page says something else. `UPDATE_DOCS=1` writes it anew; what each cell must come to is
written by hand in `tests/lab/expected.txt`.

In no cell a refresh is said to be `completed` that the service did not complete, no cell triggers
twice, no trigger leaves without an intent in the audit log, and nothing is asked before the service's
`Retry-After` has passed; the same test checks that.

A refresh takes ten minutes here and the deadline is 45 minutes. `429-hour` asks to come again in an
hour. Where the name of a fault ends in `once`, only the first such call is befallen; `after` means
that the call had its effect before it went wrong. `–`: the kind has no such phase. Under `cancel`
stands what the wish to stop the run came to.
";

/// The page.
pub fn page(cells: &Cells) -> String {
    let mut out = HEAD.to_owned();
    for phase in Phase::ALL {
        let subjects: Vec<Subject> = Subject::ALL
            .into_iter()
            .filter(|subject| subject.operation(phase).is_some())
            .collect();
        let _ = write!(out, "\n## {}\n\n| fault |", phase.name());
        for subject in &subjects {
            let _ = write!(out, " {} |", subject.name());
        }
        out.push_str("\n|---|");
        out.push_str(&"---|".repeat(subjects.len()));
        out.push('\n');
        for wrong in faults::ALL {
            let _ = write!(out, "| {} |", wrong.name);
            for subject in &subjects {
                let cell = cells
                    .iter()
                    .find(|(s, p, w, _)| s == subject && *p == phase && *w == wrong.name);
                let text = cell.map_or("–", |(.., text)| text.as_str());
                let _ = write!(out, " {} |", text.replacen(' ', "<br>", 1));
            }
            out.push('\n');
        }
    }
    out
}
