//! The signature of a SAS URL: removed before anything can print it, and restored unchanged.
//!
//! `sig` is a bearer credential that does not expire by itself. The guest, the audit log and the logs
//! have the URL without it. The original query is restored byte for byte: the signature covers the
//! text, so decoding and encoding it again could break it.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::secret::Redactor;

/// A URL and, apart from it, its query with the signature. `Debug` shows the URL only.
#[derive(Debug, Clone)]
pub struct SasUrl {
    bare: Url,
    query: SecretString,
    signatures: Vec<SecretString>,
}

impl SasUrl {
    /// Removes the signature from `url`; `None` if it has none. A fragment is dropped, because it is
    /// never sent.
    #[must_use]
    pub fn split(url: &Url) -> Option<Self> {
        let query = url.query()?;
        let signatures: Vec<SecretString> = pairs(query)
            .filter_map(|(pair, signature)| {
                let value = signature.then(|| pair.split_once('=')).flatten()?.1;
                (!value.is_empty()).then(|| SecretString::from(value))
            })
            .collect();
        if signatures.is_empty() {
            return None;
        }
        let mut bare = url.clone();
        bare.set_fragment(None);
        bare.set_query(without_signature(query).as_deref());
        Some(Self {
            bare,
            query: SecretString::from(query),
            signatures,
        })
    }

    /// The URL without the signature: safe to show, to store and to pass to the guest.
    #[must_use]
    pub fn bare(&self) -> &Url {
        &self.bare
    }

    /// The whole query, signature included.
    #[must_use]
    pub fn query(&self) -> &SecretString {
        &self.query
    }

    /// Registers the signature with the redactor.
    pub fn register(&self, redactor: &Redactor) {
        for signature in &self.signatures {
            redactor.register(signature);
        }
    }

    pub(crate) fn signatures(&self) -> &[SecretString] {
        &self.signatures
    }
}

/// `url` with the query that belongs to it.
pub(crate) fn with_query(url: &Url, query: &SecretString) -> Url {
    let mut whole = url.clone();
    whole.set_query(Some(query.expose_secret()));
    whole
}

/// Whether `url` has a signature.
pub(crate) fn is_signed(url: &Url) -> bool {
    url.query()
        .is_some_and(|query| pairs(query).any(|(_, signature)| signature))
}

/// The pairs of a query, and whether each is a signature or another secret. The name is compared as a server reads it:
/// decoded, and case-insensitively.
fn pairs(query: &str) -> impl Iterator<Item = (&str, bool)> {
    query.split('&').map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        (pair, is_secret_name(&name))
    })
}

/// Whether a parameter of this name is a secret: a signature, or the key of a gateway or a function.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let known = "sig code key token api-key api_key apikey access_token subscription-key ocp-apim-subscription-key";
    known
        .split(' ')
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The query without its signature; `None` if nothing is left.
pub(crate) fn without_signature(query: &str) -> Option<String> {
    let kept: Vec<&str> = pairs(query)
        .filter(|(_, signature)| !signature)
        .map(|(pair, _)| pair)
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str =
        "api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-sig_01%2b23";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_signature_is_taken_off_and_put_back_byte_for_byte() {
        for query in [
            QUERY.to_owned(),
            "sig=INVENTED-sig-0123456789".to_owned(),
            "SIG=INVENTED-sig-0123456789&b=%2f%2F+x".to_owned(),
            "a=1&%73ig=INVENTED-sig-0123456789&c".to_owned(),
        ] {
            let whole = url(&format!("https://flow.example/invoke?{query}"));
            let sas = SasUrl::split(&whole).unwrap();
            assert!(!sas.bare().as_str().contains("INVENTED"), "{}", sas.bare());
            assert_eq!(with_query(sas.bare(), sas.query()).as_str(), whole.as_str());
        }
    }

    #[test]
    fn a_url_without_a_signature_is_none() {
        for text in [
            "https://h/x",
            "https://h/x?a=1",
            "https://h/x?design=1",
            "https://h/x?sig=",
        ] {
            assert!(SasUrl::split(&url(text)).is_none(), "{text}");
        }
    }

    #[test]
    fn a_signature_shows_in_no_debug_output_and_the_redactor_knows_it() {
        let sas = SasUrl::split(&url(&format!("https://flow.example/invoke?{QUERY}"))).unwrap();
        assert!(!format!("{sas:?}").contains("INVENTED"));
        let redactor = Redactor::new();
        sas.register(&redactor);
        assert!(
            !redactor
                .scrub("x INVENTED-sig_01%2b23 y")
                .contains("INVENTED")
        );
    }
}
