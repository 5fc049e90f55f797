//! Values are fetched, and errors reported, only for the targets that are selected.

use secrecy::ExposeSecret;

use super::*;
use crate::verdict::Status;

const TWO: &str = "  a: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n  b: {kind: power-automate, url: \"${env:OTHER_URL}\"}\n";

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_target_does_not_fail_for_an_error_or_a_variable_of_another_one() {
    let broken = file(&format!(
        "{TWO}  c: {{kind: power-automate, timout: 5}}\n  D-d: [1]\n"
    ));
    let config = parse(&broken).unwrap();
    assert!(resolve(&config, Selection::Names(&names(&["a"]))).is_ok());
    assert!(config.check().is_err());
    assert_eq!(
        resolve(&config, Selection::All)
            .unwrap_err()
            .codes()
            .collect::<Vec<_>>(),
        [
            "env_not_set",
            "missing_key",
            "unknown_key",
            "invalid_target_name",
            "invalid_value"
        ]
    );
    let config = parse(&file(TWO)).unwrap();
    assert_eq!(
        resolve(&config, Selection::Names(&names(&["a"]))).unwrap()[0].name,
        "a"
    );
    let error = resolve(&config, Selection::All).unwrap_err();
    assert_eq!(
        error.to_string(),
        "conf/refresh.yaml:10:34: targets.b.url: the environment variable OTHER_URL is not set\n  \
         hint: set OTHER_URL where host-runner runs (under Kestra: in the task's `env:`)"
    );
}

#[test]
fn targets_come_once_and_in_the_selected_order() {
    let text = file(
        "  a: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n  b: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n",
    );
    let config = parse(&text).unwrap();
    let targets = resolve(&config, Selection::Names(&names(&["b", "a", "b"]))).unwrap();
    let order: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(order, ["b", "a"]);
}

#[test]
fn credentials_are_fetched_only_where_a_target_needs_them() {
    let text = file(
        "  plain: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n  \
           seen: {kind: power-automate, url: \"${env:FLOW_URL}\", verify: {kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444}}\n",
    )
    .replace("AZURE_CLIENT_SECRET", "EMPTY");
    let config = parse(&text).unwrap();
    assert!(resolve(&config, Selection::Names(&names(&["plain"]))).is_ok());
    let error = resolve(&config, Selection::Names(&names(&["seen"]))).unwrap_err();
    assert_eq!(error.code(), "env_empty");
    assert_eq!(
        error.message(),
        "conf/refresh.yaml:7:20: credentials.default.client_secret: the environment variable EMPTY is empty"
    );
    let redactor = Redactor::new();
    let unverified = config
        .resolve(Selection::All, inputs(&redactor, false))
        .unwrap();
    assert!(unverified.iter().all(|target| target.credential.is_none()));
    assert!(unverified[1].content().is_some());
}

#[test]
fn a_quota_is_counted_even_if_the_outcome_is_not_verified() {
    let text = file(
        "  a: {kind: power-automate, url: \"${env:FLOW_URL}\", quota: {limit: 8}, verify: {kind: dataflow, workspace: W, dataflow: D}}\n  \
           b: {kind: power-automate, url: \"${env:FLOW_URL}\", verify: {kind: dataflow, workspace: W, dataflow: D}}\n",
    );
    let redactor = Redactor::new();
    let targets = parse(&text)
        .unwrap()
        .resolve(Selection::All, inputs(&redactor, false))
        .unwrap();
    let fetched: Vec<bool> = targets.iter().map(|t| t.credential.is_some()).collect();
    assert_eq!(fetched, [true, false]);
}

#[test]
fn a_dataflow_needs_its_credentials_even_without_verification() {
    let text = file(
        "  t: {kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444}\n",
    );
    let redactor = Redactor::new();
    let targets = parse(&text)
        .unwrap()
        .resolve(Selection::All, inputs(&redactor, false))
        .unwrap();
    assert!(targets[0].credential.is_some());
}

#[test]
fn the_audit_log_is_found_although_the_proxy_is_not() {
    let text = "version: 1\naudit: sqlite:a.db\ntransport: {proxy: \"${env:MISSING}\"}\nsandbox: {allow_loopback: \"${env:MISSING}\"}\n";
    let config = parse(text).unwrap();
    let redactor = Redactor::new();
    let inputs = inputs(&redactor, true);
    assert!(config.audit(inputs).is_ok());
    let error = config.settings(inputs).unwrap_err();
    let codes: Vec<&str> = error.codes().collect();
    assert_eq!(codes, ["env_not_set", "env_not_set"]);
}

#[test]
fn a_fetched_value_is_checked_by_the_same_rules() {
    let text = file(
        "  t: {kind: dataflow, workspace: \"${env:EMPTY_ISH}\", dataflow: \"${env:BLANK}\", poll: \"${env:NAME}\"}\n",
    );
    let config = parse(&text).unwrap();
    let redactor = Redactor::new();
    let env = |name: &str| match name {
        "EMPTY_ISH" => Some("INVENTED-value\nwith a line break".to_owned()),
        "BLANK" => Some("INVENTED-name ".to_owned()),
        "NAME" => Some("INVENTED-value".to_owned()),
        other => usual_env(other),
    };
    let error = config
        .resolve(
            Selection::All,
            Inputs {
                env: &env,
                redactor: &redactor,
                verify: true,
                source: "host-runner",
            },
        )
        .unwrap_err();
    let codes: Vec<&str> = error.codes().collect();
    assert_eq!(codes, ["invalid_value"; 3]);
    assert!(!error.to_string().contains("INVENTED"), "{error}");
}

#[test]
fn a_sign_in_of_the_trigger_is_needed_even_if_the_outcome_is_not_verified() {
    let text = file(
        "  t: {kind: power-automate, url: \"${env:OAUTH_URL}\", credentials: default, verify: {kind: dataflow, workspace: W, dataflow: D}}\n",
    );
    let redactor = Redactor::new();
    let config = parse(&text).unwrap();
    let target = config
        .resolve(Selection::All, inputs(&redactor, false))
        .unwrap()
        .remove(0);
    assert!(target.credential.is_none() && target.trigger_credential.is_some());
}

#[test]
fn the_settings_of_a_file_have_every_key() {
    let text = "version: 1\n\
        defaults: {exit_zero_on: [skipped, accepted]}\n\
        sandbox: {allow: [https://gateway.example, {url: \"https://*.files.example/v1\", methods: [GET], private: true}], allow_loopback: true}\n\
        transport: {proxy: \" http://proxy.example:3128\"}\n";
    let settings = settings(text).unwrap();
    assert_eq!(settings.exit_zero_on, [Status::Skipped, Status::Accepted]);
    let allow: Vec<String> = settings.allow.iter().map(ToString::to_string).collect();
    assert_eq!(
        allow,
        ["https://gateway.example", "https://*.files.example/v1"]
    );
    assert!(settings.allow[1].is_private() && !settings.allow[0].is_private());
    assert!(settings.allow_loopback && settings.ca_file.is_none());
    let proxy = settings.proxy.unwrap();
    assert_eq!(proxy.expose_secret(), "http://proxy.example:3128");
}
