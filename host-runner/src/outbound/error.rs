//! Why a call has no response, and whether the request may have been sent.
//!
//! That second question decides everything after it: `No` makes a repetition safe, `Maybe` means
//! that a refresh may be running. Only what is certain is `No`: nothing was written before a
//! connection was established. No text contains a path, a query or a header.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::address::AddressKind;
use super::denial::Denial;

/// Why the trusted certificates could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsSetupError {
    /// The file, or a certificate in it, cannot be used.
    #[error("cannot use the certificates in `{path}`: {reason}")]
    Unusable {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The TLS library refused its own settings.
    #[error("TLS could not be set up ({reason}); please report this as a bug")]
    Library {
        /// Its message.
        reason: String,
    },
}

/// Whether a request may have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not.
    No,
    /// It is not known.
    Maybe,
}

/// Why a call has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SendError {
    /// `host[:port]` of the service.
    pub host: String,
    /// Why.
    pub cause: Cause,
}

/// Why a call has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The sandbox policy denied it.
    #[error("{0}")]
    Denied(Denial),
    /// The name resolves only to addresses that may not be connected to: the first of them.
    #[error("the name resolves to {0}, which is {1}; {hint}", hint = address_hint(*.1))]
    AddressRefused(IpAddr, AddressKind),
    /// The name has no address, for this reason.
    #[error(
        "the name could not be resolved ({0}); check the spelling and this machine's name servers"
    )]
    NameNotResolved(String),
    /// Nothing listens on the port.
    #[error("connection refused; check the port, and whether the service is up")]
    ConnectionRefused,
    /// No connection, including the TLS handshake, within this time.
    #[error(
        "no connection within {} ms (name lookup, TCP and TLS together); check the network, and whether a firewall blocks it",
        .0.as_millis()
    )]
    ConnectTimeout(Duration),
    /// Another failure before the connection was established.
    #[error("cannot be reached ({0}); check the network")]
    Unreachable(String),
    /// The proxy refused to open a connection, and would again.
    #[error("the proxy {proxy} opened no connection: {reason}")]
    ProxyRefused {
        /// The proxy, without credentials.
        proxy: String,
        /// Its reply, and what to do.
        reason: String,
    },
    /// The proxy could not open a connection for now.
    #[error("the proxy {proxy} opened no connection: {reason}")]
    ProxyUnavailable {
        /// The proxy, without credentials.
        proxy: String,
        /// Its reply, or what failed.
        reason: String,
    },
    /// The trusted certificates could not be loaded.
    #[error("{0}")]
    TlsSetup(TlsSetupError),
    /// The certificate is not trusted, for this reason and with this remedy.
    #[error("the certificate is not trusted: {0}")]
    TlsUntrusted(String),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed ({0}); check that the port serves https")]
    TlsFailed(String),
    /// There is no token for a call that needs one: the identity provider did not respond.
    #[error("signing in at {} failed: {}", .0.host, .0.cause)]
    SignIn(Box<SendError>),
    /// The connection ended without a response.
    #[error("closed the connection without a response ({reason})")]
    Closed {
        /// What happened.
        reason: String,
        /// `No` only if not a byte was written.
        sent: Sent,
    },
    /// The body of the response stalled.
    #[error("the response (status {status}) stalled for {} ms", .limit.as_millis())]
    BetweenBytesTimeout {
        /// The limit.
        limit: Duration,
        /// The status that came before the body.
        status: u16,
    },
    /// The whole call took too long.
    #[error("no whole response within {} ms", .limit.as_millis())]
    TotalTimeout {
        /// The limit.
        limit: Duration,
        /// `No` before the connection was established.
        sent: Sent,
    },
    /// The body ended too early, or cannot be decoded. The status came before it.
    #[error("the response (status {0}) is incomplete or damaged")]
    Truncated(u16),
    /// The body is too long.
    #[error(
        "the response (status {status}) is longer than {limit} bytes; check that the URL is that of the service"
    )]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
        /// The status that came before the body.
        status: u16,
    },
    /// The body of the response is compressed in a way that is not decoded.
    #[error("the response is in a content coding that was not requested")]
    Encoded,
    /// The response is not HTTP, for this reason.
    #[error("the response is not HTTP ({0}); check the host and the port")]
    NotHttp(String),
}

impl Cause {
    /// The error of a call to this host.
    pub(crate) fn at(self, host: impl Into<String>) -> SendError {
        SendError {
            host: host.into(),
            cause: self,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            // These name the place themselves, or are about none.
            Cause::Denied(_) | Cause::TlsSetup(_) | Cause::SignIn(_) => write!(f, "{}", self.cause),
            cause => write!(f, "{}: {cause}", self.host),
        }?;
        match self.sent() {
            Sent::Maybe => f.write_str("; the request may have been carried out"),
            Sent::No => Ok(()),
        }
    }
}

impl SendError {
    /// Whether the request may have been sent.
    #[must_use]
    pub fn sent(&self) -> Sent {
        self.meaning().0
    }

    /// The component's code for it. If the sign-in failed, that of its own error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.meaning().1
    }

    fn meaning(&self) -> (Sent, &'static str) {
        use Sent::{Maybe, No};
        match &self.cause {
            Cause::Denied(_) => (No, "request_denied"),
            Cause::AddressRefused(..) => (No, "address_denied"),
            Cause::NameNotResolved(_) => (No, "name_not_resolved"),
            Cause::ConnectionRefused => (No, "connection_refused"),
            Cause::ConnectTimeout(_) => (No, "connect_timeout"),
            Cause::TotalTimeout { sent: No, .. } => (No, "connect_timeout"),
            Cause::Unreachable(_) => (No, "destination_unreachable"),
            Cause::ProxyRefused { .. } => (No, "proxy_refused"),
            Cause::ProxyUnavailable { .. } => (No, "proxy_unavailable"),
            Cause::TlsSetup(_) | Cause::TlsUntrusted(_) => (No, "tls_certificate_untrusted"),
            Cause::TlsFailed(_) => (No, "tls_failed"),
            Cause::SignIn(error) => (No, error.code()),
            Cause::Closed { sent, .. } => (*sent, "connection_lost"),
            Cause::TotalTimeout { .. } => (Maybe, "response_timed_out"),
            Cause::BetweenBytesTimeout { .. } => (Maybe, "response_timed_out"),
            Cause::Truncated(_) => (Maybe, "response_truncated"),
            Cause::TooLarge { .. } => (Maybe, "response_too_large"),
            Cause::Encoded => (Maybe, "response_encoding_unsupported"),
            Cause::NotHttp(_) => (Maybe, "response_not_http"),
        }
    }
}

fn address_hint(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Private | AddressKind::CarrierNat => {
            "if that is intended, write the endpoint as `{url: …, private: true}`"
        }
        AddressKind::Loopback => "if that is intended, set `sandbox.allow_loopback: true`",
        AddressKind::Public => "this name may only resolve to this machine",
        _ => "such an address is never allowed; check the name server's answer",
    }
}
