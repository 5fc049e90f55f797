//! `follow-open-runs` and `quota-watch`.

use kestra_engine::Line;
use serde_json::json;
use simulator::world::RefreshType;

use crate::fixture::Fixture;
use crate::fixture::worlds::{model, with_model};
use crate::support::{endless, exhausted_dataflow, flow, world_of};

/// Leaves an open run: its execution is killed while the refresh continues.
fn leave_open(fixture: &Fixture) {
    fixture.load("order-list-pipeline");
    let execution = fixture.start("order_list_pipeline", &json!({}));
    fixture.wait_for_match();
    fixture.kill(&execution);
    fixture.wait_for("the run is open", |fixture| {
        !fixture
            .host_runner(&["audit", "list", "--open"])
            .results
            .is_empty()
    });
}

on_both_lines! {
    fn an_open_run_is_followed_until_it_has_a_verdict(line) {
        let fixture = Fixture::new(line, &endless().item(model()));
        fixture.load(&format!("follow-open-runs.{}", line.suffix()));
        leave_open(&fixture);

        // It is still running: the pass is green, and the run stays open.
        let pass = fixture.succeeds("follow_open_runs", &json!({"patience": "1s"}));
        assert_eq!(pass.output("status"), "followed");
        assert_eq!(fixture.host_runner(&["audit", "list", "--open"]).results.len(), 1);

        fixture.platform.complete("Success");
        fixture.succeeds("follow_open_runs", &json!({}));
        assert_eq!(fixture.runs()[0]["status"], "completed");
        let pass = fixture.run("follow_open_runs", &json!({}));
        assert_eq!(pass.output("status"), "nothing_open", "{:#}", pass.raw());
        assert_eq!(fixture.platform.triggers(), 1, "following triggers nothing");
    }

    fn an_open_run_that_failed_is_red_and_in_the_log(line) {
        let fixture = Fixture::new(line, &endless().item(model()));
        fixture.load(&format!("follow-open-runs.{}", line.suffix()));
        leave_open(&fixture);
        fixture.platform.complete("Failed");
        let pass = fixture.run("follow_open_runs", &json!({}));
        assert_eq!(pass.state(), "FAILED", "{:#}", pass.raw());
        let run = fixture.runs()[0]["run"].as_str().unwrap().to_owned();
        assert_eq!(fixture.runs()[0]["status"], "failed");
        assert!(pass.logged("ERROR").join("\n").contains(&run), "{:?}", pass.logged("ERROR"));
        assert_eq!(fixture.platform.triggers(), 1);
    }

    fn without_an_audit_log_the_pass_is_green_with_a_warning(line) {
        let fixture = Fixture::new(line, &with_model());
        fixture.load(&format!("follow-open-runs.{}", line.suffix()));
        let pass = fixture.succeeds("follow_open_runs", &json!({}));
        assert_eq!(pass.output("status"), "nothing_open");
        assert!(pass.logged("WARN").join("\n").contains("does not exist"));
    }

    fn the_quota_watch_reports_what_the_next_refresh_would_do(line) {
        let fixture = Fixture::new(line, &with_model());
        fixture.load("quota-watch");
        let watch = fixture.succeeds("quota_watch", &json!({}));
        assert_eq!(watch.label("verdict"), "quota_left");
        let plan = watch.task("plan").unwrap();
        assert_eq!(plan.var("plans/order_list/would"), "send");
        assert_eq!(plan.var("plans/order_list/quota/left"), 8);
        assert_eq!(watch.metric("powerbi.refresh.order_list.quota_left"), Some(8.0));
        assert_eq!(fixture.platform.triggers(), 0);
        assert!(fixture.platform.requests_for("model_refresh").is_empty());
    }

    fn an_exhausted_quota_is_a_warning_with_the_next_slot(line) {
        let fixture = Fixture::new(line, &world_of(exhausted_dataflow(RefreshType::OnDemand), flow()).item(model()));
        fixture.load("quota-watch");
        let watch = fixture.run("quota_watch", &json!({}));
        assert_eq!(watch.state(), "WARNING", "{:#}", watch.raw());
        assert_eq!(watch.label("verdict"), "quota_exhausted");
        assert!(watch.output("message").as_str().unwrap().contains("order_list"));
        let plans = watch.logged("INFO").join("\n");
        assert!(plans.contains("next slot 20"), "{plans}");
        assert_eq!(fixture.platform.triggers(), 0);
    }
}
