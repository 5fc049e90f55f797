//! The goals of the benchmark, and whether what was measured meets them.

use std::fmt::Write as _;

const MIB: f64 = 1024.0 * 1024.0;

/// What the goals are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Median of `host-runner refresh` over the median of curl.
    pub(crate) times_curl: f64,
    /// The most resident memory of any refresh, in bytes.
    pub(crate) peak_memory: u64,
    /// The stripped program, in bytes.
    pub(crate) program: u64,
    /// The portable component, in bytes.
    pub(crate) component: u64,
    /// How many interfaces of WASI the component imports.
    pub(crate) wasi_imports: u64,
}

/// One goal.
struct Goal {
    what: &'static str,
    met: bool,
    measured: String,
    limit: String,
}

/// A line per goal: what was measured, the goal, and `met` or `MISSED`.
pub(crate) fn report(measured: &Measured) -> String {
    let mut out = String::new();
    for goal in goals(measured) {
        let word = if goal.met { "met" } else { "MISSED" };
        let _ = writeln!(
            out,
            "  {:24}  {:>12}   goal {:>14}   {word}",
            goal.what, goal.measured, goal.limit
        );
    }
    out
}

/// The goals, as the project set them when it began.
#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
fn goals(measured: &Measured) -> [Goal; 5] {
    let size = |what, bytes: u64, limit: f64, unit: f64, name: &str| {
        let value = bytes as f64 / unit;
        Goal {
            what,
            met: value <= limit,
            measured: format!("{value:.1} {name}"),
            limit: format!("≤ {limit:.0} {name}"),
        }
    };
    [
        Goal {
            what: "whole process, × curl",
            met: measured.times_curl <= 1.0,
            measured: format!("{:.2}", measured.times_curl),
            limit: "≤ 1.00".to_owned(),
        },
        size("peak memory", measured.peak_memory, 24.0, MIB, "MiB"),
        size("program, stripped", measured.program, 20.0, MIB, "MiB"),
        size("component", measured.component, 450.0, 1000.0, "kB"),
        Goal {
            what: "WASI imports",
            met: measured.wasi_imports == 6,
            measured: measured.wasi_imports.to_string(),
            limit: "= 6".to_owned(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON_THE_EDGE: Measured = Measured {
        times_curl: 1.0,
        peak_memory: 24 << 20,
        program: 20 << 20,
        component: 450_000,
        wasi_imports: 6,
    };

    #[test]
    fn what_is_exactly_at_its_goal_meets_it() {
        assert!(goals(&ON_THE_EDGE).iter().all(|goal| goal.met));
        assert!(!report(&ON_THE_EDGE).contains("MISSED"));
    }

    #[test]
    fn each_goal_can_be_missed_by_itself() {
        let missed = |measured: Measured| {
            let goals = goals(&measured);
            goals
                .iter()
                .filter(|goal| !goal.met)
                .map(|goal| goal.what)
                .collect::<Vec<_>>()
        };
        let edge = ON_THE_EDGE;
        assert_eq!(
            missed(Measured {
                times_curl: 1.01,
                ..edge
            }),
            ["whole process, × curl"]
        );
        assert_eq!(
            missed(Measured {
                peak_memory: (24 << 20) + 1,
                ..edge
            }),
            ["peak memory"]
        );
        assert_eq!(
            missed(Measured {
                program: (20 << 20) + 1,
                ..edge
            }),
            ["program, stripped"]
        );
        assert_eq!(
            missed(Measured {
                component: 450_001,
                ..edge
            }),
            ["component"]
        );
        assert_eq!(
            missed(Measured {
                wasi_imports: 5,
                ..edge
            }),
            ["WASI imports"]
        );
    }
}
