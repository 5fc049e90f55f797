//! Encrypted calls: whom to trust, how long a handshake may take, and the way through a proxy.

use std::io::Write;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};

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

/// Asserts that a call fails with this cause before anything is sent.
async fn is_not_sent(transport: &Transport, request: OutboundRequest, expected: &str) -> String {
    let error = fails_on(transport, request).await;
    assert_eq!((cause(&error).as_str(), error.sent()), (expected, Sent::No));
    format!("{error} {error:?}")
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused_before_anything_is_sent() {
    let request = |server| post(&https("127.0.0.1", server));
    let server = speaking(&Identity::for_host("127.0.0.1"));
    let shown = is_not_sent(&transport(), request(&server), "TlsUntrusted").await;
    assert!(shown.contains("ca_file"), "{shown}");
    let identity = Identity::for_host("other.example");
    let (server, trusting) = (speaking(&identity), trusting(&identity, |_| {}));
    let shown = is_not_sent(&trusting.transport, request(&server), "TlsUntrusted").await;
    assert!(shown.contains("another host"), "{shown}");
    let server = speaking(&Identity::for_host("127.0.0.1"));
    let without_file = Transport::new(TransportConfig {
        ca_file: Some("does/not/exist.pem".into()),
        ..TransportConfig::new(SystemClock::shared())
    });
    is_not_sent(&without_file, request(&server), "TlsSetup").await;
}

#[tokio::test]
async fn the_reason_for_a_rejected_certificate_is_in_words_with_a_remedy_that_fits() {
    for (case, expected) in [
        "in an intermediate; put the intermediate certificate itself into `transport.ca_file`",
        "it has expired; renew the certificate, or correct this machine's clock",
        "it has expired; renew the certificate, or correct this machine's clock",
        "it is not valid yet; correct this machine's clock",
        "an authority's certificate as its own; have a certificate issued for the server",
        "it was not issued for a server; have a server certificate issued",
    ]
    .into_iter()
    .enumerate()
    {
        let identity = Identity::with("localhost", |leaf, between| match case {
            0 => with_policies(between),
            1 => leaf.not_after = date_time_ymd(2001, 1, 1),
            2 => between.not_after = date_time_ymd(2001, 1, 1),
            3 => leaf.not_before = date_time_ymd(2999, 1, 1),
            4 => leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            _ => leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        });
        let (server, trusting) = (speaking(&identity), trusting(&identity, |_| {}));
        let request = post(&https("localhost", &server));
        let shown = is_not_sent(&trusting.transport, request, "TlsUntrusted").await;
        assert!(shown.contains(expected), "{shown}");
    }
}

/// An intermediate certificate as some corporate authorities issue them: with certificate policies
/// that are critical.
fn with_policies(between: &mut CertificateParams) {
    // A sequence with the policy "any".
    let any = vec![0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0];
    let mut policies = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 32], any);
    policies.set_criticality(true);
    between.custom_extensions.push(policies);
}

#[tokio::test]
async fn an_intermediate_with_critical_policies_is_trusted_from_the_ca_file() {
    let mut identity = Identity::with("localhost", |_, between| with_policies(between));
    identity.root = identity.between.clone();
    let (server, trusting) = (speaking(&identity), trusting(&identity, |_| {}));
    let request = post(&https("localhost", &server));
    assert!(trusting.transport.send(request).await.is_ok());
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
async fn a_handshake_that_never_ends_ends_within_the_connect_limit() {
    let server = Server::raw(|_, stream| {
        let _held = stream;
        std::thread::sleep(LONG);
    });
    for (expected, connect, total) in [
        ("ConnectTimeout", SHORT, LONG),
        ("TotalTimeout", LONG, SHORT),
    ] {
        let request = OutboundRequest {
            timeouts: Timeouts {
                connect,
                total,
                ..patient()
            },
            ..post(&https("127.0.0.1", &server))
        };
        is_not_sent(&transport(), request, expected).await;
    }
}

#[tokio::test]
async fn a_server_in_the_clear_on_an_encrypted_port_is_named_so() {
    let server = Server::raw(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        read_request(&mut stream);
    });
    let request = post(&https("127.0.0.1", &server));
    is_not_sent(&transport(), request, "TlsFailed").await;
}

#[tokio::test]
async fn a_call_in_the_clear_does_not_pay_for_certificates() {
    let server = Server::answering(|_| answer(200, &[], ""));
    let transport = transport();
    transport.send(post(&server.url("/"))).await.unwrap();
    assert!(!transport.has_tls());
}

/// A proxy that answers CONNECT with `head` and then is the target itself.
fn proxy_of(identity: &Identity, head: &str) -> Server {
    let (identity, head) = (identity.clone(), head.to_owned());
    Server::raw(move |_, mut stream| {
        let asked = read_request(&mut stream).unwrap();
        assert_eq!(asked.line(), "CONNECT api.example:443");
        let wanted = asked.header("proxy-authorization").is_some();
        let head = if wanted {
            &head
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
    for (user, status, code) in [
        ("", "407", "proxy_refused"),
        ("user:INVENTED-pass@", "407", "proxy_refused"),
        ("user:INVENTED-pass@", "403", "proxy_refused"),
        ("user:INVENTED-pass@", "302", "proxy_refused"),
        ("user:INVENTED-pass@", "500", "proxy_refused"),
        ("user:INVENTED-pass@", "no HTTP", "proxy_refused"),
        ("user:INVENTED-pass@", "502", "proxy_unavailable"),
        ("user:INVENTED-pass@", "503", "proxy_unavailable"),
        ("user:INVENTED-pass@", "504", "proxy_unavailable"),
    ] {
        let proxy = proxy_of(&identity, &format!("HTTP/1.1 {status} X\r\n\r\n"));
        let trusting = proxied(&identity, &proxy, user);
        let error = fails_on(&trusting.transport, post("https://api.example/")).await;
        assert_eq!((error.code(), error.sent()), (code, Sent::No), "{error}");
        let shown = format!("{error} {error:?}");
        let wants = shown.contains("wants credentials");
        assert_eq!(wants, status == "407", "{shown}");
        assert!(
            shown.contains(status) && !shown.contains("INVENTED"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_answers_byte_by_byte_for_ever_ends_within_the_connect_limit() {
    let identity = Identity::for_host("api.example");
    let proxy = Server::raw(|_, mut stream| {
        while stream.write_all(b"a").is_ok() {
            std::thread::sleep(SHORT / 10);
        }
    });
    let trusting = proxied(&identity, &proxy, "");
    let request = OutboundRequest {
        timeouts: Timeouts {
            connect: SHORT,
            ..patient()
        },
        ..post("https://api.example/")
    };
    is_not_sent(&trusting.transport, request, "ConnectTimeout").await;
}

#[tokio::test]
async fn an_address_in_the_url_is_judged_on_the_way_to_a_proxy_too() {
    let identity = Identity::for_host("api.example");
    let proxy = proxy_of(&identity, "HTTP/1.1 200 OK\r\n\r\n");
    let trusting = proxied(&identity, &proxy, "");
    let request = post("https://169.254.169.254/");
    is_not_sent(&trusting.transport, request, "AddressRefused").await;
    assert_eq!(proxy.connections(), 0);
}
