use super::*;
use crate::report::fixtures::{in_kestra, invocation, read_lines, result, result_of, verdict};
use crate::report::result::{ExitRules, Invocation};
use crate::verdict::Verdict;

/// The outputs of these results.
fn outputs_of(results: &[RefreshResult]) -> Value {
    outputs(results, &Summary::of(results))["outputs"].clone()
}

/// The names of the fields, in their order.
fn names(fields: &Value) -> Vec<&str> {
    fields
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Asserts that the fields of `row` are outputs of their own, and none is null.
#[track_caller]
fn at_top_level(outputs: &Value, row: &Value) {
    for (field, value) in row.as_object().unwrap() {
        assert_eq!(&outputs[field], value, "{field}");
        assert!(!value.is_null(), "{field}");
    }
}

#[track_caller]
fn fits(content: &Value) {
    let length = frame(content).len();
    assert!(length <= OUTPUTS_LIMIT + "::::".len(), "{length}");
}

#[test]
fn a_frame_is_one_line_that_kestras_pattern_matches() {
    let text = "a\nb\r\nc\u{85}d\u{2028}e\u{2029}f\"g\\h::{}::\u{b}\u{c}";
    let frame = frame(&log(Level::Warn, text));
    assert_eq!(read_lines(&frame), [frame.as_str()]);
    assert!(frame.starts_with(r#"::{"logs":[{"level":"WARN","message":"a\nb"#));
    let read = in_kestra(&frame).unwrap();
    assert_eq!(read["logs"][0]["message"], text);
}

#[test]
fn every_character_survives_a_frame() {
    let all: String = ('\0'..=char::MAX).collect();
    let frame = frame(&json!({"outputs": {"all": all}}));
    assert_eq!(read_lines(&frame).len(), 1);
    assert_eq!(in_kestra(&frame).unwrap()["outputs"]["all"], all);
}

#[test]
fn the_pattern_of_the_tests_is_as_strict_as_kestras() {
    for lost in [
        " ::{}::",
        "::{}:: ",
        "\u{feff}::{}::",
        "::{\"a\":\"\u{85}\"}::",
        "::{\"a\":\"\u{2028}\"}::",
        "::{\"a\":\"\u{2029}\"}::",
        "::[]::",
        "::{}:",
    ] {
        assert!(in_kestra(lost).is_none(), "{lost}");
    }
    assert!(in_kestra("::{}::").is_some());
}

#[test]
fn content_that_ends_the_workers_reader_is_left_out() {
    let good = json!({"name": "good", "type": "counter", "value": 1});
    let outputs = json!({"refreshes": {"assets": {"status": "completed"}}});
    let content = json!({
        "assets": {"inputs": []},
        "outputs": outputs,
        "metrics": [
            {"name": "null", "type": "counter", "value": null},
            {"name": "none", "type": "counter"},
            {"name": "text", "type": "timer", "value": "NaN"},
            good,
        ],
    });
    let read = in_kestra(&frame(&content)).unwrap();
    assert_eq!(read, json!({"outputs": outputs, "metrics": [good]}));
    assert_eq!(frame(&Value::Null), "::{}::");
    assert_eq!(frame(&json!(["x"])), "::{}::");
}

#[test]
fn a_long_message_stays_one_entry() {
    let read = in_kestra(&frame(&log(Level::Error, &"x".repeat(100_000)))).unwrap();
    let message = read["logs"][0]["message"].as_str().unwrap();
    assert_eq!(message.chars().count(), LOG_MESSAGE_LIMIT);
}

#[test]
fn one_target_has_its_fields_at_the_top_level_too() {
    let outputs = outputs_of(&[result("order_list", Status::Completed)]);
    let row = &outputs["refreshes"]["order_list"];
    assert_eq!(
        (&row["status"], &row["service_run"]),
        (&json!("completed"), &json!("service-1"))
    );
    assert_eq!(outputs["summary"]["counts"]["completed"], 1);
    at_top_level(&outputs, row);
}

#[test]
fn several_targets_have_none_at_the_top_level() {
    let outputs = outputs_of(&[result("a", Status::Completed), result("b", Status::Failed)]);
    assert_eq!(names(&outputs), ["refreshes", "summary"]);
    assert_eq!(outputs["summary"]["status"], "failed");
    assert_eq!(outputs["summary"]["targets"], json!(["a", "b"]));
}

#[test]
fn without_a_target_there_are_outputs_too() {
    let read = outputs(&[], &Summary::without_targets(Status::Invalid));
    assert_eq!(read["outputs"]["refreshes"], json!({}));
    assert_eq!(read["outputs"]["summary"]["exit_code"], 2);
}

#[test]
fn long_texts_are_truncated_to_fit() {
    let long = |n| {
        let mut result = result(&format!("t{n}"), Status::Failed);
        result.verdict.message = "ä\u{2028}\"".repeat(50_000);
        result.verdict.service_error.activity_id = "x".repeat(10_000);
        result
    };
    let results: Vec<_> = (0..100).map(long).collect();
    let outputs = outputs_of(&results);
    fits(&json!({"outputs": outputs}));
    assert_eq!(names(&outputs["refreshes"]).len(), 100);
    assert_eq!(outputs["summary"]["left_out"], 0);
}

#[test]
fn of_too_many_targets_the_worst_are_kept_and_the_rest_is_counted() {
    let good = |n| result(&format!("t{n}"), Status::Completed);
    let mut results: Vec<_> = (0..1000).map(good).collect();
    results.push(result("bad", Status::Failed));
    let outputs = outputs_of(&results);
    fits(&json!({"outputs": outputs}));
    let kept = names(&outputs["refreshes"]);
    assert!(kept.contains(&"bad"));
    assert_eq!(outputs["summary"]["left_out"], 1001 - kept.len());
    assert_eq!(outputs["summary"]["counts"]["completed"], 1000);
}

/// A metric of a target with the kind `power-automate`.
fn metric_of(form: &str, name: &str, target: &str, value: impl Into<Value>) -> Value {
    metric(form, name, &value.into(), target, "power-automate")
}

#[test]
fn metrics_are_timers_in_seconds_and_counters_with_the_same_tags() {
    let expected = json!([
        metric_of("counter", "http_calls", "a", 7),
        metric_of("counter", "completed", "a", 1),
        metric_of("timer", "duration", "a", 252.0),
        metric_of("timer", "a.duration", "a", 252.0),
    ]);
    let read = metrics(&result("a", Status::Completed));
    assert_eq!(read["metrics"], expected);
    let name = "powerbi.refresh.a.duration";
    let tags = json!({"target": "a", "kind": "power-automate"});
    let plain = json!({"type": "timer", "name": name, "value": 252.0, "tags": tags});
    assert_eq!(expected[3], plain);
}

#[test]
fn a_replayed_result_is_counted_no_more_and_an_unknown_duration_is_not_zero() {
    let mut replayed = result("a", Status::Skipped);
    replayed.replayed = true;
    replayed.verdict.quota.limit = 8;
    (replayed.verdict.started_at, replayed.verdict.ended_at) = Default::default();
    let none = metric_of("counter", "http_calls", "a", 0);
    assert_eq!(metrics(&replayed), json!({"metrics": [none]}));
    let nothing = Verdict::not_sent(Status::Denied, "", "", "");
    let unknown = RefreshResult::new(&nothing, &Invocation::default(), &ExitRules::default());
    let all = metrics(&unknown)["metrics"].as_array().unwrap().clone();
    assert!(all.iter().all(|metric| metric["type"] == "counter"));
}

#[test]
fn the_log_level_follows_the_outcome() {
    let rules = |require_completed, zero_on: &[Status]| ExitRules {
        require_completed,
        zero_on: zero_on.to_vec(),
    };
    let usual = rules(false, &[]);
    let strict = rules(true, &[]);
    let lenient = rules(false, &[Status::Unknown]);
    for (rules, status, level) in [
        (&usual, Status::Completed, Level::Info),
        (&usual, Status::Accepted, Level::Info),
        (&usual, Status::Skipped, Level::Warn),
        (&usual, Status::Failed, Level::Error),
        (&usual, Status::Unknown, Level::Error),
        (&usual, Status::Denied, Level::Error),
        (&usual, Status::Interrupted, Level::Error),
        (&strict, Status::Accepted, Level::Error),
        (&lenient, Status::Unknown, Level::Warn),
    ] {
        let result = RefreshResult::new(&verdict(status), &invocation("a"), rules);
        assert_eq!(result_level(&result), level, "{status:?}");
    }
}

/// A result with 5 of 8 refreshes left.
fn with_quota(target: &str) -> RefreshResult {
    let mut counted = verdict(Status::Completed);
    (counted.quota.limit, counted.quota.left) = (8, 5);
    result_of(target, &counted)
}

#[test]
fn the_rest_of_a_quota_is_a_gauge() {
    let read = metrics(&with_quota("a"));
    assert_eq!(
        read["metrics"][4],
        metric_of("gauge", "a.quota_left", "a", 5)
    );
    let read = metrics(&result("a", Status::Completed));
    assert_eq!(read["metrics"].as_array().unwrap().len(), 4);
}

fn plan(name: &str, limit: u64, left: u64) -> Value {
    json!({
        "target": name, "dry_run": true, "would": "send", "code": "", "retry_at": "",
        "quota": {"limit": limit, "counted": limit - left, "left": left, "next_slot": ""},
        "request": {"method": "POST", "url": "https://h/x", "headers": {}, "body": "{}"},
        "running": {"id": ""}, "newest": {"id": "r"},
    })
}

#[test]
fn a_plan_is_an_output_under_its_name_and_alone_at_the_top_level_too() {
    let outputs = &plans(&[plan("a", 8, 5)], true)["outputs"];
    assert_eq!(outputs["plans"]["a"]["would"], "send");
    at_top_level(outputs, &outputs["plans"]["a"]);
    let outputs = &plans(&[plan("a", 8, 5), plan("b", 0, 0)], false)["outputs"];
    assert_eq!(names(outputs), ["plans"]);
    assert_eq!(outputs["plans"]["b"]["target"], "b");
}

#[test]
fn a_plan_with_a_quota_has_a_gauge() {
    let gauge = metric_of("gauge", "a.quota_left", "a", 5);
    let read = plan_metrics("power-automate", &plan("a", 8, 5));
    assert_eq!(read, Some(json!({"metrics": [gauge]})));
    assert_eq!(plan_metrics("dataflow", &plan("a", 0, 0)), None);
}

#[test]
fn a_huge_plan_is_truncated_and_keeps_its_short_texts() {
    let mut big = plan("a", 8, 5);
    big["request"]["body"] = "x".repeat(2 * OUTPUTS_LIMIT).into();
    let read = plans(&[big], true);
    fits(&read);
    assert_eq!(read["outputs"]["would"], "send");
    let request = &read["outputs"]["plans"]["a"]["request"];
    assert_eq!(request["url"], "https://h/x");
    assert!(request["body"].as_str().unwrap().ends_with('…'));
}

#[test]
fn listed_runs_are_outputs_with_their_ids() {
    let rows = [
        json!({"run": "r2", "status": "unknown"}),
        json!({"run": "r1", "status": "completed"}),
    ];
    let expected = json!({"runs": rows, "run_ids": ["r2", "r1"], "count": 2, "left_out": 0});
    assert_eq!(listed_runs(&rows)["outputs"], expected);
    let none = json!({"runs": [], "run_ids": [], "count": 0, "left_out": 0});
    assert_eq!(listed_runs(&[])["outputs"], none);
}

#[test]
fn of_too_many_runs_the_newest_are_kept() {
    let row = |n| json!({"run": format!("{n:036}"), "message": "m".repeat(300)});
    let read = listed_runs(&(0..5_000).map(row).collect::<Vec<_>>());
    fits(&read);
    let outputs = &read["outputs"];
    let kept = outputs["count"].as_u64().unwrap();
    assert!(kept > 100, "{kept}");
    assert_eq!(kept + outputs["left_out"].as_u64().unwrap(), 5_000);
    assert_eq!(outputs["run_ids"][0], format!("{:036}", 0));
}

const NANOS: &str = "1795421737000000123";

fn translated(otlp: &Otlp, plain: &Value) -> Value {
    let now = "2026-11-23T08:15:37.000000123Z".parse().unwrap();
    in_kestra(&frame(&otlp.translate(plain, now))).unwrap()
}

#[test]
fn a_log_entry_has_its_own_time_and_the_severity_of_its_level() {
    for (level, number) in [
        (Level::Trace, 1),
        (Level::Debug, 5),
        (Level::Info, 9),
        (Level::Warn, 13),
        (Level::Error, 17),
    ] {
        let read = translated(&Otlp::default(), &log(level, "line one\nline two"));
        // As a plain entry it would be shown twice.
        assert_eq!(names(&read), ["otlp"]);
        let logs = &read["otlp"]["resourceLogs"][0];
        let expected = json!({
            "timeUnixNano": NANOS,
            "severityNumber": number,
            "severityText": level.kestra(),
            "body": {"stringValue": "line one\nline two"},
        });
        assert_eq!(logs["scopeLogs"][0]["logRecords"], json!([expected]));
        let service = attribute("service.name", "host-runner");
        assert_eq!(logs["resource"]["attributes"][0], service);
    }
}

#[test]
fn log_entries_belong_to_the_trace() {
    let trace = Trace::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").ok();
    let read = translated(&Otlp { trace }, &log(Level::Info, "x"));
    let record = &read["otlp"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(record["spanId"], "00f067aa0ba902b7");
}

#[test]
fn counters_are_delta_sums_gauges_are_gauges_and_timers_stay_timers() {
    let read = translated(&Otlp::default(), &metrics(&with_quota("a")));
    let timers = json!([
        metric_of("timer", "duration", "a", 252.0),
        metric_of("timer", "a.duration", "a", 252.0),
    ]);
    assert_eq!(read["metrics"], timers);
    let attributes = [
        attribute("kind", "power-automate"),
        attribute("target", "a"),
    ];
    // An int64 is text in OTLP/JSON.
    let points =
        |number: &str| json!([{"timeUnixNano": NANOS, "attributes": attributes, "asInt": number}]);
    let sum = |number| json!({"dataPoints": points(number), "aggregationTemporality": 1, "isMonotonic": true});
    let expected = json!([
        {"name": "powerbi.refresh.http_calls", "sum": sum("7")},
        {"name": "powerbi.refresh.completed", "sum": sum("1")},
        {"name": "powerbi.refresh.a.quota_left", "gauge": {"dataPoints": points("5")}},
    ]);
    let scope = &read["otlp"]["resourceMetrics"][0]["scopeMetrics"][0];
    assert_eq!(scope["metrics"], expected);
}

#[test]
fn outputs_stay_as_they_are() {
    let plain = json!({"outputs": {"status": "completed"}});
    assert_eq!(translated(&Otlp::default(), &plain), plain);
}
