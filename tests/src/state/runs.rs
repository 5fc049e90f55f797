//! The runs of all items: which requests begin one, when it becomes visible, how and when it ends.
//!
//! The state of a run at a given time is computed from its fixed times, never stored.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{Event, Refusal, Requester, State};
use crate::clock::{earlier, later};
use crate::world::{Failure, Item, ItemKind, RefreshType, SecondRun};

/// The daily limit counts a rolling window of this length (facts, 0).
const LIMIT_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// One run: a transaction of a dataflow, a job instance, or a refresh of a semantic model.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The item.
    pub item: Uuid,
    /// Its id: for a transaction `<time, 7 digits>Z@<dataflow>$<number>`, otherwise a GUID.
    pub id: String,
    /// Its number among all runs, from 1.
    pub number: u64,
    /// Its cause.
    pub refresh_type: RefreshType,
    /// Who requested it.
    pub requester: Requester,
    /// The options of the request.
    pub request: RunRequest,
    /// The `rootActivityId` of a job.
    pub activity: Uuid,
    /// When it began; a job is `NotStarted` until `runs_from`.
    pub started_at: Timestamp,
    /// When it leaves the queue.
    pub runs_from: Timestamp,
    /// When it becomes visible.
    pub visible_at: Timestamp,
    /// When it ends; `None`: not by itself.
    pub ends_at: Option<Timestamp>,
    /// The status that it ends with.
    pub ends_with: String,
    /// The reason, if it or one of its attempts fails.
    pub reason: Option<Failure>,
    /// How many attempts fail before the last one.
    pub failed_attempts: u32,
    running: String,
}

impl Run {
    /// When it ended, if it has ended at `now`.
    pub(crate) fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.ends_at.filter(|&end| end <= now)
    }

    /// Its status at `now`, as the service writes it; of a model the `extendedStatus`.
    pub(crate) fn status(&self, now: Timestamp) -> &str {
        if self.ended_at(now).is_some() {
            &self.ends_with
        } else if now < self.runs_from {
            "NotStarted"
        } else {
            &self.running
        }
    }

    /// The `invokeType` of a job.
    pub(crate) fn invoke_type(&self) -> &'static str {
        match self.refresh_type {
            RefreshType::Scheduled => "Scheduled",
            _ => "Manual",
        }
    }

    /// Why it failed, if it has failed at `now`.
    pub(crate) fn failure(&self, now: Timestamp) -> Option<&Failure> {
        let failed = matches!(self.status(now), "Failed" | "TimedOut");
        self.reason.as_ref().filter(|_| failed)
    }
}

/// A run as it is at one time, for a caller that drives the history itself.
#[derive(Clone, Debug)]
pub struct RunSnapshot {
    /// Its id.
    pub id: String,
    /// Its cause.
    pub refresh_type: RefreshType,
    /// Its status, as the service writes it.
    pub status: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// True for an enhanced refresh of a semantic model.
    pub enhanced: bool,
}

/// What an enhanced refresh of a semantic model was asked to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Enhanced {
    /// The `type`.
    pub refresh: String,
    /// The `commitMode`.
    pub commit_mode: String,
    /// The requested `objects`; empty: the whole model.
    pub objects: Vec<Value>,
}

/// The options of a request for a run. A flow's own refresh has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunRequest {
    /// The job type; empty: "Refresh".
    pub job_type: String,
    /// The `executionData` of a job; null: none.
    pub execution: Value,
    /// True when an application (service principal) requests it.
    pub by_app: bool,
    /// The options of an enhanced refresh of a model.
    pub enhanced: Option<Enhanced>,
}

/// An accepted request for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The id that the caller gets.
    pub id: String,
    /// False: no run will ever have this id.
    pub began: bool,
}

/// The result of a request to cancel a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancelOutcome {
    /// The run ends as "Cancelled".
    Marked,
    /// It had ended before.
    AlreadyConcluded,
    /// There is no such run.
    NotFound,
}

