//! Workspaces, dataflows and semantic models, and what their refreshes will do (facts, 2, 3 and 5).

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One workspace ("group" in Power BI's API).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workspace {
    /// The workspace id.
    pub id: Uuid,
    /// The display name.
    pub name: String,
    /// The object ids of its members; empty: every known client.
    pub members: Vec<Uuid>,
    /// The object ids of its viewers, who may not refresh anything.
    pub viewers: Vec<Uuid>,
    /// The `isOnDedicatedCapacity` in the list of workspaces.
    pub dedicated: bool,
}

impl Workspace {
    /// A workspace that every known client may use.
    #[must_use]
    pub fn new(id: Uuid, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// True when the client with this object id may use the workspace.
    pub(crate) fn admits(&self, object_id: Uuid) -> bool {
        self.members.is_empty()
            || self.members.contains(&object_id)
            || self.viewers.contains(&object_id)
    }

    /// True when the client with this object id may refresh what is in the workspace.
    pub(crate) fn may_write(&self, object_id: Uuid) -> bool {
        self.admits(object_id) && !self.viewers.contains(&object_id)
    }
}

/// A kind of item that can be refreshed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A dataflow of Power BI: Gen1, or legacy Gen2.
    #[default]
    Dataflow,
    /// A Gen2 dataflow of Fabric (CI/CD).
    DataflowGen2,
    /// A semantic model ("dataset" in the API).
    SemanticModel,
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dataflow => "dataflow",
            Self::DataflowGen2 => "Gen2 dataflow",
            Self::SemanticModel => "semantic model",
        })
    }
}

/// The cause of a refresh, as `refreshType` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefreshType {
    /// The item's own schedule.
    Scheduled,
    /// A person, or the API's refresh call of a dataflow.
    OnDemand,
    /// Semantic models: the API's standard refresh call.
    ViaApi,
    /// Semantic models: the API's enhanced refresh call.
    ViaEnhancedApi,
    /// Semantic models: a tool on the XMLA endpoint.
    ViaXmlaEndpoint,
    /// Semantic models: the training of Q&A.
    OnDemandTraining,
    /// Direct Lake models: the service itself, when a table has changed.
    DirectLakeFraming,
    /// Semantic models: the copy in OneLake.
    OneLakeIntegration,
    /// Semantic models: an activity of a pipeline.
    DataFactory,
    /// Semantic models: an editor in the browser.
    WebModeling,
}

/// A run that is already in the history when the simulator starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastRun {
    /// How long before the start of the simulator it began, in seconds.
    pub started_ago_s: u64,
    /// How long it took, in seconds.
    pub took_s: u64,
    /// Its cause.
    pub refresh_type: RefreshType,
    /// How it ended.
    pub status: String,
}

/// A run that begins by itself after a refresh was requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsoStarts {
    /// How long after the refresh request it begins, in milliseconds.
    pub after_ms: u64,
    /// Its cause: the schedule, or another user.
    pub refresh_type: RefreshType,
}

/// What happens to a Gen2 run that is requested while another one is in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondRun {
    /// 202, and an instance that ends at once as `Deduped`.
    #[default]
    Deduped,
    /// 429 `TooManyRequestsForJobs`, and no instance.
    TooMany,
}

/// Why a run fails: the `failureReason` of a job, the `errorCode` of a model's refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The `errorCode`.
    pub code: String,
    /// The `message`.
    #[serde(default)]
    pub message: String,
    /// `isRetriable`.
    #[serde(default)]
    pub retriable: bool,
}

impl Failure {
    /// A failure that is not retriable.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retriable: false,
        }
    }
}

impl From<&str> for Failure {
    fn from(code: &str) -> Self {
        Self::new(code, "")
    }
}

