//! What the simulated services know while they run, and how it changes over time.
//!
//! Nothing here waits. Later events are in a queue, and [`State::settle`] carries out each at its
//! own time before anything reads the state. So moving the clock is enough to end a run, and two
//! reads at the same time return the same.

mod flows;
mod runs;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::{earlier, later};
use crate::secret::Secret;
use crate::world::{Principal, RefreshType, World};

pub(crate) use flows::FlowRun;
pub use runs::RunSnapshot;
pub(crate) use runs::{CancelOutcome, Enhanced, Run, RunRequest};

/// Everything that the services know at one time.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The settings, as they were given and as the admin API has changed them since.
    pub world: World,
    runs: Vec<Run>,
    next_run_id: Option<String>,
    flow_runs: Vec<FlowRun>,
    tokens: Vec<(Secret, Claims)>,
    events: Vec<(Timestamp, Event)>,
    calls: Vec<CountedCall>,
}

/// Something that will happen.
#[derive(Debug)]
enum Event {
    /// A run begins without a request of the client.
    RunBegins {
        item: Uuid,
        refresh_type: RefreshType,
    },
    /// A flow run reaches its refresh.
    InnerRefresh { flow_run: String },
}

/// A call that the throttle let pass.
#[derive(Debug)]
struct CountedCall {
    service: &'static str,
    identity: String,
    at: Timestamp,
}

/// Who requested a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Requester {
    /// A request in the log, directly or through a flow.
    Trigger {
        /// The tracking id of the request.
        tracking_id: Option<String>,
        /// The number of the request in the log.
        request: u64,
    },
    /// The item's own schedule.
    Schedule,
    /// Another person or program.
    Other,
}

/// Why a refresh was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error code.
    pub code: &'static str,
    /// The message; may be empty.
    pub message: String,
}

impl Refusal {
    /// A refusal with this message.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// The error body as Power BI writes it.
    pub(crate) fn body(&self) -> Value {
        if self.message.is_empty() {
            json!({"error": {"code": self.code, "pbi.error": {
                "code": self.code, "parameters": {}, "details": [], "exceptionCulprit": 1}}})
        } else {
            json!({"error": {"code": self.code, "message": self.message}})
        }
    }
}

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Claims {
    /// The resource that it is for.
    pub aud: String,
    /// Who issued it.
    pub iss: String,
    /// The tenant.
    pub tid: Uuid,
    /// The object id of the caller.
    pub oid: Uuid,
    /// The client id of the caller.
    pub appid: Uuid,
    /// The application permissions.
    pub roles: Vec<String>,
    /// Not valid before, in seconds since 1970.
    pub nbf: i64,
    /// Not valid from, in seconds since 1970.
    pub exp: i64,
    /// Whether an application or a person calls.
    pub idtyp: Principal,
}

impl Claims {
    /// True when the token has expired at `now`.
    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        now.as_second() >= self.exp
    }
}

impl State {
    /// The state of `world` at `now`, with the past runs of its items.
    pub(crate) fn new(world: World, now: Timestamp) -> Self {
        let mut state = Self {
            world,
            ..Self::default()
        };
        state.add_past_runs(now);
        state
    }

    /// Carries out every event that is due at `now`, in the order of their times.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        while let Some((at, event)) = self.take_next_event(now) {
            match event {
                Event::RunBegins { item, refresh_type } => {
                    self.begin_run(item, at, refresh_type);
                }
                Event::InnerRefresh { flow_run } => self.refresh_inside(&flow_run, at),
            }
        }
    }

    fn take_next_event(&mut self, now: Timestamp) -> Option<(Timestamp, Event)> {
        let events = self.events.iter().enumerate();
        let (index, at) = events
            .map(|(index, (at, _))| (index, *at))
            .min_by_key(|(_, at)| *at)?;
        (at <= now).then(|| self.events.remove(index))
    }

    fn schedule(&mut self, now: Timestamp, after_ms: u64, event: Event) {
        let at = later(now, Duration::from_millis(after_ms));
        self.events.push((at, event));
    }

    /// Stores a token that Entra issues.
    pub(crate) fn add_token(&mut self, token: Secret, claims: Claims) {
        self.tokens.push((token, claims));
    }

    /// The claims of an issued token; `None` for one that was never issued.
    pub(crate) fn claims_of(&self, token: &str) -> Option<&Claims> {
        let mut tokens = self.tokens.iter();
        let (_, claims) = tokens.find(|(issued, _)| issued.expose() == token)?;
        Some(claims)
    }

    /// How many tokens were issued.
    pub(crate) fn tokens_issued(&self) -> usize {
        self.tokens.len()
    }

    /// Counts a call of `service` by `identity`. `Some`: it is one too many (and not counted), and
    /// the next one passes after this many seconds.
    pub(crate) fn throttled(
        &mut self,
        service: &'static str,
        identity: &str,
        now: Timestamp,
    ) -> Option<u64> {
        let throttle = self.world.throttle?;
        let window = Duration::from_secs(throttle.window_s);
        let begin = earlier(now, window);
        self.calls.retain(|call| call.at > begin);
        let same = |call: &&CountedCall| call.service == service && call.identity == identity;
        let mut counted = self.calls.iter().filter(same);
        let oldest = counted.next().map(|call| call.at);
        let count = counted.count() + usize::from(oldest.is_some());
        if count < usize::try_from(throttle.calls).unwrap_or(usize::MAX) {
            self.calls.push(CountedCall {
                service,
                identity: identity.to_owned(),
                at: now,
            });
            return None;
        }
        let free = later(oldest.unwrap_or(now), window);
        let wait = Duration::try_from(free.duration_since(now)).unwrap_or_default();
        Some(u64::try_from(wait.as_millis().div_ceil(1000)).map_or(u64::MAX, |s| s.max(1)))
    }

    /// Every secret that the simulator has issued or accepts, to keep them out of its log.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let tenants = self.world.tenants.values();
        let clients = tenants.flat_map(|tenant| &tenant.clients);
        let flow_runs = self.flow_runs.iter();
        let operations = flow_runs.filter_map(|run| run.operation.as_ref());
        let flows = self.world.flows.iter();
        flows
            .map(|flow| &flow.sig)
            .chain(clients.map(|client| &client.secret))
            .chain(operations.map(|operation| &operation.sig))
            .chain(self.tokens.iter().map(|(token, _)| token))
    }
}
