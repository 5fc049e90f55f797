//! A configuration, an environment and a working directory for the real binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{CLIENT, CLIENT_SECRET, DATAFLOW, Outcome, Platform, TENANT, WORKSPACE, host_runner};

/// The input of the binary.
pub struct Setup {
    dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

/// How the usual target is verified.
const VERIFIED: &str = "\n    verify: {kind: dataflow, workspace: WORKSPACE, dataflow: DATAFLOW, start_within: 1500ms, poll: 50ms}";

impl Setup {
    /// The usual target `order_list`, verified by its dataflow's transactions.
    pub fn verified(platform: &Platform) -> Self {
        Self::new(platform, VERIFIED)
    }

    /// The usual target, verified by the flow's own Response.
    pub fn by_response(platform: &Platform) -> Self {
        Self::new(platform, "\n    verify: {kind: response}")
    }

    /// The usual target with only a SAS URL.
    pub fn unverified(platform: &Platform) -> Self {
        Self::new(platform, "")
    }

    /// The dataflow itself as the target `order_list`.
    pub fn direct(platform: &Platform) -> Self {
        let setup = Self::new(platform, "");
        let text = setup.config_text();
        let (head, _) = text.split_once("targets:").expect("targets");
        setup.config(&format!(
            "{head}targets:\n  order_list: {{kind: dataflow, workspace: {WORKSPACE}, dataflow: {DATAFLOW}, start_within: 1500ms, poll: 50ms}}\n"
        ))
    }

    fn new(platform: &Platform, verify: &str) -> Self {
        let base = &platform.base;
        let verify = verify
            .replace("WORKSPACE", &WORKSPACE.to_string())
            .replace("DATAFLOW", &DATAFLOW.to_string());
        let text = format!(
            "version: 1
audit: sqlite:audit.db
defaults: {{deadline: 15s, timeout: 1s}}
credentials:
  default:
    kind: client-secret
    tenant: {TENANT}
    client_id: {CLIENT}
    client_secret: ${{env:AZURE_CLIENT_SECRET}}
endpoints: {{login: {base}, powerbi: {base}, fabric: {base}}}
sandbox: {{allow_loopback: true}}
targets:
  order_list:
    kind: power-automate
    url: ${{env:ORDER_LIST_FLOW_URL}}
    payload: {{dataflow_name: Master Order List, workspace: Data Admin, source: ORDER_LIST_pipeline}}{verify}
"
        );
        let setup = Self::bare().config(&text);
        setup
            .url(&platform.trigger_url())
            .env("AZURE_CLIENT_SECRET", CLIENT_SECRET)
    }

    /// No configuration.
    pub fn bare() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a working directory"),
            env: BTreeMap::new(),
        }
    }

    /// Sets the configuration.
    pub fn config(self, text: &str) -> Self {
        std::fs::write(self.path("refresh.yaml"), text).expect("the configuration is written");
        self
    }

    /// Changes the configuration.
    pub fn replacing(self, from: &str, to: &str) -> Self {
        let text = self.config_text();
        assert!(text.contains(from), "the configuration has no {from:?}");
        self.config(&text.replace(from, to))
    }

    /// Adds to the end of the configuration.
    pub fn appending(self, more: &str) -> Self {
        let text = self.config_text() + more;
        self.config(&text)
    }

    fn config_text(&self) -> String {
        std::fs::read_to_string(self.path("refresh.yaml")).expect("a configuration")
    }

    /// Sets the trigger URL.
    pub fn url(self, url: &str) -> Self {
        self.env("ORDER_LIST_FLOW_URL", url)
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Removes a variable.
    pub fn without_env(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    /// A file in the working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The working directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The binary with these arguments, and only PATH from this process's environment. Spaces separate the
    /// arguments, except between single quotes.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(host_runner());
        for (part, text) in line.split('\'').enumerate() {
            match part % 2 {
                0 => command.args(text.split_whitespace()),
                _ => command.arg(text),
            };
        }
        command
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The same with a limit of the shell's `ulimit`.
    pub fn limited(&self, limit: &str, line: &str) -> Command {
        let prepared = self.command(line);
        let mut command = Command::new("/bin/sh");
        let script = format!("trap '' XFSZ; ulimit {limit}; exec \"$0\" \"$@\"");
        command
            .args(["-c", &script])
            .arg(prepared.get_program())
            .args(prepared.get_args())
            .current_dir(self.dir.path())
            .env_clear()
            .envs(
                prepared
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, line: &str) -> Outcome {
        Outcome::end_of(self.start(line))
    }

    /// Starts the binary.
    pub fn start(&self, line: &str) -> Child {
        self.command(line).spawn().expect("host-runner starts")
    }

    /// Refreshes `order_list` with JSON output.
    pub fn refresh(&self, more: &str) -> Outcome {
        Outcome::end_of(self.start_refresh(more))
    }

    /// Starts a refresh of `order_list` with JSON output.
    pub fn start_refresh(&self, more: &str) -> Child {
        self.start(&format!("refresh order_list --output json {more}"))
    }

    /// Resolves the run of this outcome as seen in the portal.
    pub fn resolve(&self, outcome: &Outcome, verdict: &str) -> Outcome {
        let run = outcome.field("run");
        self.run(&format!(
            "audit resolve {run} --as {verdict} --reason 'seen in the portal'"
        ))
    }

    /// The runs whose outcome is not known and that no process works on.
    #[track_caller]
    pub fn open_runs(&self) -> Vec<String> {
        let open = self.run("audit list --open --output json");
        open.exits(0);
        let runs = open.results.iter();
        runs.filter_map(|run| run["run"].as_str().map(str::to_owned))
            .collect()
    }

    /// Locks the audit log until the connection is dropped.
    pub fn lock_audit_log(&self) -> rusqlite::Connection {
        let holder = rusqlite::Connection::open(self.path("audit.db")).expect("an audit log");
        holder
            .busy_timeout(Duration::from_secs(5))
            .expect("a timeout");
        holder.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        holder
    }

    /// Whether the files of the audit log contain `part`.
    pub fn audit_log_contains(&self, part: &str) -> bool {
        ["audit.db", "audit.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(self.path(name)).unwrap_or_default();
            let mut windows = bytes.windows(part.len());
            windows.any(|window| window == part.as_bytes())
        })
    }

    /// The events of the audit log, in order.
    pub fn events(&self) -> Vec<serde_json::Value> {
        let runs = self.run("audit list --limit 1000 --output json");
        let mut events: Vec<serde_json::Value> = runs
            .results
            .iter()
            .filter_map(|run| run["run"].as_str())
            .flat_map(|run| self.run(&format!("audit show {run} --output json")).results)
            .collect();
        events.sort_by_key(|event| event["number"].as_u64());
        events
    }

    /// The kinds of the events, in order.
    pub fn event_kinds(&self) -> Vec<String> {
        self.events()
            .iter()
            .filter_map(|event| event["event"].as_str().map(str::to_owned))
            .collect()
    }
}
