//! What the simulator itself knows, for tests that compare a verdict with the truth.
//!
//! Unlike the services' own answers this shows runs that are not visible yet, who asked for them,
//! and what a flow was told inside. Signatures are masked.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::rfc3339_millis;
use crate::secret::{MASK, Secret};
use crate::state::{Asker, FlowRun, Job, ModelRefresh, Run, State};
use crate::world::{Dataflow, DataflowGen2, Flow, ItemKind, SemanticModel, Workspace};

/// The whole world at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct WorldView {
    /// The moment (RFC 3339).
    pub now: String,
    /// How many tokens Entra has issued.
    pub tokens_issued: usize,
    /// The workspaces.
    pub workspaces: Vec<Workspace>,
    /// The dataflows with all their runs.
    pub dataflows: Vec<DataflowView>,
    /// The Gen2 dataflows with all their instances.
    pub dataflows_gen2: Vec<DataflowGen2View>,
    /// The semantic models with all their refreshes.
    pub models: Vec<SemanticModelView>,
    /// The flows with all their runs.
    pub flows: Vec<FlowView>,
}

/// A dataflow and its runs.
#[derive(Clone, Debug, Serialize)]
pub struct DataflowView {
    /// Its settings.
    #[serde(flatten)]
    pub settings: Dataflow,
    /// All runs, newest first, also those that do not show yet.
    pub transactions: Vec<TransactionView>,
}

/// A Gen2 dataflow and its runs.
#[derive(Clone, Debug, Serialize)]
pub struct DataflowGen2View {
    /// Its settings.
    #[serde(flatten)]
    pub settings: DataflowGen2,
    /// All instances, newest first, also those that cannot be found yet.
    pub runs: Vec<RunView>,
}

/// A semantic model and its refreshes.
#[derive(Clone, Debug, Serialize)]
pub struct SemanticModelView {
    /// Its settings.
    #[serde(flatten)]
    pub settings: SemanticModel,
    /// All refreshes, newest first, also those that do not show yet.
    pub runs: Vec<RunView>,
}

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

/// A run of a dataflow.
#[derive(Clone, Debug, Serialize)]
pub struct TransactionView {
    /// The transaction id.
    pub id: String,
    /// "Scheduled", "OnDemand" or "ViaApi".
    pub refresh_type: &'static str,
    /// "InProgress", or how it ended.
    pub status: String,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// When it ended; null while it runs.
    pub ended_at: Option<String>,
    /// Whether the list of transactions shows it.
    pub visible: bool,
    /// The tracking id of the trigger or refresh request; "api" for a refresh request without
    /// one, "scheduled" or "other" for a run that began by itself.
    pub asked_by: String,
    /// The number of the trigger or refresh request in the log.
    pub request: Option<u64>,
}

/// A flow and its runs.
#[derive(Clone, Debug, Serialize)]
pub struct FlowView {
    /// Its settings, the signature masked.
    #[serde(flatten)]
    pub settings: Flow,
    /// Its runs, oldest first.
    pub runs: Vec<FlowRunView>,
}

/// A run of a flow.
#[derive(Clone, Debug, Serialize)]
pub struct FlowRunView {
    /// The run id.
    pub id: String,
    /// The caller's tracking id.
    pub tracking_id: String,
    /// The number of the trigger in the log.
    pub request: u64,
    /// When the trigger was accepted (RFC 3339).
    pub accepted_at: String,
    /// What the refresh inside was answered; null: none, or not yet.
    pub inner: Option<InnerView>,
}

/// What the refresh inside a flow run was answered.
#[derive(Clone, Debug, Serialize)]
pub struct InnerView {
    /// When the flow asked (RFC 3339).
    pub asked_at: String,
    /// The HTTP status.
    pub status: u16,
    /// The run that began; null: refused, or accepted and none began.
    pub transaction: Option<String>,
    /// The error body; null: accepted.
    pub error: Value,
}

/// The truth about `state` at `now`.
#[must_use]
pub fn of(state: &State, now: Timestamp) -> WorldView {
    let world = &state.world;
    WorldView {
        now: rfc3339_millis(now),
        tokens_issued: state.tokens_issued(),
        workspaces: world.workspaces.clone(),
        dataflows: world
            .dataflows
            .iter()
            .map(|dataflow| DataflowView {
                settings: dataflow.clone(),
                transactions: state
                    .runs_of(dataflow.id)
                    .into_iter()
                    .map(|run| transaction(run, now))
                    .collect(),
            })
            .collect(),
        dataflows_gen2: world
            .dataflows_gen2
            .iter()
            .map(|dataflow| DataflowGen2View {
                settings: dataflow.clone(),
                runs: jobs(state, dataflow.id, now),
            })
            .collect(),
        models: world
            .models
            .iter()
            .map(|model| SemanticModelView {
                settings: model.clone(),
                runs: refreshes(state, model.id, now),
            })
            .collect(),
        flows: world
            .flows
            .iter()
            .map(|flow| FlowView {
                settings: Flow {
                    sig: Secret::new(MASK),
                    ..flow.clone()
                },
                runs: state.flow_runs_of(&flow.id).map(flow_run).collect(),
            })
            .collect(),
    }
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

fn jobs(state: &State, dataflow: Uuid, now: Timestamp) -> Vec<RunView> {
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

fn refreshes(state: &State, model: Uuid, now: Timestamp) -> Vec<RunView> {
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

fn transaction(run: &Run, now: Timestamp) -> TransactionView {
    TransactionView {
        id: run.id.clone(),
        refresh_type: run.refresh_type.as_str(),
        status: run.status(now).to_owned(),
        started_at: rfc3339_millis(run.started_at),
        ended_at: run.ended_at(now).map(rfc3339_millis),
        visible: run.visible_at <= now,
        asked_by: run.asked_by.name.clone(),
        request: run.asked_by.request,
    }
}

fn flow_run(run: &FlowRun) -> FlowRunView {
    FlowRunView {
        id: run.id.clone(),
        tracking_id: run.tracking_id.clone(),
        request: run.request,
        accepted_at: rfc3339_millis(run.accepted_at),
        inner: run.inner.as_ref().map(|inner| match &inner.answer {
            Ok(transaction) => InnerView {
                asked_at: rfc3339_millis(inner.at),
                status: 200,
                transaction: transaction.clone(),
                error: Value::Null,
            },
            Err(refusal) => InnerView {
                asked_at: rfc3339_millis(inner.at),
                status: refusal.status,
                transaction: None,
                error: refusal.body(),
            },
        }),
    }
}
