//! The configuration from its text to its targets.

mod cases;
mod lazy;
mod options;
mod policy;
mod schema;
mod secrets;

use std::path::Path;

use super::{Config, ConfigError, Inputs, ResolvedTarget, Selection, Settings, item_of};
use crate::contract::types as wit;
use crate::secret::Redactor;

/// A flow's URL.
const FLOW_URL: &str = "https://0123456789abcdef0123456789abcd.ef.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-sig-0123456789";
/// A client secret.
const CLIENT_SECRET: &str = "INVENTED-client-secret-0123456789";

/// A file with the given targets, and credentials that come from the environment.
fn file(targets: &str) -> String {
    format!(
        "version: 1\n\
         credentials:\n  \
           default:\n    \
             kind: client-secret\n    \
             tenant: 11111111-1111-1111-1111-111111111111\n    \
             client_id: 22222222-2222-2222-2222-222222222222\n    \
             client_secret: ${{env:AZURE_CLIENT_SECRET}}\n\
         targets:\n{targets}"
    )
}

/// The variables that are set unless a test says otherwise.
fn usual_env(name: &str) -> Option<String> {
    match name {
        "FLOW_URL" => Some(FLOW_URL.to_owned()),
        "OAUTH_URL" => FLOW_URL.split("&sp=").next().map(str::to_owned),
        "AZURE_CLIENT_SECRET" => Some(CLIENT_SECRET.to_owned()),
        "AZURE_TENANT_ID" => Some("11111111-1111-1111-1111-111111111111".to_owned()),
        "AZURE_CLIENT_ID" => Some("22222222-2222-2222-2222-222222222222".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn inputs(redactor: &Redactor, verify: bool) -> Inputs<'_> {
    Inputs {
        env: &usual_env,
        redactor,
        verify,
        source: "host-runner",
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("conf/refresh.yaml"))
}

fn resolve_all(text: &str) -> Result<Vec<ResolvedTarget>, ConfigError> {
    resolve(&parse(text)?, Selection::All)
}

fn resolve(config: &Config, selection: Selection<'_>) -> Result<Vec<ResolvedTarget>, ConfigError> {
    let redactor = Redactor::new();
    config.resolve(selection, inputs(&redactor, true))
}

fn settings(text: &str) -> Result<Settings, ConfigError> {
    let redactor = Redactor::new();
    parse(text)?.settings(inputs(&redactor, true))
}

/// The only target of a file.
fn only(text: &str) -> ResolvedTarget {
    let mut targets = resolve_all(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(targets.len(), 1);
    targets.remove(0)
}

/// The item that a target watches.
fn watched(target: &ResolvedTarget) -> wit::WatchedItem {
    item_of(&target.content().unwrap()).clone()
}

fn flow(target: &ResolvedTarget) -> &wit::PowerAutomateTarget {
    match &target.wit {
        wit::Target::PowerAutomate(flow) => flow,
        other => panic!("{other:?}"),
    }
}
