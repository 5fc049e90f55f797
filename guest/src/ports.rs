//! What the logic needs from its host: HTTP, the audit log, waiting, and a clock.
//!
//! These four traits are the only way out, so the same machine runs in the component (`wasi`) and
//! in tests with scripted answers. Their methods take `&self` because one scripted world
//! implements all four.
//!
//! An error is `unsent` only if that is certain, because a trigger that may have arrived is never
//! repeated: the name was not found, the connection was refused or never established, TLS failed,
//! or the host denied the request. Everything else may have been sent, however unlikely.

use crate::contract::{Entry, Receipt, StoreError, Update, Wake};

/// How a host's `internal-error` begins if it guarantees that nothing of the request was sent.
///
/// Part of the contract: `host-reports-unsent` in `wit/types.wit` names it, and a host that sets
/// that flag uses the same text.
pub const NOT_SENT_PREFIX: &str = "not sent:";

/// The header by which such a host marks a response as its own: it could not get a token, and sent
/// nothing. From any other host the mark may be a service's, and is ignored.
pub(crate) const HOST_TOKEN_HEADER: &str = "x-host-runner-answer";

/// The HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Triggers, and cancels a dataflow's run.
    Post,
    /// Cancels an enhanced refresh of a semantic model.
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

/// One HTTP request. It has no `Debug` because its headers may hold a bearer token.
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
    /// The timeout for each of: connecting, the first byte, the whole response.
    pub timeout_ms: u64,
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The headers as received.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The first header of this name, ignoring case; `None` if it is blank.
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

/// Why a request got no usable response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportKind {
    /// The host's policy denied the request.
    Denied,
    /// The host's policy denied the address that the name resolves to.
    AddressDenied,
    /// The request cannot be built: its URL or a header is not valid in HTTP.
    RequestInvalid,
    /// The name could not be resolved.
    NameNotResolved,
    /// The connection was refused.
    ConnectionRefused,
    /// There is no route to the address.
    Unreachable,
    /// No connection within the timeout. Some hosts report a late first byte this way.
    ConnectTimeout,
    /// The server's certificate is not trusted.
    CertificateUntrusted,
    /// TLS failed for another reason.
    TlsFailed,
    /// The host's error text states that nothing was sent.
    NotSentByHost,
    /// No complete response within the timeout.
    AnswerTimeout,
    /// The connection was lost.
    ConnectionLost,
    /// The response ended early.
    Truncated,
    /// The response is larger than the limit.
    TooLarge,
    /// The response is not valid HTTP.
    NotHttp,
    /// The response is in a content coding that was not requested.
    Encoded,
    /// The host's error text states that the proxy refused to connect.
    ProxyRefused,
    /// The host's error text states that the proxy could not connect.
    ProxyUnavailable,
    /// Anything else.
    Other,
}

/// A request that got no usable response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    /// What went wrong.
    pub kind: TransportKind,
    /// The host's error text, without secrets.
    pub message: String,
    /// The status, if the response broke off after its status line.
    pub status: Option<u16>,
}

