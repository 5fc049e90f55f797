//! The job instances of Gen2 dataflows: which runs begin, what becomes of them, and why they fail.
//!
//! As with the runs of other dataflows, what an instance looks like at a moment is computed from
//! its fixed moments, never stored.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{Accepted, Asker, Happening, Refusal, State};
use crate::clock::{earlier, later};
use crate::world::{DataflowGen2, Ends, Failure, RefreshType, SecondRun};

/// One job instance.
#[derive(Clone, Debug)]
pub struct Job {
    /// The dataflow.
    pub dataflow: Uuid,
    /// The instance's id.
    pub id: Uuid,
    /// The job type as the request named it.
    pub job_type: String,
    /// What set it off.
    pub refresh_type: RefreshType,
    /// The `executionData` of the request; null: none.
    pub execution: Value,
    /// The `rootActivityId`.
    pub activity: Uuid,
    /// When it was made; it is `NotStarted` from then on.
    pub queued_at: Timestamp,
    /// When it begins to run.
    pub runs_from: Timestamp,
    /// From when on it can be found.
    pub visible_at: Timestamp,
    /// When it ends; `None`: not by itself.
    pub ends_at: Option<Timestamp>,
    /// The status that it ends with.
    pub ends_with: String,
    /// Why it fails.
    pub failure: Option<Failure>,
    /// Who asked for it.
    pub asked_by: Asker,
    running: String,
    number: u64,
}

impl Job {
    /// When it ended, if it has ended at `now`.
    #[must_use]
    pub fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.ends_at.filter(|&end| end <= now)
    }

    /// Its status at `now`, in Fabric's words.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> &str {
        if self.ended_at(now).is_some() {
            &self.ends_with
        } else if now < self.runs_from {
            "NotStarted"
        } else {
            &self.running
        }
    }

    /// "Scheduled" or "Manual".
    #[must_use]
    pub fn invoke_type(&self) -> &'static str {
        match self.refresh_type {
            RefreshType::Scheduled => "Scheduled",
            _ => "Manual",
        }
    }
}

/// What a request for a run says besides who asked.
#[derive(Clone, Debug)]
pub struct JobRequest {
    /// The job type.
    pub job_type: String,
    /// The `executionData`; null: none.
    pub execution: Value,
    /// True when an application (service principal) asks.
    pub by_app: bool,
}

impl JobRequest {
    /// What a person's connection asks for.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            job_type: "Refresh".to_owned(),
            execution: Value::Null,
            by_app: false,
        }
    }
}

/// Why a job of this dataflow fails although it was accepted.
fn doomed(settings: &DataflowGen2, by_app: bool) -> Option<Failure> {
    let id = settings.id;
    if by_app && !settings.apps_may_refresh {
        Some(Failure::new(
            "SPNBasedRefreshNotAllowed",
            format!("SPN based refresh is not allowed for the dataflow with id {id}."),
        ))
    } else if !settings.published {
        Some(Failure::new(
            "DataflowNeverPublishedError",
            format!("The dataflow with id {id} was never published."),
        ))
    } else {
        None
    }
}

impl State {
    /// Lays the histories of the Gen2 dataflows into the past.
    pub(super) fn seed_jobs(&mut self, now: Timestamp) {
        for settings in self.world.dataflows_gen2.clone() {
            for past in &settings.history {
                let began = earlier(now, Duration::from_secs(past.started_ago_s));
                let mut job = self.new_job(&settings, began, past.refresh_type);
                job.runs_from = began;
                job.visible_at = began;
                job.ends_at = Some(later(began, Duration::from_secs(past.took_s)));
                job.ends_with.clone_from(&past.status);
                job.failure = (past.status == "Failed").then(|| reason(&settings));
                self.jobs.push(job);
            }
            self.schedule_all(now, settings.id, &settings.scheduled_after_s);
        }
    }

    /// The settings of a Gen2 dataflow.
    #[must_use]
    pub fn dataflow_gen2(&self, id: Uuid) -> Option<&DataflowGen2> {
        self.world.dataflows_gen2.iter().find(|d| d.id == id)
    }

    /// All instances of a Gen2 dataflow, newest first, also those that cannot be found yet.
    #[must_use]
    pub fn jobs_of(&self, dataflow: Uuid) -> Vec<&Job> {
        let mut jobs: Vec<&Job> = self
            .jobs
            .iter()
            .filter(|job| job.dataflow == dataflow)
            .collect();
        jobs.sort_by_key(|job| std::cmp::Reverse((job.queued_at, job.number)));
        jobs
    }

