//! The reporter: the only output of an invocation.
//!
//! People get results on stdout and everything else on stderr, with a live status line on a
//! terminal. Scripts get JSON lines on stdout, and nothing else there. Kestra gets frames on stdout
//! and nothing on stderr, because Kestra counts every line there as an error.
//!
//! Reporting never fails and returns nothing, because nothing may depend on being read. Every text is
//! cleaned here, once. The same progress is not reported twice in a row, so that polling does not
//! fill a log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use super::clean::{json_line, one_line, safe, safe_line};
use super::frames::{self, Otlp};
use super::mode::{Level, Mode};
use super::plan::Plan;
use super::result::RefreshResult;
use super::streams::{Live, Sink};
use super::summary::Summary;
use super::text;
use crate::clock::SharedClock;
pub use crate::contract::control::Phase;
use crate::secret::{Redactor, map_texts};

/// The width of a terminal that does not report its own.
const DEFAULT_WIDTH: u16 = 80;

/// The form of the output.
#[derive(Debug, Clone, Copy)]
pub struct ReportOptions {
    /// For whom.
    pub mode: Mode,
    /// The minimum level of log lines. Results are always reported.
    pub threshold: Level,
    /// Whether results are colored.
    pub color_stdout: bool,
    /// Whether log lines are colored.
    pub color_stderr: bool,
}

impl Phase {
    /// The description for an update without a message.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Looking => "reading the refresh history",
            Self::WaitingForOther => "waiting for another run to end",
            Self::Triggering => "sending the trigger",
            Self::WaitingToRetry => "waiting before a retry",
            Self::Matching => "looking for the run",
            Self::Following => "following the run",
        }
    }
}

/// The progress of a target.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// The target's name.
    pub target: &'a str,
    /// The step.
    pub phase: Phase,
    /// A sentence; may be empty.
    pub message: &'a str,
    /// The number of HTTP calls so far.
    pub http_calls: u32,
    /// The level at which it is logged.
    pub level: Level,
}

/// What was reported so far and affects later output.
#[derive(Debug, Default)]
struct Reported {
    /// The results, cleaned; one per target.
    results: Vec<RefreshResult>,
    /// The last progress of each target.
    progress: BTreeMap<String, String>,
    /// The plans, cleaned.
    plans: Vec<Value>,
}

/// The output of an invocation.
#[derive(Debug)]
pub struct Reporter {
    options: ReportOptions,
    redactor: Redactor,
    stdout: Sink,
    stderr: Sink,
    live: Option<Live>,
    otlp: Option<(Otlp, SharedClock)>,
    reported: Mutex<Reported>,
}

impl Reporter {
    /// A reporter over these sinks, with a live status line if there is a terminal.
    #[must_use]
    pub fn new(
        options: ReportOptions,
        redactor: Redactor,
        stdout: Sink,
        stderr: Sink,
        live: Option<Live>,
    ) -> Self {
        Self {
            options,
            redactor,
            stdout,
            stderr,
            live,
            otlp: None,
            reported: Mutex::new(Reported::default()),
        }
    }

    /// Sends logs and metrics to Kestra as OTLP, with times from this clock.
    #[must_use]
    pub fn in_otlp(mut self, otlp: Otlp, clock: SharedClock) -> Self {
        self.otlp = Some((otlp, clock));
        self
    }

    /// A reporter over stdout and stderr of this process. `progress` draws a live status line
    /// ([`super::Surroundings::shows_progress`]).
    #[must_use]
    pub fn of_process(
        options: ReportOptions,
        redactor: Redactor,
        clock: SharedClock,
        progress: bool,
    ) -> Self {
        let stdout = Sink::new(Box::new(std::io::stdout()));
        let stderr = Sink::new(Box::new(std::io::stderr()));
        let live = progress.then(|| Live::new(stderr.clone(), width_of_stderr, clock));
        Self::new(options, redactor, stdout, stderr, live)
    }

