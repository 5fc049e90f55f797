//! Single values and their rules: ids, names, numbers, addresses, durations, windows.
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
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::error::{Fault, shown_target};
use super::trigger_url::require_a_safe_place;
use crate::guard::{Day, TimeOfDay, Window};

/// The longest duration. The run of a flow ends after 30 days (Power Automate's limits).
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Microsoft's limit for a model refresh with all its attempts, in seconds.
const LONGEST_REFRESH: u32 = 24 * 3600;

const WINDOW: &str = "write it as in \"06:00-20:00 Europe/Copenhagen\"";

/// Text, or a number as text.
#[derive(Debug, Deserialize)]
#[serde(rename = "scalar")]
pub struct Scalar(pub(crate) String);

/// An integer in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Scalar")]
#[schemars(with = "i64", inline, extend("minimum" = MIN, "maximum" = MAX))]
pub struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> TryFrom<Scalar> for Whole<MIN, MAX> {
    type Error = Fault;

    fn try_from(Scalar(text): Scalar) -> Result<Self, Fault> {
        let number = text.trim().parse().ok();
        let fits = number.filter(|number| (MIN..=MAX).contains(number));
        fits.map(Self).ok_or_else(|| {
            let what = format!("expected an integer between {MIN} and {MAX}");
            Fault::bad(what, format!("write a number from {MIN} to {MAX}"))
        })
    }
}

/// Text that is not blank, kept exactly.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub(crate) struct Filled(pub(crate) String);

impl TryFrom<String> for Filled {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Err(Fault::bad(
                "this text is empty",
                "write a value, or remove the key",
            ));
        }
        Ok(Self(text))
    }
}

/// A list with at least one entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename = "filled list")]
#[schemars(inline, extend("minItems" = 1))]
pub(crate) struct FilledList<T>(pub(crate) Vec<T>);

/// A short form, or keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by shape", rename_all = "lowercase")]
#[schemars(untagged, inline)]
pub(crate) enum TextOr<K, T = String> {
    Text(T),
    Keys(K),
}

/// Reads text that has to follow a rule.
pub(crate) fn ruled<'de, D: Deserializer<'de>, T>(
    source: D,
    rule: impl Fn(&str) -> Result<T, Fault>,
) -> Result<T, D::Error> {
    let text = String::deserialize(source)?;
    if let Some(around) = around(text.trim()) {
        let hint = "remove them: in a variable and in a file they are part of the value";
        return Err(D::Error::custom(Fault::bad(
            format!("this has {around} around it"),
            hint,
        )));
    }
    rule(&text).map_err(D::Error::custom)
}

/// What is around a text and hardly part of it: `blanks` or `quotes`.
pub(crate) fn around(text: &str) -> Option<&'static str> {
    let is_blank = |c: char| c.is_whitespace() || c == '\u{200b}';
    let is_quote = |c: char| "\"'`“”„‘’".contains(c);
    match text {
        _ if text.starts_with(is_blank) || text.ends_with(is_blank) => Some("blanks"),
        _ if text.starts_with(is_quote) && text.ends_with(is_quote) => Some("quotes"),
        _ => None,
    }
}

/// The word of a value in the contract with the component, which is its serialized form.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Whether a text is a GUID in its usual form, in any case.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// A GUID in lower case.
fn guid(text: &str) -> Option<String> {
    let text = text.trim();
    is_guid(text).then(|| text.to_ascii_lowercase())
}

/// The id of a workspace or an item, as a GUID in lower case, or its exact name. A name that the
/// service could not list is refused.
pub(crate) fn id_or_name<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    ruled(source, |text| {
        let bad = |what: &str| {
            let hint = "give the id from the address in the browser, or the exact name";
            Err(Fault::bad(what, hint))
        };
        match guid(text) {
            Some(id) => Ok(id),
            None if text.trim().is_empty() => bad("this name is empty"),
            None if text.trim() != text => bad("this name has blanks around it"),
            None if text.chars().any(char::is_control) => {
                bad("this name contains a line break or another control character")
            }
            None => Ok(text.to_owned()),
        }
    })
}

/// A tenant's id or one of its domains. It becomes part of a path, so it contains nothing else.
pub(crate) fn tenant<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    ruled(source, |text| {
        let text = text.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let is_domain = text.contains('.') && !text.contains("..") && !text.starts_with('.');
        match guid(text) {
            Some(id) => Ok(id),
            None if is_domain && text.chars().all(fits) => Ok(text.to_ascii_lowercase()),
            None => Err(Fault::bad(
                "this is not a tenant",
                "give the tenant's id, a GUID, or one of its domains, as in example.onmicrosoft.com",
            )),
        }
    })
}

