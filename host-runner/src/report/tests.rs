//! The output in every mode.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::fixtures::{Paper, broken_pipe, in_kestra, invocation, read_lines, swallowed, verdict};
use super::streams::Live;
use super::*;
use crate::clock::SystemClock;
use crate::secret::Redactor;
use crate::verdict::{Status, Verdict};

fn result(name: &str, verdict: &Verdict) -> RefreshResult {
    RefreshResult::new(verdict, &invocation(name), &ExitRules::default())
}

struct Stage {
    reporter: Reporter,
    stdout: Paper,
    stderr: Paper,
    redactor: Redactor,
}

fn stage(mode: Mode, threshold: Level) -> Stage {
    let (stdout, stderr, redactor) = (Paper::default(), Paper::default(), Redactor::new());
    let options = ReportOptions {
        mode,
        threshold,
        color_stdout: false,
        color_stderr: false,
    };
    let reporter = Reporter::new(
        options,
        redactor.clone(),
        stdout.sink(),
        stderr.sink(),
        None,
    );
    Stage {
        reporter,
        stdout,
        stderr,
        redactor,
    }
}

impl Stage {
    fn frames(&self) -> Vec<Value> {
        let lines = read_lines(&self.stdout.read());
        lines
            .iter()
            .map(|line| in_kestra(line).unwrap_or_else(|| panic!("no frame: {line}")))
            .collect()
    }

    fn logs(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let frames = self.frames();
        let entries = frames
            .iter()
            .filter_map(|frame| frame["logs"].as_array())
            .flatten();
        entries
            .map(|entry| (text(&entry["level"]), text(&entry["message"])))
            .collect()
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
        phase: Phase::Following,
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
    let result = result("order_list", &verdict(Status::Completed));
    stage.reporter.result(&result);
    stage
        .reporter
        .summary(&Summary::of(std::slice::from_ref(&result)));
    assert_eq!(stage.stderr.read(), "warning: an old URL\n");
    assert_eq!(
        stage.stdout.read(),
        format!("{}\n", text::paragraph(&result, false))
    );
}

#[test]
fn text_ends_several_targets_with_a_line() {
    let stage = stage(Mode::Text, Level::Warn);
    let results = ["a", "b"].map(|name| result(name, &verdict(Status::Completed)));
    results
        .iter()
        .for_each(|result| stage.reporter.result(result));
    stage.reporter.summary(&Summary::of(&results));
    assert!(
        stage
            .stdout
            .read()
            .ends_with("\n2 targets: 2 completed; exit code 0\n")
    );
}

#[test]
fn the_threshold_hides_log_lines_but_never_a_result() {
    let quiet = stage(Mode::Text, Level::Error);
    quiet.reporter.log(Level::Warn, "w");
    quiet.reporter.log(Level::Error, "e");
    quiet
        .reporter
        .result(&result("a", &verdict(Status::Failed)));
    assert_eq!(quiet.stderr.read(), "error: e\n");
    assert!(quiet.stdout.read().starts_with("failed  a "));
    let loud = stage(Mode::Text, Level::Debug);
    loud.reporter.progress(&update("", Level::Debug));
    assert_eq!(loud.stderr.read(), "debug: order_list: following the run\n");
}

#[test]
fn the_same_progress_is_logged_once() {
    let stage = stage(Mode::Kestra, Level::Debug);
    for message in ["running", "running", "running", "done", "running"] {
        stage.reporter.progress(&update(message, Level::Debug));
    }
    let logged: Vec<_> = stage
        .logs()
        .into_iter()
        .map(|(_, message)| message)
        .collect();
    assert_eq!(
        logged,
        [
            "order_list: running",
            "order_list: done",
            "order_list: running"
        ]
    );
}

#[test]
fn json_leaves_stdout_to_json() {
    let stage = stage(Mode::Json, Level::Info);
    stage.reporter.log(Level::Info, "started");
    stage.reporter.print("a table");
    let results = ["a", "b"].map(|name| result(name, &swallowed()));
    results
        .iter()
        .for_each(|result| stage.reporter.result(result));
    stage.reporter.summary(&Summary::of(&results));
    let read: Vec<RefreshResult> = stage
        .stdout
        .read()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read, results);
    assert_eq!(stage.stderr.read(), "info: started\na table\n");
}

