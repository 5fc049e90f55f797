//! The simulator as a separate process, for as long as a command needs it.
//!
//! It listens on a free local port and ends with the value or, if this process is killed, with its
//! standard input.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo;

/// A running simulator.
#[derive(Debug)]
pub(crate) struct Simulator {
    process: Child,
    base: String,
}

impl Simulator {
    /// Starts the simulator that was built in `programs`, with these options.
    ///
    /// # Errors
    /// If it does not start, or ends before it listens.
    pub(crate) fn start<S: AsRef<OsStr>>(programs: &Path, options: &[S]) -> Result<Self> {
        let mut process = Command::new(cargo::program(programs, "simulator"))
            .args(["--port", "0", "--exit-with-stdin"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the simulator does not start")?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let mut simulator = Self {
            process,
            base: String::new(),
        };
        simulator.base = listening(&line)
            .context("the simulator ended before it listened; see its output above")?;
        Ok(simulator)
    }

    /// Its address, for example `http://127.0.0.1:34567`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address in the simulator's first line.
fn listening(line: &str) -> Option<String> {
    let first: Value = serde_json::from_str(line).ok()?;
    Some(first.get("listening")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_the_first_line_and_from_nothing_else() {
        assert_eq!(
            listening("{\"listening\":\"http://127.0.0.1:7\"}\n").as_deref(),
            Some("http://127.0.0.1:7")
        );
        assert_eq!(listening(""), None);
        assert_eq!(listening("{\"listening\":7}"), None);
    }
}
