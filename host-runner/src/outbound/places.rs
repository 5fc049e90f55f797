//! Where a run that a token began is asked for.
//!
//! A flow that wants a sign-in may answer its trigger with a `Location` without a signature: then
//! asking there wants the same token. The service names that place, so it is trusted no further than
//! its own origin, for GET only, for exactly that URL, and during this run only.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use http::header::LOCATION;
use url::Url;

use super::origin::Origin;

/// How many places are remembered. Each poll may name a new one; only the newest matter.
const MOST_PLACES: usize = 64;

/// A token of a credential for a scope, and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// The credential's name.
    pub(crate) credential: String,
    /// What the token is for.
    pub(crate) scope: String,
    /// Whether the place that an answer names gets the token too.
    pub(crate) follows: bool,
}

/// The places that answers to requests with a token named during one run.
#[derive(Debug, Default)]
pub(crate) struct NamedPlaces {
    kept: Mutex<VecDeque<(Url, Bearer)>>,
}

impl NamedPlaces {
    /// Keeps the place that the cleaned headers of an answer to a request for `asked` name, where
    /// the token reaches that far.
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
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != place);
        if kept.len() >= MOST_PLACES {
            kept.pop_front();
        }
        kept.push_back((place, bearer.clone()));
    }

    /// The token for exactly this URL, where an answer named it.
    pub(crate) fn bearer_of(&self, url: &Url) -> Option<Bearer> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|(known, _)| known == url)
            .map(|(_, bearer)| bearer.clone())
    }
}

#[cfg(test)]
mod tests {
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
            assert!(store.kept.lock().unwrap().is_empty(), "{location}");
        }
    }

    #[test]
    fn a_token_of_an_api_does_not_follow_what_its_answers_name() {
        let store = NamedPlaces::default();
        named(&store, "/runs/1", false);
        assert!(store.kept.lock().unwrap().is_empty());
    }

    #[test]
    fn only_the_newest_places_are_remembered() {
        let store = NamedPlaces::default();
        for n in 0..=MOST_PLACES {
            named(&store, &format!("/r/{n}"), true);
        }
        let known = |n: usize| store.bearer_of(&url(&format!("https://flow.example/r/{n}")));
        assert!(known(0).is_none() && known(1).is_some() && known(MOST_PLACES).is_some());
    }
}
