//! The kinds of targets in the fault table, and the operation of each of their phases.

use simulator::faults::Operation;
use simulator::view::Initiator;
use simulator::world::{
    Client, Flow, FlowForm, Item, OAuthPolicy, ResponseAction, Workspace, World,
};
use uuid::{Uuid, uuid};

use super::lab::Lab;

pub const TENANT: Uuid = uuid!("11111111-1111-1111-1111-111111111111");
pub const CLIENT: Uuid = uuid!("22222222-2222-2222-2222-222222222222");
pub const OBJECT: Uuid = uuid!("22222222-2222-2222-2222-2222222222ff");
pub const SECRET: &str = "INVENTED~client-secret_0123456789";
pub const WORKSPACE: Uuid = uuid!("33333333-3333-3333-3333-333333333333");
pub const ITEM: Uuid = uuid!("44444444-4444-4444-4444-444444444444");
const FLOW: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub const SIG: &str = "INVENTED-trigger-sig_0123456789abcdefghijkl";

/// How long a refresh takes: ten minutes.
pub const TAKES_MS: u64 = 600_000;

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A flow without `verify`.
    Flow,
    /// A flow with a Response action that answers later.
    FlowResponse,
    /// A flow that refreshes a Gen1 dataflow.
    FlowDataflow,
    /// A flow with an OAuth trigger that refreshes a Gen1 dataflow.
    OauthFlow,
    /// A flow that refreshes a semantic model.
    FlowModel,
    /// A dataflow of the Power BI API.
    Dataflow,
    /// A Fabric dataflow.
    Gen2,
    /// A semantic model with a standard refresh.
    Model,
    /// A semantic model with an enhanced refresh.
    Enhanced,
}

/// A phase of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Getting a token.
    Token,
    /// Reading the history before the trigger.
    Look,
    /// The trigger.
    Trigger,
    /// Finding the run and following it.
    Follow,
    /// Requesting the cancellation.
    Cancel,
}

impl Phase {
    pub const ALL: [Self; 5] = [
        Self::Token,
        Self::Look,
        Self::Trigger,
        Self::Follow,
        Self::Cancel,
    ];
}

