//! What the simulated services know while they run, and what happens to it as time passes.
//!
//! Nothing here waits. Things that are due later lie in a queue, and [`State::settle`] lets them
//! happen, each at its own moment, before anybody looks. So a moved clock is enough to end a run,
//! and two looks at the same moment see the same.

mod asker;
mod dataflows;
mod flows;
mod items;
mod jobs;
mod refreshes;
mod throttle;
mod tokens;

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::later;
use crate::secret::Secret;
use crate::world::{RefreshType, World};

pub use asker::{Accepted, Asker, Refusal};
pub use dataflows::{CancelAnswer, Run};
pub use flows::{FlowRun, InnerAnswer, Operation, PollAnswer};
pub use jobs::{Job, JobRequest};
pub use refreshes::{Attempt, Enhanced, ModelRefresh};
pub use tokens::Claims;

/// Everything that the services know at one moment.
#[derive(Debug)]
pub struct State {
    /// The settings, as they were given and as the admin API has changed them since.
    pub world: World,
    runs: Vec<Run>,
    jobs: Vec<Job>,
    refreshes: Vec<ModelRefresh>,
    flow_runs: Vec<FlowRun>,
    tokens: Vec<(Secret, Claims)>,
    due: Vec<Due>,
    passed: Vec<throttle::Passed>,
    last_run_number: u64,
}

/// Something that will happen.
#[derive(Debug)]
struct Due {
    at: Timestamp,
    what: Happening,
}

#[derive(Debug)]
enum Happening {
    /// A run begins that nobody of ours asked for.
    RunByItself {
        item: Uuid,
        refresh_type: RefreshType,
    },
    /// A flow run reaches its inner refresh.
    InnerRefresh { flow_run: String },
}

impl State {
    /// The state of `world` at `now`, with the histories of its content in the past.
    #[must_use]
    pub fn new(world: World, now: Timestamp) -> Self {
        let mut state = Self {
            world,
            runs: Vec::new(),
            jobs: Vec::new(),
            refreshes: Vec::new(),
            flow_runs: Vec::new(),
            tokens: Vec::new(),
            due: Vec::new(),
            passed: Vec::new(),
            last_run_number: 0,
        };
        state.seed_histories(now);
        state.seed_jobs(now);
        state.seed_refreshes(now);
        state
    }

    /// Lets everything happen that is due at `now`, in the order in which it is due.
    pub fn settle(&mut self, now: Timestamp) {
        while let Some(next) = self.take_next_due(now) {
            match next.what {
                Happening::RunByItself { item, refresh_type } => {
                    self.begin_by_itself(item, next.at, refresh_type);
                }
                Happening::InnerRefresh { flow_run } => {
                    self.refresh_inside(&flow_run, next.at);
                }
            }
        }
    }

    fn take_next_due(&mut self, now: Timestamp) -> Option<Due> {
        let (place, due) = self
            .due
            .iter()
            .enumerate()
            .min_by_key(|(_, due)| due.at)
            .map(|(place, due)| (place, due.at))?;
        (due <= now).then(|| self.due.remove(place))
    }

    fn schedule(&mut self, now: Timestamp, after_ms: u64, what: Happening) {
        self.due.push(Due {
            at: later(now, Duration::from_millis(after_ms)),
            what,
        });
    }

    /// Every secret that the simulator has given out or accepts, to keep them out of its log.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let clients = self
            .world
            .tenants
            .values()
            .flat_map(|tenant| &tenant.clients);
        let operations = self
            .flow_runs
            .iter()
            .filter_map(|run| run.operation.as_ref());
        self.world
            .flows
            .iter()
            .map(|flow| &flow.sig)
            .chain(clients.map(|client| &client.secret))
            .chain(operations.map(|operation| &operation.sig))
            .chain(self.tokens.iter().map(|(token, _)| token))
    }
}
