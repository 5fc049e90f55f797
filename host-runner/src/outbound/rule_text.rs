//! Reads the text of one entry of the allow-list, and teaches where it is wrong.
//!
//! The forms are those of [`Rule`]. It refuses what could mean more than its author thought. A
//! refusal never repeats a query or a user name, because people paste trigger URLs with their
//! signature into such lists.

use url::{Host, Url};

use super::origin::{Origin, Scheme, path_climbs};
use super::rule::Rule;

/// Why a text is not an entry of the allow-list. `entry` is the text without query or user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// Nothing is written.
    #[error("an entry of the allow-list is empty; write `https://host`")]
    Empty,
    /// `*`, `*://…` or `https://*`.
    #[error(
        "`{entry}` would allow every host; name the hosts, or write `https://*.example.com` for all below one domain"
    )]
    Everything {
        /// The text.
        entry: String,
    },
    /// A bare host.
    #[error("`{entry}` has no scheme; write `https://{entry}`")]
    NoScheme {
        /// The text.
        entry: String,
    },
    /// Neither https nor http.
    #[error("`{entry}`: only https, and http where it is written, can be allowed")]
    Scheme {
        /// The text.
        entry: String,
    },
    /// A user name or password.
    #[error(
        "`{entry}` has a user name in front of the host; leave it out, credentials have a section of their own"
    )]
    UserInfo {
        /// The text.
        entry: String,
    },
    /// A query or a fragment.
    #[error("`{entry}` goes on with a query; leave it out, an entry ends with the path")]
    Query {
        /// The text.
        entry: String,
    },
    /// A `*` where it has no meaning.
    #[error(
        "`{entry}`: `*.` may stand only in front of a domain of at least two labels, as in `https://*.example.com`; ports and paths take no wildcard (a path is a prefix already)"
    )]
    Wildcard {
        /// The text.
        entry: String,
    },
    /// No port number.
    #[error("`{entry}`: the port must be one number from 1 to 65535, or left out")]
    Port {
        /// The text.
        entry: String,
    },
    /// Not a host.
    #[error(
        "`{entry}`: the host is not a valid name or address (no trailing dot, no spaces); write `https://host`"
    )]
    Host {
        /// The text.
        entry: String,
    },
    /// A path that climbs.
    #[error("`{entry}`: the path must not climb with `..`")]
    Path {
        /// The text.
        entry: String,
    },
    /// This machine, without the switch for it.
    #[error("`{entry}` is this machine; that needs `sandbox.allow_loopback: true`")]
    LoopbackOff {
        /// The entry.
        entry: String,
    },
}

impl RuleError {
    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "allow_empty",
            Self::Everything { .. } => "allow_everything",
            Self::NoScheme { .. } => "allow_no_scheme",
            Self::Scheme { .. } => "allow_scheme",
            Self::UserInfo { .. } => "allow_user_info",
            Self::Query { .. } => "allow_query",
            Self::Wildcard { .. } => "allow_wildcard",
            Self::Port { .. } => "allow_port",
            Self::Host { .. } => "allow_host",
            Self::Path { .. } => "allow_path",
            Self::LoopbackOff { .. } => "allow_loopback_off",
        }
    }
}

/// Reads one entry.
pub(crate) fn read(text: &str) -> Result<Rule, RuleError> {
    let text = text.trim();
    let entry = without_secrets(text);
    let parts = split(text, &entry)?;
    let (below, rest) = match parts.host.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, parts.host),
    };
    if parts.host == "*" {
        return Err(RuleError::Everything { entry });
    }
    if rest.contains('*') || parts.path.contains('*') || parts.port.contains('*') {
        return Err(RuleError::Wildcard { entry });
    }
    if !parts.port.is_empty() && !parts.port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(RuleError::Port { entry });
    }
    if path_climbs(parts.path) {
        return Err(RuleError::Path { entry });
    }
    let colon = if parts.port.is_empty() { "" } else { ":" };
    let whole = format!(
        "{}://{rest}{colon}{}{}",
        parts.scheme, parts.port, parts.path
    );
    let (Some(url), true) = (Url::parse(&whole).ok(), is_plain(text)) else {
        return Err(RuleError::Host { entry });
    };
    let Some(origin) = Origin::of(&url) else {
        return Err(RuleError::Host { entry });
    };
    let two_labels = matches!(origin.host(), Host::Domain(name) if name.contains('.'));
    if below && !two_labels {
        return Err(RuleError::Wildcard { entry });
    }
    let rule = if below {
        Rule::below_origin(origin)
    } else {
        Rule::for_origin(origin)
    };
    Ok(rule.with_path(url.path()))
}

