//! The outbound boundary of one invocation: one transport, one allow-list, the tokens; and for each
//! run a gateway that knows only that run's secrets.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::ExposeSecret;
use thiserror::Error;
use url::Url;

use super::ports::LastFailure;
use crate::clock::SharedClock;
use crate::config::{Credential, FlowAuthorization, Need, ResolvedTarget, Settings, What};
use crate::outbound::{
    AttachmentError, Attachments, CallEnd, CallReport, ClientSecret, CredentialError, Gateway,
    GatewayConfig, Observer, Policy, Proxy, ProxyError, RuleError, Timeouts, TokenContext,
    TokenSource, Transport, TransportConfig,
};
use crate::report::{Level, Reporter};
use crate::secret::Redactor;
use crate::trace::Trace;

/// Why nothing can go out.
#[derive(Debug, Error)]
pub enum BoundaryError {
    /// An entry of the allow-list.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// A token that would go out in the clear.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    /// An address that is none.
    #[error("{what} is not a usable URL; check the configuration")]
    Url {
        /// Which.
        what: &'static str,
    },
}

impl BoundaryError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rule(error) => error.code(),
            Self::Proxy(error) => error.code(),
            Self::Credential(error) => error.code(),
            Self::Attachment(error) => error.code(),
            Self::Url { .. } => "invalid_value",
        }
    }
}

/// What an invocation's runs share of the way out. Clones share it.
#[derive(Clone)]
pub struct Boundary {
    /// Makes and counts the calls.
    pub transport: Arc<Transport>,
    /// Why the last call had no answer.
    pub failure: Arc<LastFailure>,
    policy: Policy,
    observer: Observer,
    clock: SharedClock,
    redactor: Redactor,
    tokens: HashMap<String, Arc<TokenSource>>,
}

/// What an invocation goes out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Refreshing, following, looking.
    Refresh,
    /// Asking for a stop. Nothing can be triggered.
    Cancel,
}

