//! The refreshes of semantic models: which begin, their attempts, and how they end.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{Accepted, Asker, Happening, Refusal, State};
use crate::clock::{earlier, later};
use crate::world::{Ends, RefreshType, SemanticModel};

/// What an enhanced refresh was asked to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Enhanced {
    /// The `type`.
    pub refresh: String,
    /// The `commitMode`.
    pub commit_mode: String,
    /// The `objects` that were asked for; empty: the whole model.
    pub objects: Vec<Value>,
}

/// One try of a refresh.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Its number, from 1.
    pub id: u32,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None`: it is going on.
    pub ended: Option<Timestamp>,
    /// The `errorCode` of one that failed.
    pub failure: Option<String>,
}

/// One refresh of a semantic model.
#[derive(Clone, Debug)]
pub struct ModelRefresh {
    /// The model.
    pub model: Uuid,
    /// The `requestId`, by which it is asked for.
    pub id: Uuid,
    /// The `id` in the history.
    pub number: u64,
    /// What set it off.
    pub refresh_type: RefreshType,
    /// What it was asked to do; `None`: it is a standard refresh.
    pub enhanced: Option<Enhanced>,
    /// When it began.
    pub started_at: Timestamp,
    /// From when on it shows.
    pub visible_at: Timestamp,
    /// When it ends; `None`: not by itself.
    pub ends_at: Option<Timestamp>,
    /// How it ends, in the words of `extendedStatus`.
    pub ends_with: String,
    /// Who asked for it.
    pub asked_by: Asker,
    failure: String,
    failed_attempts: u32,
}

impl ModelRefresh {
    /// When it ended, if it has ended at `now`.
    #[must_use]
    pub fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.ends_at.filter(|&end| end <= now)
    }

    /// Its `extendedStatus` at `now`.
    #[must_use]
    pub fn extended_status(&self, now: Timestamp) -> &str {
        if self.ended_at(now).is_some() {
            &self.ends_with
        } else {
            "InProgress"
        }
    }

    /// Its `status` at `now`, of which there are fewer.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> &str {
        match self.extended_status(now) {
            "InProgress" | "NotStarted" => "Unknown",
            "TimedOut" => "Failed",
            other => other,
        }
    }

    /// The `errorCode`, if it has failed at `now`.
    #[must_use]
    pub fn failure(&self, now: Timestamp) -> Option<&str> {
        (self.status(now) == "Failed").then_some(self.failure.as_str())
    }

    /// The attempts that have begun at `now`, oldest first. They share the time equally; of a
    /// refresh that does not end by itself, the last one is the only one.
    #[must_use]
    pub fn attempts(&self, now: Timestamp) -> Vec<Attempt> {
        let count = match self.ends_at {
            Some(_) => self.failed_attempts.saturating_add(1),
            None => 1,
        };
        let whole = self
            .ends_at
            .map_or(Duration::ZERO, |end| span(self.started_at, end));
        let share = whole.checked_div(count).unwrap_or_default();
        let mut attempts = Vec::new();
        for id in 1..=count {
            let began = later(self.started_at, share.saturating_mul(id - 1));
            if began > now {
                break;
            }
            let last = id == count;
            let ends = if last {
                self.ends_at
            } else {
                Some(later(self.started_at, share.saturating_mul(id)))
            };
            let ended = ends.filter(|&end| end <= now);
            let failed = ended.is_some() && (!last || self.failure(now).is_some());
            attempts.push(Attempt {
                id,
                began,
                ended,
                failure: failed.then(|| self.failure.clone()),
            });
        }
        attempts
    }
}

fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

impl State {
    /// Lays the histories of the semantic models into the past.
    pub(super) fn seed_refreshes(&mut self, now: Timestamp) {
        for settings in self.world.models.clone() {
            let mut past = settings.history.clone();
            past.sort_by_key(|run| std::cmp::Reverse(run.started_ago_s));
            for run in past {
                let began = earlier(now, Duration::from_secs(run.started_ago_s));
                let mut refresh = self.new_refresh(&settings, began, run.refresh_type);
                refresh.visible_at = began;
                refresh.ends_at = Some(later(began, Duration::from_secs(run.took_s)));
                refresh.ends_with = run.status;
                self.refreshes.push(refresh);
            }
            self.schedule_all(now, settings.id, &settings.scheduled_after_s);
        }
    }

    /// The settings of a semantic model.
    #[must_use]
    pub fn model(&self, id: Uuid) -> Option<&SemanticModel> {
        self.world.models.iter().find(|model| model.id == id)
    }

    /// All refreshes of a model, newest first, also those that do not show yet.
    #[must_use]
    pub fn refreshes_of(&self, model: Uuid) -> Vec<&ModelRefresh> {
        let mut refreshes: Vec<&ModelRefresh> = self
            .refreshes
            .iter()
            .filter(|refresh| refresh.model == model)
            .collect();
        refreshes.sort_by_key(|refresh| std::cmp::Reverse((refresh.started_at, refresh.number)));
        refreshes
    }

    /// The refresh with this `requestId`.
    #[must_use]
    pub fn refresh(&self, id: Uuid) -> Option<&ModelRefresh> {
        self.refreshes.iter().find(|refresh| refresh.id == id)
    }

    /// A request for a refresh, by the API (enhanced or not) or by a flow.
    ///
    /// # Errors
    /// The [`Refusal`] that the service answers.
    pub fn request_model_refresh(
        &mut self,
        model: Uuid,
        now: Timestamp,
        asked_by: &Asker,
        enhanced: Option<Enhanced>,
    ) -> Result<Accepted, Refusal> {
        let Some(settings) = self.model(model).cloned() else {
            return Err(Refusal::new(404, "PowerBIEntityNotFound", ""));
        };
        for extra in &settings.also_starts {
            let what = Happening::RunByItself {
                item: model,
                refresh_type: extra.refresh_type,
            };
            self.schedule(now, extra.after_ms, what);
        }
        if !settings.refreshable {
            return Err(Refusal::new(403, "PowerBINotAuthorizedException", ""));
        }
        if enhanced.is_some() && !settings.premium {
            return Err(Refusal::new(
                400,
                "InvalidRequest",
                "Invalid dataset refresh request. Enhanced refresh is supported on Premium, Premium Per User and Embedded capacities only",
            ));
        }
        let running = self
            .refreshes
            .iter()
            .any(|refresh| refresh.model == model && refresh.ended_at(now).is_none());
        if running {
            return Err(Refusal::new(
                400,
                "InvalidRequest",
                "Invalid dataset refresh request. Another refresh request is already executing",
            ));
        }
        if !settings.starts {
            return Ok(Accepted {
                id: Uuid::new_v4(),
                began: false,
            });
        }
        let refresh_type = if enhanced.is_some() {
            RefreshType::ViaEnhancedApi
        } else {
            RefreshType::ViaApi
        };
        let mut refresh = self.new_refresh(&settings, now, refresh_type);
        refresh.asked_by = asked_by.clone();
        refresh.enhanced = enhanced;
        let id = refresh.id;
        self.refreshes.push(refresh);
        Ok(Accepted { id, began: true })
    }

    /// Begins a refresh without asking anything, as the scheduler or another user would.
    pub(super) fn begin_refresh(
        &mut self,
        model: Uuid,
        now: Timestamp,
        refresh_type: RefreshType,
    ) -> Option<String> {
        let settings = self.model(model)?.clone();
        let refresh = self.new_refresh(&settings, now, refresh_type);
        let id = refresh.id.to_string();
        self.refreshes.push(refresh);
        Some(id)
    }

    fn new_refresh(
        &mut self,
        settings: &SemanticModel,
        now: Timestamp,
        refresh_type: RefreshType,
    ) -> ModelRefresh {
        self.last_run_number += 1;
        let (ends_at, ends_with) = match &settings.ends {
            Ends::Never => (None, "Completed".to_owned()),
            Ends::With(status) => (
                Some(later(now, Duration::from_millis(settings.run_ms))),
                status.clone(),
            ),
        };
        ModelRefresh {
            model: settings.id,
            id: Uuid::new_v4(),
            number: self.last_run_number,
            refresh_type,
            enhanced: None,
            started_at: now,
            visible_at: later(now, Duration::from_millis(settings.appear_after_ms)),
            ends_at,
            ends_with,
            asked_by: Asker::of(refresh_type),
            failure: settings.failure.clone(),
            failed_attempts: settings.failed_attempts,
        }
    }

    /// Asks a refresh to stop; false: it has ended already, or is not there.
    pub fn cancel_refresh(&mut self, id: Uuid, now: Timestamp) -> bool {
        let Some(refresh) = self.refreshes.iter_mut().find(|refresh| refresh.id == id) else {
            return false;
        };
        if refresh.ended_at(now).is_some() {
            return false;
        }
        refresh.ends_at = Some(now);
        "Cancelled".clone_into(&mut refresh.ends_with);
        true
    }

    /// Ends every refresh of `model` that is in progress with `status`; gives their ids.
    pub(super) fn complete_refreshes(
        &mut self,
        model: Uuid,
        status: &str,
        now: Timestamp,
    ) -> Vec<String> {
        let mut ended = Vec::new();
        for refresh in &mut self.refreshes {
            if refresh.model == model && refresh.ended_at(now).is_none() {
                refresh.ends_at = Some(now);
                status.clone_into(&mut refresh.ends_with);
                ended.push(refresh.id.to_string());
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests;
