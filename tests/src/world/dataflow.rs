//! Workspaces and Gen1 dataflows, with what their refreshes will do.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One Power BI workspace ("group" in the API).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// The workspace id.
    pub id: Uuid,
    /// The display name.
    pub name: String,
    /// The object ids of the clients that were added to it; empty: every known client.
    #[serde(default)]
    pub members: Vec<Uuid>,
    /// The object ids of those who may look and not touch: their refreshes are forbidden.
    #[serde(default)]
    pub viewers: Vec<Uuid>,
    /// What the list says of its capacity.
    #[serde(default)]
    pub dedicated: bool,
}

impl Workspace {
    /// A workspace that every known client may use.
    #[must_use]
    pub fn new(id: Uuid, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            members: Vec::new(),
            viewers: Vec::new(),
            dedicated: false,
        }
    }

    /// Only the given object ids may use it.
    #[must_use]
    pub fn only_for(mut self, members: &[Uuid]) -> Self {
        self.members = members.to_vec();
        self
    }

    /// The given object ids may look and not touch.
    #[must_use]
    pub fn viewers(mut self, viewers: &[Uuid]) -> Self {
        self.viewers = viewers.to_vec();
        self
    }

    /// Is on a capacity of its own.
    #[must_use]
    pub fn dedicated(mut self) -> Self {
        self.dedicated = true;
        self
    }

    /// True when the client with this object id may use the workspace.
    #[must_use]
    pub fn admits(&self, object_id: Uuid) -> bool {
        self.members.is_empty()
            || self.members.contains(&object_id)
            || self.viewers.contains(&object_id)
    }

    /// True when the client with this object id may refresh what is in the workspace.
    #[must_use]
    pub fn may_write(&self, object_id: Uuid) -> bool {
        self.admits(object_id) && !self.viewers.contains(&object_id)
    }
}

/// What set a refresh off, in Power BI's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefreshType {
    /// The dataflow's own schedule.
    Scheduled,
    /// A person, or the API's refresh call.
    OnDemand,
    /// Semantic models: the API's standard refresh call.
    ViaApi,
    /// Semantic models: the API's enhanced refresh call.
    ViaEnhancedApi,
    /// Semantic models: a tool on the XMLA endpoint.
    ViaXmlaEndpoint,
    /// Semantic models: the training of questions and answers.
    OnDemandTraining,
}

impl RefreshType {
    /// The value of `refreshType` in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::OnDemand => "OnDemand",
            Self::ViaApi => "ViaApi",
            Self::ViaEnhancedApi => "ViaEnhancedApi",
            Self::ViaXmlaEndpoint => "ViaXmlaEndpoint",
            Self::OnDemandTraining => "OnDemandTraining",
        }
    }
}

/// How a run ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Ends {
    /// It stays `InProgress` until somebody cancels or completes it.
    Never,
    /// With this `status`: "Success", "Failed", "Cancelled", or any other text.
    With(String),
}

impl From<String> for Ends {
    fn from(word: String) -> Self {
        if word == "Never" {
            Self::Never
        } else {
            Self::With(word)
        }
    }
}

impl From<&str> for Ends {
    fn from(word: &str) -> Self {
        Self::from(word.to_owned())
    }
}

impl From<Ends> for String {
    fn from(ends: Ends) -> Self {
        match ends {
            Ends::Never => "Never".to_owned(),
            Ends::With(status) => status,
        }
    }
}

/// A run that lies in the past when the simulator starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastRun {
    /// How long before the start of the simulator it began, in seconds.
    pub started_ago_s: u64,
    /// How long it took, in seconds.
    pub took_s: u64,
    /// What set it off.
    pub refresh_type: RefreshType,
    /// How it ended.
    pub status: String,
}

/// A run that begins by itself after a refresh was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsoStarts {
    /// How long after the refresh request it begins, in milliseconds.
    pub after_ms: u64,
    /// What sets it off: the schedule, or another user.
    pub refresh_type: RefreshType,
}

