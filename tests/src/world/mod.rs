//! The data that the simulated services start with.
//!
//! A world is written in JSON for a process (`--world FILE`) or built in Rust by a test. Unknown
//! fields and contradictions (a flow whose item does not exist) are refused, because a scenario
//! that differs from what its author meant proves nothing.
//!
//! ```
//! let world = simulator::world::World::from_json(
//!     r#"{
//!       "tenants": {"11111111-1111-4111-8111-111111111111": {"clients": [{
//!         "client_id": "22222222-2222-4222-8222-222222222222",
//!         "secret": "INVENTED-secret-0123456789",
//!         "object_id": "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b"}]}},
//!       "workspaces": [{"id": "33333333-3333-4333-8333-333333333333", "name": "Data Admin"}],
//!       "items": [
//!         {"kind": "dataflow", "workspace": "33333333-3333-4333-8333-333333333333",
//!          "id": "44444444-4444-4444-8444-444444444444", "name": "Master Order List",
//!          "daily_limit": 8, "run_ms": 300, "ends": "Failed",
//!          "history": [{"started_ago_s": 3600, "took_s": 60,
//!                       "refresh_type": "Scheduled", "status": "Success"}]},
//!         {"kind": "semantic_model", "workspace": "33333333-3333-4333-8333-333333333333",
//!          "id": "77777777-7777-4777-8777-777777777777", "name": "Sales", "premium": false}],
//!       "flows": [{"id": "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
//!         "name": "55555555-5555-4555-8555-555555555555", "form": "new",
//!         "sig": "INVENTED-sig-0123456789",
//!         "refreshes": "44444444-4444-4444-8444-444444444444",
//!         "respond": {"mode": "async", "polls": 2, "relay": "completion"}}],
//!       "faults": [{"on": "token", "after": 1, "times": 2, "fault": {"reply": {"status": 503}}},
//!                  {"on": "trigger", "fault": "drop_after"}]
//!     }"#,
//!     "the example",
//! )?;
//! assert_eq!(world.flows.len(), 1);
//! # Ok::<(), simulator::SimulatorError>(())
//! ```

mod entra;
mod flow;
mod item;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::SimulatorError;
use crate::faults::FaultRule;

pub use entra::{Client, EntraError, Principal, Tenant};
pub use flow::{
    Cloud, Flow, FlowForm, FlowState, OAuthPolicy, Relay, ResponseAction, ResponseMode,
};
pub use item::{AlsoStarts, Failure, Item, ItemKind, PastRun, RefreshType, SecondRun, Workspace};

/// How many calls one identity may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// The number of calls of one service …
    pub calls: u32,
    /// … in any window of this many seconds.
    pub window_s: u64,
}

/// Everything that the simulated services know at the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// The Entra tenants, by their id.
    pub tenants: BTreeMap<Uuid, Tenant>,
    /// The workspaces.
    pub workspaces: Vec<Workspace>,
    /// The dataflows and semantic models of all workspaces.
    pub items: Vec<Item>,
    /// The Power Automate flows with an HTTP trigger.
    pub flows: Vec<Flow>,
    /// The fault rules.
    pub faults: Vec<FaultRule>,
    /// How many calls of Power BI, and how many of Fabric, one identity may make; `None`: any.
    pub throttle: Option<Throttle>,
    /// How many entries Fabric puts on one page of a list; `None`: 100.
    pub fabric_page_size: Option<u32>,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a client (service principal) to `tenant`, which is created if necessary.
    #[must_use]
    pub fn client(mut self, tenant: Uuid, client: Client) -> Self {
        self.tenants.entry(tenant).or_default().clients.push(client);
        self
    }

    /// Adds a workspace.
    #[must_use]
    pub fn workspace(mut self, workspace: Workspace) -> Self {
        self.workspaces.push(workspace);
        self
    }

    /// Adds a dataflow or semantic model.
    #[must_use]
    pub fn item(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// Adds a flow.
    #[must_use]
    pub fn flow(mut self, flow: Flow) -> Self {
        self.flows.push(flow);
        self
    }

    /// Adds a fault rule.
    #[must_use]
    pub fn fault(mut self, fault: FaultRule) -> Self {
        self.faults.push(fault);
        self
    }

    /// Reads a world from JSON text; errors name `origin`.
    ///
    /// # Errors
    /// [`SimulatorError::WorldInvalid`] when the text is not a world or contradicts itself.
    pub fn from_json(text: &str, origin: &str) -> Result<Self, SimulatorError> {
        let invalid = |reason: String| SimulatorError::WorldInvalid {
            origin: origin.to_owned(),
            reason,
        };
        let world: Self = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        world
            .contradiction()
            .map_or(Ok(world), |reason| Err(invalid(reason)))
    }

    /// Reads a world from a JSON file.
    ///
    /// # Errors
    /// [`SimulatorError::WorldUnreadable`] when the file cannot be read, and the errors of
    /// [`World::from_json`].
    pub fn from_file(path: &Path) -> Result<Self, SimulatorError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| SimulatorError::WorldUnreadable {
                path: path.to_path_buf(),
                source,
            })?;
        Self::from_json(&text, &path.display().to_string())
    }

    /// The item with this id.
    pub(crate) fn find_item(&self, id: Uuid) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The flow with this workflow id.
    pub(crate) fn find_flow(&self, workflow: &str) -> Option<&Flow> {
        let mut flows = self.flows.iter();
        flows.find(|flow| flow.id.eq_ignore_ascii_case(workflow))
    }

    /// The first contradiction in this world.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let mut clients = self.tenants.values().flat_map(|tenant| &tenant.clients);
        if let Some(number) =
            clients.find_map(|client| client.error.filter(|&n| EntraError::find(n).is_none()))
        {
            return Some(format!("client error {number} is not a known Entra error"));
        }
        for Item {
            kind,
            id,
            workspace,
            ..
        } in &self.items
        {
            if !self.workspaces.iter().any(|known| known.id == *workspace) {
                return Some(format!(
                    "workspace {workspace} of {kind} {id} is not in `workspaces`"
                ));
            }
            if self.items.iter().filter(|other| other.id == *id).count() > 1 {
                return Some(format!("item id {id} appears twice"));
            }
        }
        for flow in &self.flows {
            let id = &flow.id;
            if id.len() != 32 || !id.chars().all(|c| c.is_ascii_hexdigit()) {
                return Some(format!("flow id `{id}` is not 32 hexadecimal digits"));
            }
            let same = |other: &&Flow| other.id.eq_ignore_ascii_case(id);
            if self.flows.iter().filter(same).count() > 1 {
                return Some(format!("flow id {id} appears twice"));
            }
            if flow.oauth.is_none() && flow.sig.expose().is_empty() {
                return Some(format!("flow {id} has neither `sig` nor `oauth`"));
            }
            if let Some(item) = flow
                .refreshes
                .filter(|&item| self.find_item(item).is_none())
            {
                return Some(format!(
                    "flow {id} refreshes {item}, which is not in `items`"
                ));
            }
        }
        if self.fabric_page_size == Some(0) {
            return Some("`fabric_page_size` must be at least 1".to_owned());
        }
        self.throttle
            .filter(|throttle| throttle.calls == 0 || throttle.window_s == 0)
            .map(|_| "`throttle` needs at least one call and one second".to_owned())
    }
}

#[cfg(test)]
mod tests;
