//! What a client did that none may do, whatever it was answered.
//!
//! A reply that a caller got is remembered as far as it binds the next request: a `Retry-After`
//! with the address to poll, or of a 429. A test asks for the list at its end and wants it empty.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::clock::{retry_after, rfc3339_millis};
use crate::faults::Operation;
use crate::message::{Reply, Request};
use crate::service::Call;

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

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When, by the simulator's clock (RFC 3339).
    pub time: String,
    /// Which rule.
    pub kind: ViolationKind,
    /// What the request asked for; null: nothing that the services know.
    pub operation: Option<Operation>,
    /// The path, secrets masked.
    pub path: String,
    /// The number of the request in the log.
    pub request: u64,
    /// Until when the caller had to wait, where that is what was broken (RFC 3339).
    pub until: Option<String>,
}

/// A request as the rules look at it.
pub(crate) struct Seen<'a> {
    pub(crate) call: &'a Call,
    pub(crate) incoming: &'a Request,
    pub(crate) identity: String,
    pub(crate) number: u64,
    pub(crate) now: Timestamp,
}

/// A caller who was told 429.
#[derive(Debug)]
struct Blocked {
    identity: String,
    operation: Operation,
    until: Timestamp,
}

/// The breaches so far, and what binds the next requests.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    list: Vec<Violation>,
    /// Paths that are not to be polled before a moment.
    announced: Vec<(String, Timestamp)>,
    blocked: Vec<Blocked>,
}

impl Violations {
    /// All breaches, in the order of the requests.
    pub(crate) fn list(&self) -> &[Violation] {
        &self.list
    }

    /// Notes what `seen` breaks. `path` is its path with secrets masked.
    pub(crate) fn judge(&mut self, seen: &Seen<'_>, path: &str) {
        let waits = [
            (ViolationKind::PolledBeforeRetryAfter, self.announced(seen)),
            (ViolationKind::IgnoredRetryAfter, self.blocked(seen)),
        ];
        let waits = waits
            .into_iter()
            .filter_map(|(kind, until)| Some((kind, Some(until?))));
        let plain = plain(seen.call, seen.incoming)
            .into_iter()
            .map(|kind| (kind, None));
        for (kind, until) in plain.chain(waits) {
            self.list.push(Violation {
                time: rfc3339_millis(seen.now),
                kind,
                operation: seen.call.operation(),
                path: path.to_owned(),
                request: seen.number,
                until: until.map(rfc3339_millis),
            });
        }
    }

    /// Until when the path of `seen` is not to be polled.
    fn announced(&self, seen: &Seen<'_>) -> Option<Timestamp> {
        if seen.incoming.method != http::Method::GET {
            return None;
        }
        self.announced
            .iter()
            .find(|(path, until)| *path == seen.incoming.path && seen.now < *until)
            .map(|(_, until)| *until)
    }

    /// Until when the caller of `seen` is not to ask for this.
    fn blocked(&self, seen: &Seen<'_>) -> Option<Timestamp> {
        let operation = seen.call.operation()?;
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

    /// Remembers what the reply that the caller of `seen` got binds it to.
    pub(crate) fn remember(&mut self, seen: &Seen<'_>, reply: &Reply) {
        let header = |name| {
            reply
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let Some(until) = header("retry-after").and_then(|value| retry_after(value, seen.now))
        else {
            return;
        };
        if reply.status.as_u16() == 429 {
            if let Some(operation) = seen.call.operation() {
                self.blocked.push(Blocked {
                    identity: seen.identity.clone(),
                    operation,
                    until,
                });
            }
        } else if reply.status.is_success() {
            let path = header("location")
                .and_then(|location| location.strip_prefix(seen.incoming.base.as_str()))
                .and_then(|target| target.split('?').next())
                .unwrap_or(&seen.incoming.path);
            self.announced.retain(|(known, _)| known != path);
            self.announced.push((path.to_owned(), until));
        }
    }
}

/// What a request breaks by itself, whatever came before it.
fn plain(call: &Call, incoming: &Request) -> Vec<ViolationKind> {
    let mut broken = Vec::new();
    let sig = incoming.query_value("sig").filter(|sig| !sig.is_empty());
    if sig.is_some() && incoming.has_authorization() {
        broken.push(ViolationKind::SigAndAuthorization);
    }
    let (ids, transaction) = match call {
        Call::PowerBi(call) => (call.ids(), call.transaction()),
        Call::Fabric(call) => (call.ids(), None),
        _ => return broken,
    };
    if incoming.bearer().is_none() {
        broken.push(ViolationKind::NoBearer);
    }
    if transaction.is_some_and(|id| id.contains([':', '@', '$'])) {
        broken.push(ViolationKind::UnencodedId);
    }
    if ids.iter().any(|id| Uuid::parse_str(id).is_err()) {
        broken.push(ViolationKind::NotAGuid);
    }
    broken
}

#[cfg(test)]
mod tests;