/// The name of a kind or a phase in the table, in kebab case.
pub fn name(of: impl std::fmt::Debug) -> String {
    let mut name = String::new();
    for letter in format!("{of:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

impl Subject {
    pub const ALL: [Self; 9] = [
        Self::Flow,
        Self::FlowResponse,
        Self::FlowDataflow,
        Self::OauthFlow,
        Self::FlowModel,
        Self::Dataflow,
        Self::Gen2,
        Self::Model,
        Self::Enhanced,
    ];

    /// The operation of a phase, and the number of earlier calls of the same operation; `None` if the kind has
    /// no such phase.
    pub fn operation(self, phase: Phase) -> Option<(Operation, u64)> {
        let history = match self {
            Self::Flow | Self::FlowResponse => None,
            Self::FlowDataflow | Self::OauthFlow | Self::Dataflow => Some(Operation::Transactions),
            Self::Gen2 => Some(Operation::FabricInstances),
            Self::FlowModel | Self::Model | Self::Enhanced => Some(Operation::ModelHistory),
        };
        match phase {
            Phase::Token => history.map(|_| (Operation::Token, 0)),
            Phase::Look => history.map(|operation| (operation, 0)),
            Phase::Trigger => Some((
                match self {
                    Self::Dataflow => Operation::Refresh,
                    Self::Gen2 => Operation::FabricRun,
                    Self::Model | Self::Enhanced => Operation::ModelRefresh,
                    _ => Operation::Trigger,
                },
                0,
            )),
            Phase::Follow => match self {
                Self::Flow => None,
                Self::FlowResponse => Some((Operation::Poll, 0)),
                Self::Gen2 => Some((Operation::FabricInstance, 0)),
                Self::Enhanced => Some((Operation::ModelDetails, 0)),
                _ => history.map(|operation| (operation, 1)),
            },
            Phase::Cancel => match self {
                Self::FlowDataflow | Self::OauthFlow | Self::Dataflow => {
                    Some((Operation::Cancel, 0))
                }
                Self::Gen2 => Some((Operation::FabricCancel, 0)),
                Self::Enhanced => Some((Operation::ModelCancel, 0)),
                // A standard refresh and a flow's run cannot be cancelled.
                Self::Flow | Self::FlowResponse | Self::FlowModel | Self::Model => None,
            },
        }
    }

    /// The services for this kind.
    pub fn world(self) -> World {
        let name = Uuid::from_u128(1);
        let flow = Flow::new(FLOW, name, FlowForm::New, SIG).refreshing(ITEM);
        let completed = serde_json::json!({"status": "completed"});
        let later = ResponseAction::with(200, completed).asynchronously(3);
        let policy = OAuthPolicy::tenant(TENANT);
        let item = match self {
            Self::FlowModel | Self::Model | Self::Enhanced => {
                Item::semantic_model(WORKSPACE, ITEM, "Sales")
            }
            Self::Gen2 => Item {
                lists_running: true,
                ..Item::dataflow_gen2(WORKSPACE, ITEM, "Master Order List")
            },
            _ => Item::dataflow(WORKSPACE, ITEM, "Master Order List"),
        };
        World::new()
            .client(TENANT, Client::new(CLIENT, OBJECT, SECRET))
            .workspace(Workspace::new(WORKSPACE, "Data Admin"))
            .item(item.run_ms(TAKES_MS))
            .flow(match self {
                Self::FlowResponse => flow.responding(later),
                Self::OauthFlow => {
                    Flow::with_oauth(FLOW, name, FlowForm::New, policy).refreshing(ITEM)
                }
                _ => flow,
            })
    }

    /// The services with another item.
    pub fn with(self, change: impl FnOnce(Item) -> Item) -> World {
        let mut world = self.world();
        world.items = world.items.pop().map(change).into_iter().collect();
        world
    }

    /// The keys of the target in the configuration.
    pub fn keys(self) -> String {
        let dataflow = format!("workspace: {WORKSPACE}, dataflow: {ITEM}");
        let model = format!("workspace: {WORKSPACE}, model: {ITEM}");
        let flow = "kind: power-automate, url: \"${env:FLOW_URL}\"";
        match self {
            Self::Flow => flow.to_owned(),
            Self::FlowResponse => format!("{flow}, verify: {{kind: response}}"),
            Self::FlowDataflow => format!("{flow}, verify: {{kind: dataflow, {dataflow}}}"),
            Self::OauthFlow => {
                format!("{flow}, credentials: default, verify: {{kind: dataflow, {dataflow}}}")
            }
            Self::FlowModel => format!("{flow}, verify: {{kind: semantic-model, {model}}}"),
            Self::Dataflow => format!("kind: dataflow, {dataflow}"),
            Self::Gen2 => format!("kind: dataflow-gen2, {dataflow}"),
            Self::Model => format!("kind: semantic-model, {model}"),
            Self::Enhanced => format!("kind: semantic-model, {model}, refresh: {{type: full}}"),
        }
    }

    /// Runs `scenario` with this kind as the target, with more keys.
    pub fn lab<T>(self, world: World, keys: &str, scenario: impl AsyncFnOnce(&Lab) -> T) -> T {
        Lab::run(world, &self.config(keys), scenario)
    }

    /// The configuration of this kind, with more keys.
    pub fn config(self, keys: &str) -> String {
        config(&format!("{{{}, {keys}}}", self.keys()))
    }
}

/// Runs `scenario` with this target.
pub fn lab<T>(world: World, target: &str, scenario: impl AsyncFnOnce(&Lab) -> T) -> T {
    Lab::run(world, &config(target), scenario)
}

fn config(target: &str) -> String {
    format!(
        "version: 1
defaults: {{deadline: 45m, timeout: 30s}}
credentials:
  default:
    kind: client-secret
    tenant: {TENANT}
    client_id: {CLIENT}
    client_secret: ${{env:AZURE_CLIENT_SECRET}}
endpoints: {{login: BASE, powerbi: BASE, fabric: BASE}}
sandbox: {{allow_loopback: true}}
targets:
  it: {target}
"
    )
}

/// What happened at the services.
#[derive(Debug, Default)]
pub struct Truth {
    /// Triggers that started a refresh, directly or by the flow.
    pub effective: usize,
    /// The ids of our runs that succeeded.
    pub completed: Vec<String>,
    /// The ids of all our runs.
    pub ours: Vec<String>,
}

/// Reads it from the services.
pub fn truth(lab: &Lab) -> Truth {
    let mut truth = Truth::default();
    for item in lab.services.items() {
        truth.effective += item.effective_triggers;
        for run in item.runs {
            if run.initiator == Initiator::Trigger {
                truth.ours.push(run.id.to_lowercase());
                if ["Success", "Completed"].contains(&run.status.as_str()) {
                    truth.completed.push(run.id.to_lowercase());
                }
            }
        }
    }
    truth
}
