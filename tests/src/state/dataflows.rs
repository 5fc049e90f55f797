//! The runs of dataflows: who may begin one, when it shows, how and when it ends.
//!
//! The judgement of a refresh request ([`judge_refresh`]) is a plain function. What a run looks
//! like at a moment is computed from its fixed moments, never stored.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Asker, Happening, Refusal, State};
use crate::clock::{earlier, later};
use crate::world::{Dataflow, Ends, RefreshType};

/// The daily limit counts a rolling window of this length (facts, 0).
const LIMIT_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// One run of a dataflow ("transaction" in the API).
#[derive(Clone, Debug)]
pub struct Run {
    /// The dataflow.
    pub dataflow: Uuid,
    /// The transaction id: `<time, 7 digits>Z@<dataflow>$<number>`.
    pub id: String,
    /// What set it off.
    pub refresh_type: RefreshType,
    /// When it began.
    pub started_at: Timestamp,
    /// From when on the list of transactions shows it.
    pub visible_at: Timestamp,
    /// When it ends; `None`: not by itself.
    pub ends_at: Option<Timestamp>,
    /// The status that it ends with.
    pub ends_with: String,
    /// Who asked for it.
    pub asked_by: Asker,
    number: u64,
}

impl Run {
    /// When it ended, if it has ended at `now`.
    #[must_use]
    pub fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.ends_at.filter(|&end| end <= now)
    }

    /// Its status at `now`, in Power BI's words.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> &str {
        if self.ended_at(now).is_some() {
            &self.ends_with
        } else {
            "InProgress"
        }
    }
}

/// Whether a refresh of `dataflow` may begin, given whether one is running and how many began in
/// the last 24 hours (of every kind: the limit counts scheduled runs too).
///
/// # Errors
/// The [`Refusal`] that the service answers.
pub(super) fn judge_refresh(
    dataflow: &Dataflow,
    running: bool,
    in_last_day: usize,
) -> Result<(), Refusal> {
    if !dataflow.refreshable {
        return Err(Refusal {
            status: 403,
            code: "PowerBINotAuthorizedException",
            message: String::new(),
        });
    }
    if running {
        // The service's real code for this is not known (facts, 6); clients must not rely on it.
        return Err(Refusal {
            status: 400,
            code: "DataflowRefreshInProgress",
            message: "Another refresh of this dataflow is already in progress".to_owned(),
        });
    }
    match dataflow.daily_limit {
        Some(limit) if in_last_day >= usize::try_from(limit).unwrap_or(usize::MAX) => {
            Err(Refusal {
                status: 400,
                code: "DailyDataflowRefreshLimitExceeded",
                message: format!(
                    "Skipping dataflow refresh as number of auto refreshes in last 24 hours ({in_last_day}) exceeded allowed limit {limit}"
                ),
            })
        }
        _ => Ok(()),
    }
}

/// What the service answers to a request to cancel a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAnswer {
    /// The run ends now, as "Cancelled".
    Marked,
    /// It had ended before.
    AlreadyConcluded,
    /// There is no such run.
    NotFound,
}

impl State {
    pub(super) fn seed_histories(&mut self, now: Timestamp) {
        let dataflows = self.world.dataflows.clone();
        for dataflow in &dataflows {
            let mut past = dataflow.history.clone();
            past.sort_by_key(|run| std::cmp::Reverse(run.started_ago_s));
            for run in past {
                let started = earlier(now, Duration::from_secs(run.started_ago_s));
                self.push_run(Run {
                    dataflow: dataflow.id,
                    id: String::new(),
                    refresh_type: run.refresh_type,
                    started_at: started,
                    visible_at: started,
                    ends_at: Some(later(started, Duration::from_secs(run.took_s))),
                    ends_with: run.status,
                    asked_by: Asker::of(run.refresh_type),
                    number: 0,
                });
            }
            self.schedule_all(now, dataflow.id, &dataflow.scheduled_after_s);
        }
    }

    /// The settings of a dataflow.
    #[must_use]
    pub fn dataflow(&self, id: Uuid) -> Option<&Dataflow> {
        self.world.dataflows.iter().find(|d| d.id == id)
    }

