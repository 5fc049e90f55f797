//! What the tests on Kestra's engine need beyond Rust and a C compiler: a JDK, Maven, curl, and once the
//! network, for Kestra's modules.
//!
//! Packages are installed with apt-get if that takes no password. What is missing then is no error here:
//! all other tests can run, and the caller reports the gap.

use std::process::{Command, Stdio};

use kestra_engine::tools::{self, Missing, Tools};
use kestra_engine::{EngineError, Line, build};

use crate::cargo;

/// Shows each command before it runs. Whether it succeeded is seen from what is missing afterwards.
const INSTALL: &str = r#"
[ $# != 0 ] && command -v apt-get >/dev/null || exit
if [ "$(id -u)" = 0 ]; then as_root=
elif sudo -n true 2>/dev/null; then as_root='sudo -n'
else exit 77
fi
set -x
$as_root apt-get update
$as_root apt-get install -y --no-install-recommends "$@"
"#;

/// The script's exit code if only a password is missing.
const NOT_ROOT: i32 = 77;

/// Tests that cannot be run on this machine.
#[derive(Debug)]
pub(crate) struct Gap {
    /// The lines of Kestra whose engine cannot be started.
    pub(crate) lines: Vec<Line>,
    /// Which tests these are, why they cannot be run, and the command that changes that.
    pub(crate) text: String,
}

/// Installs what is missing, and builds the engines. Returns what cannot be run even then.
pub(crate) fn engines() -> Option<Gap> {
    let not_root = install(&tools::missing()) == Some(NOT_ROOT);
    let missing = tools::missing();
    if !missing.is_empty() {
        return Some(gap(Line::ALL.to_vec(), &lacks(&missing, not_root)));
    }
    let tools = Tools::find().ok()?;
    let mut lines = Line::ALL.to_vec();
    lines.retain(|line| {
        eprintln!(
            "xtask: preparing the engine of Kestra {}; the first time, Maven fetches about 112 MB",
            line.release()
        );
        let built = build::program(*line, &tools, &cargo::target_dir());
        built
            .inspect_err(|error| eprintln!("xtask: {error}"))
            // Any other fault is one of this repository, and its tests are to fail with it.
            .is_err_and(|error| matches!(error, EngineError::Fetch { .. }))
    });
    let offline = "Maven could not fetch its modules (Maven's output is above the tests). To run them: connect this \
                   machine to Maven's repository, then `cargo xtask test`";
    (!lines.is_empty()).then(|| gap(lines, offline))
}

fn gap(lines: Vec<Line>, reason: &str) -> Gap {
    let names: Vec<&str> = lines.iter().map(|line| line.name()).collect();
    let names = names.join(" and ");
    let text = format!("tests on the engine of Kestra {names}, because {reason}");
    Gap { lines, text }
}

fn lacks(missing: &[Missing], not_root: bool) -> String {
    let listed = |part: fn(&Missing) -> &str, separator| {
        missing.iter().map(part).collect::<Vec<_>>().join(separator)
    };
    let names = listed(|tool| &tool.name, ", no ");
    let packages = listed(|tool| &tool.package, " ");
    match not_root {
        true => format!(
            "this machine has no {names}. To run them: as root `apt-get update && apt-get install -y \
             --no-install-recommends {packages}`, then `cargo xtask test`"
        ),
        false => format!(
            "this machine has no {names}, and apt-get could not install {packages}. To run them: install what is \
             missing in another way, then `cargo xtask test`, or `JAVA_HOME=FOLDER cargo xtask test` for a JDK in a \
             folder of its own"
        ),
    }
}

/// The script's exit code.
fn install(missing: &[Missing]) -> Option<i32> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", INSTALL, "sh"]);
    command.args(missing.iter().map(|tool| &tool.package));
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    command.status().ok()?.code()
}
