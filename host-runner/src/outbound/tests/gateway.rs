//! What the guest can reach, what is put onto its requests, and what it gets to see.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::server::{Identity, Seen, Server, answer, closed_port};
use super::token::{HandClock, Tokens, granting, refusing};
use super::*;

const SIG: &str = "INVENTED-sig_0123-456789";

/// A gateway to one service, which has the trigger `/invoke`, the trigger `/closed` that wants a
/// sign-in, and takes tokens below `/api`.
struct Door {
    gateway: Gateway,
    service: Server,
    tokens: Tokens,
}

impl Door {
    fn to(service: Server, tokens: Tokens) -> Self {
        let redactor = tokens.redactor.clone();
        let trigger =
            SasUrl::split(&url(&service.url(&format!("/invoke?sp=%2Frun&sig={SIG}")))).unwrap();
        let attachments = Attachments::new()
            .with_trigger(trigger)
            .with_bearer(&url(&service.url("/api")), "default", "scope")
            .unwrap()
            .with_signed_in_trigger(&url(&service.url("/closed?v=1")), "default", "flow-scope")
            .unwrap();
        let gateway = Gateway::new(GatewayConfig {
            policy: policy(&[&service.url("")]),
            attachments,
            tokens: HashMap::from([("default".to_owned(), tokens.source.clone())]),
            transport: tokens.transport.clone(),
            clock: tokens.clock.clone(),
            redactor,
            observer: tokens.observer.clone(),
        });
        Self {
            gateway,
            service,
            tokens,
        }
    }

    fn answering(reply: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        Self::to(
            Server::answering(reply),
            Tokens::answered(|n| granting(n, 3600)),
        )
    }

    async fn call(&self, method: Method, path: &str) -> Result<Answer, SendError> {
        self.gateway
            .call(guest(method, self.service.url(path)))
            .await
    }

    fn seen(&self) -> Vec<Seen> {
        self.service.seen()
    }
}

fn guest(method: Method, url: String) -> GuestRequest {
    GuestRequest {
        method,
        url,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        timeouts: patient(),
    }
}

fn shown(outcome: &Result<Answer, SendError>) -> String {
    match outcome {
        Ok(answer) => format!(
            "{:?} {}",
            answer.headers,
            String::from_utf8_lossy(&answer.body)
        ),
        Err(error) => format!("{error} {error:?}"),
    }
}

#[tokio::test]
async fn a_trigger_leaves_with_its_signature_as_it_was_written() {
    let door = Door::answering(|_| answer(202, &[], ""));
    let got = door.call(Method::POST, "/invoke?sp=%2Frun").await.unwrap();
    assert_eq!(got.status.as_u16(), 202);
    let seen = door.seen();
    assert_eq!(seen[0].line(), format!("POST /invoke?sp=%2Frun&sig={SIG}"));
    assert_eq!(seen[0].header("authorization"), None);
}

#[tokio::test]
async fn a_returned_location_is_followed_with_a_signature_that_the_guest_never_sees() {
    let door = Door::answering(|seen| {
        if seen.line().starts_with("POST") {
            answer(
                202,
                &[
                    ("Location", "/runs/1?v=1&sig=INVENTED-ret-0123"),
                    ("Retry-After", "7"),
                ],
                "",
            )
        } else {
            answer(200, &[], "{}")
        }
    });
    let got = door.call(Method::POST, "/invoke?sp=%2Frun").await;
    assert!(!shown(&got).contains("INVENTED"), "{}", shown(&got));
    let headers = got.unwrap().headers;
    assert_eq!(
        (
            headers["location"].to_str().unwrap(),
            &headers["retry-after"]
        ),
        ("/runs/1?v=1", &"7".parse().unwrap())
    );
    door.call(Method::GET, "/runs/1?v=1").await.unwrap();
    door.call(Method::GET, "/runs/2?v=1").await.unwrap();
    door.call(Method::POST, "/runs/1?v=1").await.unwrap();
    let lines: Vec<String> = door
        .seen()
        .iter()
        .map(|seen| seen.line().to_owned())
        .collect();
    assert_eq!(
        lines[1..],
        [
            "GET /runs/1?v=1&sig=INVENTED-ret-0123",
            "GET /runs/2?v=1",
            "POST /runs/1?v=1"
        ]
    );
}

