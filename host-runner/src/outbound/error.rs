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
        "no connection within {} ms (name lookup, TCP and TLS together); check the network, a firewall, or whether a proxy is needed (`transport.proxy`)",
        .0.as_millis()
    )]
    ConnectTimeout(Duration),
    /// Another failure before the connection was established.
    #[error("cannot be reached ({0}); check the network")]
    Unreachable(String),
    /// The proxy did not open a connection.
    #[error(
        "the proxy {proxy} opened no connection ({reason}); check `transport.proxy`, HTTPS_PROXY and NO_PROXY"
    )]
    ProxyFailed {
        /// The proxy, without credentials.
        proxy: String,
        /// Its reply, or what failed.
        reason: String,
    },
    /// The trusted certificates could not be loaded.
    #[error("{0}")]
    TlsSetup(TlsSetupError),
    /// The certificate is not trusted, for this reason.
    #[error(
        "the certificate is not trusted ({0}); if a corporate proxy re-signs traffic, set `transport.ca_file` to its root"
    )]
    TlsUntrusted(String),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed ({0}); check that the port serves https")]
    TlsFailed(String),
    /// There is no token for a call that needs one, for now.
    #[error("no token: {0}; try again later")]
    NoToken(String),
    /// The connection ended without a response.
    #[error("closed the connection without a response ({reason}){}", whether(*.sent))]
    Closed {
        /// What happened.
        reason: String,
        /// `No` only if not a byte was written.
        sent: Sent,
    },
    /// No response head within this time.
    #[error("no response within {} ms; the request may have been carried out", .0.as_millis())]
    FirstByteTimeout(Duration),
    /// The body of the response stalled.
    #[error(
        "the response (status {status}) stalled for {} ms; the request may have been carried out",
        .limit.as_millis()
    )]
    BetweenBytesTimeout {
        /// The limit.
        limit: Duration,
        /// The status that came before the body.
        status: u16,
    },
    /// The whole call took too long.
    #[error("the call took longer than {} ms{}", .limit.as_millis(), whether(*.sent))]
    TotalTimeout {
        /// The limit.
        limit: Duration,
        /// `No` before the connection was established.
        sent: Sent,
    },
    /// The body ended too early. The status came before it.
    #[error("the response (status {0}) is incomplete; the request may have been carried out")]
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
            Cause::Denied(_) | Cause::TlsSetup(_) => write!(f, "{}", self.cause),
            cause => write!(f, "{}: {cause}", self.host),
        }
    }
}

impl SendError {
    /// Whether the request may have been sent.
    #[must_use]
    pub fn sent(&self) -> Sent {
        match &self.cause {
            Cause::Denied(_)
            | Cause::AddressRefused(..)
            | Cause::NameNotResolved(_)
            | Cause::ConnectionRefused
            | Cause::ConnectTimeout(_)
            | Cause::Unreachable(_)
            | Cause::ProxyFailed { .. }
            | Cause::TlsSetup(_)
            | Cause::TlsUntrusted(_)
            | Cause::TlsFailed(_)
            | Cause::NoToken(_) => Sent::No,
            Cause::Closed { sent, .. } | Cause::TotalTimeout { sent, .. } => *sent,
            Cause::FirstByteTimeout(_)
            | Cause::BetweenBytesTimeout { .. }
            | Cause::Truncated(_)
            | Cause::TooLarge { .. }
            | Cause::NotHttp(_) => Sent::Maybe,
        }
    }
}

fn whether(sent: Sent) -> &'static str {
    match sent {
        Sent::No => "; nothing was sent",
        Sent::Maybe => "; the request may have been carried out",
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
