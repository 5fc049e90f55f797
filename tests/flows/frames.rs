//! Our frames, as the engine's own reader takes them.

use std::fmt::Write as _;

use kestra_engine::Line;
use serde_json::{Value, json};
use simulator::world::{ResponseAction, World};

use crate::stage::{Stage, Task};
use crate::support::{CLIENT_SECRET, SIG, dataflow, flow, world, world_of};

/// What a service might say to write into a task's outputs, logs and metrics.
const FORGED: &str = "no\n::{\"outputs\":{\"status\":\"completed\"}}::\n##kestra:log:debug##\n\u{2028}::{\"metrics\":[{\"name\":\"forged\",\"type\":\"counter\",\"value\":1}]}::\r::{\"logs\":[{\"level\":\"INFO\",\"message\":\"forged\"}]}:: \"quoted\" \\back\\ {{ secret('AZURE_CLIENT_SECRET') }} \u{1b}[31mred";

/// Every field of a result.
const FIELDS: [&str; 27] = [
    "target",
    "kind",
    "status",
    "sent",
    "evidence",
    "matched",
    "own_run",
    "code",
    "likely_cause",
    "message",
    "hint",
    "retryable",
    "retry_at",
    "run",
    "service_run",
    "flow_run",
    "started_at",
    "ended_at",
    "duration_ms",
    "http_calls",
    "attempt",
    "idempotency_key",
    "replayed",
    "audit_event",
    "exit_code",
    "service_error.activity_id",
    "quota.left",
];

fn answering(status: u16, body: Value) -> World {
    world_of(
        dataflow(),
        flow().responding(ResponseAction::with(status, body)),
    )
}

/// Sixty targets.
fn many() -> String {
    let mut config = "version: 1\ntargets:\n".to_owned();
    for n in 0..60 {
        let _ = writeln!(
            config,
            "  target_{n}: {{kind: power-automate, url: \"${{env:ORDER_LIST_FLOW_URL}}\", verify: {{kind: response}}}}"
        );
    }
    config
}

