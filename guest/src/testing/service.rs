//! The simulator's core behind the scripted world: it answers what the services would answer, for
//! the runs that the script shows at the time.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use simulator::Core;
use simulator::clock::StandingClock;
use simulator::core::RunSnapshot;
use simulator::message::Request;
use simulator::world::{Client, Flow, FlowForm, Item, ItemKind, RefreshType, Workspace};

use super::{DATAFLOW, FLOW_URL, HttpAnswer, HttpRequest, OURS, WORKSPACE};
use crate::ports::Method;
use crate::time::Moment;

const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const POWER_BI: &str = "https://analysis.windows.net/powerbi/api";
const FABRIC: &str = "https://api.fabric.microsoft.com";

/// A run as the script has it now.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) refresh_type: String,
    pub(super) state: String,
    pub(super) started: Moment,
    pub(super) ended: Option<Moment>,
}

/// One core per kind of item, because every test uses the same id for all kinds.
#[derive(Default)]
pub(super) struct Services {
    dataflow: OnceCell<Service>,
    gen2: OnceCell<Service>,
    model: OnceCell<Service>,
}

struct Service {
    core: Core,
    flow: Flow,
    kind: ItemKind,
    power_bi_token: String,
    fabric_token: String,
}

impl Services {
    /// The service's answer at `now` to a request, while these runs are visible.
    pub(super) fn answer(&self, request: &HttpRequest, rows: &[Row], now: Moment) -> HttpAnswer {
        let (cell, kind) = if request.url.contains("/jobs/") {
            (&self.gen2, ItemKind::DataflowGen2)
        } else if request.url.contains("/datasets/") {
            (&self.model, ItemKind::SemanticModel)
        } else {
            (&self.dataflow, ItemKind::Dataflow)
        };
        cell.get_or_init(|| Service::new(kind, now))
            .answer(request, rows, now)
    }
}

impl Service {
    fn new(kind: ItemKind, now: Moment) -> Self {
        let (workspace, id) = (WORKSPACE.parse().unwrap(), DATAFLOW.parse().unwrap());
        let item = Item {
            kind,
            // The script says which runs there are.
            starts: false,
            lists_running: true,
            daily_limit: None,
            parameters: ["region", "days", "from"].map(str::to_owned).to_vec(),
            ..Item::dataflow(workspace, id, "Orders")
        };
        let client = Client {
            // As long as the longest story.
            token_lifetime_s: 1 << 30,
            ..Client::new(
                CLIENT.parse().unwrap(),
                guid(9).parse().unwrap(),
                "invented-secret",
            )
        };
        let flow = Flow::new(
            &"1".repeat(32),
            guid(1).parse().unwrap(),
            FlowForm::Old,
            "invented-signature",
        );
        let world = simulator::world::World::new()
            .client(TENANT.parse().unwrap(), client)
            .workspace(Workspace::new(workspace, "Data Admin"))
            .item(item)
            .flow(flow.clone());
        let clock = Arc::new(StandingClock::at(stamp(now)));
        let core = Core::new(world, clock);
        let token = |audience| core.token(CLIENT.parse().unwrap(), audience).unwrap();
        Self {
            power_bi_token: token(POWER_BI),
            fabric_token: token(FABRIC),
            core,
            flow,
            kind,
        }
    }

    fn answer(&self, request: &HttpRequest, rows: &[Row], now: Moment) -> HttpAnswer {
        let passed = stamp(now).duration_since(self.core.now());
        self.core
            .advance(Duration::try_from(passed).unwrap_or_default());
        let triggers = request.method == Method::Post && !request.url.contains("/cancel");
        // A trigger is always taken: what holds it back is scripted.
        let rows = if triggers { &[] } else { rows };
        let page = request.url.contains(&format!("/refreshes/{OURS}"))
            || rows.iter().any(|row| request.url.ends_with(&row.id));
        let runs = rows.iter().map(|row| self.snapshot(row, page)).collect();
        let item = DATAFLOW.parse().unwrap();
        self.core.replace_runs(item, runs, OURS).unwrap();
        let url = match request.url == FLOW_URL {
            true => self.flow.trigger_url("https://flow.example"),
            false => request.url.clone(),
        };
        let mut sent = Request::new(request.method.name(), &url).with_body(request.body.clone());
        for (name, value) in &request.headers {
            // A token of a test is none that the service issued.
            if !name.eq_ignore_ascii_case("authorization") {
                sent = sent.with_header(name, value);
            }
        }
        if request.url != FLOW_URL {
            let token = match request.url.contains("api.fabric") {
                true => &self.fabric_token,
                false => &self.power_bi_token,
            };
            sent = sent.with_header("authorization", &format!("Bearer {token}"));
        }
        let reply = self.core.handle(&sent).unwrap();
        HttpAnswer {
            status: reply.status.as_u16(),
            headers: reply
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: reply.body.to_vec(),
        }
    }

    fn snapshot(&self, row: &Row, page: bool) -> RunSnapshot {
        let refresh_type: RefreshType =
            serde_json::from_value(row.refresh_type.clone().into()).unwrap();
        RunSnapshot {
            id: row.id.clone(),
            refresh_type,
            status: match (self.kind, row.state.as_str()) {
                (ItemKind::Dataflow, state) => state.to_owned(),
                (_, "Success") => "Completed".to_owned(),
                (_, state) => state.to_owned(),
            },
            started_at: stamp(row.started),
            ended_at: row.ended.map(stamp),
            enhanced: page,
        }
    }
}

fn guid(number: u8) -> String {
    format!("00000000-0000-4000-8000-00000000000{number}")
}

fn stamp(at: Moment) -> jiff::Timestamp {
    at.to_string().parse().unwrap()
}
