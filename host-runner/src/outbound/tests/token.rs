//! The source of tokens against a small endpoint, on a clock that the test drives.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::server::{Server, answer};
use super::*;
use crate::clock::{Clock, Sleep};
use crate::secret::Redactor;

const SECRET: &str = "INVENTED+secret/0123=";
const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const SCOPE: &str = "https://analysis.windows.net/powerbi/api/.default";

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub(super) struct HandClock(Mutex<Duration>);

impl HandClock {
    pub(super) fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-10-01T01:00:00Z".parse().unwrap();
        start + SignedDuration::try_from(self.monotonic()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(std::future::pending())
    }
}

/// A token endpoint and a source that asks it.
pub(super) struct Tokens {
    pub(super) source: Arc<TokenSource>,
    pub(super) server: Server,
    pub(super) clock: Arc<HandClock>,
    pub(super) transport: Arc<Transport>,
    pub(super) redactor: Redactor,
    pub(super) reports: Arc<Mutex<Vec<String>>>,
    pub(super) observer: Observer,
}

impl Tokens {
    /// The endpoint answers the n-th question, from 1, with what `reply` gives.
    pub(super) fn answered(reply: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        let asked = AtomicUsize::new(0);
        let server = Server::answering(move |_| reply(asked.fetch_add(1, Ordering::SeqCst) + 1));
        let login = url(&server.url("/"));
        Self {
            server,
            ..Self::at(&login, transport())
        }
    }

    /// The endpoint is anywhere.
    pub(super) fn at(login: &Url, transport: Transport) -> Self {
        let server = Server::answering(|_| String::new());
        let clock = Arc::new(HandClock::default());
        let transport = Arc::new(transport);
        let redactor = Redactor::new();
        let reports: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = reports.clone();
        let observer: Observer =
            Arc::new(move |report| heard.lock().unwrap().push(format!("{report:?}")));
        let context = TokenContext {
            transport: transport.clone(),
            clock: clock.clone(),
            redactor: redactor.clone(),
            observer: observer.clone(),
            timeouts: patient(),
        };
        let credential = ClientSecret {
            tenant: TENANT.to_owned(),
            client_id: "22222222-2222-2222-2222-222222222222".to_owned(),
            client_secret: SecretString::from(SECRET),
        };
        let source = TokenSource::new(login, false, &policy(&[]), credential, context).unwrap();
        Self {
            source: Arc::new(source),
            server,
            clock,
            transport,
            redactor,
            reports,
            observer,
        }
    }

    async fn token(&self) -> Result<String, TokenError> {
        self.source
            .token(SCOPE)
            .await
            .map(|token| token.expose_secret().to_owned())
    }

    pub(super) fn asked(&self) -> usize {
        self.server.seen().len()
    }
}

pub(super) fn granting(n: usize, life: u64) -> String {
    let body = format!(
        r#"{{"token_type":"Bearer","expires_in":"{life}","access_token":"INVENTED.token.{n:04}"}}"#
    );
    answer(200, &[], &body)
}

pub(super) fn refusing(status: u16) -> String {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: 1","error_codes":[7000215]}"#;
    answer(status, &[], body)
}

#[tokio::test]
async fn the_question_is_the_one_of_the_client_credentials_flow() {
    let tokens = Tokens::answered(|n| granting(n, 3599));
    assert_eq!(tokens.token().await.unwrap(), "INVENTED.token.0001");
    let seen = &tokens.server.seen()[0];
    assert_eq!(seen.line(), format!("POST /{TENANT}/oauth2/v2.0/token"));
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    let form: Vec<(String, String)> = url::form_urlencoded::parse(seen.body.as_bytes())
        .into_owned()
        .collect();
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("client_secret", SECRET),
        ("scope", SCOPE),
        ("client_id", "22222222-2222-2222-2222-222222222222"),
    ] {
        assert!(
            form.contains(&(name.to_owned(), value.to_owned())),
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_scope_has_a_token_of_its_own() {
    let tokens = Tokens::answered(|n| granting(n, 3600));
    let first = tokens.token().await.unwrap();
    let other = tokens
        .source
        .token("https://api.fabric.microsoft.com/.default")
        .await
        .unwrap();
    assert_ne!(first, other.expose_secret());
}

#[tokio::test]
async fn many_who_want_a_token_at_once_ask_once() {
    let tokens = Tokens::answered(|n| {
        std::thread::sleep(SHORT);
        granting(n, 3600)
    });
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let source = tokens.source.clone();
            tokio::spawn(async move { source.token(SCOPE).await.is_ok() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(tokens.asked(), 1);
}

#[tokio::test]
async fn a_token_that_somebody_renewed_already_is_not_renewed_again() {
    let tokens = Tokens::answered(|n| granting(n, 3600));
    let old = tokens.source.token(SCOPE).await.unwrap();
    let new = tokens.source.renewed(SCOPE, &old).await.unwrap();
    let again = tokens.source.renewed(SCOPE, &old).await.unwrap();
    assert_eq!(new.expose_secret(), again.expose_secret());
    assert_eq!(tokens.asked(), 2);
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_again_within_a_minute() {
    for status in [400, 401] {
        let tokens = Tokens::answered(move |_| refusing(status));
        for _ in 0..3 {
            assert_eq!(tokens.token().await.unwrap_err().code(), "token_refused");
        }
        assert_eq!(tokens.asked(), 1);
        tokens.clock.advance(60);
        tokens.token().await.unwrap_err();
        assert_eq!(tokens.asked(), 2);
    }
}

#[tokio::test]
async fn neither_secret_nor_token_shows_in_an_output() {
    let tokens = Tokens::answered(|n| match n {
        1 => granting(n, 1),
        // A server that echoes the request.
        _ => answer(
            400,
            &[],
            &format!(r#"{{"error":"x","error_description":"{SECRET}"}}"#),
        ),
    });
    let token = tokens.token().await.unwrap();
    tokens.clock.advance(2);
    let error = tokens.token().await.unwrap_err();
    let reports = tokens.reports.lock().unwrap().join("\n");
    let shown = format!("{:?} {error} {error:?} {reports}", tokens.source);
    assert!(!shown.contains("INVENTED"), "{shown}");
    assert!(
        !tokens
            .redactor
            .scrub(&format!("{token} {SECRET}"))
            .contains("INVENTED")
    );
}

#[test]
fn a_tenant_cannot_change_the_place_of_the_token_endpoint() {
    let tokens = Tokens::answered(|n| granting(n, 1));
    for tenant in ["a/b", "..", "x?y", "common#"] {
        let credential = ClientSecret {
            tenant: tenant.to_owned(),
            client_id: String::new(),
            client_secret: SecretString::from(SECRET),
        };
        let context = TokenContext {
            transport: tokens.transport.clone(),
            clock: tokens.clock.clone(),
            redactor: tokens.redactor.clone(),
            observer: Arc::new(|_| {}),
            timeouts: patient(),
        };
        let login = tokens.server.url("/");
        let made = TokenSource::new(&url(&login), false, &policy(&[]), credential, context);
        let shown = format!("{:?}", made.unwrap());
        assert!(
            shown.contains(&login) && shown.contains("/oauth2/v2.0/token\""),
            "{shown}"
        );
        assert!(
            !shown.contains(['?', '#']) && !shown.contains("a/b"),
            "{shown}"
        );
    }
}
