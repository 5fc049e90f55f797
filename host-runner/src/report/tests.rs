//! The output in every mode.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum as _;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::fixtures::*;
use super::streams::Live;
use super::*;
use crate::clock::SystemClock;
use crate::secret::Redactor;
use crate::verdict::Status;

struct Stage {
    reporter: Reporter,
    stdout: Paper,
    stderr: Paper,
    redactor: Redactor,
}

const MODES: [Mode; 3] = [Mode::Text, Mode::Json, Mode::Kestra];

fn options(mode: Mode, threshold: Level) -> ReportOptions {
    ReportOptions {
        mode,
        threshold,
        color_stdout: false,
        color_stderr: false,
        progress_lines: false,
    }
}

fn live(terminal: Sink) -> Live {
    Live::new(terminal, || 80, SystemClock::shared())
}

fn stage(mode: Mode, threshold: Level) -> Stage {
    stage_with(options(mode, threshold), |_| None)
}

fn stage_with(options: ReportOptions, live: impl FnOnce(Sink) -> Option<Live>) -> Stage {
    let (stdout, stderr, redactor) = (Paper::default(), Paper::default(), Redactor::new());
    let (out, err, live) = (stdout.sink(), stderr.sink(), live(stderr.sink()));
    Stage {
        reporter: Reporter::new(
            options,
            redactor.clone(),
            out,
            err,
            live,
            SystemClock::shared(),
        ),
        stdout,
        stderr,
        redactor,
    }
}

impl Stage {
    /// Reports results and their summary.
    fn report(&self, results: &[RefreshResult]) {
        for result in results {
            self.reporter.result(result);
        }
        self.reporter.summary(&Summary::of(results));
    }

    /// Reports everything that contains foreign text, and returns what was written.
    fn report_everything(&self, text: &str, result: &RefreshResult) -> String {
        self.reporter.log(Level::Error, text);
        self.reporter.progress(&Update {
            target: text,
            ..update(text, Level::Info)
        });
        self.reporter.print(text);
        self.reporter.print_json(&json!({text: [text]}));
        self.report(&[result.clone(), result.clone()]);
        self.stdout.read() + &self.stderr.read()
    }

    fn frames(&self) -> Vec<Value> {
        let frame = |line: &String| in_kestra(line).unwrap_or_else(|| panic!("no frame: {line}"));
        read_lines(&self.stdout.read()).iter().map(frame).collect()
    }

    /// The log entries, as `LEVEL message`.
    fn logs(&self) -> Vec<String> {
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
        let frames = self.frames();
        let entries = frames.iter().filter_map(|frame| frame["logs"].as_array());
        let line = |entry| text(entry, "level") + " " + &text(entry, "message");
        entries.flatten().map(line).collect()
    }

    /// The final outputs: Kestra merges them shallowly.
    fn outputs(&self) -> serde_json::Map<String, Value> {
        let mut merged = serde_json::Map::new();
        for frame in self.frames() {
            merged.extend(frame["outputs"].as_object().cloned().unwrap_or_default());
        }
        merged
    }
}

fn update<'a>(message: &'a str, level: Level) -> Update<'a> {
    Update {
        target: "order_list",
        message,
        http_calls: 3,
        level,
    }
}

#[test]
fn text_puts_results_on_stdout_and_warnings_on_stderr() {
    let stage = stage(Mode::Text, Level::Warn);
    stage.reporter.log(Level::Warn, "an old URL");
    stage.reporter.progress(&update("polling", Level::Info));
    let result = result("order_list", Status::Completed);
    stage.report(std::slice::from_ref(&result));
    assert_eq!(stage.stderr.read(), "warning: an old URL\n");
    assert_eq!(
        stage.stdout.read(),
        format!("{}\n", text::paragraph(&result, false))
    );
}

#[test]
fn text_ends_several_targets_with_a_line() {
    let stage = stage(Mode::Text, Level::Warn);
    let results = ["a", "b"].map(|name| result(name, Status::Completed));
    stage.report(&results);
    let end = "\n2 targets: 2 completed; exit code 0\n";
    assert!(stage.stdout.read().ends_with(end));
}

