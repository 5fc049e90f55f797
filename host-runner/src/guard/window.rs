//! The hours in which a target may be refreshed.
//!
//! A window means what a clock on the wall of its time zone shows: it is open while that clock
//! shows a time from `from` on and before `to`, on one of its days. A window that goes over midnight
//! belongs to the day on which it begins. Where a clock is put forward, the hour that it leaves out
//! never shows, so a window that lies inside that hour does not open on that day; where it is put
//! back, the hour that shows twice counts twice.

use std::fmt;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// How far ahead an opening is looked for, in days. A window of one day a week may lie inside the
/// hour that a clock leaves out, and then opens a week later.
const LOOK_AHEAD: i64 = 15;

/// A time of day as a clock shows it, to the minute; 24:00 is the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock(u16);

impl Clock {
    /// The time of a text such as `06:00`; `24:00` is the last that there is.
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

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
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
    /// Every day, from Monday on, and its name in the configuration.
    pub const ALL: [(&'static str, Self); 7] = [
        ("mon", Self::Mon),
        ("tue", Self::Tue),
        ("wed", Self::Wed),
        ("thu", Self::Thu),
        ("fri", Self::Fri),
        ("sat", Self::Sat),
        ("sun", Self::Sun),
    ];

    fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// Hours of some days of the week, in a time zone. Prints as it is written:
/// `22:00-04:00 Europe/Copenhagen (fri, sat)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    from: Clock,
    to: Clock,
    days: Vec<Day>,
    zone: TimeZone,
}

impl Window {
    /// The hours from `from` on and before `to` on these days; over midnight where `to` does not lie
    /// after `from`. Nothing where both are the same, which means an instant to one reader and a
    /// whole day to the next, where `from` is no time of a day, and where there are no days.
    #[must_use]
    pub fn new(from: Clock, to: Clock, days: &[Day], zone: TimeZone) -> Option<Self> {
        if from == to || from.0 >= DAY || days.is_empty() {
            return None;
        }
        Some(Self {
            from,
            to,
            // In the order of the week, each once.
            days: Day::ALL
                .into_iter()
                .map(|(_, day)| day)
                .filter(|day| days.contains(day))
                .collect(),
            zone,
        })
    }

    /// Whether it is open at this moment.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let (date, time) = (local.date(), local.time());
        let minute = |hours: i8, minutes: i8| i32::from(hours) * 60 + i32::from(minutes);
        let shown = minute(time.hour(), time.minute());
        let (from, to) = (i32::from(self.from.0), i32::from(self.to.0));
        let today = self.has(Some(date));
        if from < to {
            return today && from <= shown && shown < to;
        }
        (today && from <= shown) || (shown < to && self.has(date.yesterday().ok()))
    }

    /// The first moment from `at` on at which it is open: `at` itself while it is. Nothing where
    /// there is none in two weeks.
    #[must_use]
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(at).date();
        let begins = (0..=LOOK_AHEAD)
            .filter_map(|days| today.checked_add(days.days()).ok())
            .filter_map(|date| self.from.on(date))
            .flat_map(|begin| self.moments(begin));
        let end = at
            .checked_add((24 * LOOK_AHEAD).hours())
            .unwrap_or(Timestamp::MAX);
        // Where the clock is put forward or back it may jump into the window.
        let jumps = self
            .zone
            .following(at)
            .map(|jump| jump.timestamp())
            .take_while(|jump| *jump <= end);
        std::iter::once(at)
            .chain(begins)
            .chain(jumps)
            .filter(|moment| *moment >= at && self.is_open(*moment))
            .min()
    }

    fn has(&self, date: Option<Date>) -> bool {
        date.is_some_and(|date| self.days.contains(&Day::of(date)))
    }

    /// The moments at which the clock shows this: none, one or two.
    fn moments(&self, shown: DateTime) -> Vec<Timestamp> {
        let offsets = match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset],
            AmbiguousOffset::Gap { .. } => Vec::new(),
            AmbiguousOffset::Fold { before, after } => vec![before, after],
        };
        offsets
            .into_iter()
            .filter_map(|offset| offset.to_timestamp(shown).ok())
            .collect()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, "{}-{} {zone}", self.from, self.to)?;
        if self.days.len() < Day::ALL.len() {
            let names: Vec<&str> = Day::ALL
                .iter()
                .filter(|(_, day)| self.days.contains(day))
                .map(|(name, _)| *name)
                .collect();
            write!(f, " ({})", names.join(", "))?;
        }
        Ok(())
    }
}

/// Whether one of the windows is open; without windows it always is.
#[must_use]
pub fn is_open(windows: &[Window], at: Timestamp) -> bool {
    windows.is_empty() || windows.iter().any(|window| window.is_open(at))
}

/// The first moment from `at` on at which one of the windows is open; without windows that is `at`.
#[must_use]
pub fn next_opening(windows: &[Window], at: Timestamp) -> Option<Timestamp> {
    if windows.is_empty() {
        return Some(at);
    }
    windows
        .iter()
        .filter_map(|window| window.next_opening(at))
        .min()
}
