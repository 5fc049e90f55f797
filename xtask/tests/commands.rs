//! The real `xtask` as a process: on machines that lack something, and with `demo --keep`.
//!
//! cargo, rustc, apt-get, sudo and Maven are scripts here, so that a test needs neither another machine nor
//! an hour. Everything else is real.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program"
)]

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// Has a target for the guest, and builds and tests whatever it is asked to.
const RUSTC: &str = r#"echo "${0%/*}""#;
const CARGO: &str = r#"echo "cargo $*" >>"$LOG"
if [ "$1" = test ]; then
  echo 'running 2 tests'
  echo "test result: ok. 2 passed; ${FAILED:-0} failed; 0 ignored; 0 measured; 95 filtered out; finished in 0.01s"
fi"#;
const APT: &str = r#"echo "apt-get $*" >>"$LOG"
if [ "$1" = install ]; then /bin/cp -p "${0%/*}"/../packages/* "${0%/*}"; fi"#;
const EMPTY_APT: &str = r#"echo "apt-get $*" >>"$LOG"; exit 100"#;
const SUDO: &str = r#"[ "$1" = -n ] || exit 1
shift
[ "$1" = true ] || { echo sudo >>"$LOG"; exec "$@"; }"#;
const SUDO_WITH_PASSWORD: &str = "exit 1";
const MAVEN: &str =
    r#"for word; do case $word in -Dmdep.outputFile=*) : >"${word#*=}";; esac; done"#;
const MAVEN_OFFLINE: &str = "echo 'Could not transfer artifact x: Unknown host'; exit 1";
const MAVEN_2_0_OFFLINE: &str = r#"case "$*" in *line-2.0*) echo 'Could not transfer artifact x'; exit 1;; esac
for word; do case $word in -Dmdep.outputFile=*) : >"${word#*=}";; esac; done"#;
const MAVEN_BROKEN: &str = "echo 'COMPILATION ERROR'; exit 1";

const UPDATE: &str = "apt-get update";
const INSTALL: &str = "apt-get install -y --no-install-recommends maven curl";
const BUILD: &str = "cargo build --locked --bins --workspace --exclude xtask";
const TEST: &str = "cargo test --locked --workspace --no-fail-fast --";
const SKIP_1_3: &str = " --skip on_kestra_1_3";
const SKIP_2_0: &str = " --skip on_kestra_2_0";

/// A PATH with nothing but scripts, and a JDK.
struct Machine(tempfile::TempDir);

impl Machine {
    fn with(programs: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for folder in ["bin", "packages", "target", "jdk/bin"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        fs::write(machine.path("jdk/release"), "JAVA_VERSION=\"25.0.1\"\n").unwrap();
        fs::write(machine.path("log"), "").unwrap();
        let always = [
            ("bin/rustc", RUSTC),
            ("bin/cargo", CARGO),
            ("packages/curl", ""),
            ("jdk/bin/javac", ""),
        ];
        for (file, script) in always.iter().chain(programs) {
            // A shell writes it, because a file that this process holds open cannot be started.
            let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod +x "$0""#;
            let mut shell = Command::new("/bin/sh");
            shell
                .args(["-c", write])
                .arg(machine.path(file))
                .arg(script);
            assert!(shell.status().unwrap().success());
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn xtask(&self, arguments: &str) -> Command {
        let mut command = Command::new(XTASK);
        command
            .args(arguments.split(' '))
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.0.path())
            .env("TMPDIR", self.0.path())
            .env("CARGO", self.path("bin/cargo"))
            .env("CARGO_TARGET_DIR", self.path("target"))
            .env("JAVA_HOME", self.path("jdk"))
            .env("LOG", self.path("log"));
        command
    }

    /// The commands that ran.
    fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn last_line(output: &Output) -> String {
    text(&output.stdout)
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

const ROOT: (&str, &str) = ("bin/id", "echo 0");
const USER: (&str, &str) = ("bin/id", "echo 1000");

/// A machine, the commands that run before and instead of the tests' own, and what the last line names.
type Case = (
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

const COMPLETE: &[Case] = &[
    (&[ROOT, ("bin/mvn", MAVEN), ("bin/curl", "")], &[], &[], &[]),
    (
        &[ROOT, ("bin/apt-get", APT), ("packages/mvn", MAVEN)],
        &[UPDATE, INSTALL],
        &[],
        &[],
    ),
    (
        &[
            USER,
            ("bin/sudo", SUDO),
            ("bin/apt-get", APT),
            ("packages/mvn", MAVEN),
        ],
        &["sudo", UPDATE, "sudo", INSTALL],
        &[],
        &[],
    ),
    // A fault of this repository: its tests fail, and none is left out.
    (
        &[ROOT, ("bin/mvn", MAVEN_BROKEN), ("bin/curl", "")],
        &[],
        &[],
        &[],
    ),
];

const INCOMPLETE: &[Case] = &[
    (
        &[ROOT, ("bin/mvn", MAVEN)],
        &[],
        &[SKIP_1_3, SKIP_2_0],
        &[
            "Kestra 1.3 and 2.0, because this machine has no curl, and apt-get",
            "missing in another way, then `cargo xtask test`",
        ],
    ),
    (
        &[USER, ("bin/apt-get", APT)],
        &[],
        &[SKIP_1_3, SKIP_2_0],
        &[
            "because this machine has no Maven, no curl.",
            "as root `apt-get update && ",
            INSTALL,
        ],
    ),
    (
        &[USER, ("bin/apt-get", APT), ("bin/sudo", SUDO_WITH_PASSWORD)],
        &[],
        &[SKIP_1_3, SKIP_2_0],
        &[
            "because this machine has no Maven, no curl.",
            "as root `apt-get update && ",
            INSTALL,
        ],
    ),
    (
        &[ROOT, ("bin/apt-get", EMPTY_APT)],
        &[UPDATE, INSTALL],
        &[SKIP_1_3, SKIP_2_0],
        &[
            "has no Maven, no curl, and apt-get could not install maven curl.",
            "missing in another way, then `cargo xtask test`",
        ],
    ),
    (
        &[ROOT, ("bin/mvn", MAVEN_OFFLINE), ("bin/curl", "")],
        &[],
        &[SKIP_1_3, SKIP_2_0],
        &[
            "Kestra 1.3 and 2.0, because Maven could not fetch",
            "then `cargo xtask test`",
        ],
    ),
    (
        &[ROOT, ("bin/mvn", MAVEN_2_0_OFFLINE), ("bin/curl", "")],
        &[],
        &[SKIP_2_0],
        &["Kestra 2.0, because Maven could not fetch"],
    ),
];

#[test]
fn what_can_run_runs_and_the_last_line_names_the_rest() {
    for (programs, before, skipped, named) in COMPLETE.iter().chain(INCOMPLETE) {
        let machine = Machine::with(programs);
        let output = machine.xtask("test").output().unwrap();
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{output:?}");
        let test = format!("{TEST}{}", skipped.concat());
        let commands = [before, &[BUILD, &test][..]].concat();
        assert_eq!(machine.log(), commands, "{programs:?}");
        for command in before.iter().filter(|command| **command != "sudo") {
            assert!(stderr.contains(&format!("{command}\n")), "{stderr}");
        }
        match named {
            [] => assert_eq!(last_line(&output), "2 passed, 0 failed"),
            _ => assert!(
                last_line(&output).starts_with("NOT RUN: 95 tests on the engine of Kestra ")
            ),
        }
        for part in *named {
            assert!(last_line(&output).contains(part), "{part}: {output:?}");
        }
    }
}

#[test]
fn a_failed_test_is_a_failure_whatever_else_could_not_run() {
    for (programs, ..) in COMPLETE.iter().chain(INCOMPLETE) {
        let machine = Machine::with(programs);
        let output = machine.xtask("test").env("FAILED", "1").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            text(&output.stdout).contains("2 passed, 1 failed"),
            "{output:?}"
        );
    }
}

#[test]
fn strictly_everything_must_be_able_to_run() {
    for (programs, before, ..) in COMPLETE {
        let machine = Machine::with(programs);
        let output = machine.xtask("test --strict").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(machine.log(), [before, &[BUILD, TEST][..]].concat());
    }
    for (programs, before, _, named) in INCOMPLETE {
        let machine = Machine::with(programs);
        let output = machine.xtask("test --strict").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(machine.log(), *before, "nothing is built");
        for part in *named {
            assert!(text(&output.stderr).contains(part), "{part}: {output:?}");
        }
    }
}

/// `demo --keep` once it waits, with its standard output and everything that it has printed there.
fn kept_demo(machine: &Machine) -> (Child, Lines<BufReader<ChildStdout>>, String) {
    let programs = Path::new(XTASK).parent().and_then(Path::parent).unwrap();
    let mut demo = machine
        .xtask("demo --keep")
        .env("CARGO_TARGET_DIR", programs)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = String::new();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    while !printed.contains("    host-runner audit list\n") {
        let line = lines.next().expect("the demo still runs").unwrap();
        printed += &format!("{line}\n");
    }
    (demo, lines, printed)
}

fn shell(script: &str) -> Output {
    let mut command = Command::new("/bin/sh");
    command.args(["-euc", script]).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.output().unwrap()
}

#[test]
fn the_kept_demo_takes_commands_until_it_is_stopped_and_leaves_nothing() {
    let machine = Machine::with(&[]);
    let (mut demo, mut rest, printed) = kept_demo(&machine);
    let lines = || printed.lines();
    let exports: Vec<&str> = lines().filter(|line| line.starts_with("export ")).collect();
    let commands = lines().filter_map(|line| line.strip_prefix("    host-runner "));
    let commands: Vec<&str> = commands.collect();
    assert_eq!((exports.len(), commands.len()), (6, 5), "{printed}");
    for command in &commands {
        let script = format!("{}\nhost-runner {command}", exports.join("\n"));
        let output = shell(&script);
        assert!(output.status.success(), "{command}: {output:?}");
    }
    let again = format!(
        "{}\nhost-runner {} --output json",
        exports.join("\n"),
        commands[3]
    );
    assert!(text(&shell(&again).stdout).contains("\"replayed\":true"));
    let folder = lines().find_map(|line| line.trim().strip_suffix("/refresh.yaml'"));
    let folder = folder.and_then(|line| line.split('\'').nth(1)).unwrap();
    assert!(Path::new(folder).join("audit.db").is_file(), "{printed}");
    let base = lines().find_map(|line| line.strip_prefix("The simulator keeps running at http://"));
    let base = base.and_then(|line| line.split(' ').next()).unwrap();
    assert!(TcpStream::connect(base).is_ok(), "{base}");
    assert!(shell(&format!("kill -INT {}", demo.id())).status.success());
    assert!(demo.wait().unwrap().success());
    assert!(rest.any(|line| line.unwrap().ends_with("have been removed.")));
    assert!(TcpStream::connect(base).is_err(), "{base}");
    assert!(!Path::new(folder).exists(), "{folder}");
}

#[test]
fn a_closed_terminal_and_a_termination_end_the_kept_demo_too() {
    for signal in ["HUP", "TERM"] {
        let machine = Machine::with(&[]);
        let (mut demo, _rest, _) = kept_demo(&machine);
        assert!(
            shell(&format!("kill -{signal} {}", demo.id()))
                .status
                .success()
        );
        assert!(demo.wait().unwrap().success());
        let left = fs::read_dir(machine.0.path()).unwrap();
        let left = left.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("host-runner-demo-")
        });
        assert_eq!(left.count(), 0);
    }
}
