//! Tokens from Entra with a client secret, kept and renewed.
//!
//! One token per scope serves all calls until five minutes before it expires. The first call that
//! finds it due renews it while the others wait, so that many targets need one request. A refusal
//! is remembered for a minute, so that a wrong secret is not sent again and again (Entra locks such
//! clients out), and an outage for as long as its `Retry-After`. While a renewal fails, the old
//! token serves until it expires. Time comes from [`crate::clock`] only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::correlation::Called;
use super::denial::Denial;
use super::error::Cause;
use super::observe::{CallEnd, CallReport, Observer};
use super::policy::{Permit, Policy};
use super::timeouts::Timeouts;
use super::token_reply::{Granted, TokenError, read_reply};
use super::transport::{Answer, OutboundRequest, Transport};
use crate::clock::SharedClock;
use crate::secret::Redactor;

/// An application's identity.
#[derive(Debug, Clone)]
pub struct ClientSecret {
    /// The tenant's id or domain.
    pub tenant: String,
    /// The application's id.
    pub client_id: String,
    /// The secret's value.
    pub client_secret: SecretString,
}

/// What a source of tokens shares with the rest of the run.
#[derive(Clone)]
pub struct TokenContext {
    /// Makes the calls.
    pub transport: Arc<Transport>,
    /// Decides when tokens expire.
    pub clock: SharedClock,
    /// Gets every token.
    pub redactor: Redactor,
    /// Gets every call.
    pub observer: Observer,
    /// The limits of a call for a token.
    pub timeouts: Timeouts,
}

/// The tokens of one credential.
pub struct TokenSource {
    endpoint: Url,
    permit: Permit,
    credential: ClientSecret,
    context: TokenContext,
    slots: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Slot>>>>,
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSource")
            .field("endpoint", &self.endpoint.as_str())
            .field("client_id", &self.credential.client_id)
            .finish_non_exhaustive()
    }
}

impl TokenSource {
    /// The tokens of `credential` from the endpoint `login` (e.g.
    /// `https://login.microsoftonline.com`). The secret is registered with the redactor here.
    pub fn new(
        login: &Url,
        private: bool,
        policy: &Policy,
        credential: ClientSecret,
        context: TokenContext,
    ) -> Result<Self, Denial> {
        let permit = policy.permit_for_runner(login, private)?;
        let mut endpoint = login.clone();
        endpoint.set_query(None);
        endpoint.set_fragment(None);
        if let Ok(mut path) = endpoint.path_segments_mut() {
            // Encodes the tenant, which the configuration has checked.
            let tenant = credential.tenant.as_str();
            path.pop_if_empty();
            path.extend([tenant, "oauth2", "v2.0", "token"]);
        }
        context.redactor.register(&credential.client_secret);
        Ok(Self {
            endpoint,
            permit,
            credential,
            context,
            slots: Mutex::default(),
        })
    }

    /// `host[:port]` of the endpoint.
    pub(crate) fn host(&self) -> String {
        self.permit.origin().authority()
    }

    /// A token for `scope`, from memory if there is a good one.
    pub async fn token(&self, scope: &str) -> Result<SecretString, TokenError> {
        self.token_except(scope, None).await
    }

    /// Another token than `refused`, which a service no longer accepts. If it was renewed meanwhile,
    /// the new one.
    pub async fn renewed(
        &self,
        scope: &str,
        refused: &SecretString,
    ) -> Result<SecretString, TokenError> {
        self.token_except(scope, Some(refused)).await
    }

    async fn token_except(
        &self,
        scope: &str,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, TokenError> {
        let slot = self.slot(scope);
        let mut slot = slot.lock().await;
        if let Some(refused) = refused {
            slot.drop_token(refused);
        }
        match slot.step(self.context.clock.monotonic()) {
            Step::Use(token) => Ok(token),
            Step::Fail(error) => Err(error),
            Step::Ask => self.ask(scope, &mut slot).await,
        }
    }

    fn slot(&self, scope: &str) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(scope.to_owned()).or_default().clone()
    }

