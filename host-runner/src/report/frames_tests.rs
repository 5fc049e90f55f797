use super::*;
use crate::report::fixtures::{in_kestra, invocation, read_lines, verdict};
use crate::report::result::{ExitRules, Invocation};

fn result(name: &str, status: Status) -> RefreshResult {
    RefreshResult::new(&verdict(status), &invocation(name), &ExitRules::default())
}

#[test]
fn a_frame_is_one_line_that_kestras_pattern_matches() {
    let text = "a\nb\r\nc\u{85}d\u{2028}e\u{2029}f\"g\\h::{}::\u{b}\u{c}";
    let frame = frame(&log(Level::Warn, text));
    assert_eq!(read_lines(&frame), [frame.as_str()]);
    let read = in_kestra(&frame).unwrap();
    assert_eq!(read["logs"][0]["level"], "WARN");
    assert_eq!(read["logs"][0]["message"], text);
}

#[test]
fn a_log_frame_looks_like_this() {
    assert_eq!(
        frame(&log(Level::Info, "next\u{2028}line")),
        r#"::{"logs":[{"level":"INFO","message":"next\u2028line"}]}::"#
    );
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
    let content = json!({
        "assets": {"inputs": []},
        "outputs": {"refreshes": {"assets": {"status": "completed"}}},
        "metrics": [
            {"name": "null", "type": "counter", "value": null},
            {"name": "none", "type": "counter"},
            {"name": "text", "type": "timer", "value": "NaN"},
            {"name": "good", "type": "counter", "value": 1},
        ],
    });
    let read = in_kestra(&frame(&content)).unwrap();
    assert!(read.get("assets").is_none());
    assert_eq!(
        read["outputs"]["refreshes"]["assets"]["status"], "completed",
        "a target's name is fine"
    );
    assert_eq!(read["metrics"].as_array().unwrap().len(), 1);
    assert_eq!(frame(&Value::Null), "::{}::");
    assert_eq!(frame(&json!(["x"])), "::{}::");
}

#[test]
fn a_long_message_stays_one_entry() {
    let read = in_kestra(&frame(&log(Level::Error, &"x".repeat(100_000)))).unwrap();
    assert_eq!(
        read["logs"][0]["message"].as_str().unwrap().chars().count(),
        LOG_MESSAGE_LIMIT
    );
}

#[test]
fn one_target_has_its_fields_at_the_top_level_too() {
    let results = [result("order_list", Status::Completed)];
    let read = outputs(&results, &Summary::of(&results));
    let outputs = &read["outputs"];
    assert_eq!(outputs["status"], "completed");
    assert_eq!(
        outputs["refreshes"]["order_list"]["service_run"],
        "service-1"
    );
    assert_eq!(outputs["summary"]["counts"]["completed"], 1);
    for (field, value) in outputs["refreshes"]["order_list"].as_object().unwrap() {
        assert_eq!(&outputs[field], value, "{field}");
        assert!(!value.is_null(), "{field}");
    }
}

#[test]
fn several_targets_have_none_at_the_top_level() {
    let results = [result("a", Status::Completed), result("b", Status::Failed)];
    let read = outputs(&results, &Summary::of(&results));
    let outputs = read["outputs"].as_object().unwrap();
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["refreshes", "summary"]);
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
    let results: Vec<_> = (0..100)
        .map(|n| {
            let mut result = result(&format!("t{n}"), Status::Failed);
            result.verdict.message = "ä\u{2028}\"".repeat(50_000);
            result.verdict.service_error.activity_id = "x".repeat(10_000);
            result
        })
        .collect();
    let read = outputs(&results, &Summary::of(&results));
    assert!(frame(&read).len() <= OUTPUTS_LIMIT + "::::".len());
    assert_eq!(read["outputs"]["refreshes"].as_object().unwrap().len(), 100);
    assert_eq!(read["outputs"]["summary"]["left_out"], 0);
    assert!(frame(&outputs_so_far(&results)).len() <= OUTPUTS_LIMIT + "::::".len());
}

#[test]
fn of_too_many_targets_the_worst_are_kept_and_the_rest_is_counted() {
    let mut results: Vec<_> = (0..1000)
        .map(|n| result(&format!("t{n}"), Status::Completed))
        .collect();
    results.push(result("bad", Status::Failed));
    let read = outputs(&results, &Summary::of(&results));
    assert!(frame(&read).len() <= OUTPUTS_LIMIT + "::::".len());
    let refreshes = read["outputs"]["refreshes"].as_object().unwrap();
    assert!(refreshes.contains_key("bad"));
    assert_eq!(
        read["outputs"]["summary"]["left_out"],
        1001 - refreshes.len()
    );
    assert_eq!(read["outputs"]["summary"]["counts"]["completed"], 1000);
}

