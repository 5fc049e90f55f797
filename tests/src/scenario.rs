//! Built-in worlds with fixed, invented ids, for the demo and most tests.
//!
//! All of them contain the client of [`CLIENT_ID`] in the tenant [`TENANT`] and the workspace "Data
//! Admin". Each function below is a scenario; [`named`] finds it by its name.

use uuid::{Uuid, uuid};

use crate::world::{
    Client, Flow, FlowForm, Item, OAuthPolicy, RefreshType, Relay, ResponseAction, Workspace, World,
};

/// The tenant of every scenario.
pub const TENANT: Uuid = uuid!("11111111-1111-4111-8111-111111111111");
/// The client (application) id that may request tokens.
pub const CLIENT_ID: Uuid = uuid!("22222222-2222-4222-8222-222222222222");
/// The client secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "INVENTED-client-secret-0123456789";
/// The object id of [`CLIENT_ID`]'s enterprise application.
pub const OBJECT_ID: Uuid = uuid!("2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b");
/// The workspace "Data Admin".
pub const DATA_ADMIN: Uuid = uuid!("33333333-3333-4333-8333-333333333333");

/// The dataflow "Master Order List" whose refresh completes.
pub const MASTER_ORDER_LIST: Uuid = uuid!("44444444-4444-4444-8444-444444444441");
/// The dataflow without refreshes left today, behind the flow that swallows the refusal.
pub const SWALLOWED_ORDER_LIST: Uuid = uuid!("44444444-4444-4444-8444-444444444442");
/// The dataflow without refreshes left today, behind the flow that reports the refusal.
pub const REFUSED_ORDER_LIST: Uuid = uuid!("44444444-4444-4444-8444-444444444443");

/// The workflow id of the flow that refreshes [`MASTER_ORDER_LIST`].
pub const COMPLETING_FLOW: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
/// The signature of [`COMPLETING_FLOW`].
pub const COMPLETING_SIG: &str = "INVENTED-sig-completing-00000000000000000001";
/// The workflow id of the flow that swallows the refusal.
pub const SWALLOWING_FLOW: &str = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";
/// The signature of [`SWALLOWING_FLOW`].
pub const SWALLOWING_SIG: &str = "INVENTED-sig-swallowing-00000000000000000002";
/// The workflow id of the flow whose Response reports the refusal.
pub const RESPONDING_FLOW: &str = "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3";
/// The signature of [`RESPONDING_FLOW`].
pub const RESPONDING_SIG: &str = "INVENTED-sig-responding-00000000000000000003";

/// The Gen2 dataflow of [`every_kind`].
pub const ORDERS_GEN2: Uuid = uuid!("66666666-6666-4666-8666-666666666661");
/// The semantic model of [`every_kind`].
pub const SALES_MODEL: Uuid = uuid!("77777777-7777-4777-8777-777777777771");
/// The workflow id of the flow of [`every_kind`] that takes tokens and no signature.
pub const OAUTH_FLOW: &str = "d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4";

/// A name and its world.
type Scenario = (&'static str, fn() -> World);

/// The scenarios.
pub const ALL: [Scenario; 5] = [
    ("order_list_completes", order_list_completes),
    ("accepted_then_swallowed", accepted_then_swallowed),
    ("refused_by_responding_flow", refused_by_responding_flow),
    ("demo", demo),
    ("every_kind", every_kind),
];

/// The scenario with this name.
#[must_use]
pub fn named(name: &str) -> Option<World> {
    let mut all = ALL.iter();
    all.find(|(known, _)| *known == name)
        .map(|(_, world)| world())
}

/// The flow returns 202, the dataflow starts, and its run completes.
#[must_use]
pub fn order_list_completes() -> World {
    with_completing(base())
}

/// The incident: the flow returns 202, and the dataflow refuses because of its daily limit without
/// anyone noticing.
#[must_use]
pub fn accepted_then_swallowed() -> World {
    with_swallowing(base(), "Master Order List")
}

/// The same refusal with a flow whose Response relays it: 400 with the error body.
#[must_use]
pub fn refused_by_responding_flow() -> World {
    with_responding(base(), "Master Order List")
}

/// All three flows in one world.
#[must_use]
pub fn demo() -> World {
    let world = with_completing(base());
    let world = with_swallowing(world, "Master Order List (spent)");
    with_responding(world, "Master Order List (spent, told)")
}

/// One item of each kind, and a flow of each kind of trigger: [`order_list_completes`], a
/// Gen2 dataflow, a semantic model, and a flow that takes tokens and refreshes the model.
#[must_use]
pub fn every_kind() -> World {
    let name = uuid!("55555555-5555-4555-8555-555555555554");
    let policy = OAuthPolicy {
        principals: vec![OBJECT_ID],
        ..OAuthPolicy::tenant(TENANT)
    };
    order_list_completes()
        .item(Item::dataflow_gen2(DATA_ADMIN, ORDERS_GEN2, "Orders"))
        .item(Item::semantic_model(DATA_ADMIN, SALES_MODEL, "Sales"))
        .flow(Flow::with_oauth(OAUTH_FLOW, name, FlowForm::New, policy).refreshing(SALES_MODEL))
}

fn base() -> World {
    World::new()
        .client(TENANT, Client::new(CLIENT_ID, OBJECT_ID, CLIENT_SECRET))
        .workspace(Workspace::new(DATA_ADMIN, "Data Admin"))
}

fn with_completing(world: World) -> World {
    let dataflow = Item::dataflow(DATA_ADMIN, MASTER_ORDER_LIST, "Master Order List");
    let name = uuid!("55555555-5555-4555-8555-555555555551");
    world
        .item(dataflow.past_run(26 * HOUR, 240, RefreshType::Scheduled, "Success"))
        .flow(
            Flow::new(COMPLETING_FLOW, name, FlowForm::New, COMPLETING_SIG)
                .refreshing(MASTER_ORDER_LIST),
        )
}

fn with_swallowing(world: World, dataflow: &str) -> World {
    let name = uuid!("55555555-5555-4555-8555-555555555552");
    world.item(spent(SWALLOWED_ORDER_LIST, dataflow)).flow(
        Flow::new(SWALLOWING_FLOW, name, FlowForm::New, SWALLOWING_SIG)
            .refreshing(SWALLOWED_ORDER_LIST),
    )
}

fn with_responding(world: World, dataflow: &str) -> World {
    let name = uuid!("55555555-5555-4555-8555-555555555553");
    world.item(spent(REFUSED_ORDER_LIST, dataflow)).flow(
        Flow::new(RESPONDING_FLOW, name, FlowForm::New, RESPONDING_SIG)
            .refreshing(REFUSED_ORDER_LIST)
            .responding(ResponseAction::relaying(Relay::Start)),
    )
}

const HOUR: u64 = 3600;

/// A dataflow whose schedule has used the eight refreshes of the last 24 hours. The oldest began 22
/// hours ago, so the next slot is two hours away.
fn spent(id: Uuid, name: &str) -> Item {
    (1..=8)
        .rev()
        .fold(Item::dataflow(DATA_ADMIN, id, name), |dataflow, nth| {
            let ago = nth * 11 * HOUR / 4;
            dataflow.past_run(ago, 240, RefreshType::Scheduled, "Success")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_world_without_contradictions() {
        for (name, world) in ALL {
            assert_eq!(world().contradiction(), None, "{name}");
        }
        assert!(named("another").is_none());
    }
}
