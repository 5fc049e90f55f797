//! A target of the configuration, as the component is asked for it.
//!
//! Pure translation, and the two digests that say when two starts mean the same: the identity of a
//! run, and the resource at the service that only one run may trigger and match at a time.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::convert;
use crate::config::{Dataflow, IfRunning, PowerAutomate, ResolvedTarget, Verify, What};
use crate::engine::bindings::powerbi::refresh::types as wit;
use crate::record::{RunInfo, RunView, identity_digest};

/// `source` where the payload, the target and the orchestrator name none.
const SOURCE: &str = "host-runner";

/// The target, as the component knows it.
#[must_use]
pub(super) fn target(target: &ResolvedTarget, flow_id: &str) -> wit::Target {
    match &target.what {
        What::PowerAutomate(flow) => wit::Target::PowerAutomate(wit::PowerAutomateTarget {
            url: flow.trigger.bare().to_string(),
            body: body(target, flow, flow_id),
            verify: match &flow.verify {
                Verify::None => wit::Verification::None,
                Verify::Response => wit::Verification::Response,
                Verify::Dataflow(watched) => wit::Verification::Dataflow(dataflow(target, watched)),
            },
        }),
        What::Dataflow(watched) => wit::Target::Dataflow(dataflow(target, watched)),
    }
}

fn body(target: &ResolvedTarget, flow: &PowerAutomate, flow_id: &str) -> wit::TriggerBody {
    let source = flow.source.clone().unwrap_or_else(|| {
        let usual = if flow_id.is_empty() { SOURCE } else { flow_id };
        usual.to_owned()
    });
    wit::TriggerBody {
        payload: flow.payload.clone(),
        standard_fields: flow.standard_fields,
        dataflow_name: target.name.clone(),
        source,
    }
}

fn dataflow(target: &ResolvedTarget, watched: &Dataflow) -> wit::DataflowTarget {
    wit::DataflowTarget {
        endpoint: target.endpoints.powerbi.url.clone(),
        workspace: watched.workspace.clone(),
        dataflow: watched.dataflow.clone(),
        start_within_ms: millis(watched.start_within),
        poll_ms: millis(watched.poll),
    }
}

/// A duration as the contract has it.
#[must_use]
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The circumstances of a call that has `left` until its deadline.
#[must_use]
pub(super) fn circumstances(
    target: &ResolvedTarget,
    now: Timestamp,
    left: Duration,
) -> wit::Circumstances {
    wit::Circumstances {
        now: now.to_string(),
        deadline_ms: millis(left),
        call_timeout_ms: millis(target.timeout),
        credentials: wit::Credentials::HostAttached,
        host_vouches: true,
    }
}

/// The request for one refresh.
#[must_use]
pub(super) fn refresh(
    target: &ResolvedTarget,
    wit_target: wit::Target,
    run: &str,
    circumstances: wit::Circumstances,
    follow: wit::FollowMode,
    taken_runs: Vec<String>,
) -> wit::RefreshRequest {
    wit::RefreshRequest {
        run_id: run.to_owned(),
        name: target.name.clone(),
        target: wit_target,
        circumstances,
        response_timeout_ms: match &target.what {
            What::PowerAutomate(flow) => millis(flow.response_timeout),
            What::Dataflow(_) => millis(target.timeout),
        },
        if_running: match target.if_running {
            IfRunning::Wait => wit::IfRunning::Wait,
            IfRunning::Skip => wit::IfRunning::Skip,
            IfRunning::Follow => wit::IfRunning::Follow,
        },
        follow,
        taken_runs,
    }
}

/// What the record knows of a run's trigger; nothing where none was about to leave.
#[must_use]
pub(super) fn trace(view: &RunView) -> Option<wit::TriggerTrace> {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    view.intent.as_ref().map(|intent| wit::TriggerTrace {
        intent: convert::intent(intent),
        // Only an answer that took the trigger tells that it arrived.
        answered_at: view
            .triggered
            .as_ref()
            .filter(|triggered| {
                triggered
                    .http_status
                    .is_some_and(|status| (200..300).contains(&status))
            })
            .and_then(|triggered| filled(&triggered.answered_at)),
        service_run: filled(&view.service_run),
        matched: convert::matched(view.matched),
        flow_run: filled(&view.flow_run),
    })
}

/// Which run this is, and whom it serves.
#[must_use]
pub(super) fn run_info(
    target: &ResolvedTarget,
    wit_target: &wit::Target,
    run: &str,
    key: &str,
) -> RunInfo {
    // Without a key every start is a run of its own: its id makes it so.
    let unique = if key.is_empty() { run } else { key };
    RunInfo {
        run: run.to_owned(),
        target: target.name.clone(),
        kind: target.kind().to_owned(),
        key: key.to_owned(),
        identity: identity_digest(unique, &target.name, &meaning(wit_target)),
        resource: target
            .watched()
            .map(|watched| resource(&target.endpoints.powerbi.url, watched))
            .unwrap_or_default(),
    }
}

fn resource(endpoint: &str, watched: &Dataflow) -> String {
    format!(
        "{endpoint}/groups/{}/dataflows/{}",
        watched.workspace, watched.dataflow
    )
}

/// What a request means, without its timestamp and its secrets, and without how it is verified:
/// a refresh stays the same refresh when only the way of watching it is mended.
fn meaning(target: &wit::Target) -> Value {
    match target {
        wit::Target::PowerAutomate(flow) => {
            let mut payload: Value = serde_json::from_str(&flow.body.payload).unwrap_or_default();
            if let (true, Some(fields)) = (flow.body.standard_fields, payload.as_object_mut()) {
                fields.remove("timestamp");
            }
            json!({
                "kind": "power-automate",
                "url": flow.url,
                "payload": payload,
                "standard_fields": flow.body.standard_fields,
                "dataflow_name": flow.body.dataflow_name,
                "source": flow.body.source,
            })
        }
        wit::Target::Dataflow(one) => json!({
            "kind": "dataflow",
            "endpoint": one.endpoint,
            "workspace": one.workspace,
            "dataflow": one.dataflow,
        }),
        wit::Target::DataflowGen2(one) => json!({
            "kind": "dataflow-gen2",
            "endpoint": one.endpoint,
            "workspace": one.workspace,
            "item": one.item,
        }),
        wit::Target::SemanticModel(one) => json!({
            "kind": "semantic-model",
            "endpoint": one.endpoint,
            "workspace": one.workspace,
            "model": one.model,
        }),
    }
}
