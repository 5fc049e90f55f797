//! The only way from the sandboxed component to the network.
//!
//! A guest's request goes through fixed steps: the policy allows it, its secret is attached, it is
//! sent, and secrets are removed from the response before the guest sees it. The guest can neither
//! set nor read a credential. If a service no longer accepts a token (401, or 403 `TokenExpired`),
//! the request is repeated once with a new one: it was refused, so nothing was carried out. A
//! credential that the identity provider refuses becomes a response too, marked by [`ANSWERED_BY`].
//! All of this together gets the time of one call.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::correlation::Called;
use super::credentials::{Attachment, Attachments, forbidden_header};
use super::denial::{Denial, DenialReason};
use super::error::{Cause, SendError, Sent};
use super::observe::{CallEnd, CallReport, Observer};
use super::origin::Origin;
use super::policy::Policy;
use super::returned::{Bearer, NamedPlaces, ReturnedSignatures};
use super::sas::with_query;
use super::timeouts::{Deadline, Timeouts};
use super::token::TokenSource;
use super::token_reply::TokenError;
use super::token_reply::{ANSWERED_BY, token_answer, wants_another_token};
use super::transport::{Answer, OutboundRequest, Transport};
use crate::clock::SharedClock;
use crate::secret::Redactor;

/// Headers of one connection (RFC 9110, 7.6.1), which the transport sets itself.
const CONNECTION_HEADERS: [HeaderName; 10] = [
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What a gateway is made from.
#[derive(Clone)]
pub struct GatewayConfig {
    /// What may be sent.
    pub policy: Policy,
    /// Which request gets which secret.
    pub attachments: Attachments,
    /// The credentials, by the name that the attachments use.
    pub tokens: HashMap<String, Arc<TokenSource>>,
    /// Makes the calls; shared with the token sources, so that all calls are counted.
    pub transport: Arc<Transport>,
    /// Measures the calls.
    pub clock: SharedClock,
    /// Knows every secret.
    pub redactor: Redactor,
    /// Gets every call.
    pub observer: Observer,
}

/// A guest's request with its whole body.
pub struct GuestRequest {
    /// The method.
    pub method: Method,
    /// The URL as the guest wrote it.
    pub url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The limits, already shortened as the guest asked.
    pub timeouts: Timeouts,
}

/// The gateway of one run.
pub struct Gateway {
    config: GatewayConfig,
    returned: ReturnedSignatures,
    places: NamedPlaces,
}

/// A response, or the answer without a token of the identity provider at a host, which becomes one.
enum Got {
    Answer(Answer),
    NoToken(TokenError, String),
}

impl Gateway {
    /// A gateway for one run: returned signatures and places are kept as long as it lives. Registers
    /// every signature of the attachments with the redactor.
    #[must_use]
    pub fn new(config: GatewayConfig) -> Self {
        config.attachments.register(&config.redactor);
        Self {
            config,
            returned: ReturnedSignatures::default(),
            places: NamedPlaces::default(),
        }
    }

    /// The number of calls so far, including those for tokens, without denied ones.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.config.transport.calls()
    }

    /// Makes the guest's call. Returns a whole response of any status, or why there is none.
    pub async fn call(&self, request: GuestRequest) -> Result<Answer, SendError> {
        let started = self.config.clock.monotonic();
        let method = request.method.clone();
        let url = Url::parse(&request.url).ok();
        let got = self.answer(request, url.as_ref()).await;
        (self.config.observer)(&CallReport {
            method: &method,
            origin: url
                .as_ref()
                .and_then(Origin::of)
                .map_or_else(String::new, |origin| origin.to_string()),
            path: url.as_ref().map_or("", Url::path),
            end: match &got {
                Ok(Got::Answer(answer)) => CallEnd::Answered(answer.status),
                Ok(Got::NoToken(error, _)) => CallEnd::NoToken(error),
                Err(error) => CallEnd::Failed(error),
            },
            took: self.config.clock.monotonic().saturating_sub(started),
        });
        got.map(|got| match got {
            Got::Answer(answer) => answer,
            Got::NoToken(error, host) => token_answer(&error, &host),
        })
    }

    async fn answer(&self, request: GuestRequest, url: Option<&Url>) -> Result<Got, SendError> {
        let GuestRequest {
            method,
            mut headers,
            body,
            timeouts,
            ..
        } = request;
        let denied = |origin, reason| Denial {
            method: method.clone(),
            origin,
            reason,
        };
        let Some(url) = url else {
            return Err(Cause::Denied(denied(None, DenialReason::UnusableUrl)).at(""));
        };
        let permit = self.config.policy.judge(&method, url);
        let permit = permit.map_err(|denial| Cause::Denied(denial).at(""))?;
        if let Some(name) = forbidden_header(&headers) {
            let origin = Some(permit.origin().clone());
            return Err(Cause::Denied(denied(origin, DenialReason::Header(name))).at(""));
        }
        for name in CONNECTION_HEADERS {
            headers.remove(name);
        }
        let mut whole = url.clone();
        whole.set_fragment(None);
        let attachment =
            self.config
                .attachments
                .decide(&method, &whole, &self.returned, &self.places);
        let called = match &attachment {
            Attachment::Bearer(bearer) if !bearer.follows => Called::Api,
            _ => Called::Flow,
        };
        let call = OutboundRequest {
            called,
            method,
            url: whole,
            headers,
            body,
            permit,
            timeouts,
        };
        match attachment {
            Attachment::Nothing => self.send(&call, None, None).await.map(Got::Answer),
            Attachment::Query(query) => self.send(&call, Some(&query), None).await.map(Got::Answer),
            Attachment::Bearer(bearer) => {
                let got = self.with_token(&call, &bearer).await;
                if let Ok(Got::Answer(answer)) = &got
                    && answer.status.is_success()
                {
                    self.places.keep(&answer.headers, &call.url, &bearer);
                }
                got
            }
        }
    }

    async fn with_token(&self, call: &OutboundRequest, bearer: &Bearer) -> Result<Got, SendError> {
        let Bearer {
            credential, scope, ..
        } = bearer;
        // Every attachment's credential has a source; without one the service itself refuses.
        let Some(source) = self.config.tokens.get(credential) else {
            return self.send(call, None, None).await.map(Got::Answer);
        };
        let mut call = call.clone();
        let limit = call.timeouts.total;
        let deadline = Deadline::after(&self.config.clock, limit);
        let without = |error| match error {
            TokenError::Unreachable(cause) => Err(Cause::SignIn(cause).at("")),
            error => Ok(Got::NoToken(error, source.host())),
        };
        let late = |_| {
            let sent = Sent::Maybe;
            let late = Cause::TotalTimeout { limit, sent }.at(source.host());
            Err(TokenError::Unreachable(Box::new(late)))
        };
        let token = deadline.limit(limit, source.token(scope)).await;
        let token = match token.unwrap_or_else(late) {
            Ok(token) => token,
            Err(error) => return without(error),
        };
        call.timeouts.total = deadline.remaining();
        let answer = self.send(&call, None, Some(&token)).await?;
        if !wants_another_token(&answer) {
            return Ok(Got::Answer(answer));
        }
        let renewed = deadline.limit(limit, source.renewed(scope, &token)).await;
        call.timeouts.total = deadline.remaining();
        match renewed.unwrap_or_else(late) {
            Ok(other) => self.send(&call, None, Some(&other)).await.map(Got::Answer),
            // The service's own refusal stands; the observer got the reason for the missing token.
            Err(TokenError::Refused { .. }) => Ok(Got::Answer(answer)),
            Err(error) => without(error),
        }
    }

    async fn send(
        &self,
        call: &OutboundRequest,
        query: Option<&SecretString>,
        token: Option<&SecretString>,
    ) -> Result<Answer, SendError> {
        let mut request = call.clone();
        if let Some(query) = query {
            request.url = with_query(&call.url, query);
        }
        if let Some(value) = token.and_then(bearer) {
            request.headers.insert(AUTHORIZATION, value);
        }
        let answer = self.config.transport.send(request).await?;
        Ok(self.clean(answer, &call.url))
    }

    /// The response without secrets. A service may repeat what it was sent, in headers or body.
    fn clean(&self, answer: Answer, asked: &Url) -> Answer {
        let redactor = &self.config.redactor;
        let mut headers = self.returned.clean(&answer.headers, asked, redactor);
        let text = String::from_utf8_lossy(&answer.body);
        let body = match redactor.scrub(&text) {
            Cow::Owned(scrubbed) => Bytes::from(scrubbed),
            Cow::Borrowed(_) => answer.body.clone(),
        };
        for name in CONNECTION_HEADERS {
            headers.remove(name);
        }
        // Only the runner itself sets this header.
        headers.remove(ANSWERED_BY);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Answer {
            status: answer.status,
            headers,
            body,
        }
    }
}

/// Never `None`: the characters of a token are checked when it arrives.
fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
