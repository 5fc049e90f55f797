//! The pipeline of the mission, run to its end: good, refused, unavailable.

use kestra_engine::{Execution, Line};
use serde_json::json;
use simulator::world::{RefreshType, World};

use crate::stage::Stage;
use crate::support::{CLIENT_SECRET, SIG, dataflow, flow, world, world_of};

/// The pipeline on a stage of this world, run to its end.
fn ran(line: Line, world: &World) -> (Stage, Execution) {
    let stage = Stage::new(line, world);
    stage.load("order-list-pipeline");
    let execution = stage.run("order_list_pipeline", &Stage::ids());
    (stage, execution)
}

/// Whatever happens, no secret is to be seen anywhere.
fn no_secret_in(execution: &Execution) {
    let text = execution.raw().to_string();
    for secret in [SIG, CLIENT_SECRET] {
        assert!(!text.contains(secret), "a secret is told: {text}");
    }
}

on_both_lines! {
    fn a_good_refresh_is_green_and_everything_about_it_can_be_read(line) {
        let (stage, execution) = ran(line, &world());
        assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
        assert_eq!(
            execution.tasks(),
            ["extract", "transform", "load", "refresh", "label_the_verdict"]
        );
        assert_eq!(execution.output("status"), "completed");
        assert_eq!(execution.label("verdict"), "completed");
        let refresh = execution.task("refresh").unwrap();
        assert_eq!(refresh.exit_code(), 0);
        assert_eq!(refresh.var("refreshes/order_list/status"), "completed");
        assert_eq!(refresh.var("summary/exit_code"), 0);
        assert_eq!(refresh.var("idempotency_key"), refresh.id());
        assert_eq!(refresh.var("matched"), "inferred");
        // The service's own word, not ours.
        let service_run = refresh.var("service_run");
        assert!(stage.platform.completed_runs().iter().any(|run| service_run == run.as_str()));
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
        assert_eq!(stage.platform.triggers(), 1);
        let kinds = stage.event_kinds();
        assert_eq!(kinds[..3], ["intent", "triggered", "observed"]);
        assert_eq!(kinds.last().unwrap(), "outcome");
        no_secret_in(&execution);
    }

    fn a_refresh_that_was_accepted_and_never_began_is_red_and_names_the_likely_cause(line) {
        let mut full = dataflow().never_starting();
        for hours in 1..=8_u64 {
            full = full.past_run(hours * 2 * 3600, 240, RefreshType::Scheduled, "Success");
        }
        let (stage, execution) = ran(line, &world_of(full, flow()));
        assert_eq!(execution.state(), "FAILED");
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((refresh.state(), refresh.exit_code()), ("FAILED", 12));
        assert_eq!(refresh.var("status"), "unknown");
        assert_eq!(refresh.var("likely_cause"), "dataflow_daily_limit");
        assert_ne!(refresh.var("retry_at"), "");
        assert_eq!(execution.label("verdict"), "unknown");
        assert_eq!(execution.metric("powerbi.refresh.unknown"), Some(1.0));
        let said = execution.logged("ERROR").join("\n");
        assert!(said.contains("daily limit"), "{said}");
        assert!(
            said.contains("ended in unknown (exit code 12)"),
            "`errors:` does not say why: {said}"
        );
        assert_eq!(stage.runs()[0]["status"], "unknown");
        assert_eq!(stage.platform.triggers(), 1);
        no_secret_in(&execution);
    }

    fn a_refused_sign_in_is_red_without_a_trigger(line) {
        let refused = World::new()
            .client(crate::support::TENANT, simulator::world::Client::new(
                crate::support::CLIENT,
                crate::support::OBJECT,
                CLIENT_SECRET,
            ).with_expired_secret())
            .workspace(simulator::world::Workspace::new(crate::support::WORKSPACE, "Data Admin"))
            .item(dataflow())
            .flow(flow());
        let (stage, execution) = ran(line, &refused);
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("FAILED", 14));
        assert_eq!(refresh.var("sent"), "no");
        assert_eq!(stage.platform.triggers(), 0);
        no_secret_in(&execution);
    }

    fn a_step_before_it_that_fails_stops_the_pipeline_before_anything_is_triggered(line) {
        let stage = Stage::new(line, &world());
        let text = crate::shipped::flow("order-list-pipeline");
        assert!(text.contains("- test -s sorted.csv"));
        stage.load_text(&text.replace("- test -s sorted.csv", "- test -s nothing.csv"));
        let execution = stage.run("order_list_pipeline", &Stage::ids());
        assert_eq!(execution.state(), "FAILED");
        assert!(execution.task("refresh").is_none());
        assert_eq!(execution.label("verdict"), "none");
        assert_eq!(stage.platform.triggers(), 0);
        assert!(execution.logged("ERROR").join("\n").contains("no verdict"));
    }
}