#[test]
fn the_threshold_hides_log_lines_but_never_a_result() {
    let quiet = stage(Mode::Text, Level::Error);
    quiet.reporter.log(Level::Warn, "w");
    quiet.reporter.log(Level::Error, "e");
    quiet.reporter.result(&result("a", Status::Failed));
    assert_eq!(quiet.stderr.read(), "error: e\n");
    assert!(quiet.stdout.read().starts_with("failed  a "));
    let loud = stage(Mode::Text, Level::Debug);
    loud.reporter.progress(&update("polling", Level::Debug));
    assert_eq!(loud.stderr.read(), "debug: order_list: polling\n");
}

#[test]
fn the_same_progress_is_logged_once() {
    let stage = stage(Mode::Kestra, Level::Debug);
    for message in ["running", "running", "running", "done", "running"] {
        stage.reporter.progress(&update(message, Level::Debug));
    }
    let expected = ["running", "done", "running"];
    let expected = expected.map(|message| format!("DEBUG order_list: {message}"));
    assert_eq!(stage.logs(), expected);
}

#[test]
fn json_leaves_stdout_to_json() {
    let stage = stage(Mode::Json, Level::Info);
    stage.reporter.log(Level::Info, "started");
    stage.reporter.print("a table");
    let results = ["a", "b"].map(|name| result_of(name, &swallowed()));
    stage.report(&results);
    let stdout = stage.stdout.read();
    let read = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(read.collect::<Vec<RefreshResult>>(), results);
    assert_eq!(stage.stderr.read(), "info: started\na table\n");
}

#[test]
fn kestra_reads_frames_only_and_nothing_on_stderr() {
    let stage = stage(Mode::Kestra, Level::Debug);
    stage.reporter.log(Level::Warn, "two\nlines");
    stage.reporter.progress(&update("polling", Level::Debug));
    stage.reporter.print("one\ntwo");
    stage.reporter.print_json(&json!({"a": "::{}::"}));
    let result = result_of("order_list", &swallowed());
    stage.report(std::slice::from_ref(&result));
    assert_eq!(stage.stderr.read(), "");
    let paragraph = format!("ERROR {}", text::paragraph(&result, false));
    let expected = [
        "WARN two\nlines",
        "DEBUG order_list: polling",
        "INFO one\ntwo",
        "INFO {\"a\":\"::{}::\"}",
        &paragraph,
    ];
    assert_eq!(stage.logs(), expected);
    let outputs = stage.outputs();
    assert_eq!(outputs["status"], "unknown");
    let row = &outputs["refreshes"]["order_list"];
    assert_eq!(row["likely_cause"], "dataflow_daily_limit");
    assert_eq!(outputs["summary"]["exit_code"], 12);
}

#[test]
fn kestra_gets_logs_and_metrics_at_once_and_the_outputs_at_the_end() {
    let stage = stage(Mode::Kestra, Level::Debug);
    let results = [("a", Status::Completed), ("b", Status::Failed)];
    let results = results.map(|(name, status)| result(name, status));
    for (number, result) in results.iter().enumerate() {
        stage.reporter.result(result);
        let frames = stage.frames();
        let metrics = frames.iter().filter(|frame| frame["metrics"].is_array());
        assert_eq!(metrics.count(), number + 1);
        assert_eq!(stage.logs().len(), number + 1);
        assert!(stage.outputs().is_empty());
    }
    stage.reporter.summary(&Summary::of(&results));
    let refreshes = &stage.outputs()["refreshes"];
    let statuses = ["a", "b"].map(|name| refreshes[name]["status"].clone());
    assert_eq!(statuses, ["completed", "failed"]);
}

fn plan(target: &str) -> Plan {
    Plan {
        target: target.to_owned(),
        dry_run: true,
        would: "send",
        code: String::new(),
        retry_at: String::new(),
        quota: crate::verdict::Quota::default(),
        request: plan::PlannedRequest {
            method: "POST".to_owned(),
            url: "https://h.example/x".to_owned(),
            headers: std::collections::BTreeMap::new(),
            body: "{}".to_owned(),
        },
        running: plan::PlannedRun::default(),
        newest: plan::PlannedRun::default(),
    }
}

