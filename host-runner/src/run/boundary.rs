//! The outbound boundary of one invocation: one transport, one allow-list, the tokens; and for each
//! run a gateway that knows only that run's secrets.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::ExposeSecret;
use thiserror::Error;
use url::Url;

use super::ports::LastFailure;
use crate::clock::SharedClock;
use crate::config::{Need, ResolvedTarget, Settings, What};
use crate::outbound::{
    AttachmentError, Attachments, CallEnd, CallReport, ClientSecret, CredentialError, Gateway,
    GatewayConfig, Observer, Policy, Proxy, ProxyError, RuleError, Timeouts, TokenContext,
    TokenSource, Transport, TransportConfig,
};
use crate::report::{Level, Reporter};
use crate::secret::Redactor;

/// The scope of a token for the Power BI API, in the public cloud.
/// <https://learn.microsoft.com/power-bi/developer/embedded/generate-embed-token>
const POWERBI_SCOPE: &str = "https://analysis.windows.net/powerbi/api/.default";

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
            Self::Url { .. } => "bad_value",
        }
    }
}

/// What an invocation's runs share of the way out.
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

impl Boundary {
    /// The boundary for these targets.
    ///
    /// # Errors
    /// [`BoundaryError`], before anything is sent.
    pub fn new(
        settings: &Settings,
        targets: &[ResolvedTarget],
        clock: &SharedClock,
        redactor: &Redactor,
        reporter: &Arc<Reporter>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BoundaryError> {
        let proxy = Proxy::from_settings(
            settings.proxy.as_ref().map(|proxy| proxy.expose_secret()),
            env,
        )?;
        let transport = Arc::new(Transport::new(TransportConfig {
            ca_file: settings.ca_file.clone(),
            proxy,
            ..TransportConfig::new(clock.clone())
        }));
        // The place where tokens come from is the runner's own business.
        let rules = settings
            .policy_entries(targets)
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
        let Some(credential) = &target.credential else {
            return Ok(());
        };
        if self.tokens.contains_key(&credential.name) {
            return Ok(());
        }
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
            attachments = attachments.with_trigger(flow.trigger.clone());
        }
        if let Some(credential) = &target.credential {
            let endpoint =
                Url::parse(&target.endpoints.powerbi.url).map_err(|_| BoundaryError::Url {
                    what: "endpoints.powerbi",
                })?;
            attachments = attachments.with_bearer(&endpoint, &credential.name, POWERBI_SCOPE)?;
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
