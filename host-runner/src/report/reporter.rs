//! The reporter: the only output of an invocation.
//!
//! People get results on stdout and everything else on stderr, with a live status line on a
//! terminal. Scripts get JSON lines on stdout, and nothing else there. Kestra gets frames on stdout
//! and nothing on stderr, because Kestra counts every line there as an error.
//!
//! Reporting never fails, never waits and returns nothing, because nothing may depend on being read: log
//! lines are dropped while nobody reads them, and [`Reporter::printed`] waits for the rest. Every text is
//! cleaned here, once. The same progress is not reported twice in a row, so that polling does not
//! fill a log; without a status line, a heartbeat shows what a long wait is for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::clean::{json_line, one_line, safe, safe_line};
use super::frames::{self, Otlp};
use super::mode::{Level, Mode};
use super::plan::Plan;
use super::result::RefreshResult;
use super::streams::Live;
use super::summary::Summary;
use super::text;
use crate::clock::SharedClock;
use crate::secret::{Redactor, TEXT_LIMIT, cut, is_own_form, map_texts};
use crate::sink::Sink;

/// The width of a terminal that does not report its own.
const DEFAULT_WIDTH: u16 = 80;

/// The maximum length of a log line and of a text of a result, in characters.
const LINE_LIMIT: usize = 16 * 1024;

/// How many texts may be queued before a log line is dropped: far more than a refresh logs in a
/// minute.
const LOG_BACKLOG: usize = 1000;

/// How long a panic waits for its message to be written.
const PANIC_PAUSE: Duration = Duration::from_millis(100);

/// How long nothing may be logged about a run before a heartbeat is.
const HEARTBEAT: Duration = Duration::from_secs(60);

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
    /// Whether changes of state are logged at the usual threshold too, and a heartbeat.
    pub progress_lines: bool,
}

/// The progress of a target.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// The target's name.
    pub target: &'a str,
    /// A sentence.
    pub message: &'a str,
    /// The number of HTTP calls so far.
    pub http_calls: u32,
    /// The level at which it is logged.
    pub level: Level,
}

