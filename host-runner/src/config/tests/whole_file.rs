//! Every key, read from a file that has them all.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::{FlowAuthorization, IfRunning, UrlForm, Verify, What};
use super::*;
use crate::audit_log::IfLost;
use crate::verdict::Status;

const EVERYTHING: &str = r#"
version: 1
audit: sqlite:records/audit.db
defaults:
  deadline: 2h
  timeout: 20s
  exit_zero_on: [skipped, accepted]
credentials:
  default:
    kind: client-secret
    tenant: 11111111-1111-1111-1111-111111111111
    client_id: 22222222-2222-2222-2222-222222222222
    client_secret: ${env:AZURE_CLIENT_SECRET}
  other:
    kind: client-secret
    tenant: Example.onmicrosoft.com
    client_id: 22222222-2222-2222-2222-22222222222A
    client_secret: ${env:AZURE_CLIENT_SECRET}
endpoints:
  login: https://login.example/
  powerbi: {url: "https://powerbi.corp.example:8443", private: true}
sandbox:
  allow:
    - https://gateway.example
    - {url: "https://*.files.example/v1", methods: [GET], private: true}
  allow_loopback: true
transport:
  proxy: http://proxy.example:3128
targets:
  order_list:
    kind: power-automate
    url: ${env:FLOW_URL}
    payload: {workspace: Data Admin, dataflow_name: Master Order List, n: [1, ~], note: "x-${env:AZURE_TENANT_ID}"}
    standard_fields: false
    source: ORDER_LIST_pipeline
    verify:
      kind: dataflow
      workspace: 33333333-3333-3333-3333-333333333333
      dataflow: 44444444-4444-4444-4444-444444444444
      start_within: 6m
      poll: 1500ms
      credentials: other
    if_lost: resend
    if_running: skip
    timeout: 10s
    deadline: PT90M
  answered:
    kind: power-automate
    url: ${env:FLOW_URL}
    verify: {kind: response}
    response_timeout: 2m
  alone:
    kind: power-automate
    url: ${env:FLOW_URL}
  table:
    kind: dataflow
    workspace: 33333333-3333-3333-3333-333333333333
    dataflow: 55555555-5555-5555-5555-555555555555
    start_within: 1m
    poll: 2s
    if_running: follow
"#;

#[test]
fn every_key_of_a_verified_flow_reaches_its_target() {
    let targets = resolve_all(EVERYTHING).unwrap();
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["order_list", "answered", "alone", "table"]);
    let target = &targets[0];
    assert_eq!(target.kind(), "power-automate");
    assert_eq!(
        (target.if_lost, target.if_running),
        (IfLost::Resend, IfRunning::Skip)
    );
    assert_eq!(
        (target.timeout, target.deadline),
        (Duration::from_secs(10), Duration::from_secs(5400))
    );
    assert!(target.warnings.is_empty(), "{:?}", target.warnings);
    let What::PowerAutomate(flow) = &target.what else {
        panic!()
    };
    assert!(
        flow.trigger_url()
            .ends_with("/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0")
    );
    let FlowAuthorization::Sas(sas) = &flow.authorization else {
        panic!()
    };
    let query = sas.query().expose_secret();
    assert!(query.ends_with("&sig=INVENTED-sig-0123456789"));
    assert_eq!(flow.form, UrlForm::PowerPlatform);
    assert_eq!(
        flow.payload,
        r#"{"workspace":"Data Admin","dataflow_name":"Master Order List","n":[1,null],"note":"x-11111111-1111-1111-1111-111111111111"}"#
    );
    assert!(!flow.standard_fields);
    assert_eq!(flow.source.as_deref(), Some("ORDER_LIST_pipeline"));
    let Verify::Content(watched) = &flow.verify else {
        panic!()
    };
    assert_eq!(target.watched(), Some(watched));
    assert_eq!(watched.workspace, "33333333-3333-3333-3333-333333333333");
    assert_eq!(watched.item, "44444444-4444-4444-4444-444444444444");
    assert_eq!(
        (watched.start_within, watched.poll),
        (Duration::from_secs(360), Duration::from_millis(1500))
    );
    let credential = target.credential.as_ref().unwrap();
    assert_eq!(
        (credential.name.as_str(), credential.tenant.as_str()),
        ("other", "example.onmicrosoft.com")
    );
    assert_eq!(credential.client_id, "22222222-2222-2222-2222-22222222222a");
    assert_eq!(credential.secret.expose_secret(), CLIENT_SECRET);
    assert_eq!(target.endpoints.login.url, "https://login.example");
    assert_eq!(
        target.endpoints.powerbi.url,
        "https://powerbi.corp.example:8443"
    );
    assert!(target.endpoints.powerbi.private && !target.endpoints.login.private);
}

#[test]
fn a_flow_that_answers_and_one_that_does_not_need_no_credentials() {
    let targets = resolve_all(EVERYTHING).unwrap();
    let What::PowerAutomate(answered) = &targets[1].what else {
        panic!()
    };
    assert_eq!(answered.verify, Verify::Response);
    assert_eq!(answered.response_timeout, Duration::from_secs(120));
    assert!(targets[1].credential.is_none() && targets[2].credential.is_none());
    assert_eq!(
        (targets[1].timeout, targets[1].deadline),
        (Duration::from_secs(20), Duration::from_secs(7200))
    );
}

