//! The true state, for tests that compare a verdict with it. Unlike the services' own replies it
//! shows runs that are not visible yet, who requested them, and the refusals inside flows.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339_millis;
use crate::state::{FlowRun, Requester, Run, State};
use crate::world::{Item, ItemKind};

/// The true state at one time.
#[derive(Clone, Debug, Serialize)]
pub struct WorldView {
    /// The time (RFC 3339).
    pub now: String,
    /// How many tokens Entra has issued.
    pub tokens_issued: usize,
    /// The items with all their runs.
    pub items: Vec<ItemView>,
    /// The runs of all flows, oldest first.
    pub flow_runs: Vec<FlowRunView>,
}

/// One item and its runs.
#[derive(Clone, Debug, Serialize)]
pub struct ItemView {
    /// Its kind.
    pub kind: ItemKind,
    /// Its id.
    pub id: Uuid,
    /// The workspace that it is in.
    pub workspace: Uuid,
    /// Its name.
    pub name: String,
    /// How many of our triggers (by the API or through a flow) led to a refresh. A `Deduped`
    /// instance refreshed nothing and is not counted.
    pub effective_triggers: usize,
    /// All runs, newest first.
    pub runs: Vec<RunView>,
}

/// Who started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Initiator {
    /// A request in the log.
    Trigger,
    /// The item's own schedule.
    Schedule,
    /// Another person or program.
    Other,
}

/// A run of any item.
#[derive(Clone, Debug, Serialize)]
pub struct RunView {
    /// The id of the transaction, the job instance, or the refresh (`requestId`).
    pub id: String,
    /// The `refreshType`, or the `invokeType` of a job.
    pub refresh_type: String,
    /// The status as the service writes it; of a semantic model the `extendedStatus`.
    pub status: String,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// When it ended; null while it runs.
    pub ended_at: Option<String>,
    /// The error code of a failed run, where there is one.
    pub error: Option<String>,
    /// Whether the service shows it.
    pub visible: bool,
    /// Who started it.
    pub initiator: Initiator,
    /// The tracking id of our trigger, if it sent one.
    pub tracking_id: Option<String>,
    /// The number of our trigger in the log.
    pub request: Option<u64>,
    /// The `executionData` of a job; null: none.
    pub execution: Value,
}

/// A run of a flow.
#[derive(Clone, Debug, Serialize)]
pub struct FlowRunView {
    /// The run id.
    pub id: String,
    /// The workflow id of the flow.
    pub flow: String,
    /// The caller's tracking id.
    pub tracking_id: String,
    /// The number of the trigger in the log.
    pub request: u64,
    /// When the trigger was accepted (RFC 3339).
    pub accepted_at: String,
    /// The refresh inside: `at`, `status`, `run`, `error`; null: none, or not yet.
    pub inner: Value,
}

/// The true state at `now`.
pub(crate) fn of(state: &State, now: Timestamp) -> WorldView {
    let items = state.world.items.iter();
    WorldView {
        now: rfc3339_millis(now),
        tokens_issued: state.tokens_issued(),
        items: items.map(|item| item_view(item, state, now)).collect(),
        flow_runs: state.flow_runs().iter().map(flow_run).collect(),
    }
}

fn item_view(item: &Item, state: &State, now: Timestamp) -> ItemView {
    let runs = state.runs_of(item.id).into_iter();
    let runs: Vec<RunView> = runs.map(|run| run_view(run, item.kind, now)).collect();
    let effective = |run: &&RunView| run.initiator == Initiator::Trigger && run.status != "Deduped";
    ItemView {
        kind: item.kind,
        id: item.id,
        workspace: item.workspace,
        name: item.name.clone(),
        effective_triggers: runs.iter().filter(effective).count(),
        runs,
    }
}

fn run_view(run: &Run, kind: ItemKind, now: Timestamp) -> RunView {
    let (initiator, tracking_id, request) = match &run.requester {
        Requester::Trigger {
            tracking_id,
            request,
        } => (Initiator::Trigger, tracking_id.clone(), Some(*request)),
        Requester::Schedule => (Initiator::Schedule, None, None),
        Requester::Other => (Initiator::Other, None, None),
    };
    RunView {
        id: run.id.clone(),
        refresh_type: match kind {
            ItemKind::DataflowGen2 => run.invoke_type().to_owned(),
            _ => format!("{:?}", run.refresh_type),
        },
        status: run.status(now).to_owned(),
        started_at: rfc3339_millis(run.started_at),
        ended_at: run.ended_at(now).map(rfc3339_millis),
        error: run.failure(now).map(|failure| failure.code.clone()),
        visible: run.visible_at <= now,
        initiator,
        tracking_id,
        request,
        execution: run.request.execution.clone(),
    }
}

fn flow_run(run: &FlowRun) -> FlowRunView {
    let inner = run.inner.as_ref().map(|inner| {
        let (status, run, error) = match &inner.result {
            Ok(run) => (200, run.as_deref(), Value::Null),
            Err(refusal) => (refusal.status, None, refusal.body()),
        };
        json!({"at": rfc3339_millis(inner.at), "status": status, "run": run, "error": error})
    });
    FlowRunView {
        id: run.id.clone(),
        flow: run.flow.clone(),
        tracking_id: run.tracking_id.clone(),
        request: run.request,
        accepted_at: rfc3339_millis(run.accepted_at),
        inner: inner.unwrap_or_default(),
    }
}
