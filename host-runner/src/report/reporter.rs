//! The one voice of an invocation.
//!
//! A [`Reporter`] is told what happens and says it in the mode that was chosen: to people (results
//! on stdout, everything else on stderr, with a live status line on a terminal), to scripts (stdout
//! holds JSON lines and nothing else) or to Kestra (stdout holds frames and nothing else, stderr
//! stays empty, because Kestra counts every line there as an error).
//!
//! It never fails and returns nothing: nothing may depend on being heard. Every text is cleaned
//! here, once, before any other module sees it. It refuses to say the same progress twice in a
//! row, so that polling does not fill a log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::clean::{one_line, safe, safe_line};
use super::level::Level;
use super::live::Live;
use super::mode::Mode;
use super::otlp::Otlp;
use super::result::RefreshResult;
use super::sink::Sink;
use super::summary::Summary;
use super::{frames, json, text};
use crate::clock::SharedClock;
pub use crate::contract::control::Phase;
use crate::secret::Redactor;

/// The width of a terminal that does not tell its own: that of the first ones.
const USUAL_WIDTH: u16 = 80;

/// How to speak.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Who is listening.
    pub mode: Mode,
    /// The least level that is said. Results are said whatever it is.
    pub threshold: Level,
    /// Whether results are coloured.
    pub color_stdout: bool,
    /// Whether the words before warnings are coloured.
    pub color_stderr: bool,
}

impl Phase {
    /// What is being done, where an update has no words of its own.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Looking => "looking at the history",
            Self::WaitingForOther => "waiting for another run to end",
            Self::Triggering => "sending the trigger",
            Self::WaitingToRetry => "waiting to try again",
            Self::Matching => "looking for the run",
            Self::Following => "following the run",
        }
    }
}

/// A word on what is going on.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// The target's name.
    pub target: &'a str,
    /// What is being done.
    pub phase: Phase,
    /// A sentence; may be empty.
    pub message: &'a str,
    /// How many HTTP calls were made so far.
    pub http_calls: u32,
    /// How much it matters.
    pub level: Level,
}

/// What was said before, as far as it decides what is said next.
#[derive(Debug, Default)]
struct Said {
    /// Results so far, cleaned; one per target.
    results: Vec<RefreshResult>,
    /// The last progress of each target.
    progress: BTreeMap<String, String>,
    /// Plans so far, cleaned.
    plans: Vec<Value>,
}

/// The one voice of an invocation. Shared by reference between everything that has to say
/// something.
#[derive(Debug)]
pub struct Reporter {
    settings: Settings,
    redactor: Redactor,
    stdout: Sink,
    stderr: Sink,
    live: Option<Live>,
    otlp: Option<(Otlp, SharedClock)>,
    said: Mutex<Said>,
}

impl Reporter {
    /// A reporter over these sinks; `live` where there is a terminal to draw on.
    #[must_use]
    pub fn new(
        settings: Settings,
        redactor: Redactor,
        stdout: Sink,
        stderr: Sink,
        live: Option<Live>,
    ) -> Self {
        Self {
            settings,
            redactor,
            stdout,
            stderr,
            live,
            otlp: None,
            said: Mutex::new(Said::default()),
        }
    }

    /// The same with logs and metrics for Kestra in OTLP, stamped by this clock.
    #[must_use]
    pub fn in_otlp(mut self, otlp: Otlp, clock: SharedClock) -> Self {
        self.otlp = Some((otlp, clock));
        self
    }

    /// A reporter over stdout and stderr of this process. `progress` says whether to draw a live
    /// status line ([`super::Surroundings::shows_progress`]).
    #[must_use]
    pub fn of_process(
        settings: Settings,
        redactor: Redactor,
        clock: SharedClock,
        progress: bool,
    ) -> Self {
        let stdout = Sink::new(Box::new(std::io::stdout()));
        let stderr = Sink::new(Box::new(std::io::stderr()));
        let live = progress.then(|| Live::new(stderr.clone(), width_of_stderr, clock));
        Self::new(settings, redactor, stdout, stderr, live)
    }