/// One dataflow or semantic model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Item {
    /// Its kind.
    pub kind: ItemKind,
    /// The workspace that it is in.
    pub workspace: Uuid,
    /// Its id.
    pub id: Uuid,
    /// The display name; two items may share one.
    pub name: String,
    /// How long a run takes, in milliseconds.
    pub run_ms: u64,
    /// How long after its start a run becomes visible, in milliseconds.
    pub appear_after_ms: u64,
    /// The final status of runs that begin from now on; `None`: success, "Never": they do not end.
    pub ends: Option<String>,
    /// The reason of runs that fail; `None`: the usual one of the kind.
    pub failure: Option<Failure>,
    /// False: a refresh is accepted and no run ever begins.
    pub starts: bool,
    /// False: a refresh is forbidden, to API callers and to flows.
    pub refreshable: bool,
    /// False: reading the runs is forbidden.
    pub readable: bool,
    /// The runs in the past.
    pub history: Vec<PastRun>,
    /// The runs that begin by themselves after a refresh was requested, accepted or not.
    pub also_starts: Vec<AlsoStarts>,
    /// When the item's own schedule begins a run: seconds after the start of the simulator.
    pub scheduled_after_s: Vec<u64>,

    /// Dataflow: the `generation` in the list of dataflows.
    pub generation: u8,
    /// Dataflow and model: refreshes in any rolling 24 hours; `None`: no limit.
    pub daily_limit: Option<u32>,
    /// Dataflow. False: reading the runs is forbidden to applications (service principals).
    pub apps_may_read: bool,

    /// Gen2: how long an instance is `NotStarted`, in milliseconds.
    pub queue_ms: u64,
    /// Gen2: the status of a running instance; anything but `InProgress` is new to clients.
    pub running: String,
    /// Gen2. False: every job fails with `DataflowNeverPublishedError`.
    pub published: bool,
    /// Gen2. False: a job of an application fails with `SPNBasedRefreshNotAllowed`.
    pub apps_may_refresh: bool,
    /// Gen2: what happens to a run that is requested while another one is in progress.
    pub second_run: SecondRun,
    /// Gen2: the `Retry-After` of the reply to a run and to a cancellation, in seconds.
    pub retry_after_s: u64,
    /// Gen2: the `Retry-After` of a poll while the job runs, in seconds; `None`: it has none.
    pub poll_retry_after_s: Option<u64>,
    /// Gen2. True: the list of instances also shows running ones. The documentation says "recent
    /// completed".
    pub lists_running: bool,
    /// Gen2: how long a job continues after its cancellation, in milliseconds.
    pub cancel_ms: u64,
    /// Gen2. True: a cancelled job shows no `endTimeUtc`, as was once observed.
    pub cancelled_without_end: bool,
    /// Gen2: the names of the parameters that a run may set.
    pub parameters: Vec<String>,

    /// Model. False: it is not on Premium, and an enhanced refresh is refused.
    pub premium: bool,
    /// Model. False: the reply to an enhanced refresh names it only by `RequestId`.
    pub names_refresh: bool,
    /// Model: the `isRefreshable` in the list of models.
    pub is_refreshable: bool,
    /// Model: how many attempts fail before the last one. They share the time equally.
    pub failed_attempts: u32,
    /// Model: its tables, as the details of a refresh list them.
    pub tables: Vec<String>,
}

impl Default for Item {
    fn default() -> Self {
        Self {
            kind: ItemKind::Dataflow,
            workspace: Uuid::nil(),
            id: Uuid::nil(),
            name: String::new(),
            run_ms: 300,
            appear_after_ms: 50,
            ends: None,
            failure: None,
            starts: true,
            refreshable: true,
            readable: true,
            history: Vec::new(),
            also_starts: Vec::new(),
            scheduled_after_s: Vec::new(),
            generation: 1,
            // Shared capacity (facts, 2.1).
            daily_limit: Some(8),
            apps_may_read: true,
            queue_ms: 0,
            running: "InProgress".to_owned(),
            published: true,
            apps_may_refresh: true,
            second_run: SecondRun::Deduped,
            // What the service announces (facts, 3).
            retry_after_s: 60,
            poll_retry_after_s: None,
            lists_running: false,
            cancel_ms: 0,
            cancelled_without_end: false,
            parameters: Vec::new(),
            premium: true,
            names_refresh: true,
            is_refreshable: true,
            failed_attempts: 0,
            tables: vec!["Orders".to_owned()],
        }
    }
}

