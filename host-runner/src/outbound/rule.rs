//! One entry of the allow-list: `scheme://host[:port][/path-prefix]`.
//!
//! | entry | allows |
//! |---|---|
//! | `https://api.example` | that host, port 443, any path, any method |
//! | `https://api.example:8443/v1` | that port; `/v1` and everything below it |
//! | `https://*.example.com` | every host below, at any depth; not `example.com` itself |
//! | `http://intranet.example` | plain HTTP, port 80 |
//! | `http://127.0.0.1:8080` | this machine; needs `sandbox.allow_loopback: true` |
//!
//! It refuses everything that might allow more than its author meant: no scheme, `*` alone or
//! anywhere but in front, port wildcards, a user name, a query. A reason never repeats the text,
//! because people paste trigger URLs with their signature into such lists.

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

/// How much of a request a rule matches, from least to most.
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
    /// Parses one entry. The error continues a sentence about it, and never repeats its text.
    ///
    /// # Errors
    /// If it is not an entry, or might allow more than its author meant.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
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

    /// The same, also if the host resolves to a private address.
    #[must_use]
    pub fn private(self) -> Self {
        Self {
            private: true,
            ..self
        }
    }

    /// Whether private addresses are allowed.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// Whether the place is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.origin.is_loopback()
    }

    /// The path prefix; empty if every path is allowed.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The methods; empty if every one is allowed.
    pub(crate) fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// How much of a request to `path` at `origin` this entry matches.
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

const EVERYTHING: &str =
    "would allow every host; `https://*.example.com` allows all below one domain";
const WILDCARD: &str = "may have `*.` only before a domain of at least two labels, as in `https://*.example.com`; a path is a prefix already";
const PORT: &str = "has a port that is not a number from 1 to 65535";
const HOST: &str = "has no valid host name or address";

fn read(text: &str) -> Result<Rule, &'static str> {
    let text = text.trim();
    let parts = split(text)?;
    let (below, rest) = match parts.host.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, parts.host),
    };
    if parts.host == "*" {
        return Err(EVERYTHING);
    }
    if rest.contains('*') || parts.path.contains('*') || parts.port.contains('*') {
        return Err(WILDCARD);
    }
    if !parts.port.is_empty() && !parts.port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(PORT);
    }
    if path_climbs(parts.path) {
        return Err("has a path with `..`");
    }
    let colon = if parts.port.is_empty() { "" } else { ":" };
    let (scheme, port, path) = (parts.scheme, parts.port, parts.path);
    let url = Url::parse(&format!("{scheme}://{rest}{colon}{port}{path}")).ok();
    let url = url.filter(|_| is_plain(text)).ok_or(HOST)?;
    let origin = Origin::of(&url).ok_or(HOST)?;
    let two_labels = matches!(origin.host(), Host::Domain(name) if name.contains('.'));
    if below && !two_labels {
        return Err(WILDCARD);
    }
    let rule = Rule {
        below,
        ..Rule::for_origin(origin)
    };
    Ok(rule.with_path(url.path()))
}

/// The parts of an entry, as they are written.
struct Parts<'a> {
    scheme: &'static str,
    host: &'a str,
    port: &'a str,
    path: &'a str,
}

fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(match text {
            "" => "is empty",
            "*" => EVERYTHING,
            _ => "has no scheme",
        });
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https.as_str(),
        "http" => Scheme::Http.as_str(),
        "*" => return Err(EVERYTHING),
        _ => return Err("is neither https:// nor http://"),
    };
    if rest.contains(['?', '#']) {
        return Err("has a query or a fragment; it ends with the path");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("has a user name before the host");
    }
    // The colons inside the brackets of an IPv6 address do not start a port.
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority.split_at(after_brackets) {
        ("", tail) if tail.starts_with('[') => (tail, ""),
        (address, "") => (address, ""),
        (address, tail) => match tail.split_once(':') {
            Some((_, "")) => return Err(PORT),
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

/// URL parsing drops line breaks and reads a backslash as a slash; an entry with one is a mistake.
fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
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
    fn every_wrong_form_has_a_reason_of_its_own() {
        for (text, reason) in [
            ("", "is empty"),
            ("*", EVERYTHING),
            ("*://api.example", EVERYTHING),
            ("https://*", EVERYTHING),
            ("https://*:443", EVERYTHING),
            ("api.example", "has no scheme"),
            ("ftp://api.example", "is neither https:// nor http://"),
            (
                "https://user@api.example",
                "has a user name before the host",
            ),
            (
                "https://api.example/x?y=1",
                "has a query or a fragment; it ends with the path",
            ),
            (
                "https://api.example#x",
                "has a query or a fragment; it ends with the path",
            ),
            ("https://*.com", WILDCARD),
            ("https://a.*.example", WILDCARD),
            ("https://*.10.0.0.1", WILDCARD),
            ("https://api.example/v*", WILDCARD),
            ("https://api.example:*", WILDCARD),
            ("https://api.example:0", PORT),
            ("https://api.example:70000", PORT),
            ("https://api.example:", PORT),
            ("https://api.example./", HOST),
            ("https://api example", HOST),
            ("https://api.example\\x", HOST),
            ("https://", HOST),
            ("https://[::1", HOST),
            ("https://api.example/a/../b", "has a path with `..`"),
        ] {
            assert_eq!(read(text).unwrap_err(), reason, "{text}");
        }
    }
}
