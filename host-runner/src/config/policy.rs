//! The settings of all targets, and the allow-list that is derived from the targets that run.
//!
//! The list contains what these targets need and no more: a trigger may be posted to at its own path,
//! a history that is only read may be read. Only the runner itself sends requests to the sign-in
//! service.

use std::path::PathBuf;

use http::Method;
use secrecy::SecretString;

use super::schema::{Endpoint, OnInterrupt};
use super::target::ResolvedTarget;
use super::trigger_url::TriggerAddress;
use crate::contract::types as wit;
use crate::outbound::{Origin, Rule};
use crate::verdict::Status;

/// What applies to all targets. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Statuses that exit 0.
    pub exit_zero_on: Vec<Status>,
    /// Whether `accepted` does not count as success.
    pub require_completed: bool,
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

/// What requests are sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Anything but a cancellation.
    Refresh,
    /// A cancellation. No trigger is allowed.
    Cancel,
}

impl Settings {
    /// The allow-list of the component for these targets, each entry once. A refresh can be stopped
    /// only with `on_interrupt: cancel`.
    #[must_use]
    pub fn allow_list(&self, targets: &[ResolvedTarget], operation: Operation) -> Vec<Rule> {
        let of_targets = targets
            .iter()
            .flat_map(|target| of_target(target, operation));
        let mut rules: Vec<Rule> = Vec::new();
        for rule in of_targets.chain(self.allow.iter().cloned()) {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules
    }
}

/// What one target needs. An address that cannot become an entry is omitted, and so denied.
fn of_target(target: &ResolvedTarget, operation: Operation) -> Vec<Rule> {
    let endpoints = &target.endpoints;
    let refreshes = operation == Operation::Refresh;
    let may_stop = !refreshes || target.on_interrupt == OnInterrupt::Cancel;
    let read = [Method::GET];
    let write = [Method::GET, Method::POST];
    let powerbi = |methods: &[Method]| service(&endpoints.powerbi, GROUPS, methods);
    let fabric = |methods: &[Method]| service(endpoints.fabric.as_ref()?, WORKSPACES, methods);
    let is_flow = target.trigger.is_some();
    let content = target.content();
    let own: &[Method] = match (&content, refreshes && !is_flow) {
        _ if is_flow && !may_stop => &read,
        // An enhanced refresh of a model is stopped by DELETE.
        (Some(wit::Content::SemanticModel(_)), true) if may_stop => {
            &[Method::GET, Method::POST, Method::DELETE]
        }
        (Some(wit::Content::SemanticModel(_)), false) => &[Method::GET, Method::DELETE],
        // A dataflow is stopped by POST.
        _ => &write,
    };
    let mut rules = Vec::new();
    if let Some(url) = target
        .trigger
        .as_ref()
        .map(TriggerAddress::url)
        .filter(|_| refreshes)
    {
        let host = Origin::of(url).map(Rule::for_origin);
        let trigger = host.clone().map(|rule| rule.with_path(url.path()));
        rules.push(trigger.map(|rule| rule.with_methods([Method::POST])));
        // The late Response of a flow is read at the host of its trigger.
        let response = host.filter(|_| target.waits_for_response());
        rules.push(response.map(|rule| rule.with_methods(read.clone())));
    }
    // A dataflow that is not found at its own API may be of the other generation.
    match content {
        Some(wit::Content::Dataflow(_)) => rules.extend([powerbi(own), fabric(&read)]),
        Some(wit::Content::DataflowGen2(_)) => rules.extend([fabric(own), powerbi(&read)]),
        Some(wit::Content::SemanticModel(_)) => rules.push(powerbi(own)),
        None => {}
    }
    rules.into_iter().flatten().collect()
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
