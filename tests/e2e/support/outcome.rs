//! What a process printed and how it ended.

use std::fmt::Display;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The end of a process.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it printed on stdout.
    pub stdout: String,
    /// What it printed on stderr.
    pub stderr: String,
    /// The JSON objects on stdout, a line each.
    pub results: Vec<Value>,
}

impl Outcome {
    /// Waits for the end of a process.
    pub fn end_of(child: Child) -> Self {
        Self::of(&child.wait_with_output().expect("a process ends"))
    }

    /// Reads a finished process.
    pub fn of(output: &Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let results = stdout
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            results,
        }
    }

    /// The only result.
    #[track_caller]
    pub fn result(&self) -> &Value {
        assert_eq!(self.results.len(), 1, "one result is expected: {self:#?}");
        &self.results[0]
    }

    /// A field of the only result, as text.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        match &self.result()[name] {
            Value::String(text) => text.clone(),
            Value::Null => panic!("there is no field {name}: {self:#?}"),
            other => other.to_string(),
        }
    }

    /// Asserts the status, whether the trigger was sent, and the exit code.
    #[track_caller]
    pub fn ends(&self, status: &str, sent: &str, exit: i32) -> &Self {
        let fields = (self.field("status"), self.field("sent"), self.code);
        assert_eq!(fields, (status.into(), sent.into(), exit), "{self:#?}");
        self
    }

    /// Asserts a status, a code and an exit code.
    #[track_caller]
    pub fn is(&self, status: &str, code: &str, exit: i32) -> &Self {
        let fields = (self.field("status"), self.field("code"), self.code);
        assert_eq!(fields, (status.into(), code.into(), exit), "{self:#?}");
        assert_eq!(self.field("exit_code"), exit.to_string());
        self
    }

    /// Asserts that stdout or stderr contains this text.
    #[track_caller]
    pub fn says(&self, part: &str) -> &Self {
        assert!(
            self.stdout.contains(part) || self.stderr.contains(part),
            "no output contains {part:?}: {self:#?}"
        );
        self
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(&self, exit: i32) -> &Self {
        assert_eq!(self.code, exit, "{self:#?}");
        self
    }
}

/// Sends a signal, and returns whether the process exists. The shell does it, because a small machine has
/// no program `kill`.
pub fn kill(name: &str, process: impl Display) -> bool {
    Command::new("/bin/sh")
        .args(["-c", &format!("kill -{name} {process}")])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Sends a signal, and waits for the end, which must come soon.
#[track_caller]
pub fn interrupt(child: Child, name: &str) -> Outcome {
    let signalled = Instant::now();
    assert!(kill(name, child.id()));
    let outcome = Outcome::end_of(child);
    let took = signalled.elapsed();
    // Promised to the orchestrator.
    assert!(took < Duration::from_secs(2), "{took:?}: {outcome:#?}");
    outcome
}

/// The frames on stdout. Fails if a line is not exactly one frame.
#[track_caller]
pub fn frames(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| {
            // The engine's pattern is `^::(\{.*})::$`, where `.` matches no line terminator.
            let inner = line
                .strip_prefix("::")
                .and_then(|rest| rest.strip_suffix("::"))
                .filter(|inner| inner.starts_with('{') && inner.ends_with('}'))
                .filter(|inner| !inner.contains(['\u{85}', '\u{2028}', '\u{2029}', '\r']))
                .unwrap_or_else(|| panic!("not a frame: {line:?}"));
            serde_json::from_str(inner).unwrap_or_else(|error| panic!("{error}: {line:?}"))
        })
        .collect()
}