/// An application's id.
pub(crate) fn client_id<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    let hint = "copy \"Application (client) ID\" from the app registration in Entra";
    ruled(source, |text| {
        guid(text).ok_or_else(|| Fault::bad("this is not a GUID", hint))
    })
}

/// Checks the name of a target.
pub(crate) fn target_name(name: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.contains('-') {
        "Kestra's expressions read `a-b` as a subtraction"
    } else {
        "Kestra's expressions can use lower-case letters, digits and `_` only"
    };
    let shown = shown_target(name);
    let proposal: String = shown
        .unwrap_or_default()
        .to_lowercase()
        .chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect();
    let proposal = match proposal.trim_matches('_') {
        "" => "my_target",
        trimmed => trimmed,
    };
    let name = shown.unwrap_or("…");
    let what = format!("`{name}` is not a valid target name: {reason}");
    let hint = format!("call it `{proposal}`");
    Err(Fault::new("invalid_target_name", what, hint))
}

/// The base address of a service, without a slash at its end.
pub(crate) fn endpoint(text: &str, allow_loopback: bool) -> Result<String, Fault> {
    let bad = |reason: &str| {
        let what = format!("not the address of a service: {reason}");
        Fault::bad(what, "write it as in https://api.powerbi.com")
    };
    let url = Url::parse(text.trim());
    let url = url.map_err(|_| bad("it does not start with https:// and a host"))?;
    require_a_safe_place(&url, allow_loopback, bad)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it has a query or a fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A duration with units, as in 30s, 5m, 3h30m or PT90M.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Scalar")]
#[schemars(try_from = "String", inline)]
pub struct Span(#[schemars(with = "String")] pub Duration);

impl Span {
    /// The duration as the component gets it.
    pub(crate) fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl TryFrom<Scalar> for Span {
    type Error = Fault;

    // To YAML `30` is a number.
    fn try_from(Scalar(text): Scalar) -> Result<Self, Fault> {
        Ok(Self(parse_duration(&text)?))
    }
}

/// A duration of at most a day in whole seconds, as Microsoft counts them for a model.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(try_from = "Span")]
#[schemars(inline)]
pub(crate) struct RefreshTimeout(#[schemars(with = "String")] pub(crate) u32);

impl TryFrom<Span> for RefreshTimeout {
    type Error = Fault;

    fn try_from(Span(span): Span) -> Result<Self, Fault> {
        if span.subsec_nanos() != 0 {
            let what = "Microsoft counts this in whole seconds";
            return Err(Fault::bad(what, "write it as in 90m or 5h"));
        }
        let seconds = u32::try_from(span.as_secs()).ok();
        let fits = seconds.filter(|seconds| *seconds <= LONGEST_REFRESH);
        fits.map(Self).ok_or_else(|| {
            let what = "Microsoft ends a refresh after 24 hours, including its own retries";
            Fault::bad(what, "write at most 24h")
        })
    }
}

/// A day, as in 2026-11-23.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub(crate) struct CalendarDay(pub(crate) String);

impl TryFrom<String> for CalendarDay {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        match text.parse::<Date>() {
            // Microsoft takes `YYYY-MM-DD` only.
            Ok(date) if date.to_string() == text => Ok(Self(text)),
            _ => Err(Fault::bad(
                "this is not a date",
                "write it as in 2026-11-23",
            )),
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
#[serde(try_from = "TextOr<WindowKeys>")]
#[schemars(inline)]
pub(crate) struct OneWindow(#[schemars(with = "TextOr<WindowKeys>")] Window);

/// A window as keys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Window")]
struct WindowKeys {
    /// When it opens.
    #[serde(deserialize_with = "self::time_of_day")]
    #[schemars(with = "String", example = &"06:00")]
    from: TimeOfDay,
    /// When it closes; the end of the day is 24:00.
    #[serde(deserialize_with = "self::time_of_day")]
    #[schemars(with = "String", example = &"20:00")]
    to: TimeOfDay,
    /// A name of the IANA time zones.
    #[serde(deserialize_with = "time_zone")]
    #[schemars(with = "String", example = &"Europe/Copenhagen")]
    zone: TimeZone,
    /// The days on which it opens; without it every day.
    days: Option<FilledList<Day>>,
}

fn time_of_day<'de, D: Deserializer<'de>>(source: D) -> Result<TimeOfDay, D::Error> {
    ruled(source, clock)
}

fn time_zone<'de, D: Deserializer<'de>>(source: D) -> Result<TimeZone, D::Error> {
    ruled(source, zone)
}

impl TryFrom<TextOr<WindowKeys>> for OneWindow {
    type Error = Fault;

    fn try_from(form: TextOr<WindowKeys>) -> Result<Self, Fault> {
        let keys = match form {
            TextOr::Text(text) => keys_of_text(&text)?,
            TextOr::Keys(keys) => keys,
        };
        let days = match keys.days {
            Some(FilledList(days)) => days,
            None => Day::ALL.map(|(_, day)| day).to_vec(),
        };
        let window = Window::new(keys.from, keys.to, &days, keys.zone);
        window.map(Self).ok_or_else(|| {
            Fault::bad(
                "this window starts where it ends, or at the end of the day",
                "for the whole day write 00:00 to 24:00",
            )
        })
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

fn keys_of_text(text: &str) -> Result<WindowKeys, Fault> {
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
    Ok(WindowKeys {
        from: clock(from)?,
        to: clock(to)?,
        zone: zone(name)?,
        days: None,
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

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    fn source(text: &str) -> StrDeserializer<'_, Error> {
        text.into_deserializer()
    }

    #[test]
    fn an_id_is_a_guid_in_any_case_and_anything_else_is_a_name() {
        let guid = "3333333a-3333-3333-3333-333333333333";
        let read = id_or_name(source(&format!(" {} ", guid.to_uppercase())));
        assert_eq!(read.unwrap(), guid);
        for name in [
            "Data Admin",
            "Größe & Gewicht / 100 %",
            "33333333333333333333333333333333",
            "{33333333-3333-3333-3333-333333333333}",
            "G3333333-3333-3333-3333-333333333333",
            "33333333-3333-3333-3333-3333333333333",
        ] {
            assert_eq!(id_or_name(source(name)).unwrap(), name);
            assert!(!is_guid(name), "{name}");
        }
        for (text, word) in [
            ("", "empty"),
            (" \t", "empty"),
            (" Data Admin", "blanks around"),
            ("Data Admin\n", "blanks around"),
            ("Data\nAdmin", "line break"),
        ] {
            let error = id_or_name(source(text)).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_tenant_is_a_guid_or_a_domain_and_cannot_leave_its_place_in_the_path() {
        for (text, expected) in [
            ("11111111-1111-1111-1111-111111111111", true),
            ("Example.onmicrosoft.com", true),
            ("a/../b.c", false),
            ("common", false),
            ("..", false),
            ("a b.c", false),
            (".a", false),
        ] {
            assert_eq!(tenant(source(text)).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_kestra_cannot_use_is_refused_with_one_that_it_can() {
        assert!(target_name("order_list_2").is_ok());
        for (name, word, proposal) in [
            ("order-list", "subtraction", "order_list"),
            ("OrderList", "lower-case", "orderlist"),
            ("order list!", "lower-case", "order_list"),
            ("", "empty", "my_target"),
            ("https://INVENTED/?sig=INVENTED", "`…`", "my_target"),
        ] {
            let fault = target_name(name).unwrap_err();
            let shown = format!("{fault:#} {fault:?}");
            assert_eq!(fault.code(), "invalid_target_name");
            assert!(shown.contains(word), "{shown}");
            assert!(!shown.contains("INVENTED"), "{shown}");
            assert_eq!(fault.hint(), format!("call it `{proposal}`"));
        }
    }

    #[test]
    fn an_endpoint_is_encrypted_and_only_an_address() {
        for (text, loopback, expected) in [
            ("https://API.example/", false, Ok("https://api.example")),
            (
                "https://api.example:8443/base/",
                false,
                Ok("https://api.example:8443/base"),
            ),
            ("http://127.0.0.1:1", true, Ok("http://127.0.0.1:1")),
            ("http://api.example", true, Err("url_not_https")),
            ("http://api.example", false, Err("url_not_https")),
            ("http://127.0.0.1:1", false, Err("url_not_https")),
            ("https://localhost:1", false, Err("loopback_not_allowed")),
            ("api.example", false, Err("invalid_value")),
            ("ftp://api.example", false, Err("invalid_value")),
            (
                "https://u:INVENTED@api.example",
                false,
                Err("invalid_value"),
            ),
            ("https://api.example/?x=1", false, Err("invalid_value")),
            ("https://api.example./", false, Err("invalid_value")),
        ] {
            let found = endpoint(text, loopback);
            assert!(!format!("{found:?}").contains("INVENTED"), "{found:?}");
            let found = found.as_deref().map_err(Fault::code);
            assert_eq!(found, expected, "{text}");
        }
    }

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
