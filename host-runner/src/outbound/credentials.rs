//! Which request gets which secret.
//!
//! The guest requests URLs without secrets; these are attached here, after the policy check. A
//! signature is attached to exactly the URL that it was removed from, and only with its method: POST
//! for a trigger, GET for a returned `Location`. A token is attached below its endpoint, over https
//! or within this machine. The token of a trigger that requires a sign-in is attached to a POST to
//! exactly that URL, and to a GET of the `Location` that the flow returned, at its own origin.
//! Nothing is attached if scheme, host or port differ, and never both: Power Automate refuses a
//! request with a signature and a token.

use http::{HeaderMap, Method};
use secrecy::SecretString;
use url::Url;

use super::origin::{Origin, path_climbs, path_is_below};
use super::returned::{Bearer, NamedPlaces, ReturnedSignatures};
use super::sas::{SasUrl, is_signed};
use crate::secret::Redactor;

/// The headers that carry credentials, which only the runner sets.
pub const RUNNER_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "cookie2"];

/// An endpoint, without path or query, that would get a token over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} would get a token over plain HTTP; write https://, unless it is on this machine")]
pub struct PlainHttpError(pub String);

/// What is attached to a request.
#[derive(Debug, Clone)]
pub(crate) enum Attachment {
    /// Nothing.
    Nothing,
    /// The query that belongs to its URL.
    Query(SecretString),
    /// A token.
    Bearer(Bearer),
}

/// Requests below one URL get a token.
#[derive(Debug, Clone)]
struct BearerRule {
    origin: Origin,
    path: String,
    bearer: Bearer,
}

/// All secrets of one run, and the requests that get them.
#[derive(Debug, Clone, Default)]
pub struct Attachments {
    triggers: Vec<SasUrl>,
    signed_in: Vec<(Url, Bearer)>,
    bearers: Vec<BearerRule>,
}

impl Attachments {
    /// No secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A trigger whose signature is attached to a POST to exactly its URL.
    #[must_use]
    pub fn with_trigger(mut self, trigger: SasUrl) -> Self {
        self.triggers.push(trigger);
        self
    }

    /// Requests to `endpoint` and below get a token of the credential named `credential` for
    /// `scope`.
    pub fn with_bearer(
        mut self,
        endpoint: &Url,
        credential: impl Into<String>,
        scope: impl Into<String>,
    ) -> Result<Self, PlainHttpError> {
        let origin = encrypted(endpoint)?;
        self.bearers.push(BearerRule {
            origin,
            path: endpoint.path().to_owned(),
            bearer: Bearer {
                credential: credential.into(),
                scope: scope.into(),
                follows: false,
            },
        });
        Ok(self)
    }

    /// A trigger without a signature: a POST to exactly `trigger` gets a token of the credential
    /// named `credential` for `scope`, and so does a GET of the `Location` that its response returns
    /// at the same origin, and of the one that the response there returns.
    pub fn with_signed_in_trigger(
        mut self,
        trigger: &Url,
        credential: impl Into<String>,
        scope: impl Into<String>,
    ) -> Result<Self, PlainHttpError> {
        encrypted(trigger)?;
        let mut trigger = trigger.clone();
        trigger.set_fragment(None);
        let bearer = Bearer {
            credential: credential.into(),
            scope: scope.into(),
            follows: true,
        };
        self.signed_in.push((trigger, bearer));
        Ok(self)
    }

    /// Registers every signature with the redactor.
    pub(crate) fn register(&self, redactor: &Redactor) {
        for trigger in &self.triggers {
            trigger.register(redactor);
        }
    }

