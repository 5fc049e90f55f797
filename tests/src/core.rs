//! The simulator without its sockets: state, faults and log behind one lock.
//!
//! Every request passes through [`Core::receive`] in one step under the lock: what is due happens,
//! the request is logged, a fault is chosen, and the service acts unless the fault prevents it. So
//! the log, the faults and the state never disagree about the order of events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::admin;
use crate::clock::{Clock, http_date};
use crate::faults::{Fault, FaultPlan, FaultRule, Mishap};
use crate::log::{LoggedRequest, RequestLog};
use crate::message::{Answer, ConnectionFault, Reply, Request};
use crate::service::{self, Call, entra, instead, power_automate};
use crate::state::State;
use crate::view::{self, ItemView, WorldView};
use crate::violations::{Seen, Violation, Violations};
use crate::world::{RefreshType, World};

/// Why the admin API refuses.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminError {
    /// There is no such path.
    #[error(
        "nothing to administer at `{0}`; see the list of paths in the simulator's `admin` module"
    )]
    UnknownPath(String),
    /// There is nothing of this kind with this id.
    #[error("there is no {kind} with the id `{id}` in this world")]
    UnknownId {
        /// "dataflow", "flow" and the like.
        kind: &'static str,
        /// The id as it was given.
        id: String,
    },
    /// The body is not what the path takes.
    #[error("the body does not fit: {0}")]
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

/// Settings that identify a thing or were used up at the start; changing them later would lie.
const FIXED: [&str; 5] = [
    "id",
    "workspace",
    "history",
    "scheduled_after_s",
    "client_id",
];

/// How long a synchronous Response can hold its caller (facts, 1.3), and the steps in which
/// [`Core::handle`] moves the clock meanwhile.
const LONGEST_HOLD: Duration = Duration::from_secs(121);
const HOLD_STEP: Duration = Duration::from_millis(10);

/// What became of a request: its number, and what to do about its answer.
#[derive(Debug)]
pub(crate) struct Received {
    /// Its number in the log.
    pub(crate) number: u64,
    /// When it arrived.
    pub(crate) at: Timestamp,
    /// The service that it was for.
    pub(crate) service: &'static str,
    /// What befalls it.
    pub(crate) fault: Option<Fault>,
    /// What is answered, by the service or by the fault in its place; `None`: nothing.
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

    /// The lock. A test that panicked while it held it has left nothing half done that matters.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, after everything that is due has happened, and the moment.
    fn settled(&self) -> (MutexGuard<'_, Inner>, Timestamp) {
        let mut inner = self.lock();
        let now = self.clock.now();
        inner.state.settle(now);
        (inner, now)
    }

    /// The present moment of the clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes a request in.
    /// Sends a request and returns what the client sees of it: a reply, or a fault of the
    /// connection. Nothing waits: where the reply takes time (a synchronous Response, a delay, a
    /// slow body), the clock is moved forward by that time. Requests of the admin API are
    /// answered as well.
    ///
    /// # Errors
    /// The [`ConnectionFault`] that a fault rule causes.
    pub fn handle(&self, request: &Request) -> Result<Reply, ConnectionFault> {
        if admin::is_for_us(&request.path) {
            return Ok(admin::answer(self, request));
        }
        let received = self.receive(request);
        let mishap = match &received.fault {
            Some(Fault::Named(mishap)) => Some(mishap),
            _ => None,
        };
        let fault = match mishap {
            Some(Mishap::DropBefore | Mishap::DropAfter) => Some(ConnectionFault::Closed),
            Some(Mishap::Reset | Mishap::ResetAfter) => Some(ConnectionFault::Reset),
            Some(Mishap::Hang | Mishap::HangAfter) => Some(ConnectionFault::Silent),
            Some(Mishap::Garbage) => Some(ConnectionFault::Garbage),
            _ => None,
        };
        if let Some(fault) = fault {
            let name = received.fault.as_ref().map(Fault::name);
            self.answered(received.number, name.unwrap_or_default());
            return Err(fault);
        }
        let mut reply = match received.answer {
            Some(Answer::Now(reply)) => reply,
            Some(Answer::WhenResponded(run)) => self.wait_for_response(&run)?,
            None => return Err(ConnectionFault::Closed),
        };
        match mishap {
            Some(Mishap::DelayMs(ms)) => {
                self.advance(Duration::from_millis(*ms));
            }
            Some(Mishap::SlowDrip { bytes_per_s }) => {
                let bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
                self.advance(Duration::from_millis(
                    bytes.saturating_mul(1000) / (*bytes_per_s).max(1),
                ));
            }
            Some(Mishap::WrongContentType) => reply.set_header("content-type", "text/plain"),
            Some(Mishap::HugeMb(megabytes)) => {
                let size = usize::try_from(megabytes.saturating_mul(1_000_000));
                reply.body = vec![b' '; size.unwrap_or_default()].into();
            }
            _ => {}
        }
        self.answered(received.number, reply.status.as_u16());
        self.complete_headers(received.service, &mut reply);
        match mishap {
            Some(Mishap::Truncated) => Err(ConnectionFault::Truncated(reply)),
            _ => Ok(reply),
        }
    }

