//! The migration of docs/migration.md against the simulator: the script's configuration imported, the
//! two side by side, the switch, and the way back.

use serde_json::{Value, json};

use crate::support::{
    CLIENT, CLIENT_SECRET, DATAFLOW, Outcome, Platform, SIG, Setup, TENANT, WORKSPACE,
    contains_bytes, dataflow, flow, world, world_of,
};

/// The two payloads that the script is known to send.
#[derive(Clone, Copy)]
enum Variant {
    WithSource,
    WithEnvironment,
}

impl Variant {
    fn keys(self) -> Vec<(&'static str, &'static str)> {
        let mut keys = vec![
            ("trigger_type", "Gen1_Dataflow_Refresh"),
            ("dataflow_name", "Master Order List"),
            ("workspace", "Data Admin"),
        ];
        keys.extend(match self {
            Self::WithSource => vec![("source", "ORDER_LIST_pipeline")],
            Self::WithEnvironment => {
                vec![("trigger_source", "kestra"), ("environment", "production")]
            }
        });
        keys
    }
}

/// The script and its configuration.
struct Script {
    url: String,
    variant: Variant,
}

impl Script {
    fn of(platform: &Platform, variant: Variant) -> Self {
        Self {
            url: platform.trigger_url(),
            variant,
        }
    }