#[test]
fn metrics_are_timers_in_seconds_and_counters_with_the_same_tags() {
    let read = metrics(&result("order_list", Status::Completed));
    let tags = json!({"target": "order_list", "kind": "power-automate"});
    let metric = |kind: &str, name: &str, value: Value| json!({"type": kind, "name": name, "value": value, "tags": tags});
    let expected = json!([
        metric("counter", "powerbi.refresh.http_calls", json!(7)),
        metric("counter", "powerbi.refresh.completed", json!(1)),
        metric("timer", "powerbi.refresh.duration", json!(252.0)),
        metric("timer", "powerbi.refresh.order_list.duration", json!(252.0)),
    ]);
    assert_eq!(read["metrics"], expected);
}

#[test]
fn a_replayed_result_is_not_counted_again() {
    let mut replayed = invocation("a");
    replayed.replayed = true;
    let result = RefreshResult::new(
        &verdict(Status::Completed),
        &replayed,
        &ExitRules::default(),
    );
    let read = metrics(&result);
    let find = |name: &str| {
        read["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|metric| metric["name"] == name)
    };
    assert!(find("powerbi.refresh.completed").is_none());
    assert_eq!(find("powerbi.refresh.http_calls").unwrap()["value"], 0);
}

#[test]
fn an_unknown_duration_is_not_measured_as_zero() {
    let mut silent = verdict(Status::Denied);
    (silent.started_at, silent.ended_at) = (String::new(), String::new());
    let result = RefreshResult::new(&silent, &Invocation::default(), &ExitRules::default());
    let read = metrics(&result);
    assert!(
        read["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .all(|metric| metric["type"] == "counter")
    );
}

#[test]
fn the_log_level_follows_the_outcome() {
    let rules = |require_completed, zero_on: &[Status]| ExitRules {
        require_completed,
        zero_on: zero_on.to_vec(),
    };
    let level = |status, rules: &ExitRules| {
        result_level(&RefreshResult::new(
            &verdict(status),
            &invocation("a"),
            rules,
        ))
    };
    let usual = rules(false, &[]);
    assert_eq!(level(Status::Completed, &usual), Level::Info);
    assert_eq!(level(Status::Accepted, &usual), Level::Info);
    assert_eq!(level(Status::Skipped, &usual), Level::Warn);
    for status in [
        Status::Failed,
        Status::Unknown,
        Status::Denied,
        Status::Interrupted,
    ] {
        assert_eq!(level(status, &usual), Level::Error, "{status:?}");
    }
    assert_eq!(level(Status::Accepted, &rules(true, &[])), Level::Error);
    assert_eq!(
        level(Status::Unknown, &rules(false, &[Status::Unknown])),
        Level::Warn
    );
}

#[test]
fn the_rest_of_a_quota_is_a_gauge_if_it_was_counted_now() {
    let mut counted = result("order_list", Status::Skipped);
    let gauge = |result: &RefreshResult| {
        let read = metrics(result);
        let all = read["metrics"].as_array().unwrap().clone();
        all.into_iter().find(|metric| metric["type"] == "gauge")
    };
    assert_eq!(gauge(&counted), None);
    counted.verdict.quota.limit = 8;
    counted.verdict.quota.left = 3;
    let metric = gauge(&counted).unwrap();
    assert_eq!(metric["name"], "powerbi.refresh.order_list.quota_left");
    assert_eq!(metric["value"], 3);
    counted.replayed = true;
    assert_eq!(gauge(&counted), None);
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
    let read = plans(&[plan("a", 8, 5)], true);
    let outputs = &read["outputs"];
    assert_eq!(outputs["plans"]["a"]["would"], "send");
    for (field, value) in outputs["plans"]["a"].as_object().unwrap() {
        assert_eq!(&outputs[field], value, "{field}");
    }
    let read = plans(&[plan("a", 8, 5), plan("b", 0, 0)], false);
    let outputs = read["outputs"].as_object().unwrap();
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["plans"]);
    assert_eq!(outputs["plans"]["b"]["target"], "b");
}

#[test]
fn a_plan_with_a_quota_has_a_gauge() {
    let read = plan_metrics("dataflow", &plan("a", 8, 5)).unwrap();
    assert_eq!(
        read["metrics"],
        json!([{
            "type": "gauge", "name": "powerbi.refresh.a.quota_left", "value": 5,
            "tags": {"target": "a", "kind": "dataflow"},
        }])
    );
    assert_eq!(plan_metrics("dataflow", &plan("a", 0, 0)), None);
}

#[test]
fn a_huge_plan_is_truncated_and_keeps_its_short_texts() {
    let mut big = plan("a", 8, 5);
    big["request"]["body"] = "x".repeat(2 * OUTPUTS_LIMIT).into();
    let frame = frame(&plans(&[big], true));
    assert!(frame.len() <= OUTPUTS_LIMIT + 4, "{}", frame.len());
    let read = in_kestra(&frame).unwrap();
    assert_eq!(read["outputs"]["would"], "send");
    assert_eq!(
        read["outputs"]["plans"]["a"]["request"]["url"],
        "https://h/x"
    );
    assert!(
        read["outputs"]["request"]["body"]
            .as_str()
            .unwrap()
            .ends_with('…')
    );
}

#[test]
fn listed_runs_are_outputs_with_their_ids() {
    let rows = [
        json!({"run": "r2", "status": "unknown"}),
        json!({"run": "r1", "status": "completed"}),
    ];
    let read = listed_runs(&rows);
    assert_eq!(
        read["outputs"],
        json!({"runs": rows, "run_ids": ["r2", "r1"], "count": 2, "left_out": 0})
    );
    assert_eq!(
        listed_runs(&[])["outputs"],
        json!({"runs": [], "run_ids": [], "count": 0, "left_out": 0})
    );
}

#[test]
fn of_too_many_runs_the_newest_are_kept() {
    let rows: Vec<Value> = (0..5_000)
        .map(|n| json!({"run": format!("{n:036}"), "message": "m".repeat(300)}))
        .collect();
    let read = listed_runs(&rows);
    assert!(frame(&read).len() <= OUTPUTS_LIMIT + 4);
    let outputs = &read["outputs"];
    let kept = outputs["count"].as_u64().unwrap();
    assert!(kept > 100, "{kept}");
    assert_eq!(kept + outputs["left_out"].as_u64().unwrap(), 5_000);
    assert_eq!(outputs["run_ids"][0], format!("{:036}", 0));
}

const NOW: &str = "2026-11-23T08:15:37.000000123Z";
const NANOS: &str = "1795421737000000123";

fn translated(otlp: &Otlp, plain: &Value) -> Value {
    in_kestra(&frame(&otlp.translate(plain, NOW.parse().unwrap()))).unwrap()
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
        assert!(
            read.get("logs").is_none(),
            "otherwise it would be shown twice"
        );
        let logs = &read["otlp"]["resourceLogs"][0];
        let record = &logs["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["timeUnixNano"], NANOS);
        assert_eq!(record["severityNumber"], number);
        assert_eq!(record["severityText"], level.kestra());
        assert_eq!(record["body"]["stringValue"], "line one\nline two");
        assert!(record.get("traceId").is_none());
        let service = &logs["resource"]["attributes"][0];
        assert_eq!(service["key"], "service.name");
        assert_eq!(service["value"]["stringValue"], "host-runner");
    }
}

#[test]
fn log_entries_belong_to_the_trace() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let otlp = Otlp {
        trace: Trace::parse(trace).ok(),
    };
    let read = translated(&otlp, &log(Level::Info, "x"));
    let record = &read["otlp"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(record["spanId"], "00f067aa0ba902b7");
}

#[test]
fn counters_are_delta_sums_gauges_are_gauges_and_timers_stay_timers() {
    let mut counted = verdict(Status::Completed);
    counted.quota = crate::verdict::Quota {
        limit: 8,
        counted: 3,
        left: 5,
        ..crate::verdict::Quota::default()
    };
    let result = RefreshResult::new(&counted, &invocation("a"), &ExitRules::default());
    let read = translated(&Otlp::default(), &metrics(&result));
    let plain: Vec<&str> = read["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| {
            assert_eq!(metric["type"], "timer");
            metric["name"].as_str().unwrap()
        })
        .collect();
    assert_eq!(
        plain,
        ["powerbi.refresh.duration", "powerbi.refresh.a.duration"]
    );
    let all = read["otlp"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
        .as_array()
        .unwrap();
    let find = |name: &str| all.iter().find(|metric| metric["name"] == name).unwrap();
    let calls = find("powerbi.refresh.http_calls");
    assert_eq!(calls["sum"]["aggregationTemporality"], 1);
    assert_eq!(calls["sum"]["isMonotonic"], true);
    let point = &calls["sum"]["dataPoints"][0];
    assert_eq!(point["asInt"], "7", "int64 is text in OTLP/JSON");
    assert_eq!(point["timeUnixNano"], NANOS);
    let mut tags: Vec<(&str, &str)> = point["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| {
            let text = |value: &'_ Value| value.as_str().unwrap().to_owned().leak() as &str;
            (text(&tag["key"]), text(&tag["value"]["stringValue"]))
        })
        .collect();
    tags.sort_unstable();
    assert_eq!(tags, [("kind", "power-automate"), ("target", "a")]);
    find("powerbi.refresh.completed");
    let left = find("powerbi.refresh.a.quota_left");
    assert_eq!(left["gauge"]["dataPoints"][0]["asInt"], "5");
    assert!(left.get("sum").is_none());
}

#[test]
fn outputs_stay_as_they_are() {
    let plain = json!({"outputs": {"status": "completed"}});
    assert_eq!(translated(&Otlp::default(), &plain), plain);
}
