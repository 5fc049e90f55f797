//! `refresh-one`: every kind by its inputs, with no secret asked for that the kind does not need.

use kestra_engine::{Execution, Line};
use serde_json::{Value, json};
use simulator::world::{Item, ResponseAction, World};
use uuid::{Uuid, uuid};

use crate::shipped;
use crate::stage::Stage;
use crate::support::{WORKSPACE, dataflow, flow, world, world_of};

const GEN2: Uuid = uuid!("66666666-6666-6666-6666-666666666666");
const MODEL: Uuid = uuid!("55555555-5555-5555-5555-555555555555");

fn everything() -> World {
    world()
        .item(Item {
            retry_after_s: 1,
            ..Item::dataflow_gen2(WORKSPACE, GEN2, "Orders")
        })
        .item(Item::semantic_model(WORKSPACE, MODEL, "Sales"))
}

/// The ids that our flows ask for, the stage's URL, and these inputs.
fn inputs(stage: &Stage, more: &Value) -> Value {
    let mut inputs = Stage::ids();
    inputs["item_id"] = inputs["dataflow_id"].take();
    inputs.as_object_mut().unwrap().remove("dataflow_id");
    inputs["flow_url_secret"] = stage.secret_name("ORDER_LIST_FLOW_URL").into();
    for (name, value) in more.as_object().unwrap() {
        inputs[name] = value.clone();
    }
    inputs
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
    fn each_kind_is_refreshed_to_its_completion(line) {
        let stage = Stage::new(line, &everything());
        stage.load("refresh-one");
        for more in [
            json!({"kind": "dataflow"}),
            json!({"kind": "dataflow-gen2", "item_id": GEN2}),
            json!({"kind": "semantic-model", "item_id": MODEL}),
            json!({"kind": "semantic-model", "item_id": MODEL, "refresh_type": "full"}),
            json!({"kind": "power-automate"}),
        ] {
            let execution = stage.run("refresh_one", &inputs(&stage, &more));
            ends(&execution, "SUCCESS", "completed");
        }
        let enhanced = stage.platform.requests_for("model_refresh")[1].body.clone();
        assert!(enhanced.to_string().contains("full"), "{enhanced}");
        assert_eq!(stage.platform.triggers(), 1);
    }

    fn a_flow_may_say_itself_what_became_of_it_and_then_no_secret_but_its_url_is_needed(line) {
        let answer = ResponseAction::with(200, json!({"status": "completed"}));
        let stage = Stage::new(line, &world_of(dataflow(), flow().responding(answer)));
        let text = shipped::flow("refresh-one");
        // The secret is not there: a flow that asked for it would fail.
        stage.load_text(&text.replace("secret('AZURE_CLIENT_SECRET')", "secret('NOT_THERE')"));
        let url = stage.secret_name("ORDER_LIST_FLOW_URL");
        let more = json!({"kind": "power-automate", "verify": "response", "flow_url_secret": url});
        ends(&stage.run("refresh_one", &more), "SUCCESS", "completed");
        let more = json!({"kind": "power-automate", "verify": "nothing", "flow_url_secret": url});
        ends(&stage.run("refresh_one", &more), "FAILED", "accepted");
        let more = json!({"kind": "power-automate", "verify": "nothing", "flow_url_secret": url, "require_completed": false});
        ends(&stage.run("refresh_one", &more), "SUCCESS", "accepted");
    }

    fn an_id_that_is_none_is_refused_before_anything_starts(line) {
        let stage = Stage::new(line, &everything());
        stage.load("refresh-one");
        let bad = inputs(&stage, &json!({"item_id": "44444444\"}, evil: {\"x"}));
        let refused = stage.refused("refresh_one", &bad);
        assert!(refused.contains("item_id"), "{refused}");
        assert!(stage.platform.requests().is_empty());
    }
}
