//! Power Automate: the HTTP trigger of a flow, and the polling of an asynchronous Response
//! (facts, 1 and 5.1).
//!
//! Whether a request is taken is judged in `checks`; here is what it leads to.

mod checks;

use http::Method;
use jiff::Timestamp;
use uuid::Uuid;

use self::checks::{authorise, error, judge_trigger, not_found};
use crate::faults::Operation;
use crate::message::{Answer, Reply, Request};
use crate::state::{FlowRun, PollAnswer, State};
use crate::world::{Flow, FlowForm, RespondMode};

/// The scale unit of a flow whose URL names none; any number would do.
const USUAL_SCALE_UNIT: u8 = 18;

/// A request to Power Automate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A trigger, by any method.
    Trigger {
        /// The form of the URL.
        form: FlowForm,
        /// The workflow id.
        workflow: String,
        /// The scale unit that the path names.
        scale_unit: Option<u8>,
    },
    /// A poll for an asynchronous Response.
    Poll {
        /// The workflow id.
        workflow: String,
        /// The flow run's id.
        run: String,
        /// The operation's id.
        operation: String,
    },
}

impl Call {
    /// The call that this path stands for.
    #[must_use]
    pub fn of(segments: &[&str]) -> Option<Self> {
        let segments = match segments {
            [rest @ .., ""] => rest,
            all => all,
        };
        let (form, scale_unit, rest) = match segments {
            [
                "powerautomate",
                "automations",
                "direct",
                "cu",
                unit,
                rest @ ..,
            ] => (FlowForm::New, Some(unit.parse().ok()?), rest),
            ["powerautomate", "automations", "direct", rest @ ..] => (FlowForm::New, None, rest),
            rest => (FlowForm::Old, None, rest),
        };
        match rest {
            [
                "workflows",
                workflow,
                "triggers",
                "manual",
                "paths",
                "invoke",
            ] => Some(Self::Trigger {
                form,
                workflow: (*workflow).to_owned(),
                scale_unit,
            }),
            ["workflows", workflow, "runs", run, "operations", operation] => Some(Self::Poll {
                workflow: (*workflow).to_owned(),
                run: (*run).to_owned(),
                operation: (*operation).to_owned(),
            }),
            _ => None,
        }
    }

    /// What it asks for, in the words of faults and log.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Trigger { .. } => Operation::Trigger,
            Self::Poll { .. } => Operation::Poll,
        }
    }

    /// The workflow id.
    #[must_use]
    pub fn workflow(&self) -> &str {
        let (Self::Trigger { workflow, .. } | Self::Poll { workflow, .. }) = self;
        workflow
    }

    /// The workflow id, and the flow's own id where it is known.
    #[must_use]
    pub fn targets(&self, state: &State) -> Vec<String> {
        let workflow = self.workflow();
        let name = find(state, workflow).map(|flow| flow.name.to_string());
        std::iter::once(workflow.to_owned()).chain(name).collect()
    }
}

fn find<'a>(state: &'a State, workflow: &str) -> Option<&'a Flow> {
    state
        .world
        .flows
        .iter()
        .find(|flow| flow.id.eq_ignore_ascii_case(workflow))
}

/// What Power Automate answers.
pub fn answer(
    call: &Call,
    incoming: &Request,
    state: &mut State,
    now: Timestamp,
    number: u64,
) -> Answer {
    let answered = match call {
        Call::Trigger {
            form,
            workflow,
            scale_unit,
        } => {
            judge_trigger(find(state, workflow), *form, workflow, incoming, state, now).map(|()| {
                let unit = scale_unit.unwrap_or(USUAL_SCALE_UNIT);
                let tracking = incoming.header("x-ms-client-tracking-id");
                accepted(state, workflow, unit, tracking, number, now, &incoming.base)
            })
        }
        Call::Poll {
            workflow,
            run,
            operation,
        } => poll(state, workflow, run, operation, incoming, now).map(Answer::Now),
    };
    match answered {
        Ok(answer) => answer,
        Err(refused) => refused.with_header("x-ms-request-id", &request_id()).into(),
    }
}

fn request_id() -> String {
    format!("uksouth:{}", Uuid::new_v4())
}

