//! What the simulator itself knows, for tests that compare a verdict with the truth.
//!
//! Unlike the services' own answers this shows runs that are not visible yet, who asked for them,
//! and what a flow was told inside. Signatures are masked.

mod items;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use self::items::{jobs, refreshes};
use crate::clock::rfc3339_millis;
use crate::secret::{MASK, Secret};
use crate::state::{FlowRun, Run, State};
use crate::world::{Dataflow, DataflowGen2, Flow, SemanticModel, Workspace};

pub use items::{ItemView, RunView, SetOffBy, items};

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
