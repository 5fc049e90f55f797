//! The way through a corporate proxy.
//!
//! Only encrypted calls to other machines use it, by CONNECT, so that the proxy sees a host name and
//! no path, signature or token. The proxy's own address is not checked, because the configuration
//! names it; the target's host must still be on the allow-list, and an address in the URL is still
//! checked. The proxy resolves names. Proxies that need TLS or SOCKS are refused.

use std::fmt;
use std::io;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::error::Cause;
use super::origin::{Origin, Scheme};

/// The longest head of a response to CONNECT, in bytes: some proxies send a page with a refusal.
const LONGEST_HEAD: usize = 16 * 1024;

/// A proxy setting that cannot be used. Never repeats the setting, which may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a usable proxy; write `http://host:port` (https and SOCKS are not supported)"
)]
pub struct ProxyError(
    /// `transport.proxy` or `HTTPS_PROXY`.
    pub &'static str,
);

/// A proxy for encrypted calls, and the hosts that are reached without it.
#[derive(Clone)]
pub struct Proxy {
    origin: Origin,
    matcher: Arc<Matcher>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.origin)
    }
}

impl Proxy {
    /// The configured proxy, otherwise that of `HTTPS_PROXY`, otherwise none. `NO_PROXY` applies to
    /// both. `environment` looks a variable up; lower case names count too.
    ///
    /// # Errors
    /// If the proxy is not `http://host:port`.
    pub fn from_settings(
        configured: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ProxyError> {
        let variable = |upper: &str| {
            let value = environment(&upper.to_lowercase()).or_else(|| environment(upper));
            value.filter(|value| !value.trim().is_empty())
        };
        let (text, setting) = match configured {
            Some(text) => (text.to_owned(), "transport.proxy"),
            None => match variable("HTTPS_PROXY") {
                Some(text) => (text, "HTTPS_PROXY"),
                None => return Ok(None),
            },
        };
        let scheme = if text.contains("://") { "" } else { "http://" };
        let text = format!("{scheme}{}", text.trim());
        let origin = Url::parse(&text).ok().as_ref().and_then(Origin::of);
        let origin = origin.filter(|origin| origin.scheme() == Scheme::Http);
        let exempt = variable("NO_PROXY").unwrap_or_default();
        // Some lists write the hosts below a domain as `*.domain`.
        let exempt = exempt.replace("*.", ".");
        let proxy = Self {
            origin: origin.ok_or(ProxyError(setting))?,
            matcher: Arc::new(Matcher::builder().https(text).no(exempt).build()),
        };
        Ok(Some(proxy))
    }

    /// The proxy's place, without credentials.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether a call to `target` uses this proxy.
    #[must_use]
    pub fn serves(&self, target: &Origin) -> bool {
        self.intercept(target).is_some()
    }

    fn intercept(&self, target: &Origin) -> Option<Intercept> {
        let uri: Uri = target.to_string().parse().ok()?;
        let other = target.scheme() == Scheme::Https && !target.is_loopback();
        self.matcher.intercept(&uri).filter(|_| other)
    }

    /// Asks the proxy on `stream` for a connection to `target`.
    pub(crate) async fn open(&self, stream: &mut TcpStream, target: &Origin) -> Result<(), Cause> {
        let proxy = self.origin.authority();
        match self.ask(stream, target).await {
            Ok(head) => judge_head(&head, proxy),
            Err(error) => {
                let reason = error.to_string();
                Err(Cause::ProxyUnavailable { proxy, reason })
            }
        }
    }

    /// The head of the proxy's response.
    async fn ask(&self, stream: &mut TcpStream, target: &Origin) -> io::Result<Vec<u8>> {
        let request = self.connect_request(target);
        stream.write_all(request.expose_secret().as_bytes()).await?;
        // The target cannot be read by mistake: in TLS the client speaks first, so a proxy that sends
        // more than the head of a success is broken.
        let mut head = Vec::new();
        let ends = |head: &[u8]| head.windows(4).any(|window| window == b"\r\n\r\n");
        while !ends(&head) && head.len() < LONGEST_HEAD {
            if stream.read_buf(&mut head).await? == 0 {
                return Err(io::Error::other("it closed the connection"));
            }
        }
        Ok(head)
    }

    fn connect_request(&self, target: &Origin) -> SecretString {
        let place = format!("{}:{}", target.host(), target.port());
        let intercept = self.intercept(target);
        let credentials = intercept.as_ref().and_then(Intercept::basic_auth);
        let authorization = credentials
            .and_then(|value| value.to_str().ok())
            .map_or_else(String::new, |value| {
                format!("Proxy-Authorization: {value}\r\n")
            });
        SecretString::from(format!(
            "CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{authorization}\r\n"
        ))
    }
}

fn judge_head(head: &[u8], proxy: String) -> Result<(), Cause> {
    let text = String::from_utf8_lossy(head);
    let mut words = text.split_ascii_whitespace();
    let http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    let status = words.next().and_then(|word| word.parse::<u16>().ok());
    let status = status.filter(|_| http);
    let reason = match status {
        Some(200..=299) if text.ends_with("\r\n\r\n") => return Ok(()),
        Some(407) => "status 407, it wants credentials; write the user name and password in `transport.proxy`: http://USER:PASSWORD@HOST:PORT".to_owned(),
        Some(status @ 502..=504) => format!("status {status}"),
        Some(status @ (..200 | 300..)) => {
            format!("status {status}; ask its administrator to allow this host, or list the host in NO_PROXY")
        }
        _ => "that is no HTTP response to CONNECT; check the proxy's host and port".to_owned(),
    };
    match status {
        Some(502..=504) => Err(Cause::ProxyUnavailable { proxy, reason }),
        _ => Err(Cause::ProxyRefused { proxy, reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    fn origin(text: &str) -> Origin {
        Origin::of(&Url::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn the_configuration_wins_over_the_environment() {
        let environment = |name: &str| (name == "HTTPS_PROXY").then(|| "http://env:1".to_owned());
        let named = Proxy::from_settings(Some("proxy.example:3128"), environment)
            .unwrap()
            .unwrap();
        assert_eq!(named.origin().to_string(), "http://proxy.example:3128");
        let found = Proxy::from_settings(None, environment).unwrap().unwrap();
        assert_eq!(found.origin().to_string(), "http://env:1");
        assert!(Proxy::from_settings(None, none).unwrap().is_none());
    }

    #[test]
    fn a_proxy_password_shows_nowhere() {
        let text = "http://user:INVENTED-p%40ss@proxy.example:3128";
        let proxy = Proxy::from_settings(Some(text), none).unwrap().unwrap();
        assert!(!format!("{proxy:?}").contains("INVENTED"));
        let request = proxy.connect_request(&origin("https://api.example"));
        let expected = "Basic dXNlcjpJTlZFTlRFRC1wQHNz\r\n";
        assert!(request.expose_secret().contains(expected));
        let error = Proxy::from_settings(Some("https://user:INVENTED@proxy"), none).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("INVENTED"));
    }

    #[test]
    fn only_encrypted_calls_to_other_machines_take_the_proxy() {
        let proxy = Proxy::from_settings(Some("http://proxy:1"), none)
            .unwrap()
            .unwrap();
        assert!(proxy.serves(&origin("https://api.example")));
        assert!(!proxy.serves(&origin("http://api.example")));
        assert!(!proxy.serves(&origin("https://127.0.0.1:8443")));
    }

    #[test]
    fn no_proxy_has_domains_addresses_and_networks() {
        for (list, target, exempt) in [
            ("*", "https://api.example", true),
            ("example.com", "https://a.example.com", true),
            (".example.com", "https://example.com", true),
            ("example.com", "https://badexample.com", false),
            ("10.0.0.1", "https://10.0.0.1", true),
            ("*.example.com", "https://a.example.com", true),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("fd00::1", "https://[fd00::1]", true),
            ("other, API.example", "https://api.example", true),
        ] {
            let environment = |name: &str| (name == "NO_PROXY").then(|| list.to_owned());
            let proxy = Proxy::from_settings(Some("http://proxy:1"), environment)
                .unwrap()
                .unwrap();
            assert_eq!(!proxy.serves(&origin(target)), exempt, "{list} {target}");
        }
    }

    #[test]
    fn only_a_success_opens_the_tunnel() {
        let opens = |head: &[u8]| judge_head(head, String::new()).is_ok();
        assert!(opens(b"HTTP/1.1 200 Connection established\r\n\r\n"));
        assert!(!opens(b"HTTP/1.1 200 OK\r\n\r\nmore"));
        assert!(!opens(b"HTTP/1.1 407 Auth\r\n\r\n"));
        assert!(!opens(b"SSH-2.0\r\n\r\n"));
    }
}
