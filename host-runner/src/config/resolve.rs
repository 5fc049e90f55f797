//! From the format's structs to settings and targets: values are fetched, defaults applied, and the
//! rules checked that concern more than one key.
//!
//! A part of the file is read when it is needed and not before, so that a target does not fail for
//! an error or a missing variable of another one. A setting that would have no effect is refused in
//! a target; from `defaults`, which are for many targets, it is a warning.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::cloud::{Cloud, FABRIC_SCOPE};
use super::de;
use super::error::{At, Problems};
use super::fault::{Fault, nearest, shown_credentials};
use super::policy::Settings;
use super::schema::{
    CommitMode, CredentialForm, DataflowItem, Defaults, Endpoint, EndpointKeys, Enhanced, FlowKeys,
    Hidden, HistoryKeys, IfRunning, ModelItem, Notify, OnInterrupt, Quota, RefreshForm, RunKind,
    Sandbox, Setting, Shared, Target, Transport, VerifyForm,
};
use super::target::{
    ContentKind, Credential, Dataflow, Endpoints, FlowAuthorization, Gen2, Model, ModelRefresh,
    PowerAutomate, ResolvedTarget, Verify, Watched, What, json, payload,
};
use super::template::{Env, Sources, below, fill, is_literal};
use super::time::Span;
use super::tree::{Node, Value};
use super::trigger_url::{TriggerAddress, UrlForm, parse_trigger_url};
use super::values::{self, Filled, FilledList, IdOrName};
use crate::audit_log::IfLost;
use crate::secret::Redactor;

/// One invocation from its start: a dataflow on shared capacity may run for 3 hours and may have to
/// wait before.
const DEADLINE: Duration = Duration::from_secs(3 * 3600 + 30 * 60);
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

/// What resolving needs from outside.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Looks up environment variables.
    pub env: Env<'a>,
    /// Is told every secret that is fetched.
    pub redactor: &'a Redactor,
    /// Whether the outcome of a refresh will be verified. If not (`--no-verify`), credentials that
    /// only `verify` needs are not fetched.
    pub verify: bool,
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs")
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}

/// What the targets of a file share.
pub(crate) struct Base {
    defaults: Defaults,
    endpoints: Endpoints,
    allow_loopback: bool,
}

/// A target while it is resolved.
struct Here<'n> {
    name: &'n str,
    /// As it is written.
    raw: &'n Node,
    /// With its `${…}` filled in.
    node: &'n Node,
    path: String,
}

impl Here<'_> {
    /// The place and the path of a key, or of what encloses it.
    fn at(&self, keys: &[&str]) -> (At, String) {
        let at = self.node.get(keys).map_or(self.node.at, |node| node.at);
        let path = keys
            .iter()
            .fold(self.path.clone(), |path, key| below(&path, key));
        (at, path)
    }

    fn has(&self, key: &str) -> bool {
        self.node.get(&[key]).is_some()
    }
}

/// What the kind of a target decides.
struct Resolved {
    what: What,
    credential: Option<Credential>,
    /// The content that is watched.
    content: Option<ContentKind>,
}