    /// Who is listening.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.settings.mode
    }

    /// Says a message. It is one line in a terminal or a file, and keeps its lines under Kestra.
    pub fn log(&self, level: Level, message: &str) {
        if level < self.settings.threshold {
            return;
        }
        let message = safe(&self.redactor, message);
        match self.settings.mode {
            Mode::Kestra => self.frame(&frames::log(level, &message)),
            Mode::Text | Mode::Json => {
                let line = text::log_line(level, &one_line(&message), self.settings.color_stderr);
                self.above(|| self.stderr.text(&line));
            }
        }
    }

    /// Says what is going on, and shows it where there is a status line.
    pub fn progress(&self, update: &Update<'_>) {
        let target = safe_line(&self.redactor, update.target);
        let message = match safe_line(&self.redactor, update.message) {
            empty if empty.is_empty() => update.phase.words().to_owned(),
            message => message,
        };
        if let Some(live) = &self.live {
            live.show(&target, &format!("{message} ({} calls)", update.http_calls));
        }
        let before = self.said().progress.insert(target.clone(), message.clone());
        if before.as_ref() != Some(&message) {
            self.log(update.level, &format!("{target}: {message}"));
        }
    }

    /// Says what became of a target. Under Kestra the outputs known so far and the target's
    /// metrics leave with it, so that an end of the process keeps them.
    pub fn result(&self, result: &RefreshResult) {
        let result = self.cleaned(result);
        if let Some(live) = &self.live {
            live.done(&result.target);
        }
        match self.settings.mode {
            Mode::Text => {
                let paragraph = text::paragraph(&result, self.settings.color_stdout);
                self.above(|| self.stdout.text(&paragraph));
            }
            Mode::Json => self.stdout.line(&json::line(&result)),
            Mode::Kestra => {
                let message = text::paragraph(&result, false);
                let level = frames::result_level(&result);
                self.frame(&frames::log(level, &message));
                // The lock is held over the write, so that no older list overtakes a newer one.
                let mut said = self.said();
                said.results.retain(|known| known.target != result.target);
                said.results.push(result.clone());
                self.frame(&frames::outputs_so_far(&said.results));
                self.frame(&frames::metrics(&result));
            }
        }
    }

    /// Says how the whole invocation ended, and takes the status lines away. The last word.
    pub fn summary(&self, summary: &Summary) {
        if let Some(live) = &self.live {
            live.clear();
        }
        let summary = Summary {
            targets: summary
                .targets
                .iter()
                .map(|name| safe_line(&self.redactor, name))
                .collect(),
            ..summary.clone()
        };
        match self.settings.mode {
            Mode::Text if summary.targets.len() > 1 => {
                self.stdout.text(&text::closing_line(&summary))
            }
            // A script has every result already, and its lines are results and nothing else.
            Mode::Text | Mode::Json => {}
            Mode::Kestra => {
                let said = self.said();
                self.frame(&frames::outputs(&said.results, &summary));
            }
        }
    }

    /// Prints what a command other than `refresh` was asked for. Its line ends stay. Where stdout
    /// is for JSON lines it goes to stderr; under Kestra it is a log entry.
    pub fn print(&self, content: &str) {
        let content = safe(&self.redactor, content);
        match self.settings.mode {
            Mode::Text => self.above(|| self.stdout.text(&content)),
            Mode::Json => self.stderr.text(&content),
            Mode::Kestra => self.frame(&frames::log(Level::Info, &content)),
        }
    }

    /// Says what goes with a printed answer and is no part of it, on stderr, where stdout goes into a
    /// file. Its line ends stay. Under Kestra it is a log entry; nothing where only errors are told.
    pub fn aside(&self, content: &str) {
        if Level::Warn < self.settings.threshold {
            return;
        }
        let content = safe(&self.redactor, content);
        match self.settings.mode {
            Mode::Text | Mode::Json => self.above(|| self.stderr.text(&content)),
            Mode::Kestra => self
                .stdout
                .line(&frames::frame(&frames::log(Level::Info, &content))),
        }
    }

    /// Prints a value as one line of JSON on stdout, whatever the mode but Kestra's, where it is a
    /// log entry. For commands whose answer is data.
    pub fn print_json(&self, value: &Value) {
        let line = json::value_line(&self.cleaned_value(value));
        match self.settings.mode {
            Mode::Text | Mode::Json => self.above(|| self.stdout.line(&line)),
            Mode::Kestra => self.frame(&frames::log(Level::Info, &line)),
        }
    }

    /// Says what a refresh would do: as a line of JSON, and under Kestra also as outputs and metrics.
    /// `alone` says that no other target is asked about: then its fields are outputs of their own.
    pub fn plan(&self, kind: &str, plan: &Value, alone: bool) {
        self.print_json(plan);
        if self.settings.mode == Mode::Kestra {
            let plan = self.cleaned_value(plan);
            let mut said = self.said();
            said.plans.push(plan.clone());
            self.frame(&frames::plans(&said.plans, alone));
            if let Some(metrics) = frames::plan_metrics(kind, &plan) {
                self.frame(&metrics);
            }
        }
    }

    /// Under Kestra makes these runs of the audit log the task's outputs, newest first. Elsewhere nothing:
    /// there each was printed.
    pub fn recorded_runs(&self, runs: &[Value]) {
        if self.settings.mode == Mode::Kestra {
            let runs: Vec<Value> = runs.iter().map(|run| self.cleaned_value(run)).collect();
            self.frame(&frames::recorded_runs(&runs));
        }
    }

    /// One frame for Kestra.
    fn frame(&self, content: &Value) {
        let line = match &self.otlp {
            Some((otlp, clock)) => frames::frame(&otlp.translated(content, clock.now())),
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

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cleaned(&self, result: &RefreshResult) -> RefreshResult {
        result.map_texts(
            |name| safe_line(&self.redactor, name),
            |sentence| safe(&self.redactor, sentence),
        )
    }

    fn cleaned_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(safe(&self.redactor, text)),
            Value::Array(items) => items.iter().map(|item| self.cleaned_value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, item)| (safe(&self.redactor, name), self.cleaned_value(item)))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

fn width_of_stderr() -> u16 {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(USUAL_WIDTH, |(width, _)| width.0)
}
