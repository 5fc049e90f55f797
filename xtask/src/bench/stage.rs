//! Where the benchmark runs: a simulator with one plain flow, a folder on the disk that the build
//! is on, and the three ways to trigger that flow.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use simulator::scenario;
use simulator::world::{Flow, World};

use super::tools::Tools;
use crate::cargo;
use crate::simulator::Simulator;

/// The id that curl and the script send where host-runner sends its run's: of the same length.
const TRACKING_ID: &str = "01936f0e-5c1a-7c3e-9a51-0c7f6f6e2b11";

/// Everything that is measured, ready to run.
pub(crate) struct Stage {
    /// `host-runner refresh`, reporting in JSON.
    pub(crate) runner: Command,
    /// curl, posting the same bytes.
    pub(crate) curl: Command,
    /// A Python script that posts the same bytes and stores the same three events.
    pub(crate) script: Command,
    // These end with the stage.
    _simulator: Simulator,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Starts the simulator and prepares the commands.
    ///
    /// # Errors
    /// Where something cannot be started or written.
    pub(crate) fn set(programs: &Path, tools: &Tools) -> Result<Self> {
        // In the build's own folder: the one for temporary files is often in memory, where waiting
        // for the disk costs nothing.
        let folder = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(cargo::target_dir())
            .context("no folder beside the build")?;
        let path = |name: &str| folder.path().join(name);
        let flow = plain_flow()?;
        let world = World::new().flow(flow.clone());
        std::fs::write(path("world.json"), serde_json::to_vec(&world)?)?;
        let options = ["--world".into(), path("world.json").into_os_string()];
        let simulator = Simulator::start(programs, &options)?;
        let url = flow.trigger_url(simulator.base());
        std::fs::write(path("refresh.yaml"), CONFIGURATION)?;

        let mut runner = quiet(cargo::program(programs, "host-runner"), folder.path());
        runner.env("ORDER_LIST_FLOW_URL", &url);
        let body = body(&mut again(
            &runner,
            &["refresh", "order_list", "--dry-run", "--output", "json"],
        ))?;
        std::fs::write(path("body.json"), &body)?;
        runner.args(["refresh", "order_list", "--output", "json"]);

        let mut curl = quiet(&tools.curl, folder.path());
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"])
            .args(["-H", "Content-Type: application/json"])
            .args(["-H", &format!("x-ms-client-tracking-id: {TRACKING_ID}")])
            .args(["--data-binary", "@body.json", &url]);

        let mut script = quiet(&tools.python, folder.path());
        script
            .arg(cargo::root().join("xtask/bench/refresh.py"))
            .args(["body.json", TRACKING_ID, "script.db"])
            .env("ORDER_LIST_FLOW_URL", &url);
        if let Some(home) = std::env::var_os("HOME") {
            // requests may lie in the user's own packages.
            script.env("HOME", home);
        }
        Ok(Self {
            runner,
            curl,
            script,
            _simulator: simulator,
            _folder: folder,
        })
    }
}

/// A target that has a SAS URL and nothing else.
const CONFIGURATION: &str = "version: 1
audit: sqlite:audit.db
sandbox: {allow_loopback: true}
targets:
  order_list: {kind: power-automate, url: \"${env:ORDER_LIST_FLOW_URL}\"}
";

/// A flow that answers 202 and does nothing.
fn plain_flow() -> Result<Flow> {
    let world = scenario::order_list_completes();
    let mut flow = world
        .flows
        .into_iter()
        .next()
        .context("the simulator's world has no flow")?;
    flow.inner = None;
    Ok(flow)
}

/// A program in this folder, with nothing of this process's environment but PATH.
fn quiet(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .stdin(Stdio::null());
    command
}

/// The same program in the same surroundings, with other arguments.
fn again(command: &Command, arguments: &[&str]) -> Command {
    let mut other = Command::new(command.get_program());
    other.args(arguments).env_clear().stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        other.current_dir(folder);
    }
    other.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    other
}

/// The bytes that a refresh sends, by its own word.
fn body(dry_run: &mut Command) -> Result<String> {
    let output = dry_run.output().context("host-runner does not start")?;
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
