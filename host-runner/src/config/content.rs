//! Content of Power BI and Fabric: what is refreshed, and what its history is watched for.

use std::time::Duration;

use super::values::is_guid;

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

/// What to do when the history before the trigger may not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnreadable {
    /// Stop before the trigger.
    Stop,
    /// Trigger without a look, and end in `accepted`.
    Accept,
}

/// An item of a workspace, and how its history is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What it is.
    pub kind: ContentKind,
    /// The workspace: a GUID in small letters, else its exact name.
    pub workspace: String,
    /// The item: a GUID in small letters, else its exact name.
    pub item: String,
    /// How long after the trigger a run may begin and still be ours.
    pub start_within: Duration,
    /// The longest pause between two looks at the history.
    pub poll: Duration,
    /// What to do when the history before the trigger may not be read.
    pub when_unreadable: WhenUnreadable,
}

impl Watched {
    /// Whether a name stands where an id could: then the ids have to be looked up at the service.
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
    /// Whether the service mails the owner when the refresh fails.
    pub mail_on_failure: bool,
}

/// A run of a Fabric dataflow (Gen2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gen2 {
    /// The dataflow.
    pub watched: Watched,
    /// Whether changes that were not published yet are applied first; without it the service's
    /// own choice.
    pub apply_changes: Option<ApplyChanges>,
    /// Values for the dataflow's parameters, as JSON text, in the order of the file.
    pub parameters: Vec<(String, String)>,
}

/// Whether changes that were not published yet are applied before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyChanges {
    /// `SkipApplyChanges`: the published version runs.
    Skip,
    /// `ApplyChangesIfNeeded`.
    IfNeeded,
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
        /// Whether the service mails the owner when it fails.
        mail_on_failure: bool,
    },
    /// An enhanced refresh, which needs Premium, Premium per user, Embedded or Fabric.
    Enhanced(Enhanced),
}

/// What an enhanced refresh is asked for. What is not given is the service's own choice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enhanced {
    /// `full`, `clearValues`, `calculate`, `dataOnly`, `automatic` or `defragment`.
    pub refresh_type: Option<&'static str>,
    /// The tables and partitions; none for all of the model.
    pub objects: Vec<ModelObject>,
    /// Whether partial success counts: `partialBatch` instead of `transactional`.
    pub partial_batch: Option<bool>,
    /// The most threads.
    pub max_parallelism: Option<u32>,
    /// How often the service itself tries again.
    pub retry_count: Option<u32>,
    /// How long one attempt of the service may take; whole seconds.
    pub timeout: Option<Duration>,
    /// Whether an incremental refresh policy is applied.
    pub apply_refresh_policy: Option<bool>,
    /// The day that an incremental refresh policy counts from, `YYYY-MM-DD`.
    pub effective_date: Option<String>,
}

/// A table of a model, or one partition of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelObject {
    /// The table's name.
    pub table: String,
    /// The partition's name.
    pub partition: Option<String>,
}