    /// All runs of a dataflow, newest first, also those that do not show yet.
    #[must_use]
    pub fn runs_of(&self, dataflow: Uuid) -> Vec<&Run> {
        let mut runs: Vec<&Run> = self
            .runs
            .iter()
            .filter(|r| r.dataflow == dataflow)
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.started_at, run.number)));
        runs
    }

    /// The run with this transaction id.
    #[must_use]
    pub fn run(&self, id: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// A refresh request, by the API or by a flow: begins a run or refuses. `Ok(None)` is a
    /// request that is accepted and never leads to a run.
    ///
    /// # Errors
    /// The [`Refusal`] that the service answers.
    pub fn request_refresh(
        &mut self,
        dataflow: Uuid,
        now: Timestamp,
        asked_by: &Asker,
    ) -> Result<Option<String>, Refusal> {
        let Some(settings) = self.dataflow(dataflow).cloned() else {
            return Err(Refusal {
                status: 404,
                code: "PowerBIEntityNotFound",
                message: String::new(),
            });
        };
        for extra in &settings.also_starts {
            self.schedule(
                now,
                extra.after_ms,
                Happening::RunByItself {
                    item: dataflow,
                    refresh_type: extra.refresh_type,
                },
            );
        }
        let runs = self.runs_of(dataflow);
        let running = runs.iter().any(|run| run.ended_at(now).is_none());
        let window_start = earlier(now, LIMIT_WINDOW);
        let in_last_day = runs
            .iter()
            .filter(|run| run.started_at > window_start)
            .count();
        judge_refresh(&settings, running, in_last_day)?;
        if settings.starts {
            Ok(self.begin_run(dataflow, now, RefreshType::OnDemand, asked_by))
        } else {
            Ok(None)
        }
    }

    /// Begins a run without asking any limit, as the scheduler or another user would. Gives its
    /// transaction id, or `None` when there is no such dataflow.
    pub fn begin_run(
        &mut self,
        dataflow: Uuid,
        now: Timestamp,
        refresh_type: RefreshType,
        asked_by: &Asker,
    ) -> Option<String> {
        let settings = self.dataflow(dataflow)?;
        let (ends_at, ends_with) = match &settings.ends {
            Ends::Never => (None, "Success".to_owned()),
            Ends::With(status) => (
                Some(later(now, Duration::from_millis(settings.run_ms))),
                status.clone(),
            ),
        };
        let run = Run {
            dataflow,
            id: String::new(),
            refresh_type,
            started_at: now,
            visible_at: later(now, Duration::from_millis(settings.appear_after_ms)),
            ends_at,
            ends_with,
            asked_by: asked_by.clone(),
            number: 0,
        };
        Some(self.push_run(run))
    }

    fn push_run(&mut self, mut run: Run) -> String {
        self.last_run_number += 1;
        run.number = self.last_run_number;
        run.id = format!("{:.7}@{}${}", run.started_at, run.dataflow, run.number);
        let id = run.id.clone();
        self.runs.push(run);
        id
    }

    /// Asks a run to stop.
    pub fn cancel(&mut self, transaction: &str, now: Timestamp) -> CancelAnswer {
        let Some(run) = self.runs.iter_mut().find(|run| run.id == transaction) else {
            return CancelAnswer::NotFound;
        };
        if run.ended_at(now).is_some() {
            return CancelAnswer::AlreadyConcluded;
        }
        run.ends_at = Some(now);
        "Cancelled".clone_into(&mut run.ends_with);
        CancelAnswer::Marked
    }

    /// Ends every run of `dataflow` that is in progress with `status`; gives their ids.
    pub fn complete(&mut self, dataflow: Uuid, status: &str, now: Timestamp) -> Vec<String> {
        let mut ended = Vec::new();
        for run in &mut self.runs {
            if run.dataflow == dataflow && run.ended_at(now).is_none() {
                run.ends_at = Some(now);
                status.clone_into(&mut run.ends_with);
                ended.push(run.id.clone());
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests;
