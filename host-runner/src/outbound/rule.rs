//! One entry of the allow-list: `scheme://host[:port][/path-prefix]`.
//!
//! | written | means |
//! |---|---|
//! | `https://api.example` | that host, port 443, any path, any method |
//! | `https://api.example:8443/v1` | that port; `/v1` and what lies below it |
//! | `https://*.example.com` | every host below, at any depth; not `example.com` itself |
//! | `http://intranet.example` | in the clear, port 80, because it says so |
//! | `http://127.0.0.1:8080` | this machine; needs `sandbox.allow_loopback: true` |
//!
//! It refuses everything that could mean more than its author thought: no scheme, `*` alone or
//! anywhere but in front, port wildcards, a user name, a query. A refusal never repeats a query
//! or a user name, because people paste trigger URLs with their signature into such lists.

use http::Method;
use url::{Host, Url};

use super::origin::{Origin, Scheme, path_climbs, path_is_below};

/// One entry of the allow-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The place; with `below`, the domain above the places.
    origin: Origin,
    below: bool,
    path: String,
    /// Empty: any method.
    methods: Vec<Method>,
    private: bool,
}

/// How far a request agrees with a rule, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Another place.
    Elsewhere,
    /// The host, but not its scheme or port.
    SameHost,
    /// The place, but not this path.
    OtherPath,
    /// Place and path, but not this method.
    OtherMethod,
    /// All of it.
    Whole,
}

impl Rule {
    /// Reads one entry.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        read(text)
    }

    /// The place of an endpoint or a target: scheme, host and port, any path.
    #[must_use]
    pub fn for_origin(origin: Origin) -> Self {
        Self {
            origin,
            below: false,
            path: String::new(),
            methods: Vec::new(),
            private: false,
        }
    }

    /// The same for fewer methods. An empty list means any method.
    #[must_use]
    pub fn with_methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        Self {
            methods: methods.into_iter().collect(),
            ..self
        }
    }

    /// The same for one path and what lies below it.
    #[must_use]
    pub fn with_path(self, path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path).to_owned();
        Self { path, ..self }
    }

    /// The same, also where the host leads to a private address.
    #[must_use]
    pub fn private(self) -> Self {
        Self {
            private: true,
            ..self
        }
    }

    /// Whether private addresses are admitted.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// Whether the place is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.origin.is_loopback()
    }

    /// The path prefix, empty where every path is allowed.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The methods; empty where every one is allowed.
    pub(crate) fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// How far a request to `path` at `origin` agrees with this entry.
    pub(crate) fn fit(&self, method: &Method, origin: &Origin, path: &str) -> Fit {
        let same_host = match (self.below, self.origin.host(), origin.host()) {
            (true, Host::Domain(above), Host::Domain(name)) => name
                .strip_suffix(above.as_str())
                .is_some_and(|front| front.len() > 1 && front.ends_with('.')),
            (_, mine, theirs) => mine == theirs,
        };
        if !same_host {
            return Fit::Elsewhere;
        }
        if (self.origin.scheme(), self.origin.port()) != (origin.scheme(), origin.port()) {
            return Fit::SameHost;
        }
        let climbs = !self.path.is_empty() && path_climbs(path);
        if climbs || !path_is_below(path, &self.path) {
            return Fit::OtherPath;
        }
        if !self.methods.is_empty() && !self.methods.contains(method) {
            return Fit::OtherMethod;
        }
        Fit::Whole
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let star = if self.below { "*." } else { "" };
        let scheme = self.origin.scheme().as_str();
        write!(
            f,
            "{scheme}://{star}{}{}",
            self.origin.authority(),
            self.path
        )
    }
}

/// Why a text is not an entry of the allow-list. `entry` is the text without query or user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// Nothing is written.
    #[error("an entry of the allow-list is empty; write `https://host`")]
    Empty,
    /// `*`, `*://…` or `https://*`.
    #[error(
        "`{0}` would allow every host; name the hosts, or write `https://*.example.com` for all below one domain"
    )]
    Everything(String),
    /// A bare host.
    #[error("`{0}` has no scheme; write `https://{0}`")]
    NoScheme(String),
    /// Neither https nor http.
    #[error("`{0}`: only https, and http where it is written, can be allowed")]
    Scheme(String),
    /// A user name or password.
    #[error(
        "`{0}` has a user name in front of the host; leave it out, credentials have a section of their own"
    )]
    UserInfo(String),
    /// A query or a fragment.
    #[error("`{0}` goes on with a query; leave it out, an entry ends with the path")]
    Query(String),
    /// A `*` where it has no meaning.
    #[error(
        "`{0}`: `*.` may stand only in front of a domain of at least two labels, as in `https://*.example.com`; ports and paths take no wildcard (a path is a prefix already)"
    )]
    Wildcard(String),
    /// No port number.
    #[error("`{0}`: the port must be one number from 1 to 65535, or left out")]
    Port(String),
    /// Not a host.
    #[error(
        "`{0}`: the host is not a valid name or address (no trailing dot, no spaces); write `https://host`"
    )]
    Host(String),
    /// A path that climbs.
    #[error("`{0}`: the path must not climb with `..`")]
    Path(String),
    /// This machine, without the switch for it.
    #[error("`{0}` is this machine; that needs `sandbox.allow_loopback: true`")]
    LoopbackOff(String),
}

