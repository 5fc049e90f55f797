//! Gen2 dataflows of Fabric (CI/CD), with what their jobs will do (facts, 3 and 5.3).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AlsoStarts, Ends, PastRun, RefreshType};

/// What becomes of a run that is asked for while another is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondRun {
    /// 202, and an instance that ends at once as `Deduped`.
    #[default]
    Deduped,
    /// 429 `TooManyRequestsForJobs`, and no instance.
    TooMany,
}

/// Why a job fails, as its `failureReason` tells.
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
    /// A failure that no second try mends.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retriable: false,
        }
    }
}

/// One Gen2 dataflow and what its jobs do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataflowGen2 {
    /// The workspace that it is in.
    pub workspace: Uuid,
    /// The item id.
    pub id: Uuid,
    /// The display name; two dataflows may share one.
    pub name: String,
    /// How long an instance is `NotStarted`, in milliseconds.
    #[serde(default)]
    pub queue_ms: u64,
    /// How long a run takes after that, in milliseconds.
    #[serde(default = "default_run_ms")]
    pub run_ms: u64,
    /// How long after the POST an instance can be found, in milliseconds.
    #[serde(default)]
    pub appear_after_ms: u64,
    /// The status of an instance that is going on; anything but `InProgress` is a status that
    /// clients have never seen.
    #[serde(default = "default_running")]
    pub running: String,
    /// How instances that begin from now on end: "Completed", "Failed", "Cancelled", "Deduped",
    /// any other text, or "Never".
    #[serde(default = "default_ends")]
    pub ends: Ends,
    /// The reason of those that end as "Failed".
    #[serde(default)]
    pub failure: Option<Failure>,
    /// False: the POST answers 202 and no instance is ever found.
    #[serde(default = "yes")]
    pub starts: bool,
    /// False: running and cancelling are forbidden.
    #[serde(default = "yes")]
    pub refreshable: bool,
    /// False: the instances cannot be read.
    #[serde(default = "yes")]
    pub readable: bool,
    /// False: it was never published, and every job fails with `DataflowNeverPublishedError`.
    #[serde(default = "yes")]
    pub published: bool,
    /// False: a job that an application asks for fails with `SPNBasedRefreshNotAllowed`.
    #[serde(default = "yes")]
    pub apps_may_refresh: bool,
    /// What becomes of a run that is asked for while another is going on.
    #[serde(default)]
    pub second_run: SecondRun,
    /// The `Retry-After` of the answer to a run and to a cancellation, in seconds.
    #[serde(default = "default_retry_after_s")]
    pub retry_after_s: u64,
    /// The `Retry-After` of a poll while the job is going on, in seconds; `None`: it has none.
    #[serde(default)]
    pub poll_retry_after_s: Option<u64>,
    /// True: the list of instances shows those that are going on too. The documentation speaks of
    /// "recent completed" ones.
    #[serde(default)]
    pub lists_running: bool,
    /// How long a job goes on after it was asked to stop, in milliseconds.
    #[serde(default)]
    pub cancel_ms: u64,
    /// True: a cancelled job shows no `endTimeUtc`, as was recorded once.
    #[serde(default)]
    pub cancelled_without_end: bool,
    /// The names of the parameters that a run may set.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// What lies in the past.
    #[serde(default)]
    pub history: Vec<PastRun>,
    /// What begins by itself after a run was asked for, whether it was accepted or not.
    #[serde(default)]
    pub also_starts: Vec<AlsoStarts>,
    /// When its own schedule begins a run: seconds after the start of the simulator.
    #[serde(default)]
    pub scheduled_after_s: Vec<u64>,
}

fn yes() -> bool {
    true
}

fn default_run_ms() -> u64 {
    300
}

fn default_running() -> String {
    "InProgress".to_owned()
}

fn default_ends() -> Ends {
    Ends::from("Completed")
}

/// What the service announces (facts, 3).
fn default_retry_after_s() -> u64 {
    60
}

