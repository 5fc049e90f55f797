//! Requests to the component.
//!
//! Pure translation, and the two digests that decide when two starts mean the same: the identity of
//! a run, and the resource at the service that only one run may trigger and match at a time.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit_log::{RunInfo, RunView, identity_digest};
use crate::config::{ResolvedTarget, content_of, item_of};
use crate::contract::types as wit;

/// The options of a refresh.
#[derive(Debug, Clone, Copy)]
pub struct RefreshOptions {
    /// Ignore earlier runs with the same key.
    pub new: bool,
    /// Whether `accepted` does not count as success, so that a detached run with the same key is
    /// followed.
    pub require_completed: bool,
    /// How far the run is followed.
    pub follow: wit::FollowMode,
    /// Override window, interval and quota.
    pub force: bool,
}

impl RefreshOptions {
    /// Whether the history of the content is not read at all, so that no token for it is needed.
    pub(super) fn skip_history(self, target: &ResolvedTarget) -> bool {
        self.follow == wit::FollowMode::NotAtAll && target.quota.is_none()
    }

    /// The target as the component gets it.
    pub(super) fn wit_target(self, target: &ResolvedTarget) -> wit::Target {
        if self.skip_history(target) {
            return unwatched(target.wit.clone());
        }
        target.wit.clone()
    }
}

/// The same target without verification by the history of the content.
fn unwatched(mut target: wit::Target) -> wit::Target {
    if let wit::Target::PowerAutomate(flow) = &mut target
        && matches!(flow.verify, wit::Verification::Content(_))
    {
        flow.verify = wit::Verification::None;
    }
    target
}

/// A duration as the contract has it.
#[must_use]
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The context of a call that has `left` until its deadline.
#[must_use]
pub(super) fn call_context(
    target: &ResolvedTarget,
    now: Timestamp,
    left: Duration,
) -> wit::CallContext {
    wit::CallContext {
        now: now.to_string(),
        deadline_ms: millis(left),
        connect_patience_ms: millis(target.connect_patience),
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
    options: RefreshOptions,
) -> wit::RefreshRequest {
    wit::RefreshRequest {
        run_id: run.to_owned(),
        name: target.name.clone(),
        target: wit_target,
        call_context,
        response_timeout_ms: millis(target.response_timeout),
        if_running: target.if_running,
        quota: target.quota.clone(),
        force: options.force,
        overridden: Vec::new(),
        follow: options.follow,
        taken_runs: Vec::new(),
    }
}

/// What the audit log knows about a run's trigger; `None` if none was about to be sent.
#[must_use]
pub(super) fn trace(view: &RunView) -> Option<wit::TriggerTrace> {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // Only a 2xx response shows that the trigger arrived.
    let triggered = view.triggered.as_ref();
    let taken = triggered.filter(|triggered| matches!(triggered.http_status, Some(200..300)));
    view.intent.as_ref().map(|intent| wit::TriggerTrace {
        intent: intent.clone(),
        answered_at: taken.and_then(|triggered| filled(&triggered.answered_at)),
        service_run: filled(&view.service_run),
        matched: view.matched.into(),
        flow_run: filled(&view.flow_run),
        poll_from: filled(&view.poll_from),
    })
}

/// The identity of a run. A target with names has no resource yet: its ids are looked up once it is
/// known that something will be sent.
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
        resource: resource(target, wit_target)
            .filter(|_| !target.has_names())
            .unwrap_or_default(),
    }
}

/// What only one run of ours may refresh at a time, by its ids, so that two spellings of the same
/// target hold the same claim.
#[must_use]
pub(super) fn resource(target: &ResolvedTarget, wit_target: &wit::Target) -> Option<String> {
    let powerbi = target.endpoints.powerbi.url.as_str();
    let content = content_of(wit_target)?;
    let (base, container, kind) = match content {
        wit::Content::Dataflow(_) => (powerbi, "groups", "dataflows"),
        wit::Content::DataflowGen2(_) => (fabric(target), "workspaces", "items"),
        wit::Content::SemanticModel(_) => (powerbi, "groups", "datasets"),
    };
    let item = item_of(&content);
    let (workspace, id) = (&item.workspace, &item.item);
    Some(format!("{base}/{container}/{workspace}/{kind}/{id}"))
}

/// The base of the Fabric API; empty where the cloud has none.
fn fabric(target: &ResolvedTarget) -> &str {
    let endpoint = target.endpoints.fabric.as_ref();
    endpoint.map_or("", |endpoint| endpoint.url.as_str())
}

/// What a request means, with names as configured, and without its timestamp, secrets and
/// verification: if only the verification changes, it is still the same refresh.
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
            "parameters": pairs(&one.parameters, |parameter| json!([parameter.name, parameter.value])),
        }),
        wit::Target::SemanticModel(one) => json!({
            "kind": "semantic-model",
            "endpoint": powerbi,
            "workspace": one.item.workspace,
            "model": one.item.item,
            "refresh": match &one.refresh {
                wit::ModelRefresh::Standard(_) => Value::from("standard"),
                wit::ModelRefresh::Enhanced(options) => meaning_of_enhanced(options),
            },
        }),
    }
}

fn pairs<T>(rows: &[T], pair: impl Fn(&T) -> Value) -> Value {
    rows.iter().map(pair).collect()
}

fn meaning_of_enhanced(options: &wit::EnhancedRefresh) -> Value {
    json!({
        "type": options.type_,
        "objects": pairs(&options.objects, |object| json!([object.table, object.partition])),
        "partial_batch": options.partial_batch,
        "max_parallelism": options.max_parallelism,
        "retry_count": options.retry_count,
        "timeout_seconds": options.timeout_seconds,
        "apply_refresh_policy": options.apply_refresh_policy,
        "effective_date": options.effective_date,
    })
}
