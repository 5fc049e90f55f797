//! The outbound boundary of one invocation: one transport, one allow-list and the tokens. Each run
//! gets a gateway that has only the secrets of that run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use secrecy::ExposeSecret;
use thiserror::Error;
use url::Url;

use crate::clock::SharedClock;
use crate::config::{Credential, Env, Operation, ResolvedTarget, Settings, TriggerAddress};
use crate::outbound::{
    Attachments, CallEnd, CallReport, Cause, Denial, DenialReason, Gateway, GatewayConfig,
    Observer, PlainHttpError, Policy, Proxy, ProxyError, SendError, Timeouts, TokenContext,
    TokenSource, Transport, TransportConfig,
};
use crate::report::{Level, Reporter};
use crate::secret::Redactor;
use crate::trace::Trace;
use crate::verdict::{Status, Verdict};

/// An error in the outbound configuration.
#[derive(Debug, Error)]
pub enum BoundaryError {
    /// The proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The sign-in service.
    #[error("`endpoints.login` cannot be used: {0}")]
    Login(Denial),
    /// A token that would be sent over plain HTTP.
    #[error(transparent)]
    PlainHttp(#[from] PlainHttpError),
}

impl BoundaryError {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Proxy(_) => "proxy_invalid",
            Self::Login(_) => "credential_login",
            Self::PlainHttp(_) => "token_over_plain_http",
        }
    }

    /// The verdict on a refresh that it prevents.
    pub(super) fn verdict(&self) -> Verdict {
        let hint = "fix the configuration, then run `host-runner check`";
        Verdict::not_sent(Status::Invalid, self.code(), self.to_string(), hint)
    }
}

/// What a boundary is made from.
pub struct BoundaryConfig<'a> {
    /// What the invocation sends requests for.
    pub operation: Operation,
    /// The settings of the configuration.
    pub settings: &'a Settings,
    /// The targets that requests are sent for.
    pub targets: &'a [ResolvedTarget],
    /// The clock of all deadlines.
    pub clock: &'a SharedClock,
    /// Knows every secret.
    pub redactor: &'a Redactor,
    /// Gets every call at DEBUG.
    pub reporter: &'a Arc<Reporter>,
    /// The trace that the calls belong to.
    pub trace: Option<&'a Trace>,
    /// The environment, for the proxy.
    pub env: Env<'a>,
}

/// The outbound boundary of one invocation. Clones share everything.
#[derive(Clone)]
pub struct Boundary {
    /// What all gateways share; without attachments.
    gateway: GatewayConfig,
    last_failure: LastFailure,
    /// What a refresh may reach, whatever this command may.
    of_refresh: Policy,
}

/// Why the last call got no response.
type LastFailure = Arc<Mutex<Option<SendError>>>;

impl Boundary {
    /// The boundary for the targets of `config`.
    ///
    /// # Errors
    /// [`BoundaryError`], before anything is sent.
    pub fn new(config: &BoundaryConfig<'_>) -> Result<Self, BoundaryError> {
        let (settings, targets) = (config.settings, config.targets);
        let proxy = settings.proxy.as_ref().map(|proxy| proxy.expose_secret());
        let transport = TransportConfig {
            ca_file: settings.ca_file.clone(),
            proxy: Proxy::from_settings(proxy, config.env)?,
            trace: config.trace.cloned(),
            ..TransportConfig::new(config.clock.clone())
        };
        let rules = settings.allow_list(targets, config.operation);
        let policy = Policy::new(rules, settings.allow_loopback);
        let mut boundary = Self::with(policy, transport, config.redactor, config.reporter);
        let rules = settings.allow_list(targets, Operation::Refresh);
        boundary.of_refresh = Policy::new(rules, settings.allow_loopback);
        for target in targets {
            for credential in target.credentials() {
                if !boundary.gateway.tokens.contains_key(&credential.name) {
                    let source = Arc::new(boundary.token_source(target, credential)?);
                    let name = credential.name.clone();
                    boundary.gateway.tokens.insert(name, source);
                }
            }
        }
        Ok(boundary)
    }

    /// A boundary that allows no requests.
    #[must_use]
    pub fn closed(clock: &SharedClock, redactor: &Redactor, reporter: &Arc<Reporter>) -> Self {
        let transport = TransportConfig::new(clock.clone());
        Self::with(Policy::default(), transport, redactor, reporter)
    }

    fn with(
        policy: Policy,
        transport: TransportConfig,
        redactor: &Redactor,
        reporter: &Arc<Reporter>,
    ) -> Self {
        let last_failure = LastFailure::default();
        Self {
            gateway: GatewayConfig {
                policy,
                attachments: Attachments::new(),
                tokens: HashMap::new(),
                clock: transport.clock.clone(),
                transport: Arc::new(Transport::new(transport)),
                redactor: redactor.clone(),
                observer: observer(last_failure.clone(), reporter.clone()),
            },
            last_failure,
            of_refresh: Policy::default(),
        }
    }

