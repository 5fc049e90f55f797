//! The format of the configuration's sections, as derived structs: they are read from the tree and
//! describe the JSON Schema. [`super::kinds`] has those of the targets, [`super::json_schema`] the whole
//! file.
//!
//! The serde names `by kind`, `by shape` and `parts` are explained in [`super::de`]. Doc comments
//! are the descriptions in the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::values::{Filled, FilledList, Span, TextOr, Whole, Windows, client_id, tenant, word};
use crate::outbound::Rule;
use crate::verdict::Status;

/// Entries that are read one by one, when they are needed.
pub(crate) type Entries = BTreeMap<String, IgnoredAny>;

/// A value that `defaults` may set for all targets and that `none` removes from one.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename = "by shape", rename_all = "lowercase")]
#[schemars(untagged, inline)]
pub(crate) enum Setting<T> {
    /// Not given.
    #[default]
    #[serde(skip)]
    Inherited,
    /// `none`.
    None(NoneWord),
    /// A value.
    One(T),
}

/// The word `none`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum NoneWord {
    /// `none`.
    None,
}

impl<T> Setting<T> {
    /// The value in force if `self` is of a target.
    pub(crate) fn or<'a>(&'a self, defaults: &'a Self) -> Option<&'a T> {
        match (self, defaults) {
            (Self::One(value), _) | (Self::Inherited, Self::One(value)) => Some(value),
            _ => None,
        }
    }
}

/// Settings of all targets.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "Defaults", deny_unknown_fields)]
pub(crate) struct Defaults {
    #[schemars(flatten)]
    pub(crate) shared: Shared,
    #[schemars(flatten)]
    pub(crate) own: DefaultsKeys,
}

/// The keys that only `defaults` has.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct DefaultsKeys {
    /// Statuses that exit 0.
    #[serde(default)]
    pub(crate) exit_zero_on: Vec<ExitZero>,
    /// The only status that counts as success: with `completed`, `accepted` exits 12.
    pub(crate) require: Option<Required>,
    /// How long network faults before the trigger are retried, at most until the deadline.
    pub(crate) connect_patience: Option<Span>,
}

/// The only status that counts as success.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Required {
    /// The service reports that the refresh succeeded.
    Completed,
}

/// A status that may exit 0. A bug in the runner never does.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(try_from = "Status")]
#[schemars(inline)]
pub(crate) struct ExitZero(pub(crate) Status);

impl TryFrom<Status> for ExitZero {
    type Error = Fault;

    fn try_from(status: Status) -> Result<Self, Fault> {
        if status == Status::InternalError {
            let what = "a bug in the runner never exits 0";
            return Err(Fault::bad(what, "remove this status"));
        }
        Ok(Self(status))
    }
}

/// The keys of every target that `defaults` may set as well.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Shared {
    /// How long one invocation may take, including all waits and retries.
    pub(crate) deadline: Option<Span>,
    /// How long one HTTP call may take.
    pub(crate) timeout: Option<Span>,
    /// What to do if the content is already being refreshed.
    pub(crate) if_running: Option<IfRunning>,
    /// What to do with the run at the service when a signal ends the runner.
    pub(crate) on_interrupt: Option<OnInterrupt>,
    /// How many refreshes the content may have in 24 hours.
    #[serde(default)]
    pub(crate) quota: Setting<Quota>,
    /// When a refresh may be sent, as in "06:00-20:00 Europe/Copenhagen".
    #[serde(default)]
    pub(crate) window: Setting<Windows>,
    /// The shortest time between two refreshes.
    #[serde(default)]
    pub(crate) min_interval: Setting<Span>,
    /// How often a refresh is triggered if it fails and another attempt may succeed.
    pub(crate) retry: Option<Retry>,
}

/// What to do if the content is already being refreshed.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IfRunning {
    /// Wait until that run has ended, then trigger.
    Wait,
    /// End in `skipped`.
    Skip,
    /// Follow that run, and end in `skipped` with its outcome.
    Follow,
}

/// What to do with the run at the service when a signal ends the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInterrupt {
    /// Leave it; another start with the same key follows it.
    Leave,
    /// Ask the service to stop it.
    Cancel,
}

/// How many refreshes the content may have in a rolling 24 hours.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quota {
    /// The most refreshes.
    #[schemars(example = 8)]
    pub(crate) limit: Whole<1, 1000>,
    /// The kinds of run that count.
    pub(crate) count: Option<FilledList<RunKind>>,
    /// What to do if none is left.
    #[serde(default)]
    pub(crate) mode: QuotaMode,
    /// What to do if the history cannot be read.
    #[serde(default)]
    pub(crate) when_unreadable: QuotaUnreadable,
}

