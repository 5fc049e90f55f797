//! The least time between two refreshes of a target that were sent.
//!
//! Counted from the sending, not from the end: the guard protects the service and its quota from
//! being asked too often, whatever became of the refresh.

use std::time::Duration;

use jiff::Timestamp;

/// When a refresh may be sent again, where it is too early at `now`; nothing where it may be sent.
/// `last_sent` is the newest trigger that left or may have left.
#[must_use]
pub fn too_early(
    last_sent: Option<Timestamp>,
    min_interval: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    let again = last_sent?
        .checked_add(min_interval)
        .unwrap_or(Timestamp::MAX);
    (now < again).then_some(again)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_interval_is_counted_from_the_last_refresh_that_was_sent() {
        let half_an_hour = Duration::from_secs(1800);
        let sent = Some(at("2026-11-23T08:00:00Z"));
        for (now, again) in [
            ("2026-11-23T08:00:00Z", Some("2026-11-23T08:30:00Z")),
            ("2026-11-23T08:29:59.999Z", Some("2026-11-23T08:30:00Z")),
            ("2026-11-23T08:30:00Z", None),
            ("2026-11-24T08:00:00Z", None),
            // Another machine's clock is ahead: its word stands.
            ("2026-11-23T07:59:00Z", Some("2026-11-23T08:30:00Z")),
        ] {
            assert_eq!(
                too_early(sent, half_an_hour, at(now)),
                again.map(at),
                "{now}"
            );
        }
    }

    #[test]
    fn a_target_that_was_never_sent_is_never_too_early() {
        let now = at("2026-11-23T08:00:00Z");
        assert_eq!(too_early(None, Duration::from_secs(1800), now), None);
    }

    #[test]
    fn a_time_at_the_end_of_all_times_does_no_harm() {
        let day = Duration::from_secs(86_400);
        let last = Some(Timestamp::MAX);
        assert_eq!(
            too_early(last, day, at("2026-11-23T08:00:00Z")),
            Some(Timestamp::MAX)
        );
    }
}