    /// Its configuration, with secrets in it.
    fn config(&self) -> String {
        let fields: String = self
            .variant
            .keys()
            .iter()
            .map(|(key, value)| format!("{key}: {value}\n"))
            .collect();
        let (address, parameters) = self.url.split_once('?').unwrap();
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

    /// Runs it: it posts, with the local time, and returns the exit code that it always returns.
    fn run(&self) -> i32 {
        let mut body = serde_json::Map::new();
        for (key, value) in self.variant.keys() {
            body.insert(key.to_owned(), Value::from(value));
        }
        body.insert("timestamp".to_owned(), "2026-11-23T18:15:37.123456".into());
        // Whatever the result.
        let _ = ureq::Agent::new_with_defaults()
            .post(&self.url)
            .send_json(Value::Object(body));
        0
    }

    /// Imports its configuration, and gives a runner with what came out: only the simulator's
    /// address and leave to go there are added, and times are short.
    fn imported(&self, platform: &Platform) -> (Setup, Outcome) {
        let setup = Setup::bare();
        std::fs::write(setup.path("config.yaml"), self.config()).unwrap();
        let imported = setup.run(&["import-config", "config.yaml"]);
        imported.exits(0);
        let base = &platform.base;
        let dataflow = format!("dataflow: \"{DATAFLOW}\"");
        assert!(imported.stdout.contains(&dataflow), "{imported:#?}");
        let config = imported
            .stdout
            .replace(
                &dataflow,
                &format!("{dataflow}, start_within: 1500ms, poll: 50ms"),
            )
            .replace("{timeout: 30s}", "{timeout: 30s, deadline: 15s}")
            + &format!(
                "endpoints: {{login: {base}, powerbi: {base}, fabric: {base}}}\nsandbox: {{allow_loopback: true}}\n"
            );
        let setup = setup
            .config(&config)
            .env("ORDER_LIST_FLOW_URL", &self.url)
            .env("AZURE_CLIENT_SECRET", CLIENT_SECRET)
            .env("HOST_RUNNER_AUDIT", "sqlite:audit.db");
        (setup, imported)
    }
}

/// The present time.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// The outcome of the refresh that the script triggered since then.
fn outcome_of_the_script(setup: &Setup, since: &str) -> Outcome {
    let outcome = setup.run(&[
        "follow",
        "order_list",
        "--any",
        "--since",
        since,
        "--output",
        "json",
    ]);
    assert_eq!(outcome.field("own_run"), "false", "{outcome:#?}");
    assert_eq!(outcome.field("run"), "", "{outcome:#?}");
    outcome
}

/// The bodies of all triggers, in order.
fn bodies(platform: &Platform) -> Vec<Value> {
    platform
        .requests_for("trigger")
        .into_iter()
        .map(|request| match request.body {
            Value::String(text) => serde_json::from_str(&text).unwrap(),
            other => other,
        })
        .collect()
}

#[track_caller]
fn contains_no_secret(text: &str) {
    for secret in [SIG, CLIENT_SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn the_import_lists_the_variables_to_set_and_repeats_no_secret() {
    let platform = Platform::start(&world());
    let script = Script::of(&platform, Variant::WithSource);
    let (setup, imported) = script.imported(&platform);
    contains_no_secret(&imported.stdout);
    contains_no_secret(&imported.stderr);
    imported
        .says("ORDER_LIST_FLOW_URL: LOGIC_APP_URL?api-version=")
        .says("AZURE_CLIENT_SECRET: \"{{ secret('AZURE_CLIENT_SECRET') }}\"")
        .says("`max_retries` and `retry_delay` were not converted");

    std::fs::write(setup.path("config.yaml"), script.config()).unwrap();
    let json = setup.run(&["import-config", "config.yaml", "--output", "json"]);
    json.exits(0);
    assert_eq!(json.result()["targets"], json!(["order_list"]));
    contains_no_secret(&json.stdout);
}

#[test]
fn an_import_that_fails_prints_nothing_on_stdout() {
    let platform = Platform::start(&world());
    let script = Script::of(&platform, Variant::WithSource);
    let setup = Setup::bare();
    for (from, to, code) in [
        (
            "default_timeout: 30",
            "default_timeout: soon",
            "import_invalid_value",
        ),
        ("operation_settings", "business_hours", "import_unknown_key"),
        (
            "power_automate:",
            " power_automate: [",
            "import_invalid_yaml",
        ),
    ] {
        std::fs::write(setup.path("config.yaml"), script.config().replace(from, to)).unwrap();
        let outcome = setup.run(&["import-config", "config.yaml"]);
        outcome
            .exits(2)
            .says(code)
            .says("config.yaml")
            .says("hint: ");
        assert_eq!(outcome.stdout, "");
        contains_no_secret(&outcome.stderr);
    }
    let missing = setup.run(&["import-config", "nothing.yaml"]);
    missing
        .exits(2)
        .says("nothing.yaml")
        .says("host-runner import-config config.yaml");
    assert_eq!(missing.stdout, "");
}

#[test]
fn the_migration_and_the_way_back_lose_no_run_and_no_outcome() {
    let platform = Platform::start(&world());
    let script = Script::of(&platform, Variant::WithSource);
    let (setup, _) = script.imported(&platform);

    // Check: nothing is triggered.
    setup.run(&["check", "order_list"]).exits(0);
    assert_eq!(platform.triggers(), 0);

    // Side by side: the script triggers, host-runner follows.
    let since = now();
    assert_eq!(script.run(), 0);
    let good = outcome_of_the_script(&setup, &since);
    good.is("completed", "", 0);
    assert_eq!(platform.completed_runs(), [good.field("service_run")]);

    platform.change_dataflow(json!({"ends": "Failed"}));
    let since = now();
    assert_eq!(script.run(), 0);
    let failed = outcome_of_the_script(&setup, &since);
    assert_eq!(
        (failed.field("status").as_str(), failed.code),
        ("failed", 10)
    );
    assert_ne!(failed.field("service_run"), good.field("service_run"));
    platform.change_dataflow(json!({"ends": "Success"}));
    assert_eq!(platform.triggers(), 2, "host-runner only followed");

    // The switch: ours triggers once, with the script's fields.
    let ours = setup.refresh(&["--require", "completed"]);
    ours.is("completed", "", 0);
    assert_eq!(ours.field("own_run"), "true");
    assert_eq!(platform.triggers(), 3);
    let bodies = bodies(&platform);
    let (mut before, mut after) = (bodies[0].clone(), bodies[2].clone());
    let naive = before["timestamp"].take();
    let stamped = after["timestamp"].take();
    assert_eq!(before, after);
    assert!(naive.as_str().unwrap().parse::<jiff::Timestamp>().is_err());
    assert!(stamped.as_str().unwrap().parse::<jiff::Timestamp>().is_ok());

    // One of ours is cut short, and we go back.
    platform.change_dataflow(json!({"run_ms": 3000}));
    let open = setup.refresh(&["--deadline", "1s"]);
    assert_eq!((open.field("status").as_str(), open.code), ("unknown", 12));
    platform.change_dataflow(json!({"run_ms": 100}));
    platform.complete("Success");
    // The script comes later than our run could have begun; sooner, nobody could tell them apart.
    platform.advance(std::time::Duration::from_secs(60));
    let since = now();
    assert_eq!(script.run(), 0);
    outcome_of_the_script(&setup, &since).is("completed", "", 0);
    assert_eq!(platform.triggers(), 5);

    // Nothing is lost: the audit log has every run of ours, and what was open has its verdict.
    let runs = setup.run(&["audit", "list", "--output", "json"]).results;
    let mut known: Vec<String> = runs
        .iter()
        .map(|run| run["run"].as_str().unwrap().to_owned())
        .collect();
    known.sort();
    let mut wanted = vec![ours.field("run"), open.field("run")];
    wanted.sort();
    assert_eq!(known, wanted);
    let followed = setup.run(&["follow", &open.field("run"), "--output", "json"]);
    followed.is("completed", "", 0);
    assert_eq!(followed.field("run"), open.field("run"));
    assert_eq!(platform.triggers(), 5, "following triggered nothing");

    let record = setup.audit_log_bytes();
    for secret in [SIG, CLIENT_SECRET] {
        assert!(!contains_bytes(&record, secret));
    }
}

#[test]
fn a_used_up_day_is_not_covered_by_the_success_of_the_day_before() {
    let mut full = dataflow();
    for hours in 1..=8_u64 {
        full = full.past_run(
            hours * 2 * 3600,
            240,
            simulator::world::RefreshType::Scheduled,
            "Success",
        );
    }
    let platform = Platform::start(&world_of(full, flow()));
    let script = Script::of(&platform, Variant::WithSource);
    let (setup, _) = script.imported(&platform);
    let since = now();
    assert_eq!(script.run(), 0, "the script is content");

    // The newest run started before this trigger.
    let newest = setup.run(&["follow", "order_list", "--any", "--output", "json"]);
    newest.is("completed", "", 0);
    let began: jiff::Timestamp = newest.field("started_at").parse().unwrap();
    assert!(began < since.parse().unwrap(), "it started before");

    let outcome = outcome_of_the_script(&setup, &since);
    outcome.is("unknown", "refresh_not_started", 12);
    assert_eq!(outcome.field("likely_cause"), "dataflow_daily_limit");
    assert_ne!(outcome.field("retry_at"), "");
}

#[test]
fn a_payload_without_a_source_reaches_the_flow_without_one() {
    let platform = Platform::start(&world());
    let script = Script::of(&platform, Variant::WithEnvironment);
    let (setup, _) = script.imported(&platform);
    assert_eq!(script.run(), 0);
    platform.wait_until("its end", |platform| !platform.completed_runs().is_empty());
    setup.refresh(&[]).is("completed", "", 0);
    let [mut before, mut after] = bodies(&platform).try_into().unwrap();
    before["timestamp"].take();
    after["timestamp"].take();
    assert_eq!(before, after);
    assert!(after.get("source").is_none());
}

#[test]
fn a_since_that_is_no_moment_is_refused_and_so_is_one_without_any() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    let yesterday = setup.run(&["follow", "order_list", "--any", "--since", "yesterday"]);
    yesterday.exits(2).says("--since");
    let naive = setup.run(&[
        "follow",
        "order_list",
        "--any",
        "--since",
        "2026-11-23T18:15:37",
    ]);
    naive.exits(2).says("offset");
    setup
        .run(&["follow", "order_list", "--since", "2026-11-23T18:15:37Z"])
        .exits(2)
        .says("--any");
}

/// The flow of docs/migration.md.
mod page {
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/migration.md");

    fn block() -> String {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (_, after) = page
            .split_once("<!-- rehearsed -->\n```yaml\n")
            .expect("the block is marked");
        after.split_once("```\n").unwrap().0.to_owned()
    }

    #[test]
    fn the_configuration_in_the_flow_loads() {
        let flow: Value = serde_saphyr::from_str(&block()).unwrap();
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
}
