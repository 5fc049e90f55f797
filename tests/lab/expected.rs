//! The expected outcome of each cell, written by hand.
//!
//! One line per group of cells: phase, faults, kinds, outcome. `*` matches all; the first matching line
//! applies, so specific lines come before general ones.

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

fn matches(names: &[&str], name: &str) -> bool {
    names.contains(&"*") || names.contains(&name)
}

/// The expected outcome of this cell.
pub fn expected(phase: &str, fault: &str, subject: &str) -> &'static str {
    lines()
        .into_iter()
        .find(|line| {
            matches(&[line.phase], phase)
                && matches(&line.faults, fault)
                && matches(&line.subjects, subject)
        })
        .map_or("(no line matches this cell)", |line| line.outcome)
}
