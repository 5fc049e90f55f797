//! The guards that depend on time alone: the windows in which a target may be refreshed, and the
//! minimum interval between two refreshes.
//!
//! Plain decisions over given times. The guards that need the service (running refreshes, quota) are
//! in the component.
//!
//! A window follows the wall clock of its time zone: it is open while that clock shows a time from
//! `from` to just before `to`, on one of its days. A window over midnight belongs to the day on which
//! it starts. When clocks are set forward, the skipped hour never shows, so a window within it does
//! not open on that day; when they are set back, the repeated hour counts twice.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _, Zoned};

/// Minutes per day.
const DAY: u16 = 24 * 60;

/// How many days ahead to search for an opening. A weekly window within the skipped hour opens a week
/// later.
const LOOK_AHEAD: i64 = 15;

/// A time of day, to the minute; 24:00 is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Parses a time such as `06:00`; the last one is `24:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let number = |text: &str| {
            let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten()
        };
        let minutes = (minutes.len() == 2).then(|| number(minutes)).flatten()?;
        let all = number(hours)?.checked_mul(60)?.checked_add(minutes)?;
        (minutes < 60 && all <= DAY).then_some(Self(all))
    }

    fn on(self, date: Date) -> Option<DateTime> {
        let midnight = date.to_datetime(jiff::civil::Time::midnight());
        midnight.checked_add(i64::from(self.0).minutes()).ok()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day of the week.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// Every day, from Monday, and its name in the configuration.
    pub const ALL: [(&'static str, Self); 7] = [
        ("mon", Self::Mon),
        ("tue", Self::Tue),
        ("wed", Self::Wed),
        ("thu", Self::Thu),
        ("fri", Self::Fri),
        ("sat", Self::Sat),
        ("sun", Self::Sun),
    ];

    fn of(date: Date) -> Option<Self> {
        let number = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        Self::ALL.get(number).map(|(_, day)| *day)
    }
}

/// Hours on some days of the week, in a time zone. Displayed as in the configuration:
/// `22:00-04:00 Europe/Copenhagen (fri, sat)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    from: TimeOfDay,
    to: TimeOfDay,
    days: BTreeSet<Day>,
    zone: TimeZone,
}

impl Window {
    /// The hours from `from` to just before `to` on these days; over midnight if `to` is not after
    /// `from`. `None` if both are equal (an instant or a whole day?), if `from` is 24:00, and without
    /// days.
    #[must_use]
    pub fn new(from: TimeOfDay, to: TimeOfDay, days: &[Day], zone: TimeZone) -> Option<Self> {
        if from == to || from.0 >= DAY || days.is_empty() {
            return None;
        }
        Some(Self {
            from,
            to,
            days: days.iter().copied().collect(),
            zone,
        })
    }

    /// Returns whether the window is open at this time.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let (date, time) = (local.date(), local.time());
        let shown = i32::from(time.hour()) * 60 + i32::from(time.minute());
        let started = self.has(Some(date)) && i32::from(self.from.0) <= shown;
        let not_over = shown < i32::from(self.to.0);
        if self.from < self.to {
            return started && not_over;
        }
        started || (not_over && self.has(date.yesterday().ok()))
    }

    /// The first time from `at` at which the window is open, which may be `at` itself; `None` if it does
    /// not open within two weeks.
    #[must_use]
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(at).date();
        let begins = (0..=LOOK_AHEAD)
            .filter_map(|days| today.checked_add(days.days()).ok())
            .filter_map(|date| self.from.on(date))
            .flat_map(|begin| self.moments(begin));
        let end = at.checked_add((24 * LOOK_AHEAD).hours());
        let end = end.unwrap_or(Timestamp::MAX);
        // A clock that is set forward or back may jump into the window.
        let jumps = self.zone.following(at).map(|jump| jump.timestamp());
        std::iter::once(at)
            .chain(begins)
            .chain(jumps.take_while(|jump| *jump <= end))
            .filter(|moment| *moment >= at && self.is_open(*moment))
            .min()
    }

    fn has(&self, date: Option<Date>) -> bool {
        date.and_then(Day::of)
            .is_some_and(|day| self.days.contains(&day))
    }

    /// The times at which the clock shows this: none, one or two.
    fn moments(&self, shown: DateTime) -> Vec<Timestamp> {
        let offsets = match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset],
            AmbiguousOffset::Gap { .. } => Vec::new(),
            AmbiguousOffset::Fold { before, after } => vec![before, after],
        };
        let at = |offset: Offset| offset.to_timestamp(shown).ok();
        offsets.into_iter().filter_map(at).collect()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, "{}-{} {zone}", self.from, self.to)?;
        if self.days.len() < Day::ALL.len() {
            let named = Day::ALL.iter().filter(|(_, day)| self.days.contains(day));
            let names: Vec<&str> = named.map(|(name, _)| *name).collect();
            write!(f, " ({})", names.join(", "))?;
        }
        Ok(())
    }
}

/// Returns whether one of the windows is open; always true without windows.
#[must_use]
pub fn is_open(windows: &[Window], at: Timestamp) -> bool {
    windows.is_empty() || windows.iter().any(|window| window.is_open(at))
}

/// The first time from `at` at which one of the windows is open, in the time zone of that window.
#[must_use]
pub fn next_opening(windows: &[Window], at: Timestamp) -> Option<Zoned> {
    let local = |window: &Window| Some(window.next_opening(at)?.to_zoned(window.zone.clone()));
    windows.iter().filter_map(local).min()
}

/// When a refresh may be sent again, if it is too early at `now`; otherwise `None`. `last_sent` is the
/// newest trigger that was or may have been sent.
///
/// The interval starts when the trigger is sent, not when the refresh ends: the guard protects the
/// service and its quota from too many requests.
#[must_use]
pub fn too_early(
    last_sent: Option<Timestamp>,
    min_interval: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    let again = last_sent?.checked_add(min_interval);
    let again = again.unwrap_or(Timestamp::MAX);
    (now < again).then_some(again)
}

#[cfg(test)]
mod tests;
