//! The limit of refreshes in a rolling 24 hours, as the history shows it.
//!
//! Only a likely cause and a next slot come out of it: what the service counts is its own matter,
//! so nothing is ever refused here.

use super::history::Transaction;
use crate::time::{DAY, Moment};

/// Refreshes of a dataflow in a rolling 24 h on shared capacity, scheduled ones included: the
/// service's own error names the number. [V/O]
pub(crate) const DAILY_LIMIT: usize = 8;

/// When the next slot opens, where the limit was reached at `at`: 24 h after the 8th newest start.
pub(crate) fn next_slot(history: &[Transaction], at: Moment) -> Option<Moment> {
    // The history comes newest first, so the 8th that counts is the 8th newest.
    history
        .iter()
        .filter(|run| !run.status.to_ascii_lowercase().contains("skip"))
        .filter_map(|run| run.started)
        .filter(|started| *started > at.plus_ms(-DAY) && *started <= at)
        .nth(DAILY_LIMIT.saturating_sub(1))
        .map(|start| start.plus_ms(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    fn day_of(count: usize) -> Vec<Transaction> {
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
    fn seven_runs_leave_a_slot_and_eight_do_not() {
        let now = at("2026-11-23T12:00:00Z");
        assert_eq!(next_slot(&day_of(7), now), None);
        assert_eq!(next_slot(&day_of(8), now), Some(at("2026-11-24T00:30:00Z")));
    }

    #[test]
    fn with_more_than_eight_the_eighth_newest_decides() {
        let now = at("2026-11-23T12:00:00Z");
        assert_eq!(
            next_slot(&day_of(10), now),
            Some(at("2026-11-24T02:30:00Z"))
        );
    }

    #[test]
    fn what_is_older_than_a_day_later_than_the_trigger_or_skipped_does_not_count() {
        assert_eq!(next_slot(&day_of(8), at("2026-11-24T00:30:00Z")), None);
        assert_eq!(next_slot(&day_of(8), at("2026-11-23T07:00:00Z")), None);
        let mut runs = day_of(8);
        runs[3].status = "Skipped".into();
        assert_eq!(next_slot(&runs, at("2026-11-23T12:00:00Z")), None);
    }
}
