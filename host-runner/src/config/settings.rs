//! What holds for all targets: sandbox, transport, and what counts as success.

use std::path::PathBuf;

use http::Method;
use secrecy::SecretString;
use url::Url;

use super::fault::Fault;
use super::keys;
use super::reader::{Item, Reader, Section};
use super::scalars::none_of;
use super::tree::Value;
use crate::outbound::Rule;
use crate::verdict::Status;

/// What holds for all targets. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Statuses that exit 0 as well.
    pub exit_zero_on: Vec<Status>,
    /// The entries of `sandbox.allow`.
    pub allow: Vec<Rule>,
    /// Whether this machine may be reached, over http too.
    pub allow_loopback: bool,
    /// PEM certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy for encrypted calls, as it was written: it may hold a password.
    pub proxy: Option<SecretString>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Reads everything of the file but its targets and their credentials.
pub(crate) fn read(reader: &mut Reader<'_>, file: &Section<'_>) -> Option<Settings> {
    let allow_loopback = loopback(reader, file);
    let exit_zero_on = exit_zero_on(reader, file);
    let allow = allow(reader, file, allow_loopback.unwrap_or(true));
    let transport = file
        .get("transport")
        .map(|item| reader.section(&item, &keys::TRANSPORT));
    let (ca_file, proxy) = match transport {
        None => (Some(None), Some(None)),
        Some(None) => (None, None),
        Some(Some(section)) => (ca_file(reader, &section), proxy(reader, &section)),
    };
    Some(Settings {
        exit_zero_on: exit_zero_on?,
        allow: allow?,
        allow_loopback: allow_loopback?,
        ca_file: ca_file?,
        proxy: proxy?,
        warnings: reader.take_warnings(),
    })
}

/// `sandbox.allow_loopback`, which other checks need before the rest of the section.
pub(crate) fn loopback(reader: &mut Reader<'_>, file: &Section<'_>) -> Option<bool> {
    let Some(item) = file.get("sandbox") else {
        return Some(false);
    };
    let section = reader.section(&item, &keys::SANDBOX)?;
    reader.boolean(&section, "allow_loopback", false)
}

fn exit_zero_on(reader: &mut Reader<'_>, file: &Section<'_>) -> Option<Vec<Status>> {
    let Some(item) = file.get("defaults") else {
        return Some(Vec::new());
    };
    let section = reader.section(&item, &keys::DEFAULTS)?;
    let Some(item) = section.get("exit_zero_on") else {
        return Some(Vec::new());
    };
    let items = reader.list(&item)?;
    let statuses: Vec<Option<Status>> = items
        .iter()
        .map(|item| reader.parsed(item, status))
        .collect();
    statuses.into_iter().collect()
}

/// A status that a flow may want to be green. A bug of ours is never one.
fn status(text: &str) -> Result<Status, Fault> {
    let known: Vec<&str> = Status::TABLE
        .iter()
        .filter(|row| row.status != Status::InternalError)
        .map(|row| row.name)
        .collect();
    Status::from_name(text)
        .filter(|status| *status != Status::InternalError)
        .ok_or_else(|| none_of(text, &known))
}

fn allow(reader: &mut Reader<'_>, file: &Section<'_>, allow_loopback: bool) -> Option<Vec<Rule>> {
    let Some(item) = file.get("sandbox") else {
        return Some(Vec::new());
    };
    // Its keys were checked with `allow_loopback`.
    let Some(item) = reader.mapping(&item)?.get("allow") else {
        return Some(Vec::new());
    };
    let items = reader.list(&item)?;
    let rules: Vec<Option<Rule>> = items
        .iter()
        .map(|item| allow_entry(reader, item, allow_loopback))
        .collect();
    rules.into_iter().collect()
}

fn allow_entry(reader: &mut Reader<'_>, item: &Item<'_>, allow_loopback: bool) -> Option<Rule> {
    if !matches!(item.node.value, Value::Map(_)) {
        return reader.parsed(item, |text| rule(text, allow_loopback));
    }
    let section = reader.section(item, &keys::ALLOW)?;
    let private = reader.boolean(&section, "private", false);
    let methods = match section.get("methods") {
        Some(item) => methods(reader, &item),
        None => Some(Vec::new()),
    };
    let url = reader.required(&section, "url", "url: https://gateway.example")?;
    let rule = reader
        .parsed(&url, |text| rule(text, allow_loopback))?
        .with_methods(methods?);
    Some(if private? { rule.private() } else { rule })
}

/// An entry of the allow-list. Its errors show the entry without query or user name.
fn rule(text: &str, allow_loopback: bool) -> Result<Rule, Fault> {
    let bad = |what: String, hint: &str| Fault::BadValue {
        what,
        hint: hint.to_owned(),
    };
    let rule = Rule::parse(text).map_err(|error| {
        bad(
            error.to_string(),
            "an entry is `scheme://host[:port][/path]`",
        )
    })?;
    if rule.is_loopback() && !allow_loopback {
        return Err(bad(
            format!("`{rule}` is this machine"),
            "for a simulator on this machine set `sandbox.allow_loopback: true`",
        ));
    }
    Ok(rule)
}

fn methods(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<Method>> {
    /// Those that the component has a use for.
    const KNOWN: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let items = reader.list(item)?;
    if items.is_empty() {
        return reader.bad(
            item,
            "this list is empty",
            "name methods, or leave the key out for all of them".to_owned(),
        );
    }
    let methods: Vec<Option<Method>> = items
        .iter()
        .map(|item| {
            reader.parsed(item, |text| {
                let known = KNOWN
                    .contains(&text)
                    .then(|| Method::from_bytes(text.as_bytes()).ok());
                known
                    .flatten()
                    .ok_or_else(|| none_of(&text.to_uppercase(), &KNOWN))
            })
        })
        .collect();
    methods.into_iter().collect()
}

/// `transport.ca_file`. Whether it is there is asked only once it is needed.
fn ca_file(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Option<PathBuf>> {
    let Some(item) = section.get("ca_file") else {
        return Some(None);
    };
    let path = reader.path(&item)?;
    if reader.inputs.is_some() && !path.is_file() {
        return reader.wrong(item.node.at, &item.path, Fault::FileMissing { path });
    }
    Some(Some(path))
}

fn proxy(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Option<SecretString>> {
    let Some(item) = section.get("proxy") else {
        return Some(None);
    };
    let text = reader.text(&item)?;
    let url = Url::parse(text.text.trim())
        .ok()
        .filter(|url| url.scheme() == "http" && url.host_str().is_some());
    let Some(url) = url else {
        return reader.bad(
            &item,
            "this is not a proxy that can be used",
            "write `http://host:port`; https and SOCKS proxies are not supported".to_owned(),
        );
    };
    if let Some(password) = url.password() {
        reader.register(&SecretString::from(password));
        if text.literal {
            reader.warn(
                &item,
                "a password stands in the file; move it to ${env:NAME} or ${file:PATH}",
            );
        }
    }
    Some(Some(SecretString::from(text.text.trim())))
}
