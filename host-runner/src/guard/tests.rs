//! Windows on ordinary days and on days on which the clocks change; the minimum interval.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{Day, TimeOfDay, Window, is_open, next_opening, too_early};

const COPENHAGEN: &str = "06:00-20:00 Europe/Copenhagen";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn clock(text: &str) -> TimeOfDay {
    TimeOfDay::parse(text).unwrap()
}

/// The window that prints as this text.
fn window(text: &str) -> Window {
    let (hours, rest) = text.split_once(' ').unwrap();
    let (zone, names) = rest.split_once(" (").unwrap_or((rest, ""));
    let (from, to) = hours.split_once('-').unwrap();
    let named = |(name, _): &(&str, Day)| names.is_empty() || names.contains(name);
    // The order does not matter, nor does a day that comes twice.
    let named = Day::ALL.into_iter().chain(Day::ALL).rev().filter(named);
    let days: Vec<Day> = named.map(|(_, day)| day).collect();
    let zone = TimeZone::get(zone).unwrap();
    let window = Window::new(clock(from), clock(to), &days, zone).unwrap();
    assert_eq!(window.to_string(), text);
    window
}

/// Each line of `moments` is a time at which the window is open, or a closed one and the time at
/// which it opens next.
#[track_caller]
fn opens(text: &str, moments: &str) {
    let window = window(text);
    for line in moments.lines().map(str::trim) {
        let (now, next) = line.split_once(" -> ").unwrap_or((line, line));
        let (now, next) = (at(now), at(next));
        assert_eq!(window.next_opening(now), Some(next), "{window} after {now}");
        assert_eq!(window.is_open(now), now == next, "{window} at {now}");
        // It is not open a moment before it opens.
        if next > now {
            assert!(!window.is_open(next - 1.second()), "{window} before {next}");
        }
    }
}

#[test]
fn a_time_of_day_is_hours_and_minutes_up_to_24_00() {
    for (text, shown) in [
        ("06:00", "06:00"),
        ("6:05", "06:05"),
        ("23:59", "23:59"),
        ("24:00", "24:00"),
    ] {
        assert_eq!(TimeOfDay::parse(text).unwrap().to_string(), shown);
    }
    for text in [
        "", "6", "06", "6:0", "06:60", "24:01", "25:00", "-1:00", "+6:00", "06:00:00", "6.30",
        "aa:bb", "006:00",
    ] {
        assert_eq!(TimeOfDay::parse(text), None, "{text}");
    }
}

#[test]
fn a_window_without_a_length_is_none() {
    let every_day = Day::ALL.map(|(_, day)| day);
    for (from, to, days) in [
        ("06:00", "06:00", &every_day[..]),
        ("24:00", "06:00", &every_day[..]),
        ("06:00", "20:00", &[][..]),
    ] {
        assert_eq!(
            Window::new(clock(from), clock(to), days, TimeZone::UTC),
            None
        );
    }
}

