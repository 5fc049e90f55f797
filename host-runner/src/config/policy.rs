//! The settings of all targets, and the allow-list that is derived from the targets that run.
//!
//! The list contains what these targets need and no more: a trigger may be posted to at its own path,
//! a history that is only read may be read. Every entry names its purpose, so that the runner can
//! withhold from the component what only the runner needs (the sign-in service).

use std::path::PathBuf;

use http::Method;
use secrecy::SecretString;
use url::Url;

use super::schema::{Endpoint, OnInterrupt};
use super::target::ResolvedTarget;
use crate::contract::types as wit;
use crate::outbound::{Origin, Rule};
use crate::verdict::Status;

/// What applies to all targets. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Statuses that exit 0.
    pub exit_zero_on: Vec<Status>,
    /// The entries of `sandbox.allow`.
    pub allow: Vec<Rule>,
    /// Whether this machine may be reached, also without encryption.
    pub allow_loopback: bool,
    /// PEM certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy for encrypted calls, as it is written: it may contain a password.
    pub proxy: Option<SecretString>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// All requests to the Power BI API are below this path.
const GROUPS: &str = "/v1.0/myorg/groups";
/// All requests to the Fabric API are below this path.
const WORKSPACES: &str = "/v1/workspaces";

/// An entry of the allow-list and its purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyEntry {
    /// The purpose.
    pub need: Need,
    /// The entry.
    pub rule: Rule,
}

/// The purpose of an entry of the allow-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The runner gets tokens there; the component never calls it.
    Login,
    /// The history of a dataflow or a model, or the content itself.
    PowerBi,
    /// The history of a Gen2 dataflow, or the dataflow itself.
    Fabric,
    /// The trigger of a flow.
    Trigger,
    /// The late Response of a flow, at the host of its trigger.
    Response,
    /// The operator's `sandbox.allow`.
    Configured,
}

/// What is done with the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Refresh,
    Cancel,
}

impl Settings {
    /// The allow-list for refreshing, following and checking these targets, each entry once. A run can be
    /// stopped only with `on_interrupt: cancel`.
    #[must_use]
    pub fn policy_entries(&self, targets: &[ResolvedTarget]) -> Vec<PolicyEntry> {
        self.entries(targets, Act::Refresh)
    }

    /// The allow-list for stopping runs of these targets, each entry once. It contains no trigger.
    #[must_use]
    pub fn policy_entries_to_cancel(&self, targets: &[ResolvedTarget]) -> Vec<PolicyEntry> {
        self.entries(targets, Act::Cancel)
    }

    fn entries(&self, targets: &[ResolvedTarget], act: Act) -> Vec<PolicyEntry> {
        let configured = self.allow.iter().map(|rule| PolicyEntry {
            need: Need::Configured,
            rule: rule.clone(),
        });
        let of_targets = targets.iter().flat_map(|target| of_target(target, act));
        let mut entries: Vec<PolicyEntry> = Vec::new();
        for entry in of_targets.chain(configured) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        entries
    }
}

/// What one target needs. An address that cannot become an entry is omitted, and so denied.
fn of_target(target: &ResolvedTarget, act: Act) -> Vec<PolicyEntry> {
    let mut out = Vec::new();
    let mut push =
        |need, rule: Option<Rule>| out.extend(rule.map(|rule| PolicyEntry { need, rule }));
    let endpoints = &target.endpoints;
    if !target.credentials().is_empty() {
        push(Need::Login, service(&endpoints.login, "", &[Method::POST]));
    }
    let may_stop = act == Act::Cancel || target.on_interrupt == OnInterrupt::Cancel;
    if let (Some(address), Act::Refresh) = (&target.trigger, act) {
        push(Need::Trigger, trigger(address.url()));
        if waits_for_response(target) {
            push(Need::Response, response(address.url()));
        }
    }
    let Some(content) = target.content() else {
        return out;
    };
    let powerbi =
        |methods: &[Method]| (Need::PowerBi, service(&endpoints.powerbi, GROUPS, methods));
    let fabric = |methods: &[Method]| {
        let endpoint = endpoints.fabric.as_ref();
        let rule = endpoint.and_then(|endpoint| service(endpoint, WORKSPACES, methods));
        (Need::Fabric, rule)
    };
    let read = [Method::GET];
    let write = [Method::GET, Method::POST];
    let is_flow = target.trigger.is_some();
    let own: &[Method] = match (&content, act == Act::Refresh && !is_flow) {
        _ if is_flow && !may_stop => &read,
        // An enhanced refresh of a model is stopped by DELETE.
        (wit::Content::SemanticModel(_), true) if may_stop => {
            &[Method::GET, Method::POST, Method::DELETE]
        }
        (wit::Content::SemanticModel(_), false) => &[Method::GET, Method::DELETE],
        // A dataflow is stopped by POST.
        _ => &write,
    };
    // A dataflow that is not found at its own API may be of the other generation.
    let needs = match content {
        wit::Content::Dataflow(_) => vec![powerbi(own), fabric(&read)],
        wit::Content::DataflowGen2(_) => vec![fabric(own), powerbi(&read)],
        wit::Content::SemanticModel(_) => vec![powerbi(own)],
    };
    for (need, rule) in needs {
        push(need, rule);
    }
    out
}

fn service(endpoint: &Endpoint, path: &str, methods: &[Method]) -> Option<Rule> {
    let rule = Rule::parse(&format!("{}{path}", endpoint.url))
        .ok()?
        .with_methods(methods.iter().cloned());
    Some(if endpoint.private {
        rule.private()
    } else {
        rule
    })
}

fn waits_for_response(target: &ResolvedTarget) -> bool {
    matches!(&target.wit, wit::Target::PowerAutomate(flow) if flow.verify == wit::Verification::Response)
}

fn trigger(url: &Url) -> Option<Rule> {
    let rule = Rule::for_origin(Origin::of(url)?);
    Some(rule.with_path(url.path()).with_methods([Method::POST]))
}

fn response(url: &Url) -> Option<Rule> {
    Some(Rule::for_origin(Origin::of(url)?).with_methods([Method::GET]))
}
