//! What the tests on Kestra's engine need beyond Rust and a C compiler: a JDK, Maven, curl, and once the
//! network, for Kestra's modules.
//!
//! Packages are installed with apt-get if no password is needed for it. What is missing then is no error
//! here: all other tests can run, and the caller reports the gap.

use std::fmt;
use std::process::{Command, Stdio};

use kestra_engine::tools::{self, Missing, Tools};
use kestra_engine::{EngineError, Line, build};

use crate::cargo;

/// Tests that cannot be run on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The lines of Kestra whose engine cannot be started.
    pub(crate) lines: Vec<Line>,
    why: String,
    remedy: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.lines.iter().map(|line| line.name()).collect();
        let (lines, why, remedy) = (lines.join(" and "), &self.why, &self.remedy);
        write!(
            f,
            "on the engine of Kestra {lines}, because {why}. To run them: {remedy}"
        )
    }
}

/// Whether the packages could be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installation {
    /// There is no apt-get.
    NoApt,
    /// It would take a password.
    NotRoot,
    /// apt-get ran.
    Tried,
}

/// Installs what is missing, and builds the engines. Returns what cannot be run even then.
pub(crate) fn engines() -> Option<Gap> {
    let missing = tools::missing();
    if !missing.is_empty() {
        let installation = install(&missing);
        let still = tools::missing();
        if !still.is_empty() {
            return Some(tools_gap(&still, installation));
        }
    }
    let tools = Tools::find().ok()?;
    let lines: Vec<Line> = Line::ALL
        .into_iter()
        .filter(|line| !can_be_built(*line, &tools))
        .collect();
    (!lines.is_empty()).then(|| Gap {
        lines,
        why: "Maven could not fetch its modules (Maven's output is above the tests)".to_owned(),
        remedy: "connect this machine to Maven's repository, then `cargo xtask test`".to_owned(),
    })
}

/// Builds the engine of a line, unless Maven cannot fetch it. Any other fault is one of this repository,
/// and its tests are to fail with it.
fn can_be_built(line: Line, tools: &Tools) -> bool {
    eprintln!(
        "xtask: preparing the engine of Kestra {}; the first time, Maven fetches about 112 MB",
        line.release()
    );
    match build::program(line, tools, &cargo::target_dir()) {
        Err(error @ EngineError::Fetch { .. }) => {
            eprintln!("xtask: {error}");
            false
        }
        _ => true,
    }
}

fn tools_gap(missing: &[Missing], installation: Installation) -> Gap {
    let names: Vec<&str> = missing.iter().map(|tool| tool.name.as_str()).collect();
    let names = listed(&names);
    let is = if missing.len() == 1 { "is" } else { "are" };
    let lacks_jdk = missing.iter().any(|tool| tool.package.contains("jdk"));
    let variable = if lacks_jdk { "JAVA_HOME=FOLDER " } else { "" };
    let by_hand = format!("install {names}, then `{variable}cargo xtask test`");
    let mut why = format!("{names} {is} missing");
    let remedy = match installation {
        Installation::NoApt => by_hand,
        Installation::NotRoot => format!(
            "as root `{}`, then `cargo xtask test`",
            commands(&[], missing)
                .map(|words| words.join(" "))
                .join(" && ")
        ),
        Installation::Tried => {
            why += " and apt-get could not install what is missing (its output is above the tests)";
            by_hand
        }
    };
    Gap {
        lines: Line::ALL.to_vec(),
        why,
        remedy,
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// Shows each command before it runs. Whether they succeeded is seen from what is missing afterwards.
fn install(missing: &[Missing]) -> Installation {
    if tools::on_path("apt-get").is_none() {
        return Installation::NoApt;
    }
    let Some(prefix) = as_root() else {
        return Installation::NotRoot;
    };
    for words in commands(prefix, missing) {
        eprintln!("xtask: running `{}`", words.join(" "));
        if let [program, arguments @ ..] = &words[..] {
            let ended = quiet(program)
                .args(arguments)
                .stdout(std::io::stderr())
                .status();
            if let Err(error) = ended {
                eprintln!("xtask: {program} does not start: {error}");
            }
        }
    }
    Installation::Tried
}

/// The list of packages first: a fresh image has none.
fn commands<'a>(prefix: &[&'a str], missing: &'a [Missing]) -> [Vec<&'a str>; 2] {
    let packages = missing.iter().map(|tool| tool.package.as_str());
    let install = ["apt-get", "install", "-y", "--no-install-recommends"];
    let install = prefix.iter().copied().chain(install).chain(packages);
    [[prefix, &["apt-get", "update"]].concat(), install.collect()]
}

/// The words before a command that make root run it, if that takes no password.
fn as_root() -> Option<&'static [&'static str]> {
    let id = quiet("id").arg("-u").output();
    if id.is_ok_and(|id| id.stdout.trim_ascii() == b"0") {
        return Some(&[]);
    }
    let mut sudo = quiet("sudo");
    sudo.args(["-n", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let allowed = sudo.status().is_ok_and(|status| status.success());
    allowed.then_some(&["sudo", "-n"])
}

/// A command that is not asked anything: it has no standard input.
fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command
}
