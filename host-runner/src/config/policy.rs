//! The allow-list, derived from the targets that run.
//!
//! It holds what these targets need and no more: a trigger may be posted to at its own path, a
//! history that is only read may be read. Every entry says what it is for, so that the runner can
//! keep to itself what the component has no business with (the place where tokens come from).

use http::Method;
use url::Url;

use super::content::ContentKind;
use super::endpoints::Endpoint;
use super::guards::OnInterrupt;
use super::settings::Settings;
use super::target::{ResolvedTarget, Verify, What};
use crate::outbound::{Origin, Rule};

/// Below it lies everything of the Power BI API that is asked.
const GROUPS: &str = "/v1.0/myorg/groups";
/// Below it lies everything of the Fabric API that is asked.
const WORKSPACES: &str = "/v1/workspaces";

/// An entry of the allow-list, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyEntry {
    /// What it is for.
    pub need: Need,
    /// The entry.
    pub rule: Rule,
}

/// What an entry of the allow-list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The runner fetches tokens there; the component never goes there.
    Login,
    /// The history of a dataflow or a model, or the content itself.
    PowerBi,
    /// The history of a Gen2 dataflow, or the dataflow itself.
    Fabric,
    /// The trigger of a flow.
    Trigger,
    /// Where a flow's late Response is asked for, at the host of its trigger.
    Response,
    /// The operator's word: `sandbox.allow`.
    Configured,
}

/// What is done with the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Refresh,
    Cancel,
}

impl Settings {
    /// The allow-list for refreshing, following and looking at these targets, each entry once. The wish
    /// to stop a run passes only where a signal is to stop it (`on_interrupt: cancel`).
    #[must_use]
    pub fn policy_entries(&self, targets: &[ResolvedTarget]) -> Vec<PolicyEntry> {
        self.entries(targets, Act::Refresh)
    }

    /// The allow-list for stopping runs of these targets, each entry once: no trigger, but the wish
    /// to stop a run also where its history is otherwise only read.
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

/// What one target needs. An address that makes no entry is left out, and so denied.
fn of_target(target: &ResolvedTarget, act: Act) -> Vec<PolicyEntry> {
    let mut out = Vec::new();
    let mut push =
        |need, rule: Option<Rule>| out.extend(rule.map(|rule| PolicyEntry { need, rule }));
    let endpoints = &target.endpoints;
    if !target.credentials().is_empty() {
        push(Need::Login, service(&endpoints.login, "", &[Method::POST]));
    }
    // Stopping is allowed for who asks for it, and where a signal is to do it.
    let may_stop = act == Act::Cancel || target.on_interrupt == OnInterrupt::Cancel;
    let mut reads_only = false;
    if let What::PowerAutomate(flow) = &target.what {
        reads_only = !may_stop;
        if act == Act::Refresh {
            push(Need::Trigger, trigger(flow.trigger()));
            if flow.verify == Verify::Response {
                push(Need::Response, response(flow.trigger()));
            }
        }
    }
    let Some(watched) = target.watched() else {
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
    let triggers_itself = act == Act::Refresh && !matches!(target.what, What::PowerAutomate(_));
    let own: &[Method] = match watched.kind {
        _ if reads_only => &read,
        // A dataflow is stopped by POST.
        ContentKind::Dataflow | ContentKind::Gen2 => &write,
        // An enhanced refresh of a model is stopped by DELETE.
        ContentKind::Model => match (triggers_itself, may_stop) {
            (true, true) => &[Method::GET, Method::POST, Method::DELETE],
            (true, false) => &write,
            (false, _) => &[Method::GET, Method::DELETE],
        },
    };
    // A dataflow that is not where it should be may be of the other generation.
    let needs = match watched.kind {
        ContentKind::Dataflow => vec![powerbi(own), fabric(&read)],
        ContentKind::Gen2 => vec![fabric(own), powerbi(&read)],
        ContentKind::Model => vec![powerbi(own)],
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

fn trigger(url: &Url) -> Option<Rule> {
    let rule = Rule::for_origin(Origin::of(url)?);
    Some(rule.with_path(url.path()).with_methods([Method::POST]))
}

fn response(url: &Url) -> Option<Rule> {
    Some(Rule::for_origin(Origin::of(url)?).with_methods([Method::GET]))
}
