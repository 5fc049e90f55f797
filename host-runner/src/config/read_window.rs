//! Reads `window`: `"06:00-20:00 Europe/Copenhagen"`, the same as keys, or a list of such.

use jiff::tz::TimeZone;

use super::fault::Fault;
use super::keys;
use super::reader::{Item, Reader, Section};
use super::tree::Value;
use crate::guard::{Day, TimeOfDay, Window};

const EXAMPLE: &str = "write it as in \"06:00-20:00 Europe/Copenhagen\"";

/// One window or several.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<Window>> {
    if !matches!(item.node.value, Value::List(_)) {
        return one(reader, item).map(|window| vec![window]);
    }
    let items = reader.list(item)?;
    if items.is_empty() {
        return reader.bad(
            item,
            "this list is empty, so it would never be open",
            "name windows, or take the key out".to_owned(),
        );
    }
    let all: Vec<Option<Window>> = items.iter().map(|item| one(reader, item)).collect();
    all.into_iter().collect()
}

fn one(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Window> {
    if !matches!(item.node.value, Value::Map(_)) {
        return reader.parsed(item, from_text);
    }
    let section = reader.section(item, &keys::WINDOW)?;
    let from = time(reader, &section, "from", "from: 06:00");
    let to = time(reader, &section, "to", "to: 20:00");
    let zone = reader
        .required(&section, "zone", "zone: Europe/Copenhagen")
        .and_then(|item| reader.parsed(&item, zone));
    let days = match section.get("days") {
        Some(item) => days(reader, &item),
        None => Some(every_day()),
    };
    match window(from?, to?, &days?, zone?) {
        Ok(window) => Some(window),
        Err(fault) => reader.wrong(item.node.at, &item.path, fault),
    }
}

fn from_text(text: &str) -> Result<Window, Fault> {
    let text = text.trim();
    let bad = |what: &str| Fault::BadValue {
        what: what.to_owned(),
        hint: EXAMPLE.to_owned(),
    };
    let (hours, name) = match text.rsplit_once(char::is_whitespace) {
        Some((hours, name)) if !name.starts_with(|c: char| c.is_ascii_digit()) => (hours, name),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => {
            return Err(bad("this window has no time zone"));
        }
        _ => return Err(bad("this is not a window")),
    };
    let (from, to) = hours
        .split_once(['-', '–'])
        .ok_or_else(|| bad("this is not a window"))?;
    let clock = |text: &str| TimeOfDay::parse(text.trim()).ok_or_else(no_time);
    window(clock(from)?, clock(to)?, &every_day(), zone(name)?)
}

/// A window of these hours and days; one that would be empty is refused.
pub(crate) fn window(
    from: TimeOfDay,
    to: TimeOfDay,
    days: &[Day],
    zone: TimeZone,
) -> Result<Window, Fault> {
    Window::new(from, to, days, zone).ok_or_else(|| Fault::BadValue {
        what: "this window begins where it ends, or at the end of the day".to_owned(),
        hint: "for the whole day write 00:00 to 24:00".to_owned(),
    })
}

fn time(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    key: &'static str,
    example: &'static str,
) -> Option<TimeOfDay> {
    let item = reader.required(section, key, example)?;
    reader.parsed(&item, |text| {
        TimeOfDay::parse(text.trim()).ok_or_else(no_time)
    })
}

fn no_time() -> Fault {
    Fault::BadValue {
        what: "this is not a time of day".to_owned(),
        hint: "write it as in 06:00; the end of the day is 24:00".to_owned(),
    }
}

/// A time zone by its name. Offsets such as `+01:00` know no summer time, and letters such as `CST`
/// mean several zones.
pub(crate) fn zone(text: &str) -> Result<TimeZone, Fault> {
    TimeZone::get(text.trim()).map_err(|_| Fault::BadValue {
        what: "this time zone is not known".to_owned(),
        hint: "write a name of the IANA time zones, as in Europe/Copenhagen or UTC".to_owned(),
    })
}

fn days(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<Day>> {
    let items = reader.list(item)?;
    if items.is_empty() {
        return reader.bad(
            item,
            "this list is empty, so it would never be open",
            "name days, as in `[mon, tue]`, or leave the key out for all of them".to_owned(),
        );
    }
    let all: Vec<Option<Day>> = items
        .iter()
        .map(|item| reader.word(item, &Day::ALL))
        .collect();
    all.into_iter().collect()
}

fn every_day() -> Vec<Day> {
    Day::ALL.map(|(_, day)| day).to_vec()
}
