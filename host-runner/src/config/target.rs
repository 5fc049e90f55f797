//! A target with everything that a refresh of it needs.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::error::{At, ConfigError, Fault};
use super::schema::{Endpoint, OnInterrupt, Retry};
use super::tree::{self, Node, Value};
use super::trigger_url::TriggerAddress;
use super::values::is_guid;
use crate::audit_log::IfLost;
use crate::contract::types as wit;
use crate::guard::Window;
use crate::outbound::ClientSecret;
use crate::secret::MASK;

/// A target whose values have been fetched and checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct ResolvedTarget {
    /// Its name.
    pub name: String,
    /// What is refreshed, as the component gets it.
    pub wit: wit::Target,
    /// The trigger of a flow, with its signature; none for content.
    pub trigger: Option<TriggerAddress>,
    /// The credentials for the trigger of a flow that requires a sign-in.
    pub trigger_credential: Option<Credential>,
    /// How long the trigger call may take while it waits for a flow's Response.
    pub response_timeout: Duration,
    /// The services.
    pub endpoints: Endpoints,
    /// The credentials for the Power BI and Fabric APIs; none if neither is called.
    pub credential: Option<Credential>,
    /// How long one HTTP call may take.
    pub timeout: Duration,
    /// How long one invocation may take from its start.
    pub deadline: Duration,
    /// How long network faults before the trigger are retried, at most until the deadline.
    pub connect_patience: Duration,
    /// What to do if an earlier run may have been sent and cannot be followed.
    pub if_lost: IfLost,
    /// What to do if the content is already being refreshed.
    pub if_running: wit::IfRunning,
    /// What to do with the run at the service when a signal ends the runner.
    pub on_interrupt: OnInterrupt,
    /// How many refreshes the content may have in 24 hours.
    pub quota: Option<wit::QuotaGuard>,
    /// When it may be sent: while one of them is open, or at any time if there are none.
    pub windows: Vec<Window>,
    /// The shortest time between two refreshes.
    pub min_interval: Option<Duration>,
    /// How often it is triggered.
    pub retry: Retry,
    /// What the body of its request has from `${…}`.
    pub mask: Mask,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The texts in the body of a request that are from `${…}`. They are sent and never shown: they may be
/// secrets, and as short as `7`, so only whole values are masked.
#[derive(Debug, Clone, Default)]
pub struct Mask(pub(super) Vec<SecretString>);

impl Mask {
    /// The body as it may be shown and stored.
    #[must_use]
    pub fn shown(&self, body: String) -> String {
        let masked = format!("\"{MASK}\"");
        let texts = self.0.iter().map(ExposeSecret::expose_secret);
        texts.fold(body, |body, text| {
            body.replace(&serde_json::Value::from(text).to_string(), &masked)
        })
    }
}

/// An application that signs in with a client secret. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its name in the configuration.
    pub name: String,
    /// The application and its secret.
    pub app: ClientSecret,
}

/// The services, and the scopes of their tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

