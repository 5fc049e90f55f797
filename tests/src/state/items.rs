//! The three kinds of content as one: what begins by itself, what a flow refreshes inside, what a
//! test ends by hand.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Asker, Happening, JobRequest, Refusal, State};
use crate::world::{Inner, ItemKind, RefreshType};

impl State {
    /// The kind of the content with this id.
    #[must_use]
    pub fn kind_of(&self, id: Uuid) -> Option<ItemKind> {
        if self.dataflow(id).is_some() {
            Some(ItemKind::Dataflow)
        } else if self.dataflow_gen2(id).is_some() {
            Some(ItemKind::DataflowGen2)
        } else {
            self.model(id).map(|_| ItemKind::SemanticModel)
        }
    }

    /// Begins a run without asking any limit, as the scheduler or another user would. Gives its
    /// id, or `None` when there is no such content.
    pub fn begin_by_itself(
        &mut self,
        id: Uuid,
        now: Timestamp,
        refresh_type: RefreshType,
    ) -> Option<String> {
        match self.kind_of(id)? {
            ItemKind::Dataflow => self.begin_run(id, now, refresh_type, &Asker::of(refresh_type)),
            ItemKind::DataflowGen2 => self.begin_job(id, now, refresh_type),
            ItemKind::SemanticModel => self.begin_refresh(id, now, refresh_type),
        }
    }

    /// Ends every run that is in progress with `status`; gives their ids, or `None` when there is
    /// no such content.
    pub fn complete_all(&mut self, id: Uuid, status: &str, now: Timestamp) -> Option<Vec<String>> {
        Some(match self.kind_of(id)? {
            ItemKind::Dataflow => self.complete(id, status, now),
            ItemKind::DataflowGen2 => self.complete_jobs(id, status, now),
            ItemKind::SemanticModel => self.complete_refreshes(id, status, now),
        })
    }

    /// What the own schedule of `item` begins, counted from `now`.
    pub(super) fn schedule_all(&mut self, now: Timestamp, item: Uuid, after_s: &[u64]) {
        for seconds in after_s {
            let what = Happening::RunByItself {
                item,
                refresh_type: RefreshType::Scheduled,
            };
            self.schedule(now, seconds.saturating_mul(1000), what);
        }
    }

    /// The refresh inside a flow, with the connection of the flow's owner.
    pub(super) fn request_inner(
        &mut self,
        inner: Inner,
        now: Timestamp,
        asker: &Asker,
    ) -> Result<Option<String>, Refusal> {
        match inner {
            Inner::Dataflow(id) => self.request_refresh(id, now, asker),
            Inner::DataflowGen2(id) => self
                .request_job(id, now, asker, &JobRequest::plain())
                .map(super::Accepted::run),
            Inner::SemanticModel(id) => self
                .request_model_refresh(id, now, asker, None)
                .map(super::Accepted::run),
        }
    }

    /// When and how the run `id` of what a flow refreshes has ended, if it has.
    pub(super) fn end_of(
        &self,
        inner: Inner,
        id: &str,
        now: Timestamp,
    ) -> Option<(Timestamp, String)> {
        match inner {
            Inner::Dataflow(_) => {
                let run = self.run(id)?;
                Some((run.ended_at(now)?, run.ends_with.clone()))
            }
            Inner::DataflowGen2(_) => {
                let job = self.job(Uuid::parse_str(id).ok()?)?;
                Some((job.ended_at(now)?, job.ends_with.clone()))
            }
            Inner::SemanticModel(_) => {
                let refresh = self.refresh(Uuid::parse_str(id).ok()?)?;
                Some((refresh.ended_at(now)?, refresh.ends_with.clone()))
            }
        }
    }
}