    fn token_source(
        &self,
        target: &ResolvedTarget,
        credential: &Credential,
    ) -> Result<TokenSource, BoundaryError> {
        let endpoint = &target.endpoints.login;
        let login = Url::parse(&endpoint.url).map_err(|_| {
            BoundaryError::Login(Denial {
                method: Method::POST,
                origin: None,
                reason: DenialReason::UnusableUrl,
            })
        })?;
        let secret = credential.app.clone();
        let context = TokenContext {
            transport: self.gateway.transport.clone(),
            clock: self.gateway.clock.clone(),
            redactor: self.gateway.redactor.clone(),
            observer: self.gateway.observer.clone(),
            timeouts: Timeouts::for_call(target.timeout),
        };
        let policy = &self.gateway.policy;
        TokenSource::new(&login, endpoint.private, policy, secret, context)
            .map_err(BoundaryError::Login)
    }

    /// The gateway for one run of `target`; without a target, one that attaches nothing.
    ///
    /// # Errors
    /// [`BoundaryError::PlainHttp`].
    pub fn gateway(&self, target: Option<&ResolvedTarget>) -> Result<Arc<Gateway>, BoundaryError> {
        Ok(Arc::new(Gateway::new(GatewayConfig {
            attachments: target.map_or_else(|| Ok(Attachments::new()), attachments)?,
            ..self.gateway.clone()
        })))
    }

    /// Connects to where a refresh would send its trigger, and sends nothing.
    pub(super) async fn connect(&self, url: &Url, limit: Duration) -> Result<(), SendError> {
        let permit = self.of_refresh.judge(&Method::POST, url);
        let permit = permit.map_err(|denial| Cause::Denied(denial).at(""))?;
        let transport = &self.gateway.transport;
        transport.connect(permit, Timeouts::for_call(limit)).await
    }

    /// How many calls were made so far.
    pub(super) fn calls(&self) -> u64 {
        self.gateway.transport.calls()
    }

    /// The trace that the calls belong to.
    pub(super) fn trace(&self) -> Option<&Trace> {
        self.gateway.transport.trace()
    }

    /// The hint for a message about a missing response: why there was none, which WASI's error codes
    /// cannot carry, or only the remedy if the message says why.
    pub(super) fn hint(&self, message: &str, hint: String) -> String {
        let last = self.last_failure.lock();
        let Some(failure) = &*last.unwrap_or_else(PoisonError::into_inner) else {
            return hint;
        };
        let why = failure.to_string();
        match why.rsplit_once("; ") {
            _ if !message.contains(&why) => why,
            Some((_, remedy)) => remedy.to_owned(),
            None => hint,
        }
    }

    /// Gives a verdict without a response its [`hint`](Self::hint).
    pub(super) fn explain(&self, mut verdict: Verdict) -> Verdict {
        if matches!(verdict.status, Status::Denied | Status::Unavailable) {
            verdict.hint = self.hint(&verdict.message, verdict.hint);
        }
        verdict
    }
}

/// The secrets for the requests of `target`.
fn attachments(target: &ResolvedTarget) -> Result<Attachments, BoundaryError> {
    let mut attachments = Attachments::new();
    match (&target.trigger, &target.trigger_credential) {
        (Some(TriggerAddress::Signed(url)), _) => {
            attachments = attachments.with_trigger(url.clone());
        }
        (Some(TriggerAddress::Bare(url)), Some(credential)) => {
            let scope = &target.endpoints.flow_scope;
            attachments = attachments.with_signed_in_trigger(url, &credential.name, scope)?;
        }
        _ => {}
    }
    if let Some(credential) = &target.credential {
        for (base, scope) in target.bearers() {
            attachments = attachments.with_bearer(&base, &credential.name, scope)?;
        }
    }
    Ok(attachments)
}

/// Logs every call at DEBUG, and keeps the failure of the last one for the verdict.
fn observer(last_failure: LastFailure, reporter: Arc<Reporter>) -> Observer {
    Arc::new(move |report: &CallReport<'_>| {
        let (end, failure) = match report.end {
            CallEnd::Answered(status) => (status.to_string(), None),
            CallEnd::Failed(error) => (error.to_string(), Some(error.clone())),
            CallEnd::NoToken(error) => (error.to_string(), None),
        };
        *last_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        let place = format!("{} {}{}", report.method, report.origin, report.path);
        reporter.log(
            Level::Debug,
            &format!("{place}: {end} ({} ms)", report.took.as_millis()),
        );
    })
}