/// One dataflow and what its refreshes do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataflow {
    /// The workspace that it is in.
    pub workspace: Uuid,
    /// The dataflow (object) id.
    pub id: Uuid,
    /// The display name; two dataflows may share one.
    pub name: String,
    /// 1 for Gen1; the list of dataflows shows it.
    #[serde(default = "one")]
    pub generation: u8,
    /// Refreshes in any rolling 24 hours; `None`: no limit.
    #[serde(default = "default_daily_limit")]
    pub daily_limit: Option<u32>,
    /// False: the list of transactions is forbidden.
    #[serde(default = "yes")]
    pub readable: bool,
    /// False: the list of transactions is forbidden to applications (service principals).
    #[serde(default = "yes")]
    pub apps_may_read: bool,
    /// False: a refresh is forbidden, to API callers and to flows alike.
    #[serde(default = "yes")]
    pub refreshable: bool,
    /// How long a run takes, in milliseconds.
    #[serde(default = "default_run_ms")]
    pub run_ms: u64,
    /// How long after its start a run shows in the list of transactions, in milliseconds.
    #[serde(default = "default_appear_after_ms")]
    pub appear_after_ms: u64,
    /// How runs that begin from now on end.
    #[serde(default = "default_ends")]
    pub ends: Ends,
    /// False: the refresh call answers 200 and no run ever begins.
    #[serde(default = "yes")]
    pub starts: bool,
    /// What lies in the past.
    #[serde(default)]
    pub history: Vec<PastRun>,
    /// What begins by itself after a refresh was asked for, whether it was accepted or not.
    #[serde(default)]
    pub also_starts: Vec<AlsoStarts>,
    /// When its own schedule begins a run: seconds after the start of the simulator.
    #[serde(default)]
    pub scheduled_after_s: Vec<u64>,
}

fn one() -> u8 {
    1
}

fn yes() -> bool {
    true
}

/// The limit of shared capacity (facts, 2.1).
#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn default_daily_limit() -> Option<u32> {
    Some(8)
}

fn default_run_ms() -> u64 {
    300
}

fn default_appear_after_ms() -> u64 {
    50
}

fn default_ends() -> Ends {
    Ends::from("Success")
}

impl Dataflow {
    /// A Gen1 dataflow with the usual limit whose refreshes succeed quickly.
    #[must_use]
    pub fn new(workspace: Uuid, id: Uuid, name: &str) -> Self {
        Self {
            workspace,
            id,
            name: name.to_owned(),
            generation: one(),
            daily_limit: default_daily_limit(),
            readable: yes(),
            apps_may_read: yes(),
            refreshable: yes(),
            run_ms: default_run_ms(),
            appear_after_ms: default_appear_after_ms(),
            ends: default_ends(),
            starts: yes(),
            history: Vec::new(),
            also_starts: Vec::new(),
            scheduled_after_s: Vec::new(),
        }
    }

    /// The list shows it with this generation.
    #[must_use]
    pub fn generation(mut self, generation: u8) -> Self {
        self.generation = generation;
        self
    }

    /// Sets the daily limit.
    #[must_use]
    pub fn daily_limit(mut self, limit: Option<u32>) -> Self {
        self.daily_limit = limit;
        self
    }

    /// The list of transactions is forbidden.
    #[must_use]
    pub fn unreadable(mut self) -> Self {
        self.readable = false;
        self
    }

    /// The list of transactions is forbidden to applications.
    #[must_use]
    pub fn unreadable_to_apps(mut self) -> Self {
        self.apps_may_read = false;
        self
    }

    /// A refresh is forbidden.
    #[must_use]
    pub fn not_refreshable(mut self) -> Self {
        self.refreshable = false;
        self
    }

    /// A refresh is answered with 200, and no run begins.
    #[must_use]
    pub fn never_starting(mut self) -> Self {
        self.starts = false;
        self
    }

    /// A run takes `ms` milliseconds.
    #[must_use]
    pub fn run_ms(mut self, ms: u64) -> Self {
        self.run_ms = ms;
        self
    }

    /// A run shows in the list `ms` milliseconds after its start.
    #[must_use]
    pub fn appear_after_ms(mut self, ms: u64) -> Self {
        self.appear_after_ms = ms;
        self
    }

    /// Runs end with this status; "Never": they do not end.
    #[must_use]
    pub fn ends(mut self, status: &str) -> Self {
        self.ends = Ends::from(status);
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

    /// A run of this kind begins by itself `after_ms` after a refresh was asked for.
    #[must_use]
    pub fn also_starts(mut self, after_ms: u64, refresh_type: RefreshType) -> Self {
        self.also_starts.push(AlsoStarts {
            after_ms,
            refresh_type,
        });
        self
    }

    /// Its own schedule begins a run `seconds` after the start of the simulator.
    #[must_use]
    pub fn scheduled_after_s(mut self, seconds: u64) -> Self {
        self.scheduled_after_s.push(seconds);
        self
    }
}