    /// What is attached to a request. `url` is the one that the guest requested.
    pub(crate) fn decide(
        &self,
        method: &Method,
        url: &Url,
        returned: &ReturnedSignatures,
        places: &NamedPlaces,
    ) -> Attachment {
        let trigger = self.triggers.iter().find(|trigger| trigger.bare() == url);
        if let (&Method::POST, Some(trigger)) = (method, trigger) {
            return Attachment::Query(trigger.query().clone());
        }
        if let (&Method::GET, Some(query)) = (method, returned.query_of(url)) {
            return Attachment::Query(query);
        }
        let (Some(origin), false) = (Origin::of(url), is_signed(url)) else {
            return Attachment::Nothing;
        };
        let signed_in = self.signed_in.iter().find(|(trigger, _)| trigger == url);
        if let (&Method::POST, Some((_, bearer))) = (method, signed_in) {
            return Attachment::Bearer(bearer.clone());
        }
        if let (&Method::GET, Some(bearer)) = (method, places.bearer_of(url)) {
            return Attachment::Bearer(bearer);
        }
        let rule = self
            .bearers
            .iter()
            .filter(|rule| rule.origin == origin && holds(&rule.path, url.path()))
            .max_by_key(|rule| rule.path.len());
        match rule {
            Some(rule) => Attachment::Bearer(rule.bearer.clone()),
            None => Attachment::Nothing,
        }
    }
}

/// The place of a URL, if a token may be sent there.
fn encrypted(url: &Url) -> Result<Origin, PlainHttpError> {
    match Origin::of(url) {
        Some(origin) if origin.may_carry_credentials() => Ok(origin),
        other => Err(PlainHttpError(
            other.map_or_else(String::new, |origin| origin.to_string()),
        )),
    }
}

fn holds(prefix: &str, path: &str) -> bool {
    path_is_below(path, prefix) && (prefix == "/" || !path_climbs(path))
}

