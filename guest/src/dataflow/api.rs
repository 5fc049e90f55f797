//! The addresses of the Power BI API for dataflows, and how its answers are read.
//!
//! All but an id may be missing from a transaction: the documentation's own sample leaves most of
//! it out. A list that is not there at all is an unreadable answer, never an empty history.

use super::history::Transaction;
use crate::classify::json_object;
use crate::contract::{DataflowTarget, Item};
use crate::json::{Json, Object};
use crate::ports::HttpAnswer;
use crate::time::Moment;
use crate::url::encode_segment;

/// The body of a refresh: `notifyOption` is required, an empty object is a 400. [V]
pub(crate) const REFRESH_BODY: &str = r#"{"notifyOption":"NoNotification"}"#;

/// Where a dataflow is refreshed.
pub(crate) fn refresh_url(target: &DataflowTarget) -> String {
    format!("{}/{}/refreshes", dataflows(target), target.dataflow)
}

/// Where a dataflow's history is read.
pub(crate) fn transactions_url(target: &DataflowTarget) -> String {
    format!("{}/{}/transactions", dataflows(target), target.dataflow)
}

/// Where a run is asked to stop. The id holds `:`, `@` and `$` and must be encoded. [V]
pub(crate) fn cancel_url(target: &DataflowTarget, run: &str) -> String {
    format!(
        "{}/transactions/{}/cancel",
        dataflows(target),
        encode_segment(run)
    )
}

/// Where a workspace's dataflows are listed.
pub(crate) fn dataflows_url(endpoint: &str, workspace: &str) -> String {
    format!("{}/{workspace}/dataflows", groups_url(endpoint))
}

/// Where one page of the workspaces is listed.
pub(crate) fn workspaces_url(endpoint: &str, top: usize, skip: usize) -> String {
    format!("{}?$top={top}&$skip={skip}", groups_url(endpoint))
}

fn dataflows(target: &DataflowTarget) -> String {
    dataflows_url(&target.endpoint, &target.workspace)
}

fn groups_url(endpoint: &str) -> String {
    format!("{}/v1.0/myorg/groups", endpoint.trim_end_matches('/'))
}

/// The history in an answer; nothing where the answer holds none.
pub(crate) fn transactions(answer: &HttpAnswer) -> Option<Vec<Transaction>> {
    // Newest first, as the service lists them, but that order is nowhere promised. A run whose
    // start is not known may be the newest, and is put before the others. A plain insertion: the
    // list comes in order or nearly so, and the library's sorts would weigh 9 kB.
    let mut runs: Vec<Transaction> = Vec::new();
    for run in list(answer, transaction)? {
        let newer = |other: &Transaction| {
            (other.started.is_none(), other.started) >= (run.started.is_none(), run.started)
        };
        let place = runs.iter().rposition(newer).map_or(0, |last| last + 1);
        runs.insert(place, run);
    }
    Some(runs)
}

fn transaction(entry: &Object) -> Option<Transaction> {
    let id = text(entry, "id")?;
    let time = |name: &str| text(entry, name).and_then(|at| Moment::parse(&at));
    // The id begins with the start, for example `2026-10-01T01:00:00.1234567Z@<guid>$2`. [O]
    let in_id = id.split('@').next().and_then(Moment::parse);
    Some(Transaction {
        refresh_type: text(entry, "refreshType").unwrap_or_default(),
        status: text(entry, "status").unwrap_or_default(),
        started: time("startTime").or(in_id),
        ended: time("endTime"),
        id,
    })
}

/// A dataflow in a workspace's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its generation, where the list tells: 1 or 2. [V-code]
    pub(crate) generation: Option<u64>,
}

/// The dataflows in an answer; nothing where the answer holds no list.
pub(crate) fn dataflow_list(answer: &HttpAnswer) -> Option<Vec<Listed>> {
    list(answer, |entry| {
        Some(Listed {
            id: text(entry, "objectId")?,
            name: text(entry, "name").unwrap_or_default(),
            generation: text(entry, "generation").and_then(|digits| digits.parse().ok()),
        })
    })
}

/// The workspaces in an answer; nothing where the answer holds no list.
pub(crate) fn workspace_list(answer: &HttpAnswer) -> Option<Vec<Item>> {
    list(answer, |entry| {
        Some(Item {
            id: text(entry, "id")?,
            name: text(entry, "name").unwrap_or_default(),
        })
    })
}

/// The entries of an answer's list, each read by `read`; nothing where there is no list.
fn list<T>(answer: &HttpAnswer, read: fn(&Object) -> Option<T>) -> Option<Vec<T>> {
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
fn text(entry: &Object, name: &str) -> Option<String> {
    match entry.get(name)? {
        Json::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Json::Number(digits) => Some(digits.clone()),
        _ => None,
    }
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
    fn everything_but_the_id_may_be_missing() {
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
    fn the_newest_run_comes_first_whatever_the_order_of_the_answer() {
        let body = r#"{"value":[{"id":"a","startTime":"2026-10-01T01:00:00Z"},
            {"id":"b","startTime":"2026-10-03T01:00:00Z"},{"id":"c","startTime":"2026-10-02T01:00:00Z"}]}"#;
        let ids: Vec<_> = transactions(&answer(body))
            .unwrap()
            .into_iter()
            .map(|run| run.id)
            .collect();
        assert_eq!(ids, ["b", "c", "a"]);
    }

    #[test]
    fn an_answer_without_a_list_is_no_empty_history() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"value":{}}"#,
            "<html>",
            r#"{"value":[{"id":"a"}"#,
        ] {
            assert_eq!(transactions(&answer(body)), None, "{body}");
        }
        assert_eq!(transactions(&answer(r#"{"value":[]}"#)), Some(vec![]));
    }

    #[test]
    fn the_addresses_are_those_of_the_api() {
        let target = DataflowTarget {
            endpoint: "https://api.powerbi.com/".into(),
            workspace: "w".into(),
            dataflow: "d".into(),
            start_within_ms: 1,
            poll_ms: 1,
        };
        let base = "https://api.powerbi.com/v1.0/myorg/groups";
        assert_eq!(
            refresh_url(&target),
            format!("{base}/w/dataflows/d/refreshes")
        );
        assert_eq!(
            transactions_url(&target),
            format!("{base}/w/dataflows/d/transactions")
        );
        assert_eq!(
            cancel_url(&target, "2026@x$1"),
            format!("{base}/w/dataflows/transactions/2026%40x%241/cancel")
        );
        assert_eq!(
            workspaces_url("https://api.powerbi.com", 10, 20),
            format!("{base}?$top=10&$skip=20")
        );
    }
}
