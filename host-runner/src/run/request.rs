//! A target of the configuration, as the component is asked for it.
//!
//! Pure translation, and the two digests that say when two starts mean the same: the identity of a
//! run, and the resource at the service that only one run may trigger and match at a time.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit_log::{RunInfo, RunView, identity_digest};
use crate::config::{
    ApplyChanges, CommitMode, ContentKind, Enhanced, IfRunning, ModelRefresh, PowerAutomate, Quota,
    QuotaMode, QuotaUnreadable, ResolvedTarget, Verify, Watched, What, WhenUnreadable,
};
use crate::contract::types as wit;

/// `source` where the payload, the target and the orchestrator name none.
const SOURCE: &str = "host-runner";

/// The target, as the component knows it.
#[must_use]
pub(super) fn target(target: &ResolvedTarget, flow_id: &str) -> wit::Target {
    match &target.what {
        What::PowerAutomate(flow) => wit::Target::PowerAutomate(wit::PowerAutomateTarget {
            url: flow.trigger().to_string(),
            body: body(target, flow, flow_id),
            verify: match &flow.verify {
                Verify::None => wit::Verification::None,
                Verify::Response => wit::Verification::Response,
                Verify::Content(watched) => wit::Verification::Content(content(watched)),
            },
        }),
        What::Dataflow(one) => wit::Target::Dataflow(wit::DataflowTarget {
            item: item(&one.watched),
            mail_on_failure: one.mail_on_failure,
        }),
        What::Gen2(one) => wit::Target::DataflowGen2(wit::Gen2Target {
            item: item(&one.watched),
            apply_changes: one.apply_changes.map(|apply| match apply {
                ApplyChanges::Skip => wit::ApplyChanges::Skip,
                ApplyChanges::IfNeeded => wit::ApplyChanges::IfNeeded,
            }),
            parameters: one
                .parameters
                .iter()
                .map(|(name, value)| wit::Parameter {
                    name: name.clone(),
                    value: value.clone(),
                })
                .collect(),
        }),
        What::Model(one) => wit::Target::SemanticModel(wit::ModelTarget {
            item: item(&one.watched),
            refresh: match &one.refresh {
                ModelRefresh::Standard { mail_on_failure } => {
                    wit::ModelRefresh::Standard(*mail_on_failure)
                }
                ModelRefresh::Enhanced(wanted) => wit::ModelRefresh::Enhanced(enhanced(wanted)),
            },
        }),
    }
}

/// The same target without verification by the history of the content.
#[must_use]
pub(super) fn unwatched(mut target: wit::Target) -> wit::Target {
    if let wit::Target::PowerAutomate(flow) = &mut target
        && matches!(flow.verify, wit::Verification::Content(_))
    {
        flow.verify = wit::Verification::None;
    }
    target
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

fn content(watched: &Watched) -> wit::Content {
    let item = item(watched);
    match watched.kind {
        ContentKind::Dataflow => wit::Content::Dataflow(item),
        ContentKind::Gen2 => wit::Content::DataflowGen2(item),
        ContentKind::Model => wit::Content::SemanticModel(item),
    }
}

fn item(watched: &Watched) -> wit::WatchedItem {
    wit::WatchedItem {
        workspace: watched.workspace.clone(),
        item: watched.item.clone(),
        start_within_ms: millis(watched.start_within),
        poll_ms: millis(watched.poll),
        when_unreadable: match watched.when_unreadable {
            WhenUnreadable::Stop => wit::WhenUnreadable::Stop,
            WhenUnreadable::Accept => wit::WhenUnreadable::Accept,
        },
    }
}

fn enhanced(enhanced: &Enhanced) -> wit::EnhancedRefresh {
    let objects = enhanced.objects.iter().flat_map(|list| &list.0);
    wit::EnhancedRefresh {
        type_: enhanced.refresh_type.map(|one| one.as_str().to_owned()),
        objects: objects
            .map(|object| wit::ModelObject {
                table: object.table.clone(),
                partition: object.partition.clone(),
            })
            .collect(),
        partial_batch: enhanced
            .commit_mode
            .map(|mode| mode == CommitMode::PartialBatch),
        max_parallelism: enhanced.max_parallelism.map(|number| number.0),
        retry_count: enhanced.retry_count.map(|number| number.0),
        timeout_seconds: enhanced
            .timeout
            .map(|timeout| u32::try_from(timeout.0.as_secs()).unwrap_or(u32::MAX)),
        apply_refresh_policy: enhanced.apply_refresh_policy,
        effective_date: enhanced.effective_date.as_ref().map(|day| day.0.clone()),
    }
}

/// A duration as the contract has it.
#[must_use]
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The call_context of a call that has `left` until its deadline.
#[must_use]
pub(super) fn call_context(
    target: &ResolvedTarget,
    now: Timestamp,
    left: Duration,
) -> wit::CallContext {
    wit::CallContext {
        now: now.to_string(),
        deadline_ms: millis(left),
        call_timeout_ms: millis(target.timeout),
        endpoints: wit::Endpoints {
            power_bi: target.endpoints.powerbi.url.clone(),
            fabric: fabric(target).to_owned(),
        },
        credentials: wit::Credentials::HostAttached,
        host_reports_unsent: true,
    }
}

/// The request for one refresh, without overridden guards and taken runs.
#[must_use]
pub(super) fn refresh(
    target: &ResolvedTarget,
    wit_target: wit::Target,
    run: &str,
    call_context: wit::CallContext,
    follow: wit::FollowMode,
    force: bool,
) -> wit::RefreshRequest {
    wit::RefreshRequest {
        run_id: run.to_owned(),
        name: target.name.clone(),
        target: wit_target,
        call_context,
        response_timeout_ms: match &target.what {
            What::PowerAutomate(flow) => millis(flow.response_timeout),
            What::Dataflow(_) | What::Gen2(_) | What::Model(_) => millis(target.timeout),
        },
        if_running: match target.if_running {
            IfRunning::Wait => wit::IfRunning::Wait,
            IfRunning::Skip => wit::IfRunning::Skip,
            IfRunning::Follow => wit::IfRunning::Follow,
        },
        quota: target.quota.as_ref().map(quota),
        force,
        overridden: Vec::new(),
        follow,
        taken_runs: Vec::new(),
    }
}

fn quota(quota: &Quota) -> wit::QuotaGuard {
    wit::QuotaGuard {
        limit: quota.limit,
        count: quota
            .count
            .iter()
            .flat_map(|list| &list.0)
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        mode: match quota.mode {
            QuotaMode::Block => wit::QuotaMode::Block,
            QuotaMode::Warn => wit::QuotaMode::Warn,
        },
        when_unreadable: match quota.when_unreadable {
            QuotaUnreadable::Send => wit::QuotaUnreadable::Send,
            QuotaUnreadable::Skip => wit::QuotaUnreadable::Skip,
        },
    }
}

/// What the audit log knows of a run's trigger; nothing where none was about to leave.
#[must_use]
pub(super) fn trace(view: &RunView) -> Option<wit::TriggerTrace> {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // Only an answer that took the trigger tells that it arrived.
    let taken = view.triggered.as_ref().filter(|triggered| {
        triggered
            .http_status
            .is_some_and(|status| (200..300).contains(&status))
    });
    view.intent.as_ref().map(|intent| wit::TriggerTrace {
        intent: intent.clone(),
        answered_at: taken.and_then(|triggered| filled(&triggered.answered_at)),
        service_run: filled(&view.service_run),
        matched: view.matched.into(),
        flow_run: filled(&view.flow_run),
        poll_from: filled(&view.poll_from),
    })
}

/// Which run this is, and whom it serves. A target with names has no resource yet: its ids are
/// found once it is known that something is to be sent.
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
        identity: identity_digest(unique, &target.name, &meaning(target, wit_target)),
        resource: match target.watched() {
            Some(watched) if watched.has_names() => String::new(),
            _ => resource(target, wit_target).unwrap_or_default(),
        },
    }
}