/// The first header of a guest that only the runner may set.
pub(crate) fn forbidden_header(headers: &HeaderMap) -> Option<&'static str> {
    RUNNER_HEADERS
        .into_iter()
        .find(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRIGGER: &str = "https://flow.example/invoke?api-version=1&sig=INVENTED-sig-0123456789";
    const SIGNED_IN: &str = "https://flow.example/closed/invoke?api-version=1";
    const BARE: &str = "https://flow.example/invoke?api-version=1";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn attachments() -> Attachments {
        Attachments::new()
            .with_trigger(SasUrl::split(&url(TRIGGER)).unwrap())
            .with_bearer(&url("https://api.example/v1.0"), "default", "scope-a")
            .unwrap()
            .with_bearer(&url("https://api.example/v1.0/other"), "second", "scope-b")
            .unwrap()
            .with_signed_in_trigger(&url(SIGNED_IN), "flows", "scope-c")
            .unwrap()
    }

    fn decided(method: Method, text: &str) -> String {
        let (returned, places) = (ReturnedSignatures::default(), NamedPlaces::default());
        match attachments().decide(&method, &url(text), &returned, &places) {
            Attachment::Nothing => "nothing".to_owned(),
            Attachment::Query(_) => "query".to_owned(),
            Attachment::Bearer(bearer) => format!("{} {}", bearer.credential, bearer.scope),
        }
    }

    #[test]
    fn a_trigger_gets_its_signature_for_a_post_to_exactly_its_url() {
        assert_eq!(decided(Method::POST, BARE), "query");
        for (method, other) in [
            (Method::GET, BARE),
            (Method::POST, "http://flow.example/invoke?api-version=1"),
            (
                Method::POST,
                "https://flow.example:8443/invoke?api-version=1",
            ),
            (Method::POST, "https://flow2.example/invoke?api-version=1"),
            (Method::POST, "https://flow.example/invoke"),
            (
                Method::POST,
                "https://flow.example/invoke?api-version=1&x=1",
            ),
        ] {
            assert_eq!(decided(method, other), "nothing", "{other}");
        }
    }

    #[test]
    fn a_trigger_that_wants_a_sign_in_gets_its_token_for_a_post_to_exactly_its_url() {
        assert_eq!(decided(Method::POST, SIGNED_IN), "flows scope-c");
        for (method, other) in [
            (Method::GET, SIGNED_IN),
            (Method::DELETE, SIGNED_IN),
            (
                Method::POST,
                "http://flow.example/closed/invoke?api-version=1",
            ),
            (
                Method::POST,
                "https://flow.example:8443/closed/invoke?api-version=1",
            ),
            (
                Method::POST,
                "https://evil.example/closed/invoke?api-version=1",
            ),
            (Method::POST, "https://flow.example/closed/invoke"),
            (
                Method::POST,
                "https://flow.example/closed/invoke?api-version=1&x=1",
            ),
            (
                Method::POST,
                "https://flow.example/closed/invoke/x?api-version=1",
            ),
            (
                Method::POST,
                "https://flow.example/closed/invoke?api-version=1&sig=INVENTED",
            ),
        ] {
            assert_eq!(decided(method, other), "nothing", "{other}");
        }
    }

    #[test]
    fn the_place_that_such_a_flow_names_gets_the_token_for_a_get() {
        let attachments = attachments();
        let (returned, places) = (ReturnedSignatures::default(), NamedPlaces::default());
        let decide = |method: Method, text: &str| match attachments.decide(
            &method,
            &url(text),
            &returned,
            &places,
        ) {
            Attachment::Nothing => "nothing",
            Attachment::Query(_) => "query",
            Attachment::Bearer(_) => "bearer",
        };
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("/runs/1"));
        let Attachment::Bearer(bearer) =
            attachments.decide(&Method::POST, &url(SIGNED_IN), &returned, &places)
        else {
            panic!("the trigger wants a sign-in")
        };
        places.keep(&headers, &url(SIGNED_IN), &bearer);
        let place = "https://flow.example/runs/1";
        assert_eq!(decide(Method::GET, place), "bearer");
        assert_eq!(decide(Method::POST, place), "nothing");
        // A signature that came with the place is what the service wants there, and it alone.
        headers.insert(
            "location",
            HeaderValue::from_static("/runs/1?sig=INVENTED-ret-0123"),
        );
        let _ = returned.clean(&headers, &url(SIGNED_IN), &Redactor::new());
        assert_eq!(decide(Method::GET, place), "query");
    }

    #[test]
    fn a_trigger_in_the_clear_never_gets_a_token() {
        let error = Attachments::new()
            .with_signed_in_trigger(&url("http://flow.example/x"), "flows", "scope")
            .unwrap_err();
        assert_eq!(error, PlainHttpError("http://flow.example".to_owned()));
        let own = Attachments::new().with_signed_in_trigger(
            &url("http://127.0.0.1:9/x"),
            "flows",
            "scope",
        );
        assert!(own.is_ok());
    }

    #[test]
    fn a_token_goes_to_its_endpoint_and_below_and_nowhere_else() {
        assert_eq!(
            decided(Method::GET, "https://api.example/v1.0/myorg"),
            "default scope-a"
        );
        assert_eq!(
            decided(Method::GET, "https://api.example/v1.0/other/x"),
            "second scope-b"
        );
        for other in [
            "http://api.example/v1.0/myorg",
            "https://api.example:8443/v1.0/myorg",
            "https://api.example./v1.0/myorg",
            "https://api.example/v1.00",
            "https://api.example/v1.0/..%2Fadmin",
            "https://evil.example/v1.0/myorg",
        ] {
            assert_eq!(decided(Method::GET, other), "nothing", "{other}");
        }
    }

    #[test]
    fn a_signed_url_never_gets_a_token_too() {
        assert_eq!(
            decided(Method::GET, "https://api.example/v1.0/x?SIG=INVENTED"),
            "nothing"
        );
    }

    #[test]
    fn a_token_is_never_attached_to_a_place_in_the_clear() {
        let error = Attachments::new()
            .with_bearer(&url("http://api.example"), "default", "scope")
            .unwrap_err();
        assert_eq!(error, PlainHttpError("http://api.example".to_owned()));
        let own = Attachments::new().with_bearer(&url("http://127.0.0.1:9"), "default", "scope");
        assert!(own.is_ok());
    }

    #[test]
    fn a_header_of_the_runner_is_found_in_any_case() {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("*/*"));
        assert_eq!(forbidden_header(&headers), None);
        let name: http::HeaderName = "AUTHORIZATION".parse().unwrap();
        headers.insert(name, HeaderValue::from_static("Bearer x"));
        assert_eq!(forbidden_header(&headers), Some("authorization"));
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        let shown = format!("{:?}", attachments());
        assert!(!shown.contains("INVENTED"), "{shown}");
    }
}
