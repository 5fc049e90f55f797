//! A target with everything that a refresh of it needs: the models that resolving adds to those of
//! the format.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use super::fault::Fault;
use super::schema::{
    ApplyChanges, Endpoint, Enhanced, IfRunning, OnInterrupt, Quota, Retry, WhenUnreadable,
};
use super::tree::{self, Node, Value};
use super::trigger_url::UrlForm;
use super::values::is_guid;
use crate::audit_log::IfLost;
use crate::guard::Window;
use crate::outbound::SasUrl;

/// A target whose values have been fetched and checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct ResolvedTarget {
    /// Its name.
    pub name: String,
    /// What is refreshed.
    pub what: What,
    /// The services.
    pub endpoints: Endpoints,
    /// The credentials for the Power BI and Fabric APIs; none if neither is called. The trigger of a
    /// flow has its own, in [`PowerAutomate::authorization`].
    pub credential: Option<Credential>,
    /// How long one HTTP call may take.
    pub timeout: Duration,
    /// How long one invocation may take from its start.
    pub deadline: Duration,
    /// What to do if an earlier run may have been sent and cannot be followed.
    pub if_lost: IfLost,
    /// What to do if the content is already being refreshed.
    pub if_running: IfRunning,
    /// What to do with the run at the service when a signal ends the runner.
    pub on_interrupt: OnInterrupt,
    /// How many refreshes the content may have in 24 hours, its `count` filled in.
    pub quota: Option<Quota>,
    /// When it may be sent: while one of them is open, or at any time if there are none.
    pub windows: Vec<Window>,
    /// The shortest time between two refreshes.
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
    /// The trigger URL and how the trigger authorizes a call.
    pub authorization: FlowAuthorization,
    /// The generation of the URL.
    pub form: UrlForm,
    /// A JSON object, its keys in the order of the file.
    pub payload: String,
    /// Whether the payload is merged over the five standard fields.
    pub standard_fields: bool,
    /// The standard field `source`: without it the runner's own, and none if it is empty.
    pub source: Option<String>,
    /// How the outcome is verified.
    pub verify: Verify,
    /// How long the trigger call may take while it waits for the flow's Response.
    pub response_timeout: Duration,
}

/// How a flow's trigger authorizes a call: never by both.
#[derive(Debug, Clone)]
pub enum FlowAuthorization {
    /// By the signature of the URL, which is kept apart.
    Sas(SasUrl),
    /// By a token of this credential for [`Endpoints::flow_scope`].
    OAuth {
        /// The trigger URL, which contains no secret.
        url: Url,
        /// The credentials.
        credential: Credential,
    },
}

/// How the outcome of a flow is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// Not at all.
    None,
    /// By the flow's own Response.
    Response,
    /// By the history of the content that the flow refreshes.
    Content(Watched),
}

/// A kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// A dataflow that the Power BI API serves: Gen1, and Gen2 without CI/CD.
    Dataflow,
    /// A Fabric dataflow (Gen2).
    Gen2,
    /// A semantic model, formerly dataset.
    Model,
}

impl ContentKind {
    /// The kind, as the configuration names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dataflow => "dataflow",
            Self::Gen2 => "dataflow-gen2",
            Self::Model => "semantic-model",
        }
    }

    /// The kind in a sentence, with its article.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Dataflow => "a dataflow",
            Self::Gen2 => "a Gen2 dataflow",
            Self::Model => "a semantic model",
        }
    }
}

/// An item of a workspace, and how its history is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its kind.
    pub kind: ContentKind,
    /// The workspace: a GUID in lower case, or its exact name.
    pub workspace: String,
    /// The item: a GUID in lower case, or its exact name.
    pub item: String,
    /// How long after the trigger a run may start and still be ours.
    pub start_within: Duration,
    /// The longest pause between two looks at the history.
    pub poll: Duration,
    /// What to do if the history before the trigger may not be read.
    pub when_unreadable: WhenUnreadable,
}

impl Watched {
    /// Whether there is a name instead of an id, so that the ids have to be looked up.
    #[must_use]
    pub fn has_names(&self) -> bool {
        !is_guid(&self.workspace) || !is_guid(&self.item)
    }
}

/// A refresh of a dataflow through the Power BI API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataflow {
    /// The dataflow.
    pub watched: Watched,
    /// Whether the service sends an e-mail to the owner if the refresh fails.
    pub mail_on_failure: bool,
}

/// A run of a Fabric dataflow (Gen2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gen2 {
    /// The dataflow.
    pub watched: Watched,
    /// Whether unpublished changes are applied first; without it the service decides.
    pub apply_changes: Option<ApplyChanges>,
    /// Values of the dataflow's parameters as JSON text, in the order of the file.
    pub parameters: Vec<(String, String)>,
}

/// A refresh of a semantic model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The model.
    pub watched: Watched,
    /// How it is refreshed.
    pub refresh: ModelRefresh,
}

/// How a semantic model is refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelRefresh {
    /// A standard refresh, which works on every capacity.
    Standard {
        /// Whether the service sends an e-mail to the owner if it fails.
        mail_on_failure: bool,
    },
    /// An enhanced refresh, which needs Premium, Premium per user, Embedded or Fabric.
    Enhanced(Enhanced),
}

