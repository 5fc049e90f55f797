//! Why a call gave no answer, and whether the request may have left.
//!
//! That second question decides everything after it: "no" makes a repetition free, "maybe" means
//! that a refresh may be running. So each case says it by itself, and only what is certain says
//! no: nothing was written before a connection stood. No text here holds a path, a query or a
//! header.

use std::net::IpAddr;
use std::time::Duration;

use super::address::AddressKind;
use super::denial::Denial;
use super::tls::TlsSetupError;

/// Whether a request may have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not.
    No,
    /// Nobody can say.
    Maybe,
}

/// Why a call gave no answer. `host` is `host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The sandbox policy.
    #[error("{0}")]
    Denied(Denial),
    /// The name leads only to addresses that may not be connected to.
    #[error("{host} leads to {address}, which is {kind}; {}", address_hint(*kind))]
    AddressRefused {
        /// The place.
        host: String,
        /// The first address that was refused.
        address: IpAddr,
        /// What it is.
        kind: AddressKind,
    },
    /// No address for the name.
    #[error(
        "the name {host} could not be resolved ({reason}); check the spelling and this machine's name servers"
    )]
    NameNotResolved {
        /// The place.
        host: String,
        /// The system's word.
        reason: String,
    },
    /// Nobody listens.
    #[error("{host} refused the connection; check the port, and whether the service is up")]
    ConnectionRefused {
        /// The place.
        host: String,
    },
    /// No connection, TLS handshake included, in time.
    #[error("no connection to {host} within {} ms (lookup, TCP and TLS together); check the network, a firewall, or whether a proxy is needed (`transport.proxy`)", limit.as_millis())]
    ConnectTimeout {
        /// The place.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// Another failure before the connection stood.
    #[error("{host} cannot be reached ({reason}); check the network")]
    Unreachable {
        /// The place.
        host: String,
        /// The system's word.
        reason: String,
    },
    /// The proxy did not give a connection.
    #[error(
        "the proxy {proxy} gave no connection to {host} ({reason}); check `transport.proxy`, HTTPS_PROXY and NO_PROXY"
    )]
    ProxyFailed {
        /// The place.
        host: String,
        /// The proxy, without credentials.
        proxy: String,
        /// What it said.
        reason: String,
    },
    /// The roots of trust could not be set up.
    #[error("{0}")]
    TlsSetup(TlsSetupError),
    /// The certificate does not prove the host.
    #[error(
        "the certificate of {host} is not trusted ({reason}); if a corporate proxy re-signs traffic, name its root in `transport.ca_file`"
    )]
    TlsUntrusted {
        /// The place.
        host: String,
        /// What was wrong with it.
        reason: String,
    },
    /// No TLS with this server.
    #[error("no TLS with {host} ({reason}); check that the port speaks https")]
    TlsFailed {
        /// The place.
        host: String,
        /// What happened.
        reason: String,
    },
    /// No token for a call that needs one, for now.
    #[error("no token for {host}: {reason}; try again later")]
    NoToken {
        /// The place that the call was for.
        host: String,
        /// Why.
        reason: String,
        /// When to ask again, where that is known.
        retry_after: Option<Duration>,
    },
    /// The connection ended without an answer.
    #[error("{host} closed the connection without an answer ({reason}){}", whether(*sent))]
    Closed {
        /// The place.
        host: String,
        /// What happened.
        reason: String,
        /// `No` only where not a byte was written.
        sent: Sent,
    },
    /// No head of an answer in time.
    #[error("{host} gave no answer within {} ms; the request may have been carried out", limit.as_millis())]
    FirstByteTimeout {
        /// The place.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// The body stalled.
    #[error("the answer of {host} (status {status}) stalled for {} ms; the request may have been carried out", limit.as_millis())]
    BetweenBytesTimeout {
        /// The place.
        host: String,
        /// The limit.
        limit: Duration,
        /// The status that came before the body.
        status: u16,
    },
    /// The whole call took too long.
    #[error("the call to {host} took longer than {} ms{}", limit.as_millis(), whether(*sent))]
    TotalTimeout {
        /// The place.
        host: String,
        /// The limit.
        limit: Duration,
        /// `No` while the connection did not stand yet.
        sent: Sent,
    },
    /// The body ended too early.
    #[error(
        "the answer of {host} (status {status}) broke off; the request may have been carried out"
    )]
    Truncated {
        /// The place.
        host: String,
        /// The status that came before the body.
        status: u16,
    },
    /// The body is too long.
    #[error(
        "the answer of {host} (status {status}) is longer than {limit} bytes; this is not an answer of the service, check the URL"
    )]
    TooLarge {
        /// The place.
        host: String,
        /// The limit, in bytes.
        limit: u64,
        /// The status that came before the body.
        status: u16,
    },
    /// Not HTTP.
    #[error("{host} did not answer in HTTP ({reason}); check the host and the port")]
    NotHttp {
        /// The place.
        host: String,
        /// What was wrong.
        reason: String,
    },
}

impl SendError {
    /// Whether the request may have left.
    #[must_use]
    pub fn sent(&self) -> Sent {
        match self {
            Self::Denied(_)
            | Self::AddressRefused { .. }
            | Self::NameNotResolved { .. }
            | Self::ConnectionRefused { .. }
            | Self::ConnectTimeout { .. }
            | Self::Unreachable { .. }
            | Self::ProxyFailed { .. }
            | Self::TlsSetup(_)
            | Self::TlsUntrusted { .. }
            | Self::TlsFailed { .. }
            | Self::NoToken { .. } => Sent::No,
            Self::Closed { sent, .. } | Self::TotalTimeout { sent, .. } => *sent,
            Self::FirstByteTimeout { .. }
            | Self::BetweenBytesTimeout { .. }
            | Self::Truncated { .. }
            | Self::TooLarge { .. }
            | Self::NotHttp { .. } => Sent::Maybe,
        }
    }

    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::AddressRefused { .. } => "address_denied",
            Self::NameNotResolved { .. } => "name_not_resolved",
            Self::ConnectionRefused { .. } => "connection_refused",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Unreachable { .. } => "unreachable",
            Self::ProxyFailed { .. } => "proxy_failed",
            Self::TlsSetup(_) => "tls_setup",
            Self::TlsUntrusted { .. } => "tls_certificate_untrusted",
            Self::TlsFailed { .. } => "tls_failed",
            Self::NoToken { .. } => "no_token",
            Self::Closed { .. } => "connection_closed",
            Self::FirstByteTimeout { .. } => "first_byte_timeout",
            Self::BetweenBytesTimeout { .. } => "between_bytes_timeout",
            Self::TotalTimeout { .. } => "total_timeout",
            Self::Truncated { .. } => "truncated",
            Self::TooLarge { .. } => "too_large",
            Self::NotHttp { .. } => "not_http",
        }
    }

    /// The status that came before the answer broke, where one came.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::BetweenBytesTimeout { status, .. }
            | Self::Truncated { status, .. }
            | Self::TooLarge { status, .. } => Some(*status),
            _ => None,
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
            "if that is where it should lead, mark the endpoint `{url: …, private: true}`"
        }
        AddressKind::Loopback => {
            "if that is where it should lead, set `sandbox.allow_loopback: true`"
        }
        AddressKind::Public => "the name must lead to this machine and nowhere else",
        _ => "nothing permits such an address; check the name server's answer",
    }
}
