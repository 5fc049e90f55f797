//! `cargo xtask demo`: three refreshes against the simulator, without an account.
//!
//! Everything shown is the real output of the real program, over HTTP. The demo fails if the program
//! does not report what each scene expects.
//!
//! With `--keep` the command stays in the foreground until Ctrl-C: a background process would have to be
//! found and stopped later.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use simulator::scenario;

use crate::cargo::{self, Profile};
use crate::interrupt::Interrupt;
use crate::simulator::Simulator;

/// One refresh of the demo, and what it must report.
struct Scene {
    heading: &'static str,
    target: &'static str,
    exit_code: i32,
    texts: &'static [&'static str],
}

const SCENES: [Scene; 3] = [
    Scene {
        heading: "1. The flow answers 202, the dataflow inside starts, and its refresh completes.",
        target: "order_list",
        exit_code: 0,
        texts: &["completed"],
    },
    Scene {
        heading: "2. Another flow also answers 202, but the dataflow inside rejects the refresh.",
        target: "order_list_swallowed",
        exit_code: 12,
        texts: &["HTTP 202", "dataflow_daily_limit", "next slot"],
    },
    Scene {
        heading: "3. The same rejection, behind a flow with a Response action that reports it.",
        target: "order_list_refused",
        exit_code: 10,
        texts: &["failed", "dataflow_daily_limit", "next slot"],
    },
];

const AUDIT_LOG: &str =
    "4. The audit log has every run. The intent was on disk before the trigger was sent.";

const SUMMARY: &str = "Three triggers, two of them answered with 202, one refresh. Only that one was reported as a
success (exit code 0). The rejection inside the flow is `unknown` (12), with its likely cause and the
time of the next slot; the one that the flow reported is `failed` (10).";

/// What to try with `--keep`. A shell may pass a comment behind a command on as arguments.
const COMMANDS: &str = "Then try these commands:

Check every target; nothing is triggered:
    host-runner check

The history that the service keeps of the second dataflow:
    host-runner list runs order_list_swallowed

Everything but the trigger:
    host-runner refresh order_list --dry-run

Refresh; with the same key again, the stored result is returned and nothing is sent:
    host-runner refresh order_list --idempotency-key today

Every run, those of the demo included:
    host-runner audit list";

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Keep the simulator and the folder until Ctrl-C, and print five commands to try in another terminal
    #[arg(long)]
    keep: bool,
}

/// Builds, runs the scenes, checks them, cleans up.
///
/// # Errors
/// If something cannot be built or started, or a scene does not end as expected.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    eprintln!("xtask: building host-runner and the simulator; the first build takes a few minutes");
    let programs = cargo::build(Profile::Dev, &[])?;
    let interrupt = Interrupt::listen()?;
    let out = &mut std::io::stdout();
    let colors = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let heading = |text: &str| match colors {
        true => format!("\x1b[1m{text}\x1b[0m\n"),
        false => format!("{text}\n"),
    };
    let demo = Demo::start(&programs, colors)?;
    for scene in &SCENES {
        writeln!(out, "{}", heading(scene.heading))?;
        writeln!(out, "$ host-runner refresh {}", scene.target)?;
        let (text, code) = demo.run(&["refresh", scene.target], |_| true, out)?;
        interrupt.check()?;
        writeln!(out, "$ echo $?\n{}\n", code.unwrap_or_default())?;
        scene.check(&text, code)?;
    }
    writeln!(out, "{}", heading(AUDIT_LOG))?;
    writeln!(out, "$ host-runner audit list")?;
    let (list, code) = demo.run(&["audit", "list"], |_| true, out)?;
    ensure!(code == Some(0), "`audit list` failed");
    let run = run_of(&list, SCENES[1].target).context("the audit log lacks the second refresh")?;
    writeln!(out, "\n$ host-runner audit show {run} | grep '#'")?;
    let (_, code) = demo.run(&["audit", "show", run], |line| line.contains('#'), out)?;
    ensure!(code == Some(0), "`audit show` failed");
    interrupt.check()?;
    writeln!(out, "\n{SUMMARY}")?;
    if options.keep {
        writeln!(
            out,
            "\nThe simulator keeps running at {} until Ctrl-C. The configuration and the audit log are in\n\n    \
             {}\n\nPaste this in another terminal:\n\n{}\n{COMMANDS}\n",
            demo.simulator.base(),
            demo.folder.path().display(),
            demo.exports(),
        )?;
        interrupt.wait();
    }
    drop(demo);
    writeln!(
        out,
        "The simulator and the folder with the audit log have been removed."
    )?;
    Ok(ExitCode::SUCCESS)
}

