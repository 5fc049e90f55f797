//! A target with everything that a refresh of it needs.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use super::error::ConfigError;
use super::fault::Fault;
use super::payload;
use super::settings::Endpoints;
use super::trigger_url::UrlForm;
use crate::outbound::SasUrl;
use crate::record::IfLost;

/// A target, its values fetched and checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct ResolvedTarget {
    /// Its name.
    pub name: String,
    /// What is refreshed.
    pub what: What,
    /// The services that are asked.
    pub endpoints: Endpoints,
    /// Who asks the Power BI API; none where nobody does.
    pub credential: Option<Credential>,
    /// How long one HTTP call may take.
    pub timeout: Duration,
    /// How long one invocation may take, from its start.
    pub deadline: Duration,
    /// What to do about an earlier run that may have been sent and cannot be followed.
    pub if_lost: IfLost,
    /// What to do when the content is already being refreshed.
    pub if_running: IfRunning,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// What is refreshed.
#[derive(Debug, Clone)]
pub enum What {
    /// A Power Automate flow with an HTTP trigger.
    PowerAutomate(Box<PowerAutomate>),
    /// A Gen1 dataflow, through the Power BI API.
    Dataflow(Dataflow),
}

/// A Power Automate flow with an HTTP trigger.
#[derive(Debug, Clone)]
pub struct PowerAutomate {
    /// The trigger URL, its signature apart.
    pub trigger: SasUrl,
    /// Which generation the URL is of.
    pub form: UrlForm,
    /// A JSON object, its keys in the order of the file.
    pub payload: String,
    /// Whether the five standard fields stand under the payload.
    pub standard_fields: bool,
    /// `source` of the standard fields; without it the runner's own.
    pub source: Option<String>,
    /// How the truth about the refresh is found out.
    pub verify: Verify,
    /// How long the trigger call may take where the flow's Response is waited for.
    pub response_timeout: Duration,
}

/// How the truth about a flow's refresh is found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// Not at all.
    None,
    /// By the flow's own Response.
    Response,
    /// By the history of the dataflow that the flow refreshes.
    Dataflow(Dataflow),
}

/// A Gen1 dataflow, and how its history is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataflow {
    /// The workspace's id, a GUID in small letters.
    pub workspace: String,
    /// The dataflow's id, a GUID in small letters.
    pub dataflow: String,
    /// How long after the trigger a run may begin and still be ours.
    pub start_within: Duration,
    /// The longest pause between two looks at the history.
    pub poll: Duration,
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

/// What to do when the content is already being refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRunning {
    /// Wait until that run has ended, then trigger.
    Wait,
    /// End in `skipped`.
    Skip,
    /// Follow that run, and end in `skipped` with what became of it.
    Follow,
}

impl ResolvedTarget {
    /// The kind, as the configuration names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.what {
            What::PowerAutomate(_) => "power-automate",
            What::Dataflow(_) => "dataflow",
        }
    }

    /// The dataflow whose history tells what became of a refresh, where there is one.
    #[must_use]
    pub fn watched(&self) -> Option<&Dataflow> {
        match &self.what {
            What::Dataflow(dataflow) => Some(dataflow),
            What::PowerAutomate(flow) => match &flow.verify {
                Verify::Dataflow(dataflow) => Some(dataflow),
                Verify::None | Verify::Response => None,
            },
        }
    }

    /// Puts the object in `file` (JSON or YAML) in the place of the payload. Nothing in it is filled
    /// in from the environment: such a file is often made by others.
    pub fn replace_payload(&mut self, file: &Path) -> Result<(), ConfigError> {
        match &mut self.what {
            What::PowerAutomate(flow) => {
                flow.payload = payload::from_file(file)?;
                Ok(())
            }
            What::Dataflow(_) => Err(ConfigError::of_option(
                "--payload",
                Fault::BadValue {
                    what: format!(
                        "`{}` is a dataflow, whose refresh takes no payload",
                        self.name
                    ),
                    hint: "leave --payload out, or name targets of kind power-automate only"
                        .to_owned(),
                },
            )),
        }
    }
}
