//! What services return during a run for exactly one URL: signatures, and places that need a token.
//!
//! An asynchronous flow answers with a `Location` whose signature is as good as a password for that
//! run. It is stripped before the guest sees the header, kept for this run, and belongs to exactly the
//! URL that remains. In every other header a signature is masked. A flow with a sign-in answers with a
//! `Location` without a signature; polling it needs the same token. The service names that place, so
//! it is trusted only within its own origin, for GET only, for exactly that URL, during this run.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::origin::Origin;
use super::sas::{SasUrl, without_signature};
use crate::secret::Redactor;

/// How many URLs are remembered. Each poll may return a new one; only the newest matter.
const MAX_REMEMBERED: usize = 64;

/// The newest URLs that services returned, each with what belongs to it.
#[derive(Debug)]
struct Recent<V>(Mutex<VecDeque<(Url, V)>>);

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Clone> Recent<V> {
    fn keep(&self, url: Url, value: V) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != url);
        if kept.len() >= MAX_REMEMBERED {
            kept.pop_front();
        }
        kept.push_back((url, value));
    }

    fn get(&self, url: &Url) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(known, _)| known == url);
        found.map(|(_, value)| value.clone())
    }
}

/// The headers with a URL to request next.
const URL_HEADERS: [&str; 4] = [
    "location",
    "content-location",
    "operation-location",
    "azure-asyncoperation",
];

/// The signatures that services returned during one run.
#[derive(Debug, Default)]
pub(crate) struct ReturnedSignatures(Recent<SecretString>);

impl ReturnedSignatures {
    /// The query that belongs to exactly this URL, if a service returned one.
    #[must_use]
    pub(crate) fn query_of(&self, bare: &Url) -> Option<SecretString> {
        self.0.get(bare)
    }

    /// The headers of a response to a request for `asked`, without secrets: signatures are removed
    /// from URLs and kept here, and masked everywhere else; known secrets are masked; cookies and
    /// headers that are not text are dropped.
    #[must_use]
    pub(crate) fn clean(&self, headers: &HeaderMap, asked: &Url, redactor: &Redactor) -> HeaderMap {
        let mut clean = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            if matches!(name.as_str(), "set-cookie" | "set-cookie2") {
                continue;
            }
            let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
                continue;
            };
            let text = match URL_HEADERS.contains(&name.as_str()) {
                true => self.take_off(text, asked, redactor),
                false => text.to_owned(),
            };
            if let Ok(value) = HeaderValue::from_str(&redactor.scrub(&text)) {
                clean.append(name.clone(), value);
            }
        }
        clean
    }

    /// The URL in a header without its signature, which is kept under the URL that it makes.
    fn take_off(&self, text: &str, asked: &Url, redactor: &Redactor) -> String {
        let Some(returned) = asked.join(text).ok().as_ref().and_then(SasUrl::split) else {
            return text.to_owned();
        };
        (returned.signatures().iter()).for_each(|one| redactor.learn(one));
        self.0
            .keep(returned.bare().clone(), returned.query().clone());
        let text = text.split('#').next().unwrap_or_default();
        match text.split_once('?') {
            Some((front, query)) => match without_signature(query) {
                Some(rest) => format!("{front}?{rest}"),
                None => front.to_owned(),
            },
            None => text.to_owned(),
        }
    }
}

/// A token of a credential for a scope, and where it is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// The credential's name.
    pub(crate) credential: String,
    /// What the token is for.
    pub(crate) scope: String,
    /// Whether the place that a response returns gets the token too.
    pub(crate) follows: bool,
}

/// The places that responses to requests with a token returned during one run.
#[derive(Debug, Default)]
pub(crate) struct NamedPlaces(Recent<Bearer>);

impl NamedPlaces {
    /// Keeps the place in the cleaned headers of a response to a request for `asked`, if the token is
    /// attached there too.
    pub(crate) fn keep(&self, headers: &HeaderMap, asked: &Url, bearer: &Bearer) {
        if !bearer.follows {
            return;
        }
        let text = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(mut place) = text.and_then(|text| asked.join(text).ok()) else {
            return;
        };
        place.set_fragment(None);
        let origin = Origin::of(&place);
        if origin.is_none() || origin != Origin::of(asked) || !place.username().is_empty() {
            return;
        }
        self.0.keep(place, bearer.clone());
    }

