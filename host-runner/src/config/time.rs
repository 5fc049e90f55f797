//! Durations and windows.
//!
//! A duration is written as `30s`, `5m`, `3h30m`, `1500ms` or in ISO 8601 as `PT90M`. A number
//! without a unit is refused, because it means seconds to one reader and minutes to the next; so
//! are days, which are not always 24 hours long, and zero, which no setting has a use for.
//!
//! A window is written as `"06:00-20:00 Europe/Copenhagen"` or as keys.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::fault::Fault;
use super::values::{FilledList, Scalar, Wrong};
use crate::guard::{Day, TimeOfDay, Window};

/// The longest duration. The run of a flow ends after 30 days (Power Automate's limits).
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Microsoft's limit for a model refresh with all its attempts.
const LONGEST_REFRESH: Duration = Duration::from_secs(24 * 3600);

const WINDOW: &str = "write it as in \"06:00-20:00 Europe/Copenhagen\"";

/// A duration with units, as in 30s, 5m, 3h30m or PT90M.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Scalar")]
#[schemars(try_from = "String", inline)]
pub struct Span(#[schemars(with = "String")] pub Duration);

impl TryFrom<Scalar> for Span {
    type Error = Wrong;

    fn try_from(scalar: Scalar) -> Result<Self, Wrong> {
        // To YAML `30` is a number.
        let text = match scalar {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
        };
        Ok(Self(parse_duration(&text)?))
    }
}

/// Reads a field that is a plain duration.
pub(crate) fn duration<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    Ok(Span::deserialize(source)?.0)
}

