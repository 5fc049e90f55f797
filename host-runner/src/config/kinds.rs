//! The format of a target, as derived structs, one per kind; see [`super::schema`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::schema::{Entries, Setting, Shared};
use super::values::{self, CalendarDay, Filled, FilledList, RefreshTimeout, Span, TextOr, Whole};
use crate::audit_log::IfLost;

/// What is refreshed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind", rename_all = "kebab-case")]
#[schemars(rename = "Target", tag = "kind")]
pub(crate) enum Target {
    /// A Power Automate flow with an HTTP trigger.
    PowerAutomate(Box<Flow>),
    /// A dataflow that the Power BI API serves: Gen1, and Gen2 without CI/CD.
    Dataflow(Content<MailKeys, DataflowItem>),
    /// A Fabric dataflow (Gen2 with CI/CD).
    DataflowGen2(Content<Gen2Keys, DataflowItem>),
    /// A semantic model, formerly dataset.
    SemanticModel(Content<ModelKeys, ModelItem>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "PowerAutomate", deny_unknown_fields)]
pub(crate) struct Flow {
    #[schemars(flatten)]
    pub(crate) shared: Shared,
    #[schemars(flatten)]
    pub(crate) common: Common,
    #[schemars(flatten)]
    pub(crate) own: FlowKeys,
}

/// Content that is refreshed through its own API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "{K}", deny_unknown_fields)]
pub(crate) struct Content<K, I> {
    #[schemars(flatten)]
    pub(crate) shared: Shared,
    #[schemars(flatten)]
    pub(crate) common: Common,
    #[schemars(flatten)]
    pub(crate) history: History,
    #[schemars(flatten)]
    pub(crate) own: K,
    #[schemars(flatten)]
    pub(crate) item: I,
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

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct FlowKeys {
    /// The URL of the trigger. Its signature is a secret: keep it out of the file. Without a
    /// signature the target needs `credentials`.
    #[schemars(with = "String", example = &"${env:ORDER_LIST_FLOW_URL}")]
    pub(crate) url: SecretString,
    /// What is sent, merged over the standard fields.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    #[allow(dead_code, reason = "the tree has its content in order")]
    payload: Option<IgnoredAny>,
    /// Whether the five standard fields are sent.
    pub(crate) standard_fields: Option<bool>,
    /// The standard field `source`; `none` omits it.
    #[serde(default)]
    pub(crate) source: Setting<Filled>,
    /// How the outcome is verified.
    pub(crate) verify: Option<Verify>,
    /// How long the trigger call may take while it waits for the flow's Response.
    pub(crate) response_timeout: Option<Span>,
}

/// How the outcome of a flow is verified.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind", rename_all = "kebab-case")]
#[schemars(rename = "Verify", tag = "kind")]
pub(crate) enum Verify {
    /// By the history of a dataflow.
    Dataflow(VerifyContent<DataflowItem>),
    /// By the history of a Fabric dataflow.
    DataflowGen2(VerifyContent<DataflowItem>),
    /// By the history of a semantic model.
    SemanticModel(VerifyContent<ModelItem>),
    /// By the flow's own Response.
    Response(ResponseKeys),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "parts")]
#[schemars(rename = "Verify{I}", deny_unknown_fields)]
pub(crate) struct VerifyContent<I> {
    #[schemars(flatten)]
    pub(crate) history: History,
    #[schemars(flatten)]
    pub(crate) own: VerifyKeys,
    #[schemars(flatten)]
    pub(crate) item: I,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VerifyKeys {
    /// The name of the credentials that read the history; without it `default`.
    pub(crate) credentials: Option<Filled>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "VerifyResponse")]
pub(crate) struct ResponseKeys {}

/// How a history is watched.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct History {
    /// How long after the trigger a run may start and still be ours.
    pub(crate) start_within: Option<Span>,
    /// The longest pause between two looks at the history.
    pub(crate) poll: Option<Span>,
    /// What to do if the history before the trigger may not be read.
    #[serde(default)]
    pub(crate) when_unreadable: WhenUnreadable,
}

