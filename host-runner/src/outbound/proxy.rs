//! The way through a corporate proxy.
//!
//! Only encrypted calls to other machines take it, by CONNECT, so that the proxy sees a host name
//! and no path, signature or token. The proxy's own address is exempt from the judgement of
//! addresses, because the operator named it; the target's host must still be on the allow-list,
//! and an address written into the URL is still judged. Where a name leads is the proxy's affair.
//! Refused are proxies that want TLS or SOCKS to themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::origin::{Origin, Scheme};

/// The longest head of a CONNECT answer, in bytes: some proxies send a page with a refusal.
const LONGEST_HEAD: usize = 16 * 1024;

/// Why a proxy setting cannot be used. Never repeats the setting, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{setting}` is not a proxy that can be used; write `http://host:port` (https and SOCKS proxies are not supported)"
)]
pub struct ProxyError {
    /// `transport.proxy` or `HTTPS_PROXY`.
    pub setting: &'static str,
}

impl ProxyError {
    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "proxy_invalid"
    }
}

/// A proxy for encrypted calls, and the hosts that are reached without it.
#[derive(Debug, Clone)]
pub struct Proxy {
    origin: Origin,
    authorization: Option<SecretString>,
    exempt: Vec<String>,
}

impl Proxy {
    /// The proxy that the configuration names, else that of `HTTPS_PROXY`, else none. `NO_PROXY`
    /// holds for either. `environment` looks a variable up; lower case names count too.
    pub fn from_settings(
        configured: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ProxyError> {
        let variable = |upper: &str, lower: &str| {
            environment(lower)
                .or_else(|| environment(upper))
                .filter(|value| !value.trim().is_empty())
        };
        let exempt = variable("NO_PROXY", "no_proxy").map_or_else(Vec::new, |list| {
            list.split(',')
                .map(|entry| entry.trim().to_ascii_lowercase())
                .filter(|entry| !entry.is_empty())
                .collect()
        });
        let (text, setting) = match configured {
            Some(text) => (text.to_owned(), "transport.proxy"),
            None => match variable("HTTPS_PROXY", "https_proxy") {
                Some(text) => (text, "HTTPS_PROXY"),
                None => return Ok(None),
            },
        };
        Self::read(&text, exempt)
            .map(Some)
            .ok_or(ProxyError { setting })
    }

    fn read(text: &str, exempt: Vec<String>) -> Option<Self> {
        let text = text.trim();
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&with_scheme).ok()?;
        let origin = Origin::of(&url).filter(|origin| origin.scheme() == Scheme::Http)?;
        let authorization = (!url.username().is_empty()).then(|| {
            let user = percent_decode_str(url.username()).decode_utf8_lossy();
            let password =
                percent_decode_str(url.password().unwrap_or_default()).decode_utf8_lossy();
            SecretString::from(format!(
                "Basic {}",
                STANDARD.encode(format!("{user}:{password}"))
            ))
        });
        Some(Self {
            origin,
            authorization,
            exempt,
        })
    }

    /// The proxy's place, without credentials.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether a call to `target` takes this proxy.
    #[must_use]
    pub fn serves(&self, target: &Origin) -> bool {
        target.scheme() == Scheme::Https
            && !target.is_loopback()
            && !self.exempt.iter().any(|entry| is_exempt(entry, target))
    }

    /// Asks the proxy on `stream` for a connection to `target`. The error is its refusal in words.
    pub(crate) async fn open(&self, stream: &TcpStream, target: &Origin) -> Result<(), String> {
        let request = self.connect_request(target);
        write_all(stream, request.expose_secret().as_bytes())
            .await
            .map_err(|error| error.to_string())?;
        let head = read_head(stream).await?;
        judge_head(&head)
    }

    fn connect_request(&self, target: &Origin) -> SecretString {
        let place = format!("{}:{}", target.host(), target.port());
        let authorization = self
            .authorization
            .as_ref()
            .map_or_else(String::new, |value| {
                format!("Proxy-Authorization: {}\r\n", value.expose_secret())
            });
        SecretString::from(format!(
            "CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{authorization}\r\n"
        ))
    }
}

/// One entry of `NO_PROXY`: `*`, an address, or a domain (with or without a dot in front), which
/// also holds the hosts below it; each with an optional port.
fn is_exempt(entry: &str, target: &Origin) -> bool {
    let (entry, port) = match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            (name, port.parse::<u16>().ok())
        }
        _ => (entry, None),
    };
    if port.is_some_and(|port| port != target.port()) {
        return false;
    }
    let entry = entry.trim_start_matches('[').trim_end_matches(']');
    match target.host() {
        _ if entry == "*" => true,
        Host::Domain(name) => {
            let domain = entry.trim_start_matches("*.").trim_start_matches('.');
            !domain.is_empty()
                && name
                    .strip_suffix(domain)
                    .is_some_and(|front| front.is_empty() || front.ends_with('.'))
        }
        _ => target
            .literal_address()
            .is_some_and(|address| address.to_string() == entry),
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The head of the answer. Nothing of the tunnel can be read by mistake: in TLS the client speaks
/// first, so a proxy that sends more than the head of a success is broken.
async fn read_head(stream: &TcpStream) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    let mut piece = [0_u8; 1024];
    loop {
        stream.readable().await.map_err(|error| error.to_string())?;
        match stream.try_read(&mut piece) {
            Ok(0) => return Err("it closed the connection".to_owned()),
            Ok(read) => head.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.to_string()),
        }
        if head.windows(4).any(|window| window == b"\r\n\r\n") {
            return Ok(head);
        }
        if head.len() > LONGEST_HEAD {
            return Err("its answer has no end".to_owned());
        }
    }
}

fn judge_head(head: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(head);
    let mut words = text.split_ascii_whitespace();
    let status = match (words.next(), words.next().map(str::parse::<u16>)) {
        (Some(version), Some(Ok(status))) if version.starts_with("HTTP/1.") => status,
        _ => return Err("it did not answer in HTTP".to_owned()),
    };
    match status {
        200..=299 if text.ends_with("\r\n\r\n") => Ok(()),
        200..=299 => Err("it sent more than the head of its answer".to_owned()),
        407 => Err("status 407: it wants a user name and password".to_owned()),
        status => Err(format!("status {status}")),
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
        let expected = STANDARD.encode("user:INVENTED-p@ss");
        assert!(request.expose_secret().contains(&expected));
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
    fn no_proxy_holds_domains_addresses_and_ports() {
        for (list, target, exempt) in [
            ("*", "https://api.example", true),
            ("example.com", "https://a.example.com", true),
            (".example.com", "https://example.com", true),
            ("example.com", "https://badexample.com", false),
            ("10.0.0.1", "https://10.0.0.1", true),
            ("[fd00::1]:443", "https://[fd00::1]", true),
            ("example.com:8443", "https://example.com", false),
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
        assert!(judge_head(b"HTTP/1.1 200 Connection established\r\n\r\n").is_ok());
        assert!(judge_head(b"HTTP/1.1 200 OK\r\n\r\nmore").is_err());
        assert!(
            judge_head(b"HTTP/1.1 407 Auth\r\n\r\n")
                .unwrap_err()
                .contains("407")
        );
        assert!(judge_head(b"SSH-2.0\r\n\r\n").is_err());
    }
}
