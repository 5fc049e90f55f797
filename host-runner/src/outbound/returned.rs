//! The signatures that come back from services.
//!
//! An asynchronous flow answers with a `Location` whose signature is as good as a password for
//! that run. It is taken off before the guest sees the header, kept for this run, and belongs to
//! exactly the URL that remains. In every other header a signature is masked.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::sas::{SasUrl, without_signature};
use crate::secret::{MASK, Redactor};

/// How many returned URLs are remembered. Each poll may bring a new one; only the newest matter.
const MOST_RETURNED: usize = 64;

/// The headers that carry a URL to ask next.
const URL_HEADERS: [&str; 4] = [
    "location",
    "content-location",
    "operation-location",
    "azure-asyncoperation",
];

/// The signatures that services returned during one run.
#[derive(Debug, Default)]
pub(crate) struct ReturnedSignatures {
    kept: Mutex<VecDeque<SasUrl>>,
}

impl ReturnedSignatures {
    fn keep(&self, returned: SasUrl) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| known.bare() != returned.bare());
        if kept.len() >= MOST_RETURNED {
            kept.pop_front();
        }
        kept.push_back(returned);
    }

    /// The query that belongs to exactly this URL, where a service returned one.
    #[must_use]
    pub(crate) fn query_of(&self, bare: &Url) -> Option<SecretString> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|known| known.bare() == bare)
            .map(|known| known.query().clone())
    }

    /// The headers of an answer to a request for `asked`, fit for the guest: signatures are taken
    /// off URLs and kept here, and masked everywhere else; known secrets are masked; cookies and
    /// what is not text are left out.
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
            let text = if is_url_header(name) {
                self.take_off(text, asked, redactor)
            } else {
                mask_signatures(text)
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
            return mask_signatures(text);
        };
        returned.register(redactor);
        self.keep(returned);
        let text = text.split('#').next().unwrap_or_default();
        let shown = match text.split_once('?') {
            Some((front, query)) => match without_signature(query) {
                Some(rest) => format!("{front}?{rest}"),
                None => front.to_owned(),
            },
            None => text.to_owned(),
        };
        mask_signatures(&shown)
    }
}

fn is_url_header(name: &HeaderName) -> bool {
    URL_HEADERS.contains(&name.as_str())
}

/// Masks the value of every `sig=` in a text, however it is written, also inside another URL's
/// query (`sig%3D`).
fn mask_signatures(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, length)) = find_signature(rest) {
        let (front, tail) = rest.split_at(at + length);
        out.push_str(front);
        let end = tail
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/%=".contains(c)))
            .unwrap_or(tail.len());
        // An encoded `&` ends the value too.
        let end = tail
            .to_ascii_lowercase()
            .find("%26")
            .map_or(end, |encoded| encoded.min(end));
        if end > 0 {
            out.push_str(MASK);
        }
        rest = tail.split_at(end).1;
    }
    out.push_str(rest);
    out
}

/// Where the next `sig=` begins, and how long that text is.
fn find_signature(text: &str) -> Option<(usize, usize)> {
    let lower = text.to_ascii_lowercase();
    let at = |form: &str| {
        lower
            .match_indices(form)
            .find(|(at, _)| {
                // Not the end of another word, such as `design=`; `%26sig` is a word of its own.
                let before = lower.split_at(*at).0;
                before.ends_with("%26")
                    || before.ends_with("%3f")
                    || !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            })
            .map(|(at, _)| (at, form.len()))
    };
    [at("sig="), at("sig%3d")].into_iter().flatten().min()
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
        for (value, shown) in [
            (
                "next: https://h/x?sig=INVENTED-1&z=1",
                "next: https://h/x?sig=***&z=1",
            ),
            (
                "<https://h/x?a=1&SIG=INVENTED-1>; rel=next",
                "<https://h/x?a=1&SIG=***>; rel=next",
            ),
            (
                "u=https%3A%2F%2Fh%3Fsig%3DINVENTED-1%26z%3D1",
                "u=https%3A%2F%2Fh%3Fsig%3D***%26z%3D1",
            ),
            ("design=good", "design=good"),
        ] {
            assert_eq!(cleaned(&store, "x-other", value).unwrap(), shown);
        }
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
        for n in 0..=MOST_RETURNED {
            cleaned(&store, "location", &format!("/r/{n}?sig=INVENTED-{n}"));
        }
        assert!(store.query_of(&url("https://flow.example/r/0")).is_none());
        assert!(store.query_of(&url("https://flow.example/r/64")).is_some());
    }
}
