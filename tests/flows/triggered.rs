//! Flows that something else starts: another flow, a webhook, the clock.

use kestra_engine::Line;
use serde_json::json;
use simulator::world::{Item, RefreshType, World};
use uuid::{Uuid, uuid};

use crate::shipped;
use crate::stage::Stage;
use crate::support::{WORKSPACE, dataflow, flow, world, world_of};

const MODEL: Uuid = uuid!("55555555-5555-5555-5555-555555555555");

fn with_model() -> World {
    world().item(Item::semantic_model(WORKSPACE, MODEL, "Sales"))
}

/// A dataflow whose refreshes of the day are used up.
fn used_up() -> World {
    let mut full = dataflow();
    for hours in 1..=8_u64 {
        full = full.past_run(hours * 2 * 3600, 240, RefreshType::Scheduled, "Success");
    }
    world_of(full, flow()).item(Item::semantic_model(WORKSPACE, MODEL, "Sales"))
}

on_both_lines! {
    fn a_refresh_after_another_flow_starts_when_that_one_succeeded_and_not_when_it_failed(line) {
        let stage = Stage::new(line, &with_model());
        stage.shared_configuration();
        stage.load(&format!("refresh-after.{}", line.suffix()));
        stage.load("order-list-pipeline");
        stage.platform.change_dataflow(json!({"ends": "Failed"}));
        assert_eq!(stage.run("order_list_pipeline", &Stage::ids()).state(), "FAILED");
        stage.platform.change_dataflow(json!({"ends": "Success"}));
        assert_eq!(stage.run("order_list_pipeline", &Stage::ids()).state(), "SUCCESS");
        let after = stage.executions("refresh_after", 1);
        assert_eq!(after.len(), 1, "a failure starts nothing");
        assert_eq!(after[0].state(), "SUCCESS", "{:#}", after[0].raw());
        assert_eq!(after[0].output("status"), "completed");
        assert_eq!(after[0].label("trigger"), "after_order_list");
        assert_eq!(stage.platform.requests_for("model_refresh").len(), 1);
    }

    fn a_webhook_refreshes_what_its_caller_may_name_and_refuses_all_else(line) {
        let stage = Stage::new(line, &with_model());
        stage.shared_configuration();
        stage.secret("REFRESH_WEBHOOK_KEY", "INVENTED-webhook-key");
        stage.load("refresh-webhook");
        assert_eq!(stage.webhook("refresh_webhook", &json!({"target": "sales_model"})), 200);
        let good = &stage.executions("refresh_webhook", 1)[0];
        assert_eq!(good.state(), "SUCCESS", "{:#}", good.raw());
        assert_eq!(good.output("status"), "completed");

        let forged = [
            json!({"target": "nothing_of_ours"}),
            json!({"target": "order_list; touch /tmp/forged"}),
            json!({"target": "{{ secret('AZURE_CLIENT_SECRET') }}"}),
            json!({"target": ["order_list"]}),
            json!({}),
        ];
        for body in &forged {
            stage.webhook("refresh_webhook", body);
        }
        let all = stage.executions("refresh_webhook", 1 + forged.len());
        for refused in all.iter().filter(|one| one.id() != good.id()) {
            assert_eq!(refused.state(), "FAILED", "{:#}", refused.raw());
            assert!(refused.task("refresh").is_none());
            let said = refused.logged("ERROR").join("\n");
            assert!(said.contains("order_list, sales_model"), "{said}");
        }
        assert_eq!(stage.platform.triggers(), 0);
        assert_eq!(stage.platform.requests_for("model_refresh").len(), 1);
    }

    fn a_used_up_quota_is_skipped_green_on_purpose_and_can_be_seen(line) {
        let stage = Stage::new(line, &used_up());
        stage.shared_configuration();
        stage.load("schedule-with-quota");
        let execution = stage.run("schedule_with_quota", &json!({}));
        assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
        let refresh = execution.task("refresh").unwrap();
        assert_eq!(refresh.exit_code(), 0);
        assert_eq!(refresh.var("status"), "skipped");
        assert_eq!(refresh.var("code"), "quota_exhausted");
        assert_ne!(refresh.var("retry_at"), "");
        assert_eq!(execution.label("verdict"), "skipped");
        assert!(execution.logged("WARN").join("\n").contains("Nothing was refreshed"));
        assert_eq!(execution.metric("powerbi.refresh.order_list.quota_left"), Some(0.0));
        assert_eq!(execution.metric("powerbi.refresh.skipped"), Some(1.0));
        assert_eq!(stage.platform.triggers(), 0);
    }

    fn the_clock_starts_it_with_the_quota_in_mind(line) {
        let stage = Stage::new(line, &with_model());
        stage.shared_configuration();
        let text = stage.adapted(&shipped::flow("schedule-with-quota"));
        // Every second instead of four times a day.
        let resting = "cron: \"0 0 29 2 *\"";
        assert!(text.contains(resting));
        let ticking = text.replace(resting, "cron: \"* * * * * *\"\n    withSeconds: true");
        stage.ask("load", json!({"source": ticking}));
        let first = stage.first_execution("schedule_with_quota");
        stage.ask("load", json!({"source": text}));
        let first = stage.end_of(&first);
        assert_eq!(first.state(), "SUCCESS", "{:#}", first.raw());
        assert_eq!(first.output("status"), "completed");
        assert_eq!(first.label("trigger"), "by_day");
        // The audit log knows what started it: by the label on both lines, by its id on 2.0.
        let run = stage.runs()[0]["run"].as_str().unwrap().to_owned();
        let asked = stage.events(&run)[0]["actor"]["kestra"].clone();
        assert_eq!(asked["labels"]["trigger"], "by_day", "{asked:#}");
        let id = if line == Line::V2 { "by_day" } else { "" };
        assert_eq!(asked["trigger"].as_str().unwrap_or_default(), id, "{asked:#}");
        assert_eq!(first.metric("powerbi.refresh.order_list.quota_left"), Some(8.0));
    }
}
