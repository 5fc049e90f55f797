//! What the simulated services hold when they start: plain data, no behaviour of the wire.
//!
//! A world is written in JSON for a process (`--world FILE`) or built in Rust by a test. Unknown
//! fields are refused, and so is a world that contradicts itself (a flow whose dataflow does not
//! exist), because a scenario that is not what its author meant proves nothing.
//!
//! ```
//! let world = simulator::world::World::from_json(
//!     r#"{
//!       "tenants": {"11111111-1111-4111-8111-111111111111": {"clients": [{
//!         "client_id": "22222222-2222-4222-8222-222222222222",
//!         "secret": "INVENTED-secret-0123456789",
//!         "object_id": "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b"}]}},
//!       "workspaces": [{"id": "33333333-3333-4333-8333-333333333333", "name": "Data Admin"}],
//!       "dataflows": [{"workspace": "33333333-3333-4333-8333-333333333333",
//!         "id": "44444444-4444-4444-8444-444444444444", "name": "Master Order List",
//!         "daily_limit": 8, "run_ms": 300, "ends": "Failed",
//!         "history": [{"started_ago_s": 3600, "took_s": 60,
//!                      "refresh_type": "Scheduled", "status": "Success"}]}],
//!       "dataflows_gen2": [{"workspace": "33333333-3333-4333-8333-333333333333",
//!         "id": "66666666-6666-4666-8666-666666666666", "name": "Orders", "retry_after_s": 1}],
//!       "models": [{"workspace": "33333333-3333-4333-8333-333333333333",
//!         "id": "77777777-7777-4777-8777-777777777777", "name": "Sales", "premium": false}],
//!       "flows": [{"id": "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
//!         "name": "55555555-5555-4555-8555-555555555555", "form": "new",
//!         "sig": "INVENTED-sig-0123456789",
//!         "inner": {"dataflow": "44444444-4444-4444-8444-444444444444"},
//!         "respond": {"mode": "async", "polls": 2, "relay": "completed"}}],
//!       "faults": [{"on": "token", "after": 1, "times": 2, "fault": {"status": 503}},
//!                  {"on": "trigger", "fault": "drop_after"}]
//!     }"#,
//!     "the example",
//! )?;
//! assert_eq!(world.flows.len(), 1);
//! # Ok::<(), simulator::SimulatorError>(())
//! ```

mod contradiction;
mod dataflow;
mod entra_error;
mod flow;
mod gen2;
mod item;
mod model;
mod oauth;
mod respond;
mod tenant;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::SimulatorError;
use crate::faults::FaultRule;

pub use dataflow::{AlsoStarts, Dataflow, Ends, PastRun, RefreshType, Workspace};
pub use entra_error::{ENTRA_ERRORS, EntraError, entra_error};
pub use flow::{Flow, FlowForm, FlowState};
pub use gen2::{DataflowGen2, Failure, SecondRun};
pub use item::{Inner, ItemKind, Throttle};
pub use model::SemanticModel;
pub use oauth::{Cloud, OAuthPolicy};
pub use respond::{Relay, Respond, RespondMode};
pub use tenant::{Client, Principal, Tenant};

/// Everything that the simulated services know at the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// The Entra tenants, by their id.
    pub tenants: BTreeMap<Uuid, Tenant>,
    /// The Power BI workspaces.
    pub workspaces: Vec<Workspace>,
    /// The dataflows of Power BI (Gen1 and legacy Gen2), of all workspaces.
    pub dataflows: Vec<Dataflow>,
    /// The Gen2 dataflows of Fabric, of all workspaces.
    pub dataflows_gen2: Vec<DataflowGen2>,
    /// The semantic models of all workspaces.
    pub models: Vec<SemanticModel>,
    /// The Power Automate flows with an HTTP trigger.
    pub flows: Vec<Flow>,
    /// What goes wrong, and when.
    pub faults: Vec<FaultRule>,
    /// How many calls of Power BI, and how many of Fabric, one identity may make; `None`: any.
    pub throttle: Option<Throttle>,
    /// How many entries Fabric puts on one page of a list; `None`: 100.
    pub fabric_page_size: Option<u32>,
}

impl World {
    /// A world that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a client (service principal) to `tenant`, which is made if it is not there yet.
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

