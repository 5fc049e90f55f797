//! Windows on ordinary days and on days on which the clocks change; the minimum interval.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{Day, TimeOfDay, Window, is_open, next_opening, too_early};

const EVERY_DAY: [Day; 7] = [
    Day::Mon,
    Day::Tue,
    Day::Wed,
    Day::Thu,
    Day::Fri,
    Day::Sat,
    Day::Sun,
];

fn window_on(hours: &str, zone: &str, days: &[Day]) -> Window {
    let (from, to) = hours.split_once('-').unwrap();
    let zone = TimeZone::get(zone).unwrap();
    let clock = |text| TimeOfDay::parse(text).unwrap();
    Window::new(clock(from), clock(to), days, zone).unwrap()
}

fn window(hours: &str, zone: &str) -> Window {
    window_on(hours, zone, &EVERY_DAY)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Whether it is open at these moments, and when it opens next where it is not.
#[track_caller]
fn opens(window: &Window, moments: &[(&str, Option<&str>)]) {
    for (now, next) in moments {
        let next = next.map_or_else(|| at(now), at);
        let opening = window.next_opening(at(now));
        assert_eq!(opening, Some(next), "{window} after {now}");
        assert_eq!(
            window.is_open(at(now)),
            next == at(now),
            "{window} at {now}"
        );
        // It is not open a moment before it opens.
        if next > at(now) {
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
    let zone = || TimeZone::get("Europe/Copenhagen").unwrap();
    let clock = |text| TimeOfDay::parse(text).unwrap();
    for (from, to, days) in [
        ("06:00", "06:00", &EVERY_DAY[..]),
        ("24:00", "06:00", &EVERY_DAY[..]),
        ("06:00", "20:00", &[][..]),
    ] {
        assert_eq!(Window::new(clock(from), clock(to), days, zone()), None);
    }
}

#[test]
fn a_window_prints_as_it_is_written() {
    assert_eq!(
        window("06:00-20:00", "Europe/Copenhagen").to_string(),
        "06:00-20:00 Europe/Copenhagen"
    );
    let weekend = window_on("22:00-4:00", "UTC", &[Day::Sun, Day::Fri, Day::Fri]);
    assert_eq!(weekend.to_string(), "22:00-04:00 UTC (fri, sun)");
}

#[test]
fn a_window_is_open_from_its_start_to_just_before_its_end() {
    // UTC+1 in winter.
    opens(
        &window("06:00-20:00", "Europe/Copenhagen"),
        &[
            ("2026-11-23T04:59:59.999Z", Some("2026-11-23T05:00:00Z")),
            ("2026-11-23T05:00:00Z", None),
            ("2026-11-23T18:59:59.999Z", None),
            ("2026-11-23T19:00:00Z", Some("2026-11-24T05:00:00Z")),
            ("2026-11-23T23:30:00Z", Some("2026-11-24T05:00:00Z")),
        ],
    );
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_starts() {
    // Brisbane is at UTC+10 all year. 2026-11-27 is a Friday.
    opens(
        &window_on("22:00-04:00", "Australia/Brisbane", &[Day::Fri]),
        &[
            ("2026-11-26T18:00:00Z", Some("2026-11-27T12:00:00Z")),
            ("2026-11-27T11:59:59Z", Some("2026-11-27T12:00:00Z")),
            ("2026-11-27T12:00:00Z", None),
            ("2026-11-27T14:00:00Z", None),
            ("2026-11-27T17:59:59Z", None),
            ("2026-11-27T18:00:00Z", Some("2026-12-04T12:00:00Z")),
            ("2026-11-28T12:00:00Z", Some("2026-12-04T12:00:00Z")),
        ],
    );
}

#[test]
fn a_window_to_the_end_of_the_day_meets_that_of_the_next_day() {
    let all = window("00:00-24:00", "Australia/Brisbane");
    opens(
        &all,
        &[
            ("2026-11-23T13:59:59Z", None),
            ("2026-11-23T14:00:00Z", None),
        ],
    );
    let monday = window_on("00:00-24:00", "Australia/Brisbane", &[Day::Mon]);
    opens(
        &monday,
        &[
            ("2026-11-22T13:59:59Z", Some("2026-11-22T14:00:00Z")),
            ("2026-11-23T13:59:59Z", None),
            ("2026-11-23T14:00:00Z", Some("2026-11-29T14:00:00Z")),
        ],
    );
}

#[test]
fn a_zone_without_daylight_saving_has_the_same_hours_all_year() {
    let window = window("06:00-20:00", "Australia/Brisbane");
    for day in ["2026-01-15", "2026-04-05", "2026-07-15", "2026-10-04"] {
        let opening = at(&format!("{day}T00:00:00Z")) - 4.hours();
        opens(
            &window,
            &[
                (
                    &(opening - 1.second()).to_string(),
                    Some(&opening.to_string()),
                ),
                (&opening.to_string(), None),
                (&(opening + 14.hours() - 1.second()).to_string(), None),
            ],
        );
        assert!(!window.is_open(opening + 14.hours()));
    }
}

// In Copenhagen the clock goes from 02:00 to 03:00 on 2026-03-29 at 01:00 UTC, and from 03:00 back
// to 02:00 on 2026-10-25 at 01:00 UTC.

#[test]
fn a_window_keeps_its_wall_clock_hours_when_daylight_saving_starts_and_ends() {
    opens(
        &window("06:00-20:00", "Europe/Copenhagen"),
        &[
            ("2026-03-28T19:00:00Z", Some("2026-03-29T04:00:00Z")),
            ("2026-03-29T18:00:00Z", Some("2026-03-30T04:00:00Z")),
            ("2026-10-24T18:00:00Z", Some("2026-10-25T05:00:00Z")),
            ("2026-10-25T18:59:59Z", None),
        ],
    );
}

#[test]
fn a_start_in_the_skipped_hour_is_the_end_of_that_hour() {
    opens(
        &window("02:30-05:00", "Europe/Copenhagen"),
        &[
            ("2026-03-29T00:59:59Z", Some("2026-03-29T01:00:00Z")),
            ("2026-03-29T01:00:00Z", None),
            ("2026-03-29T02:59:59Z", None),
            ("2026-03-29T03:00:00Z", Some("2026-03-30T00:30:00Z")),
        ],
    );
}

#[test]
fn a_window_within_the_skipped_hour_does_not_open_that_day() {
    let daily = window("02:15-02:45", "Europe/Copenhagen");
    opens(
        &daily,
        &[
            ("2026-03-29T00:59:59Z", Some("2026-03-30T00:15:00Z")),
            ("2026-03-29T01:00:00Z", Some("2026-03-30T00:15:00Z")),
        ],
    );
    let weekly = window_on("02:15-02:45", "Europe/Copenhagen", &[Day::Sun]);
    opens(
        &weekly,
        &[("2026-03-23T00:00:00Z", Some("2026-04-05T00:15:00Z"))],
    );
}

#[test]
fn the_repeated_hour_counts_twice() {
    opens(
        &window("02:15-02:45", "Europe/Copenhagen"),
        &[
            ("2026-10-25T00:00:00Z", Some("2026-10-25T00:15:00Z")),
            ("2026-10-25T00:44:59Z", None),
            ("2026-10-25T00:45:00Z", Some("2026-10-25T01:15:00Z")),
            ("2026-10-25T01:44:59Z", None),
            ("2026-10-25T01:45:00Z", Some("2026-10-26T01:15:00Z")),
        ],
    );
}

#[test]
fn a_clock_set_back_into_a_window_opens_it_again() {
    opens(
        &window("01:00-02:30", "Europe/Copenhagen"),
        &[
            ("2026-10-25T00:29:59Z", None),
            ("2026-10-25T00:30:00Z", Some("2026-10-25T01:00:00Z")),
            ("2026-10-25T01:29:59Z", None),
            ("2026-10-25T01:30:00Z", Some("2026-10-26T00:00:00Z")),
        ],
    );
}

#[test]
fn a_window_over_midnight_ends_by_the_clock_on_the_day_of_the_change() {
    // 2026-03-28 and 2026-10-24 are Saturdays; the changes are in the nights after them.
    let night = window_on("22:00-04:00", "Europe/Copenhagen", &[Day::Sat]);
    opens(
        &night,
        &[
            ("2026-03-28T20:59:59Z", Some("2026-03-28T21:00:00Z")),
            // Five hours long.
            ("2026-03-29T01:59:59Z", None),
            ("2026-03-29T02:00:00Z", Some("2026-04-04T20:00:00Z")),
            ("2026-10-24T20:00:00Z", None),
            // Seven hours long.
            ("2026-10-25T02:59:59Z", None),
            ("2026-10-25T03:00:00Z", Some("2026-10-31T21:00:00Z")),
        ],
    );
}

#[test]
fn clocks_may_change_at_midnight() {
    // Santiago: on 2026-09-06 the clock goes from 00:00 to 01:00 (04:00 UTC).
    opens(
        &window("00:30-06:00", "America/Santiago"),
        &[
            ("2026-09-06T03:59:59Z", Some("2026-09-06T04:00:00Z")),
            ("2026-09-06T08:59:59Z", None),
        ],
    );
    // On 2026-04-05 it goes from 00:00 back to 23:00 of the day before (03:00 UTC).
    let saturday = window_on("23:30-24:00", "America/Santiago", &[Day::Sat]);
    opens(
        &saturday,
        &[
            ("2026-04-05T02:59:59Z", None),
            ("2026-04-05T03:00:00Z", Some("2026-04-05T03:30:00Z")),
            ("2026-04-05T03:59:59Z", None),
            ("2026-04-05T04:00:00Z", Some("2026-04-12T03:30:00Z")),
        ],
    );
}

#[test]
fn several_windows_are_open_if_one_of_them_is() {
    let windows = [
        window("06:00-08:00", "Australia/Brisbane"),
        window("06:00-08:00", "Europe/Copenhagen"),
    ];
    for (now, open, next) in [
        ("2026-11-23T20:30:00Z", true, "2026-11-23T20:30:00Z"),
        ("2026-11-23T22:00:00Z", false, "2026-11-24T05:00:00Z"),
        ("2026-11-24T07:00:00Z", false, "2026-11-24T20:00:00Z"),
    ] {
        assert_eq!(is_open(&windows, at(now)), open, "{now}");
        assert_eq!(next_opening(&windows, at(now)), Some(at(next)), "{now}");
    }
}

#[test]
fn without_windows_it_is_always_open() {
    let now = at("2026-11-23T08:00:00Z");
    assert!(is_open(&[], now));
    assert_eq!(next_opening(&[], now), Some(now));
}

#[test]
fn the_end_of_time_has_no_next_opening() {
    let window = window_on("06:00-08:00", "UTC", &[Day::Mon]);
    assert_eq!(window.next_opening(Timestamp::MAX), None);
    assert!(!window.is_open(Timestamp::MIN) || window.next_opening(Timestamp::MIN).is_some());
}

#[test]
fn the_interval_starts_at_the_last_trigger() {
    let half_an_hour = Duration::from_secs(1800);
    let sent = Some(at("2026-11-23T08:00:00Z"));
    for (now, again) in [
        ("2026-11-23T08:00:00Z", Some("2026-11-23T08:30:00Z")),
        ("2026-11-23T08:29:59.999Z", Some("2026-11-23T08:30:00Z")),
        ("2026-11-23T08:30:00Z", None),
        ("2026-11-24T08:00:00Z", None),
        // Another machine's clock is ahead.
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
fn the_interval_may_end_after_the_end_of_time() {
    let day = Duration::from_secs(86_400);
    let last = Some(Timestamp::MAX);
    assert_eq!(
        too_early(last, day, at("2026-11-23T08:00:00Z")),
        Some(Timestamp::MAX)
    );
}
