//! Where a request goes: scheme, host and port, in the one form that everything here compares.
//!
//! The allow-list, the credentials and the connection pool all compare places by this type, so that
//! they cannot disagree. It refuses every scheme but https and http, and a host with a trailing dot,
//! which is the same machine under another name.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Encrypted, to an authenticated server.
    Https,
    /// Unencrypted. Only if the configuration says `http://`.
    Http,
}

impl Scheme {
    /// The scheme as in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The default port.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// Scheme, host and port. Displayed as `https://host`, with the port if it is not the default.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of `url`; `None` if the scheme is neither https nor http, if there is no host, or
    /// if the host ends with a dot.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return None,
        };
        let host = url.host()?.to_owned();
        if matches!(&host, Host::Domain(name) if name.is_empty() || name.ends_with('.')) {
            return None;
        }
        let port = url.port_or_known_default()?;
        Some(Self { scheme, host, port })
    }

    /// How a request is sent.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name or address.
    #[must_use]
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// The port, including the default one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host can only mean this machine: `localhost`, 127.0.0.0/8 or `::1`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// Whether a credential may be sent there: over https, or within this machine.
    #[must_use]
    pub fn may_carry_credentials(&self) -> bool {
        self.scheme == Scheme::Https || self.is_loopback()
    }

    /// The address, if the host is one.
    #[must_use]
    pub fn literal_address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// `host`, or `host:port` if the port is not the default: the value of a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

/// Whether `path` is `prefix` or lies below it, by whole segments: `/v1` holds `/v1` and `/v1/x`,
/// not `/v10`. An empty prefix or `/` holds everything.
pub(crate) fn path_is_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether `path` climbs out of its folder once a server decodes `%2f` and `%5c`. URL parsing
/// resolves `..` and `%2e%2e` by itself, but leaves `..%2f` alone.
pub(crate) fn path_climbs(path: &str) -> bool {
    let decoded = path
        .to_ascii_lowercase()
        .replace("%2f", "/")
        .replace("%5c", "/")
        .replace("%2e", ".");
    decoded.split('/').any(|segment| segment == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Option<Origin> {
        Origin::of(&Url::parse(text).unwrap())
    }

    #[test]
    fn the_usual_port_is_not_written_and_another_one_is() {
        let shown = |text| origin(text).unwrap().to_string();
        assert_eq!(shown("https://API.example:443/x?y"), "https://api.example");
        assert_eq!(
            shown("https://api.example:8443"),
            "https://api.example:8443"
        );
        assert_eq!(shown("http://[::1]:80/"), "http://[::1]");
    }

    #[test]
    fn a_host_that_ends_in_a_dot_and_a_strange_scheme_have_no_origin() {
        assert_eq!(origin("https://api.example./"), None);
        assert_eq!(origin("ftp://api.example/"), None);
        assert_eq!(origin("file:///etc/hosts"), None);
    }

    #[test]
    fn every_spelling_of_this_machine_is_loopback() {
        for text in [
            "http://127.1/",
            "http://LOCALHOST:9/",
            "http://[0::1]/",
            "http://0x7f.0.0.9/",
        ] {
            assert!(origin(text).unwrap().is_loopback(), "{text}");
        }
        assert!(!origin("http://localhost.example/").unwrap().is_loopback());
    }

    #[test]
    fn a_credential_travels_encrypted_or_not_at_all() {
        assert!(
            origin("https://api.example/")
                .unwrap()
                .may_carry_credentials()
        );
        assert!(
            origin("http://127.0.0.1:9/")
                .unwrap()
                .may_carry_credentials()
        );
        assert!(
            !origin("http://api.example/")
                .unwrap()
                .may_carry_credentials()
        );
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        assert!(path_is_below("/v1/x", "/v1"));
        assert!(path_is_below("/v1", "/v1/"));
        assert!(path_is_below("/anything", ""));
        assert!(!path_is_below("/v10", "/v1"));
    }

    #[test]
    fn a_path_that_climbs_behind_an_encoded_slash_is_seen() {
        assert!(path_climbs("/v1/..%2Fadmin"));
        assert!(path_climbs("/v1/%2e%2e%5cadmin"));
        assert!(!path_climbs("/v1/2026-10-01T01:00:00..1%40x"));
    }
}
