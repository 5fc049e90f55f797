//! What both parts of the benchmark need: curl and Python, a simulator with one plain flow, a folder
//! on the build's disk with the configuration, and the bytes that a refresh sends.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use simulator::scenario;
use simulator::world::World;

use crate::cargo;
use crate::simulator::Simulator;

/// The id that curl and the script send instead of host-runner's run id, of the same length.
pub(crate) const TRACKING_ID: &str = "01936f0e-5c1a-7c3e-9a51-0c7f6f6e2b11";

/// The variable that holds the trigger URL.
pub(crate) const URL: &str = "ORDER_LIST_FLOW_URL";

/// The Python script, below the workspace's root.
pub(crate) const SCRIPT: &str = "xtask/bench/refresh.py";

const CONFIGURATION: &str = "version: 1
audit: sqlite:audit.db
sandbox: {allow_loopback: true}
targets:
  order_list: {kind: power-automate, url: \"${env:ORDER_LIST_FLOW_URL}\"}
";

/// Prints the interpreter, then the versions of what the script uses.
const PROBE: &str = "import platform, sqlite3, sys, requests
print(sys.executable)
print(f'Python {platform.python_version()}, requests {requests.__version__}, SQLite {sqlite3.sqlite_version}')";

/// The programs that a refresh is compared with.
#[derive(Debug)]
pub(crate) struct Peers {
    /// The interpreter itself: `python3` may be a wrapper that searches for it at every start.
    pub(crate) python: PathBuf,
    /// The versions, for the report.
    pub(crate) versions: String,
}

impl Peers {
    /// Finds curl and Python.
    ///
    /// # Errors
    /// One sentence that says what is missing and how to install it.
    pub(crate) fn find() -> Result<Self> {
        let curl = output(Command::new("curl").arg("--version")).context(
            "the benchmark needs curl: install it, for example with `apt-get install curl`",
        )?;
        let probe = output(Command::new("python3").args(["-c", PROBE])).context(
            "the benchmark needs Python 3 with requests and sqlite3: install them, for example with \
             `apt-get install python3 python3-requests`",
        )?;
        let (python, versions) = probe
            .trim_end()
            .split_once('\n')
            .context("Python does not report its versions")?;
        let curl: Vec<&str> = curl.split_whitespace().take(2).collect();
        Ok(Self {
            python: python.into(),
            versions: format!("{}; {versions}", curl.join(" ")),
        })
    }
}

/// A running simulator and a folder. Both end with the value.
pub(crate) struct Setup {
    /// The whole trigger URL.
    pub(crate) url: String,
    /// The program that is measured.
    pub(crate) runner: PathBuf,
    simulator: Simulator,
    folder: tempfile::TempDir,
}

impl Setup {
    /// Starts the simulator, and writes `refresh.yaml` and `body.json`.
    ///
    /// # Errors
    /// If something cannot be started or written.
    pub(crate) fn start(programs: &Path) -> Result<Self> {
        // Not in the folder for temporary files: that is often in memory, where waiting for the
        // disk costs nothing.
        let folder = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(cargo::target_dir())
            .context("no folder beside the build")?;
        let flows = scenario::order_list_completes().flows;
        let mut flow = flows
            .into_iter()
            .next()
            .context("the scenario has no flow")?;
        flow.refreshes = None;
        let world_file = folder.path().join("world.json");
        std::fs::write(
            &world_file,
            serde_json::to_vec(&World::new().flow(flow.clone()))?,
        )?;
        let options = ["--world".into(), world_file.into_os_string()];
        let simulator = Simulator::start(programs, &options)?;
        let setup = Self {
            url: flow.trigger_url(simulator.base()),
            runner: cargo::program(programs, "host-runner"),
            simulator,
            folder,
        };
        std::fs::write(setup.path("refresh.yaml"), CONFIGURATION)?;
        let mut dry_run = setup.command(&setup.runner);
        dry_run.args(["refresh", "order_list", "--dry-run", "--output", "json"]);
        let plan = json(&mut dry_run)?;
        let body = plan.pointer("/request/body").and_then(Value::as_str);
        std::fs::write(
            setup.path("body.json"),
            body.context("the plan has no body")?,
        )?;
        Ok(setup)
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program in the folder, with PATH and the trigger URL as its environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env(URL, &self.url)
            .stdin(Stdio::null());
        command
    }

    /// The simulator's log of requests.
    ///
    /// # Errors
    /// If curl or the simulator does not answer.
    pub(crate) fn requests(&self) -> Result<Value> {
        let log = format!("{}/__simulator/requests", self.simulator.base());
        json(self.command("curl").args(["-sS", "--fail", &log]))
    }
}

/// The standard output of a program that succeeds.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("{program} does not start"))?;
    if !output.status.success() {
        bail!(
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The standard output of a program that succeeds, as JSON.
pub(crate) fn json(command: &mut Command) -> Result<Value> {
    let text = output(command)?;
    ensure!(!text.is_empty(), "{command:?} printed nothing");
    serde_json::from_str(&text).with_context(|| format!("{command:?} did not print JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_failing_program_and_one_that_prints_no_json_are_errors() {
        assert!(output(&mut Command::new("no-such-program-anywhere")).is_err());
        assert!(output(&mut Command::new("false")).is_err());
        assert!(json(&mut Command::new("true")).is_err());
        assert_eq!(json(Command::new("echo").arg("[1]")).unwrap()[0], 1);
    }
}