    /// Moves the clock forward until the flow run has reached its Response.
    fn wait_for_response(&self, flow_run: &str) -> Result<Reply, ConnectionFault> {
        // The services hold a caller for two minutes at most.
        for _ in 0..=LONGEST_HOLD.as_millis() / HOLD_STEP.as_millis() {
            if let Some(reply) = self.held_answer(flow_run) {
                return Ok(reply);
            }
            self.clock.advance(HOLD_STEP);
        }
        Err(ConnectionFault::Silent)
    }

    /// Adds what every reply has: the simulator's `Date`, and the `RequestId` of Power BI and
    /// Fabric, also on a reply that a fault put in place of the service's.
    pub(crate) fn complete_headers(&self, service: &str, reply: &mut Reply) {
        reply.set_default_header("date", &http_date(self.now()));
        if matches!(service, "power_bi" | "fabric") {
            reply.set_default_header("requestid", &Uuid::new_v4().to_string());
        }
    }

    pub(crate) fn receive(&self, incoming: &Request) -> Received {
        let (mut guard, now) = self.settled();
        let Inner {
            state,
            faults,
            log,
            violations,
        } = &mut *guard;
        let call = Call::of(&incoming.method, &incoming.path);
        let operation = call.operation();
        let secrets = state.secrets().map(|secret| secret.expose());
        let known: Vec<&str> = secrets.collect();
        let number = log.add(
            incoming,
            call.service(),
            operation,
            now,
            known.iter().copied(),
        );
        let seen = Seen {
            call: &call,
            incoming,
            identity: call.identity(incoming, state),
            number,
            now,
        };
        violations.judge(&seen, log.path_of(number));
        let fault = operation.and_then(|on| faults.choose(on, &call.targets(state)));
        if let Some(fault) = &fault {
            log.befallen(number, fault.name());
        }
        let answer = fault
            .as_ref()
            .is_none_or(Fault::has_effect)
            .then(|| service::answer(&call, incoming, state, now, number));
        let in_place = fault
            .as_ref()
            .and_then(|fault| instead::of(fault, call.service(), now));
        let arrives = in_place.is_some() || fault.as_ref().is_none_or(Fault::keeps_answer);
        let answer = in_place.map(Answer::Now).or(answer);
        if let Some(Answer::Now(reply)) = &answer
            && arrives
        {
            violations.remember(&seen, reply);
        }
        Received {
            number,
            at: now,
            service: call.service(),
            fault,
            answer,
        }
    }

    /// What a caller who is held open for this flow run is answered, once it is time.
    pub(crate) fn held_answer(&self, flow_run: &str) -> Option<Reply> {
        let (inner, now) = self.settled();
        power_automate::held_answer(&inner.state, flow_run, now)
    }

    /// Notes what request `number` was answered.
    pub(crate) fn answered(&self, number: u64, status: impl Into<Value>) {
        self.lock().log.answered(number, status);
    }