/// What was reported so far and affects later output.
#[derive(Debug, Default)]
struct Reported {
    /// The results, cleaned.
    results: Vec<RefreshResult>,
    /// What the current target is doing, and since when.
    activity: Option<(String, Duration)>,
    /// When progress was last logged.
    logged_at: Duration,
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
    otlp: Option<Otlp>,
    clock: SharedClock,
    reported: Mutex<Reported>,
    /// How many log lines were dropped since the last that was written.
    dropped: AtomicUsize,
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
        clock: SharedClock,
    ) -> Self {
        Self {
            options,
            redactor,
            stdout,
            stderr,
            live,
            otlp: None,
            clock,
            reported: Mutex::new(Reported::default()),
            dropped: AtomicUsize::new(0),
        }
    }

    /// Sends logs and metrics to Kestra as OTLP.
    #[must_use]
    pub fn in_otlp(mut self, otlp: Otlp) -> Self {
        self.otlp = Some(otlp);
        self
    }

    /// A reporter over stdout and stderr of this process, which also writes the message of a panic.
    /// `draws` a live status line ([`super::Surroundings::draws_status`]).
    #[must_use]
    pub fn of_process(
        options: ReportOptions,
        redactor: Redactor,
        clock: SharedClock,
        draws: bool,
    ) -> Self {
        let (stdout, stderr) = Sink::of_process();
        let (sink, secrets) = (stderr.clone(), redactor.clone());
        std::panic::set_hook(Box::new(move |panic| {
            sink.text(&safe(&secrets, &panic.to_string()));
            std::thread::sleep(PANIC_PAUSE);
        }));
        let live = draws.then(|| Live::new(stderr.clone(), width_of_stderr, clock.clone()));
        Self::new(options, redactor, stdout, stderr, live, clock)
    }

    /// The form of the output.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.options.mode
    }

    /// Returns why stdout could not be written, if a write has failed.
    #[must_use]
    pub fn unprinted(&self) -> Option<&std::io::Error> {
        self.stdout.failure()
    }

    /// Completes when everything on stdout is written.
    pub async fn printed(&self) {
        self.report_dropped();
        self.stdout.written().await;
    }

    /// Completes when everything on stderr is written.
    pub async fn logged(&self) {
        self.stderr.written().await;
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
        self.offer(level, &message);
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

    /// Logs a line, or drops it while too many others are waiting for a reader.
    fn offer(&self, level: Level, text: &str) {
        if self.stdout.backlog().max(self.stderr.backlog()) >= LOG_BACKLOG {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.report_dropped();
        self.write_log(level, &cut(text, LINE_LIMIT));
    }

    fn report_dropped(&self) {
        let count = self.dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            let text =
                format!("log lines that were dropped because nobody read the output: {count}");
            self.write_log(Level::Warn, &text);
        }
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

    /// Logs the progress of a target if it is new, and shows it on the status line.
    pub fn progress(&self, update: &Update<'_>) {
        let target = safe_line(&self.redactor, update.target);
        let message = safe_line(&self.redactor, update.message);
        if let Some(live) = &self.live {
            let calls = match update.http_calls {
                1 => "1 call".to_owned(),
                calls => format!("{calls} calls"),
            };
            live.show(&target, &format!("{message} ({calls})"));
        }
        let line = format!("{target}: {message}");
        let now = self.clock.monotonic();
        let mut reported = self.reported();
        if matches!(&reported.activity, Some((known, _)) if *known == line) {
            return;
        }
        reported.activity = Some((line.clone(), now));
        drop(reported);
        self.log_progress(update.level, &line);
    }

    /// Logs again what the current target is doing, and for how long, if nothing was logged about it
    /// for a minute.
    pub fn heartbeat(&self) {
        let now = self.clock.monotonic();
        let reported = self.reported();
        let is_due = now.saturating_sub(reported.logged_at) >= HEARTBEAT;
        let is_due = is_due && self.options.progress_lines;
        let Some((line, since)) = reported.activity.clone().filter(|_| is_due) else {
            return;
        };
        drop(reported);
        let waited = text::duration(now.saturating_sub(since));
        self.log_progress(Level::Info, &format!("{line} (for {waited})"));
    }

    /// Logs progress. At the usual threshold, without a status line, nothing else would show that the
    /// program is alive.
    fn log_progress(&self, level: Level, line: &str) {
        let (lines, threshold) = (self.options.progress_lines, self.options.threshold);
        let is_change = lines && (level, threshold) == (Level::Info, Level::Warn);
        if level < threshold && !is_change {
            return;
        }
        self.reported().logged_at = self.clock.monotonic();
        if lines && self.options.mode != Mode::Kestra {
            self.offer(level, &format!("{:.0} {line}", self.clock.now()));
        } else {
            self.offer(level, line);
        }
    }

    /// Reports the outcome of a target. Under Kestra its log entry and its metrics follow at once;
    /// the outputs come with the summary.
    pub fn result(&self, result: &RefreshResult) {
        let result = self.cleaned(result);
        self.reported().activity = None;
        if let Some(live) = &self.live {
            live.clear();
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
                self.frame(&frames::metrics(&result));
                self.reported().results.push(result);
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
            *name = self.own_line(name);
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

    /// Prints the plan of a dry run as JSON; under Kestra also as metrics. The outputs come with
    /// [`plans`](Self::plans).
    pub fn plan(&self, kind: &str, plan: &Plan) {
        let plan = self.cleaned_value(plan);
        self.print_row(&plan);
        if self.options.mode == Mode::Kestra {
            if let Some(metrics) = frames::plan_metrics(kind, &plan) {
                self.frame(&metrics);
            }
            self.reported().plans.push(plan);
        }
    }

    /// Ends a dry run: under Kestra its plans are outputs. The fields of a plan that is `alone` are
    /// outputs of their own.
    pub fn plans(&self, alone: bool) {
        let plans = &self.reported().plans;
        if !plans.is_empty() {
            self.frame(&frames::plans(plans, alone));
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
            Some(otlp) => frames::frame(&otlp.translate(content, self.clock.now())),
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

    /// The result with every identifier on one clean line and every sentence clean. Our own words and
    /// ids hold no secret, even if a service returns one of them as such; they are cleaned only if they
    /// do not look like ours.
    fn cleaned(&self, result: &RefreshResult) -> RefreshResult {
        let mut result = result.clone();
        let verdict = &mut result.verdict;
        for text in [
            &mut verdict.message,
            &mut verdict.hint,
            &mut verdict.service_error.message,
        ] {
            *text = cut(&safe(&self.redactor, text), LINE_LIMIT);
        }
        for text in [
            &mut result.idempotency_key,
            &mut verdict.retry_at,
            &mut verdict.service_run,
            &mut verdict.flow_run,
            &mut verdict.started_at,
            &mut verdict.ended_at,
            &mut verdict.service_error.code,
            &mut verdict.service_error.activity_id,
            &mut verdict.quota.next_slot,
        ] {
            *text = cut(&safe_line(&self.redactor, text), LINE_LIMIT);
        }
        for text in [
            &mut result.target,
            &mut result.kind,
            &mut result.run,
            &mut verdict.code,
            &mut verdict.likely_cause,
        ] {
            *text = self.own_line(text);
        }
        result
    }

    fn own_line(&self, text: &str) -> String {
        match is_own_form(text) {
            true => text.to_owned(),
            false => cut(&safe_line(&self.redactor, text), LINE_LIMIT),
        }
    }

    fn cleaned_value(&self, value: &impl Serialize) -> Value {
        let clean = |text: &str| cut(&safe(&self.redactor, text), TEXT_LIMIT);
        map_texts(&json!(value), &clean)
    }
}

/// The width of stdout if it is a terminal.
#[must_use]
pub fn width_of_stdout() -> Option<usize> {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map(|(width, _)| width.0.into())
}

fn width_of_stderr() -> u16 {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(DEFAULT_WIDTH, |(width, _)| width.0)
}
