//! Reading and writing the services' JSON.
//!
//! The services' documents are incomplete, so reading is lenient: every field is optional and keeps
//! its JSON text, a number stays the digits that were sent, a value of an unexpected type counts as
//! missing, and an unusable row costs only itself. A missing list is an unreadable response, never
//! an empty list. Errors of the parser are dropped, because their texts quote the input.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ports::HttpAnswer;
use crate::redact::cut;
use crate::time::Moment;

/// The most bytes of an id or a name that are read: a name in Fabric has up to 256 characters.
const TEXT_LIMIT: usize = 1024;

/// The value of a field, if it is there and not null.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(transparent, bound(deserialize = "'de: 'a"))]
pub(super) struct Field<'a>(Option<&'a RawValue>);

/// A list and the token of its next page.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct List<'a> {
    value: Field<'a>,
    continuation_token: Field<'a>,
}

/// An entry of a list, or a run's own page: the fields of all services together.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Row<'a> {
    pub(super) id: Field<'a>,
    pub(super) object_id: Field<'a>,
    pub(super) name: Field<'a>,
    pub(super) display_name: Field<'a>,
    pub(super) generation: Field<'a>,
    pub(super) request_id: Field<'a>,
    pub(super) refresh_type: Field<'a>,
    pub(super) invoke_type: Field<'a>,
    pub(super) job_type: Field<'a>,
    pub(super) status: Field<'a>,
    pub(super) extended_status: Field<'a>,
    pub(super) start_time: Field<'a>,
    pub(super) end_time: Field<'a>,
    pub(super) start_time_utc: Field<'a>,
    pub(super) end_time_utc: Field<'a>,
    pub(super) root_activity_id: Field<'a>,
    pub(super) failure_reason: Field<'a>,
    pub(super) service_exception_json: Field<'a>,
    pub(super) refresh_attempts: Field<'a>,
    pub(super) messages: Field<'a>,
}

/// An item of a list of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedItem {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// A dataflow's generation, 1 or 2, if the list shows it. [V-code]
    pub(crate) generation: Option<u64>,
}

impl<'a> Field<'a> {
    /// The string as it is.
    pub(super) fn string(self) -> Option<String> {
        serde_json::from_str(self.0?.get()).ok()
    }

    /// The beginning of the string without surrounding blanks, if it is not blank; a number as its
    /// digits. Long enough for every id and name.
    pub(super) fn text(self) -> Option<String> {
        let json = self.0?.get();
        if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Some(cut(json, TEXT_LIMIT).to_owned());
        }
        let text = self.string()?;
        let text = cut(text.trim(), TEXT_LIMIT);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The time; UTC unless it has an offset.
    pub(super) fn time(self) -> Option<Moment> {
        Moment::parse(&self.text()?)
    }

    /// The object.
    pub(super) fn object<T: Deserialize<'a>>(self) -> Option<T> {
        object(self.0?.get())
    }

    /// The objects of the array, one by one; entries of another type are left out.
    pub(super) fn objects<T: Deserialize<'a>>(self) -> Option<impl Iterator<Item = T>> {
        let entries: Vec<&'a RawValue> = serde_json::from_str(self.0?.get()).ok()?;
        Some(entries.into_iter().filter_map(|entry| object(entry.get())))
    }
}

/// Reads an object and nothing else: a derived reader takes `[]` for an object without fields.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let json = json.trim_start_matches('\u{feff}').trim_start();
    json.starts_with('{')
        .then(|| serde_json::from_str(json).ok())?
}

/// The object that a response's body holds.
pub(super) fn object_in<'a, T: Deserialize<'a>>(answer: &'a HttpAnswer) -> Option<T> {
    object(std::str::from_utf8(&answer.body).ok()?)
}