#[test]
fn a_window_is_open_from_its_start_to_just_before_its_end() {
    // UTC+1 in winter.
    opens(
        COPENHAGEN,
        "2026-11-23T04:59:59.999Z -> 2026-11-23T05:00:00Z
         2026-11-23T05:00:00Z
         2026-11-23T18:59:59.999Z
         2026-11-23T19:00:00Z -> 2026-11-24T05:00:00Z
         2026-11-23T23:30:00Z -> 2026-11-24T05:00:00Z",
    );
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_starts() {
    // Brisbane is at UTC+10 all year. 2026-11-27 is a Friday.
    opens(
        "22:00-04:00 Australia/Brisbane (fri)",
        "2026-11-26T18:00:00Z -> 2026-11-27T12:00:00Z
         2026-11-27T11:59:59Z -> 2026-11-27T12:00:00Z
         2026-11-27T12:00:00Z
         2026-11-27T14:00:00Z
         2026-11-27T17:59:59Z
         2026-11-27T18:00:00Z -> 2026-12-04T12:00:00Z
         2026-11-28T12:00:00Z -> 2026-12-04T12:00:00Z",
    );
}

#[test]
fn a_window_to_the_end_of_the_day_meets_that_of_the_next_day() {
    opens(
        "00:00-24:00 Australia/Brisbane",
        "2026-11-23T13:59:59Z
         2026-11-23T14:00:00Z",
    );
    opens(
        "00:00-24:00 Australia/Brisbane (mon)",
        "2026-11-22T13:59:59Z -> 2026-11-22T14:00:00Z
         2026-11-23T13:59:59Z
         2026-11-23T14:00:00Z -> 2026-11-29T14:00:00Z",
    );
}

#[test]
fn a_zone_without_daylight_saving_has_the_same_hours_all_year() {
    for day in ["2026-01-15", "2026-04-05", "2026-07-15", "2026-10-04"] {
        let opening = at(&format!("{day}T00:00:00Z")) - 4.hours();
        let [before, end, over] = [-1, 14 * 3600 - 1, 14 * 3600].map(|s| opening + s.seconds());
        let moments = format!("{before} -> {opening}\n{opening}\n{end}");
        let window_text = "06:00-20:00 Australia/Brisbane";
        opens(window_text, &moments);
        assert!(!window(window_text).is_open(over));
    }
}

// In Copenhagen the clock goes from 02:00 to 03:00 on 2026-03-29 at 01:00 UTC, and from 03:00 back
// to 02:00 on 2026-10-25 at 01:00 UTC.

#[test]
fn a_window_keeps_its_wall_clock_hours_when_daylight_saving_starts_and_ends() {
    opens(
        COPENHAGEN,
        "2026-03-28T19:00:00Z -> 2026-03-29T04:00:00Z
         2026-03-29T18:00:00Z -> 2026-03-30T04:00:00Z
         2026-10-24T18:00:00Z -> 2026-10-25T05:00:00Z
         2026-10-25T18:59:59Z",
    );
}

#[test]
fn a_start_in_the_skipped_hour_is_the_end_of_that_hour() {
    opens(
        "02:30-05:00 Europe/Copenhagen",
        "2026-03-29T00:59:59Z -> 2026-03-29T01:00:00Z
         2026-03-29T01:00:00Z
         2026-03-29T02:59:59Z
         2026-03-29T03:00:00Z -> 2026-03-30T00:30:00Z",
    );
}

#[test]
fn a_window_within_the_skipped_hour_does_not_open_that_day() {
    opens(
        "02:15-02:45 Europe/Copenhagen",
        "2026-03-29T00:59:59Z -> 2026-03-30T00:15:00Z
         2026-03-29T01:00:00Z -> 2026-03-30T00:15:00Z",
    );
    opens(
        "02:15-02:45 Europe/Copenhagen (sun)",
        "2026-03-23T00:00:00Z -> 2026-04-05T00:15:00Z",
    );
}

#[test]
fn the_repeated_hour_counts_twice() {
    opens(
        "02:15-02:45 Europe/Copenhagen",
        "2026-10-25T00:00:00Z -> 2026-10-25T00:15:00Z
         2026-10-25T00:44:59Z
         2026-10-25T00:45:00Z -> 2026-10-25T01:15:00Z
         2026-10-25T01:44:59Z
         2026-10-25T01:45:00Z -> 2026-10-26T01:15:00Z",
    );
}

#[test]
fn a_clock_set_back_into_a_window_opens_it_again() {
    opens(
        "01:00-02:30 Europe/Copenhagen",
        "2026-10-25T00:29:59Z
         2026-10-25T00:30:00Z -> 2026-10-25T01:00:00Z
         2026-10-25T01:29:59Z
         2026-10-25T01:30:00Z -> 2026-10-26T00:00:00Z",
    );
}

#[test]
fn a_window_over_midnight_ends_by_the_clock_on_the_day_of_the_change() {
    // 2026-03-28 and 2026-10-24 are Saturdays. The night after the first has five hours, the night
    // after the second seven.
    opens(
        "22:00-04:00 Europe/Copenhagen (sat)",
        "2026-03-28T20:59:59Z -> 2026-03-28T21:00:00Z
         2026-03-29T01:59:59Z
         2026-03-29T02:00:00Z -> 2026-04-04T20:00:00Z
         2026-10-24T20:00:00Z
         2026-10-25T02:59:59Z
         2026-10-25T03:00:00Z -> 2026-10-31T21:00:00Z",
    );
}

#[test]
fn clocks_may_change_at_midnight() {
    // Santiago: on 2026-09-06 the clock goes from 00:00 to 01:00 (04:00 UTC).
    opens(
        "00:30-06:00 America/Santiago",
        "2026-09-06T03:59:59Z -> 2026-09-06T04:00:00Z
         2026-09-06T08:59:59Z",
    );
    // On 2026-04-05 it goes from 00:00 back to 23:00 of the day before (03:00 UTC).
    opens(
        "23:30-24:00 America/Santiago (sat)",
        "2026-04-05T02:59:59Z
         2026-04-05T03:00:00Z -> 2026-04-05T03:30:00Z
         2026-04-05T03:59:59Z
         2026-04-05T04:00:00Z -> 2026-04-12T03:30:00Z",
    );
}

#[test]
fn several_windows_are_open_if_one_of_them_is_and_none_is_always_open() {
    let now = at("2026-11-23T08:00:00Z");
    assert!(is_open(&[], now));

    let windows = [
        window("06:00-08:00 Australia/Brisbane"),
        window("06:00-08:00 Europe/Copenhagen"),
    ];
    for (now, open, next) in [
        ("2026-11-23T20:30:00Z", true, "2026-11-23T20:30:00Z"),
        ("2026-11-23T22:00:00Z", false, "2026-11-24T05:00:00Z"),
        ("2026-11-24T07:00:00Z", false, "2026-11-24T20:00:00Z"),
    ] {
        assert_eq!(is_open(&windows, at(now)), open, "{now}");
        let opening = next_opening(&windows, at(now)).unwrap();
        assert_eq!(opening.timestamp(), at(next), "{now}");
    }
}

#[test]
fn the_end_of_time_has_no_next_opening() {
    let window = window("06:00-08:00 UTC (mon)");
    assert_eq!(window.next_opening(Timestamp::MAX), None);
    assert!(!window.is_open(Timestamp::MIN) || window.next_opening(Timestamp::MIN).is_some());
}

#[test]
fn the_interval_starts_at_the_last_trigger_if_there_is_one() {
    let half_an_hour = Duration::from_secs(1800);
    let end = Some(Timestamp::MAX);
    let now = at("2026-11-23T08:00:00Z");
    assert_eq!(too_early(None, half_an_hour, now), None);
    assert_eq!(too_early(end, half_an_hour, now), end);
    let sent = Some(at("2026-11-23T08:00:00Z"));
    for (now, again) in [
        ("2026-11-23T08:00:00Z", Some("2026-11-23T08:30:00Z")),
        ("2026-11-23T08:29:59.999Z", Some("2026-11-23T08:30:00Z")),
        ("2026-11-23T08:30:00Z", None),
        ("2026-11-24T08:00:00Z", None),
        // Another machine's clock is ahead.
        ("2026-11-23T07:59:00Z", Some("2026-11-23T08:30:00Z")),
    ] {
        let found = too_early(sent, half_an_hour, at(now));
        assert_eq!(found, again.map(at), "{now}");
    }
}
