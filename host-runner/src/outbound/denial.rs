//! Why the sandbox policy denies a request, and the line of configuration that would allow it.
//!
//! A denial is read by the person who wrote the configuration, so it says how close the allow-list
//! came. It never contains a path or a query of the request.

use std::fmt;

use http::Method;

use super::origin::Origin;

/// A request that the policy denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The method of the request.
    pub method: Method,
    /// Scheme, host and port; none if the URL has no usable ones.
    pub origin: Option<Origin>,
    /// The reason.
    pub reason: DenialReason,
}

/// Why a request is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DenialReason {
    /// No entry has the host.
    #[error("the host is not on the allow-list")]
    NotListed,
    /// An entry has the host with another scheme or port.
    #[error("the host is allowed with another scheme or port only")]
    OtherSchemeOrPort,
    /// An entry has the place, with these path prefixes.
    #[error("only these paths are allowed: {}", .0.join(", "))]
    OtherPath(Vec<String>),
    /// An entry has the place and the path, with these methods.
    #[error("only these methods are allowed: {}", .0.join(", "))]
    OtherMethod(Vec<String>),
    /// Plain HTTP to another machine, for a request with a credential.
    #[error("a credential is sent over https only; write https://")]
    NotEncrypted,
    /// No host, another scheme, or a host that ends with a dot.
    #[error("the URL is not https or http with a plain host")]
    UnusableUrl,
    /// A user name or password in the URL.
    #[error("the URL contains a user name or password; remove it")]
    UserInfo,
    /// CONNECT opens a tunnel past every check, and TRACE repeats headers.
    #[error("this method is never allowed")]
    Method,
    /// A header that only the runner may set.
    #[error(
        "the component set the header {0}, which only the runner sets; configure the credential instead"
    )]
    Header(&'static str),
    /// A permit for one place was used for another: a bug in the runner.
    #[error("the permit is for another place; please report this as a bug")]
    ForeignPermit,
}

impl Denial {
    /// The line of configuration that would allow the request; `None` if none would.
    #[must_use]
    pub fn line_to_add(&self) -> Option<String> {
        let origin = self.origin.as_ref()?;
        match self.reason {
            DenialReason::NotListed
            | DenialReason::OtherSchemeOrPort
            | DenialReason::OtherPath(_)
            | DenialReason::OtherMethod(_) => {
                let loopback = match origin.is_loopback() {
                    true => " and sandbox.allow_loopback: true",
                    false => "",
                };
                Some(format!("sandbox.allow: [\"{origin}\"]{loopback}"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, reason, .. } = self;
        match &self.origin {
            Some(origin) => write!(f, "the sandbox denied {method} {origin}: {reason}")?,
            None => write!(f, "the sandbox denied a request: {reason}")?,
        }
        match self.line_to_add() {
            Some(line) => write!(f, "; if this is intended, add {line}"),
            None => Ok(()),
        }
    }
}
