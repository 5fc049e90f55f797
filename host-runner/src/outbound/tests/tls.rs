//! Encrypted calls: whom to trust, how long a handshake may take, and the way through a proxy.

use std::io::Write;

use super::server::{Identity, Server, answer, read_request};
use super::*;

struct Trusting {
    transport: Transport,
    _file: tempfile::NamedTempFile,
}

fn trusting(identity: &Identity, change: impl FnOnce(&mut TransportConfig)) -> Trusting {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &identity.root).unwrap();
    let mut config = TransportConfig::new(SystemClock::shared());
    config.ca_file = Some(file.path().to_owned());
    change(&mut config);
    Trusting {
        transport: Transport::new(config),
        _file: file,
    }
}

fn speaking(identity: &Identity) -> Server {
    let identity = identity.clone();
    Server::raw(move |_, stream| identity.answer(stream, &answer(200, &[], "secret garden")))
}

fn https(host: &str, server: &Server) -> String {
    format!("https://{host}:{}/", server.port)
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_refused_before_anything_is_sent() {
    let server = speaking(&Identity::for_host("127.0.0.1"));
    let error = transport()
        .send(post(&https("127.0.0.1", &server)))
        .await
        .unwrap_err();
    assert_eq!(
        (cause(&error), error.sent()),
        ("TlsUntrusted".to_owned(), Sent::No)
    );
    assert!(error.to_string().contains("ca_file"), "{error}");
}

#[tokio::test]
async fn a_certificate_of_the_ca_file_is_trusted() {
    let identity = Identity::for_host("localhost");
    let server = speaking(&identity);
    let trusting = trusting(&identity, |_| {});
    let got = trusting
        .transport
        .send(post(&https("localhost", &server)))
        .await
        .unwrap();
    assert_eq!(&got.body[..], b"secret garden");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let identity = Identity::for_host("other.example");
    let server = speaking(&identity);
    let trusting = trusting(&identity, |_| {});
    let error = trusting
        .transport
        .send(post(&https("127.0.0.1", &server)))
        .await
        .unwrap_err();
    assert_eq!(cause(&error), "TlsUntrusted");
    assert!(error.to_string().contains("another host"), "{error}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_ends_within_the_connect_limit() {
    let server = Server::raw(|_, stream| {
        let _held = stream;
        std::thread::sleep(LONG);
    });
    let timeouts = Timeouts {
        connect: SHORT,
        ..patient()
    };
    let request = OutboundRequest {
        timeouts,
        ..post(&https("127.0.0.1", &server))
    };
    let error = transport().send(request).await.unwrap_err();
    assert_eq!(
        (cause(&error), error.sent()),
        ("ConnectTimeout".to_owned(), Sent::No)
    );
    let timeouts = Timeouts {
        total: SHORT,
        ..patient()
    };
    let request = OutboundRequest {
        timeouts,
        ..post(&https("127.0.0.1", &server))
    };
    let error = transport().send(request).await.unwrap_err();
    assert_eq!(
        (cause(&error), error.sent()),
        ("TotalTimeout".to_owned(), Sent::No)
    );
}

#[tokio::test]
async fn a_server_in_the_clear_on_an_encrypted_port_is_named_so() {
    let server = Server::raw(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        read_request(&mut stream);
    });
    let error = transport()
        .send(post(&https("127.0.0.1", &server)))
        .await
        .unwrap_err();
    assert_eq!(
        (cause(&error), error.sent()),
        ("TlsFailed".to_owned(), Sent::No)
    );
}

#[tokio::test]
async fn a_call_in_the_clear_does_not_pay_for_certificates() {
    let server = Server::answering(|_| answer(200, &[], ""));
    let transport = transport();
    transport.send(post(&server.url("/"))).await.unwrap();
    assert!(!transport.has_tls());
}

#[tokio::test]
async fn an_unreadable_ca_file_sends_nothing() {
    let server = speaking(&Identity::for_host("127.0.0.1"));
    let transport = Transport::new(TransportConfig {
        ca_file: Some("does/not/exist.pem".into()),
        ..TransportConfig::new(SystemClock::shared())
    });
    let error = transport
        .send(post(&https("127.0.0.1", &server)))
        .await
        .unwrap_err();
    assert_eq!(
        (cause(&error), error.sent()),
        ("TlsSetup".to_owned(), Sent::No)
    );
}

/// A proxy that answers CONNECT with `head` and then is the target itself.
fn proxy_of(identity: &Identity, head: &'static str) -> Server {
    let identity = identity.clone();
    Server::raw(move |_, mut stream| {
        let asked = read_request(&mut stream).unwrap();
        assert_eq!(asked.line(), "CONNECT api.example:443");
        let wanted = asked.header("proxy-authorization").is_some();
        let head = if wanted {
            head
        } else {
            "HTTP/1.1 407 X\r\n\r\n"
        };
        let _ = stream.write_all(head.as_bytes());
        identity.answer(stream, &answer(200, &[], "tunnelled"));
    })
}

fn proxied(identity: &Identity, proxy: &Server, user: &str) -> Trusting {
    let setting = format!("http://{user}127.0.0.1:{}", proxy.port);
    trusting(identity, |config| {
        config.proxy = Proxy::from_settings(Some(&setting), |_| None).unwrap();
        // The target's name is the proxy's affair: looking it up here would lead nowhere.
        config.resolver = FixedNames::new(&[]);
    })
}

#[tokio::test]
async fn an_encrypted_call_goes_through_the_proxy_that_was_named() {
    let identity = Identity::for_host("api.example");
    let proxy = proxy_of(&identity, "HTTP/1.1 200 Connection established\r\n\r\n");
    let trusting = proxied(&identity, &proxy, "user:INVENTED-pass@");
    let got = trusting
        .transport
        .send(post("https://api.example/"))
        .await
        .unwrap();
    assert_eq!(&got.body[..], b"tunnelled");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let identity = Identity::for_host("api.example");
    let proxy = proxy_of(&identity, "HTTP/1.1 403 Forbidden\r\n\r\n");
    for (user, status) in [("user:INVENTED-pass@", "403"), ("", "407")] {
        let trusting = proxied(&identity, &proxy, user);
        let error = trusting
            .transport
            .send(post("https://api.example/"))
            .await
            .unwrap_err();
        assert_eq!(
            (cause(&error), error.sent()),
            ("ProxyFailed".to_owned(), Sent::No)
        );
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains(status) && !shown.contains("INVENTED"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn an_address_in_the_url_is_judged_on_the_way_to_a_proxy_too() {
    let identity = Identity::for_host("api.example");
    let proxy = proxy_of(&identity, "HTTP/1.1 200 OK\r\n\r\n");
    let trusting = proxied(&identity, &proxy, "");
    let error = trusting
        .transport
        .send(post("https://169.254.169.254/"))
        .await
        .unwrap_err();
    assert_eq!(cause(&error), "AddressRefused");
    assert_eq!(proxy.connections(), 0);
}
