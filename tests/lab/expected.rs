//! The expected outcome of each cell, written by hand.
//!
//! One line per group of cells: phase, faults, kinds, outcome. `*` matches all; the first matching line
//! applies, so specific lines come before general ones.

const LINES: &str = include_str!("expected.txt");

fn matches(names: &str, name: &str) -> bool {
    let mut names = names.split_whitespace();
    names.any(|known| known == "*" || known == name)
}

/// The expected outcome of this cell.
pub fn expected(phase: &str, fault: &str, subject: &str) -> &'static str {
    let lines = LINES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            <[&str; 4]>::try_from(columns).unwrap_or_else(|_| panic!("not four columns: {line}"))
        })
        .find(|[phases, faults, subjects, _]| {
            matches(phases, phase) && matches(faults, fault) && matches(subjects, subject)
        })
        .map_or("(no line matches this cell)", |[.., outcome]| outcome)
}