#[test]
fn twice_as_many_targets_print_twice_as_many_bytes() {
    let refreshed = |count: usize| {
        let stage = stage(Mode::Kestra, Level::Debug);
        let targets = (0..count).map(|n| result(&format!("target_{n}"), Status::Failed));
        stage.report(&targets.collect::<Vec<_>>());
        stage
    };
    let planned = |count: usize| {
        let stage = stage(Mode::Kestra, Level::Debug);
        for n in 0..count {
            stage
                .reporter
                .plan("dataflow", &plan(&format!("target_{n}")));
        }
        stage.reporter.plans(false);
        stage
    };
    let runs: [&dyn Fn(usize) -> Stage; 2] = [&refreshed, &planned];
    for run in runs {
        let [half, full] = [50, 100].map(|count| {
            let stage = run(count);
            let frames = stage.frames();
            let outputs = frames.iter().filter(|frame| frame["outputs"].is_object());
            assert_eq!(outputs.count(), 1);
            stage.stdout.read().len()
        });
        // Names get a digit longer.
        assert!(full * 100 <= half * 205, "{half} bytes, then {full}");
    }
}

#[test]
fn a_long_wait_is_logged_each_minute_with_its_time_unless_it_is_not_wanted() {
    use Level::{Debug, Error, Info, Warn};
    for (mode, threshold, progress_lines, beats) in [
        (Mode::Text, Warn, true, true),
        (Mode::Text, Info, true, true),
        (Mode::Json, Warn, true, true),
        (Mode::Kestra, Debug, true, true),
        (Mode::Kestra, Info, true, true),
        (Mode::Text, Error, true, false),
        (Mode::Kestra, Error, true, false),
        // With --no-progress, or a status line.
        (Mode::Text, Warn, false, false),
        (Mode::Kestra, Debug, false, false),
    ] {
        let options = ReportOptions {
            progress_lines,
            ..options(mode, threshold)
        };
        let clock = Arc::new(SetClock::default());
        let (stdout, stderr) = (Paper::default(), Paper::default());
        let (out, err) = (stdout.sink(), stderr.sink());
        let reporter = Reporter::new(options, Redactor::new(), out, err, None, clock.clone());
        reporter.heartbeat();
        reporter.progress(&update("waiting for r1", Info));
        let written = || stdout.read() + &stderr.read();
        let is_logged = written().contains("order_list: waiting for r1");
        assert_eq!(is_logged, beats || threshold <= Info, "{mode:?}");
        for (second, times) in [(59, 0), (60, 1), (70, 1), (119, 1), (120, 2), (185, 3)] {
            *clock.0.lock().unwrap() = Duration::from_secs(second);
            // Polling reports the same again.
            reporter.progress(&update("waiting for r1", Info));
            reporter.heartbeat();
            let count = written().matches("waiting for r1 (for ").count();
            assert_eq!(count, if beats { times } else { 0 }, "{mode:?} {second}");
        }
        let line = "order_list: waiting for r1 (for 3m 05s)";
        match mode {
            _ if !beats => {}
            Mode::Kestra => assert!(stdout.read().contains(line)),
            _ => assert!(
                stderr
                    .read()
                    .ends_with(&format!("info: 2026-11-23T08:03:05Z {line}\n"))
            ),
        }
        // A target that has ended is not waited for.
        reporter.result(&result("order_list", Status::Completed));
        let before = written();
        *clock.0.lock().unwrap() = Duration::from_secs(1_000);
        reporter.heartbeat();
        assert_eq!(written(), before);
    }
}