impl Boundary {
    /// The boundary for these targets.
    ///
    /// # Errors
    /// [`BoundaryError`], before anything is sent.
    #[allow(
        clippy::too_many_arguments,
        reason = "what the whole invocation has, each once, and made in one place"
    )]
    pub fn new(
        errand: Operation,
        settings: &Settings,
        targets: &[ResolvedTarget],
        clock: &SharedClock,
        redactor: &Redactor,
        reporter: &Arc<Reporter>,
        trace: Option<&Trace>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BoundaryError> {
        let proxy = Proxy::from_settings(
            settings.proxy.as_ref().map(|proxy| proxy.expose_secret()),
            env,
        )?;
        let transport = Arc::new(Transport::new(TransportConfig {
            ca_file: settings.ca_file.clone(),
            proxy,
            trace: trace.cloned(),
            ..TransportConfig::new(clock.clone())
        }));
        // The place where tokens come from is the runner's own business.
        let entries = match errand {
            Operation::Refresh => settings.policy_entries(targets),
            Operation::Cancel => settings.policy_entries_to_cancel(targets),
        };
        let rules = entries
            .into_iter()
            .filter(|entry| entry.need != Need::Login)
            .map(|entry| entry.rule);
        let failure = Arc::new(LastFailure::default());
        let mut boundary = Self {
            policy: Policy::new(rules, settings.allow_loopback)?,
            observer: observer(failure.clone(), reporter.clone()),
            failure,
            transport,
            clock: clock.clone(),
            redactor: redactor.clone(),
            tokens: HashMap::new(),
        };
        for target in targets {
            boundary.add_token_source(target)?;
        }
        Ok(boundary)
    }

    fn add_token_source(&mut self, target: &ResolvedTarget) -> Result<(), BoundaryError> {
        for credential in target.credentials() {
            if !self.tokens.contains_key(&credential.name) {
                self.add_token_source_of(target, credential)?;
            }
        }
        Ok(())
    }

    fn add_token_source_of(
        &mut self,
        target: &ResolvedTarget,
        credential: &Credential,
    ) -> Result<(), BoundaryError> {
        let login = Url::parse(&target.endpoints.login.url).map_err(|_| BoundaryError::Url {
            what: "endpoints.login",
        })?;
        let source = TokenSource::new(
            &login,
            target.endpoints.login.private,
            &self.policy,
            ClientSecret {
                tenant: credential.tenant.clone(),
                client_id: credential.client_id.clone(),
                client_secret: credential.secret.clone(),
            },
            TokenContext {
                transport: self.transport.clone(),
                clock: self.clock.clone(),
                redactor: self.redactor.clone(),
                observer: self.observer.clone(),
                timeouts: Timeouts::for_call(target.timeout),
            },
        )?;
        self.tokens
            .insert(credential.name.clone(), Arc::new(source));
        Ok(())
    }

    /// The way out for one run of this target.
    ///
    /// # Errors
    /// [`BoundaryError::Attachment`], [`BoundaryError::Url`].
    pub fn gateway(&self, target: &ResolvedTarget) -> Result<Arc<Gateway>, BoundaryError> {
        let mut attachments = Attachments::new();
        if let What::PowerAutomate(flow) = &target.what {
            attachments = match &flow.authorization {
                FlowAuthorization::Sas(url) => attachments.with_trigger(url.clone()),
                FlowAuthorization::OAuth { url, credential } => {
                    let scope = &target.endpoints.flow_scope;
                    attachments.with_signed_in_trigger(url, &credential.name, scope)?
                }
            };
        }
        for need in target.bearers() {
            let base =
                Url::parse(&need.base).map_err(|_| BoundaryError::Url { what: need.what })?;
            attachments = attachments.with_bearer(&base, &need.credential, &need.scope)?;
        }
        self.gateway_with(attachments)
    }

    /// A way out that leads nowhere, for a component that is to go nowhere.
    ///
    /// # Errors
    /// [`BoundaryError::Rule`].
    pub fn closed(
        clock: &SharedClock,
        redactor: &Redactor,
        reporter: &Arc<Reporter>,
    ) -> Result<Self, BoundaryError> {
        let failure = Arc::new(LastFailure::default());
        Ok(Self {
            policy: Policy::new([], false)?,
            observer: observer(failure.clone(), reporter.clone()),
            failure,
            transport: Arc::new(Transport::new(TransportConfig::new(clock.clone()))),
            clock: clock.clone(),
            redactor: redactor.clone(),
            tokens: HashMap::new(),
        })
    }

    /// A gateway that attaches nothing.
    ///
    /// # Errors
    /// [`BoundaryError::Attachment`].
    pub fn bare_gateway(&self) -> Result<Arc<Gateway>, BoundaryError> {
        self.gateway_with(Attachments::new())
    }

    fn gateway_with(&self, attachments: Attachments) -> Result<Arc<Gateway>, BoundaryError> {
        Ok(Arc::new(Gateway::new(GatewayConfig {
            policy: self.policy.clone(),
            attachments,
            tokens: self.tokens.clone(),
            transport: self.transport.clone(),
            clock: self.clock.clone(),
            redactor: self.redactor.clone(),
            observer: self.observer.clone(),
        })?))
    }
}

/// Every call at DEBUG; what had no answer is kept for the verdict.
fn observer(failure: Arc<LastFailure>, reporter: Arc<Reporter>) -> Observer {
    Arc::new(move |report: &CallReport<'_>| {
        failure.hear(report);
        let end = match report.end {
            CallEnd::Answered(status) => status.to_string(),
            CallEnd::Failed(error) => error.to_string(),
            CallEnd::NoToken(error) => error.to_string(),
        };
        let place = format!("{} {}{}", report.method, report.origin, report.path);
        reporter.log(
            Level::Debug,
            &format!("{place}: {end} ({} ms)", report.took.as_millis()),
        );
    })
}
