//! Where something is measured: a simulator with one plain flow, a folder on the disk that the
//! build is on, the configuration that triggers that flow, and the bytes that this sends.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use simulator::scenario;
use simulator::world::{Flow, World};

use crate::cargo;
use crate::simulator::Simulator;

/// The id that curl and the script send where host-runner sends its run's: of the same length.
pub(crate) const TRACKING_ID: &str = "01936f0e-5c1a-7c3e-9a51-0c7f6f6e2b11";

/// The variable that holds the trigger URL.
pub(crate) const URL: &str = "ORDER_LIST_FLOW_URL";

/// The Python script, below the workspace's root.
pub(crate) const SCRIPT: &str = "xtask/bench/refresh.py";

/// A target that has a SAS URL and nothing else.
const CONFIGURATION: &str = "version: 1
audit: sqlite:audit.db
sandbox: {allow_loopback: true}
targets:
  order_list: {kind: power-automate, url: \"${env:ORDER_LIST_FLOW_URL}\"}
";

/// A running simulator and a folder. They end with the value.
pub(crate) struct Place {
    /// The whole trigger URL.
    pub(crate) url: String,
    /// The program that is measured.
    pub(crate) runner: PathBuf,
    simulator: Simulator,
    folder: tempfile::TempDir,
}

impl Place {
    /// Starts the simulator, and writes `refresh.yaml` and `body.json`.
    ///
    /// # Errors
    /// Where something cannot be started or written.
    pub(crate) fn set(programs: &Path) -> Result<Self> {
        // In the build's own folder: the one for temporary files is often in memory, where waiting
        // for the disk costs nothing.
        let folder = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(cargo::target_dir())
            .context("no folder beside the build")?;
        let flow = plain_flow()?;
        let world = World::new().flow(flow.clone());
        let world_file = folder.path().join("world.json");
        std::fs::write(&world_file, serde_json::to_vec(&world)?)?;
        let options = ["--world".into(), world_file.into_os_string()];
        let simulator = Simulator::start(programs, &options)?;
        let place = Self {
            url: flow.trigger_url(simulator.base()),
            runner: cargo::program(programs, "host-runner"),
            simulator,
            folder,
        };
        std::fs::write(place.path("refresh.yaml"), CONFIGURATION)?;
        std::fs::write(place.path("body.json"), place.body()?)?;
        Ok(place)
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program in the folder, with nothing of this process's environment but PATH.
    pub(crate) fn quiet(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// What the simulator was asked so far, by its own log.
    ///
    /// # Errors
    /// Where curl or the simulator does not answer.
    pub(crate) fn requests(&self, curl: &Path) -> Result<Value> {
        let log = format!("{}/__simulator/requests", self.simulator.base());
        let output = self
            .quiet(curl)
            .args(["-sS", "--fail", &log])
            .output()
            .context("curl does not start")?;
        if !output.status.success() {
            bail!(
                "the simulator does not show its log: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        serde_json::from_slice(&output.stdout).context("the simulator's log is not JSON")
    }

    /// The bytes that a refresh sends, by its own word.
    fn body(&self) -> Result<String> {
        let output = self
            .quiet(&self.runner)
            .env(URL, &self.url)
            .args(["refresh", "order_list", "--dry-run", "--output", "json"])
            .output()
            .context("host-runner does not start")?;
        if !output.status.success() {
            bail!(
                "`host-runner refresh --dry-run` failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let plan: Value = serde_json::from_slice(&output.stdout).context("its plan is not JSON")?;
        let body = plan.pointer("/request/body").and_then(Value::as_str);
        Ok(body.context("its plan has no body")?.to_owned())
    }
}

/// A flow that answers 202 and does nothing.
fn plain_flow() -> Result<Flow> {
    let world = scenario::order_list_completes();
    let mut flow = world
        .flows
        .into_iter()
        .next()
        .context("the simulator's world has no flow")?;
    flow.refreshes = None;
    Ok(flow)
}
