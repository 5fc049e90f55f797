//! What a target and the settings become: every key, its default, and what `defaults` passes on.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::{
    ApplyChanges, CalendarDay, CommitMode, ContentKind, Endpoints, Enhanced, FilledList,
    FlowAuthorization, Gen2, IfRunning, ModelObject, ModelRefresh, OnInterrupt, PowerAutomate,
    Quota, QuotaMode, QuotaUnreadable, RefreshTimeout, RefreshType, Retry, RunKind, UrlForm,
    Verify, What, WhenUnreadable, Whole,
};
use super::*;
use crate::audit_log::IfLost;
use crate::verdict::Status;

const FLOW: &str = "kind: power-automate, url: \"${env:FLOW_URL}\"";
const DATAFLOW: &str = "kind: dataflow, workspace: W, dataflow: D";
const MODEL: &str = "kind: semantic-model, workspace: W, model: M";

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
  table:
    kind: dataflow
    workspace: 33333333-3333-3333-3333-333333333333
    dataflow: 55555555-5555-5555-5555-555555555555
    start_within: 1m
    poll: 2s
    if_running: follow
"#;

fn flow(target: &ResolvedTarget) -> &PowerAutomate {
    match &target.what {
        What::PowerAutomate(flow) => flow,
        other => panic!("{other:?}"),
    }
}

fn gen2(inside: &str) -> Gen2 {
    match target(&format!(
        "kind: dataflow-gen2, workspace: W, dataflow: D{inside}"
    ))
    .what
    {
        What::Gen2(gen2) => gen2,
        other => panic!("{other:?}"),
    }
}

fn refresh(more: &str) -> ModelRefresh {
    match target(&format!("{MODEL}{more}")).what {
        What::Model(model) => model.refresh,
        other => panic!("{other:?}"),
    }
}

