//! Dataflows of the Power BI API: addresses, request bodies, and how responses are read.
//!
//! All fields of a transaction except its id may be missing: the documentation's own sample leaves
//! out most of them.

use serde::Serialize;

use super::reply::{ListedItem, Row, items, object_in, rows, to_json};
use super::run::{Run, RunState, newest_first};
use crate::contract::WatchedItem;
use crate::ports::HttpAnswer;
use crate::time::Moment;
use crate::url::encode_segment;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefreshBody {
    notify_option: &'static str,
}

/// The body of a refresh: `notifyOption` is required, an empty object is a 400. [V]
pub(crate) fn refresh_body(mail_on_failure: bool) -> String {
    let (none, mail) = ("NoNotification", "MailOnFailure");
    let notify_option = if mail_on_failure { mail } else { none };
    to_json(&RefreshBody { notify_option })
}

/// The address of the workspaces.
pub(crate) fn groups_url(power_bi: &str) -> String {
    format!("{}/v1.0/myorg/groups", power_bi.trim_end_matches('/'))
}

/// The address of one page of the workspaces.
pub(crate) fn workspaces_url(power_bi: &str, top: usize, skip: usize) -> String {
    format!("{}?$top={top}&$skip={skip}", groups_url(power_bi))
}

/// The address of a workspace's dataflows.
pub(crate) fn dataflows_url(power_bi: &str, workspace: &str) -> String {
    format!("{}/{workspace}/dataflows", groups_url(power_bi))
}

/// The address that refreshes a dataflow.
pub(crate) fn refresh_url(power_bi: &str, item: &WatchedItem) -> String {
    let dataflows = dataflows_url(power_bi, &item.workspace);
    format!("{dataflows}/{}/refreshes", item.item)
}

/// The address of a dataflow's history.
pub(crate) fn transactions_url(power_bi: &str, item: &WatchedItem) -> String {
    let dataflows = dataflows_url(power_bi, &item.workspace);
    format!("{dataflows}/{}/transactions", item.item)
}

/// The address that cancels a run. The id holds `:`, `@` and `$` and must be encoded. [V]
pub(crate) fn cancel_url(power_bi: &str, item: &WatchedItem, run: &str) -> String {
    let dataflows = dataflows_url(power_bi, &item.workspace);
    format!("{dataflows}/transactions/{}/cancel", encode_segment(run))
}

/// The history in a response; `None` if it holds none.
pub(crate) fn transactions(answer: &HttpAnswer) -> Option<Vec<Run>> {
    let runs = rows(answer)?.iter().filter_map(transaction).collect();
    Some(newest_first(runs))
}

fn transaction(row: &Row<'_>) -> Option<Run> {
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

/// The dataflows in a response; `None` if it holds no list.
pub(crate) fn dataflows(answer: &HttpAnswer) -> Option<Vec<ListedItem>> {
    Some(items(&rows(answer)?, |row| row.object_id, |row| row.name))
}

/// The workspaces or semantic models in a response; `None` if it holds no list.
pub(crate) fn named_items(answer: &HttpAnswer) -> Option<Vec<ListedItem>> {
    Some(items(&rows(answer)?, |row| row.id, |row| row.name))
}

#[cfg(test)]
mod tests {
    use super::*;

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
