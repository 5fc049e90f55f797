//! The limit of refreshes in a rolling 24 hours, counted in the service's history.
//!
//! The services' documents disagree on which runs count, so the user chooses. Without a choice the
//! count only suggests a likely cause.

use super::error::snake_case;
use super::run::{Run, RunState};
use crate::contract::{QuotaGuard, QuotaState};
use crate::time::{DAY_MS, Moment};

/// Refreshes of a dataflow in a rolling 24 h on shared capacity, scheduled ones included: the
/// service's own error names the number. [V/O]
pub(crate) const DAILY_REFRESHES: usize = 8;

/// Refreshes of a semantic model in a rolling 24 h: with a shared capacity, and with Premium. [V]
pub(crate) const MODEL_REFRESHES: [usize; 2] = [DAILY_REFRESHES, 48];

/// When the next slot opens if the daily limit was reached at `at`: 24 h after the 8th newest
/// start.
pub(crate) fn next_slot(history: &[Run], at: Moment) -> Option<Moment> {
    slot_after(history, at, DAILY_REFRESHES, |_| true)
}

/// The state of a limit that the service reports as used up: the highest of its `limits` that the
/// history reaches, or the lowest.
pub(crate) fn used_up(history: &[Run], at: Moment, limits: &[usize]) -> QuotaState {
    let counted = recent(history, at).count();
    let reached = limits.iter().filter(|limit| **limit <= counted).max();
    let limit = reached.or(limits.iter().min()).copied().unwrap_or_default();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    QuotaState {
        limit: number(limit),
        counted: number(counted),
        left: 0,
        next_slot: slot_after(history, at, limit, |_| true).map(|at| at.to_string()),
    }
}

/// What is used and left of a quota at `at`.
pub(crate) fn state(history: &[Run], at: Moment, guard: &QuotaGuard) -> QuotaState {
    let counts = |run: &Run| is_counted(run, guard);
    let counted = recent(history, at).filter(|run| counts(run)).count();
    let counted = u32::try_from(counted).unwrap_or(u32::MAX);
    let limit = usize::try_from(guard.limit).unwrap_or(usize::MAX);
    QuotaState {
        limit: guard.limit,
        counted,
        left: guard.limit.saturating_sub(counted),
        next_slot: slot_after(history, at, limit, counts).map(|at| at.to_string()),
    }
}

/// When a refresh is available again if all `limit` of them are used at `at`.
fn slot_after(
    history: &[Run],
    at: Moment,
    limit: usize,
    counts: impl Fn(&Run) -> bool,
) -> Option<Moment> {
    // With a limit of zero no slot ever opens.
    let last = limit.checked_sub(1)?;
    // The history comes newest first, so the nth that counts is the nth newest.
    recent(history, at)
        .filter(|run| counts(run))
        .filter_map(|run| run.started)
        .nth(last)
        .map(|start| start.plus_ms(DAY_MS))
}

/// The runs of the 24 hours before `at` that the service did not skip.
fn recent(history: &[Run], at: Moment) -> impl Iterator<Item = &Run> {
    history.iter().filter(move |run| {
        run.state != RunState::Deduped
            && !run.status.to_ascii_lowercase().contains("skip")
            && run
                .started
                .is_some_and(|started| started > at.plus_ms(-DAY_MS) && started <= at)
    })
}

/// A run without a type always counts; Fabric's `Manual` is an on-demand run.
fn is_counted(run: &Run, guard: &QuotaGuard) -> bool {
    let kind = match run.refresh_type.as_str() {
        "" => return true,
        kind if kind.eq_ignore_ascii_case("manual") => "on_demand".to_owned(),
        kind => snake_case(kind),
    };
    guard.count.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    fn day_of(count: usize) -> Vec<Run> {
        (0..count)
            .rev()
            .map(|hour| {
                let start = format!("2026-11-23T{hour:02}:30:00Z");
                run(
                    &format!("r{hour}"),
                    "Scheduled",
                    "Success",
                    Some(&start),
                    None,
                )
            })
            .collect()
    }

    #[test]
    fn seven_runs_leave_a_slot_and_eight_leave_none() {
        let now = at("2026-11-23T12:00:00Z");
        assert_eq!(next_slot(&day_of(7), now), None);
        assert_eq!(next_slot(&day_of(8), now), Some(at("2026-11-24T00:30:00Z")));
    }

    #[test]
    fn with_more_than_eight_runs_the_eighth_newest_decides() {
        let now = at("2026-11-23T12:00:00Z");
        assert_eq!(
            next_slot(&day_of(10), now),
            Some(at("2026-11-24T02:30:00Z"))
        );
    }

    #[test]
    fn an_old_a_later_and_a_skipped_run_do_not_count() {
        assert_eq!(next_slot(&day_of(8), at("2026-11-24T00:30:00Z")), None);
        assert_eq!(next_slot(&day_of(8), at("2026-11-23T07:00:00Z")), None);
        let mut runs = day_of(8);
        runs[3].status = "Skipped".into();
        assert_eq!(next_slot(&runs, at("2026-11-23T12:00:00Z")), None);
    }
}
