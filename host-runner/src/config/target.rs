//! A target with everything that a refresh of it needs.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::content::{ContentKind, Dataflow, Gen2, Model, Watched};
use super::endpoints::Endpoints;
use super::error::ConfigError;
use super::fault::Fault;
use super::guards::{IfRunning, OnInterrupt, Quota, Retry};
use super::payload;
use super::trigger_url::UrlForm;
use crate::audit_log::IfLost;
use crate::guard::Window;
use crate::outbound::SasUrl;

/// A target, its values fetched and checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct ResolvedTarget {
    /// Its name.
    pub name: String,
    /// What is refreshed.
    pub what: What,
    /// The services that are asked.
    pub endpoints: Endpoints,
    /// Who asks the Power BI and Fabric APIs; none where nobody does. A flow's trigger has its own,
    /// in [`PowerAutomate::authorization`].
    pub credential: Option<Credential>,
    /// How long one HTTP call may take.
    pub timeout: Duration,
    /// How long one invocation may take, from its start.
    pub deadline: Duration,
    /// What to do about an earlier run that may have been sent and cannot be followed.
    pub if_lost: IfLost,
    /// What to do when the content is already being refreshed.
    pub if_running: IfRunning,
    /// What becomes of its run at the service when a signal ends us.
    pub on_interrupt: OnInterrupt,
    /// How many refreshes the content may have in 24 hours; none where nobody counts.
    pub quota: Option<Quota>,
    /// When it may be sent; at any time where there are none, else while one of them is open.
    pub windows: Vec<Window>,
    /// The least time between two refreshes that were sent.
    pub min_interval: Option<Duration>,
    /// How often it is triggered.
    pub retry: Retry,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// What is refreshed.
#[derive(Debug, Clone)]
pub enum What {
    /// A Power Automate flow with an HTTP trigger.
    PowerAutomate(Box<PowerAutomate>),
    /// A dataflow, through the Power BI API.
    Dataflow(Dataflow),
    /// A Fabric dataflow (Gen2).
    Gen2(Gen2),
    /// A semantic model.
    Model(Model),
}

/// A Power Automate flow with an HTTP trigger.
#[derive(Debug, Clone)]
pub struct PowerAutomate {
    /// The trigger URL, and by what it lets us in.
    pub authorization: FlowAuthorization,
    /// Which generation the URL is of.
    pub form: UrlForm,
    /// A JSON object, its keys in the order of the file.
    pub payload: String,
    /// Whether the five standard fields stand under the payload.
    pub standard_fields: bool,
    /// `source` of the standard fields; without it the runner's own, and none where it is empty.
    pub source: Option<String>,
    /// How the truth about the refresh is found out.
    pub verify: Verify,
    /// How long the trigger call may take where the flow's Response is waited for.
    pub response_timeout: Duration,
}

/// By what a flow's trigger lets us in: by one of these and never by both.
#[derive(Debug, Clone)]
pub enum FlowAuthorization {
    /// The signature of the URL, which stands apart.
    Sas(SasUrl),
    /// A token of this credential for [`Endpoints::flow_scope`].
    OAuth {
        /// The trigger URL, which holds no secret.
        url: Url,
        /// Who signs in.
        credential: Credential,
    },
}

impl PowerAutomate {
    /// The trigger URL without secrets.
    #[must_use]
    pub fn trigger(&self) -> &Url {
        match &self.authorization {
            FlowAuthorization::Sas(url) => url.bare(),
            FlowAuthorization::OAuth { url, .. } => url,
        }
    }

    /// The trigger URL without secrets, as text: safe to show, to record and to hand to the guest.
    #[must_use]
    pub fn trigger_url(&self) -> String {
        self.trigger().to_string()
    }
}

/// How the truth about a flow's refresh is found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// Not at all.
    None,
    /// By the flow's own Response.
    Response,
    /// By the history of the content that the flow refreshes.
    Content(Watched),
}

