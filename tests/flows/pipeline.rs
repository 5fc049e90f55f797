//! The pipeline, run to its end.

use kestra_engine::{Execution, Line};
use serde_json::json;
use simulator::world::{RefreshType, World};

use crate::fixture::Fixture;
use crate::support::{CLIENT_SECRET, SIG, exhausted_dataflow, flow, world, world_of};

/// Runs the pipeline with these services.
fn ran(line: Line, world: &World) -> (Fixture, Execution) {
    let fixture = Fixture::new(line, world);
    // Without its quota, so that a refresh that the service will not start is sent.
    fixture.configure(&[(
        "quota: {limit: 8, count: [on_demand, scheduled], mode: block}",
        "# no quota",
    )]);
    fixture.load("order-list-pipeline");
    let execution = fixture.run("order_list_pipeline", &json!({}));
    (fixture, execution)
}

fn assert_no_secret_in(execution: &Execution) {
    let text = execution.raw().to_string();
    for secret in [SIG, CLIENT_SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
}

on_both_lines! {
    fn a_completed_refresh_is_green_with_outputs_label_metrics_and_log(line) {
        let (fixture, execution) = ran(line, &world());
        assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
        assert_eq!(
            execution.tasks(),
            ["extract", "transform", "load", "refresh", "label_verdict"]
        );
        assert_eq!(execution.output("status"), "completed");
        assert_eq!(execution.label("verdict"), "completed");
        let refresh = execution.task("refresh").unwrap();
        assert_eq!(refresh.exit_code(), 0);
        assert_eq!(refresh.var("refreshes/order_list/status"), "completed");
        assert_eq!(refresh.var("summary/exit_code"), 0);
        assert_eq!(refresh.var("idempotency_key"), refresh.id());
        assert_eq!(refresh.var("matched"), "inferred");
        // As the service reports it.
        let service_run = refresh.var("service_run");
        assert!(fixture.platform.completed_runs().iter().any(|run| service_run == run.as_str()));
        // A timer is stored in milliseconds.
        let took = refresh.var("duration_ms").as_f64().unwrap();
        let timer = execution.metric("powerbi.refresh.duration").unwrap();
        assert!((timer - took).abs() < 1.0, "{timer} ms is not {took} ms");
        assert_eq!(execution.metric("powerbi.refresh.completed"), Some(1.0));
        assert_eq!(
            execution.metrics("powerbi.refresh.completed")[0]["tags"],
            json!({"target": "order_list", "kind": "power-automate"})
        );
        assert_eq!(
            execution.metric("powerbi.refresh.http_calls"),
            refresh.var("http_calls").as_f64()
        );
        for level in ["ERROR", "WARN"] {
            assert_eq!(execution.logged(level), [""; 0]);
        }
        assert_eq!(fixture.platform.triggers(), 1);
        let kinds = fixture.event_kinds();
        assert_eq!(kinds[..3], ["intent", "triggered", "observed"]);
        assert_eq!(kinds.last().unwrap(), "outcome");
        assert_no_secret_in(&execution);
    }

    fn a_refresh_that_never_starts_is_red_and_names_the_likely_cause(line) {
        let full = exhausted_dataflow(RefreshType::Scheduled).never_starting();
        let (fixture, execution) = ran(line, &world_of(full, flow()));
        assert_eq!(execution.state(), "FAILED");
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((refresh.state(), refresh.exit_code()), ("FAILED", 12));
        assert_eq!(refresh.var("status"), "unknown");
        assert_eq!(refresh.var("likely_cause"), "dataflow_daily_limit");
        assert_ne!(refresh.var("retry_at"), "");
        assert_eq!(execution.label("verdict"), "unknown");
        assert_eq!(execution.metric("powerbi.refresh.unknown"), Some(1.0));
        let errors = execution.logged("ERROR").join("\n");
        assert!(errors.contains("daily limit"), "{errors}");
        assert!(
            errors.contains("ended in unknown (exit code 12)"),
            "{errors}"
        );
        assert_eq!(fixture.runs()[0]["status"], "unknown");
        assert_eq!(fixture.platform.triggers(), 1);
        assert_no_secret_in(&execution);
    }

    fn a_rejected_sign_in_is_red_without_a_trigger(line) {
        let mut refused = world();
        refused.tenants.values_mut().for_each(|tenant| tenant.clients[0].secret_expired = true);
        let (fixture, execution) = ran(line, &refused);
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("FAILED", 14));
        assert_eq!(refresh.var("sent"), "no");
        assert_eq!(fixture.platform.triggers(), 0);
        assert_no_secret_in(&execution);
    }

    fn a_failed_task_before_the_refresh_stops_the_pipeline(line) {
        let fixture = Fixture::new(line, &world());
        let text = crate::shipped::flow("order-list-pipeline");
        assert!(text.contains("- test -s sorted.csv"));
        fixture.load_text(&text.replace("- test -s sorted.csv", "- test -s nothing.csv"));
        let execution = fixture.run("order_list_pipeline", &json!({}));
        assert_eq!(execution.state(), "FAILED");
        assert!(execution.task("refresh").is_none());
        assert_eq!(execution.label("verdict"), "none");
        assert_eq!(fixture.platform.triggers(), 0);
        assert!(execution.logged("ERROR").join("\n").contains("no verdict"));
    }
}
