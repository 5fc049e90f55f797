//! The three kinds of content alike: every run, and who set it off.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::rfc3339_millis;
use crate::state::{Asker, Job, ModelRefresh, Run, State};
use crate::world::ItemKind;

/// One content of any kind, and what really became of it.
#[derive(Clone, Debug, Serialize)]
pub struct ItemView {
    /// What it is.
    pub kind: ItemKind,
    /// Its id.
    pub id: Uuid,
    /// The workspace that it is in.
    pub workspace: Uuid,
    /// Its name.
    pub name: String,
    /// How many triggers of ours (by the API or through a flow) really led to a refresh. An
    /// instance that was `Deduped` refreshed nothing and is not counted.
    pub effective_triggers: usize,
    /// All runs, newest first, also those that nobody can see yet.
    pub runs: Vec<RunView>,
}

/// Who set a run off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetOffBy {
    /// A request of ours: see its number in the log.
    Trigger,
    /// The content's own schedule.
    Schedule,
    /// Another person or program.
    Person,
}

/// A run of any content.
#[derive(Clone, Debug, Serialize)]
pub struct RunView {
    /// Its id: of the transaction, the job instance, or the refresh (`requestId`).
    pub id: String,
    /// What set it off, in the service's words: the `refreshType`, or the `invokeType`.
    pub kind: &'static str,
    /// Its state, in the service's words; of a semantic model the `extendedStatus`.
    pub state: String,
    /// When it began (RFC 3339).
    pub began: String,
    /// When it ended; null while it runs.
    pub ended: Option<String>,
    /// The error code of one that failed, where there is one.
    pub error: Option<String>,
    /// Whether the service shows it.
    pub visible: bool,
    /// Who set it off.
    pub set_off_by: SetOffBy,
    /// The tracking id of our trigger; null where it gave none, or was not ours.
    pub tracking_id: Option<String>,
    /// The number of our trigger in the log.
    pub request: Option<u64>,
    /// The `executionData` of a Gen2 run; null: none.
    pub execution: Value,
}

/// The truth about every content at `now`.
#[must_use]
pub fn items(state: &State, now: Timestamp) -> Vec<ItemView> {
    let world = &state.world;
    let item = |kind, id, workspace, name: &String, runs: Vec<RunView>| ItemView {
        kind,
        id,
        workspace,
        name: name.clone(),
        effective_triggers: runs
            .iter()
            .filter(|run| run.set_off_by == SetOffBy::Trigger && run.state != "Deduped")
            .count(),
        runs,
    };
    let dataflows = world.dataflows.iter().map(|one| {
        let runs = state.runs_of(one.id);
        let runs = runs.into_iter().map(|r| dataflow_run(r, now)).collect();
        item(ItemKind::Dataflow, one.id, one.workspace, &one.name, runs)
    });
    let gen2 = world.dataflows_gen2.iter().map(|one| {
        let runs = jobs(state, one.id, now);
        item(
            ItemKind::DataflowGen2,
            one.id,
            one.workspace,
            &one.name,
            runs,
        )
    });
    let models = world.models.iter().map(|one| {
        let runs = refreshes(state, one.id, now);
        item(
            ItemKind::SemanticModel,
            one.id,
            one.workspace,
            &one.name,
            runs,
        )
    });
    dataflows.chain(gen2).chain(models).collect()
}

fn set_off_by(asker: &Asker) -> SetOffBy {
    match (asker.request, asker.name.as_str()) {
        (Some(_), _) => SetOffBy::Trigger,
        (None, "scheduled") => SetOffBy::Schedule,
        (None, _) => SetOffBy::Person,
    }
}

fn tracking_id(asker: &Asker) -> Option<String> {
    (asker.request.is_some() && asker.name != "api").then(|| asker.name.clone())
}

fn dataflow_run(run: &Run, now: Timestamp) -> RunView {
    RunView {
        id: run.id.clone(),
        kind: run.refresh_type.as_str(),
        state: run.status(now).to_owned(),
        began: rfc3339_millis(run.started_at),
        ended: run.ended_at(now).map(rfc3339_millis),
        error: None,
        visible: run.visible_at <= now,
        set_off_by: set_off_by(&run.asked_by),
        tracking_id: tracking_id(&run.asked_by),
        request: run.asked_by.request,
        execution: Value::Null,
    }
}

pub(super) fn jobs(state: &State, dataflow: Uuid, now: Timestamp) -> Vec<RunView> {
    let view = |job: &Job| RunView {
        id: job.id.to_string(),
        kind: job.invoke_type(),
        state: job.status(now).to_owned(),
        began: rfc3339_millis(job.queued_at),
        ended: job.ended_at(now).map(rfc3339_millis),
        error: job
            .failure
            .as_ref()
            .filter(|_| job.ended_at(now).is_some())
            .map(|failure| failure.code.clone()),
        visible: job.visible_at <= now,
        set_off_by: set_off_by(&job.asked_by),
        tracking_id: tracking_id(&job.asked_by),
        request: job.asked_by.request,
        execution: job.execution.clone(),
    };
    state.jobs_of(dataflow).into_iter().map(view).collect()
}

pub(super) fn refreshes(state: &State, model: Uuid, now: Timestamp) -> Vec<RunView> {
    let view = |refresh: &ModelRefresh| RunView {
        id: refresh.id.to_string(),
        kind: refresh.refresh_type.as_str(),
        state: refresh.extended_status(now).to_owned(),
        began: rfc3339_millis(refresh.started_at),
        ended: refresh.ended_at(now).map(rfc3339_millis),
        error: refresh.failure(now).map(str::to_owned),
        visible: refresh.visible_at <= now,
        set_off_by: set_off_by(&refresh.asked_by),
        tracking_id: tracking_id(&refresh.asked_by),
        request: refresh.asked_by.request,
        execution: Value::Null,
    };
    state.refreshes_of(model).into_iter().map(view).collect()
}