    async fn ask(&self, scope: &str, slot: &mut Slot) -> Result<SecretString, TokenError> {
        let clock = &self.context.clock;
        // The lifetime counts from before the request, so that a slow response shortens it.
        let asked_at = clock.monotonic();
        let outcome = self.fetch(scope).await;
        match outcome {
            Ok(granted) => {
                self.context.redactor.learn(&granted.token);
                Ok(slot.granted(granted, asked_at))
            }
            Err(error) => slot.failed(error, clock.monotonic()),
        }
    }

    async fn fetch(&self, scope: &str) -> Result<Granted, TokenError> {
        let started = self.context.clock.monotonic();
        let report = |end: CallEnd<'_>| {
            (self.context.observer)(&CallReport {
                method: &Method::POST,
                origin: self.permit.origin().to_string(),
                path: self.endpoint.path(),
                end,
                took: self.context.clock.monotonic().saturating_sub(started),
            });
        };
        let got = self.context.transport.send(self.request(scope)).await;
        let readable = |answer: Answer| match answer.headers.contains_key(CONTENT_ENCODING) {
            true => Err(Cause::Encoded.at(self.host())),
            false => Ok(answer),
        };
        match got.and_then(readable) {
            Ok(answer) => {
                let now = self.context.clock.now();
                let reply = read_reply(&answer, now, &self.context.redactor);
                report(match &reply {
                    Ok(_) => CallEnd::Answered(answer.status),
                    Err(error) => CallEnd::NoToken(error),
                });
                reply
            }
            Err(error) => {
                report(CallEnd::Failed(&error));
                Err(TokenError::Unreachable(Box::new(error)))
            }
        }
    }

    fn request(&self, scope: &str) -> OutboundRequest {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.credential.client_id)
            .append_pair(
                "client_secret",
                self.credential.client_secret.expose_secret(),
            )
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", scope)
            .finish();
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        OutboundRequest {
            method: Method::POST,
            url: self.endpoint.clone(),
            headers,
            body: Bytes::from(form),
            permit: self.permit.clone(),
            timeouts: self.context.timeouts,
            called: Called::Login,
        }
    }
}

/// A token is renewed this long before it expires, as in Microsoft's own libraries; a shorter-lived
/// one at half of its lifetime.
const RENEW_EARLY: Duration = Duration::from_secs(300);

/// How long a refusal is remembered, as in MSAL.
const REMEMBER_REFUSAL: Duration = Duration::from_secs(60);

/// The state of one scope. Times are of the monotonic clock.
#[derive(Debug, Default)]
struct Slot {
    token: Option<Kept>,
    refused: Option<(TokenError, Duration)>,
}

#[derive(Debug, Clone)]
struct Kept {
    token: SecretString,
    renew_at: Duration,
    ends_at: Duration,
}

/// What to do if a token is needed.
#[derive(Debug)]
enum Step {
    Use(SecretString),
    Fail(TokenError),
    Ask,
}

impl Slot {
    fn step(&self, now: Duration) -> Step {
        let held_back = self.refused.as_ref().filter(|(_, until)| now < *until);
        match (&self.token, held_back) {
            (Some(kept), _) if now < kept.renew_at => Step::Use(kept.token.clone()),
            (Some(kept), Some(_)) if now < kept.ends_at => Step::Use(kept.token.clone()),
            (_, Some((error, until))) => Step::Fail(still(error, until.saturating_sub(now))),
            _ => Step::Ask,
        }
    }

    fn granted(&mut self, granted: Granted, now: Duration) -> SecretString {
        let early = RENEW_EARLY.min(granted.life / 2);
        self.refused = None;
        self.token = Some(Kept {
            token: granted.token.clone(),
            renew_at: now + granted.life.saturating_sub(early),
            ends_at: now + granted.life,
        });
        granted.token
    }

