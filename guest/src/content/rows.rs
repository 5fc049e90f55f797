//! Lists and fields of the services' answers, as the histories and the lists of names share them.
//!
//! A list that is not there at all is an unreadable answer, never an empty one.

use super::run::Run;
use crate::classify::json_object;
use crate::json::{Json, Object};
use crate::ports::HttpAnswer;
use crate::time::Moment;

/// The entries of an answer's `value`, each read by `read`; nothing where there is no list.
pub(crate) fn rows<T>(answer: &HttpAnswer, read: impl Fn(&Object) -> Option<T>) -> Option<Vec<T>> {
    match json_object(answer)?.get("value")? {
        Json::List(entries) => Some(
            entries
                .iter()
                .filter_map(Json::as_object)
                .filter_map(read)
                .collect(),
        ),
        _ => None,
    }
}

/// A text that is not blank; a number is taken as its digits.
pub(crate) fn text(entry: &Object, name: &str) -> Option<String> {
    match entry.get(name)? {
        Json::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Json::Number(digits) => Some(digits.clone()),
        _ => None,
    }
}

/// A time; the services mean UTC where they write no offset.
pub(crate) fn time(entry: &Object, name: &str) -> Option<Moment> {
    text(entry, name).and_then(|at| Moment::parse(&at))
}

/// Newest first, as the services list them, but that order is nowhere promised. A run whose start
/// is not known may be the newest, and is put before the others. A plain insertion: the list comes
/// in order or nearly so, and the library's sorts would weigh 9 kB.
pub(crate) fn newest_first(listed: Vec<Run>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for run in listed {
        let newer = |other: &Run| {
            (other.started.is_none(), other.started) >= (run.started.is_none(), run.started)
        };
        let place = runs.iter().rposition(newer).map_or(0, |last| last + 1);
        runs.insert(place, run);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ok;

    #[test]
    fn a_list_that_is_not_there_is_no_empty_list() {
        let all = |body: &str| rows(&ok(body), |entry| text(entry, "a"));
        for body in [
            "",
            "[]",
            "{}",
            r#"{"value":null}"#,
            r#"{"value":[{"a":"1"}"#,
        ] {
            assert_eq!(all(body), None, "{body}");
        }
        assert_eq!(all(r#"{"value":[]}"#), Some(vec![]));
        assert_eq!(
            all(r#"{"value":[{"a":" x "},{"a":12},{"a":""},{"a":true},7,null]}"#),
            Some(vec!["x".to_owned(), "12".to_owned()])
        );
    }

    #[test]
    fn a_time_is_utc_where_it_says_nothing_else() {
        let body = |at: &str| format!(r#"{{"value":[{{"t":{at}}}]}}"#);
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
            let times = rows(&ok(&body(at)), |entry| time(entry, "t")).unwrap();
            let told = times.first().map(ToString::to_string).unwrap_or_default();
            assert_eq!(told, read, "{at}");
        }
    }
}
