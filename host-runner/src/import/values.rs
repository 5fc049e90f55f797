//! Single values of an old file, as their author meant them.

use super::keys::Unit;
use crate::config::tree::{Node, Value};
use crate::config::words::list;
use crate::config::{Fault, parse_duration};
use crate::guard::{Day, TimeOfDay};

/// A text, or what can be written as one.
pub(super) fn text(node: &Node) -> Result<String, Fault> {
    match &node.value {
        Value::Text(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Value::Text(_) | Value::Null => {
            Err(bad("this is empty", "give it a value, or take it out"))
        }
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(yes) => Ok(yes.to_string()),
        Value::List(_) | Value::Map(_) => Err(bad(
            &format!("this is {}, and one value is wanted", node.value.kind()),
            "write one value; of several targets import one after the other",
        )),
    }
}

/// True or false, in the words of YAML 1.1 too, which the script may have been read with.
pub(super) fn truth(node: &Node) -> Result<bool, Fault> {
    let text = text(node)?.to_lowercase();
    match text.as_str() {
        "true" | "yes" | "on" | "1" | "y" => Ok(true),
        "false" | "no" | "off" | "0" | "n" => Ok(false),
        _ => Err(bad(
            "this is neither true nor false",
            "write `true` or `false`",
        )),
    }
}

/// A duration; a number without a unit is of `unit`, else of seconds, as scripts mean it. As our
/// configuration has it.
pub(super) fn duration(node: &Node, unit: Option<Unit>) -> Result<String, Fault> {
    let text = text(node)?;
    let bare = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let meant = if bare {
        format!("{text}{}", unit.unwrap_or(Unit::Seconds).suffix())
    } else {
        text
    };
    let duration = parse_duration(&meant)?;
    let milliseconds = duration.as_millis();
    Ok(if milliseconds % 1000 == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{milliseconds}ms")
    })
}

/// A whole number from `least` to `most`.
pub(super) fn whole(node: &Node, least: u32, most: u32) -> Result<u32, Fault> {
    text(node)?
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            bad(
                &format!("this is no whole number from {least} to {most}"),
                "write the number, or take the key out",
            )
        })
}

/// A time of day: an hour, or an hour and its minutes. As our configuration has it.
pub(super) fn clock(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let hour = (1..=2).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
    let meant = match (
        hour,
        text.strip_suffix(":00").filter(|rest| rest.contains(':')),
    ) {
        (true, _) => format!("{text}:00"),
        (false, Some(without_seconds)) => without_seconds.to_owned(),
        (false, None) => text.to_owned(),
    };
    TimeOfDay::parse(&meant)
        .map(|clock| clock.to_string())
        .ok_or_else(|| bad("this is not a time of day", "write it as in 09:00 or 9"))
}

/// `09:00-17:00`, with or without a zone after it.
pub(super) fn hours(text: &str) -> Result<(String, String, Option<String>), Fault> {
    let shape = || {
        bad(
            "this is neither true nor false, nor hours",
            "write it as in \"09:00-17:00 Australia/Brisbane\"",
        )
    };
    let (hours, zone) = match text.trim().rsplit_once(char::is_whitespace) {
        Some((hours, zone)) if zone.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            (hours, Some(zone.to_owned()))
        }
        _ => (text.trim(), None),
    };
    let (from, to) = hours.split_once(['-', '–']).ok_or_else(shape)?;
    Ok((clock(from)?, clock(to)?, zone))
}

/// Days of the week, as our configuration has them.
pub(super) fn days(node: &Node) -> Result<Vec<&'static str>, Fault> {
    let texts: Vec<String> = match &node.value {
        Value::List(nodes) => nodes.iter().map(text).collect::<Result<_, _>>()?,
        _ => text(node)?.split([',', ' ']).map(str::to_owned).collect(),
    };
    let mut days: Vec<&'static str> = Vec::new();
    for word in texts.iter().filter(|word| !word.trim().is_empty()) {
        for day in span_of_days(word.trim())? {
            if !days.contains(&day) {
                days.push(day);
            }
        }
    }
    if days.is_empty() {
        return Err(no_days());
    }
    Ok(days)
}

fn span_of_days(word: &str) -> Result<Vec<&'static str>, Fault> {
    let names: Vec<&'static str> = Day::ALL.iter().map(|(name, _)| *name).collect();
    let word = word.to_lowercase();
    let (from, to) = match word.as_str() {
        "weekdays" => (0, 4),
        word => match word.split_once('-') {
            Some((from, to)) => (day(&names, from)?, day(&names, to)?),
            None => (day(&names, word)?, day(&names, word)?),
        },
    };
    let to = if to < from { to + names.len() } else { to };
    Ok(names
        .iter()
        .cycle()
        .skip(from)
        .take(to.saturating_sub(from) + 1)
        .copied()
        .collect())
}

/// The place of a day in the week, by its name or the beginning of it. Numbers are refused: Monday
/// is 0 in Python and 1 in cron.
fn day(names: &[&'static str], word: &str) -> Result<usize, Fault> {
    const WHOLE: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let word = word.trim();
    let place = WHOLE
        .iter()
        .position(|whole| word.len() >= 3 && whole.starts_with(word));
    place
        .filter(|place| *place < names.len())
        .ok_or_else(no_days)
}

fn no_days() -> Fault {
    let names: Vec<&str> = Day::ALL.iter().map(|(name, _)| *name).collect();
    bad(
        "these are no days of the week",
        &format!("write names out of {}", list(&names)),
    )
}

/// The fault of a value that makes no sense.
pub(super) fn bad(what: &str, hint: &str) -> Fault {
    Fault::BadValue {
        what: what.to_owned(),
        hint: hint.to_owned(),
    }
}