fn windows(target: &ResolvedTarget) -> Vec<String> {
    target.windows.iter().map(ToString::to_string).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn every_key_of_a_verified_flow_reaches_its_target() {
    let targets = resolve_all(EVERYTHING).unwrap();
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["order_list", "answered", "table"]);
    let target = &targets[0];
    assert_eq!(target.kind(), "power-automate");
    assert_eq!(
        (target.if_lost, target.if_running),
        (IfLost::Resend, IfRunning::Skip)
    );
    assert_eq!(
        (target.timeout, target.deadline),
        (seconds(10), seconds(5400))
    );
    assert!(target.warnings.is_empty(), "{:?}", target.warnings);
    let flow = flow(target);
    let FlowAuthorization::Sas(sas) = &flow.authorization else {
        panic!()
    };
    assert!(
        flow.trigger()
            .as_str()
            .ends_with("/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0")
    );
    assert!(
        sas.query()
            .expose_secret()
            .ends_with("&sig=INVENTED-sig-0123456789")
    );
    assert_eq!(flow.form, UrlForm::PowerPlatform);
    assert_eq!(
        flow.payload,
        r#"{"workspace":"Data Admin","dataflow_name":"Master Order List","n":[1,null],"note":"x-11111111-1111-1111-1111-111111111111"}"#
    );
    assert!(!flow.standard_fields);
    assert_eq!(flow.source.as_deref(), Some("ORDER_LIST_pipeline"));
    let watched = target.watched().unwrap();
    assert_eq!(flow.verify, Verify::Content(watched.clone()));
    assert_eq!(watched.workspace, "33333333-3333-3333-3333-333333333333");
    assert_eq!(watched.item, "44444444-4444-4444-4444-444444444444");
    assert_eq!(
        (watched.start_within, watched.poll),
        (seconds(360), Duration::from_millis(1500))
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
fn the_other_targets_and_the_settings_have_their_keys_and_the_defaults() {
    let targets = resolve_all(EVERYTHING).unwrap();
    let answered = flow(&targets[1]);
    assert_eq!(answered.verify, Verify::Response);
    assert_eq!(answered.response_timeout, seconds(120));
    assert!(targets[1].credential.is_none());
    assert_eq!(
        (targets[1].timeout, targets[1].deadline),
        (seconds(20), seconds(7200))
    );
    let watched = targets[2].watched().unwrap();
    assert_eq!(watched.item, "55555555-5555-5555-5555-555555555555");
    assert_eq!(
        (watched.start_within, watched.poll),
        (seconds(60), seconds(2))
    );
    assert_eq!(targets[2].if_running, IfRunning::Follow);
    assert_eq!(targets[2].credential.as_ref().unwrap().name, "default");
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
fn a_url_alone_is_a_complete_target() {
    let target = only("version: 1\ntargets: {a: {kind: power-automate, url: \"${env:FLOW_URL}\"}}");
    let alone = flow(&target);
    assert_eq!(
        (alone.payload.as_str(), alone.standard_fields, &alone.source),
        ("{}", true, &None)
    );
    assert_eq!(alone.verify, Verify::None);
    assert_eq!(alone.response_timeout, seconds(130));
    assert_eq!(
        (target.if_lost, target.if_running),
        (IfLost::Hold, IfRunning::Wait)
    );
    assert_eq!(
        (target.timeout, target.deadline),
        (seconds(30), seconds(12_600))
    );
    assert_eq!(target.on_interrupt, OnInterrupt::Leave);
    assert_eq!((&target.quota, target.min_interval), (&None, None));
    assert!(target.windows.is_empty() && target.bearers().is_empty());
    assert_eq!(
        target.retry,
        Retry {
            max_attempts: 1,
            delay: seconds(300)
        }
    );
    let none = super::target(&format!("{FLOW}, source: none"));
    assert_eq!(flow(&none).source.as_deref(), Some(""));
}

#[test]
fn content_is_named_by_id_or_by_name_and_has_its_own_pace() {
    for (verify, kind, poll) in [
        (
            "kind: dataflow, dataflow: \"Größe / 100 %\"",
            ContentKind::Dataflow,
            5,
        ),
        ("kind: dataflow-gen2, dataflow: X", ContentKind::Gen2, 10),
        ("kind: semantic-model, model: X", ContentKind::Model, 10),
    ] {
        let content = format!("{verify}, workspace: 3333333A-3333-3333-3333-333333333333");
        let flow = target(&format!(
            "{FLOW}, verify: {{{content}, when_unreadable: accept}}"
        ));
        let watched = flow.watched().unwrap();
        assert_eq!((watched.kind, watched.poll), (kind, seconds(poll)));
        assert_eq!(watched.start_within, seconds(300));
        assert_eq!(watched.workspace, "3333333a-3333-3333-3333-333333333333");
        assert_eq!(watched.when_unreadable, WhenUnreadable::Accept);
        assert!(watched.has_names());
        let itself = target(&content);
        assert_eq!(itself.kind(), kind.as_str());
        assert_eq!(
            itself.watched().unwrap().when_unreadable,
            WhenUnreadable::Stop
        );
        assert_eq!(itself.watched().unwrap().item, watched.item);
    }
    let Some(What::Dataflow(mailed)) =
        Some(target(&format!("{DATAFLOW}, notify: mail_on_failure")).what)
    else {
        panic!()
    };
    assert!(mailed.mail_on_failure);
}

#[test]
fn a_gen2_dataflow_has_parameters_in_the_order_of_the_file() {
    let plain = gen2("");
    assert_eq!((plain.apply_changes, plain.parameters.len()), (None, 0));
    let full = gen2(
        ", apply_changes: if_needed, parameters: {Region: EMEA, days: 7, \"on\": true, rate: 0.5, id: \"007\", who: \"${env:AZURE_TENANT_ID}\"}",
    );
    assert_eq!(full.apply_changes, Some(ApplyChanges::IfNeeded));
    let shown: Vec<String> = full
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        shown,
        [
            "Region=\"EMEA\"",
            "days=7",
            "on=true",
            "rate=0.5",
            "id=\"007\"",
            "who=\"11111111-1111-1111-1111-111111111111\""
        ]
    );
}

#[test]
fn a_model_has_a_standard_refresh_unless_it_has_keys() {
    for (more, mail_on_failure) in [
        ("", false),
        (", refresh: standard", false),
        (", refresh: standard, notify: mail_on_failure", true),
        (", notify: mail_on_failure", true),
    ] {
        assert_eq!(
            refresh(more),
            ModelRefresh::Standard { mail_on_failure },
            "{more}"
        );
    }
    let object = |table: &str, partition: Option<&str>| ModelObject {
        table: table.to_owned(),
        partition: partition.map(str::to_owned),
    };
    for (inside, expected) in [
        ("", Enhanced::default()),
        (
            "type: data_only, objects: [Sales, {table: Date, partition: \"Date 2026\"}], commit_mode: partial_batch, \
             max_parallelism: 4, retry_count: 0, timeout: 24h, apply_refresh_policy: false",
            Enhanced {
                refresh_type: Some(RefreshType::DataOnly),
                objects: Some(FilledList(vec![
                    object("Sales", None),
                    object("Date", Some("Date 2026")),
                ])),
                commit_mode: Some(CommitMode::PartialBatch),
                max_parallelism: Some(Whole(4)),
                retry_count: Some(Whole(0)),
                timeout: Some(RefreshTimeout(seconds(86_400))),
                apply_refresh_policy: Some(false),
                effective_date: None,
            },
        ),
        (
            "commit_mode: transactional, apply_refresh_policy: true, effective_date: 2026-02-28",
            Enhanced {
                commit_mode: Some(CommitMode::Transactional),
                apply_refresh_policy: Some(true),
                effective_date: Some(CalendarDay("2026-02-28".to_owned())),
                ..Enhanced::default()
            },
        ),
        // Microsoft's own spelling.
        (
            "type: clearValues, commit_mode: partialBatch, apply_refresh_policy: false",
            Enhanced {
                refresh_type: Some(RefreshType::ClearValues),
                commit_mode: Some(CommitMode::PartialBatch),
                apply_refresh_policy: Some(false),
                ..Enhanced::default()
            },
        ),
    ] {
        assert_eq!(
            refresh(&format!(", refresh: {{{inside}}}")),
            ModelRefresh::Enhanced(expected),
            "{inside}"
        );
    }
}

#[test]
fn a_quota_counts_what_the_service_is_assumed_to_count() {
    let quota = "quota: {limit: 8}";
    let dataflows = [RunKind::OnDemand, RunKind::Scheduled].as_slice();
    let models = &[RunKind::OnDemand, RunKind::Scheduled, RunKind::ViaApi];
    for (target, expected) in [
        (DATAFLOW.to_owned(), dataflows),
        (
            "kind: dataflow-gen2, workspace: W, dataflow: D".to_owned(),
            dataflows,
        ),
        (MODEL.to_owned(), models),
        (format!("{FLOW}, verify: {{{MODEL}}}"), models),
    ] {
        let quota = super::target(&format!("{target}, {quota}")).quota.unwrap();
        assert_eq!(
            (quota.limit, quota.mode, quota.when_unreadable),
            (8, QuotaMode::Block, QuotaUnreadable::Send)
        );
        assert_eq!(quota.count.unwrap().0, expected, "{target}");
    }
}

#[test]
fn a_window_is_written_in_three_ways() {
    for (written, expected) in [
        (
            "\"6:00 - 20:00 Europe/Copenhagen\"",
            vec!["06:00-20:00 Europe/Copenhagen"],
        ),
        ("22:00-04:00 UTC", vec!["22:00-04:00 UTC"]),
        ("00:00–24:00 UTC", vec!["00:00-24:00 UTC"]),
        (
            "{from: 06:00, to: 24:00, zone: Australia/Brisbane, days: [fri, mon]}",
            vec!["06:00-24:00 Australia/Brisbane (mon, fri)"],
        ),
        (
            "[06:00-08:00 UTC, {from: 22:00, to: 04:00, zone: europe/copenhagen}]",
            vec!["06:00-08:00 UTC", "22:00-04:00 Europe/Copenhagen"],
        ),
    ] {
        assert_eq!(
            windows(&target(&format!("{DATAFLOW}, window: {written}"))),
            expected,
            "{written}"
        );
    }
}

#[test]
fn a_target_overrides_the_defaults_and_none_removes_a_guard() {
    let text = file(&format!(
        "  inherits: {{{DATAFLOW}}}\n  \
           overrides: {{{DATAFLOW}, quota: {{limit: 9, count: [via_xmla_endpoint], mode: warn, when_unreadable: skip}}, \
             window: 07:00-08:00 UTC, min_interval: 1h, retry: {{delay: 1m}}, if_running: wait, on_interrupt: leave}}\n  \
           free: {{{DATAFLOW}, quota: none, window: none, min_interval: none}}\n"
    )) + "defaults: {quota: {limit: 8}, window: 06:00-20:00 UTC, min_interval: 10m, retry: {max_attempts: 2}, if_running: skip, on_interrupt: cancel}\n";
    let targets = resolve_all(&text).unwrap();
    let shown: Vec<String> = targets
        .iter()
        .map(|target| {
            format!(
                "{:?} {:?} {:?} {} {:?} {:?}",
                target.quota.as_ref().map(|quota| quota.limit),
                windows(target),
                target.min_interval,
                target.retry.max_attempts,
                target.if_running,
                target.on_interrupt,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "Some(8) [\"06:00-20:00 UTC\"] Some(600s) 2 Skip Cancel",
            "Some(9) [\"07:00-08:00 UTC\"] Some(3600s) 1 Wait Leave",
            "None [] None 2 Skip Cancel",
        ]
    );
    let expected = Quota {
        limit: 9,
        count: Some(FilledList(vec![RunKind::ViaXmlaEndpoint])),
        mode: QuotaMode::Warn,
        when_unreadable: QuotaUnreadable::Skip,
    };
    assert_eq!(targets[1].quota.as_ref(), Some(&expected));
    assert!(targets.iter().all(|target| target.warnings.is_empty()));
    let flow = target(&format!(
        "{FLOW}, verify: {{{MODEL}}}, on_interrupt: cancel"
    ));
    assert_eq!(flow.on_interrupt, OnInterrupt::Cancel);
    assert!(flow.warnings[0].contains("enhanced"), "{:?}", flow.warnings);
}

#[test]
fn tokens_go_to_the_apis_that_a_target_calls() {
    let powerbi = "default https://api.powerbi.com/v1.0/myorg https://analysis.windows.net/powerbi/api/.default";
    let fabric =
        "default https://api.fabric.microsoft.com/v1 https://api.fabric.microsoft.com/.default";
    for (given, expected) in [
        (
            "kind: dataflow-gen2, workspace: W, dataflow: D",
            [powerbi, fabric].as_slice(),
        ),
        (MODEL, &[powerbi]),
        (FLOW, &[]),
    ] {
        let shown: Vec<String> = target(given)
            .bearers()
            .into_iter()
            .map(|need| format!("{} {} {}", need.credential, need.base, need.scope))
            .collect();
        assert_eq!(shown, expected, "{given}");
    }
}

#[test]
fn a_cloud_has_its_addresses_and_a_replaced_one_keeps_the_scope_of_the_cloud() {
    let endpoints = |top: &str| -> Endpoints {
        only(&format!("version: 1\n{top}targets: {{a: {{{FLOW}}}}}\n")).endpoints
    };
    for (cloud, login, powerbi) in [
        (
            "public",
            "https://login.microsoftonline.com",
            "https://api.powerbi.com",
        ),
        (
            "gcc",
            "https://login.microsoftonline.com",
            "https://api.powerbigov.us",
        ),
        (
            "gcc-high",
            "https://login.microsoftonline.us",
            "https://api.high.powerbigov.us",
        ),
        (
            "dod",
            "https://login.microsoftonline.us",
            "https://api.mil.powerbigov.us",
        ),
        (
            "china",
            "https://login.partner.microsoftonline.cn",
            "https://api.powerbi.cn",
        ),
    ] {
        let there = endpoints(&format!("cloud: {cloud}\n"));
        assert_eq!(
            (there.login.url.as_str(), there.powerbi.url.as_str()),
            (login, powerbi)
        );
        assert_eq!(there.fabric.is_some(), cloud == "public", "{cloud}");
    }
    assert_eq!(endpoints(""), endpoints("cloud: public\n"));
    let there = endpoints(
        "cloud: gcc-high\nendpoints: {powerbi: {url: \"https://pbi.corp.example\", private: true}, fabric: \"https://fabric.corp.example:8443/base\"}\n",
    );
    assert_eq!(
        (there.powerbi.url.as_str(), there.powerbi.private),
        ("https://pbi.corp.example", true)
    );
    assert_eq!(
        there.powerbi_scope,
        "https://high.analysis.usgovcloudapi.net/powerbi/api/.default"
    );
    assert_eq!(there.login.url, "https://login.microsoftonline.us");
    assert_eq!(
        there.fabric.unwrap().url,
        "https://fabric.corp.example:8443/base"
    );
    assert_eq!(
        there.fabric_scope,
        "https://fabric.corp.example:8443/.default"
    );
    let public = endpoints("endpoints: {fabric: \"https://fabric.corp.example\"}\n");
    assert_eq!(
        public.fabric_scope,
        "https://api.fabric.microsoft.com/.default"
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
    let inputs = inputs(&redactor, true);
    let pem = folder.path().join("root.pem");
    assert_eq!(config.settings(inputs).unwrap().ca_file, Some(pem.clone()));
    assert_eq!(config.base(), folder.path());
    assert_eq!(
        config.audit(inputs).unwrap().as_deref(),
        Some("sqlite:audit.db")
    );
    assert_eq!(config.resolve(Selection::All, inputs).unwrap().len(), 1);
    std::fs::remove_file(pem).unwrap();
    let error = config.settings(inputs).unwrap_err();
    assert_eq!(error.code(), "file_not_found");
    assert!(
        error
            .message()
            .contains(":3:22: transport.ca_file: there is no file"),
        "{error}"
    );
}

#[test]
fn an_anchor_shares_keys_between_targets() {
    let text = file(&format!(
        "  a: &a {{{DATAFLOW}, poll: 9s}}\n  b: {{<<: *a, dataflow: Other}}\n"
    ));
    let targets = resolve_all(&text).unwrap();
    let watched = targets[1].watched().unwrap();
    assert_eq!((watched.poll, watched.item.as_str()), (seconds(9), "Other"));
}