/// Whether a refresh of `item` may begin, given whether one is running and how many began in the
/// last 24 hours (of every type: the limit counts scheduled runs as well).
fn judge(
    item: &Item,
    running: bool,
    in_last_day: usize,
    request: &RunRequest,
) -> Result<(), Refusal> {
    if !item.refreshable {
        return Err(match item.kind {
            ItemKind::DataflowGen2 => Refusal::new(
                403,
                "InsufficientPrivileges",
                "The caller does not have sufficient permissions to perform this operation.",
            ),
            _ => Refusal::new(403, "PowerBINotAuthorizedException", ""),
        });
    }
    match item.kind {
        // The service's real code for this is not known (facts, 6); clients must not rely on it.
        ItemKind::Dataflow if running => Err(Refusal::new(
            400,
            "DataflowRefreshInProgress",
            "Another refresh of this dataflow is already in progress",
        )),
        ItemKind::Dataflow => match item.daily_limit {
            Some(limit) if in_last_day >= usize::try_from(limit).unwrap_or(usize::MAX) => {
                Err(Refusal::new(
                    400,
                    "DailyDataflowRefreshLimitExceeded",
                    format!(
                        "Skipping dataflow refresh as number of auto refreshes in last 24 hours ({in_last_day}) exceeded allowed limit {limit}"
                    ),
                ))
            }
            _ => Ok(()),
        },
        ItemKind::DataflowGen2 if running && item.second_run == SecondRun::TooMany => {
            Err(Refusal::new(
                429,
                "TooManyRequestsForJobs",
                "Too many job requests for this item.",
            ))
        }
        ItemKind::DataflowGen2 => Ok(()),
        ItemKind::SemanticModel if request.enhanced.is_some() && !item.premium => {
            Err(Refusal::new(
                400,
                "InvalidRequest",
                "Invalid dataset refresh request. Enhanced refresh is supported on Premium, Premium Per User and Embedded capacities only",
            ))
        }
        ItemKind::SemanticModel if running => Err(Refusal::new(
            400,
            "InvalidRequest",
            "Invalid dataset refresh request. Another refresh request is already executing",
        )),
        ItemKind::SemanticModel => match item.daily_limit {
            Some(limit) if in_last_day >= usize::try_from(limit).unwrap_or(usize::MAX) => {
                Err(Refusal::new(
                    429,
                    "Request Throttled",
                    "Invalid dataset refresh request. Number of refresh requests in last 24 hours exceeded limit",
                ))
            }
            _ => Ok(()),
        },
    }
}

/// Why an accepted job of this dataflow fails.
fn doomed(item: &Item, by_app: bool) -> Option<Failure> {
    let id = item.id;
    if by_app && !item.apps_may_refresh {
        Some(Failure::new(
            "SPNBasedRefreshNotAllowed",
            format!("SPN based refresh is not allowed for the dataflow with id {id}."),
        ))
    } else if !item.published {
        Some(Failure::new(
            "DataflowNeverPublishedError",
            format!("The dataflow with id {id} was never published."),
        ))
    } else {
        None
    }
}

impl State {
    /// Adds the past runs of all items, and the runs of their schedules.
    pub(super) fn add_past_runs(&mut self, now: Timestamp) {
        for item in self.world.items.clone() {
            let mut history = item.history.clone();
            history.sort_by_key(|past| std::cmp::Reverse(past.started_ago_s));
            for past in history {
                let started = earlier(now, Duration::from_secs(past.started_ago_s));
                let mut run = self.new_run(&item, started, past.refresh_type);
                run.runs_from = started;
                run.visible_at = started;
                run.ends_at = Some(later(started, Duration::from_secs(past.took_s)));
                run.ends_with = past.status;
                self.runs.push(run);
            }
            for seconds in &item.scheduled_after_s {
                let event = Event::RunBegins {
                    item: item.id,
                    refresh_type: RefreshType::Scheduled,
                };
                self.schedule(now, seconds.saturating_mul(1000), event);
            }
        }
    }

    /// Replaces the runs of an item; `next` is the id of the next run that is requested. `None` if
    /// there is no such item.
    pub(crate) fn replace_runs(
        &mut self,
        item: Uuid,
        snapshots: Vec<RunSnapshot>,
        next: &str,
    ) -> Option<()> {
        let item = self.world.find_item(item)?.clone();
        self.runs.retain(|run| run.item != item.id);
        for snapshot in snapshots {
            let mut run = self.new_run(&item, snapshot.started_at, snapshot.refresh_type);
            run.id = snapshot.id;
            run.runs_from = snapshot.started_at;
            run.visible_at = Timestamp::MIN;
            run.ends_at = snapshot.ended_at;
            run.ends_with.clone_from(&snapshot.status);
            run.running = snapshot.status;
            run.reason = None;
            run.request.enhanced = snapshot.enhanced.then(|| Enhanced {
                refresh: "full".to_owned(),
                commit_mode: "transactional".to_owned(),
                objects: Vec::new(),
            });
            self.runs.push(run);
        }
        self.next_run_id = Some(next.to_owned());
        Some(())
    }

