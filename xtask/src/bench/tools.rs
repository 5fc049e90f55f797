//! What a refresh is measured beside: curl, and a Python with `requests`.
//!
//! Looked for before anything is built, because a build takes longer than installing them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

/// The programs that a refresh is measured beside.
#[derive(Debug)]
pub(crate) struct Tools {
    /// curl.
    pub(crate) curl: PathBuf,
    /// The interpreter itself: `python3` may be a script that looks for it at every start.
    pub(crate) python: PathBuf,
    /// Their versions, for the report.
    pub(crate) versions: String,
}

/// Prints the interpreter, then the versions of what the script uses.
const PROBE: &str = "import platform, sqlite3, sys, requests
print(sys.executable)
print(f'Python {platform.python_version()}, requests {requests.__version__}, SQLite {sqlite3.sqlite_version}')";

impl Tools {
    /// Finds them.
    ///
    /// # Errors
    /// One sentence that says what is missing and how to install it.
    pub(crate) fn find() -> Result<Self> {
        let Some(curl) = said_by("curl", &["--version"]) else {
            bail!("the benchmark needs curl: install it, for example with `apt-get install curl`");
        };
        if said_by("python3", &["--version"]).is_none() {
            bail!(
                "the benchmark needs Python 3 with requests: install them, for example with \
                 `apt-get install python3 python3-requests`"
            );
        }
        let Some((python, versions)) = said_by("python3", &["-c", PROBE])
            .as_deref()
            .and_then(probed)
        else {
            bail!(
                "the benchmark needs the Python packages requests and sqlite3: install them, for example \
                 with `python3 -m pip install requests` (sqlite3 comes with Python)"
            );
        };
        let curl: Vec<&str> = curl.split_whitespace().take(2).collect();
        Ok(Self {
            curl: PathBuf::from("curl"),
            python,
            versions: format!("{}; {versions}", curl.join(" ")),
        })
    }
}

/// The interpreter and the versions in the probe's answer.
fn probed(answer: &str) -> Option<(PathBuf, String)> {
    let (python, versions) = answer.trim_end().split_once('\n')?;
    Some((PathBuf::from(python), versions.to_owned()))
}

/// What a program says on stdout; nothing where it is missing or fails.
fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_or_fails_says_nothing() {
        assert_eq!(said_by("no-such-program-anywhere", &[]), None);
        assert_eq!(said_by("false", &[]), None);
    }

    #[test]
    fn the_probe_names_the_interpreter_and_the_versions() {
        let (python, versions) =
            probed("/usr/bin/python3.13\nPython 3.13.1, requests 2\n").unwrap();
        assert_eq!(python, PathBuf::from("/usr/bin/python3.13"));
        assert_eq!(versions, "Python 3.13.1, requests 2");
        assert_eq!(probed(""), None);
    }
}