    /// The token for exactly this URL, if a response returned it.
    pub(crate) fn bearer_of(&self, url: &Url) -> Option<Bearer> {
        self.0.get(url)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn cleaned(store: &ReturnedSignatures, name: &'static str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        let asked = url("https://flow.example/a/invoke?api-version=1");
        let clean = store.clean(&headers, &asked, &Redactor::new());
        clean
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_returned_signature_is_kept_for_exactly_the_url_that_the_guest_will_ask() {
        for (returned, shown) in [
            (
                "https://flow.example/runs/1?v=1&sig=INVENTED-ret-1",
                "https://flow.example/runs/1?v=1",
            ),
            ("/runs/1?sig=INVENTED-ret-1&v=%2F1#top", "/runs/1?v=%2F1"),
            ("../runs/1?SIG=INVENTED-ret-1", "../runs/1"),
            (
                "https://Other.example:443/r?x=\"&sig=INVENTED-ret-1",
                "https://Other.example:443/r?x=\"",
            ),
        ] {
            let store = ReturnedSignatures::default();
            let got = cleaned(&store, "location", returned).unwrap();
            assert_eq!(got, shown);
            let asked = url("https://flow.example/a/invoke?api-version=1")
                .join(&got)
                .unwrap();
            let query = store.query_of(&asked).unwrap();
            assert!(query.expose_secret().contains("INVENTED-ret-1"));
            assert!(store.query_of(&asked.join("/elsewhere").unwrap()).is_none());
        }
    }

    #[test]
    fn a_returned_signature_is_known_to_the_redactor() {
        let redactor = Redactor::new();
        let mut headers = HeaderMap::new();
        let location = HeaderValue::from_static("/runs/1?sig=INVENTED-ret-0123");
        headers.insert("location", location);
        let asked = url("https://flow.example/");
        let _ = ReturnedSignatures::default().clean(&headers, &asked, &redactor);
        assert!(!redactor.scrub("x INVENTED-ret-0123 y").contains("INVENTED"));
    }

    #[test]
    fn a_signature_in_any_other_header_is_masked() {
        let store = ReturnedSignatures::default();
        let value = "<https://h/x?a=1&SIG=INVENTED-1>; rel=next";
        let shown = "<https://h/x?a=1&SIG=***>; rel=next";
        assert_eq!(cleaned(&store, "x-other", value).unwrap(), shown);
    }

    #[test]
    fn a_cookie_is_not_for_the_guest_and_a_retry_after_is() {
        let store = ReturnedSignatures::default();
        assert_eq!(cleaned(&store, "set-cookie", "a=b"), None);
        assert_eq!(cleaned(&store, "retry-after", "3392").unwrap(), "3392");
    }

    #[test]
    fn only_the_newest_returned_urls_are_remembered() {
        let store = ReturnedSignatures::default();
        for n in 0..=MAX_REMEMBERED {
            cleaned(&store, "location", &format!("/r/{n}?sig=INVENTED-{n}"));
        }
        assert!(store.query_of(&url("https://flow.example/r/0")).is_none());
        assert!(store.query_of(&url("https://flow.example/r/64")).is_some());
    }
}

#[cfg(test)]
mod places_tests {
    use http::HeaderValue;

    use super::*;

    const ASKED: &str = "https://flow.example/a/invoke?api-version=1";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn bearer(follows: bool) -> Bearer {
        Bearer {
            credential: "default".to_owned(),
            scope: "scope".to_owned(),
            follows,
        }
    }

    fn named(store: &NamedPlaces, location: &str, follows: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        store.keep(&headers, &url(ASKED), &bearer(follows));
    }

    #[test]
    fn a_named_place_gets_the_token_for_exactly_its_url() {
        for location in [
            "https://flow.example/runs/1?v=1",
            "/runs/1?v=1#top",
            "../runs/1?v=1",
        ] {
            let store = NamedPlaces::default();
            named(&store, location, true);
            let place = url("https://flow.example/runs/1?v=1");
            assert_eq!(store.bearer_of(&place), Some(bearer(true)), "{location}");
            for other in [
                "https://flow.example/runs/1",
                "https://flow.example/runs/1?v=2",
                "https://flow.example/runs/1/x?v=1",
            ] {
                assert_eq!(store.bearer_of(&url(other)), None, "{other}");
            }
        }
    }

    #[test]
    fn a_place_elsewhere_gets_nothing() {
        for location in [
            "https://evil.example/runs/1",
            "//evil.example/runs/1",
            "http://flow.example/runs/1",
            "https://flow.example:8443/runs/1",
            "https://flow.example./runs/1",
            "https://me@flow.example/runs/1",
            "javascript:alert(1)",
        ] {
            let store = NamedPlaces::default();
            named(&store, location, true);
            assert!(store.0.0.lock().unwrap().is_empty(), "{location}");
        }
    }

    #[test]
    fn a_token_of_an_api_does_not_follow_what_its_answers_name() {
        let store = NamedPlaces::default();
        named(&store, "/runs/1", false);
        assert!(store.0.0.lock().unwrap().is_empty());
    }

    #[test]
    fn only_the_newest_places_are_remembered() {
        let store = NamedPlaces::default();
        for n in 0..=MAX_REMEMBERED {
            named(&store, &format!("/r/{n}"), true);
        }
        let known = |n: usize| store.bearer_of(&url(&format!("https://flow.example/r/{n}")));
        assert!(known(0).is_none() && known(1).is_some() && known(MAX_REMEMBERED).is_some());
    }
}