impl RuleError {
    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "allow_empty",
            Self::Everything(_) => "allow_everything",
            Self::NoScheme(_) => "allow_no_scheme",
            Self::Scheme(_) => "allow_scheme",
            Self::UserInfo(_) => "allow_user_info",
            Self::Query(_) => "allow_query",
            Self::Wildcard(_) => "allow_wildcard",
            Self::Port(_) => "allow_port",
            Self::Host(_) => "allow_host",
            Self::Path(_) => "allow_path",
            Self::LoopbackOff(_) => "allow_loopback_off",
        }
    }
}

/// Reads one entry.
fn read(text: &str) -> Result<Rule, RuleError> {
    let text = text.trim();
    let entry = without_secrets(text);
    let parts = split(text, &entry)?;
    let (below, rest) = match parts.host.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, parts.host),
    };
    if parts.host == "*" {
        return Err(RuleError::Everything(entry));
    }
    if rest.contains('*') || parts.path.contains('*') || parts.port.contains('*') {
        return Err(RuleError::Wildcard(entry));
    }
    if !parts.port.is_empty() && !parts.port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(RuleError::Port(entry));
    }
    if path_climbs(parts.path) {
        return Err(RuleError::Path(entry));
    }
    let colon = if parts.port.is_empty() { "" } else { ":" };
    let whole = format!(
        "{}://{rest}{colon}{}{}",
        parts.scheme, parts.port, parts.path
    );
    let (Some(url), true) = (Url::parse(&whole).ok(), is_plain(text)) else {
        return Err(RuleError::Host(entry));
    };
    let Some(origin) = Origin::of(&url) else {
        return Err(RuleError::Host(entry));
    };
    let two_labels = matches!(origin.host(), Host::Domain(name) if name.contains('.'));
    if below && !two_labels {
        return Err(RuleError::Wildcard(entry));
    }
    let rule = Rule {
        below,
        ..Rule::for_origin(origin)
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
            RuleError::Everything(entry())
        } else {
            RuleError::NoScheme(entry())
        });
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https.as_str(),
        "http" => Scheme::Http.as_str(),
        "*" => return Err(RuleError::Everything(entry())),
        _ => return Err(RuleError::Scheme(entry())),
    };
    if rest.contains(['?', '#']) {
        return Err(RuleError::Query(entry()));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(RuleError::UserInfo(entry()));
    }
    // The colons inside the brackets of an IPv6 address separate no port.
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority.split_at(after_brackets) {
        ("", tail) if tail.starts_with('[') => (tail, ""),
        (address, "") => (address, ""),
        (address, tail) => match tail.split_once(':') {
            Some((_, "")) => return Err(RuleError::Port(entry())),
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

    fn fit(entry: &str, url: &str) -> Fit {
        let url = Url::parse(url).unwrap();
        let origin = Origin::of(&url).unwrap();
        Rule::parse(entry)
            .unwrap()
            .fit(&Method::GET, &origin, url.path())
    }

    #[test]
    fn an_entry_holds_exactly_its_scheme_host_and_port() {
        let entry = "https://api.example";
        assert_eq!(fit(entry, "https://api.example/any/path"), Fit::Whole);
        assert_eq!(fit(entry, "https://API.EXAMPLE:443/"), Fit::Whole);
        assert_eq!(fit(entry, "https://api.example:8443/"), Fit::SameHost);
        assert_eq!(fit(entry, "http://api.example/"), Fit::SameHost);
        assert_eq!(fit(entry, "https://xapi.example/"), Fit::Elsewhere);
        assert_eq!(
            fit(entry, "https://api.example.evil.example/"),
            Fit::Elsewhere
        );
    }

    #[test]
    fn a_star_holds_what_is_below_the_domain_and_not_the_domain() {
        let entry = "https://*.example.com";
        assert_eq!(fit(entry, "https://a.example.com/"), Fit::Whole);
        assert_eq!(fit(entry, "https://a.b.example.com/"), Fit::Whole);
        assert_eq!(fit(entry, "https://example.com/"), Fit::Elsewhere);
        assert_eq!(fit(entry, "https://badexample.com/"), Fit::Elsewhere);
    }

    #[test]
    fn an_entry_in_another_script_holds_the_same_name_in_ascii() {
        assert_eq!(
            fit("https://bücher.example", "https://xn--bcher-kva.example/"),
            Fit::Whole
        );
    }

    #[test]
    fn a_path_prefix_cannot_be_left_by_climbing() {
        let entry = "https://api.example/v1/";
        assert_eq!(fit(entry, "https://api.example/v1/x"), Fit::Whole);
        assert_eq!(fit(entry, "https://api.example/v10"), Fit::OtherPath);
        assert_eq!(
            fit(entry, "https://api.example/v1/../admin"),
            Fit::OtherPath
        );
        assert_eq!(
            fit(entry, "https://api.example/v1/%2e%2e/admin"),
            Fit::OtherPath
        );
        assert_eq!(
            fit(entry, "https://api.example/v1/..%2Fadmin"),
            Fit::OtherPath
        );
    }

    #[test]
    fn an_entry_may_be_for_some_methods_only() {
        let rule = Rule::parse("https://api.example")
            .unwrap()
            .with_methods([Method::POST]);
        let url = Url::parse("https://api.example/").unwrap();
        let origin = Origin::of(&url).unwrap();
        assert_eq!(rule.fit(&Method::GET, &origin, "/"), Fit::OtherMethod);
        assert_eq!(rule.fit(&Method::POST, &origin, "/"), Fit::Whole);
    }
}

#[cfg(test)]
mod text_tests {
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
