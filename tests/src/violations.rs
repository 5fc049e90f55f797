//! Rules that every client must follow, whatever the reply. Tests check at their end that none was
//! broken.
//!
//! A `Retry-After` that reached the caller is remembered: with the address to poll, or of a 429.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::clock::{retry_after, rfc3339_millis};
use crate::faults::Operation;
use crate::message::{Reply, Request};
use crate::service::Routed;

/// A rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// A poll before the `Retry-After` that was announced for its address.
    PolledBeforeRetryAfter,
    /// A signature and an `Authorization` header in one request.
    SigAndAuthorization,
    /// A transaction id in the path whose `:`, `@` or `$` is not percent-encoded.
    UnencodedId,
    /// A path segment that must be a GUID and is none.
    NotAGuid,
    /// A call of Power BI or Fabric without a bearer token.
    NoBearer,
    /// The same call by the same identity before the `Retry-After` of a 429.
    IgnoredRetryAfter,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When, by the simulator's clock (RFC 3339).
    pub time: String,
    /// Which rule.
    pub kind: ViolationKind,
    /// The operation; null: no operation of the services.
    pub operation: Option<Operation>,
    /// The path, secrets masked.
    pub path: String,
    /// The number of the request in the log.
    pub request: u64,
    /// When the caller was allowed to send it, if it came too early (RFC 3339).
    pub until: Option<String>,
}

/// A request as the rules see it.
pub(crate) struct Observed<'a> {
    pub(crate) routed: &'a Routed,
    pub(crate) request: &'a Request,
    pub(crate) identity: String,
    pub(crate) number: u64,
    pub(crate) now: Timestamp,
}

/// A caller who got 429.
#[derive(Debug)]
struct Blocked {
    identity: String,
    operation: Operation,
    until: Timestamp,
}

/// The broken rules so far, and the waits for later requests.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    list: Vec<Violation>,
    /// Paths that must not be polled before a time.
    waits: Vec<(String, Timestamp)>,
    blocked: Vec<Blocked>,
}

impl Violations {
    /// All broken rules, in the order of the requests.
    pub(crate) fn list(&self) -> &[Violation] {
        &self.list
    }

    /// Adds the rules that `seen` breaks. `path` is its path with secrets masked.
    pub(crate) fn check(&mut self, seen: &Observed<'_>, path: &str) {
        let waits = [
            (ViolationKind::PolledBeforeRetryAfter, self.poll_wait(seen)),
            (ViolationKind::IgnoredRetryAfter, self.call_wait(seen)),
        ];
        let waits = waits
            .into_iter()
            .filter_map(|(kind, until)| Some((kind, Some(until?))));
        let alone = broken_alone(seen.routed, seen.request)
            .into_iter()
            .map(|kind| (kind, None));
        for (kind, until) in alone.chain(waits) {
            self.list.push(Violation {
                time: rfc3339_millis(seen.now),
                kind,
                operation: seen.routed.operation,
                path: path.to_owned(),
                request: seen.number,
                until: until.map(rfc3339_millis),
            });
        }
    }

    /// Until when the path of `seen` must not be polled.
    fn poll_wait(&self, seen: &Observed<'_>) -> Option<Timestamp> {
        if seen.request.method != http::Method::GET {
            return None;
        }
        self.waits
            .iter()
            .find(|(path, until)| *path == seen.request.path && seen.now < *until)
            .map(|(_, until)| *until)
    }

    /// Until when the caller of `seen` must not repeat the operation.
    fn call_wait(&self, seen: &Observed<'_>) -> Option<Timestamp> {
        let operation = seen.routed.operation?;
        self.blocked
            .iter()
            .filter(|blocked| {
                blocked.operation == operation
                    && blocked.identity == seen.identity
                    && seen.now < blocked.until
            })
            .map(|blocked| blocked.until)
            .max()
    }

    /// Remembers the `Retry-After` of the reply to `seen`.
    pub(crate) fn remember(&mut self, seen: &Observed<'_>, reply: &Reply) {
        let is_429 = reply.status.as_u16() == 429;
        let in_text = is_429.then(|| text_wait(&reply.body)).flatten();
        let retry = reply.header("retry-after").or(in_text.as_deref());
        let Some(until) = retry.and_then(|value| retry_after(value, seen.now)) else {
            return;
        };
        if is_429 {
            if let Some(operation) = seen.routed.operation {
                self.blocked.push(Blocked {
                    identity: seen.identity.clone(),
                    operation,
                    until,
                });
            }
        } else if reply.status.is_success() {
            let path = reply
                .header("location")
                .and_then(|location| location.strip_prefix(seen.request.base.as_str()))
                .and_then(|target| target.split('?').next())
                .unwrap_or(&seen.request.path);
            self.waits.retain(|(known, _)| known != path);
            self.waits.push((path.to_owned(), until));
        }
    }
}

/// The seconds in "Retry in 40 seconds.", as Power BI writes them.
fn text_wait(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once("Retry in ")?;
    let (seconds, _) = rest.split_once(" seconds")?;
    Some(seconds.to_owned())
}

/// The rules that a request breaks regardless of earlier ones.
fn broken_alone(routed: &Routed, request: &Request) -> Vec<ViolationKind> {
    let sig = request.query_value("sig").filter(|sig| !sig.is_empty());
    let transaction = routed.id("transaction");
    let rules = [
        (
            sig.is_some() && request.has_authorization(),
            ViolationKind::SigAndAuthorization,
        ),
        (
            routed.is_api() && request.bearer().is_none(),
            ViolationKind::NoBearer,
        ),
        (
            transaction.contains([':', '@', '$']),
            ViolationKind::UnencodedId,
        ),
        (
            routed.guids().any(|id| Uuid::parse_str(id).is_err()),
            ViolationKind::NotAGuid,
        ),
    ];
    let broken = rules.into_iter().filter(|(broken, _)| *broken);
    broken.map(|(_, kind)| kind).collect()
}
