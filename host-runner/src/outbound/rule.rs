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
use url::Host;

use super::origin::{Origin, path_climbs, path_is_below};
use super::rule_text::{self, RuleError};

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
        rule_text::read(text)
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

    /// The places below the domain that is the host of `origin`.
    pub(crate) fn below_origin(origin: Origin) -> Self {
        Self {
            below: true,
            ..Self::for_origin(origin)
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

#[cfg(test)]
mod tests {
    use url::Url;

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
