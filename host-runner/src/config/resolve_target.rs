//! From the format's structs of one target to what the component and the runner get.
//!
//! A setting that would have no effect is refused in a target; from `defaults`, which are for many
//! targets, it is a warning.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::de;
use super::kinds::{
    ApplyChanges, CommitMode, Common, Enhanced, Flow, History, Item, Notify, Target, Verify,
    WhenUnreadable,
};
use super::resolve::{Base, Place, Resolver};
use super::schema::{
    IfRunning, OnInterrupt, Quota, QuotaMode, QuotaUnreadable, RunKind, Setting, Shared,
};
use super::target::{Credential, Mask, ResolvedTarget, content_of, json, payload};
use super::template::{below, is_literal};
use super::tree::{Node, Value};
use super::trigger_url::{TriggerAddress, parse_trigger_url};
use super::values::{self, Span, TextOr, Windows, is_guid, word};
use crate::contract::types as wit;

/// One invocation from its start: a dataflow on shared capacity may run for 3 hours and may have to
/// wait before.
const DEADLINE: Duration = Duration::from_secs(3 * 3600 + 30 * 60);
/// Network faults before the trigger: longer than a restart of a network, far shorter than the wait
/// for a refresh.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// One HTTP call.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A flow may keep its caller waiting for 120 s (Power Automate's limit for synchronous requests).
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(130);
/// How late a run may start. Microsoft's own script (DFUtils.psm1 of powerbi-powershell) waits as
/// long.
const START_WITHIN: Duration = Duration::from_secs(5 * 60);
/// The pause between two looks at a dataflow's history, from the same script.
const POLL_DATAFLOW: Duration = Duration::from_secs(5);
/// The pause between two looks at a run whose id the service returns: there is nothing to match, and
/// Fabric asks for a minute.
const POLL_NAMED: Duration = Duration::from_secs(10);

const NAME_CONTENT: &str =
    "name the content that the flow refreshes, as in `verify: {kind: dataflow, …}`";

/// A target while it is resolved.
struct Here<'n> {
    base: &'n Base,
    name: &'n str,
    /// As it is written.
    raw: &'n Node,
    /// With its `${…}` filled in.
    node: &'n Node,
    path: String,
}

impl Here<'_> {
    /// The place of a key, or of what encloses it.
    fn at(&self, keys: &[&str]) -> Place {
        let at = self.node.get(keys).unwrap_or(self.node).at;
        let path = keys.iter();
        let path = path.fold(self.path.clone(), |path, key| below(&path, key));
        (at, path)
    }

    /// The place of a key if it is given, otherwise of the section that lacks it.
    fn credentials(&self, section: &[&str]) -> Place {
        let key = [section, &["credentials"]].concat();
        let given = self.node.get(&key).is_some();
        self.at(if given { &key } else { section })
    }
}

