//! The runs of flows: the refresh inside, its swallowed refusals, and the Response.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Event, Refusal, Requester, RunRequest, State};
use crate::clock::later;
use crate::message::Reply;
use crate::secret::Secret;
use crate::world::{Relay, ResponseAction, ResponseMode};

/// How long a caller is held open for a synchronous Response (facts, 1.3).
const SYNC_LIMIT: Duration = Duration::from_secs(120);

/// The refresh that a flow run requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InnerRefresh {
    /// When the flow requested it.
    pub at: Timestamp,
    /// The id of the run (`None`: accepted, and no run began), or the refusal.
    pub result: Result<Option<String>, Refusal>,
}

/// The operation that a caller polls for an asynchronous Response.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// The operation's id.
    pub id: Uuid,
    /// The signature of its URL, made for this operation alone.
    pub sig: Secret,
    polls_left: u32,
}

/// One run of a flow.
#[derive(Clone, Debug)]
pub(crate) struct FlowRun {
    /// The run id: 29 digits, "CU", 2 digits.
    pub id: String,
    /// The workflow id of the flow.
    pub flow: String,
    /// The caller's tracking id, or the run id where the caller sent none.
    pub tracking_id: String,
    /// The number of the trigger in the log.
    pub request: u64,
    /// When the trigger was accepted.
    pub accepted_at: Timestamp,
    /// The refresh inside; `None`: there is none, or it is not reached yet.
    pub inner: Option<InnerRefresh>,
    /// The operation to poll; `None`: the Response is not asynchronous.
    pub operation: Option<Operation>,
    /// The Response action as it was when the run began.
    pub respond: Option<ResponseAction>,
    /// The item that it refreshes.
    pub refreshes: Option<Uuid>,
}

impl State {
    /// Begins a run of the flow `workflow`, whose trigger was accepted. `None`: no such flow.
    pub(crate) fn begin_flow_run(
        &mut self,
        workflow: &str,
        scale_unit: &str,
        tracking_id: Option<&str>,
        request: u64,
        now: Timestamp,
    ) -> Option<FlowRun> {
        let flow = self.world.find_flow(workflow)?.clone();
        let id = new_run_id(scale_unit);
        let respond = flow.respond.as_ref();
        let operation = respond
            .filter(|respond| respond.mode == ResponseMode::Async)
            .map(|respond| Operation {
                id: Uuid::new_v4(),
                sig: Secret::new(format!("INVENTED-{}", Uuid::new_v4().simple())),
                polls_left: respond.polls,
            });
        self.flow_runs.push(FlowRun {
            id: id.clone(),
            flow: flow.id,
            tracking_id: tracking_id.unwrap_or(&id).to_owned(),
            request,
            accepted_at: now,
            inner: None,
            operation,
            respond: flow.respond,
            refreshes: flow.refreshes,
        });
        if flow.start_delay_ms == 0 {
            self.refresh_inside(&id, now);
        } else {
            let flow_run = id.clone();
            self.schedule(now, flow.start_delay_ms, Event::InnerRefresh { flow_run });
        }
        self.flow_run(&id).cloned()
    }

    /// The flow run reaches its refresh, with the connection of the flow's owner. A refusal is
    /// stored here and not reported to anyone: that is the incident that this project is about.
    pub(super) fn refresh_inside(&mut self, flow_run: &str, now: Timestamp) {
        let Some(run) = self.flow_run(flow_run) else {
            return;
        };
        let Some(item) = run.refreshes else {
            return;
        };
        let requester = Requester::Trigger {
            tracking_id: Some(run.tracking_id.clone()),
            request: run.request,
        };
        let result = self
            .request_run(item, now, requester, RunRequest::default())
            .map(|accepted| accepted.began.then_some(accepted.id));
        if let Some(run) = self.flow_runs.iter_mut().find(|run| run.id == flow_run) {
            run.inner = Some(InnerRefresh { at: now, result });
        }
    }

    /// The flow run with this id.
    pub(crate) fn flow_run(&self, id: &str) -> Option<&FlowRun> {
        self.flow_runs.iter().find(|run| run.id == id)
    }

    /// All flow runs, oldest first.
    pub(crate) fn flow_runs(&self) -> &[FlowRun] {
        &self.flow_runs
    }

    /// The reply to a caller who waits for a synchronous Response, once it is time.
    pub(crate) fn held_response(&self, flow_run: &str, now: Timestamp) -> Option<Reply> {
        let run = self.flow_run(flow_run)?;
        let limit = later(run.accepted_at, SYNC_LIMIT);
        let timeout = || {
            Reply::json(
                504,
                &json!({"error": {"code": "GatewayTimeout", "message":
                    "The gateway did not receive a response from 'manual' within the specified time period."}}),
            )
        };
        let response = self.response(run, now.min(limit));
        response.or_else(|| (now >= limit).then(timeout))
    }

    /// A poll of an operation: uses up one of its 202 replies, then waits for the Response.
    /// `None`: not yet.
    pub(crate) fn poll(&mut self, flow_run: &str, now: Timestamp) -> Option<Reply> {
        let run = self.flow_runs.iter_mut().find(|run| run.id == flow_run)?;
        let operation = run.operation.as_mut()?;
        if operation.polls_left > 0 {
            operation.polls_left -= 1;
            return None;
        }
        self.response(self.flow_run(flow_run)?, now)
    }

    /// The reply of the Response action of `run`, once it is reached.
    fn response(&self, run: &FlowRun, now: Timestamp) -> Option<Reply> {
        let respond = run.respond.as_ref()?;
        let (reached, reply) = match (&run.inner, run.refreshes) {
            (None, Some(_)) => return None,
            (None, None) => (run.accepted_at, own_reply(respond)),
            (Some(inner), _) => match (respond.relay, &inner.result) {
                (Relay::Nothing, _) => (inner.at, own_reply(respond)),
                (_, Err(refusal)) => (inner.at, Reply::json(refusal.status, &refusal.body())),
                (Relay::Start, Ok(_)) => {
                    (inner.at, Reply::json(200, &json!({"status": "started"})))
                }
                (Relay::Completion, Ok(id)) => {
                    let refresh = self.run(id.as_deref()?)?;
                    let status = &refresh.ends_with;
                    let succeeded = matches!(status.as_str(), "Success" | "Completed");
                    let word = if succeeded { "completed" } else { "failed" };
                    let body = json!({"status": word, "dataflow_status": status});
                    (refresh.ended_at(now)?, Reply::json(200, &body))
                }
            },
        };
        (now >= later(reached, Duration::from_millis(respond.delay_ms))).then_some(reply)
    }
}

/// The Response with its own status and body.
fn own_reply(respond: &ResponseAction) -> Reply {
    let (default_type, body) = match &respond.body {
        Value::Null => return Reply::empty(respond.status),
        Value::String(text) => ("text/plain; charset=utf-8", text.clone()),
        other => ("application/json; charset=utf-8", other.to_string()),
    };
    let content_type = respond.content_type.as_deref().unwrap_or(default_type);
    Reply::text(respond.status, content_type, body)
}

/// A run id as Power Automate writes it: 29 digits, of which the first are 0858 nowadays, then
/// "CU" and the scale unit (facts, 1.3).
fn new_run_id(scale_unit: &str) -> String {
    let digits = Uuid::new_v4().as_u128() % 10_u128.pow(25);
    format!("0858{digits:025}CU{scale_unit:0>2}")
}
