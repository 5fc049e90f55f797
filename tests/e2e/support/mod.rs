//! The simulator and the real binary as processes.
//!
//! A test has a [`World`] for the services, a [`Setup`] for the configuration, a command, and an [`Outcome`].
//! Tests share nothing and run in parallel.

mod outcome;
mod platform;
mod programs;
mod setup;

pub use outcome::{Outcome, frames, interrupt, kill};
pub use platform::Platform;
pub use programs::host_runner;
pub use setup::Setup;

use simulator::world::{Client, Flow, FlowForm, Item, RefreshType, Workspace, World};
use uuid::{Uuid, uuid};

/// The tenant of every test.
pub const TENANT: Uuid = uuid!("11111111-1111-1111-1111-111111111111");
/// The service principal of every test.
pub const CLIENT: Uuid = uuid!("22222222-2222-2222-2222-222222222222");
/// Its object id.
pub const OBJECT: Uuid = uuid!("22222222-2222-2222-2222-2222222222ff");
/// Its secret.
pub const CLIENT_SECRET: &str = "INVENTED~client-secret_0123456789";
/// The workspace "Data Admin".
pub const WORKSPACE: Uuid = uuid!("33333333-3333-3333-3333-333333333333");
/// The dataflow "Master Order List".
pub const DATAFLOW: Uuid = uuid!("44444444-4444-4444-4444-444444444444");
/// The flow that refreshes it.
pub const FLOW: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The signature of its trigger.
pub const SIG: &str = "INVENTED-trigger-sig_0123456789abcdefghijkl";

/// The dataflow "Master Order List": its refreshes succeed in 0.3 s.
pub fn dataflow() -> Item {
    Item::dataflow(WORKSPACE, DATAFLOW, "Master Order List")
}

/// The flow that refreshes it and has no Response action.
pub fn flow() -> Flow {
    Flow::new(
        FLOW,
        uuid!("aaaaaaaa-0000-0000-0000-000000000001"),
        FlowForm::New,
        SIG,
    )
    .refreshing(DATAFLOW)
}

/// The usual world with this dataflow and this flow.
pub fn world_of(dataflow: Item, flow: Flow) -> World {
    World::new()
        .client(TENANT, Client::new(CLIENT, OBJECT, CLIENT_SECRET))
        .workspace(Workspace::new(WORKSPACE, "Data Admin"))
        .item(dataflow)
        .flow(flow)
}

/// The usual world: everything works.
pub fn world() -> World {
    world_of(dataflow(), flow())
}

/// The usual world, in which a refresh runs until a test completes it.
pub fn endless() -> World {
    world_of(dataflow().ends("Never"), flow())
}

/// The dataflow after the eight refreshes of a day.
pub fn exhausted_dataflow(kind: RefreshType) -> Item {
    (1..=8_u64).fold(dataflow(), |item, hours| {
        item.past_run(hours * 2 * 3600, 240, kind, "Success")
    })
}

/// These services, and the usual target that is verified by its dataflow.
pub fn verified(world: &World) -> (Platform, Setup) {
    let platform = Platform::start(world);
    let setup = Setup::verified(&platform);
    (platform, setup)
}