/// What to do if the history before the trigger may not be read.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenUnreadable {
    /// Stop before the trigger.
    #[default]
    Stop,
    /// Trigger without the baseline, and end in `accepted`.
    Accept,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct DataflowItem {
    /// The workspace's id or exact name.
    #[serde(deserialize_with = "values::id_or_name")]
    #[schemars(example = &"33333333-3333-3333-3333-333333333333")]
    workspace: String,
    /// The dataflow's id or exact name.
    #[serde(deserialize_with = "values::id_or_name")]
    #[schemars(example = &"44444444-4444-4444-4444-444444444444")]
    dataflow: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct ModelItem {
    /// The workspace's id or exact name.
    #[serde(deserialize_with = "values::id_or_name")]
    #[schemars(example = &"33333333-3333-3333-3333-333333333333")]
    workspace: String,
    /// The semantic model's id or exact name.
    #[serde(deserialize_with = "values::id_or_name")]
    #[schemars(example = &"55555555-5555-5555-5555-555555555555")]
    model: String,
}

/// A workspace and an item of it.
pub(crate) struct Item(pub(crate) String, pub(crate) String);

impl From<DataflowItem> for Item {
    fn from(item: DataflowItem) -> Self {
        Self(item.workspace, item.dataflow)
    }
}

impl From<ModelItem> for Item {
    fn from(item: ModelItem) -> Self {
        Self(item.workspace, item.model)
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Dataflow")]
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

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DataflowGen2")]
pub(crate) struct Gen2Keys {
    /// Whether unpublished changes are applied first; without it the service decides.
    pub(crate) apply_changes: Option<ApplyChanges>,
    /// Values of the dataflow's parameters: text, numbers, true or false.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[allow(dead_code, reason = "the tree has its content in order")]
    parameters: Entries,
}

/// Whether unpublished changes are applied before a run.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApplyChanges {
    /// `SkipApplyChanges`: the published version runs.
    Skip,
    /// `ApplyChangesIfNeeded`.
    IfNeeded,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SemanticModel")]
pub(crate) struct ModelKeys {
    /// Whether the service sends an e-mail to the owner if the refresh fails.
    pub(crate) notify: Option<Notify>,
    /// `standard`, or the keys of an enhanced refresh.
    pub(crate) refresh: Option<TextOr<Enhanced, StandardWord>>,
}

/// The word `standard`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum StandardWord {
    Standard,
}

/// An enhanced refresh. What is not given is left to the service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Enhanced {
    /// The type of the refresh.
    #[serde(rename = "type")]
    pub(crate) refresh_type: Option<RefreshType>,
    /// The tables and partitions; without it the whole model.
    pub(crate) objects: Option<FilledList<TextOr<ModelObject, Filled>>>,
    /// Whether partial success counts.
    pub(crate) commit_mode: Option<CommitMode>,
    /// The most threads.
    pub(crate) max_parallelism: Option<Whole<1, 1000>>,
    /// How often the service itself retries.
    pub(crate) retry_count: Option<Whole<0, 100>>,
    /// How long one attempt of the service may take, in whole seconds.
    pub(crate) timeout: Option<RefreshTimeout>,
    /// Whether an incremental refresh policy is applied.
    pub(crate) apply_refresh_policy: Option<bool>,
    /// The day from which an incremental refresh policy counts, as in 2026-11-23.
    pub(crate) effective_date: Option<CalendarDay>,
}

/// The type of an enhanced refresh. Microsoft's spelling is accepted as well.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"))]
pub(crate) enum RefreshType {
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

/// Whether an enhanced refresh that succeeds in part counts. Microsoft's spelling is accepted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CommitMode {
    /// All or nothing.
    Transactional,
    /// Part by part.
    #[serde(alias = "partialBatch")]
    PartialBatch,
}

/// A table of a model, or one partition of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelObject {
    /// The table's name.
    #[schemars(example = &"Sales")]
    pub(crate) table: Filled,
    /// The partition's name.
    pub(crate) partition: Option<Filled>,
}
