//! The simulator without sockets: state, faults and log behind one lock.
//!
//! Every request passes through [`Core::handle`] (or the server's equivalent) in one step under the
//! lock: due events are carried out, the request is logged, a fault is chosen, and the service acts
//! unless the fault prevents it. So the log, the faults and the state agree on the order of events.
//!
//! ```
//! use std::sync::Arc;
//! use simulator::clock::StandingClock;
//! use simulator::message::Request;
//! use simulator::{Core, scenario};
//!
//! let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse()?));
//! let core = Core::new(scenario::every_kind(), clock);
//! let token = core.token(scenario::CLIENT_ID, "https://analysis.windows.net/powerbi/api")?;
//! let request = Request::new("GET", "http://127.0.0.1/v1.0/myorg/groups")
//!     .with_header("authorization", &format!("Bearer {token}"));
//! assert_eq!(core.handle(&request)?.status, 200);
//! assert!(core.violations().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::admin;
use crate::clock::{Clock, http_date};
use crate::faults::{Fault, FaultPlan, FaultRule};
use crate::log::{LoggedRequest, RequestLog};
use crate::message::{Answer, ConnectionFault, Reply, Request};
use crate::service::{self, Call, Routed};
pub use crate::state::RunSnapshot;
use crate::state::State;
use crate::view::{self, ItemView, WorldView};
use crate::violations::{Observed, Violation, Violations};
use crate::world::{RefreshType, World};

/// Why the admin API refuses a request.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminError {
    /// There is no such path.
    #[error("there is no admin path `{0}`; see the simulator's `admin` module for the list")]
    UnknownPath(String),
    /// There is nothing of this kind with this id.
    #[error("there is no {kind} with the id `{id}` in this world")]
    UnknownId {
        /// "item", "flow" and the like.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// The body is not what the path expects.
    #[error("invalid body: {0}")]
    InvalidBody(String),
}

impl AdminError {
    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownPath(_) => "unknown_path",
            Self::UnknownId { .. } => "unknown_id",
            Self::InvalidBody(_) => "invalid_body",
        }
    }
}

/// Settings that identify a thing or have been used at the start; they cannot be changed later.
const FIXED: [&str; 6] = [
    "id",
    "kind",
    "workspace",
    "history",
    "scheduled_after_s",
    "client_id",
];

/// How long a synchronous Response can hold its caller (facts, 1.3), and the steps in which
/// [`Core::handle`] moves the clock meanwhile.
const LONGEST_HOLD: Duration = Duration::from_secs(121);
const HOLD_STEP: Duration = Duration::from_millis(10);

/// A received request, with its fault and answer.
#[derive(Debug)]
pub(crate) struct Received {
    number: u64,
    service: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) fault: Option<Fault>,
    /// `None`: there is no reply.
    pub(crate) answer: Option<Answer>,
}

/// State, faults, log and clock of one simulator.
pub struct Core {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    faults: FaultPlan,
    log: RequestLog,
    violations: Violations,
}

impl Core {
    /// A core that serves `world` and reads the time from `clock`.
    pub fn new(mut world: World, clock: Arc<dyn Clock>) -> Self {
        let faults = FaultPlan::new(std::mem::take(&mut world.faults));
        let state = State::new(world, clock.now());
        Self {
            clock,
            inner: Mutex::new(Inner {
                state,
                faults,
                log: RequestLog::default(),
                violations: Violations::default(),
            }),
        }
    }

    /// The lock. A test that panicked while it held the lock left nothing half done that matters.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, after all due events, and the time.
    fn settled(&self) -> (MutexGuard<'_, Inner>, Timestamp) {
        let mut inner = self.lock();
        let now = self.clock.now();
        inner.state.settle(now);
        (inner, now)
    }

