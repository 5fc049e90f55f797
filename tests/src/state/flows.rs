//! The runs of flows: what they do inside, what they swallow, and what their Response says.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Asker, Happening, Refusal, State};
use crate::clock::later;
use crate::message::Reply;
use crate::secret::Secret;
use crate::world::{Inner, Relay, Respond, RespondMode};

/// How long a caller is held open for a synchronous Response (facts, 1.3).
const SYNC_LIMIT: Duration = Duration::from_secs(120);

/// What the refresh inside a flow run was answered, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerAnswer {
    /// When the flow asked.
    pub at: Timestamp,
    /// The id of the run (`None`: accepted, and no run began), or the refusal.
    pub answer: Result<Option<String>, Refusal>,
}

/// Where a caller polls for an asynchronous Response.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The operation's id.
    pub id: Uuid,
    /// The signature that its address carries, made for this operation alone.
    pub sig: Secret,
    polls_left: u32,
}

/// One run of a flow.
#[derive(Clone, Debug)]
pub struct FlowRun {
    /// The run id: 29 digits, "CU", 2 digits.
    pub id: String,
    /// The workflow id of the flow.
    pub flow: String,
    /// The caller's tracking id, or the run id where the caller gave none.
    pub tracking_id: String,
    /// The number of the trigger in the log.
    pub request: u64,
    /// When the trigger was accepted.
    pub accepted_at: Timestamp,
    /// What the refresh inside was answered; `None`: there is none, or it is not reached yet.
    pub inner: Option<InnerAnswer>,
    /// Where to poll for the Response; `None`: it is not asynchronous.
    pub operation: Option<Operation>,
    /// The Response action as it was when the run began.
    pub respond: Option<Respond>,
    /// What it refreshes inside.
    pub refreshes: Option<Inner>,
}

/// What a poll for a Response is answered.
#[derive(Debug)]
pub enum PollAnswer {
    /// Not yet.
    Wait,
    /// The Response.
    Done(Reply),
}

impl State {
    /// Begins a run of the flow `workflow`, whose trigger was accepted. `None`: no such flow.
    pub fn begin_flow_run(
        &mut self,
        workflow: &str,
        scale_unit: u8,
        tracking_id: Option<&str>,
        request: u64,
        now: Timestamp,
    ) -> Option<FlowRun> {
        let flow = self
            .world
            .flows
            .iter()
            .find(|flow| flow.id.eq_ignore_ascii_case(workflow))?
            .clone();
        let id = invent_run_id(scale_unit);
        let operation = flow
            .respond
            .as_ref()
            .filter(|respond| respond.mode == RespondMode::Async)
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
            refreshes: flow.inner,
        });
        if flow.start_delay_ms == 0 {
            self.refresh_inside(&id, now);
        } else {
            self.schedule(
                now,
                flow.start_delay_ms,
                Happening::InnerRefresh {
                    flow_run: id.clone(),
                },
            );
        }
        self.flow_run(&id).cloned()
    }

    /// The flow run reaches its inner refresh. A refusal is kept here and told to nobody: that is
    /// the incident that this project is about.
    pub(super) fn refresh_inside(&mut self, flow_run: &str, now: Timestamp) {
        let Some((inner, asker)) = self.flow_run(flow_run).and_then(|run| {
            let asker = Asker {
                name: run.tracking_id.clone(),
                request: Some(run.request),
            };
            Some((run.refreshes?, asker))
        }) else {
            return;
        };
        let answer = self.request_inner(inner, now, &asker);
        if let Some(run) = self.flow_runs.iter_mut().find(|run| run.id == flow_run) {
            run.inner = Some(InnerAnswer { at: now, answer });
        }
    }

    /// The flow run with this id.
    #[must_use]
    pub fn flow_run(&self, id: &str) -> Option<&FlowRun> {
        self.flow_runs.iter().find(|run| run.id == id)
    }

    /// The runs of a flow, oldest first.
    pub fn flow_runs_of<'a>(&'a self, workflow: &'a str) -> impl Iterator<Item = &'a FlowRun> {
        self.flow_runs
            .iter()
            .filter(move |run| run.flow.eq_ignore_ascii_case(workflow))
    }

    /// What a caller who is held open by this flow run is answered, if it is time.
    #[must_use]
    pub fn held_response(&self, flow_run: &str, now: Timestamp) -> Option<Reply> {
        let run = self.flow_run(flow_run)?;
        let limit = later(run.accepted_at, SYNC_LIMIT);
        self.response(run, now.min(limit)).or_else(|| {
            (now >= limit).then(|| {
                Reply::json(
                    504,
                    &json!({"error": {"code": "GatewayTimeout", "message":
                        "The gateway did not receive a response from 'manual' within the specified time period."}}),
                )
            })
        })
    }

    /// A poll of an operation: uses up one of its 202 answers, then waits for the Response.
    pub fn poll(&mut self, flow_run: &str, now: Timestamp) -> PollAnswer {
        let operation = self
            .flow_runs
            .iter_mut()
            .find(|run| run.id == flow_run)
            .and_then(|run| run.operation.as_mut());
        if let Some(operation) = operation
            && operation.polls_left > 0
        {
            operation.polls_left -= 1;
            return PollAnswer::Wait;
        }
        self.flow_run(flow_run)
            .and_then(|run| self.response(run, now))
            .map_or(PollAnswer::Wait, PollAnswer::Done)
    }

    /// What the Response action of `run` says, once it is reached.
    fn response(&self, run: &FlowRun, now: Timestamp) -> Option<Reply> {
        let respond = run.respond.as_ref()?;
        let (reached, told) = match (&run.inner, run.refreshes) {
            (None, Some(_)) => return None,
            (None, None) => (run.accepted_at, None),
            (Some(inner), _) => match (respond.relay, &inner.answer) {
                (Relay::Nothing, _) => (inner.at, None),
                (_, Err(refusal)) => (inner.at, Some((refusal.status, refusal.body()))),
                (Relay::Start, Ok(_)) => (inner.at, Some((200, json!({"status": "started"})))),
                (Relay::Completion, Ok(transaction)) => {
                    let (ended, status) =
                        self.end_of(run.refreshes?, transaction.as_deref()?, now)?;
                    (ended, Some((200, tell_end(&status))))
                }
            },
        };
        if now < later(reached, Duration::from_millis(respond.delay_ms)) {
            return None;
        }
        Some(match told {
            Some((status, body)) => Reply::json(status, &body),
            None => as_written(respond),
        })
    }
}

/// How a flow that waits for the end of the run tells it.
fn tell_end(status: &str) -> Value {
    let word = match status {
        "Success" | "Completed" => "completed",
        _ => "failed",
    };
    json!({"status": word, "dataflow_status": status})
}

/// The Response as its author wrote it.
fn as_written(respond: &Respond) -> Reply {
    let (default_type, body) = match &respond.body {
        Value::Null => return Reply::empty(respond.status),
        Value::String(text) => ("text/plain; charset=utf-8", text.clone()),
        other => ("application/json; charset=utf-8", other.to_string()),
    };
    let content_type = respond.content_type.as_deref().unwrap_or(default_type);
    Reply::text(respond.status, content_type, body)
}

/// A run id as Power Automate writes it: 29 digits, of which the first are always 0858 in our
/// time, then "CU" and the scale unit (facts, 1.3).
fn invent_run_id(scale_unit: u8) -> String {
    let digits = Uuid::new_v4().as_u128() % 10_u128.pow(25);
    format!("0858{digits:025}CU{scale_unit:02}")
}

#[cfg(test)]
mod tests;