#[test]
fn kestra_reads_frames_only_and_nothing_on_stderr() {
    let stage = stage(Mode::Kestra, Level::Debug);
    stage.reporter.log(Level::Warn, "two\nlines");
    stage.reporter.progress(&update("polling", Level::Debug));
    stage.reporter.print("one\ntwo");
    stage.reporter.print_json(&json!({"a": "::{}::"}));
    let result = result("order_list", &swallowed());
    stage.reporter.result(&result);
    stage
        .reporter
        .summary(&Summary::of(std::slice::from_ref(&result)));
    assert_eq!(stage.stderr.read(), "");
    let expected = [
        ("WARN", "two\nlines"),
        ("DEBUG", "order_list: polling"),
        ("INFO", "one\ntwo"),
        ("INFO", "{\"a\":\"::{}::\"}"),
        ("ERROR", &text::paragraph(&result, false)),
    ];
    assert_eq!(
        stage.logs(),
        expected.map(|(level, message)| (level.to_owned(), message.to_owned()))
    );
    let outputs = stage.outputs();
    assert_eq!(outputs["status"], "unknown");
    assert_eq!(
        outputs["refreshes"]["order_list"]["likely_cause"],
        "dataflow_daily_limit"
    );
    assert_eq!(outputs["summary"]["exit_code"], 12);
}

#[test]
fn kestra_gets_each_result_at_once() {
    let stage = stage(Mode::Kestra, Level::Debug);
    stage
        .reporter
        .result(&result("a", &verdict(Status::Completed)));
    assert_eq!(stage.outputs()["refreshes"]["a"]["status"], "completed");
    stage
        .reporter
        .result(&result("b", &verdict(Status::Failed)));
    let outputs = stage.outputs();
    assert_eq!(
        outputs["refreshes"]["a"]["status"], "completed",
        "earlier results are kept"
    );
    assert_eq!(outputs["refreshes"]["b"]["status"], "failed");
    let metrics = stage
        .frames()
        .iter()
        .filter(|frame| frame["metrics"].is_array())
        .count();
    assert_eq!(metrics, 2, "each target has its metrics once");
}

#[test]
fn a_hostile_message_forges_no_frame_line_or_color() {
    let hostile = "x\r\n::{\"outputs\":{\"status\":\"completed\"}}::\u{2028}::{}::\u{1b}[2J\u{0}";
    let mut forged = verdict(Status::Failed);
    forged.message = hostile.into();
    forged.hint = hostile.into();
    forged.code = hostile.into();
    forged.service_error.message = hostile.into();
    for mode in [Mode::Text, Mode::Json, Mode::Kestra] {
        let stage = stage(mode, Level::Debug);
        stage.reporter.log(Level::Warn, hostile);
        stage.reporter.progress(&update(hostile, Level::Info));
        stage.reporter.print(hostile);
        let result = result(hostile, &forged);
        stage.reporter.result(&result);
        stage
            .reporter
            .summary(&Summary::of(&[result.clone(), result]));
        let all = stage.stdout.read() + &stage.stderr.read();
        assert!(
            !all.contains(['\u{1b}', '\u{0}', '\r']),
            "{mode:?}: {all:?}"
        );
        let framed: Vec<_> = read_lines(&all)
            .iter()
            .filter_map(|line| in_kestra(line))
            .collect();
        if mode == Mode::Kestra {
            assert_eq!(stage.outputs()["summary"]["status"], "failed");
            assert!(
                stage
                    .outputs()
                    .get("status")
                    .is_none_or(|status| status == "failed")
            );
        } else {
            assert!(framed.is_empty(), "{mode:?}: {framed:?}");
        }
    }
}

