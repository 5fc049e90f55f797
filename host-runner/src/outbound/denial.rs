//! Why a request may not leave, and the line of configuration that would permit it.
//!
//! A denial is read by the person who wrote the configuration: it says how near the allow-list
//! came, and what to add. It never holds a path or a query of the request.

use std::fmt;

use http::Method;
use url::Url;

use super::origin::Origin;

/// A request that may not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The method that was asked for.
    pub method: Method,
    /// `https://host[:port]`, without path or query; empty where there is none.
    pub origin: String,
    /// What stood against it.
    pub reason: DenialReason,
}

/// What stood against a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialReason {
    /// No entry holds the host.
    NotListed,
    /// An entry holds the host with another scheme or port.
    OtherSchemeOrPort,
    /// An entry holds the place, for other paths.
    OtherPath {
        /// The path prefixes that are allowed.
        allowed: Vec<String>,
    },
    /// An entry holds the place and path, for other methods.
    OtherMethod {
        /// The methods that are allowed.
        allowed: Vec<Method>,
    },
    /// Plain http to another machine, for a place that gets a credential.
    NotEncrypted,
    /// Not a URL that can be asked: no host, a strange scheme, a host that ends in a dot.
    UnusableUrl,
    /// A user name or password in the URL.
    UserInfo,
    /// CONNECT or TRACE: the one opens a tunnel past every judgement, the other repeats headers.
    Method,
    /// A header that only the runner may set.
    Header {
        /// Its name.
        name: &'static str,
    },
    /// A permit for one place was used for another: a fault of the runner.
    ForeignPermit,
}

impl Denial {
    /// The line of configuration that would permit the request; `None` where none would.
    #[must_use]
    pub fn line_to_add(&self) -> Option<String> {
        match self.reason {
            DenialReason::NotListed | DenialReason::OtherSchemeOrPort => {
                let line = format!("sandbox.allow: [\"{}\"]", self.origin);
                let origin = Url::parse(&self.origin)
                    .ok()
                    .and_then(|url| Origin::of(&url));
                Some(match origin {
                    Some(origin) if origin.is_loopback() => {
                        format!("{line} and sandbox.allow_loopback: true")
                    }
                    _ => line,
                })
            }
            DenialReason::OtherPath { .. } | DenialReason::OtherMethod { .. } => {
                Some(format!("sandbox.allow: [\"{}\"]", self.origin))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            origin,
            reason,
        } = self;
        match reason {
            DenialReason::UnusableUrl => {
                return f.write_str(
                    "the sandbox denied a request: its URL is not https or http with a plain host",
                );
            }
            _ => write!(f, "the sandbox denied {method} {origin}: ")?,
        }
        match reason {
            DenialReason::NotListed => f.write_str("the host is not on the allow-list")?,
            DenialReason::OtherSchemeOrPort => {
                f.write_str("the host is allowed with another scheme or port only")?;
            }
            DenialReason::OtherPath { allowed } => {
                write!(
                    f,
                    "only these paths of it are allowed: {}",
                    allowed.join(", ")
                )?;
            }
            DenialReason::OtherMethod { allowed } => {
                let allowed: Vec<&str> = allowed.iter().map(Method::as_str).collect();
                write!(
                    f,
                    "only these methods are allowed there: {}",
                    allowed.join(", ")
                )?;
            }
            DenialReason::NotEncrypted => {
                f.write_str("a credential travels over https only; write https:// there")?;
            }
            DenialReason::UserInfo => {
                f.write_str("the URL holds a user name or password; leave it out")?;
            }
            DenialReason::Method => f.write_str("this method is never allowed")?,
            DenialReason::Header { name } => write!(
                f,
                "the component set the header {name}, which only the runner sets; \
                 give the credential in the configuration instead"
            )?,
            DenialReason::ForeignPermit => {
                f.write_str("the permit is for another place; please report this fault")?;
            }
            DenialReason::UnusableUrl => {}
        }
        match self.line_to_add() {
            Some(line) => write!(f, "; if it is wanted, add {line}"),
            None => Ok(()),
        }
    }
}