#[tokio::test]
async fn a_trigger_that_wants_a_sign_in_and_the_place_that_it_names_get_a_token() {
    let door = Door::answering(|seen| match seen.line() {
        "POST /closed?v=1" => answer(202, &[("Location", "/runs/1")], ""),
        "GET /runs/1" => answer(202, &[("Location", "/runs/2?v=1")], ""),
        _ => answer(200, &[("Location", "/runs/3")], "{}"),
    });
    let got = door.call(Method::POST, "/closed?v=1").await;
    assert!(!shown(&got).contains("INVENTED"), "{}", shown(&got));
    for (method, path) in [
        (Method::GET, "/runs/1"),
        (Method::GET, "/runs/2?v=1"),
        // A run that no response named, and another method than GET.
        (Method::GET, "/runs/9"),
        (Method::POST, "/runs/1"),
        (Method::GET, "/closed?v=1"),
        (Method::POST, "/closed?v=2"),
    ] {
        door.call(method, path).await.unwrap();
    }
    let with_token: Vec<String> = door
        .seen()
        .iter()
        .filter(|seen| seen.header("authorization").is_some())
        .map(|seen| seen.line().to_owned())
        .collect();
    assert_eq!(
        with_token,
        ["POST /closed?v=1", "GET /runs/1", "GET /runs/2?v=1"]
    );
    assert_eq!((door.seen().len(), door.tokens.asked()), (7, 1));
    assert_eq!(door.gateway.calls(), 8);
}

#[tokio::test]
async fn a_place_that_an_api_or_a_refusal_names_gets_no_token() {
    let door = Door::answering(|seen| {
        let status = if seen.line().starts_with("POST /closed") {
            403
        } else {
            202
        };
        answer(status, &[("Location", "/runs/1")], "")
    });
    for (method, path) in [
        (Method::POST, "/closed?v=1"),
        (Method::POST, "/invoke?sp=%2Frun"),
        (Method::GET, "/api/x"),
        (Method::GET, "/runs/1"),
    ] {
        door.call(method, path).await.unwrap();
    }
    let last = door.seen().pop().unwrap();
    assert_eq!(last.line(), "GET /runs/1");
    assert_eq!(last.header("authorization"), None);
}

