//! Durations as people write them: `30s`, `5m`, `3h30m`, `1500ms`, and ISO 8601's `PT90M`.
//!
//! Refuses a number without a unit, which means seconds to one reader and minutes to the next, and
//! days, which are not always 24 hours long. Zero is refused too: none of the settings has a use
//! for it, and it is what a slip of the finger leaves behind.

use std::time::Duration;

use jiff::SignedDuration;

use super::fault::Fault;

/// The longest duration that makes sense: a flow's run ends after 30 days by itself
/// (Power Automate's limits).
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The duration that a text means; at least a millisecond.
pub fn parse_duration(text: &str) -> Result<Duration, Fault> {
    let text = text.trim();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(bad("a duration without a unit"));
    }
    let signed: SignedDuration = text.parse().map_err(|_| {
        bad(if text.contains(['d', 'D', 'w', 'W']) {
            "not a duration of hours, minutes and seconds"
        } else {
            "not a duration"
        })
    })?;
    let duration = Duration::try_from(signed).map_err(|_| bad("a negative duration"))?;
    if duration < Duration::from_millis(1) {
        return Err(bad("a duration of less than a millisecond"));
    }
    if duration > LONGEST {
        return Err(bad("a duration of more than 30 days"));
    }
    Ok(duration)
}

fn bad(what: &str) -> Fault {
    Fault::BadValue {
        what: format!("this is {what}"),
        hint: "write numbers with units, as in 30s, 5m, 3h30m, 1500ms or PT90M (a day is 24h)"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_is_understood() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("5m", 300_000),
            ("3h30m", 12_600_000),
            ("1500ms", 1500),
            ("PT90M", 5_400_000),
            (" 1h ", 3_600_000),
        ] {
            assert_eq!(
                parse_duration(text).unwrap(),
                Duration::from_millis(milliseconds),
                "{text}"
            );
        }
    }

    #[test]
    fn a_bad_duration_says_how_to_write_one() {
        for (text, what) in [
            ("30", "this is a duration without a unit"),
            ("0s", "this is a duration of less than a millisecond"),
            ("10us", "this is a duration of less than a millisecond"),
            ("-5m", "this is a negative duration"),
            ("1d", "this is not a duration of hours, minutes and seconds"),
            ("soon", "this is not a duration"),
            ("", "this is not a duration"),
            ("900h", "this is a duration of more than 30 days"),
        ] {
            let fault = parse_duration(text).unwrap_err();
            assert_eq!(
                (fault.code(), fault.to_string().as_str()),
                ("invalid_value", what),
                "{text}"
            );
            assert!(fault.hint().contains("3h30m"));
        }
    }
}
