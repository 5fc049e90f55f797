//! The format of the configuration: derived structs that are read from the tree, describe the JSON
//! Schema and serve as the models of what they hold.
//!
//! The serde names `by kind`, `by shape` and `parts` are explained in [`super::de`]. Doc comments
//! are the descriptions in the schema.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::Method;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::cloud::Cloud;
use super::fault::Fault;
use super::time::{CalendarDay, RefreshTimeout, Span, Windows, duration};
use super::values::{
    ClientId, ExitZero, Filled, FilledList, IdOrName, Scalar, Tenant, Whole, Wrong, whole,
};
use crate::audit_log::IfLost;
use crate::outbound::{Rule, RuleError};
use crate::secret::SHORTEST_SECRET;

/// Entries that are read one by one, when they are needed.
pub(crate) type Entries = BTreeMap<String, IgnoredAny>;

/// The configuration of host-runner.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "refresh.yaml")]
#[allow(
    dead_code,
    reason = "read for its errors and described; its sections are read on their own"
)]
pub(crate) struct File {
    /// The version of the format.
    #[schemars(example = 1)]
    version: Version,
    /// The audit log, as in `sqlite:audit.db`. Relative paths start at this file.
    audit: Option<Filled>,
    /// Settings of all targets.
    #[serde(default)]
    defaults: Defaults,
    /// Applications that sign in, by name. `default` is used if a target names none.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, CredentialForm>")]
    credentials: Entries,
    /// The Microsoft cloud.
    #[serde(default)]
    cloud: Cloud,
    /// Addresses that replace those of the cloud.
    #[serde(default)]
    endpoints: EndpointKeys,
    /// What the component may reach.
    #[serde(default)]
    sandbox: Sandbox,
    /// How the services are reached.
    #[serde(default)]
    transport: Transport,
    /// What is refreshed, by name. A name has lower-case letters, digits and `_`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Target>")]
    targets: Entries,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Scalar")]
#[schemars(try_from = "Whole<1, 1>", inline)]
struct Version;

impl TryFrom<Scalar> for Version {
    type Error = Wrong;

    fn try_from(scalar: Scalar) -> Result<Self, Wrong> {
        match Whole::<1, 1>::try_from(scalar) {
            Ok(_) => Ok(Self),
            Err(_) => Err(Fault::bad("this version is not supported", "write `version: 1`").into()),
        }
    }
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfRunning {
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// The most refreshes.
    #[serde(deserialize_with = "whole::<1, 1000, _>")]
    #[schemars(with = "Whole<1, 1000>", example = 8)]
    pub limit: u32,
    /// The kinds of run that count.
    pub count: Option<FilledList<RunKind>>,
    /// What to do if none is left.
    #[serde(default)]
    pub mode: QuotaMode,
    /// What to do if the history cannot be read.
    #[serde(default)]
    pub when_unreadable: QuotaUnreadable,
}

/// A kind of run in the service's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
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

impl RunKind {
    /// The name in the contract with the component.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Scheduled => "scheduled",
            Self::ViaApi => "via_api",
            Self::ViaEnhancedApi => "via_enhanced_api",
            Self::ViaXmlaEndpoint => "via_xmla_endpoint",
        }
    }
}

/// What to do if no refresh is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaMode {
    /// End in `skipped`.
    #[default]
    Block,
    /// Log a warning, and trigger.
    Warn,
}

/// What to do if the history that would be counted cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaUnreadable {
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
    #[serde(deserialize_with = "whole::<1, 10, _>")]
    #[schemars(with = "Whole<1, 10>")]
    pub max_attempts: u32,
    /// The pause before another trigger.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "Span")]
    pub delay: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 1,
            delay: Duration::from_secs(5 * 60),
        }
    }
}

