//! Where the demo plays: a folder that goes away, a configuration in it, and the secrets in the
//! environment of the programs, as an orchestrator would hand them over.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use simulator::scenario;
use simulator::world::World;

use crate::cargo;
use crate::simulator::Simulator;

/// What the completing and the swallowing flow have in common: neither says what became of the
/// dataflow, so the dataflow itself is asked. Three seconds instead of the five minutes that one
/// would give the real service, because nobody wants to wait for the demo.
const LOOK: &str = "start_within: 3s, poll: 500ms";

/// Everything that a command of the demo runs in.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    runner: PathBuf,
    env: Vec<(String, String)>,
    // Ends when the stage does.
    _simulator: Simulator,
}

/// What a command showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its stdout and stderr, in the order in which they came.
    pub(crate) text: String,
    /// Its exit code; nothing where a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Stage {
    /// Starts the simulator and writes the configuration. `colors`: whether the output is to be
    /// as on a terminal.
    ///
    /// # Errors
    /// Where either fails.
    pub(crate) fn set(programs: &Path, colors: bool) -> Result<Self> {
        let simulator = Simulator::start(programs, &["--scenario", "demo"])?;
        let folder = tempfile::Builder::new()
            .prefix("host-runner-demo-")
            .tempdir()
            .context("no folder for temporary files")?;
        std::fs::write(
            folder.path().join("refresh.yaml"),
            configuration(simulator.base()),
        )?;
        let world = scenario::demo();
        let mut env = vec![
            (
                "AZURE_CLIENT_SECRET".to_owned(),
                scenario::CLIENT_SECRET.to_owned(),
            ),
            (
                "HOST_RUNNER_COLOR".to_owned(),
                if colors { "always" } else { "never" }.to_owned(),
            ),
        ];
        for (variable, flow) in [
            ("ORDER_LIST_FLOW_URL", scenario::COMPLETING_FLOW),
            ("SWALLOWED_FLOW_URL", scenario::SWALLOWING_FLOW),
            ("REFUSED_FLOW_URL", scenario::RESPONDING_FLOW),
        ] {
            env.push((
                variable.to_owned(),
                trigger_url(&world, flow, simulator.base())?,
            ));
        }
        Ok(Self {
            runner: cargo::program(programs, "host-runner"),
            folder,
            env,
            _simulator: simulator,
        })
    }

    /// Runs `host-runner` with these arguments and hands each line that `keep` keeps to `out`.
    ///
    /// # Errors
    /// Where it does not start, or `out` takes nothing more.
    pub(crate) fn run(
        &self,
        arguments: &[&str],
        keep: impl Fn(&str) -> bool,
        out: &mut dyn Write,
    ) -> Result<Shown> {
        let (mut output, stdout) = std::io::pipe()?;
        let stderr = stdout.try_clone()?;
        let mut command = Command::new(&self.runner);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            // Neither this machine's proxies nor a user's own HOST_RUNNER_… play a part.
            .env_clear()
            .env("HOME", self.folder.path())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        let mut child = command.spawn().context("host-runner does not start")?;
        // The command holds the pipe's other end; while it lives, the output has no end.
        drop(command);
        let read = read(&mut output, keep, out);
        let status = child.wait()?;
        Ok(Shown {
            text: read?,
            code: status.code(),
        })
    }
}

/// Passes on what comes, line by line.
fn read(
    output: &mut impl Read,
    keep: impl Fn(&str) -> bool,
    out: &mut dyn Write,
) -> Result<String> {
    let mut text = String::new();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if keep(&line) {
            writeln!(out, "{line}")?;
            out.flush()?;
        }
        text += &line;
        text.push('\n');
    }
    Ok(text)
}

/// The whole trigger URL of a flow, signature included: a secret, were it not invented.
fn trigger_url(world: &World, flow: &str, base: &str) -> Result<String> {
    let found = world.flows.iter().find(|one| one.id == flow);
    let flow = found.context("the simulator's world lacks a flow of the demo")?;
    Ok(flow.trigger_url(base))
}

/// The three targets against a simulator at `base`. They differ in their flow, and in how the
/// truth is found out.
fn configuration(base: &str) -> String {
    let asking = |dataflow: &dyn Display| {
        format!(
            "{{kind: dataflow, workspace: {}, dataflow: {dataflow}, {LOOK}}}",
            scenario::DATA_ADMIN
        )
    };
    let target = |name: &str, variable: &str, verify: String| {
        format!(
            "  {name}:
    kind: power-automate
    url: ${{env:{variable}}}
    payload: {{dataflow_name: Master Order List, workspace: Data Admin, source: ORDER_LIST_pipeline}}
    verify: {verify}
"
        )
    };
    let targets = [
        target(
            "order_list",
            "ORDER_LIST_FLOW_URL",
            asking(&scenario::MASTER_ORDER_LIST),
        ),
        target(
            "order_list_swallowed",
            "SWALLOWED_FLOW_URL",
            asking(&scenario::SWALLOWED_ORDER_LIST),
        ),
        target(
            "order_list_refused",
            "REFUSED_FLOW_URL",
            "{kind: response}".to_owned(),
        ),
    ];
    format!(
        "version: 1
audit: sqlite:audit.db
credentials:
  default:
    kind: client-secret
    tenant: {}
    client_id: {}
    client_secret: ${{env:AZURE_CLIENT_SECRET}}
endpoints: {{login: {base}, powerbi: {base}, fabric: {base}}}
sandbox: {{allow_loopback: true}}
targets:
{}",
        scenario::TENANT,
        scenario::CLIENT_ID,
        targets.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_stands_in_the_configuration() {
        let text = configuration("http://127.0.0.1:1");
        assert!(!text.contains("INVENTED"));
        assert!(text.contains("${env:SWALLOWED_FLOW_URL}"));
    }

    #[test]
    fn every_flow_of_the_demo_is_in_its_world() {
        let world = scenario::demo();
        let url = trigger_url(&world, scenario::SWALLOWING_FLOW, "http://127.0.0.1:1").unwrap();
        assert!(url.starts_with("http://127.0.0.1:1/") && url.contains("sig="));
        assert!(trigger_url(&world, "no such flow", "http://127.0.0.1:1").is_err());
    }

    #[test]
    fn only_lines_that_are_kept_are_shown_and_all_are_looked_at() {
        let mut shown = Vec::new();
        let text = read(
            &mut "a #1\n  b\nc #2".as_bytes(),
            |line| line.contains('#'),
            &mut shown,
        );
        assert_eq!(text.unwrap(), "a #1\n  b\nc #2\n");
        assert_eq!(shown, b"a #1\nc #2\n");
    }
}
