//! Why a call brought no usable answer, and whether anything of it may have left.
//!
//! "Not sent" is only what is certain, because a trigger that may have arrived is never repeated:
//! the name was not found, the connection was refused or never came about, TLS failed, the host
//! denied it. Everything else is a "maybe", also where it is very likely that nothing left.

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportKind {
    /// The host's policy refused the request.
    Denied,
    /// The host's policy refused the address that the name leads to.
    AddressDenied,
    /// The request cannot be built: a URL or header that HTTP does not allow.
    RequestInvalid,
    /// The name was not resolved.
    NameNotResolved,
    /// The connection was refused.
    ConnectionRefused,
    /// There is no way to the address.
    Unreachable,
    /// No connection within the time-out. Some hosts report a late first byte so.
    ConnectTimeout,
    /// The server's certificate is not trusted.
    CertificateUntrusted,
    /// TLS failed otherwise.
    TlsFailed,
    /// The host says in its text that nothing left.
    NotSentByHost,
    /// No answer, or no more of it, within the time-out.
    AnswerTimeout,
    /// The connection was lost.
    ConnectionLost,
    /// The answer ended early.
    Truncated,
    /// The answer is larger than we read.
    TooLarge,
    /// The answer is not HTTP as we know it.
    NotHttp,
    /// Anything else.
    Other,
}

/// A call that brought no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    /// What went wrong.
    pub kind: TransportKind,
    /// What the host said, without secrets.
    pub message: String,
    /// The status of an answer that broke off afterwards.
    pub status: Option<u16>,
}

impl TransportKind {
    /// Every kind.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 16] = [
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
        Self::Other,
    ];

    /// Whether it is certain that nothing of the request has left. `host_reports_unsent` is the
    /// request's word that the host reports a connection timeout only before anything was sent.
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
            | Self::TlsFailed => true,
            Self::ConnectTimeout | Self::NotSentByHost => host_reports_unsent,
            Self::AnswerTimeout
            | Self::ConnectionLost
            | Self::Truncated
            | Self::TooLarge
            | Self::NotHttp
            | Self::Other => false,
        }
    }

    /// What happened, as the end of a sentence that begins with "the call".
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Denied => "was refused by the sandbox policy",
            Self::AddressDenied => "was refused by the sandbox policy for its address",
            Self::RequestInvalid => "could not be built",
            Self::NameNotResolved => "found no address for the host's name",
            Self::ConnectionRefused => "was refused by the server's port",
            Self::Unreachable => "found no way to the server",
            Self::ConnectTimeout => "got no connection in time",
            Self::CertificateUntrusted => "met a certificate that is not trusted",
            Self::TlsFailed => "failed in the TLS handshake",
            Self::NotSentByHost => "was held back by the host",
            Self::AnswerTimeout => "got no complete answer in time",
            Self::ConnectionLost => "lost its connection",
            Self::Truncated => "got an answer that ended early",
            Self::TooLarge => "got an answer that is too large to read",
            Self::NotHttp => "got no answer that is whole and HTTP",
            Self::Other => "failed",
        }
    }
}

impl TransportError {
    /// Whether it is certain that nothing of the request has left. Once a status came, it did.
    #[must_use]
    pub fn certainly_unsent(&self, host_reports_unsent: bool) -> bool {
        self.status.is_none() && self.kind.certainly_unsent(host_reports_unsent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_vouching_host_makes_a_connect_timeout_certain() {
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
    fn what_happens_after_the_first_byte_is_never_certain() {
        for kind in [
            TransportKind::AnswerTimeout,
            TransportKind::ConnectionLost,
            TransportKind::Truncated,
            TransportKind::TooLarge,
            TransportKind::NotHttp,
            TransportKind::Other,
        ] {
            assert!(!kind.certainly_unsent(true), "{kind:?}");
        }
    }

    #[test]
    fn an_answer_that_broke_off_is_never_unsent() {
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