    /// Adds a dataflow.
    #[must_use]
    pub fn dataflow(mut self, dataflow: Dataflow) -> Self {
        self.dataflows.push(dataflow);
        self
    }

    /// Adds a Gen2 dataflow of Fabric.
    #[must_use]
    pub fn dataflow_gen2(mut self, dataflow: DataflowGen2) -> Self {
        self.dataflows_gen2.push(dataflow);
        self
    }

    /// Adds a semantic model.
    #[must_use]
    pub fn model(mut self, model: SemanticModel) -> Self {
        self.models.push(model);
        self
    }

    /// One identity may make so many calls of Power BI, and as many of Fabric, in any window of
    /// so many seconds.
    #[must_use]
    pub fn throttle(mut self, calls: u32, window_s: u64) -> Self {
        self.throttle = Some(Throttle { calls, window_s });
        self
    }

    /// Fabric puts so many entries on one page of a list.
    #[must_use]
    pub fn fabric_page_size(mut self, entries: u32) -> Self {
        self.fabric_page_size = Some(entries);
        self
    }

    /// Adds a flow.
    #[must_use]
    pub fn flow(mut self, flow: Flow) -> Self {
        self.flows.push(flow);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: FaultRule) -> Self {
        self.faults.push(fault);
        self
    }

    /// Reads a world from JSON text; `origin` is named in the error.
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

    /// The first thing in this world that cannot be, if there is one.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        contradiction::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "33333333-3333-4333-8333-333333333333";
    const DATAFLOW: &str = "44444444-4444-4444-8444-444444444444";

    fn reason(json: &str) -> String {
        World::from_json(json, "test").unwrap_err().to_string()
    }

    #[test]
    fn a_world_of_few_words_gets_its_defaults() {
        let json = format!(
            r#"{{"workspaces":[{{"id":"{WORKSPACE}","name":"Data Admin"}}],
                "dataflows":[{{"workspace":"{WORKSPACE}","id":"{DATAFLOW}","name":"Master Order List"}}]}}"#
        );
        let world = World::from_json(&json, "test").unwrap();
        let dataflow = &world.dataflows[0];
        assert_eq!(dataflow.daily_limit, Some(8));
        assert_eq!(dataflow.run_ms, 300);
        assert_eq!(dataflow.appear_after_ms, 50);
        assert!(dataflow.starts && dataflow.readable && dataflow.refreshable);
    }

    #[test]
    fn a_daily_limit_of_null_is_no_limit() {
        let json = format!(
            r#"{{"workspaces":[{{"id":"{WORKSPACE}","name":"W"}}],
                "dataflows":[{{"workspace":"{WORKSPACE}","id":"{DATAFLOW}","name":"D","daily_limit":null}}]}}"#
        );
        let world = World::from_json(&json, "test").unwrap();
        assert_eq!(world.dataflows[0].daily_limit, None);
    }

    #[test]
    fn an_unknown_field_is_named() {
        assert!(reason(r#"{"worksapces":[]}"#).contains("worksapces"));
    }

    #[test]
    fn a_dataflow_without_its_workspace_is_refused() {
        let json = format!(
            r#"{{"dataflows":[{{"workspace":"{WORKSPACE}","id":"{DATAFLOW}","name":"D"}}]}}"#
        );
        assert!(reason(&json).contains("not in `workspaces`"));
    }

    #[test]
    fn a_flow_whose_dataflow_is_missing_is_refused() {
        let json = format!(
            r#"{{"flows":[{{"id":"{}","name":"{WORKSPACE}","form":"new","sig":"INVENTED-sig-0123456789",
                "inner":{{"dataflow":"{DATAFLOW}"}}}}]}}"#,
            "a".repeat(32)
        );
        assert!(reason(&json).contains("not in `dataflows`"));
    }

    #[test]
    fn a_flow_id_of_the_wrong_length_is_refused() {
        let json = format!(
            r#"{{"flows":[{{"id":"abc","name":"{WORKSPACE}","form":"old","sig":"INVENTED-sig-0123456789"}}]}}"#
        );
        assert!(reason(&json).contains("32 hexadecimal"));
    }

    #[test]
    fn a_world_survives_being_written_and_read() {
        let world = crate::scenario::demo();
        let text = serde_json::to_string(&world).unwrap();
        assert_eq!(World::from_json(&text, "test").unwrap(), world);
    }
}
