//! `cargo xtask test`: every test of the workspace that this machine can run, and at the end one line with
//! the totals and one with what could not be run.
//!
//! A run without tests is a failure, and so is a test program that ends without its closing line.

use std::io::{BufRead, BufReader, Write};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo::{self, Profile};
use crate::needs;

/// Options of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fail before the build if this machine cannot run every test, as the gate does
    #[arg(long)]
    strict: bool,
}

/// The totals of a run of `cargo test`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    left_out: u64,
    /// A test program has started and has not printed its closing line yet.
    open: bool,
}

impl Tally {
    /// Counts a line if it is the first or the closing line of a test program:
    /// `running 12 tests` or `test result: ok. 12 passed; 0 failed; …`.
    fn count(&mut self, line: &str) {
        if is_first_line(line) {
            self.close();
            self.open = true;
        }
        // Not only at the line's start: a test may print text without a line end before it.
        let Some((_, result)) = line.split_once("test result: ") else {
            return;
        };
        let number_before = |word: &str| {
            let (before, _) = result.split_once(word)?;
            before.split_whitespace().last()?.parse::<u64>().ok()
        };
        self.passed += number_before(" passed").unwrap_or(0);
        self.failed += number_before(" failed").unwrap_or(0);
        self.left_out += number_before(" filtered out").unwrap_or(0);
        self.open = false;
    }

    /// A program without a closing line has crashed.
    fn close(&mut self) {
        self.failed += u64::from(std::mem::take(&mut self.open));
    }

    fn good(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

fn is_first_line(line: &str) -> bool {
    let mut words = line.split(' ');
    let words = [words.next(), words.next(), words.next(), words.next()];
    matches!(words, [Some("running"), Some(number), Some("test" | "tests"), None] if number.parse::<u64>().is_ok())
}

/// Runs everything that this machine can run.
///
/// # Errors
/// If cargo cannot be started, the build fails, or strictly everything was to be run and cannot be.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let gap = needs::engines();
    if let Some(gap) = gap.as_ref().filter(|_| options.strict) {
        bail!("cannot run the {}", gap.text);
    }
    // The tests start the real programs, so those are built first.
    cargo::build(Profile::Dev, &[])?;
    // `--all-targets` would omit the documentation tests.
    let mut command = cargo::cargo();
    command.args(["test", "--locked", "--workspace", "--no-fail-fast", "--"]);
    for line in gap.iter().flat_map(|gap| &gap.lines) {
        command.args(["--skip", &line.in_test_names()]);
    }
    command.stdout(Stdio::piped());
    let mut child = command.spawn().context("cargo does not start")?;
    let mut tally = Tally::default();
    let mut out = std::io::stdout().lock();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            tally.count(&String::from_utf8_lossy(&line));
            out.write_all(&line)?;
            out.write_all(b"\n")?;
        }
    }
    let status = child.wait()?;
    tally.close();
    writeln!(out, "{} passed, {} failed", tally.passed, tally.failed)?;
    if let Some(gap) = gap {
        writeln!(out, "NOT RUN: {} {}", tally.left_out, gap.text)?;
    }
    let failed = !status.success() || !tally.good();
    Ok(ExitCode::from(u8::from(failed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.count(line));
        tally.close();
        tally
    }

    #[test]
    fn closing_lines_are_added_up_and_other_lines_are_not_counted() {
        let whole = tally(&[
            "running 12 tests",
            "test a_sentence ... ok",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 95 filtered out; finished in 0.01s",
            "running 1 test",
            "printed by a test test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured",
        ]);
        assert_eq!((whole.passed, whole.failed, whole.left_out), (15, 2, 95));
        assert!(!whole.good());
    }

    #[test]
    fn a_program_that_broke_off_counts_as_a_failure() {
        let first = [
            "running 3 tests",
            "running 1 test",
            "test result: ok. 1 passed; 0 failed",
        ];
        assert_eq!(tally(&first).failed, 1);
        let last = [
            "test result: ok. 1 passed; 0 failed",
            "running 3 tests",
            "test a ... ok",
        ];
        assert_eq!(tally(&last).failed, 1);
    }

    #[test]
    fn a_run_without_tests_is_no_success() {
        let none = tally(&[
            "running 0 tests",
            "test result: ok. 0 passed; 0 failed; 0 ignored",
        ]);
        assert_eq!((none.passed, none.failed), (0, 0));
        assert!(!none.good());
    }
}
