//! What each cell must come to, written by hand.
//!
//! One line for a group of cells: phase, faults, kinds, outcome. `*` is any; the first line that
//! fits decides, so the more particular stands before the more general.

const LINES: &str = include_str!("expected.txt");

struct Line<'l> {
    phase: &'l str,
    faults: Vec<&'l str>,
    subjects: Vec<&'l str>,
    outcome: &'l str,
}

fn lines() -> Vec<Line<'static>> {
    LINES
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.split('|').map(str::trim);
            let mut next = || parts.next().unwrap_or_else(|| panic!("too short: {line}"));
            Line {
                phase: next(),
                faults: next().split_whitespace().collect(),
                subjects: next().split_whitespace().collect(),
                outcome: next(),
            }
        })
        .collect()
}

fn fits(names: &[&str], name: &str) -> bool {
    names.contains(&"*") || names.contains(&name)
}

/// What this cell must come to.
pub fn expected(phase: &str, fault: &str, subject: &str) -> &'static str {
    lines()
        .into_iter()
        .find(|line| {
            fits(&[line.phase], phase) && fits(&line.faults, fault) && fits(&line.subjects, subject)
        })
        .map_or("(nothing is written for this cell)", |line| line.outcome)
}
