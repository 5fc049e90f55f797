//! The log of all requests to the simulated services, with secrets masked. Requests of the admin API
//! are not in it.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::clock::rfc3339_millis;
use crate::faults::Operation;
use crate::message::Request;
use crate::secret::{MASK, mask_body, mask_query, mask_text};

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
    /// The operation; `None`: no operation of the services.
    pub on: Option<Operation>,
    /// The method.
    pub method: String,
    /// The path as sent, secrets masked.
    pub path: String,
    /// The query as sent, secrets masked.
    pub query: String,
    /// The headers by their lower-case names; several of one name are joined with ", ".
    pub headers: BTreeMap<String, String>,
    /// The body as text, secrets masked, at most 64 KiB of it.
    pub body: String,
    /// The body as JSON, secrets masked; null where it is not JSON.
    pub json: Value,
    /// The status of the reply, or the name of the fault where there was none; null while the
    /// caller waits.
    pub status: Value,
    /// The name of its fault.
    pub fault: Option<String>,
    /// True when the query had a `sig` parameter.
    pub had_sig: bool,
    /// True when it had an `Authorization` header.
    pub had_authorization: bool,
}

/// The requests so far.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: Vec<LoggedRequest>,
}

impl RequestLog {
    /// Adds a request and returns its number.
    pub(crate) fn add<'a>(
        &mut self,
        request: &Request,
        service: &'static str,
        on: Option<Operation>,
        now: Timestamp,
        secrets: impl Iterator<Item = &'a str> + Clone,
    ) -> u64 {
        let n = u64::try_from(self.entries.len()).unwrap_or(u64::MAX) + 1;
        let body = mask_text(&mask_body(&kept(&request.body)), secrets.clone());
        self.entries.push(LoggedRequest {
            n,
            time: rfc3339_millis(now),
            service,
            on,
            method: request.method.to_string(),
            path: mask_text(&request.path, secrets.clone()),
            query: mask_text(&mask_query(&request.query), secrets.clone()),
            headers: masked_headers(request, secrets),
            json: serde_json::from_str(&body).unwrap_or(Value::Null),
            body,
            status: Value::Null,
            fault: None,
            had_sig: request.query_value("sig").is_some(),
            had_authorization: request.has_authorization(),
        });
        n
    }

    /// Stores the name of the fault of request `n`.
    pub(crate) fn set_fault(&mut self, n: u64, fault: String) {
        self.change(n, |entry| entry.fault = Some(fault));
    }

    /// Stores the status that request `n` got, or the name of the fault.
    pub(crate) fn set_status(&mut self, n: u64, status: impl Into<Value>) {
        self.change(n, |entry| entry.status = status.into());
    }

    fn change(&mut self, n: u64, change: impl FnOnce(&mut LoggedRequest)) {
        let mut entries = self.entries.iter_mut().rev();
        entries.find(|entry| entry.n == n).map(change);
    }

    /// All requests, in the order of arrival.
    pub(crate) fn entries(&self) -> &[LoggedRequest] {
        &self.entries
    }
}

fn kept(body: &Bytes) -> String {
    let kept = body.get(..KEPT_BODY).unwrap_or(body);
    String::from_utf8_lossy(kept).into_owned()
}

fn masked_headers<'a>(
    request: &Request,
    secrets: impl Iterator<Item = &'a str> + Clone,
) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, value) in &request.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let shown = if name == AUTHORIZATION {
            match value.split_once(' ') {
                Some((scheme, _)) => format!("{scheme} {MASK}"),
                None => MASK.to_owned(),
            }
        } else {
            mask_text(&value, secrets.clone())
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