#[tokio::test]
async fn a_sign_in_that_the_flow_no_longer_takes_is_renewed_once() {
    let door = Door::answering(|seen| match seen.header("authorization") {
        Some("Bearer INVENTED.token.0001") => answer(401, &[], ""),
        _ => answer(202, &[("Location", "/runs/1")], ""),
    });
    let got = door.call(Method::POST, "/closed?v=1").await.unwrap();
    assert_eq!(got.status.as_u16(), 202);
    door.call(Method::GET, "/runs/1").await.unwrap();
    let tokens: Vec<String> = door
        .seen()
        .iter()
        .filter_map(|seen| seen.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(
        tokens,
        [
            "Bearer INVENTED.token.0001",
            "Bearer INVENTED.token.0002",
            "Bearer INVENTED.token.0002"
        ]
    );
}

#[tokio::test]
async fn what_is_not_listed_is_denied_without_a_connection() {
    let door = Door::answering(|_| answer(200, &[], ""));
    let other = Server::answering(|_| answer(200, &[], ""));
    for target in [
        other.url("/"),
        "https://x.example./".to_owned(),
        "not a url".to_owned(),
    ] {
        let error = door
            .gateway
            .call(guest(Method::GET, target))
            .await
            .unwrap_err();
        assert_eq!(
            (cause(&error), error.sent()),
            ("Denied".to_owned(), Sent::No)
        );
    }
    assert_eq!((other.connections(), door.gateway.calls()), (0, 0));
    let reports = door.tokens.reports.lock().unwrap();
    assert_eq!(reports.len(), 3);
    assert!(reports[0].contains("OtherSchemeOrPort"), "{}", reports[0]);
}

#[tokio::test]
async fn a_credential_of_the_guest_is_denied() {
    let door = Door::answering(|_| answer(200, &[], ""));
    for name in RUNNER_HEADERS {
        let mut request = guest(Method::GET, door.service.url("/api/x"));
        request
            .headers
            .insert(name, "INVENTED-guest-token".parse().unwrap());
        let outcome = door.gateway.call(request).await;
        assert_eq!(cause(outcome.as_ref().unwrap_err()), "Denied", "{name}");
        assert!(!shown(&outcome).contains("INVENTED"));
    }
    assert_eq!(door.service.connections(), 0);
}

#[tokio::test]
async fn headers_of_the_connection_are_the_transports_own() {
    let door = Door::answering(|_| answer(200, &[], ""));
    let mut request = guest(Method::POST, door.service.url("/x"));
    for (name, value) in [
        ("host", "evil.example"),
        ("accept-encoding", "gzip"),
        ("transfer-encoding", "chunked"),
        ("content-length", "7"),
        ("x-ms-client-tracking-id", "run-1"),
    ] {
        request.headers.insert(name, value.parse().unwrap());
    }
    door.gateway.call(request).await.unwrap();
    let seen = &door.seen()[0];
    assert!(seen.header("host").unwrap().starts_with("127.0.0.1"));
    assert_eq!(seen.header("transfer-encoding"), None);
    assert_eq!(seen.header("content-length"), Some("2"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("x-ms-client-tracking-id"), Some("run-1"));
}

#[tokio::test]
async fn a_refusal_stands_where_the_new_token_is_refused() {
    let service = Server::answering(|_| answer(401, &[], "the service's own"));
    let tokens = Tokens::answered(|n| {
        if n == 1 {
            granting(n, 3600)
        } else {
            refusing(401)
        }
    });
    let door = Door::to(service, tokens);
    let got = door.call(Method::GET, "/api/x").await.unwrap();
    assert_eq!(&got.body[..], b"the service's own");
    assert_eq!(door.seen().len(), 1);
}

#[tokio::test]
async fn a_refused_credential_reads_like_the_services_own_401() {
    let service = Server::answering(|_| answer(200, &[], ""));
    let door = Door::to(service, Tokens::answered(|_| refusing(400)));
    let got = door.call(Method::GET, "/api/x").await.unwrap();
    assert_eq!(
        (got.status.as_u16(), &got.headers[ANSWERED_BY]),
        (401, &"token".parse().unwrap())
    );
    let body: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(body["error"]["code"], "invalid_client");
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("AADSTS7000215")
    );
    assert_eq!(door.service.connections(), 0);
}

#[tokio::test]
async fn a_service_cannot_pretend_to_be_the_runner() {
    let door = Door::answering(|_| answer(401, &[("x-host-runner-answer", "token")], ""));
    let got = door.call(Method::GET, "/x").await.unwrap();
    assert!(!got.headers.contains_key(ANSWERED_BY));
}

#[tokio::test]
async fn a_sign_in_without_an_answer_fails_with_its_own_code_and_nothing_is_sent() {
    const BROTLI: &str = "HTTP/1.1 200 X\r\ncontent-encoding: br\r\n\r\n{}";
    let identity = Identity::for_host("127.0.0.1");
    let encrypted = Server::raw(move |_, stream| identity.answer(stream, ""));
    let through = |head: &'static str| {
        let setting = Server::once(head).url("");
        Transport::new(TransportConfig {
            proxy: Proxy::from_settings(Some(&setting), |_| None).unwrap(),
            ..TransportConfig::new(SystemClock::shared())
        })
    };
    for code in [
        "tls_certificate_untrusted",
        "address_denied",
        "name_not_resolved",
        "connection_refused",
        "proxy_refused",
        "proxy_unavailable",
        "response_truncated",
        "response_not_http",
        "response_encoding_unsupported",
        "connection_lost",
    ] {
        let login = match code {
            "tls_certificate_untrusted" => format!("https://127.0.0.1:{}/", encrypted.port),
            "connection_refused" => format!("http://127.0.0.1:{}/", closed_port()),
            "response_truncated" => {
                Server::once("HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{").url("/")
            }
            "response_encoding_unsupported" => Server::once(BROTLI).url("/"),
            "response_not_http" => Server::once("SSH-2.0-OpenSSH_9.9\r\n").url("/"),
            "connection_lost" => Server::once("").url("/"),
            _ => "https://login.example/".to_owned(),
        };
        let transport = match code {
            "address_denied" => transport_with(FixedNames::new(&["198.18.0.1"])),
            "name_not_resolved" => transport_with(FixedNames::new(&[])),
            "proxy_refused" => through("HTTP/1.1 403 X\r\n\r\n"),
            "proxy_unavailable" => through("HTTP/1.1 503 X\r\n\r\n"),
            _ => transport(),
        };
        let service = Server::answering(|_| answer(200, &[], ""));
        let door = Door::to(service, Tokens::at(&url(&login), transport));
        // It is the same when it is asked for again.
        for _ in 0..2 {
            let error = door.call(Method::POST, "/api/x").await.unwrap_err();
            assert_eq!((error.code(), error.sent()), (code, Sent::No), "{error}");
            let text = error.to_string();
            let host = url(&login).host_str().unwrap().to_owned();
            assert!(text.starts_with(&format!("signing in at {host}")), "{text}");
            assert!(!text.contains("carried out"), "{text}");
        }
        assert_eq!(door.service.connections(), 0);
    }
}

