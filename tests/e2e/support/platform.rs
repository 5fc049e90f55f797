//! The simulator as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use simulator::faults::FaultRule;
use simulator::world::World;

use super::DATAFLOW;

/// A running simulator. Ends with the value.
pub struct Platform {
    process: Child,
    /// Its address, for example `http://127.0.0.1:34567`.
    pub base: String,
    _world: tempfile::TempDir,
    agent: ureq::Agent,
}

/// A request that the simulator received, with masked secrets.
#[derive(Debug, Clone, Deserialize)]
pub struct Logged {
    /// The operation, named as in faults.
    pub on: Option<String>,
    /// The headers, with masked secrets.
    pub headers: Value,
    /// The body.
    pub body: Value,
    /// Whether it carried a signature.
    pub had_sig: bool,
    /// Whether it carried an Authorization header.
    pub had_authorization: bool,
}

impl Logged {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.body.as_str().expect("a text")).expect("in JSON")
    }
}

impl Platform {
    /// Starts a simulator of this world.
    pub fn start(world: &World) -> Self {
        Self::start_with(world, &[])
    }

    /// Starts a simulator with HTTPS, which writes its root certificate to `ca`.
    pub fn start_tls(world: &World, ca: &str) -> Self {
        Self::start_with(world, &["--tls", "--ca-out", ca])
    }

    fn start_with(world: &World, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the world");
        let file = dir.path().join("world.json");
        std::fs::write(&file, json!(world).to_string()).expect("the world is written");
        let mut process = Command::new(env!("CARGO_BIN_EXE_simulator"))
            .args(["--exit-with-stdin", "--world"])
            .arg(&file)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("a first line");
        let first: Value = serde_json::from_str(&line).expect("in JSON");
        Self {
            process,
            base: first["listening"].as_str().expect("an address").to_owned(),
            _world: dir,
            agent: ureq::Agent::new_with_defaults(),
        }
    }

    /// The whole trigger URL of the usual flow.
    pub fn trigger_url(&self) -> String {
        super::flow().trigger_url(&self.base)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Logged> {
        serde_json::from_value(self.get("requests")).expect("a log of requests")
    }

    /// The requests of this operation.
    pub fn requests_for(&self, on: &str) -> Vec<Logged> {
        self.requests()
            .into_iter()
            .filter(|request| request.on.as_deref() == Some(on))
            .collect()
    }

    /// The number of triggers that the flow received.
    pub fn triggers(&self) -> usize {
        self.requests_for("trigger").len()
    }

    /// All runs of the usual dataflow, newest first.
    pub fn runs(&self) -> Vec<Value> {
        let item = self.get(&format!("items/{DATAFLOW}"));
        item["runs"].as_array().cloned().unwrap_or_default()
    }

    /// The ids of the usual dataflow's successful transactions.
    pub fn completed_runs(&self) -> Vec<String> {
        self.runs()
            .iter()
            .filter(|run| run["status"] == "Success")
            .filter_map(|run| run["id"].as_str().map(str::to_owned))
            .collect()
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: &[FaultRule]) {
        self.post("faults", json!(faults));
    }

    /// Changes the settings of an item, for refreshes that begin from now on.
    pub fn change(&self, item: uuid::Uuid, fields: Value) {
        self.post(&format!("settings/{item}"), fields);
    }

    /// Starts a run of the usual dataflow, as the scheduler or another user would.
    pub fn start_run(&self, refresh_type: &str) {
        let fields = json!({"refresh_type": refresh_type});
        self.post(&format!("runs/{DATAFLOW}"), fields);
    }

    /// Ends the usual dataflow's running refresh.
    pub fn complete(&self, status: &str) {
        let fields = json!({"status": status});
        self.post(&format!("complete/{DATAFLOW}"), fields);
    }

    /// Waits until `condition` holds; fails after twenty seconds.
    pub fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !condition(self) {
            assert!(Instant::now() < deadline, "timed out waiting for: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn get(&self, path: &str) -> Value {
        self.agent
            .get(format!("{}/__simulator/{path}", self.base))
            .call()
            .expect("the simulator replies")
            .body_mut()
            .read_json()
            .expect("in JSON")
    }

    fn post(&self, path: &str, body: Value) {
        self.agent
            .post(format!("{}/__simulator/{path}", self.base))
            .send_json(body)
            .unwrap_or_else(|error| panic!("the simulator rejected {path}: {error}"));
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