impl Scene {
    fn check(&self, text: &str, code: Option<i32>) -> Result<()> {
        let Self {
            target, exit_code, ..
        } = self;
        ensure!(
            code == Some(*exit_code),
            "the refresh of {target} should have exited with {exit_code}, not {code:?}"
        );
        for expected in self.texts {
            ensure!(
                text.contains(expected),
                "the refresh of {target} should have reported {expected:?}"
            );
        }
        Ok(())
    }
}

/// The first column of the row of `audit list` that ends with this target.
fn run_of<'a>(list: &'a str, target: &str) -> Option<&'a str> {
    let mut rows = list.lines();
    let row = rows.find(|row| row.split_whitespace().last() == Some(target))?;
    row.split_whitespace().next()
}

/// What the demo's commands run in: a temporary folder with a configuration, secrets in the
/// environment as an orchestrator would pass them, and the simulator.
struct Demo {
    folder: tempfile::TempDir,
    runner: PathBuf,
    colors: bool,
    env: Vec<(&'static str, String)>,
    simulator: Simulator,
}

impl Demo {
    fn start(programs: &Path, colors: bool) -> Result<Self> {
        let simulator = Simulator::start(programs, &["--scenario", "demo"])?;
        let folder = tempfile::Builder::new()
            .prefix("host-runner-demo-")
            .tempdir()
            .context("no folder for temporary files")?;
        let file = folder.path().join("refresh.yaml");
        std::fs::write(&file, configuration(simulator.base()))?;
        let mut env = vec![
            ("HOST_RUNNER_CONFIG", file.display().to_string()),
            ("AZURE_CLIENT_SECRET", scenario::CLIENT_SECRET.to_owned()),
        ];
        let world = scenario::demo();
        for (variable, id) in [
            ("ORDER_LIST_FLOW_URL", scenario::COMPLETING_FLOW),
            ("SWALLOWED_FLOW_URL", scenario::SWALLOWING_FLOW),
            ("REFUSED_FLOW_URL", scenario::RESPONDING_FLOW),
        ] {
            let flow = world.flows.iter().find(|flow| flow.id == id);
            let flow = flow.context("the simulator's scenario lacks a flow of the demo")?;
            env.push((variable, flow.trigger_url(simulator.base())));
        }
        Ok(Self {
            runner: cargo::program(programs, "host-runner"),
            folder,
            colors,
            env,
            simulator,
        })
    }

    /// What a POSIX shell needs to run more commands against the simulator.
    fn exports(&self) -> String {
        let bin = self.runner.parent().unwrap_or(&self.runner);
        let mut text = format!("export PATH={}:\"$PATH\"\n", quoted(&bin.to_string_lossy()));
        for (name, value) in &self.env {
            text += &format!("export {name}={}\n", quoted(value));
        }
        text
    }