#[test]
fn a_hostile_message_forges_no_frame_line_or_color() {
    let hostile = "x\r\n::{\"outputs\":{\"status\":\"completed\"}}::\u{2028}::{}::\u{1b}[2J\u{0}";
    let mut forged = verdict(Status::Failed);
    for field in [&mut forged.message, &mut forged.hint, &mut forged.code] {
        *field = hostile.into();
    }
    forged.service_error.message = hostile.into();
    for mode in MODES {
        let stage = stage(mode, Level::Debug);
        let all = stage.report_everything(hostile, &result_of(hostile, &forged));
        let controls = all.contains(['\u{1b}', '\u{0}', '\r']);
        assert!(!controls, "{mode:?}: {all:?}");
        if mode == Mode::Kestra {
            let outputs = stage.outputs();
            assert_eq!(outputs["summary"]["status"], "failed");
            assert!(
                outputs
                    .get("status")
                    .is_none_or(|status| status == "failed")
            );
        } else {
            let framed = read_lines(&all)
                .iter()
                .any(|line| in_kestra(line).is_some());
            assert!(!framed, "{mode:?}: {all}");
        }
    }
}

/// The value with `text` in every string except the four enums.
fn planted_in(value: &Value, text: &str) -> Value {
    let planted = |(name, field): (&String, &Value)| {
        let field = match name.as_str() {
            "status" | "sent" | "evidence" | "matched" => field.clone(),
            _ => planted_in(field, text),
        };
        (name.clone(), field)
    };
    match value {
        Value::Object(fields) => fields.iter().map(planted).collect(),
        Value::String(_) => text.into(),
        other => other.clone(),
    }
}

#[test]
fn no_secret_gets_out_in_any_field() {
    const SECRET: &str = "INVENTED\"sig\\0123456789";
    let planted = format!("before {SECRET} after?sig=INVENTED-other-9876543210&x");
    let clean = json!(result("a", Status::Failed));
    let result: RefreshResult = serde_json::from_value(planted_in(&clean, &planted)).unwrap();
    for mode in MODES {
        let stage = stage(mode, Level::Trace);
        stage.redactor.register(&SecretString::from(SECRET));
        let all = stage.report_everything(&planted, &result);
        assert!(all.contains("***"), "{mode:?}");
        for part in ["INVENTED", "0123456789", "9876543210"] {
            assert!(!all.contains(part), "{mode:?}: {all}");
        }
        let debug = format!("{:?}", stage.reporter);
        assert!(!debug.contains("INVENTED"), "{mode:?}");
    }
}

#[test]
fn readers_that_are_gone_stop_only_the_output() {
    for mode in MODES {
        let options = options(mode, Level::Trace);
        let (stdout, stderr) = (broken_pipe(), broken_pipe());
        let live = Some(live(stderr.clone()));
        let reporter = Reporter::new(
            options,
            Redactor::new(),
            stdout.clone(),
            stderr,
            live,
            SystemClock::shared(),
        );
        reporter.log(Level::Warn, "w");
        reporter.progress(&update("p", Level::Info));
        let result = result("a", Status::Failed);
        reporter.result(&result);
        let summary = Summary::of(std::slice::from_ref(&result));
        reporter.summary(&summary);
        reporter.print("more");
        assert!(stdout.failure().is_some(), "{mode:?}");
        assert_eq!((result.exit_code, summary.exit_code), (10, 10));
    }
}

#[test]
fn results_of_several_threads_are_whole_frames() {
    let stage = stage(Mode::Kestra, Level::Debug);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let reporter = &stage.reporter;
            scope.spawn(move || {
                reporter.log(Level::Info, &"x".repeat(5000));
                reporter.result(&result(&format!("t{n}"), Status::Completed));
            });
        }
    });
    stage.reporter.summary(&Summary::of(&[]));
    assert_eq!(stage.outputs()["refreshes"].as_object().unwrap().len(), 8);
}

#[test]
fn a_status_line_is_cleared_before_a_result_is_printed() {
    let stage = stage_with(options(Mode::Text, Level::Warn), |terminal| {
        Some(live(terminal))
    });
    let running = update("the run is in progress", Level::Debug);
    stage.reporter.progress(&running);
    let drawn = stage.stderr.read();
    assert!(drawn.contains("the run is in progress (3 calls)"));
    stage.report(&[result("order_list", Status::Completed)]);
    assert!(stage.stderr.read().ends_with("\r\u{1b}[2K"));
    assert!(stage.stdout.read().starts_with("completed  order_list "));
}

