//! Our frames, read by the engine's own parser.

use std::fmt::Write as _;

use kestra_engine::Line;
use serde_json::{Value, json};
use simulator::world::{ResponseAction, World};

use crate::fixture::worlds::never_starting;
use crate::fixture::{Fixture, Task, VERIFY};
use crate::support::{CLIENT_SECRET, SIG, dataflow, flow, world, world_of};

/// A service's text that tries to write into a task's outputs, logs and metrics.
const FORGED: &str = "no\n::{\"outputs\":{\"status\":\"completed\"}}::\n##kestra:log:debug##\n\u{2028}::{\"metrics\":[{\"name\":\"forged\",\"type\":\"counter\",\"value\":1}]}::\r::{\"logs\":[{\"level\":\"INFO\",\"message\":\"forged\"}]}:: \"quoted\" \\back\\ {{ secret('AZURE_CLIENT_SECRET') }} \u{1b}[31mred";

/// Every field of a result.
const FIELDS: &str = "
    target kind status sent evidence matched own_run code likely_cause message hint retryable
    retry_at run service_run flow_run started_at ended_at duration_ms http_calls attempt
    idempotency_key replayed audit_event exit_code service_error.activity_id quota.left
";

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
    fn a_services_text_cannot_forge_outputs_metrics_or_logs(line) {
        let fixture = Fixture::new(
            line,
            &answering(400, json!({"error": {"code": "Refused", "message": FORGED}})),
        );
        let task = Task::new("host-runner refresh order_list", "{kind: response}");
        let execution = fixture.run_task(&task);
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("FAILED", 10));
        assert_eq!(refresh.var("status"), "failed");
        assert!(execution.metrics("forged").is_empty());
        assert!(execution.logs().iter().all(|(_, message)| *message != "forged"));
        // It is logged with its quotes, and never evaluated as an expression.
        let errors = execution.logged("ERROR").join("\n");
        assert!(errors.contains("\"quoted\" \\back\\ {{ secret('AZURE_CLIENT_SECRET') }} [31mred"), "{errors}");
        assert!(refresh.var("service_error/message").as_str().unwrap().contains("\"quoted\""));
    }

    fn the_next_task_can_read_every_field(line) {
        let fixture = Fixture::new(line, &never_starting());
        let mut expressions = String::new();
        for field in FIELDS.split_whitespace() {
            let _ = write!(expressions, "{field}={{{{ outputs.refresh.vars.{field} }}}};");
            let _ = write!(expressions, "{{{{ outputs.refresh.vars.refreshes.order_list.{field} }}}};");
        }
        expressions += "{{ outputs.refresh.vars.summary.counts.unknown }};{{ outputs.refresh.vars.summary.exit_code }}";
        let then = format!(
            "  - id: read\n    type: io.kestra.plugin.core.debug.Return\n    format: {}\n",
            Value::from(expressions)
        );
        let task = Task::new("host-runner refresh order_list", VERIFY)
            .with("allowFailure: true")
            .then(&then);
        let execution = fixture.run_task(&task);
        assert_eq!(execution.state(), "WARNING", "{:#}", execution.raw());
        let read = execution.task("read").unwrap().outputs()["value"].clone();
        let read = read.as_str().unwrap();
        assert!(read.contains("status=unknown;unknown;"), "{read}");
        assert!(read.contains("retryable=false;false;"), "{read}");
        assert!(read.ends_with(";1;12"), "{read}");
    }

    fn outputs_over_kestras_limit_are_shortened_and_none_is_lost(line) {
        // Sixty messages of this length exceed Kestra's limit.
        let long = "all work and no play ".repeat(400);
        let fixture = Fixture::new(line, &answering(400, json!({"error": {"code": "No", "message": long}})));
        let task = Task::with_config("host-runner refresh --all", &many()).with("allowFailure: true");
        let execution = fixture.run_task(&task);
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("WARNING", 10));
        assert_eq!(refresh.var("summary/counts/failed"), 60);
        assert_eq!(refresh.var("summary/left_out"), 0);
        assert_eq!(refresh.var("refreshes").as_object().unwrap().len(), 60);
        assert_eq!(refresh.var("refreshes/target_59/code"), "no");
        assert_eq!(execution.metrics("powerbi.refresh.failed").len(), 60);
    }

    fn every_level_arrives(line) {
        let fixture = Fixture::new(line, &answering(200, json!({"status": "started"})));
        let task = Task::new("host-runner refresh order_list", "{kind: response}")
            .env("TRACEPARENT", "not-a-trace");
        let execution = fixture.run_task(&task);
        assert_eq!(execution.state(), "SUCCESS");
        let has = |level: &str, part: &str| {
            execution.logged(level).iter().any(|message| message.contains(part))
        };
        assert!(has("DEBUG", "202 Accepted") || has("DEBUG", "200 OK"), "{:?}", execution.logs());
        assert!(has("INFO", "accepted  order_list"), "{:?}", execution.logs());
        assert!(has("WARN", "TRACEPARENT"), "{:?}", execution.logs());
        assert_eq!(execution.logged("ERROR"), [""; 0]);
    }

    fn a_secret_that_kestra_does_not_know_is_masked(line) {
        let fixture = Fixture::new(line, &answering(400, json!({"error": {"code": "No", "message": format!("echo of {SIG}")}})));
        let task = Task::new("host-runner refresh order_list -vv", "{kind: response}")
            .env("ORDER_LIST_FLOW_URL", &fixture.platform.trigger_url())
            .env("AZURE_CLIENT_SECRET", CLIENT_SECRET);
        let execution = fixture.run_task(&task);
        let text = execution.raw().to_string();
        assert!(!text.contains(SIG) && !text.contains(CLIENT_SECRET), "{text}");
        assert!(text.contains("echo of ***"), "{text}");
        assert!(!text.contains("******"), "Kestra masked something: {text}");
    }

    fn otlp_frames_are_read(line) {
        let fixture = Fixture::new(line, &world());
        let command = "host-runner refresh order_list --kestra-otlp";
        let execution = fixture.run_task(&Task::new(command, VERIFY));
        assert_eq!(execution.state(), "SUCCESS");
        let results = execution.logged("INFO");
        let is_logged = results.iter().any(|text| text.contains("completed  order_list"));
        assert!(is_logged, "{:?}", execution.logs());
        assert!(!execution.logged("DEBUG").is_empty());
        assert_eq!(execution.metric("powerbi.refresh.completed"), Some(1.0));
        let took = execution.task("refresh").unwrap().var("duration_ms").as_f64();
        assert_eq!(execution.metric("powerbi.refresh.duration"), took);
    }
}