impl Item {
    /// A Gen1 dataflow with the usual limit whose refreshes succeed quickly.
    #[must_use]
    pub fn dataflow(workspace: Uuid, id: Uuid, name: &str) -> Self {
        Self {
            workspace,
            id,
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// A published Gen2 dataflow whose jobs complete quickly.
    #[must_use]
    pub fn dataflow_gen2(workspace: Uuid, id: Uuid, name: &str) -> Self {
        Self {
            kind: ItemKind::DataflowGen2,
            appear_after_ms: 0,
            ..Self::dataflow(workspace, id, name)
        }
    }

    /// A semantic model on Premium whose refreshes complete quickly.
    #[must_use]
    pub fn semantic_model(workspace: Uuid, id: Uuid, name: &str) -> Self {
        Self {
            kind: ItemKind::SemanticModel,
            // Premium.
            daily_limit: Some(48),
            ..Self::dataflow(workspace, id, name)
        }
    }

    /// Runs take `ms` milliseconds.
    #[must_use]
    pub fn run_ms(mut self, ms: u64) -> Self {
        self.run_ms = ms;
        self
    }

    /// Runs become visible `ms` milliseconds after their start.
    #[must_use]
    pub fn appear_after_ms(mut self, ms: u64) -> Self {
        self.appear_after_ms = ms;
        self
    }

    /// Runs end with this status; "Never": they do not end.
    #[must_use]
    pub fn ends(mut self, status: &str) -> Self {
        self.ends = Some(status.to_owned());
        self
    }

    /// Runs fail for this reason.
    #[must_use]
    pub fn failing(mut self, failure: impl Into<Failure>) -> Self {
        self.failure = Some(failure.into());
        self.ends("Failed")
    }

    /// A refresh is accepted and no run begins.
    #[must_use]
    pub fn never_starting(mut self) -> Self {
        self.starts = false;
        self
    }

    /// Reading the runs is forbidden.
    #[must_use]
    pub fn unreadable(mut self) -> Self {
        self.readable = false;
        self
    }

    /// Reading the runs is forbidden to applications.
    #[must_use]
    pub fn unreadable_to_apps(mut self) -> Self {
        self.apps_may_read = false;
        self
    }

    /// Sets the daily limit of a dataflow or model.
    #[must_use]
    pub fn daily_limit(mut self, limit: Option<u32>) -> Self {
        self.daily_limit = limit;
        self
    }

    /// Adds a run to the past.
    #[must_use]
    pub fn past_run(
        mut self,
        started_ago_s: u64,
        took_s: u64,
        refresh_type: RefreshType,
        status: &str,
    ) -> Self {
        self.history.push(PastRun {
            started_ago_s,
            took_s,
            refresh_type,
            status: status.to_owned(),
        });
        self
    }

    /// A run of this type begins by itself `after_ms` after a refresh was requested.
    #[must_use]
    pub fn also_starts(mut self, after_ms: u64, refresh_type: RefreshType) -> Self {
        self.also_starts.push(AlsoStarts {
            after_ms,
            refresh_type,
        });
        self
    }

    /// The status with which a run succeeds.
    pub(crate) fn success(&self) -> &'static str {
        match self.kind {
            ItemKind::Dataflow => "Success",
            ItemKind::DataflowGen2 | ItemKind::SemanticModel => "Completed",
        }
    }

    /// The reason of a run that fails because the settings say so. Dataflows of Power BI give none.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.clone().or_else(|| match self.kind {
            ItemKind::Dataflow => None,
            ItemKind::DataflowGen2 => Some(Failure::new(
                "DataflowRefreshFailed",
                format!("The refresh of the dataflow with id {} failed.", self.id),
            )),
            // An observed one (facts, 2.2).
            ItemKind::SemanticModel => Some("ModelRefreshFailed_CredentialsNotSpecified".into()),
        })
    }
}