impl Resolver<'_> {
    /// A target by its name.
    pub(crate) fn target(&mut self, base: &Base, name: &str) -> Option<ResolvedTarget> {
        let targets = self.tree.get(&["targets"])?.entries();
        let entry = targets.iter().find(|entry| entry.key == name)?;
        let path = below("targets", name);
        if let Err(fault) = values::target_name(name) {
            self.problems.add(entry.at, &path, fault);
        }
        let node = self.filled(&entry.node, &path);
        let target = de::read(&node, &path, &mut self.problems)?;
        let here = Here {
            base,
            name,
            raw: &entry.node,
            node: &node,
            path,
        };
        let (shared, common, wit) = match target {
            Target::PowerAutomate(flow) => {
                return self.flow(&here, *flow);
            }
            Target::Dataflow(one) => {
                let dataflow = wit::DataflowTarget {
                    item: watched(one.history, one.item, POLL_DATAFLOW),
                    mail_on_failure: one.own.notify == Some(Notify::MailOnFailure),
                };
                (one.shared, one.common, wit::Target::Dataflow(dataflow))
            }
            Target::DataflowGen2(one) => {
                self.require_fabric(&here, &["kind"]);
                let gen2 = wit::Gen2Target {
                    item: watched(one.history, one.item, POLL_NAMED),
                    apply_changes: one.own.apply_changes.map(|apply| match apply {
                        ApplyChanges::Skip => wit::ApplyChanges::Skip,
                        ApplyChanges::IfNeeded => wit::ApplyChanges::IfNeeded,
                    }),
                    parameters: self.parameters(&here),
                };
                (one.shared, one.common, wit::Target::DataflowGen2(gen2))
            }
            Target::SemanticModel(one) => {
                let model = wit::ModelTarget {
                    item: watched(one.history, one.item, POLL_NAMED),
                    refresh: match one.own.refresh {
                        Some(TextOr::Keys(keys)) => self.enhanced(&here, one.own.notify, keys),
                        _ => wit::ModelRefresh::Standard(
                            one.own.notify == Some(Notify::MailOnFailure),
                        ),
                    },
                };
                (one.shared, one.common, wit::Target::SemanticModel(model))
            }
        };
        let place = here.credentials(&[]);
        let credential = self.credential_of(place, common.credentials.as_ref())?;
        Some(self.finish(&here, &shared, &common, wit, Some(credential)))
    }

    /// Adds an error if the address of Fabric is not known.
    fn require_fabric(&mut self, here: &Here<'_>, kind: &[&str]) {
        if here.base.endpoints.fabric.is_none() {
            self.bad(
                here.at(kind),
                "Microsoft documents no address of Fabric in this cloud",
                "set `endpoints.fabric` to the address that your administrators know",
            );
        }
    }

    /// Names and values as JSON text.
    fn parameters(&mut self, here: &Here<'_>) -> Vec<wit::Parameter> {
        let mut all = Vec::new();
        let entries = here.node.get(&["parameters"]);
        for entry in entries.map_or(&[][..], Node::entries) {
            let at = here.at(&["parameters", &entry.key]);
            let value = &entry.node.value;
            if entry.key.trim().is_empty() {
                let what = "this parameter has no name";
                self.bad(at, what, "write its name in the dataflow");
            } else if matches!(value, Value::Null | Value::List(_) | Value::Map(_)) {
                self.bad(
                    at,
                    &format!(
                        "expected text, a number, true or false, found {}",
                        value.kind()
                    ),
                    "put a date or a list in quotes, as the dataflow reads it",
                );
            } else {
                all.push(wit::Parameter {
                    name: entry.key.clone(),
                    value: json(&entry.node),
                });
            }
        }
        all
    }

    /// An enhanced refresh. What Microsoft would refuse is refused here: "Enhanced refresh with the
    /// Power BI REST API"
    /// (<https://learn.microsoft.com/power-bi/connect-data/asynchronous-refresh>).
    fn enhanced(
        &mut self,
        here: &Here<'_>,
        notify: Option<Notify>,
        keys: Enhanced,
    ) -> wit::ModelRefresh {
        if notify.is_some() {
            self.bad(
                here.at(&["notify"]),
                "an enhanced refresh sends no e-mail: Microsoft refuses `notifyOption` in it",
                "remove `notify`, or `refresh` for a standard refresh",
            );
        }
        let policy = keys.apply_refresh_policy;
        if keys.commit_mode == Some(CommitMode::PartialBatch) && policy != Some(false) {
            let key = match policy {
                Some(_) => "apply_refresh_policy",
                None => "commit_mode",
            };
            self.bad(
                here.at(&["refresh", key]),
                "Microsoft applies an incremental refresh policy, which is the default, in one transaction only",
                "write `apply_refresh_policy: false` beside `commit_mode: partial_batch`, or remove `commit_mode`",
            );
        }
        if keys.effective_date.is_some() && policy == Some(false) {
            self.bad(
                here.at(&["refresh", "effective_date"]),
                "this is the day from which a refresh policy counts, and none is applied",
                "remove it, or `apply_refresh_policy: false`",
            );
        }
        let objects = keys.objects.into_iter().flat_map(|list| list.0);
        let objects = objects.map(|object| match object {
            TextOr::Text(table) => (table, None),
            TextOr::Keys(object) => (object.table, object.partition),
        });
        wit::ModelRefresh::Enhanced(wit::EnhancedRefresh {
            type_: keys.refresh_type.map(word),
            objects: objects
                .map(|(table, partition)| wit::ModelObject {
                    table: table.0,
                    partition: partition.map(|partition| partition.0),
                })
                .collect(),
            partial_batch: keys
                .commit_mode
                .map(|mode| mode == CommitMode::PartialBatch),
            max_parallelism: keys.max_parallelism.map(|number| number.0),
            retry_count: keys.retry_count.map(|number| number.0),
            timeout_seconds: keys.timeout.map(|timeout| timeout.0),
            apply_refresh_policy: policy,
            effective_date: keys.effective_date.map(|day| day.0),
        })
    }

    /// A flow.
    fn flow(&mut self, here: &Here<'_>, flow: Flow) -> Option<ResolvedTarget> {
        let trigger = self.trigger(here, &flow);
        let own = &flow.own;
        let payload = match here.node.get(&["payload"]).map(payload) {
            None => "{}".to_owned(),
            Some(Ok(text)) => text,
            Some(Err(fault)) => {
                self.add(here.at(&["payload"]), fault);
                String::new()
            }
        };
        let usual = self.inputs.map_or("", |inputs| inputs.source);
        let source = match &own.source {
            Setting::Inherited => usual,
            // The component takes an empty source as none.
            Setting::None(_) => "",
            Setting::One(text) => text.0.trim(),
        };
        let (verify, credential) = self.verify(here, &flow);
        if !matches!(verify, wit::Verification::Content(_)) {
            let what = "this has no effect, because `verify` names no content";
            self.refuse(
                here,
                "if_running",
                what,
                "add `verify: {kind: dataflow, …}`",
            );
        }
        if verify != wit::Verification::Response {
            let what = "this has an effect only with `verify: {kind: response}`";
            self.refuse(
                here,
                "response_timeout",
                what,
                "add `verify: {kind: response}`",
            );
        }
        let (trigger, trigger_credential) = trigger?;
        let body = wit::TriggerBody {
            payload,
            standard_fields: own.standard_fields.unwrap_or(true),
            dataflow_name: here.name.to_owned(),
            source: source.to_owned(),
        };
        let wit = wit::Target::PowerAutomate(wit::PowerAutomateTarget {
            url: trigger.url().to_string(),
            body,
            verify,
        });
        let timeout = own.response_timeout.unwrap_or(Span(RESPONSE_TIMEOUT));
        Some(ResolvedTarget {
            trigger: Some(trigger),
            trigger_credential,
            response_timeout: timeout.0,
            ..self.finish(here, &flow.shared, &flow.common, wit, credential)
        })
    }

    /// The trigger, authorized by its signature or by credentials.
    fn trigger(
        &mut self,
        here: &Here<'_>,
        flow: &Flow,
    ) -> Option<(TriggerAddress, Option<Credential>)> {
        let name = flow.common.credentials.as_ref();
        let credential = name.map(|name| self.credential_of(here.credentials(&[]), Some(name)));
        let place = here.at(&["url"]);
        let text = flow.own.url.expose_secret();
        let parsed = parse_trigger_url(text, name.is_some(), here.base.allow_loopback);
        let parsed = parsed.map_err(|fault| self.add(place.clone(), fault));
        let (address, warnings) = parsed.ok()?;
        for warning in warnings {
            self.warn(place.clone(), warning);
        }
        if let TriggerAddress::Signed(sas) = &address {
            if let Some(inputs) = &self.inputs {
                sas.register(inputs.redactor);
            }
            if name.is_some() {
                self.bad(
                    here.at(&["credentials"]),
                    "the URL has a `sig`, and the service refuses a request with both a signature and a token",
                    "remove it; move the credentials that read the history under `verify:`",
                );
                return None;
            }
            let what = "the URL's `sig`, which is a secret; move the URL";
            self.warn_of_secret(here.raw.get(&["url"]), place, what);
            return Some((address, None));
        }
        Some((address, Some(credential??)))
    }

    /// How a flow is verified, and the credentials for that.
    fn verify(&mut self, here: &Here<'_>, flow: &Flow) -> (wit::Verification, Option<Credential>) {
        let (content, name) = match &flow.own.verify {
            None => return (wit::Verification::None, None),
            Some(Verify::Response(_)) => return (wit::Verification::Response, None),
            Some(Verify::Dataflow(one)) => {
                let item = watched(one.history, one.item.clone(), POLL_DATAFLOW);
                (wit::Content::Dataflow(item), &one.own.credentials)
            }
            Some(Verify::DataflowGen2(one)) => {
                self.require_fabric(here, &["verify", "kind"]);
                let item = watched(one.history, one.item.clone(), POLL_NAMED);
                (wit::Content::DataflowGen2(item), &one.own.credentials)
            }
            Some(Verify::SemanticModel(one)) => {
                let item = watched(one.history, one.item.clone(), POLL_NAMED);
                (wit::Content::SemanticModel(item), &one.own.credentials)
            }
        };
        // A quota is counted at the service even if the outcome is not verified.
        let quota = flow.shared.quota.or(&here.base.defaults.shared.quota);
        let asked = self.inputs.is_none_or(|inputs| inputs.verify) || quota.is_some();
        let credential = asked
            .then(|| self.credential_of(here.credentials(&["verify"]), name.as_ref()))
            .flatten();
        (wit::Verification::Content(content), credential)
    }

    /// A target without a trigger: the keys that every target has, with the defaults applied.
    fn finish(
        &mut self,
        here: &Here<'_>,
        own: &Shared,
        common: &Common,
        wit: wit::Target,
        credential: Option<Credential>,
    ) -> ResolvedTarget {
        let usual = &here.base.defaults.shared;
        let quota = own.quota.or(&usual.quota);
        let quota = quota.and_then(|quota| self.quota(here, quota, &wit));
        let span = |own: Option<Span>, usual: Option<Span>, otherwise| {
            own.or(usual).map_or(otherwise, |span| span.0)
        };
        let timeout = span(own.timeout, usual.timeout, TIMEOUT);
        let patience = here.base.defaults.own.connect_patience;
        ResolvedTarget {
            name: here.name.to_owned(),
            trigger: None,
            trigger_credential: None,
            response_timeout: timeout,
            endpoints: here.base.endpoints.clone(),
            credential,
            timeout,
            deadline: span(own.deadline, usual.deadline, DEADLINE),
            connect_patience: span(patience, None, CONNECT_PATIENCE),
            if_lost: common.if_lost,
            if_running: match own.if_running.or(usual.if_running) {
                None | Some(IfRunning::Wait) => wit::IfRunning::Wait,
                Some(IfRunning::Skip) => wit::IfRunning::Skip,
                Some(IfRunning::Follow) => wit::IfRunning::Follow,
            },
            on_interrupt: self.on_interrupt(here, own, &wit),
            quota,
            windows: own
                .window
                .or(&usual.window)
                .map_or_else(Vec::new, Windows::all),
            min_interval: own.min_interval.or(&usual.min_interval).map(|span| span.0),
            retry: own.retry.or(usual.retry).unwrap_or_default(),
            mask: self.mask(here),
            warnings: std::mem::take(&mut self.warnings),
            wit,
        }
    }

    /// What the body of the request has from `${…}`. A long one without blanks may be a secret, which
    /// an answer may repeat.
    fn mask(&self, here: &Here<'_>) -> Mask {
        let keys = ["payload", "source", "parameters", "refresh"].iter();
        let parts = keys.filter_map(|key| here.raw.get(&[key]).zip(here.node.get(&[key])));
        let leaves = parts.flat_map(|(raw, node)| raw.leaves().into_iter().zip(node.leaves()));
        let fetched = leaves.filter_map(|(raw, node)| match &node.value {
            Value::Text(text) if !is_literal(raw) => Some(SecretString::from(text.as_str())),
            _ => None,
        });
        let mask: Vec<SecretString> = fetched.collect();
        // A name or a date has two kinds of characters at most, a short password three.
        let may_be_secret = |text: &str| {
            let has = |kind: fn(&char) -> bool| usize::from(text.chars().any(|c| kind(&c)));
            let digits = has(char::is_ascii_digit);
            let letters = has(char::is_ascii_lowercase) + has(char::is_ascii_uppercase);
            let kinds = digits + letters + has(|c| !c.is_ascii_alphanumeric());
            let is_long = text.len() >= 16 && digits == 1;
            (is_long || kinds >= 3) && !text.contains(char::is_whitespace) && !is_guid(text)
        };
        let secrets = mask
            .iter()
            .filter(|text| may_be_secret(text.expose_secret()));
        secrets.for_each(|secret| self.register(secret));
        Mask(mask)
    }

    /// The quota in force, with the kinds of run that the service is assumed to count.
    fn quota(
        &mut self,
        here: &Here<'_>,
        quota: &Quota,
        target: &wit::Target,
    ) -> Option<wit::QuotaGuard> {
        let Some(content) = content_of(target) else {
            let what = "a quota is counted in the history of content, and this target watches none";
            self.without_effect(here, "quota", what, NAME_CONTENT, "none");
            return None;
        };
        let usual = match content {
            // A refresh of a model through its API has a kind of its own.
            wit::Content::SemanticModel(_) => {
                &[RunKind::OnDemand, RunKind::Scheduled, RunKind::ViaApi][..]
            }
            _ => &[RunKind::OnDemand, RunKind::Scheduled],
        };
        let count = quota.count.as_ref().map_or(usual, |list| &list.0);
        Some(wit::QuotaGuard {
            limit: quota.limit.0,
            count: count.iter().map(word).collect(),
            mode: match quota.mode {
                QuotaMode::Block => wit::QuotaMode::Block,
                QuotaMode::Warn => wit::QuotaMode::Warn,
            },
            when_unreadable: match quota.when_unreadable {
                QuotaUnreadable::Send => wit::QuotaUnreadable::Send,
                QuotaUnreadable::Skip => wit::QuotaUnreadable::Skip,
            },
        })
    }

    /// `on_interrupt` in force: `cancel` only if the service can stop the run.
    fn on_interrupt(&mut self, here: &Here<'_>, own: &Shared, target: &wit::Target) -> OnInterrupt {
        let key = "on_interrupt";
        let usual = here.base.defaults.shared.on_interrupt;
        if own.on_interrupt.or(usual) != Some(OnInterrupt::Cancel) {
            return OnInterrupt::Leave;
        }
        match (target, content_of(target)) {
            (wit::Target::PowerAutomate(_), None) => {
                let what = "the run of a flow cannot be stopped, and this target watches no content whose refresh could be";
                self.without_effect(here, key, what, NAME_CONTENT, "leave");
                OnInterrupt::Leave
            }
            (wit::Target::SemanticModel(model), _)
                if matches!(model.refresh, wit::ModelRefresh::Standard(_)) =>
            {
                let what = "the service cannot stop a standard refresh of a semantic model";
                let hint = "use an enhanced one, as in `refresh: {type: full}`";
                self.without_effect(here, key, what, hint, "leave");
                OnInterrupt::Leave
            }
            (wit::Target::PowerAutomate(_), Some(wit::Content::SemanticModel(_))) => {
                let place = self.place_of_setting(here, key);
                let text = "the service can stop only an enhanced refresh of a semantic model; a standard refresh that the flow starts goes on";
                self.warn(place, text);
                OnInterrupt::Cancel
            }
            _ => OnInterrupt::Cancel,
        }
    }

    /// Where a setting of the target or of `defaults` is written, with its path in the target.
    fn place_of_setting(&self, here: &Here<'_>, key: &str) -> Place {
        let (at, path) = here.at(&[key]);
        match here.node.get(&[key]) {
            Some(_) => (at, path),
            None => (self.place(&["defaults", key]).0, path),
        }
    }

    /// Refuses a setting without effect that the target itself has. Returns whether it has it.
    fn refuse(&mut self, here: &Here<'_>, key: &str, what: &str, hint: &str) -> bool {
        let given = here.node.get(&[key]).is_some();
        if given {
            let hint = format!("{hint}, or remove `{key}`");
            self.bad(here.at(&[key]), what, &hint);
        }
        given
    }

    /// The same, with a warning if the setting is from `defaults`.
    fn without_effect(
        &mut self,
        here: &Here<'_>,
        key: &str,
        what: &str,
        hint: &str,
        instead: &str,
    ) {
        if !self.refuse(here, key, what, hint) {
            let text = format!(
                "{what}, so that `{key}` of `defaults` has no effect; {hint}, or write `{key}: {instead}` here"
            );
            self.warn(self.place_of_setting(here, key), &text);
        }
    }
}

fn watched(history: History, item: impl Into<Item>, poll: Duration) -> wit::WatchedItem {
    let Item(workspace, item) = item.into();
    let millis = |span: Option<Span>, usual: Duration| span.unwrap_or(Span(usual)).millis();
    wit::WatchedItem {
        workspace,
        item,
        start_within_ms: millis(history.start_within, START_WITHIN),
        poll_ms: millis(history.poll, poll),
        when_unreadable: match history.when_unreadable {
            WhenUnreadable::Stop => wit::WhenUnreadable::Stop,
            WhenUnreadable::Accept => wit::WhenUnreadable::Accept,
        },
    }
}