    /// The present time of the clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock forward and returns the new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        self.clock.advance(by);
        self.settled().1
    }

    /// Sends a request and returns what the client sees: a reply, or a fault of the connection.
    /// Nothing waits: where the reply takes time (a synchronous Response, a delay, a slow body),
    /// the clock is moved forward by that time. Requests of the admin API are answered as well.
    ///
    /// # Errors
    /// The [`ConnectionFault`] that a fault rule causes.
    pub fn handle(&self, request: &Request) -> Result<Reply, ConnectionFault> {
        if let Some(reply) = admin::reply(self, request) {
            return Ok(reply);
        }
        let mut received = self.receive(request);
        if let Some(fault) = self.connection_fault(&received) {
            return Err(fault);
        }
        let mut reply = match received.answer.take() {
            Some(Answer::Now(reply)) => reply,
            Some(Answer::WhenResponded(run)) => self.wait_for_response(&run)?,
            None => return Err(ConnectionFault::Closed),
        };
        let mut takes_ms = 0;
        match &received.fault {
            Some(Fault::DelayMs(ms)) => takes_ms = *ms,
            Some(Fault::SlowDrip { bytes_per_s }) => {
                let bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
                takes_ms = bytes.saturating_mul(1000) / (*bytes_per_s).max(1);
            }
            Some(Fault::HugeMb(megabytes)) => {
                let size = usize::try_from(megabytes.saturating_mul(1_000_000));
                reply.body = vec![b' '; size.unwrap_or_default()].into();
            }
            _ => {}
        }
        self.clock.advance(Duration::from_millis(takes_ms));
        let reply = self.finish(&received, reply);
        match received.fault {
            Some(Fault::Truncated) => Err(ConnectionFault::Truncated(reply)),
            _ => Ok(reply),
        }
    }

    /// Moves the clock forward until the flow run has reached its Response.
    fn wait_for_response(&self, flow_run: &str) -> Result<Reply, ConnectionFault> {
        for _ in 0..=LONGEST_HOLD.as_millis() / HOLD_STEP.as_millis() {
            if let Some(reply) = self.held_reply(flow_run) {
                return Ok(reply);
            }
            self.clock.advance(HOLD_STEP);
        }
        Err(ConnectionFault::Silent)
    }

    /// Receives a request: logs it, chooses its fault, and lets the service act.
    pub(crate) fn receive(&self, request: &Request) -> Received {
        let (mut guard, now) = self.settled();
        let Inner {
            state,
            faults,
            log,
            violations,
        } = &mut *guard;
        let routed = Routed::of(&request.method, &request.path);
        let secrets: Vec<&str> = state.secrets().map(|secret| secret.expose()).collect();
        let secrets = secrets.iter().copied();
        let number = log.add(request, routed.service, routed.operation, now, secrets);
        let observed = Observed {
            routed: &routed,
            request,
            identity: routed.identity(request, state),
            number,
            now,
        };
        let path = log.entries().last().map_or("", |entry| &entry.path);
        violations.check(&observed, path);
        let operation = routed.operation;
        let fault = operation.and_then(|on| faults.choose(on, &routed.targets(state)));
        if let Some(fault) = &fault {
            log.set_fault(number, fault.name());
        }
        let call = Call {
            routed: &routed,
            request,
            state,
            now,
            number,
        };
        let takes_effect = fault.as_ref().is_none_or(Fault::takes_effect);
        let answer = takes_effect.then(|| call.answer());
        let replacement = fault
            .as_ref()
            .and_then(|fault| service::of_fault(fault, routed.service, now));
        let arrives = replacement.is_some() || fault.as_ref().is_none_or(Fault::keeps_reply);
        let answer = replacement.map(Answer::Now).or(answer);
        if let Some(Answer::Now(reply)) = &answer
            && arrives
        {
            violations.remember(&observed, reply);
        }
        Received {
            number,
            service: routed.service,
            at: now,
            fault,
            answer,
        }
    }

    /// What the client sees instead of any reply; noted in the log.
    pub(crate) fn connection_fault(&self, received: &Received) -> Option<ConnectionFault> {
        let fault = received.fault.as_ref()?;
        let seen = fault.connection_fault()?;
        self.lock().log.set_status(received.number, fault.name());
        Some(seen)
    }

    /// The reply as it leaves, with a wrong content type if that is the fault; noted in the log.
    pub(crate) fn finish(&self, received: &Received, mut reply: Reply) -> Reply {
        let status = reply.status.as_u16();
        self.lock().log.set_status(received.number, status);
        match &received.fault {
            Some(Fault::WrongContentType) => reply.set_header("content-type", "text/plain"),
            Some(Fault::Encoded(coding)) => reply.encode(coding),
            _ => {}
        }
        reply.set_default_header("date", &http_date(self.now()));
        // Also on a reply that a fault put in place of the service's.
        if matches!(received.service, "power_bi" | "fabric") {
            reply.set_default_header("requestid", &Uuid::new_v4().to_string());
        }
        reply
    }

    /// The reply to a caller who waits for the Response of this flow run, once it is time.
    pub(crate) fn held_reply(&self, flow_run: &str) -> Option<Reply> {
        let (inner, now) = self.settled();
        service::held_reply(&inner.state, flow_run, now)
    }

    /// All requests so far, with secrets masked.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.lock().log.entries().to_vec()
    }

    /// The rules that the client broke, in the order of the requests.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.list().to_vec()
    }

    /// The true state of everything, including what the services do not show.
    pub fn world(&self) -> WorldView {
        let (inner, now) = self.settled();
        view::of(&inner.state, now)
    }

    /// The true state of every item: all its runs and the number of effective triggers.
    pub fn items(&self) -> Vec<ItemView> {
        self.world().items
    }

    /// The true state of one item.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn item(&self, id: Uuid) -> Result<ItemView, AdminError> {
        let mut items = self.items().into_iter();
        items
            .find(|item| item.id == id)
            .ok_or_else(|| unknown("item", id))
    }

    /// Replaces the fault rules.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.lock().faults = FaultPlan::new(rules);
    }

    /// Changes the given settings of the item, flow or client with this id, for everything that
    /// begins from now on.
    ///
    /// # Errors
    /// When there is no such item, flow or client, or a setting is unknown or cannot be changed.
    pub fn change(&self, id: &str, fields: &Value) -> Result<(), AdminError> {
        let (mut inner, _) = self.settled();
        let world = &mut inner.state.world;
        let is = |other: Uuid| Uuid::parse_str(id) == Ok(other);
        let mut clients = world.tenants.values_mut().flat_map(|t| &mut t.clients);
        if let Some(item) = world.items.iter_mut().find(|item| is(item.id)) {
            overlay(item, fields)
        } else if let Some(flow) = world.flows.iter_mut().find(|flow| flow.id == id) {
            overlay(flow, fields)
        } else if let Some(client) = clients.find(|client| is(client.client_id)) {
            overlay(client, fields)
        } else {
            Err(unknown("item, flow or client", id))
        }
    }

    /// Begins a run of an item, as its scheduler or another user would. Returns the run's id.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn begin_run(&self, item: Uuid, kind: RefreshType) -> Result<String, AdminError> {
        let (mut inner, now) = self.settled();
        let begun = inner.state.begin_run(item, now, kind);
        begun.ok_or_else(|| unknown("item", item))
    }

    /// Replaces the whole history of an item, for a caller that drives it. `next` is the id that
    /// the next requested run gets if the item accepts requests without starting runs.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn replace_runs(
        &self,
        item: Uuid,
        runs: Vec<RunSnapshot>,
        next: &str,
    ) -> Result<(), AdminError> {
        let (mut inner, _) = self.settled();
        let replaced = inner.state.replace_runs(item, runs, next);
        replaced.ok_or_else(|| unknown("item", item))
    }

    /// Ends every run of the item that is in progress, with `status`. Returns their ids.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn complete(&self, item: Uuid, status: &str) -> Result<Vec<String>, AdminError> {
        let (mut inner, now) = self.settled();
        let completed = inner.state.complete(item, status, now);
        completed.ok_or_else(|| unknown("item", item))
    }

    /// Issues a token for `audience` to a client, without a request in the log.
    ///
    /// # Errors
    /// When there is no such client.
    pub fn token(&self, client_id: Uuid, audience: &str) -> Result<String, AdminError> {
        let (mut inner, now) = self.settled();
        service::issue(&mut inner.state, client_id, audience, now)
            .ok_or_else(|| unknown("client", client_id))
    }
}

fn unknown(kind: &'static str, id: impl ToString) -> AdminError {
    AdminError::UnknownId {
        kind,
        id: id.to_string(),
    }
}

/// Lays `fields` over the settings. A null is a value here (`daily_limit: null` removes the limit),
/// so this is not RFC 7396.
fn overlay<T: Serialize + DeserializeOwned>(
    settings: &mut T,
    fields: &Value,
) -> Result<(), AdminError> {
    let invalid = |reason: String| AdminError::InvalidBody(reason);
    let Value::Object(fields) = fields else {
        return Err(invalid("expected a JSON object with settings".to_owned()));
    };
    if let Some(fixed) = FIXED.iter().find(|name| fields.contains_key(**name)) {
        return Err(invalid(format!("`{fixed}` cannot be changed")));
    }
    let all = serde_json::to_value(&*settings);
    let mut all = all.map_err(|error| invalid(error.to_string()))?;
    if let Value::Object(all) = &mut all {
        all.extend(fields.clone());
    }
    *settings = serde_json::from_value(all).map_err(|error| invalid(error.to_string()))?;
    Ok(())
}
