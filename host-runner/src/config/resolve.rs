//! From the format's structs to settings and targets: values are fetched, defaults applied, and the
//! rules checked that concern more than one key.
//!
//! A part of the file is read when it is needed and not before, so that a target does not fail for
//! an error or a missing variable of another one.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::cloud::{Cloud, FABRIC_SCOPE};
use super::de;
use super::error::{At, ConfigError, Fault, did_you_mean, list, shown_credentials};
use super::policy::Settings;
use super::schema::{Credentials, Defaults, Endpoint, EndpointKeys, Sandbox, Transport};
use super::target::{Credential, Endpoints};
use super::template::{Env, Sources, below, fill, is_literal};
use super::tree::{Node, Value};
use super::trigger_url::loopback_not_allowed;
use super::values::{self, Filled, TextOr};
use crate::outbound::{ClientSecret, certificates};
use crate::secret::{Redactor, SHORTEST_SECRET};

/// What resolving needs from outside.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Looks up environment variables.
    pub env: Env<'a>,
    /// Is given every secret that is fetched.
    pub redactor: &'a Redactor,
    /// Whether the outcome of a refresh will be verified. If not (`--no-verify`), credentials that
    /// only `verify` needs are not fetched.
    pub verify: bool,
    /// The standard field `source` of flows that name none.
    pub source: &'a str,
}

/// What the targets of a file share.
pub(crate) struct Base {
    pub(super) defaults: Defaults,
    pub(super) endpoints: Endpoints,
    pub(super) allow_loopback: bool,
}

/// A place and its key path.
pub(super) type Place = (At, String);

