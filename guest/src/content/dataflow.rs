//! Dataflows that the Power BI API serves, and what that API lists: its addresses, and how its
//! answers are read.
//!
//! All but an id may be missing from a transaction: the documentation's own sample leaves most of
//! it out.

use super::rows::{newest_first, rows, text, time};
use super::run::{Run, State};
use super::watched::Watched;
use crate::json::{Json, Object};
use crate::ports::HttpAnswer;
use crate::time::Moment;
use crate::url::encode_segment;

/// The body of a refresh: `notifyOption` is required, an empty object is a 400. [V]
pub(crate) fn refresh_body(mail_on_failure: bool) -> String {
    let mut body = Object::default();
    let option = match mail_on_failure {
        true => "MailOnFailure",
        false => "NoNotification",
    };
    body.set("notifyOption".to_owned(), Json::Text(option.to_owned()));
    body.to_text()
}

/// Where a dataflow is refreshed.
pub(crate) fn refresh_url(watched: &Watched<'_>) -> String {
    format!("{}/{}/refreshes", dataflows(watched), watched.item.item)
}

/// Where a dataflow's history is read.
pub(crate) fn transactions_url(watched: &Watched<'_>) -> String {
    format!("{}/{}/transactions", dataflows(watched), watched.item.item)
}

/// Where a run is asked to stop. The id holds `:`, `@` and `$` and must be encoded. [V]
pub(crate) fn cancel_url(watched: &Watched<'_>, run: &str) -> String {
    format!(
        "{}/transactions/{}/cancel",
        dataflows(watched),
        encode_segment(run)
    )
}

/// Where a workspace's dataflows are listed.
pub(crate) fn dataflows_url(power_bi: &str, workspace: &str) -> String {
    format!("{}/{workspace}/dataflows", groups_url(power_bi))
}

/// Where one page of the workspaces is listed.
pub(crate) fn workspaces_url(power_bi: &str, top: usize, skip: usize) -> String {
    format!("{}?$top={top}&$skip={skip}", groups_url(power_bi))
}

fn dataflows(watched: &Watched<'_>) -> String {
    dataflows_url(&watched.endpoints.power_bi, &watched.item.workspace)
}

/// Where the workspaces are.
pub(crate) fn groups_url(power_bi: &str) -> String {
    format!("{}/v1.0/myorg/groups", power_bi.trim_end_matches('/'))
}

/// The history in an answer; nothing where the answer holds none.
pub(crate) fn transactions(answer: &HttpAnswer) -> Option<Vec<Run>> {
    rows(answer, transaction).map(newest_first)
}

fn transaction(entry: &Object) -> Option<Run> {
    let id = text(entry, "id")?;
    // The id begins with the start, for example `2026-10-01T01:00:00.1234567Z@<guid>$2`. [O]
    let in_id = id.split('@').next().and_then(Moment::parse);
    let status = text(entry, "status").unwrap_or_default();
    Some(Run {
        refresh_type: text(entry, "refreshType").unwrap_or_default(),
        state: State::of(&status),
        status,
        started: time(entry, "startTime").or(in_id),
        ended: time(entry, "endTime"),
        said: None,
        id,
    })
}

/// An item of a list of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// A dataflow's generation, where the list tells: 1 or 2. [V-code]
    pub(crate) generation: Option<u64>,
}

/// The dataflows in an answer; nothing where the answer holds no list.
pub(crate) fn dataflow_list(answer: &HttpAnswer) -> Option<Vec<Listed>> {
    rows(answer, |entry| {
        Some(Listed {
            id: text(entry, "objectId")?,
            name: text(entry, "name").unwrap_or_default(),
            generation: text(entry, "generation").and_then(|digits| digits.parse().ok()),
        })
    })
}

/// The workspaces or semantic models in an answer; nothing where the answer holds no list.
pub(crate) fn named_list(answer: &HttpAnswer) -> Option<Vec<Listed>> {
    rows(answer, |entry| {
        Some(Listed {
            id: text(entry, "id")?,
            name: text(entry, "name").unwrap_or_default(),
            generation: None,
        })
    })
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
        let mut endpoints = crate::testing::endpoints();
        endpoints.power_bi = "https://api.powerbi.com/".into();
        let mut item = crate::testing::item();
        item.workspace = "w".into();
        item.item = "d".into();
        let target = Watched {
            kind: super::super::Kind::Dataflow,
            item: &item,
            endpoints: &endpoints,
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