impl TransportKind {
    /// Every kind.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 19] = [
        Self::Denied,
        Self::AddressDenied,
        Self::RequestInvalid,
        Self::NameNotResolved,
        Self::ConnectionRefused,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::CertificateUntrusted,
        Self::TlsFailed,
        Self::NotSentByHost,
        Self::AnswerTimeout,
        Self::ConnectionLost,
        Self::Truncated,
        Self::TooLarge,
        Self::NotHttp,
        Self::Encoded,
        Self::ProxyRefused,
        Self::ProxyUnavailable,
        Self::Other,
    ];

    /// Whether nothing of the request was sent for certain. With `host_reports_unsent` the host
    /// guarantees that it reports a connection timeout only before anything was sent.
    #[must_use]
    pub fn certainly_unsent(self, host_reports_unsent: bool) -> bool {
        match self {
            Self::Denied
            | Self::AddressDenied
            | Self::RequestInvalid
            | Self::NameNotResolved
            | Self::ConnectionRefused
            | Self::Unreachable
            | Self::CertificateUntrusted
            | Self::TlsFailed
            | Self::ProxyRefused
            | Self::ProxyUnavailable => true,
            Self::ConnectTimeout | Self::NotSentByHost => host_reports_unsent,
            // Everything else may have been sent.
            _ => false,
        }
    }

    /// What happened, as the end of a sentence that begins with "the request to HOST".
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Denied => "was denied by the sandbox policy",
            Self::AddressDenied => "was denied by the sandbox policy because of its address",
            Self::RequestInvalid => "is not valid HTTP",
            Self::NameNotResolved => "failed because the name could not be resolved",
            Self::ConnectionRefused => "failed because the connection was refused",
            Self::Unreachable => "failed because there is no route to the server",
            Self::ConnectTimeout => "timed out while connecting",
            Self::CertificateUntrusted => "failed because the certificate is not trusted",
            Self::TlsFailed => "failed in the TLS handshake",
            Self::NotSentByHost | Self::ProxyRefused | Self::ProxyUnavailable => {
                "could not be sent"
            }
            Self::AnswerTimeout => "timed out before a complete response arrived",
            Self::ConnectionLost => "failed because the connection was lost",
            Self::Truncated => "got a response that ended early",
            Self::TooLarge => "got a response that is too large",
            Self::NotHttp => "got a response that is not valid HTTP",
            Self::Encoded => "got a response in a content coding that was not requested",
            Self::Other => "failed",
        }
    }
}

impl TransportError {
    /// Whether nothing of the request was sent for certain. A status proves that it was sent.
    #[must_use]
    pub fn certainly_unsent(&self, host_reports_unsent: bool) -> bool {
        self.status.is_none() && self.kind.certainly_unsent(host_reports_unsent)
    }
}

/// Sends requests. Never follows a redirect.
pub trait Http {
    /// Sends one request and reads the whole response.
    ///
    /// # Errors
    /// If there is no complete response; the kind tells whether the request may have been sent.
    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, TransportError>;
}

/// The audit log.
pub trait Store {
    /// Stores one event and returns when it is durable.
    ///
    /// # Errors
    /// If the store cannot be written or refuses the event.
    fn append(&self, entry: &Entry) -> Result<Receipt, StoreError>;
}

/// Waiting and progress.
pub trait Control {
    /// Waits.
    fn wait(&self, milliseconds: u64) -> Wake;
    /// Reports progress.
    fn progress(&self, update: &Update);
}

/// A monotonic clock.
pub trait Clock {
    /// Milliseconds since an arbitrary start; never goes back.
    fn monotonic_ms(&self) -> u64;
}

/// What one call of an export may use.
#[derive(Clone, Copy)]
pub struct Ports<'p> {
    /// Sends requests.
    pub http: &'p dyn Http,
    /// The audit log.
    pub store: &'p dyn Store,
    /// Waiting and progress.
    pub control: &'p dyn Control,
    /// A monotonic clock.
    pub clock: &'p dyn Clock,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_timeout_is_certain_only_if_the_host_guarantees_it() {
        for kind in TransportKind::ALL {
            let by_host = matches!(
                kind,
                TransportKind::ConnectTimeout | TransportKind::NotSentByHost
            );
            assert_eq!(
                kind.certainly_unsent(true) != kind.certainly_unsent(false),
                by_host
            );
        }
    }

    #[test]
    fn a_failure_after_the_first_byte_is_never_certain() {
        for kind in [
            TransportKind::AnswerTimeout,
            TransportKind::ConnectionLost,
            TransportKind::Truncated,
            TransportKind::TooLarge,
            TransportKind::NotHttp,
            TransportKind::Encoded,
            TransportKind::Other,
        ] {
            assert!(!kind.certainly_unsent(true), "{kind:?}");
        }
    }

    #[test]
    fn a_response_that_broke_off_is_never_unsent() {
        for kind in TransportKind::ALL {
            let error = TransportError {
                kind,
                message: String::new(),
                status: Some(200),
            };
            assert!(!error.certainly_unsent(true), "{kind:?}");
        }
    }
}