    /// The form of the output.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.options.mode
    }

    /// Logs a message: as one line on stderr, or with its lines under Kestra.
    pub fn log(&self, level: Level, message: &str) {
        if level < self.options.threshold {
            return;
        }
        let mut message = safe(&self.redactor, message);
        if self.options.mode != Mode::Kestra {
            message = one_line(&message);
        }
        self.write_log(level, &message);
    }

    /// Logs an error and its hint on a line of its own. A list of errors keeps its lines; they are
    /// indented, so that none can be mistaken for another message.
    pub fn error(&self, message: &str, hint: &str) {
        let message = safe(&self.redactor, message);
        let lines: Vec<String> = message.lines().map(one_line).collect();
        let mut text = lines.join("\n  ");
        let hint = safe_line(&self.redactor, hint);
        if !hint.is_empty() {
            text += &format!("\nhint: {hint}");
        }
        self.write_log(Level::Error, &text);
    }

    fn write_log(&self, level: Level, text: &str) {
        match self.options.mode {
            Mode::Kestra => self.frame(&frames::log(level, text)),
            Mode::Text | Mode::Json => {
                let text = text::log_line(level, text, self.options.color_stderr);
                self.above(|| self.stderr.text(&text));
            }
        }
    }

    /// Logs the progress of a target, and shows it on the status line.
    pub fn progress(&self, update: &Update<'_>) {
        let target = safe_line(&self.redactor, update.target);
        let message = match safe_line(&self.redactor, update.message) {
            empty if empty.is_empty() => update.phase.description().to_owned(),
            message => message,
        };
        if let Some(live) = &self.live {
            let calls = match update.http_calls {
                1 => "1 call".to_owned(),
                calls => format!("{calls} calls"),
            };
            live.show(&target, &format!("{message} ({calls})"));
        }
        let line = format!("{target}: {message}");
        let before = self.reported().progress.insert(target, message.clone());
        if before != Some(message) {
            self.log(update.level, &line);
        }
    }

    /// Reports the outcome of a target. Under Kestra the outputs so far and the target's metrics
    /// follow at once, so that they survive the end of the process.
    pub fn result(&self, result: &RefreshResult) {
        let result = self.cleaned(result);
        if let Some(live) = &self.live {
            live.done(&result.target);
        }
        match self.options.mode {
            Mode::Text => {
                let paragraph = text::paragraph(&result, self.options.color_stdout);
                self.above(|| self.stdout.text(&paragraph));
            }
            Mode::Json => self.stdout.line(&json_line(&result)),
            Mode::Kestra => {
                let message = text::paragraph(&result, false);
                self.write_log(frames::result_level(&result), &message);
                // The lock is held while writing, so that older outputs cannot replace newer ones.
                let results = &mut self.reported().results;
                results.retain(|known| known.target != result.target);
                results.push(result.clone());
                self.frame(&frames::outputs_so_far(results));
                self.frame(&frames::metrics(&result));
            }
        }
    }

    /// Reports the end of the invocation and removes the status lines.
    pub fn summary(&self, summary: &Summary) {
        if let Some(live) = &self.live {
            live.clear();
        }
        let mut summary = summary.clone();
        for name in &mut summary.targets {
            *name = safe_line(&self.redactor, name);
        }
        match self.options.mode {
            Mode::Text if summary.targets.len() > 1 => {
                self.stdout.text(&text::closing_line(&summary));
            }
            // A script has every result already.
            Mode::Text | Mode::Json => {}
            Mode::Kestra => self.frame(&frames::outputs(&self.reported().results, &summary)),
        }
    }

    /// Prints text with its line ends: on stdout, on stderr if stdout is for JSON lines, or as a log
    /// entry under Kestra.
    pub fn print(&self, content: &str) {
        let sink = match self.options.mode {
            Mode::Json => &self.stderr,
            Mode::Text | Mode::Kestra => &self.stdout,
        };
        self.write(sink, content);
    }

    /// Prints notes on what [`print`](Self::print) printed: on stderr, because stdout may be
    /// redirected to a file, or as a log entry under Kestra. Nothing if only errors are logged.
    pub fn aside(&self, content: &str) {
        if Level::Warn >= self.options.threshold {
            self.write(&self.stderr, content);
        }
    }

    fn write(&self, sink: &Sink, content: &str) {
        let content = safe(&self.redactor, content);
        match self.options.mode {
            Mode::Text | Mode::Json => self.above(|| sink.text(&content)),
            Mode::Kestra => self.write_log(Level::Info, &content),
        }
    }

    /// Prints a value as one line of JSON on stdout, or as a log entry under Kestra.
    pub fn print_json(&self, value: &impl Serialize) {
        self.print_row(&self.cleaned_value(value));
    }

    fn print_row(&self, row: &Value) {
        let line = json_line(row);
        match self.options.mode {
            Mode::Text | Mode::Json => self.above(|| self.stdout.line(&line)),
            Mode::Kestra => self.write_log(Level::Info, &line),
        }
    }

    /// Prints the plan of a dry run as JSON; under Kestra also as outputs and metrics. The fields of a
    /// plan that is `alone` are outputs of their own.
    pub fn plan(&self, kind: &str, plan: &Plan, alone: bool) {
        let plan = self.cleaned_value(plan);
        self.print_row(&plan);
        if self.options.mode == Mode::Kestra {
            let plans = &mut self.reported().plans;
            plans.push(plan.clone());
            self.frame(&frames::plans(plans, alone));
            if let Some(metrics) = frames::plan_metrics(kind, &plan) {
                self.frame(&metrics);
            }
        }
    }

    /// Prints runs from the audit log, newest first, as JSON; under Kestra also as outputs.
    pub fn listed_runs(&self, runs: &[impl Serialize]) {
        let runs: Vec<Value> = runs.iter().map(|run| self.cleaned_value(run)).collect();
        runs.iter().for_each(|run| self.print_row(run));
        if self.options.mode == Mode::Kestra {
            self.frame(&frames::listed_runs(&runs));
        }
    }

    fn frame(&self, content: &Value) {
        let line = match &self.otlp {
            Some((otlp, clock)) => frames::frame(&otlp.translate(content, clock.now())),
            None => frames::frame(content),
        };
        self.stdout.line(&line);
    }

    fn above(&self, write: impl FnOnce()) {
        match &self.live {
            Some(live) => live.above(write),
            None => write(),
        }
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The result with every identifier on one clean line and every sentence clean.
    fn cleaned(&self, result: &RefreshResult) -> RefreshResult {
        let mut result = result.clone();
        let verdict = &mut result.verdict;
        for text in [
            &mut verdict.message,
            &mut verdict.hint,
            &mut verdict.service_error.message,
        ] {
            *text = safe(&self.redactor, text);
        }
        for text in [
            &mut result.target,
            &mut result.kind,
            &mut result.run,
            &mut result.idempotency_key,
            &mut verdict.code,
            &mut verdict.likely_cause,
            &mut verdict.retry_at,
            &mut verdict.service_run,
            &mut verdict.flow_run,
            &mut verdict.started_at,
            &mut verdict.ended_at,
            &mut verdict.service_error.code,
            &mut verdict.service_error.activity_id,
            &mut verdict.quota.next_slot,
        ] {
            *text = safe_line(&self.redactor, text);
        }
        result
    }

    fn cleaned_value(&self, value: &impl Serialize) -> Value {
        map_texts(&json!(value), &|text| safe(&self.redactor, text))
    }
}

fn width_of_stderr() -> u16 {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(DEFAULT_WIDTH, |(width, _)| width.0)
}