/// An application that signs in with a client secret. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its name in the configuration.
    pub name: String,
    /// The tenant's id or one of its domains.
    pub tenant: String,
    /// The application's id, a GUID in small letters.
    pub client_id: String,
    /// The client secret.
    pub secret: SecretString,
}

/// Requests to and below an address get a token. The guest sees none of this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerNeed {
    /// The key of the address in the configuration, for messages.
    pub what: &'static str,
    /// The address, with the path of the API's version.
    pub base: String,
    /// The name of the credential.
    pub credential: String,
    /// What the token is for.
    pub scope: String,
}

impl ResolvedTarget {
    /// The kind, as the configuration names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.content_kind()
            .map_or("power-automate", ContentKind::as_str)
    }

    /// The content whose history tells what became of a refresh, where there is any.
    #[must_use]
    pub fn watched(&self) -> Option<&Watched> {
        match &self.what {
            What::Dataflow(one) => Some(&one.watched),
            What::Gen2(one) => Some(&one.watched),
            What::Model(one) => Some(&one.watched),
            What::PowerAutomate(flow) => match &flow.verify {
                Verify::Content(watched) => Some(watched),
                Verify::None | Verify::Response => None,
            },
        }
    }

    /// The credentials of the target, that of a flow's trigger included, each once.
    #[must_use]
    pub fn credentials(&self) -> Vec<&Credential> {
        let trigger = match &self.what {
            What::PowerAutomate(flow) => match &flow.authorization {
                FlowAuthorization::OAuth { credential, .. } => Some(credential),
                FlowAuthorization::Sas(_) => None,
            },
            _ => None,
        };
        let mut all: Vec<&Credential> = self.credential.iter().collect();
        all.extend(trigger.filter(|one| all.iter().all(|known| known.name != one.name)));
        all
    }

    /// The tokens that the APIs of this target want, and where; that of a flow's trigger not
    /// included.
    #[must_use]
    pub fn bearers(&self) -> Vec<BearerNeed> {
        let (Some(credential), Some(watched)) = (&self.credential, self.watched()) else {
            return Vec::new();
        };
        let endpoints = &self.endpoints;
        let need = |what, url: &str, path, scope: &str| BearerNeed {
            what,
            base: format!("{url}{path}"),
            credential: credential.name.clone(),
            scope: scope.to_owned(),
        };
        let mut all = vec![need(
            "endpoints.powerbi",
            &endpoints.powerbi.url,
            "/v1.0/myorg",
            &endpoints.powerbi_scope,
        )];
        // A dataflow that is not where it should be is looked for at the other API.
        let fabric = endpoints.fabric.as_ref();
        all.extend(
            fabric
                .filter(|_| watched.kind != ContentKind::Model)
                .map(|fabric| {
                    let scope = &endpoints.fabric_scope;
                    need("endpoints.fabric", &fabric.url, "/v1", scope)
                }),
        );
        all
    }

    /// Puts the object in `file` (JSON or YAML) in the place of the payload. Nothing in it is filled
    /// in from the environment: such a file is often made by others.
    pub fn replace_payload(&mut self, file: &Path) -> Result<(), ConfigError> {
        let kind = self.content_kind();
        let What::PowerAutomate(flow) = &mut self.what else {
            let noun = kind.map_or("no flow", ContentKind::noun);
            return Err(ConfigError::of_option(
                "--payload",
                Fault::BadValue {
                    what: format!("`{}` is {noun}, whose refresh takes no payload", self.name),
                    hint: "leave --payload out, or name targets of kind power-automate only"
                        .to_owned(),
                },
            ));
        };
        flow.payload = payload::from_file(file)?;
        Ok(())
    }

    /// The kind of content that is the target itself; none for a flow.
    fn content_kind(&self) -> Option<ContentKind> {
        match self.what {
            What::PowerAutomate(_) => None,
            What::Dataflow(_) => Some(ContentKind::Dataflow),
            What::Gen2(_) => Some(ContentKind::Gen2),
            What::Model(_) => Some(ContentKind::Model),
        }
    }
}
