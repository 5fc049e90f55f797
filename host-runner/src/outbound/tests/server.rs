//! Raw servers: a listener on a free port of this machine and a thread per connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, Issuer};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Request line and headers.
    pub(super) head: String,
    pub(super) body: String,
}

impl Seen {
    /// `GET /x?y`.
    pub(super) fn line(&self) -> &str {
        self.head
            .lines()
            .next()
            .unwrap()
            .trim_end_matches(" HTTP/1.1")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A server that lives as long as the test process.
pub(super) struct Server {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Gives each connection, with its number from 0, to `handle`.
    pub(super) fn raw(handle: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let handle = Arc::new(handle);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let handle = handle.clone();
                std::thread::spawn(move || handle(number, stream));
            }
        });
        Self {
            port,
            connections,
            seen: Arc::default(),
        }
    }

    /// Answers every request with the whole text that `reply` gives, and keeps connections.
    pub(super) fn answering(reply: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let kept = seen.clone();
        let server = Self::raw(move |_, mut stream| {
            while let Some(request) = read_request(&mut stream) {
                let text = reply(&request);
                kept.lock().unwrap().push(request);
                if stream.write_all(text.as_bytes()).is_err() {
                    return;
                }
            }
        });
        Self { seen, ..server }
    }

    /// Reads one request per connection, writes `text`, and closes.
    pub(super) fn once(text: &'static str) -> Self {
        Self::raw(move |_, mut stream| {
            read_request(&mut stream);
            let _ = stream.write_all(text.as_bytes());
        })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// The next request of a connection; `None` where it has ended.
pub(super) fn read_request(stream: &mut impl Read) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let mut seen = Seen {
        head: String::from_utf8(head).unwrap(),
        body: String::new(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    seen.body = String::from_utf8(body).unwrap();
    Some(seen)
}

/// A whole answer with a JSON body.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + body
}

/// A free port without a listener.
pub(super) fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The server's half of TLS with a certificate of its own authority.
#[derive(Clone)]
pub(super) struct Identity {
    config: Arc<ServerConfig>,
    /// The authority's certificate, PEM.
    pub(super) root: String,
    /// That of the authority between root and leaf.
    pub(super) between: String,
}

impl Identity {
    pub(super) fn for_host(host: &str) -> Self {
        Self::with(host, |_, _| {})
    }

    /// The same after a change of the leaf's certificate and that of the authority between.
    pub(super) fn with(
        host: &str,
        change: impl FnOnce(&mut CertificateParams, &mut CertificateParams),
    ) -> Self {
        let key = || rcgen::KeyPair::generate().unwrap();
        let authority = |name: &str| {
            let mut params = CertificateParams::new(vec![]).unwrap();
            let names = &mut params.distinguished_name;
            names.push(rcgen::DnType::CommonName, name);
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
        };
        let (root, root_key) = (authority("root"), key());
        let (mut between, between_key) = (authority("between"), key());
        let mut leaf = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut leaf, &mut between);
        let root_certificate = root.self_signed(&root_key).unwrap();
        let root = Issuer::new(root, root_key);
        let between_certificate = between.signed_by(&between_key, &root).unwrap();
        let between = Issuer::new(between, between_key);
        let key = key();
        let leaf = leaf.signed_by(&key, &between).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone(), between_certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        Self {
            config: Arc::new(config),
            root: root_certificate.pem(),
            between: between_certificate.pem(),
        }
    }

    /// Speaks TLS on `stream` and answers every request with `text`.
    pub(super) fn answer(&self, stream: TcpStream, text: &str) {
        let session = ServerConnection::new(self.config.clone()).unwrap();
        let mut stream = StreamOwned::new(session, stream);
        while read_request(&mut stream).is_some() {
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    }
}
