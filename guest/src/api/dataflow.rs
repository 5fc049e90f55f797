//! Dataflows of the Power BI API: addresses, request bodies, and how responses are read.
//!
//! All fields of a transaction except its id may be missing: the documentation's own sample leaves
//! out most of them.

use super::reply::{Row, object_in};
use super::run::{Run, RunState};
use crate::ports::HttpAnswer;
use crate::time::Moment;

/// The body of a refresh: `notifyOption` is required, an empty object is a 400. [V]
pub(crate) fn refresh_body(mail_on_failure: bool) -> String {
    let (none, mail) = ("NoNotification", "MailOnFailure");
    let notify_option = if mail_on_failure { mail } else { none };
    format!(r#"{{"notifyOption":"{notify_option}"}}"#)
}

/// A row of the history.
pub(super) fn transaction(row: &Row<'_>) -> Option<Run> {
    let id = row.id.text()?;
    // The id begins with the start, for example `2026-10-01T01:00:00.1234567Z@<guid>$2`. [O]
    let in_id = id.split('@').next().and_then(Moment::parse);
    let status = row.status.text().unwrap_or_default();
    Some(Run {
        refresh_type: row.refresh_type.text().unwrap_or_default(),
        state: RunState::parse(&status),
        status,
        started: row.start_time.time().or(in_id),
        ended: row.end_time.time(),
        error: None,
        id,
    })
}

/// The status in the response to a cancellation.
pub(crate) fn cancellation(answer: &HttpAnswer) -> Option<String> {
    object_in::<Row<'_>>(answer)?.status.text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::run::runs_of;

    fn transactions(answer: &HttpAnswer) -> Option<Vec<Run>> {
        runs_of(answer, transaction)
    }

    fn answer(body: &str) -> HttpAnswer {
        HttpAnswer {
            status: 200,
            headers: vec![],
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn everything_except_the_id_may_be_missing() {
        let body = r#"{"value":[{"id":"2026-10-01T01:00:00.1234567Z@a$2"},{"status":"Success"},7,
            {"id":42,"refreshType":null,"startTime":"no time"}]}"#;
        let runs = transactions(&answer(body)).unwrap();
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[0].id.as_str(), runs[0].started), ("42", None));
        assert_eq!(
            runs[1].started.map(|at| at.to_string()).as_deref(),
            Some("2026-10-01T01:00:00.123Z")
        );
    }

    #[test]
    fn the_newest_run_comes_first_in_any_order() {
        let body = r#"{"value":[{"id":"a","startTime":"2026-10-01T01:00:00Z"},
            {"id":"b","startTime":"2026-10-03T01:00:00Z"},{"id":"c","startTime":"2026-10-02T01:00:00Z"}]}"#;
        let ids: Vec<_> = transactions(&answer(body))
            .unwrap()
            .into_iter()
            .map(|run| run.id)
            .collect();
        assert_eq!(ids, ["b", "c", "a"]);
    }
}