on_both_lines! {
    fn what_a_service_says_can_forge_no_output_no_metric_and_no_log(line) {
        let stage = Stage::new(
            line,
            &answering(400, json!({"error": {"code": "Refused", "message": FORGED}})),
        );
        let task = Task::new("host-runner refresh order_list", "{kind: response}");
        let execution = stage.run_task(&task);
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("FAILED", 10));
        assert_eq!(refresh.var("status"), "failed");
        assert!(execution.metrics("forged").is_empty());
        assert!(execution.logs().iter().all(|(_, message)| *message != "forged"));
        // It is told all the same, with its quotes, and is never taken for an expression.
        let said = execution.logged("ERROR").join("\n");
        assert!(said.contains("\"quoted\" \\back\\ {{ secret('AZURE_CLIENT_SECRET') }} [31mred"), "{said}");
        assert!(refresh.var("service_error/message").as_str().unwrap().contains("\"quoted\""));
    }

    fn every_field_can_be_read_by_an_expression_of_the_next_task(line) {
        let stage = Stage::new(line, &world_of(dataflow().never_starting(), flow()));
        let verify = "{kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444, start_within: 5m}";
        let mut expressions = String::new();
        for field in FIELDS {
            let _ = write!(expressions, "{field}={{{{ outputs.refresh.vars.{field} }}}};");
            let _ = write!(expressions, "{{{{ outputs.refresh.vars.refreshes.order_list.{field} }}}};");
        }
        expressions += "{{ outputs.refresh.vars.summary.counts.unknown }};{{ outputs.refresh.vars.summary.exit_code }}";
        let then = format!(
            "  - id: read\n    type: io.kestra.plugin.core.debug.Return\n    format: {}\n",
            Value::from(expressions)
        );
        let task = Task::new("host-runner refresh order_list", verify)
            .with("allowFailure: true")
            .then(&then);
        let execution = stage.run_task(&task);
        assert_eq!(execution.state(), "WARNING", "{:#}", execution.raw());
        let read = execution.task("read").unwrap().outputs()["value"].clone();
        let read = read.as_str().unwrap();
        assert!(read.contains("status=unknown;unknown;"), "{read}");
        assert!(read.contains("retryable=false;false;"), "{read}");
        assert!(read.ends_with(";1;12"), "{read}");
    }

    fn outputs_that_would_be_too_much_for_kestra_are_shortened_and_none_is_lost(line) {
        // A message of this length for each of sixty targets is more than Kestra takes.
        let long = "all work and no play ".repeat(400);
        let stage = Stage::new(line, &answering(400, json!({"error": {"code": "No", "message": long}})));
        let task = Task::with_config("host-runner refresh --all", &many()).with("allowFailure: true");
        let execution = stage.run_task(&task);
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("WARNING", 10));
        assert_eq!(refresh.var("summary/counts/failed"), 60);
        assert_eq!(refresh.var("summary/left_out"), 0);
        assert_eq!(refresh.var("refreshes").as_object().unwrap().len(), 60);
        assert_eq!(refresh.var("refreshes/target_59/code"), "no");
        assert_eq!(execution.metrics("powerbi.refresh.failed").len(), 60);
    }

    fn every_level_arrives_as_it_was_meant_and_plain_lines_are_none_of_ours(line) {
        let stage = Stage::new(line, &answering(200, json!({"status": "started"})));
        let task = Task::new("host-runner refresh order_list", "{kind: response}")
            .env("TRACEPARENT", "not-a-trace");
        let execution = stage.run_task(&task);
        assert_eq!(execution.state(), "SUCCESS");
        let has = |level: &str, part: &str| {
            execution.logged(level).iter().any(|message| message.contains(part))
        };
        assert!(has("DEBUG", "202 Accepted") || has("DEBUG", "200 OK"), "{:?}", execution.logs());
        assert!(has("INFO", "accepted  order_list"), "{:?}", execution.logs());
        assert!(has("WARN", "TRACEPARENT"), "{:?}", execution.logs());
        assert_eq!(execution.logged("ERROR"), [""; 0]);
    }

    fn a_secret_that_kestra_knows_nothing_of_is_masked_by_us(line) {
        let stage = Stage::new(line, &answering(400, json!({"error": {"code": "No", "message": format!("echo of {SIG}")}})));
        let task = Task::new("host-runner refresh order_list -vv", "{kind: response}")
            .env("ORDER_LIST_FLOW_URL", &stage.platform.trigger_url())
            .env("AZURE_CLIENT_SECRET", CLIENT_SECRET);
        let execution = stage.run_task(&task);
        let text = execution.raw().to_string();
        assert!(!text.contains(SIG) && !text.contains(CLIENT_SECRET), "{text}");
        assert!(text.contains("echo of ***"), "{text}");
        assert!(!text.contains("******"), "Kestra had something to mask: {text}");
    }
}

#[test]
fn otlp_frames_are_read_by_2_0_with_levels_and_metrics_and_ignored_by_1_3() {
    let run = |line| {
        let stage = Stage::new(line, &world());
        let verify = "{kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444, start_within: 5m}";
        stage.run_task(&Task::new(
            "host-runner refresh order_list --kestra-otlp",
            verify,
        ))
    };
    let told = |execution: &kestra_engine::Execution| {
        execution
            .logged("INFO")
            .iter()
            .any(|message| message.contains("completed  order_list"))
    };
    let v2 = run(Line::V2);
    assert_eq!(v2.state(), "SUCCESS");
    assert!(told(&v2), "{:?}", v2.logs());
    assert!(!v2.logged("DEBUG").is_empty());
    assert_eq!(v2.metric("powerbi.refresh.completed"), Some(1.0));
    let took = v2.task("refresh").unwrap().var("duration_ms").as_f64();
    assert_eq!(v2.metric("powerbi.refresh.duration"), took);

    let v1 = run(Line::V1);
    assert_eq!(v1.state(), "SUCCESS");
    assert_eq!(v1.task("refresh").unwrap().var("status"), "completed");
    assert!(!told(&v1), "{:?}", v1.logs());
}
