//! Points in time as the services write them.
//!
//! The resolution is a millisecond, because no decision needs a finer one. This calendar is our
//! own: a library adds up to 203 kB to the component (decision 5); the tests compare it with one. A
//! leap second is read as the second before it, as the services do.

use std::fmt;

/// 24 hours, the period over which the services count refreshes.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// Days from 0000-03-01, where years are counted from, to 1970-01-01.
const EPOCH_DAY: i64 = 719_468;
/// Days in 400 years, after which the calendar repeats.
const DAYS_IN_400_YEARS: i64 = 146_097;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    /// The moment this many milliseconds later, or earlier if negative.
    pub(crate) fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// The moment this many milliseconds later.
    pub(crate) fn after_ms(self, milliseconds: u64) -> Self {
        self.plus_ms(i64::try_from(milliseconds).unwrap_or(i64::MAX))
    }

    /// The milliseconds until `later`; 0 if it is not later.
    pub(crate) fn until(self, later: Self) -> u64 {
        u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0)
    }

    /// Parses RFC 3339, which requires an offset.
    pub(crate) fn parse_with_offset(text: &str) -> Option<Self> {
        let (local, offset_ms) = parse_local(text.trim())?;
        Some(local.plus_ms(-offset_ms?))
    }

    /// Parses RFC 3339; a time without an offset is UTC, as the services mean it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (local, offset_ms) = parse_local(text.trim())?;
        Some(local.plus_ms(-offset_ms.unwrap_or(0)))
    }

    /// Parses the date of an HTTP header, for example `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub(crate) fn parse_http_date(text: &str) -> Option<Self> {
        let rest = text.trim().strip_suffix("GMT")?.trim_end();
        let mut parts = rest.split_once(',')?.1.split_ascii_whitespace();
        let day = number(parts.next()?, 1..=2)?;
        let name = parts.next()?;
        let month = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ]
        .iter()
        .position(|known| name.eq_ignore_ascii_case(known))?;
        let year = number(parts.next()?, 4..=4)?;
        let time = time_of_day(parts.next()?)?;
        if parts.next().is_some() {
            return None;
        }
        let days = days_of(year, i64::try_from(month).ok()?.checked_add(1)?, day)?;
        Some(Self(days.checked_mul(DAY_MS)?.checked_add(time)?))
    }
}

impl fmt::Display for Moment {
    /// RFC 3339 in UTC; milliseconds only if there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(DAY_MS));
        let time = self.0.rem_euclid(DAY_MS);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
            time / HOUR_MS,
            time / MINUTE_MS % 60,
            time / 1000 % 60,
        )?;
        match time % 1000 {
            0 => f.write_str("Z"),
            milliseconds => write!(f, ".{milliseconds:03}Z"),
        }
    }
}

/// The wait of a `Retry-After`: seconds, or a date measured from `now`.
pub(crate) fn retry_after_ms(value: &str, now: Moment) -> Option<u64> {
    let value = value.trim();
    if all_digits(value) && !value.is_empty() {
        return Some(value.parse().unwrap_or(u64::MAX).saturating_mul(1000));
    }
    Moment::parse_http_date(value).map(|date| now.until(date))
}

/// The wait that a sentence names, for example `Retry in 40 seconds.`; a day at most.
pub(crate) fn wait_in_text(text: &str, now: Moment) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let until = text.split_once("until: ").map(|(_, date)| american(date));
    if let Some(until) = until.flatten() {
        return Some(now.until(until).min(DAY_MS.unsigned_abs()));
    }
    let verbs = ["retry", "again", "wait"].into_iter();
    let from = verbs.filter_map(|verb| text.find(verb)).min()?;
    let is_word = |word: &&str| !word.is_empty();
    let words = text
        .get(from..)?
        .split(|c: char| !c.is_ascii_alphanumeric());
    let mut before = None;
    for word in words.filter(is_word) {
        let unit_ms: u64 = match word {
            "s" | "sec" | "second" | "seconds" => 1_000,
            "min" | "minute" | "minutes" => 60_000,
            "hour" | "hours" => 3_600_000,
            number => {
                before = number.parse::<u64>().ok();
                continue;
            }
        };
        if let Some(count) = before {
            return Some(count.saturating_mul(unit_ms).min(DAY_MS.unsigned_abs()));
        }
    }
    None
}