/// A kind of run in the service's history.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunKind {
    /// Started by a person, or through the API of a dataflow.
    OnDemand,
    /// Started by the content's schedule.
    Scheduled,
    /// A standard refresh through the API.
    ViaApi,
    /// An enhanced refresh through the API.
    ViaEnhancedApi,
    /// Started by a tool that uses XMLA.
    ViaXmlaEndpoint,
}

/// What to do if no refresh is left.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QuotaMode {
    /// End in `skipped`.
    #[default]
    Block,
    /// Log a warning, and trigger.
    Warn,
}

/// What to do if the history that would be counted cannot be read.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QuotaUnreadable {
    /// Trigger.
    #[default]
    Send,
    /// End in `skipped`.
    Skip,
}

/// How often a refresh is triggered if it fails and another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The most triggers in all; 1 means no retry.
    pub max_attempts: Whole<1, 10>,
    /// The pause before another trigger.
    pub delay: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: Whole(1),
            delay: Span(Duration::from_secs(5 * 60)),
        }
    }
}

/// An application that signs in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind", rename_all = "kebab-case")]
#[schemars(rename = "Credentials", tag = "kind")]
pub(crate) enum Credentials {
    ClientSecret(ClientSecretKeys),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientSecret")]
pub(crate) struct ClientSecretKeys {
    /// The tenant's id or one of its domains.
    #[serde(deserialize_with = "tenant")]
    #[schemars(example = &"11111111-1111-1111-1111-111111111111")]
    pub(crate) tenant: String,
    /// The application's id.
    #[serde(deserialize_with = "client_id")]
    #[schemars(example = &"22222222-2222-2222-2222-222222222222")]
    pub(crate) client_id: String,
    /// The client secret. Keep it out of the file.
    #[schemars(with = "String", example = &"${env:AZURE_CLIENT_SECRET}")]
    pub(crate) client_secret: SecretString,
}

/// Addresses that replace those of the cloud.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Endpoints")]
pub(crate) struct EndpointKeys {
    /// The sign-in service.
    pub(crate) login: Option<TextOr<Endpoint>>,
    /// The Power BI API.
    pub(crate) powerbi: Option<TextOr<Endpoint>>,
    /// The Fabric API.
    pub(crate) fabric: Option<TextOr<Endpoint>>,
}

/// The base address of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The address.
    #[schemars(example = &"https://powerbi.corp.example")]
    pub url: String,
    /// Whether it may be at a private address.
    #[serde(default)]
    pub private: bool,
}

/// What the component may reach.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sandbox {
    /// Places beyond those that the targets need, as `scheme://host[:port][/path]`.
    #[serde(default)]
    pub(crate) allow: Vec<Allow>,
    /// Whether this machine may be reached, also without encryption.
    #[serde(default)]
    pub(crate) allow_loopback: bool,
}

/// An entry of the allow-list.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "TextOr<AllowKeys>")]
#[schemars(inline)]
pub(crate) struct Allow(#[schemars(with = "TextOr<AllowKeys>")] pub(crate) Rule);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Allow")]
struct AllowKeys {
    /// The place.
    #[schemars(example = &"https://gateway.example")]
    url: String,
    /// The methods; without it all of them.
    methods: Option<FilledList<AllowedMethod>>,
    /// Whether it may be at a private address.
    #[serde(default)]
    private: bool,
}

/// A method that the component uses.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
enum AllowedMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl TryFrom<TextOr<AllowKeys>> for Allow {
    type Error = Fault;

    fn try_from(form: TextOr<AllowKeys>) -> Result<Self, Fault> {
        let keys = match form {
            TextOr::Text(url) => return Ok(Self(rule(&url)?)),
            TextOr::Keys(keys) => keys,
        };
        let methods = keys.methods.into_iter().flat_map(|list| list.0);
        let rule =
            rule(&keys.url)?.with_methods(methods.filter_map(|method| word(method).parse().ok()));
        Ok(Self(if keys.private { rule.private() } else { rule }))
    }
}

fn rule(text: &str) -> Result<Rule, Fault> {
    Rule::parse(text).map_err(|reason| {
        Fault::bad(
            format!("this entry {reason}"),
            "write `scheme://host[:port][/path]`, as in `https://gateway.example`",
        )
    })
}

/// How the services are reached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transport {
    /// PEM certificates to trust in addition to the system's. Relative paths start at this file.
    pub(crate) ca_file: Option<Filled>,
    /// The proxy for encrypted calls, as in http://proxy.example:3128.
    #[schemars(with = "Option<String>")]
    pub(crate) proxy: Option<SecretString>,
}
