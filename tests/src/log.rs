//! The record of every request that the simulated services saw, with secrets masked.
//!
//! A test reads it to learn what a client really sent. The admin API's own requests are not in it.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::clock::rfc3339_millis;
use crate::faults::Operation;
use crate::mask;
use crate::message::Request;
use crate::secret::MASK;

/// How much of a body the log keeps, in bytes; bodies of the services are far smaller.
const KEPT_BODY: usize = 64 * 1024;

/// One request as the log shows it.
#[derive(Clone, Debug, Serialize)]
pub struct LoggedRequest {
    /// Its number, from 1, in the order of arrival.
    pub n: u64,
    /// When it arrived, by the simulator's clock (RFC 3339).
    pub time: String,
    /// "entra", "power_bi", "fabric", "power_automate", or "unknown".
    pub service: &'static str,
    /// What it asked for, in the words of the faults; `None`: nothing that the services know.
    pub on: Option<Operation>,
    /// The method.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The query as it was sent, `sig` masked.
    pub query: String,
    /// The headers by their lower-case names; several of one name are joined with ", ".
    pub headers: BTreeMap<String, String>,
    /// The body as text, secrets masked, at most 64 KiB of it.
    pub body: String,
    /// The body as JSON, secrets masked; null where it is not JSON.
    pub json: Value,
    /// The status that was answered, or the name of the fault where there was no answer; null
    /// while the answer is awaited.
    pub status: Value,
    /// The name of the fault that befell it.
    pub fault: Option<&'static str>,
    /// True when the query had a `sig` parameter.
    pub had_sig: bool,
    /// True when it had an `Authorization` header.
    pub had_authorization: bool,
}

/// The requests so far.
#[derive(Debug, Default)]
pub struct RequestLog {
    entries: Vec<LoggedRequest>,
}

impl RequestLog {
    /// The number that the next request will get.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        u64::try_from(self.entries.len())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    /// Adds a request and gives its number.
    pub fn add<'a>(
        &mut self,
        incoming: &Request,
        service: &'static str,
        on: Option<Operation>,
        now: Timestamp,
        secrets: impl Iterator<Item = &'a str> + Clone,
    ) -> u64 {
        let n = self.next_number();
        let body = mask::text(&mask::body(&kept(&incoming.body)), secrets.clone());
        self.entries.push(LoggedRequest {
            n,
            time: rfc3339_millis(now),
            service,
            on,
            method: incoming.method.to_string(),
            path: mask::text(&incoming.path, secrets.clone()),
            query: mask::text(&mask::query(&incoming.query), secrets.clone()),
            headers: masked_headers(incoming, secrets),
            json: serde_json::from_str(&body).unwrap_or(Value::Null),
            body,
            status: Value::Null,
            fault: None,
            had_sig: incoming.query_value("sig").is_some(),
            had_authorization: incoming.has_authorization(),
        });
        n
    }

    /// Notes what befell request `n`.
    pub fn befallen(&mut self, n: u64, fault: &'static str) {
        if let Some(entry) = self.entry(n) {
            entry.fault = Some(fault);
        }
    }

    /// Notes what request `n` was answered: a status, or the name of the fault.
    pub fn answered(&mut self, n: u64, status: impl Into<Value>) {
        if let Some(entry) = self.entry(n) {
            entry.status = status.into();
        }
    }

    /// The path of request `n`, secrets masked.
    #[must_use]
    pub fn path_of(&self, n: u64) -> &str {
        let entry = self.entries.iter().rev().find(|entry| entry.n == n);
        entry.map_or("", |entry| entry.path.as_str())
    }

    fn entry(&mut self, n: u64) -> Option<&mut LoggedRequest> {
        self.entries.iter_mut().rev().find(|entry| entry.n == n)
    }

    /// All requests, in the order of arrival.
    #[must_use]
    pub fn entries(&self) -> &[LoggedRequest] {
        &self.entries
    }
}

fn kept(body: &Bytes) -> String {
    let kept = body.get(..KEPT_BODY).unwrap_or(body);
    String::from_utf8_lossy(kept).into_owned()
}

fn masked_headers<'a>(
    incoming: &Request,
    secrets: impl Iterator<Item = &'a str> + Clone,
) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, value) in &incoming.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let shown = if name == AUTHORIZATION {
            match value.split_once(' ') {
                Some((scheme, _)) => format!("{scheme} {MASK}"),
                None => MASK.to_owned(),
            }
        } else {
            mask::text(&value, secrets.clone())
        };
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|all: &mut String| {
                all.push_str(", ");
                all.push_str(&shown);
            })
            .or_insert(shown);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, Method};

    fn incoming() -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_static("Bearer INVENTED-token-1"),
        );
        headers.insert(
            "x-note",
            HeaderValue::from_static("INVENTED-sig-0123456789"),
        );
        Request {
            method: Method::POST,
            path: "/workflows/x".to_owned(),
            query: "api-version=1&sig=INVENTED-wrong".to_owned(),
            headers,
            body: Bytes::from_static(b"{\"dataflow_name\":\"Master Order List\"}"),
            base: "http://127.0.0.1:1".to_owned(),
        }
    }

    #[test]
    fn a_logged_request_shows_everything_but_the_secrets() {
        let mut log = RequestLog::default();
        let secrets = ["INVENTED-sig-0123456789"];
        let n = log.add(
            &incoming(),
            "power_automate",
            Some(Operation::Trigger),
            Timestamp::UNIX_EPOCH,
            secrets.into_iter(),
        );
        log.answered(n, 202);
        let text = serde_json::to_string(log.entries()).unwrap();
        assert!(!text.contains("INVENTED"), "{text}");
        let entry = &log.entries()[0];
        assert_eq!(entry.headers["authorization"], "Bearer ***");
        assert_eq!(entry.json["dataflow_name"], "Master Order List");
        assert_eq!(entry.status, Value::from(202));
        assert!(entry.had_sig && entry.had_authorization);
    }

    #[test]
    fn a_huge_body_is_cut_in_the_log() {
        let mut log = RequestLog::default();
        let mut request = incoming();
        request.body = Bytes::from(vec![b'x'; KEPT_BODY + 10]);
        log.add(
            &request,
            "unknown",
            None,
            Timestamp::UNIX_EPOCH,
            [].into_iter(),
        );
        assert_eq!(log.entries()[0].body.len(), KEPT_BODY);
    }
}