/// A date as Fabric writes it when it blocks a caller: `9/2/2025 6:17:18 pm (utc)`. [O]
fn american(text: &str) -> Option<Moment> {
    let mut words = text.split_ascii_whitespace();
    let mut date = words.next()?.splitn(3, '/');
    let mut next = || date.next()?.parse::<i64>().ok();
    let (month, day, year) = (next()?, next()?, next()?);
    let mut time = words.next()?.splitn(3, ':');
    let mut next = || time.next()?.parse::<i64>().ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    let half = match words.next()? {
        "am" => 0,
        "pm" => 12,
        _ => return None,
    };
    let date = format!("{year:04}-{month:02}-{day:02}");
    let hour = hour % 12 + half;
    Moment::parse(&format!("{date}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// A duration for messages: `5 min`, `1 h 30 min`, `20 s`.
pub(crate) fn duration_text(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// The local time, and its offset from UTC in milliseconds.
fn parse_local(text: &str) -> Option<(Moment, Option<i64>)> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = three_numbers(date, '-', [4, 2, 2])?;
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone)?;
    let days = days_of(year, month, day)?;
    let local = days.checked_mul(DAY_MS)?.checked_add(time_of_day(time)?)?;
    Some((Moment(local), parse_offset(zone)?))
}

/// Parses `Z`, `+01:00` or an empty text; the outer `None` is an error.
fn parse_offset(zone: &str) -> Option<Option<i64>> {
    if zone.is_empty() {
        return Some(None);
    }
    if zone.eq_ignore_ascii_case("z") {
        return Some(Some(0));
    }
    let (sign, digits) = match zone.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, zone.strip_prefix('+')?),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let (hours, minutes) = (number(hours, 2..=2)?, number(minutes, 2..=2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some(Some(sign * (hours * HOUR_MS + minutes * MINUTE_MS)))
}

/// Milliseconds since midnight of `08:15:37.1234567`.
fn time_of_day(text: &str) -> Option<i64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let [hours, minutes, seconds] = three_numbers(whole, ':', [2, 2, 2])?;
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let milliseconds = match fraction {
        None => 0,
        Some(digits) if digits.is_empty() || !all_digits(digits) => return None,
        Some(digits) => {
            let thousandths: String = digits.chars().chain("000".chars()).take(3).collect();
            thousandths.parse::<i64>().ok()?
        }
    };
    Some(hours * HOUR_MS + minutes * MINUTE_MS + seconds.min(59) * 1000 + milliseconds)
}

/// Three numbers of these lengths.
fn three_numbers(text: &str, separator: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.splitn(3, separator);
    let mut next = |length| number(parts.next()?, length..=length);
    let [first, second, third] = lengths;
    Some([next(first)?, next(second)?, next(third)?])
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<i64> {
    if !length.contains(&text.len()) || !all_digits(text) {
        return None;
    }
    text.parse().ok()
}

/// Days since 1970 of a date, if it exists: then the day has this date and no other.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    // Years are counted from March, so that a leap day is the last day of its year.
    let (from_march, passed) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = days_before_year(from_march) + days_before_month(passed) + day - 1 - EPOCH_DAY;
    (civil(days) == (year, month, day)).then_some(days)
}

/// The date of a day since 1970.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + EPOCH_DAY;
    // The year by its average length, which may be one too late in a leap cycle.
    let mut year = day.div_euclid(DAYS_IN_400_YEARS) * 400
        + day.rem_euclid(DAYS_IN_400_YEARS) * 400 / DAYS_IN_400_YEARS;
    if days_before_year(year) > day {
        year -= 1;
    }
    if days_before_year(year + 1) <= day {
        year += 1;
    }
    let of_year = day - days_before_year(year);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - days_before_month(month) + 1;
    match month {
        0..10 => (year, month + 3, date),
        _ => (year + 1, month - 9, date),
    }
}

/// Days before the first of March of a year, counted from year 0.
fn days_before_year(year: i64) -> i64 {
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)
}