/// An application that signs in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind", rename_all = "kebab-case")]
#[schemars(rename = "Credentials", tag = "kind")]
pub(crate) enum CredentialForm {
    ClientSecret(ClientSecretKeys),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientSecret")]
pub(crate) struct ClientSecretKeys {
    /// The tenant's id or one of its domains.
    #[schemars(example = &"11111111-1111-1111-1111-111111111111")]
    pub(crate) tenant: Tenant,
    /// The application's id.
    #[schemars(example = &"22222222-2222-2222-2222-222222222222")]
    pub(crate) client_id: ClientId,
    /// The client secret. Keep it out of the file.
    #[schemars(example = &"${env:AZURE_CLIENT_SECRET}")]
    pub(crate) client_secret: ClientSecretText,
}

/// A client secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Hidden")]
#[schemars(inline)]
pub(crate) struct ClientSecretText(#[schemars(with = "String")] pub(crate) SecretString);

impl TryFrom<Hidden> for ClientSecretText {
    type Error = Wrong;

    fn try_from(Hidden(text): Hidden) -> Result<Self, Wrong> {
        if text.expose_secret().len() < SHORTEST_SECRET {
            let what =
                "this is too short for a client secret, and too short to be masked in messages";
            let hint = "copy the secret's value (not its id) again; it has about 40 characters";
            return Err(Fault::bad(what, hint).into());
        }
        Ok(Self(text))
    }
}

/// Text that may hold a secret.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(inline)]
pub(crate) struct Hidden(#[schemars(with = "String")] pub(crate) SecretString);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// Addresses that replace those of the cloud.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Endpoints")]
pub(crate) struct EndpointKeys {
    /// The sign-in service.
    pub(crate) login: Option<Endpoint>,
    /// The Power BI API.
    pub(crate) powerbi: Option<Endpoint>,
    /// The Fabric API.
    pub(crate) fabric: Option<Endpoint>,
}

/// The base address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "EndpointForm")]
#[schemars(inline)]
pub struct Endpoint {
    /// Scheme, host, port and perhaps a path, without a slash at the end.
    pub url: String,
    /// Whether it may be at a private address.
    pub private: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename = "by shape", rename_all = "lowercase")]
#[schemars(rename = "EndpointForm", untagged, inline)]
enum EndpointForm {
    Text(String),
    Keys(EndpointLong),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Endpoint")]
struct EndpointLong {
    /// The address.
    #[schemars(example = &"https://powerbi.corp.example")]
    url: String,
    /// Whether it may be at a private address.
    #[serde(default)]
    private: bool,
}

impl From<EndpointForm> for Endpoint {
    fn from(form: EndpointForm) -> Self {
        let (url, private) = match form {
            EndpointForm::Text(url) => (url, false),
            EndpointForm::Keys(EndpointLong { url, private }) => (url, private),
        };
        Self { url, private }
    }
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
#[serde(try_from = "AllowForm")]
#[schemars(inline)]
pub(crate) struct Allow(#[schemars(with = "AllowForm")] pub(crate) Rule);

#[derive(Deserialize, JsonSchema)]
#[serde(rename = "by shape", rename_all = "lowercase")]
#[schemars(rename = "AllowForm", untagged, inline)]
enum AllowForm {
    Text(String),
    Keys(AllowLong),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Allow")]
struct AllowLong {
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
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
enum AllowedMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl From<AllowedMethod> for Method {
    fn from(method: AllowedMethod) -> Self {
        match method {
            AllowedMethod::Get => Self::GET,
            AllowedMethod::Post => Self::POST,
            AllowedMethod::Put => Self::PUT,
            AllowedMethod::Patch => Self::PATCH,
            AllowedMethod::Delete => Self::DELETE,
        }
    }
}

impl TryFrom<AllowForm> for Allow {
    type Error = Wrong;

    fn try_from(form: AllowForm) -> Result<Self, Wrong> {
        let AllowLong {
            url,
            methods,
            private,
        } = match form {
            AllowForm::Text(url) => return Ok(Self(rule(&url)?)),
            AllowForm::Keys(keys) => keys,
        };
        let methods = methods.into_iter().flat_map(|list| list.0);
        let rule = rule(&url)?.with_methods(methods.map(Method::from));
        Ok(Self(if private { rule.private() } else { rule }))
    }
}

/// An entry of the allow-list. The text may hold a password and is not repeated.
fn rule(text: &str) -> Result<Rule, Fault> {
    Rule::parse(text).map_err(|error| {
        let what = match error {
            RuleError::Everything { .. } => "this entry would allow every host",
            RuleError::NoScheme { .. } => "this entry has no scheme",
            RuleError::Scheme { .. } => "this entry is neither https:// nor http://",
            RuleError::UserInfo { .. } => "this entry has a user name before the host",
            RuleError::Query { .. } => "this entry has a query; it ends with the path",
            RuleError::Wildcard { .. } => "`*.` may only be before a domain of at least two labels",
            RuleError::Port { .. } => "the port of this entry is not a number from 1 to 65535",
            RuleError::Path { .. } => "the path of this entry contains `..`",
            _ => "this is not an entry of the allow-list",
        };
        Fault::bad(
            what,
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
    pub(crate) proxy: Option<Hidden>,
}

/// What is refreshed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind", rename_all = "kebab-case")]
#[schemars(rename = "Target", tag = "kind")]
pub(crate) enum Target {
    PowerAutomate(Box<FlowTarget>),
    Dataflow(DataflowTarget),
    DataflowGen2(Gen2Target),
    SemanticModel(ModelTarget),
}

/// The keys of every target that `defaults` does not have.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Common {
    /// What to do if an earlier run may have been sent and cannot be followed.
    #[serde(default)]
    pub(crate) if_lost: IfLost,
    /// The name of the credentials; without it `default`.
    pub(crate) credentials: Option<Filled>,
}

/// A Power Automate flow with an HTTP trigger.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "PowerAutomate", deny_unknown_fields)]
pub(crate) struct FlowTarget {
    #[schemars(flatten)]
    pub(crate) shared: Shared,
    #[schemars(flatten)]
    pub(crate) common: Common,
    #[schemars(flatten)]
    pub(crate) flow: FlowKeys,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct FlowKeys {
    /// The URL of the trigger. Its signature is a secret: keep it out of the file. Without a
    /// signature the target needs `credentials`.
    #[schemars(example = &"${env:ORDER_LIST_FLOW_URL}")]
    pub(crate) url: Hidden,
    /// What is sent, merged over the standard fields.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    #[allow(dead_code, reason = "the tree has its content in order")]
    pub(crate) payload: Option<IgnoredAny>,
    /// Whether the five standard fields are sent.
    pub(crate) standard_fields: Option<bool>,
    /// The standard field `source`; `none` omits it.
    #[serde(default)]
    pub(crate) source: Setting<Filled>,
    /// How the outcome is verified.
    pub(crate) verify: Option<VerifyForm>,
    /// How long the trigger call may take while it waits for the flow's Response.
    pub(crate) response_timeout: Option<Span>,
}

/// How the outcome of a flow is verified.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind", rename_all = "kebab-case")]
#[schemars(rename = "Verify", tag = "kind")]
pub(crate) enum VerifyForm {
    Dataflow(VerifyDataflow),
    DataflowGen2(VerifyDataflow),
    SemanticModel(VerifyModel),
    Response(ResponseKeys),
}

/// By the history of a dataflow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "VerifyDataflow", deny_unknown_fields)]
pub(crate) struct VerifyDataflow {
    #[schemars(flatten)]
    pub(crate) history: HistoryKeys,
    #[schemars(flatten)]
    pub(crate) credentials: VerifyKeys,
    #[schemars(flatten)]
    pub(crate) item: DataflowItem,
}

/// By the history of a semantic model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "VerifyModel", deny_unknown_fields)]
pub(crate) struct VerifyModel {
    #[schemars(flatten)]
    pub(crate) history: HistoryKeys,
    #[schemars(flatten)]
    pub(crate) credentials: VerifyKeys,
    #[schemars(flatten)]
    pub(crate) item: ModelItem,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VerifyKeys {
    /// The name of the credentials that read the history; without it `default`.
    pub(crate) credentials: Option<Filled>,
}

/// By the flow's own Response.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "VerifyResponse")]
pub(crate) struct ResponseKeys {}

/// How a history is watched.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct HistoryKeys {
    /// How long after the trigger a run may start and still be ours.
    pub(crate) start_within: Option<Span>,
    /// The longest pause between two looks at the history.
    pub(crate) poll: Option<Span>,
    /// What to do if the history before the trigger may not be read.
    #[serde(default)]
    pub(crate) when_unreadable: WhenUnreadable,
}

/// What to do if the history before the trigger may not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnreadable {
    /// Stop before the trigger.
    #[default]
    Stop,
    /// Trigger without the baseline, and end in `accepted`.
    Accept,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DataflowItem {
    /// The workspace's id or exact name.
    #[schemars(example = &"33333333-3333-3333-3333-333333333333")]
    pub(crate) workspace: IdOrName,
    /// The dataflow's id or exact name.
    #[schemars(example = &"44444444-4444-4444-4444-444444444444")]
    pub(crate) dataflow: IdOrName,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ModelItem {
    /// The workspace's id or exact name.
    #[schemars(example = &"33333333-3333-3333-3333-333333333333")]
    pub(crate) workspace: IdOrName,
    /// The semantic model's id or exact name.
    #[schemars(example = &"55555555-5555-5555-5555-555555555555")]
    pub(crate) model: IdOrName,
}

/// A dataflow that the Power BI API serves: Gen1, and Gen2 without CI/CD.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "Dataflow", deny_unknown_fields)]
pub(crate) struct DataflowTarget {
    #[schemars(flatten)]
    pub(crate) shared: Shared,
    #[schemars(flatten)]
    pub(crate) common: Common,
    #[schemars(flatten)]
    pub(crate) history: HistoryKeys,
    #[schemars(flatten)]
    pub(crate) mail: MailKeys,
    #[schemars(flatten)]
    pub(crate) item: DataflowItem,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct MailKeys {
    /// Whether the service sends an e-mail to the owner if the refresh fails.
    pub(crate) notify: Option<Notify>,
}

/// Whether the service sends an e-mail to the owner if the refresh fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notify {
    None,
    MailOnFailure,
}

/// A Fabric dataflow (Gen2 with CI/CD).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "DataflowGen2", deny_unknown_fields)]
pub(crate) struct Gen2Target {
    #[schemars(flatten)]
    pub(crate) shared: Shared,
    #[schemars(flatten)]
    pub(crate) common: Common,
    #[schemars(flatten)]
    pub(crate) history: HistoryKeys,
    #[schemars(flatten)]
    pub(crate) job: Gen2Keys,
    #[schemars(flatten)]
    pub(crate) item: DataflowItem,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Gen2Keys {
    /// Whether unpublished changes are applied first; without it the service decides.
    pub(crate) apply_changes: Option<ApplyChanges>,
    /// Values of the dataflow's parameters: text, numbers, true or false.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[allow(dead_code, reason = "the tree has its content in order")]
    pub(crate) parameters: Entries,
}

/// Whether unpublished changes are applied before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyChanges {
    /// `SkipApplyChanges`: the published version runs.
    Skip,
    /// `ApplyChangesIfNeeded`.
    IfNeeded,
}

/// A semantic model, formerly dataset.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "SemanticModel", deny_unknown_fields)]
pub(crate) struct ModelTarget {
    #[schemars(flatten)]
    pub(crate) shared: Shared,
    #[schemars(flatten)]
    pub(crate) common: Common,
    #[schemars(flatten)]
    pub(crate) history: HistoryKeys,
    #[schemars(flatten)]
    pub(crate) mail: MailKeys,
    #[schemars(flatten)]
    pub(crate) how: RefreshKeys,
    #[schemars(flatten)]
    pub(crate) item: ModelItem,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RefreshKeys {
    /// `standard`, or the keys of an enhanced refresh.
    pub(crate) refresh: Option<RefreshForm>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by shape", rename_all = "lowercase")]
#[schemars(rename = "Refresh", untagged)]
pub(crate) enum RefreshForm {
    Text(StandardWord),
    Keys(Enhanced),
}

/// The word `standard`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum StandardWord {
    Standard,
}

/// An enhanced refresh. What is not given is left to the service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Enhanced {
    /// The type of the refresh.
    #[serde(rename = "type")]
    pub refresh_type: Option<RefreshType>,
    /// The tables and partitions; without it the whole model.
    pub objects: Option<FilledList<ModelObject>>,
    /// Whether partial success counts.
    pub commit_mode: Option<CommitMode>,
    /// The most threads.
    pub max_parallelism: Option<Whole<1, 1000>>,
    /// How often the service itself retries.
    pub retry_count: Option<Whole<0, 100>>,
    /// How long one attempt of the service may take, in whole seconds.
    pub timeout: Option<RefreshTimeout>,
    /// Whether an incremental refresh policy is applied.
    pub apply_refresh_policy: Option<bool>,
    /// The day from which an incremental refresh policy counts, as in 2026-11-23.
    pub effective_date: Option<CalendarDay>,
}

/// The type of an enhanced refresh. Microsoft's spelling is accepted as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshType {
    /// All of the data, and what is calculated from it.
    Full,
    /// Remove the data.
    #[serde(alias = "clearValues")]
    ClearValues,
    /// Only what is calculated.
    Calculate,
    /// Only the data.
    #[serde(alias = "dataOnly")]
    DataOnly,
    /// What needs it.
    Automatic,
    /// Clean up the dictionaries.
    Defragment,
}

impl RefreshType {
    /// Microsoft's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ClearValues => "clearValues",
            Self::Calculate => "calculate",
            Self::DataOnly => "dataOnly",
            Self::Automatic => "automatic",
            Self::Defragment => "defragment",
        }
    }
}

/// Whether an enhanced refresh that succeeds in part counts. Microsoft's spelling is accepted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommitMode {
    /// All or nothing.
    Transactional,
    /// Part by part.
    #[serde(alias = "partialBatch")]
    PartialBatch,
}

/// A table of a model, or one partition of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "ObjectForm")]
#[schemars(inline)]
pub struct ModelObject {
    /// The table's name.
    pub table: String,
    /// The partition's name.
    pub partition: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename = "by shape", rename_all = "lowercase")]
#[schemars(rename = "ObjectForm", untagged, inline)]
enum ObjectForm {
    Text(Filled),
    Keys(ObjectKeys),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ModelObject")]
struct ObjectKeys {
    /// The table's name.
    #[schemars(example = &"Sales")]
    table: Filled,
    /// The partition's name.
    partition: Option<Filled>,
}

impl From<ObjectForm> for ModelObject {
    fn from(form: ObjectForm) -> Self {
        let (table, partition) = match form {
            ObjectForm::Text(table) => (table, None),
            ObjectForm::Keys(ObjectKeys { table, partition }) => (table, partition),
        };
        Self {
            table: table.0,
            partition: partition.map(|partition| partition.0),
        }
    }
}