/// Begins the flow run and says what the caller sees of it.
fn accepted(
    state: &mut State,
    workflow: &str,
    scale_unit: u8,
    tracking: Option<&str>,
    number: u64,
    now: Timestamp,
    base: &str,
) -> Answer {
    let Some(run) = state.begin_flow_run(workflow, scale_unit, tracking, number, now) else {
        return not_found(workflow).into();
    };
    match &run.respond {
        None => with_run_headers(state, &run, Reply::empty(202)).into(),
        Some(respond) if respond.mode == RespondMode::Sync => Answer::WhenResponded(run.id),
        Some(_) => with_run_headers(state, &run, not_yet(&run, base)).into(),
    }
}

/// 202 with the absolute address to poll.
fn not_yet(run: &FlowRun, base: &str) -> Reply {
    let mut reply = Reply::empty(202);
    if let Some(operation) = &run.operation {
        let location = format!(
            "{base}/workflows/{flow}/runs/{run}/operations/{id}?api-version=2016-06-01&sp=%2Fruns%2F{run}%2Foperations%2F{id}%2Fread&sv=1.0&sig={sig}",
            flow = run.flow,
            run = run.id,
            id = operation.id,
            sig = operation.sig.expose(),
        );
        reply.set_header("location", &location);
    }
    if let Some(seconds) = run
        .respond
        .as_ref()
        .and_then(|respond| respond.retry_after_s)
    {
        reply.set_header("retry-after", &seconds.to_string());
    }
    reply
}

fn poll(
    state: &mut State,
    workflow: &str,
    run: &str,
    operation: &str,
    incoming: &Request,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let flow_run = state
        .flow_run(run)
        .filter(|run| run.flow.eq_ignore_ascii_case(workflow))
        .cloned()
        .ok_or_else(|| not_found(workflow))?;
    let sig = flow_run
        .operation
        .as_ref()
        .filter(|known| known.id.to_string().eq_ignore_ascii_case(operation))
        .map(|known| &known.sig)
        .ok_or_else(|| not_found(workflow))?;
    authorise(incoming, sig, None)?;
    if incoming.method != Method::GET {
        return Err(
            error(405, "MethodNotAllowed", "An operation takes GET only.")
                .with_header("allow", "GET"),
        );
    }
    let reply = match state.poll(run, now) {
        PollAnswer::Wait => not_yet(&flow_run, &incoming.base),
        PollAnswer::Done(reply) => reply,
    };
    Ok(with_run_headers(state, &flow_run, reply))
}

/// What a caller who was held open for `flow_run` is answered, once it is time.
#[must_use]
pub fn held_answer(state: &State, flow_run: &str, now: Timestamp) -> Option<Reply> {
    let run = state.flow_run(flow_run)?;
    state
        .held_response(flow_run, now)
        .map(|reply| with_run_headers(state, run, reply))
}

/// The headers that Power Automate sends with whatever a flow run answers (facts, 1.3).
fn with_run_headers(state: &State, run: &FlowRun, mut reply: Reply) -> Reply {
    let unit = run.id.rsplit_once("CU").map_or("18", |(_, unit)| unit);
    let name = find(state, &run.flow).map_or_else(String::new, |flow| flow.name.to_string());
    let correlation = Uuid::new_v4().to_string();
    for (header, value) in [
        ("x-ms-workflow-run-id", run.id.as_str()),
        ("x-ms-client-tracking-id", run.tracking_id.as_str()),
        ("x-ms-trigger-history-name", run.id.as_str()),
        ("x-ms-correlation-id", correlation.as_str()),
        ("x-ms-tracking-id", correlation.as_str()),
        ("x-ms-workflow-id", run.flow.as_str()),
        ("x-ms-workflow-name", name.as_str()),
        ("x-ms-workflow-version", "08585129706921748293"),
        ("x-ms-execution-location", "uksouth"),
        ("x-ms-request-id", request_id().as_str()),
        ("x-ms-ratelimit-burst-remaining-workflow-writes", "2999"),
        (
            "x-ms-ratelimit-time-remaining-directapirequests",
            "19999586",
        ),
    ] {
        reply.set_header(header, value);
    }
    let system = format!(
        "/locations/uksouth/scaleunits/prod-{unit}/workflows/{}",
        run.flow
    );
    reply.set_header("x-ms-workflow-system-id", &system);
    reply
}

#[cfg(test)]
mod tests;
