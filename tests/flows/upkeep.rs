//! Flows that look after others: what is open is followed, what is used up is known.

use kestra_engine::Line;
use serde_json::json;
use simulator::world::{Item, RefreshType, World};
use uuid::{Uuid, uuid};

use crate::stage::Stage;
use crate::support::{WORKSPACE, dataflow, flow, world_of};

const MODEL: Uuid = uuid!("55555555-5555-5555-5555-555555555555");

fn world_with(dataflow: Item) -> World {
    world_of(dataflow, flow()).item(Item::semantic_model(WORKSPACE, MODEL, "Sales"))
}

/// Leaves a run behind whose end nobody knows: its execution is killed while it goes on.
fn leave_open(stage: &Stage) {
    stage.load("order-list-pipeline");
    let execution = stage.begin("order_list_pipeline", &Stage::ids());
    stage.until_matched();
    stage.kill(&execution);
    stage.eventually("its run is open", |stage| {
        !stage
            .host_runner(&["audit", "list", "--open"])
            .results
            .is_empty()
    });
}

on_both_lines! {
    fn an_open_run_is_followed_until_it_has_a_verdict_and_then_nothing_is_open(line) {
        let stage = Stage::new(line, &world_with(dataflow().run_ms(3_600_000)));
        stage.shared_configuration();
        stage.load(&format!("follow-open-runs.{}", line.suffix()));
        leave_open(&stage);

        // It still goes on: the pass is green and leaves it for the next.
        let pass = stage.run("follow_open_runs", &json!({"patience": "1s"}));
        assert_eq!(pass.state(), "SUCCESS", "{:#}", pass.raw());
        assert_eq!(pass.output("status"), "followed");
        assert_eq!(stage.host_runner(&["audit", "list", "--open"]).results.len(), 1);

        stage.platform.complete("Success");
        let pass = stage.run("follow_open_runs", &json!({}));
        assert_eq!(pass.state(), "SUCCESS", "{:#}", pass.raw());
        assert_eq!(stage.runs()[0]["status"], "completed");
        let pass = stage.run("follow_open_runs", &json!({}));
        assert_eq!(pass.output("status"), "nothing_open", "{:#}", pass.raw());
        assert_eq!(stage.platform.triggers(), 1, "nothing is triggered by following");
    }

    fn an_open_run_that_ended_badly_turns_the_pass_red_and_is_named(line) {
        let stage = Stage::new(line, &world_with(dataflow().run_ms(3_600_000)));
        stage.shared_configuration();
        stage.load(&format!("follow-open-runs.{}", line.suffix()));
        leave_open(&stage);
        stage.platform.complete("Failed");
        let pass = stage.run("follow_open_runs", &json!({}));
        assert_eq!(pass.state(), "FAILED", "{:#}", pass.raw());
        let run = stage.runs()[0]["run"].as_str().unwrap().to_owned();
        assert_eq!(stage.runs()[0]["status"], "failed");
        assert!(pass.logged("ERROR").join("\n").contains(&run), "{:?}", pass.logged("ERROR"));
        assert_eq!(stage.platform.triggers(), 1);
    }

    fn a_pass_before_anything_was_refreshed_is_green_and_says_that_there_is_no_record(line) {
        let stage = Stage::new(line, &world_with(dataflow()));
        stage.shared_configuration();
        stage.load(&format!("follow-open-runs.{}", line.suffix()));
        let pass = stage.run("follow_open_runs", &json!({}));
        assert_eq!(pass.state(), "SUCCESS", "{:#}", pass.raw());
        assert_eq!(pass.output("status"), "nothing_open");
        assert!(pass.logged("WARN").join("\n").contains("does not exist"));
    }

    fn the_quota_watch_says_what_the_next_run_would_find_and_triggers_nothing(line) {
        let stage = Stage::new(line, &world_with(dataflow()));
        stage.shared_configuration();
        stage.load("quota-watch");
        let watch = stage.run("quota_watch", &json!({}));
        assert_eq!(watch.state(), "SUCCESS", "{:#}", watch.raw());
        assert_eq!(watch.label("verdict"), "quota_left");
        let look = watch.task("look").unwrap();
        assert_eq!(look.var("plans/order_list/would"), "send");
        assert_eq!(look.var("plans/order_list/quota/left"), 8);
        assert_eq!(watch.metric("powerbi.refresh.order_list.quota_left"), Some(8.0));
        assert_eq!(stage.platform.triggers(), 0);
        assert!(stage.platform.requests_for("model_refresh").is_empty());
    }

    fn a_used_up_quota_is_a_warning_with_the_next_slot_before_anything_fails(line) {
        let mut full = dataflow();
        for hours in 1..=8_u64 {
            full = full.past_run(hours * 2 * 3600, 240, RefreshType::OnDemand, "Success");
        }
        let stage = Stage::new(line, &world_with(full));
        stage.shared_configuration();
        stage.load("quota-watch");
        let watch = stage.run("quota_watch", &json!({}));
        assert_eq!(watch.state(), "WARNING", "{:#}", watch.raw());
        assert_eq!(watch.label("verdict"), "quota_exhausted");
        assert!(watch.output("message").as_str().unwrap().contains("order_list"));
        let plans = watch.logged("INFO").join("\n");
        assert!(plans.contains("next slot 20"), "{plans}");
        assert_eq!(stage.platform.triggers(), 0);
    }
}