/// Days before a month in a year that begins in March (month 0): 31, 30, 31, 30, 31 repeats.
fn days_before_month(month: i64) -> i64 {
    (153 * month + 2) / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_wait_is_read_from_a_sentence_that_asks_to_wait() {
        for (text, wait) in [
            ("Too many. Retry in 40 seconds.", Some(40_000)),
            ("will fail. Retry in 3392 seconds.", Some(3_392_000)),
            ("Please wait 2 minutes", Some(120_000)),
            ("try again after 1 hour", Some(3_600_000)),
            (
                "Retry in 9999999999999999 hours",
                Some(DAY_MS.unsigned_abs()),
            ),
            (
                "blocked by the upstream service until: 11/23/2026 8:10:30 AM (UTC)",
                Some(630_000),
            ),
            ("until: 11/22/2026 11:10:30 PM (UTC)", Some(0)),
            ("until: tomorrow", None),
            ("requests in last 24 hours exceeded limit", None),
            ("Retry later.", None),
            ("", None),
        ] {
            let now = Moment::parse("2026-11-23T08:00:00Z").unwrap();
            assert_eq!(wait_in_text(text, now), wait, "{text}");
        }
    }

    #[test]
    fn our_calendar_agrees_with_a_library() {
        // A prime step reaches every month, weekday and hour from year 1 to 9999.
        let mut ms = -62_135_596_800_000_i64;
        while ms < 253_402_207_200_000 {
            let theirs = jiff::Timestamp::from_millisecond(ms).unwrap();
            let precision = if ms % 1000 == 0 { 0 } else { 3 };
            assert_eq!(Moment(ms).to_string(), format!("{theirs:.precision$}"));
            assert_eq!(Moment::parse(&theirs.to_string()), Some(Moment(ms)));
            ms += 34_987_654_321;
        }
    }

    #[test]
    fn the_forms_that_the_services_write_are_read() {
        assert_eq!(
            moment("2026-10-01T01:00:00.1234567Z").to_string(),
            "2026-10-01T01:00:00.123Z"
        );
        assert_eq!(
            moment("2026-04-27T07:11:35.2470885").to_string(),
            "2026-04-27T07:11:35.247Z"
        );
        assert_eq!(
            moment("2026-10-01T01:00:00.5+02:00").to_string(),
            "2026-09-30T23:00:00.500Z"
        );
    }

    #[test]
    fn an_invalid_time_is_rejected() {
        for text in [
            "",
            "2026-10-01",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-10-01T24:00:00Z",
            "2026-10-01T01:00Z",
            "2026-10-01T01:00:00.Z",
            "2026-10-01T01:00:00+2",
            "2026-10-01T01:00:00+25:00",
            "x026-10-01T01:00:00Z",
            "٢٠٢٦-10-01T01:00:00Z",
            "2026-10-01T01:00:00Zé",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
        assert_eq!(Moment::parse_with_offset("2026-10-01T01:00:00"), None);
    }

    #[test]
    fn an_offset_is_subtracted() {
        for (text, utc) in [
            ("2026-11-23T18:15:37+10:00", "2026-11-23T08:15:37Z"),
            ("2026-11-23T00:15:37-03:30", "2026-11-23T03:45:37Z"),
        ] {
            let at = Moment::parse_with_offset(text).unwrap();
            assert_eq!(at.to_string(), utc);
        }
    }

    #[test]
    fn an_http_date_is_read_and_anything_else_is_not() {
        assert_eq!(
            Moment::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(moment("1994-11-06T08:49:37Z"))
        );
        for text in [
            "",
            "GMT",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nix 1994 08:49:37 GMT",
        ] {
            assert_eq!(Moment::parse_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = moment("1994-11-06T08:49:00Z");
        assert_eq!(retry_after_ms("3392", now), Some(3_392_000));
        assert_eq!(
            retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", now),
            Some(37_000)
        );
        assert_eq!(
            retry_after_ms("Sun, 06 Nov 1994 08:00:00 GMT", now),
            Some(0)
        );
        assert_eq!(retry_after_ms("soon", now), None);
        assert_eq!(retry_after_ms("-5", now), None);
    }

    #[test]
    fn a_duration_has_a_short_text() {
        for (ms, text) in [
            (0, "0 s"),
            (1, "1 s"),
            (300_000, "5 min"),
            (90_000, "1 min 30 s"),
            (12_600_000, "3 h 30 min"),
            (86_400_000, "24 h"),
        ] {
            assert_eq!(duration_text(ms), text);
        }
    }
}