impl ResolvedTarget {
    /// The kind, as the configuration names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.wit {
            wit::Target::PowerAutomate(_) => "power-automate",
            wit::Target::Dataflow(_) => "dataflow",
            wit::Target::DataflowGen2(_) => "dataflow-gen2",
            wit::Target::SemanticModel(_) => "semantic-model",
        }
    }

    /// The content whose history shows the outcome of a refresh, if there is any.
    #[must_use]
    pub fn content(&self) -> Option<wit::Content> {
        content_of(&self.wit)
    }

    /// Whether the flow's own Response is the outcome.
    pub(crate) fn waits_for_response(&self) -> bool {
        matches!(&self.wit, wit::Target::PowerAutomate(flow) if flow.verify == wit::Verification::Response)
    }

    /// Whether the content has a name instead of an id, so that the ids have to be looked up.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.content().is_some_and(|content| {
            let item = item_of(&content);
            !is_guid(&item.workspace) || !is_guid(&item.item)
        })
    }

    /// The credentials of the target, including those of a flow's trigger, each once.
    #[must_use]
    pub fn credentials(&self) -> Vec<&Credential> {
        let own = self.credential.as_ref();
        let trigger = self.trigger_credential.as_ref();
        let trigger = trigger.filter(|one| own.is_none_or(|own| own.name != one.name));
        own.into_iter().chain(trigger).collect()
    }

    /// The addresses of the APIs that this target calls, each with the scope of the tokens that
    /// requests to it and below it get. The component sees no token.
    #[must_use]
    pub fn bearers(&self) -> Vec<(Url, &str)> {
        let Some(content) = self.content() else {
            return Vec::new();
        };
        let endpoints = &self.endpoints;
        let base = |endpoint: &Endpoint, path| Url::parse(&format!("{}{path}", endpoint.url)).ok();
        let powerbi = base(&endpoints.powerbi, "/v1.0/myorg");
        // A dataflow that is not found at its own API is looked for at the other one.
        let fabric = endpoints.fabric.as_ref();
        let fabric = fabric.filter(|_| !matches!(content, wit::Content::SemanticModel(_)));
        let fabric = fabric.and_then(|fabric| base(fabric, "/v1"));
        let powerbi = powerbi.map(|url| (url, endpoints.powerbi_scope.as_str()));
        let fabric = fabric.map(|url| (url, endpoints.fabric_scope.as_str()));
        powerbi.into_iter().chain(fabric).collect()
    }

    /// Replaces the payload by the object in `file` (JSON or YAML). Nothing in it is filled in from
    /// the environment, because such a file is often made by others.
    ///
    /// # Errors
    /// If the target is not a flow, or the file holds no object.
    pub fn replace_payload(&mut self, file: &Path) -> Result<(), ConfigError> {
        let kind = self.kind();
        let wit::Target::PowerAutomate(flow) = &mut self.wit else {
            return Err(ConfigError::of_option(
                "--payload",
                Fault::bad(
                    format!(
                        "`{}` is a {kind}, whose refresh takes no payload",
                        self.name
                    ),
                    "omit --payload, or name targets of kind power-automate only",
                ),
            ));
        };
        flow.body.payload = payload_of(file)?;
        Ok(())
    }
}

/// The content whose history shows the outcome of a refresh, if there is any.
#[must_use]
pub fn content_of(target: &wit::Target) -> Option<wit::Content> {
    match target {
        wit::Target::Dataflow(one) => Some(wit::Content::Dataflow(one.item.clone())),
        wit::Target::DataflowGen2(one) => Some(wit::Content::DataflowGen2(one.item.clone())),
        wit::Target::SemanticModel(one) => Some(wit::Content::SemanticModel(one.item.clone())),
        wit::Target::PowerAutomate(flow) => match &flow.verify {
            wit::Verification::Content(content) => Some(content.clone()),
            wit::Verification::None | wit::Verification::Response => None,
        },
    }
}

/// The item of content.
#[must_use]
pub fn item_of(content: &wit::Content) -> &wit::WatchedItem {
    match content {
        wit::Content::Dataflow(item)
        | wit::Content::DataflowGen2(item)
        | wit::Content::SemanticModel(item) => item,
    }
}

/// The JSON text of the object in a file. JSON is YAML, so one reader serves both.
fn payload_of(file: &Path) -> Result<String, ConfigError> {
    let what = format!("there is no file `{}`", file.display());
    let absent = Fault::new("file_not_found", what, "check --payload");
    let text = tree::text_of(file, absent)?;
    let node = tree::parse_at(&text, file)?;
    payload(&node).map_err(|fault| ConfigError::of_file(Some(file), At::default(), fault))
}

/// The JSON text of a payload.
pub(crate) fn payload(node: &Node) -> Result<String, Fault> {
    match &node.value {
        Value::Map(_) => Ok(json(node)),
        other => Err(Fault::new(
            "payload_not_object",
            format!(
                "expected a payload of keys with values, found {}",
                other.kind()
            ),
            "write keys and values, as in `{dataflow_name: Master Order List}`",
        )),
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