#[test]
fn a_dataflow_is_a_target_of_its_own() {
    let target = resolve_all(EVERYTHING).unwrap().remove(3);
    assert_eq!(target.kind(), "dataflow");
    let watched = target.watched().unwrap();
    assert_eq!(watched.item, "55555555-5555-5555-5555-555555555555");
    assert_eq!(
        (watched.start_within, watched.poll),
        (Duration::from_secs(60), Duration::from_secs(2))
    );
    assert_eq!(target.if_running, IfRunning::Follow);
    assert_eq!(target.credential.unwrap().name, "default");
}

#[test]
fn the_settings_hold_for_all_targets() {
    let settings = settings(EVERYTHING).unwrap();
    assert_eq!(settings.exit_zero_on, [Status::Skipped, Status::Accepted]);
    let allow: Vec<String> = settings.allow.iter().map(ToString::to_string).collect();
    assert_eq!(
        allow,
        ["https://gateway.example", "https://*.files.example/v1"]
    );
    assert!(settings.allow[1].is_private() && !settings.allow[0].is_private());
    assert!(settings.allow_loopback);
    assert_eq!(
        settings.proxy.unwrap().expose_secret(),
        "http://proxy.example:3128"
    );
    assert_eq!(settings.ca_file, None);
}

#[test]
fn a_source_of_none_is_no_source_and_not_the_word() {
    let target = only(
        "version: 1\ntargets: {a: {kind: power-automate, url: \"${env:FLOW_URL}\", source: none}}",
    );
    let What::PowerAutomate(flow) = &target.what else {
        panic!()
    };
    assert_eq!(flow.source.as_deref(), Some(""));
}

#[test]
fn a_url_and_nothing_else_is_a_complete_target() {
    let target = only("version: 1\ntargets: {a: {kind: power-automate, url: \"${env:FLOW_URL}\"}}");
    let What::PowerAutomate(flow) = &target.what else {
        panic!()
    };
    assert_eq!(
        (flow.payload.as_str(), flow.standard_fields, &flow.source),
        ("{}", true, &None)
    );
    assert_eq!(flow.verify, Verify::None);
    assert_eq!(
        (target.if_lost, target.if_running),
        (IfLost::Hold, IfRunning::Wait)
    );
    assert_eq!(
        (target.timeout, target.deadline),
        (Duration::from_secs(30), Duration::from_secs(12_600))
    );
    assert_eq!(flow.response_timeout, Duration::from_secs(130));
    assert_eq!(
        target.endpoints.login.url,
        "https://login.microsoftonline.com"
    );
    assert_eq!(target.endpoints.powerbi.url, "https://api.powerbi.com");
}

#[test]
fn the_history_is_looked_at_for_five_minutes_every_five_seconds_unless_told_otherwise() {
    let target = only(&file(
        "  t: {kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444}",
    ));
    let watched = target.watched().unwrap();
    assert_eq!(
        (watched.start_within, watched.poll),
        (Duration::from_secs(300), Duration::from_secs(5))
    );
}

#[test]
fn relative_paths_start_at_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refresh.yaml");
    std::fs::write(folder.path().join("root.pem"), "x").unwrap();
    std::fs::write(folder.path().join("url.txt"), format!("{FLOW_URL}\n")).unwrap();
    let text = "version: 1\naudit: sqlite:audit.db\ntransport: {ca_file: root.pem}\n\
        targets: {a: {kind: power-automate, url: \"${file:url.txt}\"}}\n";
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path).unwrap();
    let redactor = Redactor::new();
    let inputs = Inputs {
        env: &usual_env,
        redactor: &redactor,
        verify: true,
    };
    assert_eq!(
        config.settings(inputs).unwrap().ca_file,
        Some(folder.path().join("root.pem"))
    );
    assert_eq!(config.base(), folder.path());
    assert_eq!(
        config.audit(inputs).unwrap().as_deref(),
        Some("sqlite:audit.db")
    );
    assert_eq!(config.resolve(Selection::All, inputs).unwrap().len(), 1);
    std::fs::remove_file(folder.path().join("root.pem")).unwrap();
    let error = config.settings(inputs).unwrap_err();
    assert_eq!(error.code(), "file_not_found");
    assert!(
        error
            .message()
            .contains(":3: transport.ca_file: there is no file"),
        "{error}"
    );
}

#[test]
fn a_file_without_targets_still_names_the_record() {
    let config = parse("version: 1\naudit: \"sqlite:${env:AZURE_TENANT_ID}.db\"\n").unwrap();
    let redactor = Redactor::new();
    let inputs = Inputs {
        env: &usual_env,
        redactor: &redactor,
        verify: true,
    };
    assert_eq!(
        config.audit(inputs).unwrap().as_deref(),
        Some("sqlite:11111111-1111-1111-1111-111111111111.db")
    );
    assert_eq!(
        resolve(&config, Selection::All).unwrap_err().code(),
        "no_target"
    );
}

#[test]
fn an_anchor_spares_writing_things_twice() {
    let text = file(
        "  a: &a {kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444, poll: 9s}\n  \
           b: {<<: *a, dataflow: 55555555-5555-5555-5555-555555555555}\n",
    );
    let targets = resolve_all(&text).unwrap();
    assert_eq!(targets[1].watched().unwrap().poll, Duration::from_secs(9));
    assert_eq!(
        targets[1].watched().unwrap().item,
        "55555555-5555-5555-5555-555555555555"
    );
}