/// Resolves parts of one file, and collects errors and warnings.
pub(crate) struct Resolver<'a> {
    tree: &'a Node,
    base: &'a Path,
    /// Without them nothing is fetched: only what is written in the file is checked.
    inputs: Option<Inputs<'a>>,
    pub(crate) problems: Problems<'a>,
    warnings: Vec<String>,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        tree: &'a Node,
        file: Option<&'a Path>,
        base: &'a Path,
        inputs: Option<Inputs<'a>>,
    ) -> Self {
        Self {
            tree,
            base,
            inputs,
            problems: Problems::of(file),
            warnings: Vec::new(),
        }
    }

    fn bad(&mut self, (at, path): (At, String), what: &str, hint: &str) {
        self.problems.add(at, &path, Fault::bad(what, hint));
    }

    fn warn(&mut self, (at, path): (At, String), text: &str) {
        self.warnings.push(self.problems.placed(at, &path, text));
    }

    /// A part of the file with its values fetched, and the places of those that are not known.
    fn filled(&mut self, node: &Node, path: &str) -> (Node, Vec<At>) {
        let sources = Sources {
            env: self.inputs.map(|inputs| inputs.env),
            base: self.base,
        };
        let mut unknown = Vec::new();
        let node = fill(node, path, sources, &mut self.problems, &mut unknown);
        (node, unknown)
    }

    /// A section of the file; nothing if it has an error or a value that is not fetched.
    fn section<T: DeserializeOwned + Default>(&mut self, key: &str) -> Option<T> {
        let Some(node) = self.tree.get(&[key]) else {
            return Some(T::default());
        };
        let (node, unknown) = self.filled(node, key);
        de::read(&node, key, unknown, &mut self.problems)
    }

    /// `audit`.
    pub(crate) fn audit(&mut self) -> Option<String> {
        let audit: Option<Option<Filled>> = self.section("audit");
        Some(audit??.0.trim().to_owned())
    }

    /// What applies to all targets.
    pub(crate) fn settings(&mut self) -> Option<Settings> {
        let defaults: Option<Defaults> = self.section("defaults");
        let sandbox: Option<Sandbox> = self.section("sandbox");
        let transport: Option<Transport> = self.section("transport");
        let (sandbox, transport) = (sandbox?, transport?);
        let tree = self.tree;
        let place = |keys: &[&str]| tree.get(keys).map_or(tree.at, |node| node.at);
        if let Some(Value::List(items)) = tree.get(&["sandbox", "allow"]).map(|node| &node.value) {
            for (index, (item, entry)) in items.iter().zip(&sandbox.allow).enumerate() {
                if entry.0.is_loopback() && !sandbox.allow_loopback {
                    let host = entry.0.to_string();
                    let path = format!("sandbox.allow[{index}]");
                    let fault = Fault::LoopbackNotAllowed { host };
                    self.problems.add(item.at, &path, fault);
                }
            }
        }
        let ca_file = transport.ca_file.map(|path| self.base.join(path.0.trim()));
        if let Some(path) = ca_file.clone().filter(|path| !path.is_file())
            && self.inputs.is_some()
        {
            let at = place(&["transport", "ca_file"]);
            let fault = Fault::FileMissing { path };
            self.problems.add(at, "transport.ca_file", fault);
        }
        let proxy = transport.proxy.map(|Hidden(text)| text);
        if let Some(text) = &proxy {
            let at = (place(&["transport", "proxy"]), "transport.proxy".to_owned());
            self.check_proxy(at, text);
        }
        Some(Settings {
            exit_zero_on: defaults?.own.exit_zero_on.iter().map(|one| one.0).collect(),
            allow: sandbox.allow.into_iter().map(|entry| entry.0).collect(),
            allow_loopback: sandbox.allow_loopback,
            ca_file,
            proxy: proxy.map(|text| SecretString::from(text.expose_secret().trim())),
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    fn check_proxy(&mut self, at: (At, String), text: &SecretString) {
        let url = Url::parse(text.expose_secret().trim())
            .ok()
            .filter(|url| url.scheme() == "http" && url.host_str().is_some());
        let Some(url) = url else {
            return self.bad(
                at,
                "this proxy is not supported",
                "write `http://host:port`; https and SOCKS proxies are not supported",
            );
        };
        if let Some(password) = url.password() {
            self.register(&SecretString::from(password));
            let literal = self
                .tree
                .get(&["transport", "proxy"])
                .is_some_and(is_literal);
            if literal {
                self.warn(
                    at,
                    "the file contains a password; move it to ${env:NAME} or ${file:PATH}",
                );
            }
        }
    }

    fn register(&self, secret: &SecretString) {
        if let Some(inputs) = &self.inputs {
            inputs.redactor.register(secret);
        }
    }

    /// What the targets share. What has an error is replaced by the usual, so that the errors of the
    /// targets are found as well.
    pub(crate) fn shared(&mut self) -> Base {
        let sandbox: Option<Sandbox> = self.section("sandbox");
        // If it is not known, nothing is refused for it.
        let allow_loopback = sandbox.is_none_or(|sandbox| sandbox.allow_loopback);
        Base {
            defaults: self.section("defaults").unwrap_or_default(),
            endpoints: self.endpoints(allow_loopback),
            allow_loopback,
        }
    }

    /// `cloud` and `endpoints`.
    fn endpoints(&mut self, allow_loopback: bool) -> Endpoints {
        let cloud: Cloud = self.section("cloud").unwrap_or_default();
        let keys: EndpointKeys = self.section("endpoints").unwrap_or_default();
        let there = cloud.addresses();
        let mut given = |key: &str, endpoint: Option<Endpoint>, usual: Option<&str>| {
            let Some(mut endpoint) = endpoint else {
                return usual.map(|url| Endpoint {
                    url: url.to_owned(),
                    private: false,
                });
            };
            match values::endpoint(&endpoint.url, allow_loopback) {
                Ok(url) => endpoint.url = url,
                Err(fault) => {
                    let path = format!("endpoints.{key}");
                    let node = self.tree.get(&["endpoints", key]);
                    let url = node.map(|node| node.get(&["url"]).unwrap_or(node));
                    let at = url.map_or(self.tree.at, |node| node.at);
                    self.problems.add(at, &path, fault);
                }
            }
            Some(endpoint)
        };
        let none = || Endpoint {
            url: String::new(),
            private: false,
        };
        let login = given("login", keys.login, Some(there.login));
        let powerbi = given("powerbi", keys.powerbi, Some(there.powerbi));
        let fabric = given("fabric", keys.fabric, there.fabric);
        let fabric_scope = match (cloud, &fabric) {
            (Cloud::Public, _) => FABRIC_SCOPE.to_owned(),
            (_, Some(endpoint)) => Url::parse(&endpoint.url).map_or_else(
                |_| String::new(),
                |url| format!("{}/.default", url.origin().ascii_serialization()),
            ),
            (_, None) => String::new(),
        };
        Endpoints {
            login: login.unwrap_or_else(none),
            powerbi: powerbi.unwrap_or_else(none),
            fabric,
            powerbi_scope: there.powerbi_scope.to_owned(),
            fabric_scope,
            flow_scope: there.flow_scope.to_owned(),
        }
    }

    /// Credentials by their name.
    pub(crate) fn credential(&mut self, name: &str) -> Option<Credential> {
        let raw = self.tree.get(&["credentials", name])?;
        let path = below("credentials", name);
        let (node, unknown) = self.filled(raw, &path);
        let form = de::read(&node, &path, unknown, &mut self.problems)?;
        let CredentialForm::ClientSecret(keys) = form;
        let secret = keys.client_secret.0;
        self.register(&secret);
        if let Some(node) = raw.get(&["client_secret"]).filter(|node| is_literal(node)) {
            self.warn(
                (node.at, format!("{path}.client_secret")),
                "the file contains a secret; move it to ${env:NAME} or ${file:PATH}",
            );
        }
        Some(Credential {
            name: name.to_owned(),
            tenant: keys.tenant.0,
            client_id: keys.client_id.0,
            secret,
        })
    }

    /// The credentials that a section of a target names, `default` if it names none.
    fn credential_of(
        &mut self,
        here: &Here<'_>,
        section: &[&str],
        name: Option<&Filled>,
    ) -> Option<Credential> {
        let key = [section, &["credentials"]].concat();
        let (at, path) = here.at(if name.is_some() { &key } else { section });
        let written = name.map(|name| name.0.trim());
        let name = written.unwrap_or("default");
        let entries = self
            .tree
            .get(&["credentials"])
            .map_or(&[][..], Node::entries);
        if entries.iter().any(|entry| entry.key == name) {
            return self.credential(name);
        }
        let known = entries
            .iter()
            .filter_map(|entry| shown_credentials(&entry.key));
        let known: Vec<String> = known.map(str::to_owned).collect();
        let fault = Fault::UnknownCredentials {
            default: written.is_none(),
            nearest: nearest(name, &known),
            known,
        };
        self.problems.add(at, &path, fault);
        None
    }

    /// A target by its name.
    pub(crate) fn target(&mut self, base: &Base, name: &str) -> Option<ResolvedTarget> {
        let targets = self.tree.get(&["targets"])?.entries();
        let entry = targets.iter().find(|entry| entry.key == name)?;
        let path = below("targets", name);
        if let Err(fault) = values::target_name(name) {
            self.problems.add(entry.at, &path, fault);
        }
        let (node, unknown) = self.filled(&entry.node, &path);
        let target: Target = de::read(&node, &path, unknown, &mut self.problems)?;
        let here = Here {
            name,
            raw: &entry.node,
            node: &node,
            path,
        };
        match target {
            Target::PowerAutomate(flow) => {
                let resolved = self.flow(
                    base,
                    &here,
                    &flow.shared,
                    flow.common.credentials,
                    flow.flow,
                );
                self.finish(base, &here, flow.shared, flow.common.if_lost, resolved)
            }
            Target::Dataflow(one) => {
                let watched = watched(ContentKind::Dataflow, one.history, one.item.into());
                let what = What::Dataflow(Dataflow {
                    watched,
                    mail_on_failure: one.mail.notify == Some(Notify::MailOnFailure),
                });
                let credentials = one.common.credentials.as_ref();
                let resolved = self.content(&here, credentials, ContentKind::Dataflow, what);
                self.finish(base, &here, one.shared, one.common.if_lost, resolved)
            }
            Target::DataflowGen2(one) => {
                self.require_fabric(base, &here, &["kind"], ContentKind::Gen2);
                let watched = watched(ContentKind::Gen2, one.history, one.item.into());
                let what = What::Gen2(Gen2 {
                    watched,
                    apply_changes: one.job.apply_changes,
                    parameters: self.parameters(&here),
                });
                let credentials = one.common.credentials.as_ref();
                let resolved = self.content(&here, credentials, ContentKind::Gen2, what);
                self.finish(base, &here, one.shared, one.common.if_lost, resolved)
            }
            Target::SemanticModel(one) => {
                let watched = watched(ContentKind::Model, one.history, one.item.into());
                let refresh = self.refresh(&here, one.how.refresh, one.mail.notify);
                let what = What::Model(Model { watched, refresh });
                let credentials = one.common.credentials.as_ref();
                let resolved = self.content(&here, credentials, ContentKind::Model, what);
                self.finish(base, &here, one.shared, one.common.if_lost, resolved)
            }
        }
    }

    /// A target that is content itself.
    fn content(
        &mut self,
        here: &Here<'_>,
        credentials: Option<&Filled>,
        kind: ContentKind,
        what: What,
    ) -> Option<Resolved> {
        Some(Resolved {
            what,
            credential: Some(self.credential_of(here, &[], credentials)?),
            content: Some(kind),
        })
    }

    /// Adds an error if Fabric is needed and its address is not known.
    fn require_fabric(
        &mut self,
        base: &Base,
        here: &Here<'_>,
        kind: &[&str],
        content: ContentKind,
    ) {
        if content == ContentKind::Gen2 && base.endpoints.fabric.is_none() {
            self.bad(
                here.at(kind),
                "Microsoft documents no address of Fabric in this cloud",
                "set `endpoints.fabric` to the address that your administrators know",
            );
        }
    }

    /// Names and values as JSON text.
    fn parameters(&mut self, here: &Here<'_>) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for entry in here
            .node
            .get(&["parameters"])
            .map_or(&[][..], Node::entries)
        {
            let at = here.at(&["parameters", &entry.key]);
            if entry.key.trim().is_empty() {
                self.bad(
                    at,
                    "this parameter has no name",
                    "write its name in the dataflow",
                );
            } else if matches!(
                entry.node.value,
                Value::Null | Value::List(_) | Value::Map(_)
            ) {
                let found = entry.node.value.kind();
                let what = format!("expected text, a number, true or false, found {found}");
                self.bad(
                    at,
                    &what,
                    "put a date or a list in quotes, as the dataflow reads it",
                );
            } else {
                all.push((entry.key.clone(), json(&entry.node)));
            }
        }
        all
    }

    /// How a model is refreshed. What Microsoft would refuse is refused here: "Enhanced refresh with
    /// the Power BI REST API"
    /// (<https://learn.microsoft.com/power-bi/connect-data/asynchronous-refresh>).
    fn refresh(
        &mut self,
        here: &Here<'_>,
        refresh: Option<RefreshForm>,
        notify: Option<Notify>,
    ) -> ModelRefresh {
        let Some(RefreshForm::Keys(enhanced)) = refresh else {
            return ModelRefresh::Standard {
                mail_on_failure: notify == Some(Notify::MailOnFailure),
            };
        };
        if notify.is_some() {
            self.bad(
                here.at(&["notify"]),
                "an enhanced refresh sends no e-mail: Microsoft refuses `notifyOption` in it",
                "remove `notify`, or `refresh` for a standard refresh",
            );
        }
        self.check_enhanced(here, &enhanced);
        ModelRefresh::Enhanced(enhanced)
    }

    fn check_enhanced(&mut self, here: &Here<'_>, enhanced: &Enhanced) {
        let policy = enhanced.apply_refresh_policy;
        if enhanced.commit_mode == Some(CommitMode::PartialBatch) && policy != Some(false) {
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
        if enhanced.effective_date.is_some() && policy == Some(false) {
            self.bad(
                here.at(&["refresh", "effective_date"]),
                "this is the day from which a refresh policy counts, and none is applied",
                "remove it, or `apply_refresh_policy: false`",
            );
        }
    }

    /// A flow.
    fn flow(
        &mut self,
        base: &Base,
        here: &Here<'_>,
        own: &Shared,
        credentials: Option<Filled>,
        flow: FlowKeys,
    ) -> Option<Resolved> {
        let trigger = self.trigger(base, here, &flow.url, credentials.as_ref());
        let payload = match here.node.get(&["payload"]).map(payload) {
            None => "{}".to_owned(),
            Some(Ok(text)) => text,
            Some(Err(fault)) => {
                let (at, path) = here.at(&["payload"]);
                self.problems.add(at, &path, fault);
                String::new()
            }
        };
        let source = match flow.source {
            Setting::Inherited => None,
            // The component takes an empty source as none.
            Setting::None(_) => Some(String::new()),
            Setting::One(text) => Some(text.0.trim().to_owned()),
        };
        let (verify, credential) = self.verify(base, here, own, flow.verify);
        let content = match &verify {
            Verify::Content(watched) => Some(watched.kind),
            Verify::None | Verify::Response => None,
        };
        if content.is_none() && here.has("if_running") {
            self.bad(
                here.at(&["if_running"]),
                "this has no effect, because `verify` names no content",
                "remove it, or add `verify: {kind: dataflow, …}`",
            );
        }
        if verify != Verify::Response && flow.response_timeout.is_some() {
            self.bad(
                here.at(&["response_timeout"]),
                "this has an effect only with `verify: {kind: response}`",
                "remove it, or add `verify: {kind: response}`",
            );
        }
        let (authorization, form) = trigger?;
        Some(Resolved {
            what: What::PowerAutomate(Box::new(PowerAutomate {
                authorization,
                form,
                payload,
                standard_fields: flow.standard_fields.unwrap_or(true),
                source,
                verify,
                response_timeout: flow
                    .response_timeout
                    .map_or(RESPONSE_TIMEOUT, |span| span.0),
            })),
            credential,
            content,
        })
    }

    /// The trigger, authorized by its signature or by `credentials`.
    fn trigger(
        &mut self,
        base: &Base,
        here: &Here<'_>,
        url: &Hidden,
        credentials: Option<&Filled>,
    ) -> Option<(FlowAuthorization, UrlForm)> {
        let credential = credentials.map(|name| self.credential_of(here, &[], Some(name)));
        let (at, path) = here.at(&["url"]);
        let text = url.0.expose_secret();
        let url = match parse_trigger_url(text, credentials.is_some(), base.allow_loopback) {
            Ok(url) => url,
            Err(fault) => {
                self.problems.add(at, &path, fault);
                return None;
            }
        };
        for warning in &url.warnings {
            self.warn((at, path.clone()), warning);
        }
        let sas = match url.address {
            TriggerAddress::Signed(sas) => sas,
            TriggerAddress::Bare(address) => {
                let authorization = FlowAuthorization::OAuth {
                    url: address,
                    credential: credential??,
                };
                return Some((authorization, url.form));
            }
        };
        if let Some(inputs) = &self.inputs {
            sas.register(inputs.redactor);
        }
        if credentials.is_some() {
            self.bad(
                here.at(&["credentials"]),
                "the URL has a `sig`, and the service refuses a request with both a signature and a token",
                "remove it; move the credentials that read the history under `verify:`",
            );
            return None;
        }
        if here.raw.get(&["url"]).is_some_and(is_literal) {
            self.warn(
                (at, path),
                "the file contains the URL's `sig`, which is a secret; move the URL to ${env:NAME} or ${file:PATH}",
            );
        }
        Some((FlowAuthorization::Sas(sas), url.form))
    }

    /// How a flow is verified, and the credentials for that.
    fn verify(
        &mut self,
        base: &Base,
        here: &Here<'_>,
        own: &Shared,
        verify: Option<VerifyForm>,
    ) -> (Verify, Option<Credential>) {
        let (kind, history, item, credentials) = match verify {
            None => return (Verify::None, None),
            Some(VerifyForm::Response(_)) => return (Verify::Response, None),
            Some(VerifyForm::Dataflow(one)) => {
                let item = one.item.into();
                (ContentKind::Dataflow, one.history, item, one.credentials)
            }
            Some(VerifyForm::DataflowGen2(one)) => {
                let item = one.item.into();
                (ContentKind::Gen2, one.history, item, one.credentials)
            }
            Some(VerifyForm::SemanticModel(one)) => {
                let item = one.item.into();
                (ContentKind::Model, one.history, item, one.credentials)
            }
        };
        self.require_fabric(base, here, &["verify", "kind"], kind);
        // A quota is counted at the service even if the outcome is not verified.
        let asked = self.inputs.is_none_or(|inputs| inputs.verify)
            || own.quota.or(&base.defaults.shared.quota).is_some();
        let credential = asked
            .then(|| self.credential_of(here, &["verify"], credentials.credentials.as_ref()))
            .flatten();
        (Verify::Content(watched(kind, history, item)), credential)
    }

    /// The keys that every target has, with the defaults applied.
    fn finish(
        &mut self,
        base: &Base,
        here: &Here<'_>,
        own: Shared,
        if_lost: IfLost,
        resolved: Option<Resolved>,
    ) -> Option<ResolvedTarget> {
        let resolved = resolved?;
        let usual = &base.defaults.shared;
        let quota = self.quota(base, here, &own, resolved.content);
        let on_interrupt = self.on_interrupt(base, here, &own, &resolved);
        let span = |own: Option<Span>, usual: Option<Span>, otherwise| {
            own.or(usual).map_or(otherwise, |span| span.0)
        };
        Some(ResolvedTarget {
            name: here.name.to_owned(),
            what: resolved.what,
            endpoints: base.endpoints.clone(),
            credential: resolved.credential,
            timeout: span(own.timeout, usual.timeout, TIMEOUT),
            deadline: span(own.deadline, usual.deadline, DEADLINE),
            if_lost,
            if_running: own
                .if_running
                .or(usual.if_running)
                .unwrap_or(IfRunning::Wait),
            on_interrupt,
            quota,
            windows: own
                .window
                .or(&usual.window)
                .map_or_else(Vec::new, |windows| windows.all()),
            min_interval: own.min_interval.or(&usual.min_interval).map(|span| span.0),
            retry: own.retry.or(usual.retry).unwrap_or_default(),
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    /// The quota in force, with the kinds of run that the service is assumed to count.
    fn quota(
        &mut self,
        base: &Base,
        here: &Here<'_>,
        own: &Shared,
        content: Option<ContentKind>,
    ) -> Option<Quota> {
        const WHAT: &str =
            "a quota is counted in the history of content, and this target watches none";
        const HINT: &str =
            "name the content that the flow refreshes, as in `verify: {kind: dataflow, …}`";
        let mut quota = own.quota.or(&base.defaults.shared.quota)?.clone();
        let Some(kind) = content else {
            let (_, path) = here.at(&["quota"]);
            if here.has("quota") {
                self.bad(
                    here.at(&["quota"]),
                    WHAT,
                    &format!("{HINT}, or remove `quota`"),
                );
            } else {
                let at = self.default_at("quota");
                let text = format!(
                    "{WHAT}, so that the quota of `defaults` has no effect; {HINT}, or write `quota: none` here"
                );
                self.warn((at, path), &text);
            }
            return None;
        };
        quota.count.get_or_insert_with(|| {
            let mut kinds = vec![RunKind::OnDemand, RunKind::Scheduled];
            // A refresh of a model through its API has a kind of its own.
            if kind == ContentKind::Model {
                kinds.push(RunKind::ViaApi);
            }
            FilledList(kinds)
        });
        Some(quota)
    }

    /// `on_interrupt` in force: `cancel` only if the service can stop the run.
    fn on_interrupt(
        &mut self,
        base: &Base,
        here: &Here<'_>,
        own: &Shared,
        resolved: &Resolved,
    ) -> OnInterrupt {
        let usual = base.defaults.shared.on_interrupt;
        let word = own.on_interrupt.or(usual).unwrap_or(OnInterrupt::Leave);
        if word == OnInterrupt::Leave {
            return word;
        }
        let own = here.has("on_interrupt");
        let (at, path) = here.at(&["on_interrupt"]);
        let at = if own {
            at
        } else {
            self.default_at("on_interrupt")
        };
        let (what, hint) = match (&resolved.what, resolved.content) {
            (What::PowerAutomate(_), None) => (
                "the run of a flow cannot be stopped, and this target watches no content whose refresh could be",
                "name the content that the flow refreshes, as in `verify: {kind: dataflow, …}`",
            ),
            (What::Model(model), _) if matches!(model.refresh, ModelRefresh::Standard { .. }) => (
                "the service cannot stop a standard refresh of a semantic model",
                "use an enhanced one, as in `refresh: {type: full}`",
            ),
            (What::PowerAutomate(_), Some(ContentKind::Model)) => {
                self.warn(
                    (at, path),
                    "the service can stop only an enhanced refresh of a semantic model; a standard refresh that the flow starts goes on",
                );
                return word;
            }
            _ => return word,
        };
        if own {
            self.bad(
                (at, path),
                what,
                &format!("{hint}, or remove `on_interrupt`"),
            );
        } else {
            let text = format!(
                "{what}, so that `cancel` of `defaults` has no effect here; {hint}, or write `on_interrupt: leave`"
            );
            self.warn((at, path), &text);
        }
        OnInterrupt::Leave
    }

    fn default_at(&self, key: &str) -> At {
        let node = self.tree.get(&["defaults", key]);
        node.map_or(self.tree.at, |node| node.at)
    }
}

/// A workspace and an item of it.
struct Item(IdOrName, IdOrName);

impl From<DataflowItem> for Item {
    fn from(item: DataflowItem) -> Self {
        Self(item.workspace, item.dataflow)
    }
}

impl From<ModelItem> for Item {
    fn from(item: ModelItem) -> Self {
        Self(item.workspace, item.model)
    }
}

fn watched(kind: ContentKind, history: HistoryKeys, Item(workspace, item): Item) -> Watched {
    let poll = match kind {
        ContentKind::Dataflow => POLL_DATAFLOW,
        ContentKind::Gen2 | ContentKind::Model => POLL_NAMED,
    };
    Watched {
        kind,
        workspace: workspace.0,
        item: item.0,
        start_within: history.start_within.map_or(START_WITHIN, |span| span.0),
        poll: history.poll.map_or(poll, |span| span.0),
        when_unreadable: history.when_unreadable,
    }
}