/// The parts of an entry, as they were written.
struct Parts<'a> {
    scheme: &'static str,
    host: &'a str,
    port: &'a str,
    path: &'a str,
}

fn split<'a>(text: &'a str, entry: &str) -> Result<Parts<'a>, RuleError> {
    let entry = || entry.to_owned();
    if text.is_empty() {
        return Err(RuleError::Empty);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(if text == "*" {
            RuleError::Everything { entry: entry() }
        } else {
            RuleError::NoScheme { entry: entry() }
        });
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https.as_str(),
        "http" => Scheme::Http.as_str(),
        "*" => return Err(RuleError::Everything { entry: entry() }),
        _ => return Err(RuleError::Scheme { entry: entry() }),
    };
    if rest.contains(['?', '#']) {
        return Err(RuleError::Query { entry: entry() });
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(RuleError::UserInfo { entry: entry() });
    }
    // The colons inside the brackets of an IPv6 address separate no port.
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority.split_at(after_brackets) {
        ("", tail) if tail.starts_with('[') => (tail, ""),
        (address, "") => (address, ""),
        (address, tail) => match tail.split_once(':') {
            Some((_, "")) => return Err(RuleError::Port { entry: entry() }),
            Some((name, port)) if address.is_empty() => (name, port),
            Some(("", port)) => (address, port),
            _ => (authority, ""),
        },
    };
    Ok(Parts {
        scheme,
        host,
        port,
        path,
    })
}

/// URL parsing drops line ends and takes a backslash for a slash; an entry with one is a mistake.
fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
}

/// The text up to its query and without a user name.
fn without_secrets(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_kept() {
        for (text, kept) in [
            ("https://API.example", "https://api.example"),
            ("https://api.example:443/", "https://api.example"),
            ("https://api.example/v1/", "https://api.example/v1"),
            ("  HTTPS://*.Example.com ", "https://*.example.com"),
            ("http://127.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), kept, "{text}");
        }
    }

    #[test]
    fn every_wrong_form_has_a_refusal_of_its_own() {
        for (text, code) in [
            ("", "allow_empty"),
            ("*", "allow_everything"),
            ("*://api.example", "allow_everything"),
            ("https://*", "allow_everything"),
            ("https://*:443", "allow_everything"),
            ("api.example", "allow_no_scheme"),
            ("ftp://api.example", "allow_scheme"),
            ("https://user@api.example", "allow_user_info"),
            ("https://api.example/x?y=1", "allow_query"),
            ("https://api.example#x", "allow_query"),
            ("https://*.com", "allow_wildcard"),
            ("https://a.*.example", "allow_wildcard"),
            ("https://*.10.0.0.1", "allow_wildcard"),
            ("https://api.example/v*", "allow_wildcard"),
            ("https://api.example:*", "allow_wildcard"),
            ("https://api.example:0", "allow_port"),
            ("https://api.example:70000", "allow_port"),
            ("https://api.example:", "allow_port"),
            ("https://api.example./", "allow_host"),
            ("https://api example", "allow_host"),
            ("https://api.example\\x", "allow_host"),
            ("https://", "allow_host"),
            ("https://[::1", "allow_host"),
            ("https://api.example/a/../b", "allow_path"),
        ] {
            assert_eq!(read(text).unwrap_err().code(), code, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_write() {
        let shown = read("api.example").unwrap_err().to_string();
        assert!(shown.contains("write `https://api.example`"), "{shown}");
    }

    #[test]
    fn a_refusal_repeats_neither_a_signature_nor_a_password() {
        for text in [
            "https://flow.example/invoke?sig=INVENTED-sig-0123456789",
            "flow.example/invoke?sig=INVENTED-sig-0123456789",
            "https://user:INVENTED-sig-0123456789@flow.example",
            "user:INVENTED-sig-0123456789@flow.example",
        ] {
            let shown = format!("{0} {0:?}", read(text).unwrap_err());
            assert!(!shown.contains("INVENTED"), "{shown}");
        }
    }
}
