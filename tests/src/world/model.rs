//! Semantic models of Power BI, with what their refreshes will do (facts, 2.2 and 5.2).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AlsoStarts, Ends, PastRun, RefreshType};

/// One semantic model ("dataset" in the API) and what its refreshes do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemanticModel {
    /// The workspace that it is in.
    pub workspace: Uuid,
    /// The dataset id.
    pub id: Uuid,
    /// The name; two models may share one.
    pub name: String,
    /// False: it is not on Premium, and an enhanced refresh is refused.
    #[serde(default = "yes")]
    pub premium: bool,
    /// False: `isRefreshable` is false in the list.
    #[serde(default = "yes")]
    pub is_refreshable: bool,
    /// False: a refresh is forbidden, to API callers and to flows alike.
    #[serde(default = "yes")]
    pub refreshable: bool,
    /// False: the history and the details are forbidden.
    #[serde(default = "yes")]
    pub readable: bool,
    /// How long a refresh takes, in milliseconds.
    #[serde(default = "default_run_ms")]
    pub run_ms: u64,
    /// How long after the POST a refresh shows in the history and in its details, in milliseconds.
    #[serde(default = "default_appear_after_ms")]
    pub appear_after_ms: u64,
    /// How refreshes that begin from now on end: "Completed", "Failed", "Disabled", "Cancelled",
    /// "TimedOut" (which the history calls "Failed"), any other text, or "Never".
    #[serde(default = "default_ends")]
    pub ends: Ends,
    /// The `errorCode` in the `serviceExceptionJson` of a refresh or attempt that failed.
    #[serde(default = "default_failure")]
    pub failure: String,
    /// How many attempts fail before the last one. They share the time of the refresh equally.
    #[serde(default)]
    pub failed_attempts: u32,
    /// The tables, as the details of a refresh list them where it asked for none.
    #[serde(default = "default_tables")]
    pub tables: Vec<String>,
    /// False: the request is dropped: 202, and never in the history.
    #[serde(default = "yes")]
    pub starts: bool,
    /// What lies in the past.
    #[serde(default)]
    pub history: Vec<PastRun>,
    /// What begins by itself after a refresh was asked for, whether it was accepted or not.
    #[serde(default)]
    pub also_starts: Vec<AlsoStarts>,
    /// When its own schedule begins a refresh: seconds after the start of the simulator.
    #[serde(default)]
    pub scheduled_after_s: Vec<u64>,
}

fn yes() -> bool {
    true
}

fn default_run_ms() -> u64 {
    300
}

fn default_appear_after_ms() -> u64 {
    50
}

fn default_ends() -> Ends {
    Ends::from("Completed")
}

/// The one that was recorded (facts, 2.2).
fn default_failure() -> String {
    "ModelRefreshFailed_CredentialsNotSpecified".to_owned()
}

fn default_tables() -> Vec<String> {
    vec!["Orders".to_owned()]
}

impl SemanticModel {
    /// A model on Premium whose refreshes complete quickly.
    #[must_use]
    pub fn new(workspace: Uuid, id: Uuid, name: &str) -> Self {
        Self {
            workspace,
            id,
            name: name.to_owned(),
            premium: yes(),
            is_refreshable: yes(),
            refreshable: yes(),
            readable: yes(),
            run_ms: default_run_ms(),
            appear_after_ms: default_appear_after_ms(),
            ends: default_ends(),
            failure: default_failure(),
            failed_attempts: 0,
            tables: default_tables(),
            starts: yes(),
            history: Vec::new(),
            also_starts: Vec::new(),
            scheduled_after_s: Vec::new(),
        }
    }

    /// It is not on Premium.
    #[must_use]
    pub fn not_premium(mut self) -> Self {
        self.premium = false;
        self
    }

    /// `isRefreshable` is false in the list.
    #[must_use]
    pub fn listed_as_not_refreshable(mut self) -> Self {
        self.is_refreshable = false;
        self
    }

    /// A refresh is forbidden.
    #[must_use]
    pub fn not_refreshable(mut self) -> Self {
        self.refreshable = false;
        self
    }

    /// The history and the details are forbidden.
    #[must_use]
    pub fn unreadable(mut self) -> Self {
        self.readable = false;
        self
    }

    /// A refresh takes `ms` milliseconds.
    #[must_use]
    pub fn run_ms(mut self, ms: u64) -> Self {
        self.run_ms = ms;
        self
    }

    /// A refresh shows `ms` milliseconds after the POST.
    #[must_use]
    pub fn appear_after_ms(mut self, ms: u64) -> Self {
        self.appear_after_ms = ms;
        self
    }

    /// Refreshes end with this status; "Never": they do not end.
    #[must_use]
    pub fn ends(mut self, status: &str) -> Self {
        self.ends = Ends::from(status);
        self
    }

    /// Refreshes fail with this `errorCode`.
    #[must_use]
    pub fn failing(mut self, code: &str) -> Self {
        self.ends = Ends::from("Failed");
        code.clone_into(&mut self.failure);
        self
    }

    /// So many attempts fail before the last one.
    #[must_use]
    pub fn failed_attempts(mut self, count: u32) -> Self {
        self.failed_attempts = count;
        self
    }

    /// Has these tables.
    #[must_use]
    pub fn tables(mut self, names: &[&str]) -> Self {
        self.tables = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Requests are dropped: 202, and never in the history.
    #[must_use]
    pub fn dropping_requests(mut self) -> Self {
        self.starts = false;
        self
    }

    /// Adds a refresh to the past.
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

    /// A refresh of this kind begins by itself `after_ms` after one was asked for.
    #[must_use]
    pub fn also_starts(mut self, after_ms: u64, refresh_type: RefreshType) -> Self {
        self.also_starts.push(AlsoStarts {
            after_ms,
            refresh_type,
        });
        self
    }

    /// Its own schedule begins a refresh `seconds` after the start of the simulator.
    #[must_use]
    pub fn scheduled_after_s(mut self, seconds: u64) -> Self {
        self.scheduled_after_s.push(seconds);
        self
    }
}
