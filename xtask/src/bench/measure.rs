//! Running one child from start to end, and what that cost.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use wait4::Wait4;

/// One run of one program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// From before it was started until after it ended, in milliseconds.
    pub(crate) milliseconds: f64,
    /// The most memory that it had resident, in bytes.
    pub(crate) peak_memory: u64,
}

/// Runs a program whose output must hold `expected`, so that nothing is measured that did not do
/// its work.
///
/// # Errors
/// Where it does not start, fails, or says something else.
pub(crate) fn once(command: &mut Command, expected: &str) -> Result<Sample> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let began = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("{program} does not start"))?;
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said)?;
    }
    // Read after stdout has ended: what these programs say here fits into the pipe.
    let mut complained = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut complained)?;
    }
    let end = child.wait4()?;
    let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
    if !end.status.success() || !said.contains(expected) {
        bail!(
            "{program} did not do its work ({}): {said}{complained}",
            end.status
        );
    }
    Ok(Sample {
        milliseconds,
        peak_memory: end.rusage.maxrss,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_its_work_has_taken_time_and_memory() {
        let sample = once(Command::new("echo").arg("202"), "202").unwrap();
        assert!(sample.milliseconds > 0.0 && sample.peak_memory > 0);
    }

    #[test]
    fn a_program_that_fails_or_says_something_else_is_not_measured() {
        assert!(once(&mut Command::new("false"), "").is_err());
        assert!(once(Command::new("echo").arg("400"), "202").is_err());
        assert!(once(&mut Command::new("no-such-program-anywhere"), "").is_err());
    }
}
