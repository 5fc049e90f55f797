//! The migration of docs/migration.md against the simulator: the script's configuration is imported, and what the
//! script triggered is followed. `tests/flows/migration.rs` runs the page's flow, the switch and the way back.

use serde_json::{Value, json};
use simulator::world::RefreshType;

use crate::support::{
    CLIENT, CLIENT_SECRET, DATAFLOW, Outcome, Platform, SIG, Setup, TENANT, WORKSPACE,
    exhausted_dataflow, flow, world, world_of,
};

/// The two payloads that the script is known to send, without the time.
const PAYLOADS: [&str; 2] = [
    r#"{"trigger_type": "Gen1_Dataflow_Refresh", "dataflow_name": "Master Order List", "workspace": "Data Admin", "source": "ORDER_LIST_pipeline"}"#,
    r#"{"trigger_type": "Gen1_Dataflow_Refresh", "dataflow_name": "Master Order List", "workspace": "Data Admin", "trigger_source": "kestra", "environment": "production"}"#,
];

/// The configuration of a script that sends this payload, with secrets in it.
fn scripts_configuration(platform: &Platform, payload: &Value) -> String {
    let fields = payload.as_object().unwrap().iter();
    let fields: String = fields
        .map(|(key, value)| format!("{key}: {value}\n"))
        .collect();
    let url = platform.trigger_url();
    let (address, parameters) = url.split_once('?').unwrap();
    let (version, parameters) = parameters.split_once('&').unwrap();
    let version = version.trim_start_matches("api-version=");
    format!(
        "credential_profiles:\n  default:\n    tenant_id: {TENANT}\n    client_id: {CLIENT}\n    client_secret: {CLIENT_SECRET}\n\
         priority_resources:\n  dataflows:\n    order_list:\n      workspace_id: {WORKSPACE}\n      dataflow_id: {DATAFLOW}\n\
         power_automate:\n  workflows:\n    order_list:\n      logic_app_url: \"{address}\"\n      api_version: \"{version}\"\n      access_key_params: \"{parameters}\"\n\
         operation_settings: {{default_timeout: 30, max_retries: 3, retry_delay: 30}}\n\
         {fields}"
    )
}

/// Does what the script does: it posts its payload with the local time, whatever the result.
fn run_script(platform: &Platform, payload: &Value) {
    let mut body = payload.clone();
    body["timestamp"] = "2026-11-23T18:15:37.123456".into();
    let agent = ureq::Agent::new_with_defaults();
    let _ = agent.post(platform.trigger_url()).send_json(body);
}

/// Imports the script's configuration, and runs with the result: only the simulator's address and the permission
/// to call it are added, and times are short.
fn imported(platform: &Platform, payload: &Value) -> (Setup, Outcome) {
    let setup = Setup::bare().url(&platform.trigger_url());
    std::fs::write(
        setup.path("config.yaml"),
        scripts_configuration(platform, payload),
    )
    .unwrap();
    let imported = setup.run("import-config config.yaml");
    imported.exits(0);
    let base = &platform.base;
    let dataflow = format!("dataflow: \"{DATAFLOW}\"");
    let short = format!("{dataflow}, start_within: 1500ms, poll: 50ms");
    let endpoints = format!(
        "endpoints: {{login: {base}, powerbi: {base}, fabric: {base}}}\nsandbox: {{allow_loopback: true}}\n"
    );
    let setup = setup
        .config(&(imported.stdout.clone() + &endpoints))
        .replacing(&dataflow, &short)
        .replacing("{timeout: 30s}", "{timeout: 30s, deadline: 15s}")
        .env("AZURE_CLIENT_SECRET", CLIENT_SECRET)
        .env("HOST_RUNNER_AUDIT", "sqlite:audit.db");
    (setup, imported)
}

/// The outcome of the refresh that the script triggered since then.
fn outcome_of_the_script(setup: &Setup, since: jiff::Timestamp) -> Outcome {
    let outcome = setup.run(&format!(
        "follow order_list --any --since {since} --output json"
    ));
    assert_eq!(outcome.field("own_run"), "false", "{outcome:#?}");
    assert_eq!(outcome.field("run"), "", "{outcome:#?}");
    outcome
}

