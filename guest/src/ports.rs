//! What the logic needs of the outside: calls, the audit log, waiting, and the time that passes.
//!
//! Four traits and nothing else, so that the same machine runs in the component (`wasi`) and in
//! tests with scripted answers. The methods take `&self` because one scripted world is all four.

use crate::contract::{Entry, Receipt, StoreError, Update, Wake};
use crate::transport::TransportError;

/// The HTTP methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Triggers, and asks for a stop.
    Post,
    /// Stops an enhanced refresh of a semantic model.
    Delete,
}

impl Method {
    /// The method's name in HTTP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// One HTTP call. It has no `Debug`, because its headers may hold a bearer token.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: String,
    /// How long connecting, the first byte and the whole answer may take, each.
    pub timeout_ms: u64,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers, as they came.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The first header of this name, without regard to case; nothing where it is blank.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// Whether the status is a 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Sends calls. Never follows a redirect.
pub trait Http {
    /// Sends one call and reads its whole answer.
    ///
    /// # Errors
    /// When there is no whole answer; the kind says whether anything may have left.
    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, TransportError>;
}

/// The audit log.
pub trait Store {
    /// Stores one event; returns when it is durable.
    ///
    /// # Errors
    /// When the store cannot be written now, or will not have the event.
    fn append(&self, entry: &Entry) -> Result<Receipt, StoreError>;
}

/// Waiting and telling.
pub trait Control {
    /// Waits.
    fn wait(&self, milliseconds: u64) -> Wake;
    /// Says what is going on.
    fn progress(&self, update: &Update);
}

/// The time that passes.
pub trait Clock {
    /// Milliseconds since an arbitrary start; never goes back.
    fn monotonic_ms(&self) -> u64;
}

/// The outside, for one call of an export.
#[derive(Clone, Copy)]
pub struct Ports<'p> {
    /// Sends calls.
    pub http: &'p dyn Http,
    /// The audit log.
    pub store: &'p dyn Store,
    /// Waiting and telling.
    pub control: &'p dyn Control,
    /// The time that passes.
    pub clock: &'p dyn Clock,
}
