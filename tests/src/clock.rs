//! The only source of time in the simulator.
//!
//! Every time that a service uses (the `Date` header, a token's expiry, a run's start and end, the
//! rolling 24 hours of the daily limit) comes from one [`Clock`], so that a test can move a day in
//! one call. Nothing else in this crate reads the system's time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// A clock that can be read and moved forward.
///
/// A test with its own time implements this trait and passes it to
/// [`Builder::clock`](crate::server::Builder::clock).
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;
    /// Moves the time forward by `by`.
    fn advance(&self, by: Duration);
}

/// The system's time plus an offset that only [`Clock::advance`] changes.
#[derive(Debug, Default)]
pub struct OffsetClock {
    offset_ms: AtomicI64,
}

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        let offset = self.offset_ms.load(Ordering::SeqCst).unsigned_abs();
        later(Timestamp::now(), Duration::from_millis(offset))
    }

    fn advance(&self, by: Duration) {
        self.offset_ms.fetch_add(millis(by), Ordering::SeqCst);
    }
}

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct StandingClock {
    now_ms: AtomicI64,
}

impl StandingClock {
    /// A clock that shows `now`, to the millisecond.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now_ms: AtomicI64::new(now.as_millisecond()),
        }
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }

    fn advance(&self, by: Duration) {
        self.now_ms.fetch_add(millis(by), Ordering::SeqCst);
    }
}

fn millis(by: Duration) -> i64 {
    i64::try_from(by.as_millis()).unwrap_or(i64::MAX)
}

/// `by` after `at`, at most the last timestamp.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `by` before `at`, at least the first timestamp.
pub(crate) fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// The time as in the `Date` header (RFC 9110, 5.6.7).
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The time with milliseconds, as Power BI writes `startTime`.
pub(crate) fn rfc3339_millis(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The time with seven digits and without its zone, as Fabric writes `startTimeUtc`.
pub(crate) fn utc_without_z(at: Timestamp) -> String {
    format!("{at:.7}").trim_end_matches('Z').to_owned()
}

/// The time with milliseconds and without its zone, as in the details of a refresh.
pub(crate) fn utc_millis_without_z(at: Timestamp) -> String {
    rfc3339_millis(at).trim_end_matches('Z').to_owned()
}

/// The time of a `Retry-After` that arrives at `now`, in seconds or as a date.
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    match value.trim().parse() {
        Ok(seconds) => Some(later(now, Duration::from_secs(seconds))),
        Err(_) => rfc2822::DateTimeParser::new()
            .parse_timestamp(value.trim())
            .ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_clock_is_ahead_of_the_systems_time() {
        let clock = OffsetClock::default();
        let before = clock.now();
        clock.advance(Duration::from_secs(86_400));
        assert!(clock.now() >= later(before, Duration::from_secs(86_400)));
    }

    #[test]
    fn a_standing_clock_moves_only_when_told() {
        let start: Timestamp = "2026-10-01T01:00:00.5Z".parse().unwrap();
        let clock = StandingClock::at(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_millis(250));
        assert_eq!(rfc3339_millis(clock.now()), "2026-10-01T01:00:00.750Z");
    }
}
