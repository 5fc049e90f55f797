//! One HTTP call, from a permit to a whole response.
//!
//! It follows no redirect, repeats nothing that may have been sent, and never returns half a body.
//! Only reads (GET, HEAD) use a kept connection: it may have been closed unnoticed, and then it is
//! not known whether the request was carried out. A read on such a connection is repeated on a new
//! one; anything else starts on a new one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use url::{Position, Url};

pub(crate) use super::call::Answer;
use super::call::{Call, Parts, Pool};
use super::connect::{Connector, Resolver, SystemResolver};
use super::correlation::{Called, mark};
use super::denial::{Denial, DenialReason};
use super::error::{Cause, SendError};
use super::origin::Origin;
use super::policy::Permit;
use super::proxy::Proxy;
use super::timeouts::Timeouts;
use super::tls::LazyTls;
use crate::clock::SharedClock;
use crate::trace::Trace;

/// The longest response that is read, in bytes. The largest real one, a workspace's list of
/// dataflows or a year of transactions, is smaller than 1 MiB.
pub const LONGEST_ANSWER: u64 = 8 * 1024 * 1024;

/// How calls are made.
pub struct TransportConfig {
    /// The clock of the time limits: the machine's own. A simulated clock would end every call at
    /// once.
    pub clock: SharedClock,
    /// Finds the addresses of a name.
    pub resolver: Arc<dyn Resolver>,
    /// PEM certificates to trust in addition to the system's (`transport.ca_file`).
    pub ca_file: Option<PathBuf>,
    /// The proxy for encrypted calls.
    pub proxy: Option<Proxy>,
    /// The longest response, in bytes.
    pub longest_answer: u64,
    /// The trace that every call is part of.
    pub trace: Option<Trace>,
}

impl TransportConfig {
    /// The machine's name service and roots, no proxy, responses up to [`LONGEST_ANSWER`], no trace.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            resolver: Arc::new(SystemResolver),
            ca_file: None,
            proxy: None,
            longest_answer: LONGEST_ANSWER,
            trace: None,
        }
    }
}

/// A request with its permit. It has no `Debug` form: URL and headers may contain secrets.
#[derive(Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// The whole URL, signature included.
    pub url: Url,
    /// The headers; `Host`, `Accept-Encoding` and `Content-Length` are set here.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The permission to connect to the URL's place.
    pub permit: Permit,
    /// The limits.
    pub timeouts: Timeouts,
    /// The service: each has another header for the trace.
    pub called: Called,
}

/// Makes calls, and keeps connections between them.
pub struct Transport {
    parts: Parts,
    calls: AtomicU64,
    trace: Option<Trace>,
}

impl Transport {
    /// A transport without connections.
    #[must_use]
    pub fn new(config: TransportConfig) -> Self {
        Self {
            parts: Parts {
                pool: Pool::new(config.clock.clone()),
                clock: config.clock,
                connector: Connector {
                    resolver: config.resolver,
                    tls: LazyTls::new(config.ca_file),
                    proxy: config.proxy,
                },
                longest_answer: config.longest_answer,
            },
            calls: AtomicU64::new(0),
            trace: config.trace,
        }
    }

    /// The number of calls so far, including those for tokens, without denied ones.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The trace that every call is part of.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Connects, TLS and proxy included, and sends nothing.
    pub async fn connect(&self, permit: Permit, timeouts: Timeouts) -> Result<(), SendError> {
        Call::new(&self.parts, permit, timeouts).reach().await
    }

    /// Makes one call.
    pub async fn send(&self, request: OutboundRequest) -> Result<Answer, SendError> {
        let OutboundRequest {
            method,
            url,
            mut headers,
            body,
            permit,
            timeouts,
            called,
        } = request;
        let denied = |reason| {
            let denial = Denial {
                method: method.clone(),
                origin: Some(permit.origin().clone()),
                reason,
            };
            Cause::Denied(denial).at(permit.origin().authority())
        };
        if Origin::of(&url).as_ref() != Some(permit.origin()) {
            return Err(denied(DenialReason::ForeignPermit));
        }
        mark(self.trace.as_ref(), called, &mut headers);
        let Some(prepared) = prepare(&method, &url, headers, body, permit.origin()) else {
            return Err(denied(DenialReason::UnusableUrl));
        };
        self.calls.fetch_add(1, Ordering::Relaxed);
        let reuse = may_reuse(&method);
        Call::new(&self.parts, permit, timeouts)
            .run(prepared, reuse)
            .await
    }

    #[cfg(test)]
    pub(crate) fn has_tls(&self) -> bool {
        self.parts.connector.tls.is_made()
    }
}

/// Whether a call of this method may use a kept connection.
fn may_reuse(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The request as it is written: origin form, `Host`, no coding of the response, in which secrets
/// could not be found, and a length also for an empty body, which some services require. `None` if the URL cannot be written in this form.
fn prepare(
    method: &Method,
    url: &Url,
    mut headers: HeaderMap,
    body: Bytes,
    origin: &Origin,
) -> Option<Request<Full<Bytes>>> {
    let target: Uri = url[Position::BeforePath..Position::AfterQuery]
        .parse()
        .ok()?;
    headers.insert(HOST, HeaderValue::from_str(&origin.authority()).ok()?);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.remove(CONTENT_LENGTH);
    if !body.is_empty() || !matches!(*method, Method::GET | Method::HEAD | Method::DELETE) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    Some(request)
}
