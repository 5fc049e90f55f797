//! A test's stage: an engine of its line, services of its own, a namespace, secrets and a record.

mod adapt;
mod engines;
mod task;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kestra_engine::{Engine, Execution, Line};
use serde_json::{Value, json};
use simulator::world::World;

pub use task::Task;

use crate::shipped;
use crate::support::{
    CLIENT, CLIENT_SECRET, DATAFLOW, Outcome, Platform, TENANT, WORKSPACE, host_runner,
};

/// How long anything may take before a test fails. Far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where an example in this repository keeps the audit log.
const USUAL_RECORD: &str = "/var/lib/host-runner/audit.db";

/// The tasks of our flows that log whenever they are run.
const SPEAKERS: [&str; 3] = ["say_why", "say_skipped", "say_plans"];

/// A test's stage.
pub struct Stage {
    /// The services.
    pub platform: Platform,
    engine: &'static Engine,
    tag: String,
    dir: tempfile::TempDir,
}

impl Stage {
    /// A stage with services of this world, on an engine of this line.
    pub fn new(line: Line, world: &World) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let stage = Self {
            platform: Platform::start(world),
            engine: engines::engine(line),
            tag: format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            dir: tempfile::tempdir().expect("a folder for the audit log"),
        };
        stage.secret("ORDER_LIST_FLOW_URL", &stage.platform.trigger_url());
        stage.secret("AZURE_CLIENT_SECRET", CLIENT_SECRET);
        stage
    }

    /// Sets a secret of this stage's flows.
    pub fn secret(&self, name: &str, value: &str) {
        self.engine
            .secret(&self.secret_name(name), value)
            .expect("the engine takes a secret");
    }

    /// The name of a secret on this stage.
    pub fn secret_name(&self, name: &str) -> String {
        format!("{name}_{}", self.tag.to_uppercase())
    }

    /// The namespace of this stage's flows.
    pub fn namespace(&self) -> String {
        format!("company.bi.{}", self.tag)
    }

    /// A file that outlives tasks.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the audit log is.
    pub fn record(&self) -> String {
        format!("sqlite:{}", self.path("audit.db").display())
    }

    /// A text of ours, a flow or a configuration, as it runs on this stage: in its namespace, with
    /// its secrets, its record, its alerts and its services. Nothing else of it is changed.
    pub fn adapted(&self, text: &str) -> String {
        let text = text
            .replace("company.bi", &self.namespace())
            .replace(USUAL_RECORD, &self.path("audit.db").display().to_string());
        let text = adapt::secrets(&text, |name| self.secret_name(name));
        let text = adapt::alerts(&text, &self.tag);
        let text = adapt::resting(&text);
        adapt::services(&text, &self.platform.base)
    }

    /// Loads a flow that we ship, by its file's name without `.yml`; gives its text as it was loaded.
    pub fn load(&self, name: &str) -> String {
        self.load_text(&shipped::flow(name))
    }

    /// Loads a flow.
    pub fn load_text(&self, text: &str) -> String {
        let text = self.adapted(text);
        if let Err(error) = self.engine.load(&text) {
            panic!("{error}\n{text}");
        }
        text
    }

    /// Puts a namespace file.
    pub fn file(&self, path: &str, content: &[u8]) {
        let fields =
            json!({"namespace": self.namespace(), "path": path, "base64": base64(content)});
        self.ask("file", fields);
    }

    /// Puts the configuration that we ship as a namespace file.
    pub fn shared_configuration(&self) {
        self.file(
            "refresh.yaml",
            self.adapted(&shipped::file("files/refresh.yaml"))
                .as_bytes(),
        );
    }

    /// The ids that our flows ask for.
    pub fn ids() -> Value {
        json!({
            "tenant_id": TENANT.to_string(),
            "client_id": CLIENT.to_string(),
            "workspace_id": WORKSPACE.to_string(),
            "dataflow_id": DATAFLOW.to_string(),
        })
    }

    /// Starts a flow; gives the execution's id.
    pub fn begin(&self, flow: &str, inputs: &Value) -> String {
        self.engine
            .begin(&self.namespace(), flow, inputs)
            .unwrap_or_else(|error| panic!("{flow} does not start: {error}"))
    }

    /// Why the engine does not start a flow with these inputs.
    pub fn refused(&self, flow: &str, inputs: &Value) -> String {
        match self.engine.begin(&self.namespace(), flow, inputs) {
            Err(error) => error.to_string(),
            Ok(id) => panic!("{flow} was started: {id}"),
        }
    }

    /// Waits until something has started a flow; gives the id of its first execution.
    pub fn first_execution(&self, flow: &str) -> String {
        let started = Instant::now();
        loop {
            let all = self.engine.executions(&self.namespace(), flow);
            if let Some(first) = all.unwrap_or_else(|error| panic!("{error}")).first() {
                return first.id().to_owned();
            }
            assert!(started.elapsed() < PATIENCE, "nothing has started {flow}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Runs a flow to its end.
    pub fn run(&self, flow: &str, inputs: &Value) -> Execution {
        let id = self.begin(flow, inputs);
        self.end_of(&id)
    }

    /// Runs a flow of one task to its end.
    pub fn run_task(&self, task: &Task) -> Execution {
        self.load_text(&task.flow());
        self.run("one_task", &json!({}))
    }

    /// Waits for the end of an execution, and for what it logged: the engine stores that later.
    pub fn end_of(&self, execution: &str) -> Execution {
        let mut before = self.wait(execution, &[]);
        let started = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.report(execution);
            let all_said = now.has_last_words() && SPEAKERS.iter().all(|task| now.has_spoken(task));
            if now.raw() == before.raw() && all_said {
                return now;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "it is over and goes on: {:#}",
                now.raw()
            );
            before = now;
        }
    }

    /// Waits until an execution is in one of these states.
    pub fn wait(&self, execution: &str, states: &[&str]) -> Execution {
        self.engine
            .wait(execution, states, PATIENCE)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is known of an execution now.
    pub fn report(&self, execution: &str) -> Execution {
        self.engine
            .report(execution)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until an execution has come to what `seen` asks for.
    pub fn until(
        &self,
        execution: &str,
        what: &str,
        seen: impl Fn(&Execution) -> bool,
    ) -> Execution {
        let started = Instant::now();
        loop {
            let now = self.report(execution);
            if seen(&now) {
                return now;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the execution never came to: {what}\n{:#}",
                now.raw()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the audit log or the services have come to what `seen` asks for.
    pub fn eventually(&self, what: &str, seen: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !seen(self) {
            assert!(
                started.elapsed() < PATIENCE,
                "it never came to that: {what}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the run of an execution is known at the service to be its own.
    pub fn until_matched(&self) {
        self.eventually("its run is known", |stage| {
            stage.runs().iter().any(|run| run["service_run"] != "")
        });
    }

    /// Waits until a flow has this many executions that are over.
    pub fn executions(&self, flow: &str, count: usize) -> Vec<Execution> {
        let started = Instant::now();
        loop {
            let all = self
                .engine
                .executions(&self.namespace(), flow)
                .unwrap_or_else(|error| panic!("{error}"));
            if all.len() >= count {
                return all.iter().map(|one| self.end_of(one.id())).collect();
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{flow} has {} executions, not {count}",
                all.len()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills an execution.
    pub fn kill(&self, execution: &str) {
        self.engine
            .kill(execution)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Restarts an execution.
    pub fn restart(&self, execution: &str) -> Execution {
        let id = self
            .engine
            .restart(execution)
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(id, execution, "a Restart is the same execution");
        self.end_of(&id)
    }

    /// Replays an execution.
    pub fn replay(&self, execution: &str) -> Execution {
        let id = self
            .engine
            .replay(execution)
            .unwrap_or_else(|error| panic!("{error}"));
        self.end_of(&id)
    }

    /// Hands the running task of a task run to the workers once more.
    pub fn deliver_again(&self, task_run: &str) {
        self.ask("deliver_again", json!({"taskrun": task_run}));
    }

    /// Calls the webhook of a flow; gives the HTTP status of the answer.
    pub fn webhook(&self, flow: &str, body: &Value) -> u64 {
        let fields = json!({"namespace": self.namespace(), "flow": flow, "body": body.to_string()});
        self.ask("webhook", fields)["status"].as_u64().unwrap_or(0)
    }

    /// Everything in the key-value store of the namespace.
    pub fn kv(&self) -> Value {
        self.ask("kv", json!({"namespace": self.namespace()}))
    }

    /// Asks the engine.
    pub fn ask(&self, op: &str, fields: Value) -> Value {
        self.engine
            .ask(op, fields)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs the binary on this stage's record, outside Kestra.
    pub fn host_runner(&self, arguments: &[&str]) -> Outcome {
        let output = Command::new(host_runner())
            .args(arguments)
            .args(["--output", "json", "--audit", &self.record()])
            .output()
            .expect("host-runner starts");
        Outcome::of(&output)
    }

    /// The runs in the audit log, newest first.
    pub fn runs(&self) -> Vec<Value> {
        self.host_runner(&["audit", "list", "--limit", "1000"])
            .results
    }

    /// The events of a run in the audit log, in order.
    pub fn events(&self, run: &str) -> Vec<Value> {
        self.host_runner(&["audit", "show", run]).results
    }

    /// The kinds of the events of the only run in the audit log.
    pub fn event_kinds(&self) -> Vec<String> {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:#?}");
        self.events(runs[0]["run"].as_str().expect("a run has an id"))
            .iter()
            .map(|event| event["event"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

fn base64(content: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(content)
}
