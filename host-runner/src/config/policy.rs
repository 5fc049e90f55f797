//! The allow-list, derived from the targets that run.
//!
//! It holds what these targets need and no more: a trigger may be posted to at its own path, a
//! history that is only read may be read. Every entry says what it is for, so that the runner can
//! keep to itself what the component has no business with (the place where tokens come from).

use http::Method;
use url::Url;

use super::settings::{Endpoint, Settings};
use super::target::{ResolvedTarget, Verify, What};
use crate::outbound::{Origin, Rule};

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
    /// The history of a dataflow, or the dataflow itself.
    PowerBi,
    /// The trigger of a flow.
    Trigger,
    /// Where a flow's late Response is asked for, at the host of its trigger.
    Response,
    /// The operator's word: `sandbox.allow`.
    Configured,
}

impl Settings {
    /// The allow-list of these targets, each entry once.
    #[must_use]
    pub fn policy_entries(&self, targets: &[ResolvedTarget]) -> Vec<PolicyEntry> {
        let configured = self.allow.iter().map(|rule| PolicyEntry {
            need: Need::Configured,
            rule: rule.clone(),
        });
        let mut entries: Vec<PolicyEntry> = Vec::new();
        for entry in targets.iter().flat_map(of_target).chain(configured) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        entries
    }
}

/// What one target needs. An address that makes no entry is left out, and so denied.
fn of_target(target: &ResolvedTarget) -> Vec<PolicyEntry> {
    let mut out = Vec::new();
    let mut push =
        |need, rule: Option<Rule>| out.extend(rule.map(|rule| PolicyEntry { need, rule }));
    let endpoints = &target.endpoints;
    if target.credential.is_some() {
        push(Need::Login, service(&endpoints.login, &[Method::POST]));
    }
    match &target.what {
        What::Dataflow(_) => {
            push(
                Need::PowerBi,
                service(&endpoints.powerbi, &[Method::GET, Method::POST]),
            );
        }
        What::PowerAutomate(flow) => {
            push(Need::Trigger, trigger(flow.trigger.bare()));
            match flow.verify {
                Verify::None => {}
                Verify::Response => push(Need::Response, response(flow.trigger.bare())),
                Verify::Dataflow(_) => {
                    push(Need::PowerBi, service(&endpoints.powerbi, &[Method::GET]))
                }
            }
        }
    }
    out
}

fn service(endpoint: &Endpoint, methods: &[Method]) -> Option<Rule> {
    let rule = Rule::parse(&endpoint.url)
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