    /// All requests so far, with secrets masked.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.lock().log.entries().to_vec()
    }

    /// The true state of everything, including what the services do not show.
    pub fn world(&self) -> WorldView {
        let (inner, now) = self.settled();
        view::of(&inner.state, now)
    }

    /// The true state of every item: all its runs and the number of effective triggers.
    pub fn items(&self) -> Vec<ItemView> {
        let (inner, now) = self.settled();
        view::items(&inner.state, now)
    }

    /// The true state of one item.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn item(&self, id: Uuid) -> Result<ItemView, AdminError> {
        self.items()
            .into_iter()
            .find(|item| item.id == id)
            .ok_or_else(|| unknown("content", id))
    }

    /// The rules that the client broke, in the order of the requests.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.list().to_vec()
    }

    /// Replaces the fault rules.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.lock().faults = FaultPlan::new(rules);
    }

    /// Moves the clock forward and returns the new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        self.clock.advance(by);
        self.settled().1
    }

    /// Changes the given settings of the item, flow or client with this id, for everything that
    /// begins from now on.
    ///
    /// # Errors
    /// When there is no such item, flow or client, or a setting is unknown or cannot be changed.
    pub fn change(&self, id: &str, fields: &Value) -> Result<(), AdminError> {
        let (mut inner, _) = self.settled();
        let world = &mut inner.state.world;
        let uuid = Uuid::parse_str(id).ok();
        let is = |other: Uuid| uuid == Some(other);
        if let Some(one) = world.dataflows.iter_mut().find(|one| is(one.id)) {
            *one = overlaid(one, fields)?;
        } else if let Some(one) = world.dataflows_gen2.iter_mut().find(|one| is(one.id)) {
            *one = overlaid(one, fields)?;
        } else if let Some(one) = world.models.iter_mut().find(|one| is(one.id)) {
            *one = overlaid(one, fields)?;
        } else if let Some(flow) = world
            .flows
            .iter_mut()
            .find(|flow| flow.id.eq_ignore_ascii_case(id))
        {
            *flow = overlaid(flow, fields)?;
        } else {
            let mut clients = world.tenants.values_mut().flat_map(|t| &mut t.clients);
            let client = clients
                .find(|client| is(client.client_id))
                .ok_or_else(|| unknown("item, flow or client", id))?;
            *client = overlaid(client, fields)?;
        }
        Ok(())
    }

    /// Begins a run of an item, as its scheduler or another user would. Returns the run's id.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn begin_run(&self, id: Uuid, kind: RefreshType) -> Result<String, AdminError> {
        let (mut inner, now) = self.settled();
        inner
            .state
            .begin_by_itself(id, now, kind)
            .ok_or_else(|| unknown("content", id))
    }

    /// Issues a token for `audience` to a client, without a request in the log.
    ///
    /// # Errors
    /// When there is no such client.
    pub fn token(&self, client_id: Uuid, audience: &str) -> Result<String, AdminError> {
        let (mut inner, now) = self.settled();
        entra::issue(&mut inner.state, client_id, audience, now)
            .ok_or_else(|| unknown("client", client_id))
    }

    /// Ends every run of the item that is in progress, with `status`. Returns their ids.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn complete(&self, id: Uuid, status: &str) -> Result<Vec<String>, AdminError> {
        let (mut inner, now) = self.settled();
        inner
            .state
            .complete_all(id, status, now)
            .ok_or_else(|| unknown("content", id))
    }
}

fn unknown(kind: &'static str, id: impl ToString) -> AdminError {
    AdminError::UnknownId {
        kind,
        id: id.to_string(),
    }
}

/// The settings with `fields` laid over them. A null is a value here (`daily_limit: null` lifts
/// the limit), so this is not RFC 7396.
fn overlaid<T: Serialize + DeserializeOwned>(
    settings: &T,
    fields: &Value,
) -> Result<T, AdminError> {
    let invalid = |error: serde_json::Error| AdminError::InvalidBody(error.to_string());
    let Value::Object(fields) = fields else {
        return Err(AdminError::InvalidBody(
            "give a JSON object with the settings to change".to_owned(),
        ));
    };
    if let Some(fixed) = FIXED.iter().find(|name| fields.contains_key(**name)) {
        return Err(AdminError::InvalidBody(format!(
            "`{fixed}` cannot be changed"
        )));
    }
    let mut all = serde_json::to_value(settings).map_err(invalid)?;
    if let Value::Object(all) = &mut all {
        for (name, value) in fields {
            all.insert(name.clone(), value.clone());
        }
    }
    serde_json::from_value(all).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Dataflow;
    use serde_json::json;

    fn dataflow() -> Dataflow {
        Dataflow::new(Uuid::from_u128(1), Uuid::from_u128(2), "D")
    }

    #[test]
    fn a_changed_setting_leaves_the_others_alone() {
        let changed = overlaid(&dataflow(), &json!({"run_ms": 5, "ends": "Failed"})).unwrap();
        assert_eq!(changed, dataflow().run_ms(5).ends("Failed"));
    }

    #[test]
    fn a_null_is_a_value() {
        let changed = overlaid(&dataflow(), &json!({"daily_limit": null})).unwrap();
        assert_eq!(changed.daily_limit, None);
    }

    #[test]
    fn what_cannot_be_changed_is_refused_by_name() {
        for (fields, word) in [
            (json!({"id": "x"}), "`id`"),
            (json!({"history": []}), "`history`"),
            (json!({"run_sm": 5}), "run_sm"),
            (json!([]), "object"),
        ] {
            let error = overlaid(&dataflow(), &fields).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert_eq!(error.code(), "invalid_body");
        }
    }
}