    /// Runs `host-runner`, and passes the lines that `keep` selects on to `out`. Returns stdout and
    /// stderr in the order in which they came, and the exit code.
    fn run(
        &self,
        arguments: &[&str],
        keep: impl Fn(&str) -> bool,
        out: &mut dyn Write,
    ) -> Result<(String, Option<i32>)> {
        let (output, stdout) = std::io::pipe()?;
        let color = if self.colors { "always" } else { "never" };
        let mut command = Command::new(&self.runner);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            // Neither this machine's proxies nor a user's HOST_RUNNER_… variables apply.
            .env_clear()
            .env("HOME", self.folder.path())
            .env("HOST_RUNNER_COLOR", color)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(stdout.try_clone()?)
            .stdout(stdout);
        let mut child = command.spawn().context("host-runner does not start")?;
        // The command holds the pipe's other end, so the output would never end.
        drop(command);
        let text = copy_lines(output, keep, out)?;
        let status = child.wait()?;
        if status.code().is_none() {
            bail!("a signal ended host-runner");
        }
        Ok((text, status.code()))
    }
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Copies the selected lines to `out` as they come, and returns all of them.
fn copy_lines(from: impl Read, keep: impl Fn(&str) -> bool, out: &mut dyn Write) -> Result<String> {
    let mut text = String::new();
    for line in BufReader::new(from).lines() {
        let line = line?;
        if keep(&line) {
            writeln!(out, "{line}")?;
            out.flush()?;
        }
        text += &line;
        text.push('\n');
    }
    Ok(text)
}

/// Three targets that differ in their flow and in how the outcome is verified. `start_within` is
/// three seconds instead of five minutes, so that the demo ends soon.
fn configuration(base: &str) -> String {
    let history = |dataflow: &dyn std::fmt::Display| {
        let workspace = scenario::DATA_ADMIN;
        format!(
            "{{kind: dataflow, workspace: {workspace}, dataflow: {dataflow}, start_within: 3s, poll: 500ms}}"
        )
    };
    let mut text = format!(
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
",
        scenario::TENANT,
        scenario::CLIENT_ID,
    );
    for (name, variable, verify) in [
        (
            "order_list",
            "ORDER_LIST_FLOW_URL",
            history(&scenario::MASTER_ORDER_LIST),
        ),
        (
            "order_list_swallowed",
            "SWALLOWED_FLOW_URL",
            history(&scenario::SWALLOWED_ORDER_LIST),
        ),
        (
            "order_list_refused",
            "REFUSED_FLOW_URL",
            "{kind: response}".to_owned(),
        ),
    ] {
        text += &format!(
            "  {name}:
    kind: power-automate
    url: ${{env:{variable}}}
    payload: {{dataflow_name: Master Order List, workspace: Data Admin, source: ORDER_LIST_pipeline}}
    verify: {verify}
"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_exit_code_or_a_missing_text_fails_a_scene() {
        for scene in &SCENES {
            let all = scene.texts.join(" ");
            assert!(scene.check(&all, Some(scene.exit_code)).is_ok());
            assert!(scene.check(&all, Some(scene.exit_code + 1)).is_err());
            for text in scene.texts {
                let without = all.replace(text, "");
                assert!(scene.check(&without, Some(scene.exit_code)).is_err());
            }
        }
    }

    #[test]
    fn a_run_is_found_by_the_whole_name_of_its_target() {
        let list = "run  started  target\nr-2  now  order_list_swallowed\nr-1  now  order_list\n";
        assert_eq!(run_of(list, "order_list"), Some("r-1"));
        assert_eq!(run_of(list, "order"), None);
    }

    #[test]
    fn only_selected_lines_are_shown_and_all_are_returned() {
        let mut shown = Vec::new();
        let text = copy_lines(
            &b"a #1\n  b\nc #2"[..],
            |line| line.contains('#'),
            &mut shown,
        );
        assert_eq!(text.unwrap(), "a #1\n  b\nc #2\n");
        assert_eq!(shown, b"a #1\nc #2\n");
    }

    #[test]
    fn a_shell_reads_any_text_as_it_is() {
        for text in ["https://h/a?sig=x&b=1", "it's $HOME `id` \\ \"x\"", ""] {
            let script = format!("printf %s {}", quoted(text));
            let printed = Command::new("/bin/sh").args(["-c", &script]).output();
            assert_eq!(printed.unwrap().stdout, text.as_bytes());
        }
    }

    #[test]
    fn the_configuration_contains_no_secret() {
        assert!(!configuration("http://127.0.0.1:1").contains("INVENTED"));
    }
}