/// An application that signs in with a client secret. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its name in the configuration.
    pub name: String,
    /// The tenant's id or one of its domains.
    pub tenant: String,
    /// The application's id, a GUID in lower case.
    pub client_id: String,
    /// The client secret.
    pub secret: SecretString,
}

/// The services, and the scopes of their tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The sign-in service.
    pub login: Endpoint,
    /// The Power BI API.
    pub powerbi: Endpoint,
    /// The Fabric API; none if the cloud has no documented address and none is configured.
    pub fabric: Option<Endpoint>,
    /// The scope of tokens for the Power BI API.
    pub powerbi_scope: String,
    /// The scope of tokens for the Fabric API; empty if there is none.
    pub fabric_scope: String,
    /// The scope of tokens for the triggers of flows that require a sign-in.
    pub flow_scope: String,
}

/// Requests to an address and below it get a token. The component sees none of this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerNeed {
    /// The key of the address in the configuration, for messages.
    pub what: &'static str,
    /// The address, with the path of the API's version.
    pub base: String,
    /// The name of the credentials.
    pub credential: String,
    /// The scope of the token.
    pub scope: String,
}

impl PowerAutomate {
    /// The trigger URL without secrets: safe to show, to log and to hand to the component.
    #[must_use]
    pub fn trigger(&self) -> &Url {
        match &self.authorization {
            FlowAuthorization::Sas(url) => url.bare(),
            FlowAuthorization::OAuth { url, .. } => url,
        }
    }
}

impl ResolvedTarget {
    /// The kind, as the configuration names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.content_kind()
            .map_or("power-automate", ContentKind::as_str)
    }

    /// The content whose history shows the outcome of a refresh, if there is any.
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

    /// The credentials of the target, including those of a flow's trigger, each once.
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

    /// Where the APIs of this target need tokens, without a flow's trigger.
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
        // A dataflow that is not found at its own API is looked for at the other one.
        let fabric = endpoints.fabric.as_ref();
        let fabric = fabric.filter(|_| watched.kind != ContentKind::Model);
        all.extend(fabric.map(|fabric| {
            let scope = &endpoints.fabric_scope;
            need("endpoints.fabric", &fabric.url, "/v1", scope)
        }));
        all
    }

    /// Replaces the payload by the object in `file` (JSON or YAML). Nothing in it is filled in from
    /// the environment, because such a file is often made by others.
    pub fn replace_payload(&mut self, file: &Path) -> Result<(), ConfigError> {
        let kind = self.content_kind();
        let What::PowerAutomate(flow) = &mut self.what else {
            let noun = kind.map_or("no flow", ContentKind::noun);
            return Err(ConfigError::of_option(
                "--payload",
                Fault::bad(
                    format!("`{}` is {noun}, whose refresh takes no payload", self.name),
                    "omit --payload, or name targets of kind power-automate only",
                ),
            ));
        };
        flow.payload = payload_of(file)?;
        Ok(())
    }

    /// The kind of the content that is the target itself; none for a flow.
    fn content_kind(&self) -> Option<ContentKind> {
        match self.what {
            What::PowerAutomate(_) => None,
            What::Dataflow(_) => Some(ContentKind::Dataflow),
            What::Gen2(_) => Some(ContentKind::Gen2),
            What::Model(_) => Some(ContentKind::Model),
        }
    }
}

/// The JSON text of the object in a file. JSON is YAML, so one reader serves both.
fn payload_of(file: &Path) -> Result<String, ConfigError> {
    let absent = Fault::FileMissing {
        path: file.to_path_buf(),
    };
    let text = tree::text_of(file, absent)?;
    let node = tree::parse_at(&text, file)?;
    payload(&node).map_err(|fault| ConfigError::of_file(file, fault))
}

/// The JSON text of a payload.
pub(crate) fn payload(node: &Node) -> Result<String, Fault> {
    match &node.value {
        Value::Map(_) => Ok(json(node)),
        other => Err(Fault::PayloadNotObject {
            found: other.kind(),
        }),
    }
}

/// The JSON text of a part of the tree. Its keys are text and its numbers finite, so it has one.
pub(crate) fn json(node: &Node) -> String {
    serde_json::to_string(node).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_file_is_an_object_in_json_or_yaml_and_keeps_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("payload");
        let order = r#"{"z":"😀","a":[1,2.5,null],"m":{"y":true}}"#;
        for (content, expected) in [
            (order, Ok(order)),
            (
                "{\n\t\"z\": \"\\ud83d\\ude00\\/\"\n}\n",
                Ok(r#"{"z":"😀/"}"#),
            ),
            ("z: x\na: 1\n", Ok(r#"{"z":"x","a":1}"#)),
            // It may be made by others, so it cannot read the environment.
            ("a: ${env:PATH}\n", Ok(r#"{"a":"${env:PATH}"}"#)),
            ("[1]", Err("payload_not_object")),
            ("text", Err("payload_not_object")),
            ("12", Err("payload_not_object")),
            ("", Err("payload_not_object")),
            ("{\"a\": 1,\n \"b\": }}\n", Err("config_yaml")),
        ] {
            std::fs::write(&path, content).unwrap();
            let found = payload_of(&path);
            assert_eq!(
                found.as_deref().map_err(ConfigError::code),
                expected,
                "{content}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(payload_of(&path).unwrap_err().code(), "file_not_found");
    }
}