/// Reads the entries of a response's list one by one, and returns the token of its next page; `None`
/// if it holds no list.
pub(super) fn each_row(
    answer: &HttpAnswer,
    mut read: impl FnMut(Row<'_>),
) -> Option<Option<String>> {
    let list: List<'_> = object_in(answer)?;
    list.value.objects()?.for_each(&mut read);
    let token = list.continuation_token.string();
    Some(token.filter(|token| !token.is_empty()))
}

/// The items of a list that have an id, and the token of the list's next page; `None` if there is no
/// list. The services use different names for the same fields.
pub(crate) fn listed_items(answer: &HttpAnswer) -> Option<(Vec<ListedItem>, Option<String>)> {
    let item = |row: Row<'_>| {
        let name = row.name.text().or_else(|| row.display_name.text());
        Some(ListedItem {
            id: row.object_id.text().or_else(|| row.id.text())?,
            name: name.unwrap_or_default(),
            generation: row.generation.text().and_then(|digits| digits.parse().ok()),
        })
    };
    let mut items = Vec::new();
    let token = each_row(answer, |row| items.extend(item(row)))?;
    Some((items, token))
}

/// A request body as JSON. Writing cannot fail: every key is a string and every type serialises.
pub(super) fn to_json<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

/// Whether a response is an HTML page: from a proxy, a sign-in page or a gateway.
pub(crate) fn is_html(answer: &HttpAnswer) -> bool {
    let typed = answer
        .header("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    let start = answer
        .body
        .get(..answer.body.len().min(64))
        .unwrap_or_default();
    let start = String::from_utf8_lossy(start)
        .trim_start()
        .to_ascii_lowercase();
    typed || start.starts_with("<!doctype html") || start.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ok;

    fn names(body: &str) -> Option<Vec<String>> {
        let answer = ok(body);
        let mut names = Vec::new();
        each_row(&answer, |row| names.extend(row.name.text()))?;
        Some(names)
    }

    #[test]
    fn a_missing_list_is_not_an_empty_list() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            r#"{"value":[{"name":"1"}"#,
        ] {
            assert_eq!(names(body), None, "{body}");
        }
        assert_eq!(names(r#" {"value":[]} "#), Some(vec![]));
    }

    #[test]
    fn an_odd_value_costs_its_row_and_nothing_else() {
        let body = r#"{"value":[{"name":" x "},{"name":12.50},{"name":""},{"name":true},{"name":{}},
            {"name":"a","name":"b"},{"name":"\ud800"},7,null,[],{"name":"last"}]}"#;
        assert_eq!(
            names(body),
            Some(vec!["x".to_owned(), "12.50".to_owned(), "last".to_owned()])
        );
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let body = format!(r#"{{"value":[{{"name":"a","id":{}}}]}}"#, nested(100_000));
        assert_eq!(names(&body), Some(vec!["a".to_owned()]));
        assert_eq!(names(&r#"{"value":"#.repeat(100_000)), None);
    }

    #[test]
    fn a_time_without_an_offset_is_utc() {
        for (at, read) in [
            (
                r#""2026-04-27T07:11:35.2470885""#,
                "2026-04-27T07:11:35.247Z",
            ),
            (r#""2026-10-01T01:00:00.96Z""#, "2026-10-01T01:00:00.960Z"),
            (r#""2026-10-01T03:00:00+02:00""#, "2026-10-01T01:00:00Z"),
            ("null", ""),
            (r#""soon""#, ""),
        ] {
            let answer = ok(&format!(r#"{{"value":[{{"startTime":{at}}}]}}"#));
            let mut time = None;
            each_row(&answer, |row| time = row.start_time.time()).unwrap();
            let text = time.map(|time| time.to_string()).unwrap_or_default();
            assert_eq!(text, read, "{at}");
        }
    }

    #[test]
    fn a_page_of_items_names_the_next_page() {
        let page = r#"{"value":[{"id":"a","displayName":"A"},{"displayName":"no id"}],"continuationToken":"t"}"#;
        let (items, next) = listed_items(&ok(page)).unwrap();
        assert_eq!((items.len(), items[0].name.as_str()), (1, "A"));
        assert_eq!(next.as_deref(), Some("t"));
        let last = ok(r#"{"value":[],"continuationToken":null}"#);
        assert_eq!(listed_items(&last), Some((vec![], None)));
    }
}
