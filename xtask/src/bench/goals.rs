//! The goals of the benchmark, and whether what was measured meets them.

use std::fmt::Write as _;

const MIB: f64 = 1024.0 * 1024.0;

/// What is measured, its unit as a factor and as text, and the goal: the highest value.
const GOALS: [(&str, f64, &str, f64); 5] = [
    ("whole process, × curl", 1.0, "", 1.0),
    ("peak memory", MIB, "MiB", 24.0),
    ("program, stripped", MIB, "MiB", 20.0),
    ("component", 1000.0, "kB", 480.0),
    ("WASI imports", 1.0, "", 6.0),
];

/// A line per goal: what was measured, the goal, and `met` or `MISSED`. The values are the median
/// ratio to curl, the peak memory, the sizes of the stripped program and of the portable component
/// in bytes, and the number of WASI imports.
pub(crate) fn report(measured: [f64; 5]) -> String {
    let mut out = String::new();
    for ((what, factor, unit, goal), value) in GOALS.into_iter().zip(measured) {
        let value = value / factor;
        let result = if value <= goal { "met" } else { "MISSED" };
        let (value, goal) = (format!("{value:.2} {unit}"), format!("≤ {goal:.0} {unit}"));
        let _ = writeln!(out, "  {what:24}  {value:>12}   goal {goal:>12}   {result}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_its_goal_meets_it_and_each_goal_can_be_missed_alone() {
        let edge = GOALS.map(|(_, factor, _, goal)| factor * goal);
        assert!(!report(edge).contains("MISSED"));
        for index in 0..edge.len() {
            let mut worse = edge;
            worse[index] += 1.0;
            assert_eq!(report(worse).matches("MISSED").count(), 1);
        }
    }
}