/// The value with `text` in every string except the four enums.
fn planted_in(value: &Value, text: &str) -> Value {
    let planted = |(name, field): (&String, &Value)| {
        let is_enum = ["status", "sent", "evidence", "matched"].contains(&name.as_str());
        let field = if is_enum {
            field.clone()
        } else {
            planted_in(field, text)
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
    let planted = || format!("before {SECRET} after?sig=INVENTED-other-9876543210&x");
    let clean = serde_json::to_value(result("a", &verdict(Status::Failed))).unwrap();
    let result: RefreshResult = serde_json::from_value(planted_in(&clean, &planted())).unwrap();
    for mode in [Mode::Text, Mode::Json, Mode::Kestra] {
        let stage = stage(mode, Level::Trace);
        stage.redactor.register(&SecretString::from(SECRET));
        stage.reporter.log(Level::Error, &planted());
        stage.reporter.progress(&Update {
            target: &planted(),
            ..update(&planted(), Level::Info)
        });
        stage.reporter.print(&planted());
        stage.reporter.print_json(&json!({planted(): [planted()]}));
        stage.reporter.result(&result);
        stage
            .reporter
            .summary(&Summary::of(&[result.clone(), result.clone()]));
        let all = stage.stdout.read() + &stage.stderr.read();
        assert!(all.contains("***"), "{mode:?}");
        for part in ["INVENTED", "0123456789", "9876543210"] {
            assert!(!all.contains(part), "{mode:?}: {all}");
        }
        assert!(
            !format!("{:?}", stage.reporter).contains("INVENTED"),
            "{mode:?}"
        );
    }
}

#[test]
fn readers_that_are_gone_stop_only_the_output() {
    for mode in [Mode::Text, Mode::Json, Mode::Kestra] {
        let options = ReportOptions {
            threshold: Level::Trace,
            mode,
            color_stdout: true,
            color_stderr: true,
        };
        let (stdout, stderr) = (broken_pipe(), broken_pipe());
        let live = Live::new(stderr.clone(), || 80, SystemClock::shared());
        let reporter = Reporter::new(options, Redactor::new(), stdout.clone(), stderr, Some(live));
        reporter.log(Level::Warn, "w");
        reporter.progress(&update("p", Level::Info));
        let result = result("a", &verdict(Status::Failed));
        reporter.result(&result);
        let summary = Summary::of(std::slice::from_ref(&result));
        reporter.summary(&summary);
        reporter.print("more");
        assert!(stdout.is_closed(), "{mode:?}");
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
                reporter.result(&result(&format!("t{n}"), &verdict(Status::Completed)));
            });
        }
    });
    assert_eq!(stage.outputs()["refreshes"].as_object().unwrap().len(), 8);
}

#[test]
fn a_status_line_is_cleared_before_a_result_is_printed() {
    let (stdout, stderr) = (Paper::default(), Paper::default());
    let options = ReportOptions {
        mode: Mode::Text,
        threshold: Level::Warn,
        color_stdout: false,
        color_stderr: false,
    };
    let live = Live::new(stderr.sink(), || 80, SystemClock::shared());
    let reporter = Reporter::new(
        options,
        Redactor::new(),
        stdout.sink(),
        stderr.sink(),
        Some(live),
    );
    reporter.progress(&update("the run is in progress", Level::Debug));
    assert!(stderr.read().contains("the run is in progress (3 calls)"));
    reporter.result(&result("order_list", &verdict(Status::Completed)));
    assert!(stderr.read().ends_with("\r\u{1b}[2K"));
    assert!(stdout.read().starts_with("completed  order_list "));
}

#[test]
fn an_error_has_its_hint_on_its_own_line_and_forges_no_message() {
    for (mode, expected) in [
        (
            Mode::Text,
            "error: two problems\n  one\n  error: two\nhint: fix both\n",
        ),
        (
            Mode::Kestra,
            "two problems\n  one\n  error: two\nhint: fix both",
        ),
    ] {
        let stage = stage(mode, Level::Error);
        let message = "two problems\none\nerror: two";
        stage.reporter.error(message, "fix\nboth");
        match mode {
            Mode::Kestra => assert_eq!(stage.logs(), [("ERROR".to_owned(), expected.to_owned())]),
            _ => assert_eq!(stage.stderr.read(), expected),
        }
    }
}