#[track_caller]
fn contains_no_secret(text: &str) {
    for secret in [SIG, CLIENT_SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn an_imported_configuration_follows_the_script_and_then_sends_what_it_sent() {
    for payload in PAYLOADS {
        let payload: Value = serde_json::from_str(payload).unwrap();
        let platform = Platform::start(&world());
        let (setup, imported) = imported(&platform, &payload);
        contains_no_secret(&(imported.stdout.clone() + &imported.stderr));
        imported
            .says("ORDER_LIST_FLOW_URL: LOGIC_APP_URL?api-version=")
            .says("AZURE_CLIENT_SECRET: \"{{ secret('AZURE_CLIENT_SECRET') }}\"")
            .says("`max_retries` and `retry_delay` were not converted");
        let json = setup.run("import-config config.yaml --output json");
        assert_eq!(json.result()["targets"], json!(["order_list"]));
        contains_no_secret(&json.stdout);

        setup.run("check order_list").exits(0);
        assert_eq!(platform.triggers(), 0);
        let since = jiff::Timestamp::now();
        run_script(&platform, &payload);
        let good = outcome_of_the_script(&setup, since);
        good.is("completed", "", 0);
        assert_eq!(platform.completed_runs(), [good.field("service_run")]);
        assert_eq!(platform.triggers(), 1, "host-runner only followed");

        setup.refresh("--require completed").is("completed", "", 0);
        let triggers = platform.requests_for("trigger");
        let [mut before, mut after] = [triggers[0].json(), triggers[1].json()];
        let is_exact = |time: Value| time.as_str().unwrap().parse::<jiff::Timestamp>().is_ok();
        assert!(!is_exact(before["timestamp"].take()));
        assert!(is_exact(after["timestamp"].take()));
        assert_eq!(before, after);
        for secret in [SIG, CLIENT_SECRET] {
            assert!(!setup.audit_log_contains(secret));
        }
    }
}

#[test]
fn an_import_that_fails_prints_nothing_on_stdout() {
    let platform = Platform::start(&world());
    let payload: Value = serde_json::from_str(PAYLOADS[0]).unwrap();
    let config = scripts_configuration(&platform, &payload);
    let setup = Setup::bare();
    for (from, to, code) in [
        (
            "timeout: 30",
            "timeout: soon",
            "expected a number of seconds",
        ),
        (
            "operation_settings",
            "business_hours",
            "unknown key `business_hours`",
        ),
        ("power_automate:", " power_automate: [", "invalid YAML"),
    ] {
        std::fs::write(setup.path("config.yaml"), config.replace(from, to)).unwrap();
        let outcome = setup.run("import-config config.yaml");
        outcome.exits(2).says(code).says("config.yaml");
        assert_eq!(outcome.says("hint: ").stdout, "");
        contains_no_secret(&outcome.stderr);
    }
    let missing = setup.run("import-config nothing.yaml");
    missing.exits(2).says("nothing.yaml");
    missing.says("host-runner import-config config.yaml");
    assert_eq!(missing.stdout, "");
}

#[test]
fn a_used_up_day_is_not_covered_by_the_success_of_the_day_before() {
    let full = exhausted_dataflow(RefreshType::Scheduled);
    let platform = Platform::start(&world_of(full, flow()));
    let setup = Setup::verified(&platform);
    let since = jiff::Timestamp::now();
    run_script(&platform, &json!({}));

    // The newest run started before this trigger.
    let newest = setup.run("follow order_list --any --output json");
    newest.is("completed", "", 0);
    let began: jiff::Timestamp = newest.field("started_at").parse().unwrap();
    assert!(began < since, "it started before");

    let outcome = outcome_of_the_script(&setup, since);
    outcome.is("unknown", "refresh_not_started", 12);
    assert_eq!(outcome.field("likely_cause"), "dataflow_daily_limit");
    assert_ne!(outcome.field("retry_at"), "");
}

#[test]
fn a_since_that_is_no_moment_is_refused_and_so_is_one_without_any() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    for (options, says) in [
        ("--any --since yesterday", "--since"),
        ("--any --since 2026-11-23T18:15:37", "offset"),
        ("--since 2026-11-23T18:15:37Z", "--any"),
    ] {
        let outcome = setup.run(&format!("follow order_list {options}"));
        outcome.exits(2).says(says);
    }
}

#[test]
fn the_configuration_in_the_flow_of_the_page_loads() {
    let page = include_str!("../../docs/migration.md");
    let (_, after) = page
        .split_once("<!-- rehearsed -->\n```yaml\n")
        .expect("the block is marked");
    let (block, _) = after.split_once("```\n").unwrap();
    let flow: Value = serde_saphyr::from_str(block).unwrap();
    assert_eq!(flow["namespace"], "company.bi");
    for task in flow["tasks"].as_array().unwrap() {
        if let Some(text) = task["inputFiles"]["refresh.yaml"].as_str() {
            let path = std::path::Path::new("refresh.yaml");
            let config = host_runner::config::Config::parse(text, path).unwrap();
            assert_eq!(config.target_names(), ["order_list"]);
            assert!(task["env"]["HOST_RUNNER_AUDIT"].is_string());
        }
    }
}