/// What only one run of ours may refresh at a time, by its ids, so that two spellings of the same
/// target hold the same claim.
#[must_use]
pub(super) fn resource(target: &ResolvedTarget, wit_target: &wit::Target) -> Option<String> {
    let powerbi = target.endpoints.powerbi.url.as_str();
    let dataflow = (powerbi, "groups", "dataflows");
    let gen2 = (fabric(target), "workspaces", "items");
    let model = (powerbi, "groups", "datasets");
    let ((base, container, kind), item) = match wit_target {
        wit::Target::Dataflow(one) => (dataflow, &one.item),
        wit::Target::DataflowGen2(one) => (gen2, &one.item),
        wit::Target::SemanticModel(one) => (model, &one.item),
        wit::Target::PowerAutomate(flow) => match &flow.verify {
            wit::Verification::Content(wit::Content::Dataflow(item)) => (dataflow, item),
            wit::Verification::Content(wit::Content::DataflowGen2(item)) => (gen2, item),
            wit::Verification::Content(wit::Content::SemanticModel(item)) => (model, item),
            wit::Verification::None | wit::Verification::Response => return None,
        },
    };
    let (workspace, id) = (&item.workspace, &item.item);
    Some(format!("{base}/{container}/{workspace}/{kind}/{id}"))
}

/// The base of the Fabric API; empty where the cloud has none.
fn fabric(target: &ResolvedTarget) -> &str {
    let endpoint = target.endpoints.fabric.as_ref();
    endpoint.map_or("", |endpoint| endpoint.url.as_str())
}

/// What a request means, without its timestamp and its secrets, and without how it is verified (a
/// name is what is written): a refresh stays the same refresh when only the way of watching it is mended.
fn meaning(configured: &ResolvedTarget, target: &wit::Target) -> Value {
    let fabric = fabric(configured);
    let powerbi = configured.endpoints.powerbi.url.as_str();
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
            "endpoint": powerbi,
            "workspace": one.item.workspace,
            "dataflow": one.item.item,
        }),
        wit::Target::DataflowGen2(one) => json!({
            "kind": "dataflow-gen2",
            "endpoint": fabric,
            "workspace": one.item.workspace,
            "item": one.item.item,
            "apply_changes": one.apply_changes.map(|apply| format!("{apply:?}")),
            "parameters": one
                .parameters
                .iter()
                .map(|parameter| json!([parameter.name, parameter.value]))
                .collect::<Vec<_>>(),
        }),
        wit::Target::SemanticModel(one) => json!({
            "kind": "semantic-model",
            "endpoint": powerbi,
            "workspace": one.item.workspace,
            "model": one.item.item,
            "refresh": match &one.refresh {
                wit::ModelRefresh::Standard(_) => Value::from("standard"),
                wit::ModelRefresh::Enhanced(wanted) => meaning_of_enhanced(wanted),
            },
        }),
    }
}

fn meaning_of_enhanced(wanted: &wit::EnhancedRefresh) -> Value {
    json!({
        "type": wanted.type_,
        "objects": wanted
            .objects
            .iter()
            .map(|object| json!([object.table, object.partition]))
            .collect::<Vec<_>>(),
        "partial_batch": wanted.partial_batch,
        "max_parallelism": wanted.max_parallelism,
        "retry_count": wanted.retry_count,
        "timeout_seconds": wanted.timeout_seconds,
        "apply_refresh_policy": wanted.apply_refresh_policy,
        "effective_date": wanted.effective_date,
    })
}