#[test]
fn an_error_has_its_hint_on_its_own_line_and_forges_no_message() {
    let (message, hint) = ("two problems\none\nerror: two", "fix\nboth");
    let text = "two problems\n  one\n  error: two\nhint: fix both";
    let terminal = stage(Mode::Text, Level::Error);
    terminal.reporter.error(message, hint);
    assert_eq!(terminal.stderr.read(), format!("error: {text}\n"));
    let kestra = stage(Mode::Kestra, Level::Error);
    kestra.reporter.error(message, hint);
    assert_eq!(kestra.logs(), [format!("ERROR {text}")]);
}

#[test]
fn a_secret_that_is_one_of_our_words_changes_no_result() {
    for (status, mode) in Status::value_variants()
        .iter()
        .flat_map(|status| [(*status, Mode::Json), (*status, Mode::Kestra)])
    {
        let stage = stage(mode, Level::Warn);
        let mut result = result("order_list", status);
        result.verdict.code = "refresh_not_started".to_owned();
        for word in json!(result).to_string().split('"') {
            stage.redactor.register(&SecretString::from(word));
        }
        stage.report(std::slice::from_ref(&result));
        let read = match mode {
            Mode::Kestra => stage.outputs()["refreshes"]["order_list"].clone(),
            _ => serde_json::from_str(&stage.stdout.read()).unwrap(),
        };
        let read: RefreshResult = serde_json::from_value(read).unwrap();
        assert_eq!(read.message, "***");
        assert_eq!((read.status, read.matched), (status, result.matched));
        assert_eq!((&read.code, &read.kind), (&result.code, &result.kind));
        assert_eq!((&read.run, &read.target), (&result.run, &result.target));
    }
}

#[test]
fn a_text_is_printed_up_to_a_limit_and_the_cut_is_marked() {
    for mode in MODES {
        for (length, is_cut) in [(4096, false), (4_000_000, true)] {
            let stage = stage(mode, Level::Debug);
            let long = "x".repeat(length);
            let mut result = result("order_list", Status::Failed);
            result.verdict.service_run = long.clone();
            result.verdict.service_error.message = long.clone();
            let all = stage.report_everything(&long, &result);
            assert_eq!(all.contains('…'), is_cut, "{mode:?}");
            assert!(all.contains(&"x".repeat(4000)), "{mode:?}");
            assert!(all.len() < 500_000, "{mode:?}: {} bytes", all.len());
        }
    }
}

/// A reader that begins to read once the test lets go.
struct Late(std::sync::mpsc::Receiver<()>, Paper);

impl std::io::Write for Late {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn without_a_reader_log_lines_are_dropped_and_counted_and_results_are_kept_in_order() {
    let (holds, held) = std::sync::mpsc::channel();
    let paper = Paper::default();
    let out = Sink::new(Box::new(Late(held, paper.clone()))).queued();
    let (options, clock) = (options(Mode::Kestra, Level::Info), SystemClock::shared());
    let reporter = Reporter::new(options, Redactor::new(), out.clone(), out, None, clock);
    for number in 0..5000 {
        reporter.log(Level::Info, &format!("line {number}"));
    }
    let result = result("a", Status::Failed);
    reporter.result(&result);
    reporter.summary(&Summary::of(&[result]));
    assert_eq!(paper.read(), "");
    drop(holds);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(reporter.printed());
    let read = paper.read();
    let kept = read.matches("line ").count();
    assert!((100..5000).contains(&kept), "{kept}");
    let lines = read_lines(&read);
    assert!(lines.iter().all(|line| in_kestra(line).is_some()));
    assert!(lines[kept - 1].contains(&format!("line {}\"", kept - 1)));
    let dropped = format!("nobody read the output: {}\"", 5000 - kept);
    assert_eq!(read.matches(&dropped).count(), 1);
    let outputs = lines.iter().filter(|line| line.contains("\"outputs\""));
    assert_eq!(outputs.count(), 1);
}