impl DataflowGen2 {
    /// A published dataflow whose jobs complete quickly.
    #[must_use]
    pub fn new(workspace: Uuid, id: Uuid, name: &str) -> Self {
        Self {
            workspace,
            id,
            name: name.to_owned(),
            queue_ms: 0,
            run_ms: default_run_ms(),
            appear_after_ms: 0,
            running: default_running(),
            ends: default_ends(),
            failure: None,
            starts: yes(),
            refreshable: yes(),
            readable: yes(),
            published: yes(),
            apps_may_refresh: yes(),
            second_run: SecondRun::default(),
            retry_after_s: default_retry_after_s(),
            poll_retry_after_s: None,
            lists_running: false,
            cancel_ms: 0,
            cancelled_without_end: false,
            parameters: Vec::new(),
            history: Vec::new(),
            also_starts: Vec::new(),
            scheduled_after_s: Vec::new(),
        }
    }

    /// An instance is `NotStarted` for `ms` milliseconds.
    #[must_use]
    pub fn queue_ms(mut self, ms: u64) -> Self {
        self.queue_ms = ms;
        self
    }

    /// A run takes `ms` milliseconds.
    #[must_use]
    pub fn run_ms(mut self, ms: u64) -> Self {
        self.run_ms = ms;
        self
    }

    /// An instance can be found `ms` milliseconds after the POST.
    #[must_use]
    pub fn appear_after_ms(mut self, ms: u64) -> Self {
        self.appear_after_ms = ms;
        self
    }

    /// An instance that is going on has this status.
    #[must_use]
    pub fn running_as(mut self, status: &str) -> Self {
        status.clone_into(&mut self.running);
        self
    }

    /// Instances end with this status; "Never": they do not end.
    #[must_use]
    pub fn ends(mut self, status: &str) -> Self {
        self.ends = Ends::from(status);
        self
    }

    /// Instances fail for this reason.
    #[must_use]
    pub fn failing(mut self, failure: Failure) -> Self {
        self.ends = Ends::from("Failed");
        self.failure = Some(failure);
        self
    }

    /// A run is answered with 202, and no instance is ever found.
    #[must_use]
    pub fn never_starting(mut self) -> Self {
        self.starts = false;
        self
    }

    /// Running and cancelling are forbidden.
    #[must_use]
    pub fn not_refreshable(mut self) -> Self {
        self.refreshable = false;
        self
    }

    /// The instances cannot be read.
    #[must_use]
    pub fn unreadable(mut self) -> Self {
        self.readable = false;
        self
    }

    /// It was never published.
    #[must_use]
    pub fn never_published(mut self) -> Self {
        self.published = false;
        self
    }

    /// Jobs of applications fail with `SPNBasedRefreshNotAllowed`.
    #[must_use]
    pub fn refusing_apps(mut self) -> Self {
        self.apps_may_refresh = false;
        self
    }

    /// What becomes of a run that is asked for while another is going on.
    #[must_use]
    pub fn second_run(mut self, second: SecondRun) -> Self {
        self.second_run = second;
        self
    }

    /// The `Retry-After` of the answer to a run and to a cancellation.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u64) -> Self {
        self.retry_after_s = seconds;
        self
    }

    /// The `Retry-After` of a poll while the job is going on.
    #[must_use]
    pub fn poll_retry_after_s(mut self, seconds: u64) -> Self {
        self.poll_retry_after_s = Some(seconds);
        self
    }

    /// The list of instances shows those that are going on too.
    #[must_use]
    pub fn listing_running(mut self) -> Self {
        self.lists_running = true;
        self
    }

    /// A job goes on for `ms` milliseconds after it was asked to stop.
    #[must_use]
    pub fn cancel_ms(mut self, ms: u64) -> Self {
        self.cancel_ms = ms;
        self
    }

    /// A cancelled job shows no end.
    #[must_use]
    pub fn cancelled_without_end(mut self) -> Self {
        self.cancelled_without_end = true;
        self
    }

    /// A run may set these parameters.
    #[must_use]
    pub fn parameters(mut self, names: &[&str]) -> Self {
        self.parameters = names.iter().map(|&name| name.to_owned()).collect();
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

    /// A run of this kind begins by itself `after_ms` after a run was asked for.
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