/// A duration of at most a day in whole seconds, as Microsoft counts them for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Span")]
#[schemars(inline)]
pub struct RefreshTimeout(#[schemars(with = "String")] pub Duration);

impl TryFrom<Span> for RefreshTimeout {
    type Error = Wrong;

    fn try_from(Span(span): Span) -> Result<Self, Wrong> {
        if span > LONGEST_REFRESH {
            let what = "Microsoft ends a refresh after 24 hours, including its own retries";
            return Err(Fault::bad(what, "write at most 24h").into());
        }
        if span.subsec_nanos() != 0 {
            let what = "Microsoft counts this in whole seconds";
            return Err(Fault::bad(what, "write it as in 90m or 5h").into());
        }
        Ok(Self(span))
    }
}

/// A day, as in 2026-11-23.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub struct CalendarDay(pub String);

impl TryFrom<String> for CalendarDay {
    type Error = Wrong;

    fn try_from(text: String) -> Result<Self, Wrong> {
        match text.parse::<Date>() {
            // Microsoft takes `YYYY-MM-DD` only.
            Ok(date) if date.to_string() == text => Ok(Self(text)),
            _ => Err(Fault::bad("this is not a date", "write it as in 2026-11-23").into()),
        }
    }
}

/// One window or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename = "by shape", rename_all = "lowercase")]
#[schemars(rename = "Windows", untagged)]
pub(crate) enum Windows {
    /// Several: one of them must be open.
    List(FilledList<OneWindow>),
    /// One.
    One(OneWindow),
}

impl Windows {
    /// All of them.
    pub(crate) fn all(&self) -> Vec<Window> {
        match self {
            Self::List(FilledList(windows)) => windows.iter().map(|one| one.0.clone()).collect(),
            Self::One(window) => vec![window.0.clone()],
        }
    }
}

/// When a refresh may be sent, as in "06:00-20:00 Europe/Copenhagen".
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "WindowForm")]
#[schemars(inline)]
pub(crate) struct OneWindow(#[schemars(with = "WindowForm")] Window);

#[derive(Deserialize, JsonSchema)]
#[serde(rename = "by shape", rename_all = "lowercase")]
#[schemars(rename = "WindowForm", untagged, inline)]
enum WindowForm {
    Text(String),
    Keys(WindowKeys),
}

/// A window as keys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Window")]
struct WindowKeys {
    /// When it opens.
    #[schemars(example = &"06:00")]
    from: TimeField,
    /// When it closes; the end of the day is 24:00.
    #[schemars(example = &"20:00")]
    to: TimeField,
    /// A name of the IANA time zones.
    #[schemars(example = &"Europe/Copenhagen")]
    zone: Zone,
    /// The days on which it opens; without it every day.
    days: Option<FilledList<Day>>,
}

impl TryFrom<WindowForm> for OneWindow {
    type Error = Wrong;

    fn try_from(form: WindowForm) -> Result<Self, Wrong> {
        let WindowKeys {
            from,
            to,
            zone,
            days,
        } = match form {
            WindowForm::Text(text) => return Ok(Self(window_of_text(&text)?)),
            WindowForm::Keys(keys) => keys,
        };
        let days = days.map_or_else(every_day, |days| days.0);
        Ok(Self(window(from.0, to.0, &days, zone.0)?))
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
struct TimeField(#[schemars(with = "String")] TimeOfDay);

impl TryFrom<String> for TimeField {
    type Error = Wrong;

    fn try_from(text: String) -> Result<Self, Wrong> {
        Ok(Self(clock(&text)?))
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
struct Zone(#[schemars(with = "String")] TimeZone);

impl TryFrom<String> for Zone {
    type Error = Wrong;

    fn try_from(text: String) -> Result<Self, Wrong> {
        Ok(Self(zone(&text)?))
    }
}

/// A duration of at least a millisecond.
pub fn parse_duration(text: &str) -> Result<Duration, Fault> {
    let bad = |what: &str| {
        let hint = "write numbers with units, as in 30s, 5m, 3h30m, 1500ms or PT90M (a day is 24h)";
        Err(Fault::bad(what, hint))
    };
    let text = text.trim();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return bad("this duration has no unit");
    }
    let Ok(signed) = text.parse::<SignedDuration>() else {
        return bad("this is not a duration of hours, minutes and seconds");
    };
    match Duration::try_from(signed) {
        Err(_) => bad("this duration is negative"),
        Ok(duration) if duration < Duration::from_millis(1) => {
            bad("this duration is less than a millisecond")
        }
        Ok(duration) if duration > LONGEST => bad("this duration is more than 30 days"),
        Ok(duration) => Ok(duration),
    }
}

fn window_of_text(text: &str) -> Result<Window, Fault> {
    let text = text.trim();
    let bad = || Fault::bad("this is not a window", WINDOW);
    let (hours, name) = match text.rsplit_once(char::is_whitespace) {
        Some((hours, name)) if !name.starts_with(|c: char| c.is_ascii_digit()) => (hours, name),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => {
            return Err(Fault::bad("this window has no time zone", WINDOW));
        }
        _ => return Err(bad()),
    };
    let (from, to) = hours.split_once(['-', '–']).ok_or_else(bad)?;
    window(clock(from)?, clock(to)?, &every_day(), zone(name)?)
}

/// A window of these hours and days that is not empty.
fn window(from: TimeOfDay, to: TimeOfDay, days: &[Day], zone: TimeZone) -> Result<Window, Fault> {
    Window::new(from, to, days, zone).ok_or_else(|| {
        Fault::bad(
            "this window starts where it ends, or at the end of the day",
            "for the whole day write 00:00 to 24:00",
        )
    })
}

fn clock(text: &str) -> Result<TimeOfDay, Fault> {
    TimeOfDay::parse(text.trim()).ok_or_else(|| {
        Fault::bad(
            "this is not a time of day",
            "write it as in 06:00; the end of the day is 24:00",
        )
    })
}

/// A time zone by its name. Offsets such as `+01:00` know no summer time, and abbreviations such as
/// `CST` mean several zones.
fn zone(text: &str) -> Result<TimeZone, Fault> {
    TimeZone::get(text.trim()).map_err(|_| {
        Fault::bad(
            "this is not a known time zone",
            "write a name of the IANA time zones, as in Europe/Copenhagen or UTC",
        )
    })
}

fn every_day() -> Vec<Day> {
    Day::ALL.map(|(_, day)| day).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_units_and_a_size_that_makes_sense() {
        for (text, expected) in [
            ("30s", Ok(30_000)),
            ("5m", Ok(300_000)),
            ("3h30m", Ok(12_600_000)),
            ("1500ms", Ok(1500)),
            ("PT90M", Ok(5_400_000)),
            (" 1h ", Ok(3_600_000)),
            ("30", Err("has no unit")),
            ("0s", Err("less than a millisecond")),
            ("10us", Err("less than a millisecond")),
            ("-5m", Err("negative")),
            ("1d", Err("hours, minutes and seconds")),
            ("soon", Err("not a duration")),
            ("", Err("not a duration")),
            ("900h", Err("more than 30 days")),
        ] {
            match (parse_duration(text), expected) {
                (Ok(found), Ok(expected)) => {
                    assert_eq!(found, Duration::from_millis(expected), "{text}");
                }
                (Err(fault), Err(word)) => {
                    assert!(fault.to_string().contains(word), "{text}: {fault}");
                    assert!(fault.hint().contains("3h30m"));
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