    /// Forgets the token, if it is still this one.
    fn drop_token(&mut self, refused: &SecretString) {
        self.token = self
            .token
            .take()
            .filter(|kept| kept.token.expose_secret() != refused.expose_secret());
    }

    /// Remembers the failure, and returns the old token until it expires.
    fn failed(&mut self, error: TokenError, now: Duration) -> Result<SecretString, TokenError> {
        let hold = match &error {
            TokenError::Refused { .. } => REMEMBER_REFUSAL,
            TokenError::Unavailable { retry_after, .. } => retry_after.unwrap_or_default(),
            TokenError::Unreachable(_) => Duration::ZERO,
        };
        self.refused = Some((error.clone(), now + hold));
        match self.token.as_ref().filter(|kept| now < kept.ends_at) {
            Some(kept) => Ok(kept.token.clone()),
            None => Err(error),
        }
    }
}

/// The remembered error, with the rest of its waiting time.
fn still(error: &TokenError, left: Duration) -> TokenError {
    match error {
        TokenError::Unavailable { reason, .. } => TokenError::Unavailable {
            reason: reason.clone(),
            retry_after: Some(left),
        },
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn granted(token: &str, life: u32) -> Granted {
        Granted {
            token: SecretString::from(token),
            life: SECOND * life,
        }
    }

    fn refusal() -> TokenError {
        TokenError::Refused {
            error: "invalid_client".to_owned(),
            number: None,
            message: String::new(),
            hint: "",
        }
    }

    fn outage(after: Option<u32>) -> TokenError {
        let retry_after = after.map(|seconds| SECOND * seconds);
        TokenError::Unavailable {
            reason: "down".to_owned(),
            retry_after,
        }
    }

    fn uses(slot: &Slot, at: u32) -> bool {
        matches!(slot.step(SECOND * at), Step::Use(_))
    }

    #[test]
    fn a_token_is_renewed_five_minutes_early_and_a_short_one_at_half_of_its_life() {
        let mut slot = Slot::default();
        slot.granted(granted("INVENTED-a", 3600), Duration::ZERO);
        assert!(uses(&slot, 3299) && matches!(slot.step(SECOND * 3300), Step::Ask));
        slot.granted(granted("INVENTED-b", 100), Duration::ZERO);
        assert!(uses(&slot, 49) && matches!(slot.step(SECOND * 50), Step::Ask));
    }

    #[test]
    fn the_old_token_serves_to_its_end_while_a_renewal_fails() {
        let mut slot = Slot::default();
        slot.granted(granted("INVENTED-a", 3600), Duration::ZERO);
        assert!(slot.failed(outage(Some(600)), SECOND * 3400).is_ok());
        assert!(uses(&slot, 3599));
        assert!(matches!(slot.step(SECOND * 3600), Step::Fail(_)));
        assert!(slot.failed(outage(None), SECOND * 3601).is_err());
    }

    #[test]
    fn a_refusal_is_remembered_for_a_minute_and_an_outage_as_long_as_it_says() {
        let mut slot = Slot::default();
        assert!(slot.failed(refusal(), SECOND).is_err());
        assert!(matches!(
            slot.step(SECOND * 60),
            Step::Fail(TokenError::Refused { .. })
        ));
        assert!(matches!(slot.step(SECOND * 61), Step::Ask));
        assert!(slot.failed(outage(Some(30)), SECOND * 100).is_err());
        let Step::Fail(TokenError::Unavailable { retry_after, .. }) = slot.step(SECOND * 110)
        else {
            panic!("the outage lasts");
        };
        assert_eq!(retry_after, Some(SECOND * 20));
        assert!(slot.failed(outage(None), SECOND * 200).is_err());
        assert!(matches!(slot.step(SECOND * 200), Step::Ask));
    }
}