    /// All runs of an item, newest first, including those that are not visible yet.
    pub(crate) fn runs_of(&self, item: Uuid) -> Vec<&Run> {
        let mut runs: Vec<&Run> = self.runs.iter().filter(|run| run.item == item).collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.started_at, run.number)));
        runs
    }

    /// The run with this id.
    pub(crate) fn run(&self, id: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.id.eq_ignore_ascii_case(id))
    }

    /// A request for a refresh, by the API or by a flow.
    ///
    /// # Errors
    /// The [`Refusal`] that the service returns.
    pub(crate) fn request_run(
        &mut self,
        item: Uuid,
        now: Timestamp,
        requester: Requester,
        request: RunRequest,
    ) -> Result<Accepted, Refusal> {
        let Some(item) = self.world.find_item(item).cloned() else {
            return Err(Refusal::new(404, "PowerBIEntityNotFound", ""));
        };
        for extra in &item.also_starts {
            let event = Event::RunBegins {
                item: item.id,
                refresh_type: extra.refresh_type,
            };
            self.schedule(now, extra.after_ms, event);
        }
        let runs = self.runs_of(item.id);
        let running = runs.iter().any(|run| run.ended_at(now).is_none());
        let window = earlier(now, LIMIT_WINDOW);
        let in_last_day = runs.iter().filter(|run| run.started_at > window).count();
        judge(&item, running, in_last_day, &request)?;
        if !item.starts {
            let id = self.next_run_id.clone();
            let id = id.unwrap_or_else(|| Uuid::new_v4().to_string());
            return Ok(Accepted { id, began: false });
        }
        let refresh_type = match item.kind {
            ItemKind::SemanticModel if request.enhanced.is_some() => RefreshType::ViaEnhancedApi,
            ItemKind::SemanticModel => RefreshType::ViaApi,
            ItemKind::Dataflow | ItemKind::DataflowGen2 => RefreshType::OnDemand,
        };
        let mut run = self.new_run(&item, now, refresh_type);
        if item.kind == ItemKind::DataflowGen2 {
            if running {
                run.ends_at = Some(now);
                "Deduped".clone_into(&mut run.ends_with);
            } else if let Some(failure) = doomed(&item, request.by_app) {
                run.ends_at = Some(later(run.runs_from, Duration::from_millis(item.run_ms)));
                "Failed".clone_into(&mut run.ends_with);
                run.reason = Some(failure);
            }
        }
        run.requester = requester;
        run.request = request;
        let id = run.id.clone();
        self.runs.push(run);
        Ok(Accepted { id, began: true })
    }

    /// Begins a run without any check, as the scheduler or another user would. Returns its id, or
    /// `None` when there is no such item.
    pub(crate) fn begin_run(
        &mut self,
        item: Uuid,
        now: Timestamp,
        refresh_type: RefreshType,
    ) -> Option<String> {
        let item = self.world.find_item(item)?.clone();
        let run = self.new_run(&item, now, refresh_type);
        let id = run.id.clone();
        self.runs.push(run);
        Some(id)
    }

    /// A run that begins at `now` and proceeds as the settings say.
    fn new_run(&mut self, item: &Item, now: Timestamp, refresh_type: RefreshType) -> Run {
        let number = u64::try_from(self.runs.len()).unwrap_or(u64::MAX) + 1;
        let after = |at, ms| later(at, Duration::from_millis(ms));
        let runs_from = after(now, item.queue_ms);
        let never = item.ends.as_deref() == Some("Never");
        // What the service does by itself succeeds, whatever happens to the refreshes of others.
        let framing = refresh_type == RefreshType::DirectLakeFraming;
        let ends = item.ends.as_deref().filter(|_| !never && !framing);
        Run {
            item: item.id,
            id: match item.kind {
                ItemKind::Dataflow => format!("{now:.7}@{}${number}", item.id),
                _ => Uuid::new_v4().to_string(),
            },
            number,
            refresh_type,
            requester: match refresh_type {
                RefreshType::Scheduled => Requester::Schedule,
                _ => Requester::Other,
            },
            request: RunRequest::default(),
            activity: Uuid::new_v4(),
            started_at: now,
            runs_from,
            visible_at: after(now, item.appear_after_ms),
            ends_at: (!never || framing).then(|| after(runs_from, item.run_ms)),
            ends_with: ends.unwrap_or(item.success()).to_owned(),
            reason: item.failure(),
            failed_attempts: item.failed_attempts,
            running: item.running.clone(),
        }
    }

    /// Asks a run to stop.
    pub(crate) fn cancel(&mut self, id: &str, now: Timestamp) -> CancelOutcome {
        let Some(run) = self.runs.iter_mut().find(|run| run.id == id) else {
            return CancelOutcome::NotFound;
        };
        if run.ended_at(now).is_some() {
            return CancelOutcome::AlreadyConcluded;
        }
        let wait = self
            .world
            .find_item(run.item)
            .map_or(0, |item| item.cancel_ms);
        let stops = later(now, Duration::from_millis(wait));
        if run.ends_at.is_none_or(|ends| ends > stops) {
            run.ends_at = Some(stops);
            "Cancelled".clone_into(&mut run.ends_with);
        }
        CancelOutcome::Marked
    }

    /// Ends every run of `item` that is in progress with `status`; returns their ids, or `None`
    /// when there is no such item.
    pub(crate) fn complete(
        &mut self,
        item: Uuid,
        status: &str,
        now: Timestamp,
    ) -> Option<Vec<String>> {
        let reason = self.world.find_item(item)?.failure();
        let mut ended = Vec::new();
        for run in &mut self.runs {
            if run.item == item && run.ended_at(now).is_none() {
                run.ends_at = Some(now);
                status.clone_into(&mut run.ends_with);
                run.reason.clone_from(&reason);
                ended.push(run.id.clone());
            }
        }
        Some(ended)
    }
}
