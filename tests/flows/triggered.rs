//! Flows that a trigger starts: another flow, a webhook, a schedule.

use kestra_engine::Line;
use serde_json::json;

use crate::fixture::Fixture;
use crate::fixture::worlds::with_model;
use crate::shipped;
use crate::support::DATAFLOW;

on_both_lines! {
    fn a_refresh_starts_after_another_flow_has_succeeded_and_not_after_it_failed(line) {
        let fixture = Fixture::new(line, &with_model());
        fixture.load(&format!("refresh-after.{}", line.suffix()));
        fixture.load("order-list-pipeline");
        fixture.platform.change(DATAFLOW, json!({"ends": "Failed"}));
        assert_eq!(fixture.run("order_list_pipeline", &json!({})).state(), "FAILED");
        fixture.platform.change(DATAFLOW, json!({"ends": "Success"}));
        fixture.succeeds("order_list_pipeline", &json!({}));
        let after = fixture.executions("refresh_after", 1);
        assert_eq!(after.len(), 1, "a failure starts nothing");
        assert_eq!(after[0].state(), "SUCCESS", "{:#}", after[0].raw());
        assert_eq!(after[0].output("status"), "completed");
        assert_eq!(after[0].label("trigger"), "after_order_list");
        assert_eq!(fixture.platform.requests_for("model_refresh").len(), 1);
    }

    fn a_webhook_refreshes_only_the_targets_in_its_list(line) {
        let fixture = Fixture::new(line, &with_model());
        fixture.secret("REFRESH_WEBHOOK_KEY", "INVENTED-webhook-key");
        fixture.load("refresh-webhook");
        assert_eq!(fixture.webhook("refresh_webhook", &json!({"target": "sales_model"})), 200);
        let good = &fixture.executions("refresh_webhook", 1)[0];
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
            fixture.webhook("refresh_webhook", body);
        }
        let all = fixture.executions("refresh_webhook", 1 + forged.len());
        for refused in all.iter().filter(|one| one.id() != good.id()) {
            assert_eq!(refused.state(), "FAILED", "{:#}", refused.raw());
            assert!(refused.task("refresh").is_none());
            let errors = refused.logged("ERROR").join("\n");
            assert!(errors.contains("order_list, sales_model"), "{errors}");
        }
        assert_eq!(fixture.platform.triggers(), 0);
        assert_eq!(fixture.platform.requests_for("model_refresh").len(), 1);
    }

    fn the_schedule_starts_a_refresh_with_a_quota(line) {
        let fixture = Fixture::new(line, &with_model());
        let text = fixture.adapted(&shipped::flow("schedule-with-quota"));
        // Every second instead of four times a day.
        let disabled = "cron: \"0 0 29 2 *\"";
        assert!(text.contains(disabled));
        let ticking = text.replace(disabled, "cron: \"* * * * * *\"\n    withSeconds: true");
        fixture.request("load", json!({"source": ticking}));
        let first = fixture.first_execution("schedule_with_quota");
        fixture.request("load", json!({"source": text}));
        let first = fixture.finished(&first);
        assert_eq!(first.state(), "SUCCESS", "{:#}", first.raw());
        assert_eq!(first.output("status"), "completed");
        assert_eq!(first.label("trigger"), "by_day");
        // The audit log has the trigger: its label on both lines, its id on 2.0.
        let run = fixture.runs()[0]["run"].as_str().unwrap().to_owned();
        let task = fixture.events(&run)[0]["actor"]["kestra"].clone();
        assert_eq!(task["labels"]["trigger"], "by_day", "{task:#}");
        let id = if line == Line::V2 { "by_day" } else { "" };
        assert_eq!(task["trigger"].as_str().unwrap_or_default(), id, "{task:#}");
        assert_eq!(first.metric("powerbi.refresh.order_list.quota_left"), Some(8.0));
    }
}