    /// The instance with this id.
    #[must_use]
    pub fn job(&self, id: Uuid) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// A request for a run, by the API or by a flow.
    ///
    /// # Errors
    /// The [`Refusal`] that the service answers.
    pub fn request_job(
        &mut self,
        dataflow: Uuid,
        now: Timestamp,
        asked_by: &Asker,
        request: &JobRequest,
    ) -> Result<Accepted, Refusal> {
        let Some(settings) = self.dataflow_gen2(dataflow).cloned() else {
            return Err(Refusal::new(
                404,
                "ItemNotFound",
                "The requested item is not found.",
            ));
        };
        for extra in &settings.also_starts {
            let what = Happening::RunByItself {
                item: dataflow,
                refresh_type: extra.refresh_type,
            };
            self.schedule(now, extra.after_ms, what);
        }
        if !settings.refreshable {
            return Err(Refusal::new(
                403,
                "InsufficientPrivileges",
                "The caller does not have sufficient permissions to perform this operation.",
            ));
        }
        let running = self
            .jobs
            .iter()
            .any(|job| job.dataflow == dataflow && job.ended_at(now).is_none());
        if running && settings.second_run == SecondRun::TooMany {
            return Err(Refusal::new(
                429,
                "TooManyRequestsForJobs",
                "Too many job requests for this item.",
            ));
        }
        if !settings.starts {
            return Ok(Accepted {
                id: Uuid::new_v4(),
                began: false,
            });
        }
        let mut job = self.new_job(&settings, now, RefreshType::OnDemand);
        job.asked_by = asked_by.clone();
        job.job_type.clone_from(&request.job_type);
        job.execution.clone_from(&request.execution);
        if running {
            job.ends_at = Some(now);
            "Deduped".clone_into(&mut job.ends_with);
            job.failure = None;
        } else if let Some(failure) = doomed(&settings, request.by_app) {
            let runs = Duration::from_millis(settings.run_ms);
            job.ends_at = Some(later(job.runs_from, runs));
            "Failed".clone_into(&mut job.ends_with);
            job.failure = Some(failure);
        }
        let id = job.id;
        self.jobs.push(job);
        Ok(Accepted { id, began: true })
    }

    /// Begins a run without asking anything, as the scheduler or another user would.
    pub(super) fn begin_job(
        &mut self,
        dataflow: Uuid,
        now: Timestamp,
        refresh_type: RefreshType,
    ) -> Option<String> {
        let settings = self.dataflow_gen2(dataflow)?.clone();
        let job = self.new_job(&settings, now, refresh_type);
        let id = job.id.to_string();
        self.jobs.push(job);
        Some(id)
    }

    /// An instance that was made at `now` and runs as the settings say.
    fn new_job(
        &mut self,
        settings: &DataflowGen2,
        now: Timestamp,
        refresh_type: RefreshType,
    ) -> Job {
        self.last_run_number += 1;
        let runs_from = later(now, Duration::from_millis(settings.queue_ms));
        let (ends_at, ends_with) = match &settings.ends {
            Ends::Never => (None, "Completed".to_owned()),
            Ends::With(status) => (
                Some(later(runs_from, Duration::from_millis(settings.run_ms))),
                status.clone(),
            ),
        };
        Job {
            dataflow: settings.id,
            id: Uuid::new_v4(),
            job_type: "Refresh".to_owned(),
            refresh_type,
            execution: Value::Null,
            activity: Uuid::new_v4(),
            queued_at: now,
            runs_from,
            visible_at: later(now, Duration::from_millis(settings.appear_after_ms)),
            ends_at,
            failure: (ends_with == "Failed").then(|| reason(settings)),
            ends_with,
            asked_by: Asker::of(refresh_type),
            running: settings.running.clone(),
            number: self.last_run_number,
        }
    }

    /// Asks an instance to stop; false: it has ended already, or is not there.
    pub fn cancel_job(&mut self, id: Uuid, now: Timestamp) -> bool {
        let Some(job) = self.jobs.iter_mut().find(|job| job.id == id) else {
            return false;
        };
        if job.ended_at(now).is_some() {
            return false;
        }
        let wait = self
            .world
            .dataflows_gen2
            .iter()
            .find(|dataflow| dataflow.id == job.dataflow)
            .map_or(0, |dataflow| dataflow.cancel_ms);
        let stops = later(now, Duration::from_millis(wait));
        if job.ends_at.is_none_or(|ends| ends > stops) {
            job.ends_at = Some(stops);
            "Cancelled".clone_into(&mut job.ends_with);
            job.failure = None;
        }
        true
    }

    /// Ends every instance of `dataflow` that is going on with `status`; gives their ids.
    pub(super) fn complete_jobs(
        &mut self,
        dataflow: Uuid,
        status: &str,
        now: Timestamp,
    ) -> Vec<String> {
        let failure = self.dataflow_gen2(dataflow).map(reason);
        let mut ended = Vec::new();
        for job in &mut self.jobs {
            if job.dataflow == dataflow && job.ended_at(now).is_none() {
                job.ends_at = Some(now);
                status.clone_into(&mut job.ends_with);
                job.failure = failure.clone().filter(|_| status == "Failed");
                ended.push(job.id.to_string());
            }
        }
        ended
    }
}

/// The reason of a job that fails because the settings say so.
fn reason(settings: &DataflowGen2) -> Failure {
    settings.failure.clone().unwrap_or_else(|| {
        Failure::new(
            "DataflowRefreshFailed",
            format!(
                "The refresh of the dataflow with id {} failed.",
                settings.id
            ),
        )
    })
}

#[cfg(test)]
mod tests;
