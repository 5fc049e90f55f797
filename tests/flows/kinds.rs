//! `refresh-one`: every kind, without the secrets that the kind does not need.

use kestra_engine::{Execution, Line};
use serde_json::json;
use simulator::world::{Item, ResponseAction, World};
use uuid::{Uuid, uuid};

use crate::fixture::Fixture;
use crate::fixture::worlds::{MODEL, with_model};
use crate::shipped;
use crate::support::{WORKSPACE, dataflow, flow, world_of};

const GEN2: Uuid = uuid!("66666666-6666-6666-6666-666666666666");

fn every_kind() -> World {
    with_model().item(Item {
        retry_after_s: 1,
        ..Item::dataflow_gen2(WORKSPACE, GEN2, "Orders")
    })
}

fn ends(execution: &Execution, state: &str, status: &str) {
    assert_eq!(
        (
            execution.state(),
            execution.output("status"),
            execution.label("verdict")
        ),
        (state, status.into(), status),
        "{:#}",
        execution.raw()
    );
}

on_both_lines! {
    fn every_kind_completes(line) {
        let fixture = Fixture::new(line, &every_kind());
        fixture.load("refresh-one");
        for more in [
            json!({"kind": "dataflow"}),
            json!({"kind": "dataflow-gen2", "item_id": GEN2}),
            json!({"kind": "semantic-model", "item_id": MODEL}),
            json!({"kind": "semantic-model", "item_id": MODEL, "refresh_type": "full"}),
            json!({"kind": "power-automate", "name": "orders"}),
        ] {
            let execution = fixture.run("refresh_one", &fixture.refresh_one_inputs(&more));
            ends(&execution, "SUCCESS", "completed");
            // The only name in outputs and metrics is the one that was given.
            let name = more["name"].as_str().unwrap_or("refresh_one");
            let outputs = execution.task("refresh").unwrap().var("refreshes");
            assert!(outputs.as_object().unwrap().keys().eq([name]), "{outputs:#}");
            let timer = format!("powerbi.refresh.{name}.duration");
            assert_eq!(execution.metrics(&timer).len(), 1, "{:#}", execution.raw());
        }
        let enhanced = fixture.platform.requests_for("model_refresh")[1].body.clone();
        assert!(enhanced.to_string().contains("full"), "{enhanced}");
        assert_eq!(fixture.platform.triggers(), 1);
    }

    fn a_flow_that_verifies_by_its_response_needs_only_its_url(line) {
        let answer = ResponseAction::with(200, json!({"status": "completed"}));
        let fixture = Fixture::new(line, &world_of(dataflow(), flow().responding(answer)));
        let text = shipped::flow("refresh-one");
        // A flow that reads the missing secret would fail.
        fixture.load_text(&text.replace("secret('AZURE_CLIENT_SECRET')", "secret('NOT_THERE')"));
        let url = fixture.secret_name("ORDER_LIST_FLOW_URL");
        let more = json!({"kind": "power-automate", "verify": "response", "flow_url_secret": url});
        ends(&fixture.run("refresh_one", &more), "SUCCESS", "completed");
        let more = json!({"kind": "power-automate", "verify": "nothing", "flow_url_secret": url});
        ends(&fixture.run("refresh_one", &more), "FAILED", "accepted");
        let more = json!({"kind": "power-automate", "verify": "nothing", "flow_url_secret": url, "require_completed": false});
        ends(&fixture.run("refresh_one", &more), "SUCCESS", "accepted");
    }

    fn an_invalid_id_is_refused_before_anything_starts(line) {
        let fixture = Fixture::new(line, &every_kind());
        fixture.load("refresh-one");
        let bad = fixture.refresh_one_inputs(&json!({"item_id": "44444444\"}, evil: {\"x"}));
        let refused = fixture.start_error("refresh_one", &bad);
        assert!(refused.contains("item_id"), "{refused}");
        assert!(fixture.platform.requests().is_empty());
    }
}