#[tokio::test]
async fn the_sign_in_and_the_call_share_the_time_of_one_call() {
    let clock: Arc<OnceLock<Arc<HandClock>>> = Arc::default();
    let moved = clock.clone();
    let tokens = Tokens::answered(move |n| {
        moved.get().unwrap().advance(2 * LONG.as_secs());
        granting(n, 3600)
    });
    clock.set(tokens.clock.clone()).unwrap();
    let door = Door::to(Server::answering(|_| answer(200, &[], "")), tokens);
    let error = door.call(Method::POST, "/api/x").await.unwrap_err();
    let end = (cause(&error), error.sent());
    assert_eq!(end, ("TotalTimeout".to_owned(), Sent::No));
    assert_eq!(door.service.connections(), 0);
}

#[tokio::test]
async fn an_outage_of_the_sign_in_is_no_refusal_by_the_service() {
    let service = Server::answering(|_| answer(401, &[], ""));
    let tokens = Tokens::answered(|n| match n {
        1 => granting(n, 3600),
        _ => answer(200, &[], "<html>sign in to the network</html>"),
    });
    let door = Door::to(service, tokens);
    let got = door.call(Method::GET, "/api/x").await.unwrap();
    assert_eq!(
        (got.status.as_u16(), &got.headers[ANSWERED_BY]),
        (503, &"token".parse().unwrap())
    );
    let said = String::from_utf8_lossy(&got.body);
    assert!(said.contains("signing in at 127.0.0.1:"), "{said}");
    assert!(said.contains("a web page"), "{said}");
}

#[tokio::test]
async fn a_service_that_repeats_everything_tells_the_guest_no_secret() {
    let door = Door::answering(|seen| {
        let line = seen.line().to_owned();
        let token = seen.header("authorization").unwrap_or("-").to_owned();
        let headers = [
            ("x-line", line.as_str()),
            ("x-token", token.as_str()),
            ("set-cookie", "a=INVENTED"),
        ];
        answer(
            400,
            &headers,
            &format!("{{\"line\":\"{line}\",\"token\":\"{token}\"}}"),
        )
    });
    for (method, path) in [(Method::POST, "/invoke?sp=%2Frun"), (Method::GET, "/api/x")] {
        let got = door.call(method, path).await;
        assert!(!shown(&got).contains("INVENTED"), "{}", shown(&got));
        let answer = got.unwrap();
        assert_eq!(
            answer.headers["content-length"],
            answer.body.len().to_string()
        );
    }
    let reports = door.tokens.reports.lock().unwrap().join("\n");
    assert!(!reports.contains("INVENTED"), "{reports}");
}