/// Resolves parts of one file, and collects errors and warnings.
pub(crate) struct Resolver<'a> {
    pub(super) tree: &'a Node,
    base: &'a Path,
    /// Without them nothing is fetched: only what is written in the file is checked.
    pub(super) inputs: Option<Inputs<'a>>,
    pub(crate) problems: ConfigError,
    pub(super) warnings: Vec<String>,
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
            problems: ConfigError::none(file),
            warnings: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, (at, path): Place, fault: Fault) {
        self.problems.add(at, &path, fault);
    }

    pub(super) fn bad(&mut self, place: Place, what: &str, hint: &str) {
        self.add(place, Fault::bad(what, hint));
    }

    pub(super) fn warn(&mut self, (at, path): Place, text: &str) {
        self.warnings.push(self.problems.placed(at, &path, text));
    }

    /// The place of a key of the file, or of what encloses it.
    pub(super) fn place(&self, keys: &[&str]) -> Place {
        let node = self.tree.get(keys).unwrap_or(self.tree);
        (node.at, keys.join("."))
    }

    /// A part of the file with its values fetched.
    pub(super) fn filled(&mut self, node: &Node, path: &str) -> Node {
        let sources = Sources {
            env: self.inputs.map(|inputs| inputs.env),
            base: self.base,
        };
        fill(node, path, sources, &mut self.problems)
    }

    /// A section of the file; nothing if it has an error or a value that is not fetched.
    fn section<T: DeserializeOwned + Default>(&mut self, key: &str) -> Option<T> {
        let Some(node) = self.tree.get(&[key]) else {
            return Some(T::default());
        };
        let node = self.filled(node, key);
        de::read(&node, key, &mut self.problems)
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
        let (sandbox, transport, defaults) = (sandbox?, transport?, defaults?.own);
        if let Some(Value::List(items)) = self.tree.get(&["sandbox", "allow"]).map(|n| &n.value) {
            for (index, (item, entry)) in items.iter().zip(&sandbox.allow).enumerate() {
                if entry.0.is_loopback() && !sandbox.allow_loopback {
                    let place = (item.at, format!("sandbox.allow[{index}]"));
                    self.add(place, loopback_not_allowed(&entry.0.to_string()));
                }
            }
        }
        let ca_file = transport.ca_file.map(|path| self.base.join(path.0.trim()));
        if let Some(path) = ca_file.as_ref().filter(|_| self.inputs.is_some())
            && let Err(reason) = certificates(path)
        {
            let fault = match path.exists() {
                true => Fault::unusable_file(path, &reason, "name a file of PEM certificates"),
                false => Fault::no_file(path),
            };
            self.add(self.place(&["transport", "ca_file"]), fault);
        }
        if let Some(text) = &transport.proxy {
            self.check_proxy(text);
        }
        let trimmed = |text: SecretString| SecretString::from(text.expose_secret().trim());
        Some(Settings {
            exit_zero_on: defaults.exit_zero_on.iter().map(|one| one.0).collect(),
            require_completed: defaults.require.is_some(),
            allow: sandbox.allow.into_iter().map(|entry| entry.0).collect(),
            allow_loopback: sandbox.allow_loopback,
            ca_file,
            proxy: transport.proxy.map(trimmed),
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    fn check_proxy(&mut self, text: &SecretString) {
        let key = ["transport", "proxy"];
        let place = self.place(&key);
        let url = Url::parse(text.expose_secret().trim()).ok();
        let Some(url) = url.filter(|url| url.scheme() == "http" && url.host_str().is_some()) else {
            return self.bad(
                place,
                "this proxy is not supported",
                "write `http://host:port`; https and SOCKS proxies are not supported",
            );
        };
        if let Some(password) = url.password() {
            self.register(&SecretString::from(password));
            self.warn_of_secret(self.tree.get(&key), place, "a password; move it");
        }
    }

    pub(super) fn register(&self, secret: &SecretString) {
        if let Some(inputs) = &self.inputs {
            inputs.redactor.register(secret);
        }
    }

    /// Warns if a secret is written in the file itself.
    pub(super) fn warn_of_secret(&mut self, raw: Option<&Node>, place: Place, what: &str) {
        if raw.is_some_and(is_literal) {
            let text = format!("the file contains {what} to ${{env:NAME}} or ${{file:PATH}}");
            self.warn(place, &text);
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
        let mut given = |key: &str, form: Option<TextOr<Endpoint>>, usual: Option<&str>| {
            let public = |url: &str| Endpoint {
                url: url.to_owned(),
                private: false,
            };
            let mut endpoint = match form {
                Some(TextOr::Keys(endpoint)) => endpoint,
                Some(TextOr::Text(url)) => public(&url),
                None => return usual.map(public),
            };
            match values::endpoint(&endpoint.url, allow_loopback) {
                Ok(url) => endpoint.url = url,
                Err(fault) => {
                    let (at, path) = self.place(&["endpoints", key]);
                    let url = self.tree.get(&["endpoints", key, "url"]);
                    self.add((url.map_or(at, |url| url.at), path), fault);
                }
            }
            Some(endpoint)
        };
        let login = given("login", keys.login, Some(there.login));
        let powerbi = given("powerbi", keys.powerbi, Some(there.powerbi));
        let fabric = given("fabric", keys.fabric, there.fabric);
        let url = fabric.as_ref().and_then(|one| Url::parse(&one.url).ok());
        let fabric_scope = match (cloud, url) {
            (Cloud::Public, _) => FABRIC_SCOPE.to_owned(),
            (_, Some(url)) => format!("{}/.default", url.origin().ascii_serialization()),
            (_, None) => String::new(),
        };
        Endpoints {
            login: login.unwrap_or_default(),
            powerbi: powerbi.unwrap_or_default(),
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
        let node = self.filled(raw, &path);
        let Credentials::ClientSecret(keys) = de::read(&node, &path, &mut self.problems)?;
        // No secret has control characters: they are the line break that `echo` or an editor adds.
        let whole = keys.client_secret;
        let text = whole.expose_secret().trim_matches(char::is_control);
        let secret = SecretString::from(text);
        self.register(&whole);
        self.register(&secret);
        let raw = raw.get(&["client_secret"]);
        let place = (
            raw.map_or(node.at, |raw| raw.at),
            format!("{path}.client_secret"),
        );
        let is_short = text.len() < SHORTEST_SECRET;
        if is_short || text.contains(char::is_control) {
            let what = match is_short {
                true => {
                    "this is too short for a client secret, and too short to be masked in messages"
                }
                false => "this has a line break or another control character inside",
            };
            let hint = "copy the secret's value (not its id) again; it has about 40 characters";
            self.bad(place, what, hint);
            return None;
        }
        if let Some(around) = values::around(text) {
            let text = format!(
                "{around} around this are sent as part of the secret; remove them if the sign-in is refused"
            );
            self.warn(place.clone(), &text);
        }
        self.warn_of_secret(raw, place, "a secret; move it");
        Some(Credential {
            name: name.to_owned(),
            app: ClientSecret {
                tenant: keys.tenant,
                client_id: keys.client_id,
                client_secret: secret,
            },
        })
    }

    /// The credentials that are named at a place, `default` if none are.
    pub(super) fn credential_of(
        &mut self,
        place: Place,
        name: Option<&Filled>,
    ) -> Option<Credential> {
        let written = name.map(|name| name.0.trim());
        let name = written.unwrap_or("default");
        let entries = self.tree.get(&["credentials"]);
        let entries = entries.map_or(&[][..], Node::entries);
        if entries.iter().any(|entry| entry.key == name) {
            return self.credential(name);
        }
        let known = entries.iter().map(|entry| shown_credentials(&entry.key));
        let known: Vec<&str> = known.flatten().collect();
        let hint = did_you_mean(name, &known).unwrap_or_else(|| match known.as_slice() {
            [] => "add `credentials: {default: {kind: client-secret, tenant: …, client_id: …, \
                   client_secret: \"${env:AZURE_CLIENT_SECRET}\"}}`"
                .to_owned(),
            known => format!("known credentials: {}", list(known)),
        });
        let which = match written {
            None => "`default`",
            Some(_) => "with this name",
        };
        let what = format!("there are no credentials {which}");
        self.add(place, Fault::new("unknown_credentials", what, hint));
        None
    }
}
