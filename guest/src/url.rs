//! URLs: their parts, query parameters, and resolving a `Location`.
//!
//! Only absolute http and https URLs with a host are accepted. Nothing is encoded again: a trigger
//! URL is sent byte for byte as it was given.

/// The parts of an absolute URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts<'u> {
    /// `http` or `https`, as written.
    pub(crate) scheme: &'u str,
    /// Host and port.
    pub(crate) authority: &'u str,
    /// Path and query without the fragment; may be empty.
    pub(crate) path_and_query: &'u str,
}

impl<'u> Parts<'u> {
    /// The parts of an absolute http or https URL, or `None`.
    pub(crate) fn of(url: &'u str) -> Option<Self> {
        if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at_checked(end)?;
        if authority.is_empty() || authority.contains('@') {
            return None;
        }
        Some(Self {
            scheme,
            authority,
            path_and_query,
        })
    }

    /// The host without its port.
    pub(crate) fn host(&self) -> &'u str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => self.authority,
        }
    }

    /// The raw value of a query parameter; its name ignores case.
    pub(crate) fn query(&self, name: &str) -> Option<&'u str> {
        self.path_and_query
            .split_once('?')?
            .1
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Resolves `location`, a response's header, against `base`; `None` if it is not an address.
pub(crate) fn resolve(base: &str, location: &str) -> Option<String> {
    if let Some(parts) = Parts::of(location) {
        return Some(format!(
            "{}://{}{}",
            parts.scheme, parts.authority, parts.path_and_query
        ));
    }
    let parts = Parts::of(base)?;
    let location = location.split('#').next().unwrap_or_default();
    let target = if location.starts_with("//") {
        format!("{}:{location}", parts.scheme)
    } else if location.starts_with('/') {
        format!("{}://{}{location}", parts.scheme, parts.authority)
    } else if location.is_empty() || location.contains("://") {
        return None;
    } else {
        let path = parts.path_and_query.split('?').next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{}://{}{folder}/{location}", parts.scheme, parts.authority)
    };
    Parts::of(&target).is_some().then_some(target)
}

/// The host of a URL for messages; never more, because the rest may hold a secret.
pub(crate) fn host_of(url: &str) -> &str {
    Parts::of(url).map_or("the server", |parts| parts.host())
}

/// Encodes a text as one segment of a path: all but RFC 3986's unreserved characters.
pub(crate) fn encode_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Whether a text is a GUID in its usual form: 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_absolute_url_has_parts() {
        let parts = Parts::of("https://h.example:443/a/b?api-version=1&SIG=x#f").unwrap();
        assert_eq!(parts.host(), "h.example");
        assert_eq!(parts.query("api-version"), Some("1"));
        assert_eq!(parts.query("sig"), Some("x"));
        assert_eq!(parts.query("sv"), None);
        for url in [
            "",
            "h.example/x",
            "ftp://h/x",
            "https://",
            "https:///x",
            "https://u@h/x",
            "https://h/a b",
        ] {
            assert_eq!(Parts::of(url), None, "{url}");
        }
    }

    #[test]
    fn a_location_is_resolved_against_the_trigger_url() {
        let base = "https://h.example:443/workflows/1/invoke?api-version=1";
        for (location, target) in [
            ("/runs/2?x=1", Some("https://h.example:443/runs/2?x=1")),
            ("runs/2", Some("https://h.example:443/workflows/1/runs/2")),
            ("//o.example/r", Some("https://o.example/r")),
            ("http://o.example/r?q#f", Some("http://o.example/r?q")),
            ("", None),
            ("ftp://o.example/r", None),
        ] {
            assert_eq!(resolve(base, location).as_deref(), target, "{location}");
        }
    }

    #[test]
    fn a_transaction_id_becomes_one_segment() {
        assert_eq!(
            encode_segment("2020-09-11T19:21:52.8Z@a-b$1374282"),
            "2020-09-11T19%3A21%3A52.8Z%40a-b%241374282"
        );
    }

    #[test]
    fn only_the_usual_form_is_a_guid() {
        assert!(is_guid("33333333-3333-3333-3333-3333333333aF"));
        for text in [
            "",
            "Data Admin",
            "33333333-3333-3333-3333-3333333333g3",
            "333333333333-3333-3333-3333-33333333",
            "{33333333-3333-3333-3333-333333333333}",
        ] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
