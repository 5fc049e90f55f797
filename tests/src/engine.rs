//! The simulator without its sockets: state, faults and log behind one lock.
//!
//! Every request passes through [`Engine::receive`] in one step under the lock: what is due happens,
//! the request is logged, a fault is chosen, and the service acts unless the fault prevents it. So
//! the log, the faults and the state never disagree about the order of events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Clock;
use crate::faults::{Fault, FaultPlan, FaultRule};
use crate::log::{LoggedRequest, RequestLog};
use crate::message::{Answer, Incoming, Reply};
use crate::service::{self, Call, instead, power_automate};
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
pub(crate) struct Engine {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    faults: FaultPlan,
    log: RequestLog,
    violations: Violations,
}

impl Engine {
    pub(crate) fn new(mut world: World, clock: Arc<dyn Clock>) -> Self {
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

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes a request in.
    pub(crate) fn receive(&self, incoming: &Incoming) -> Received {
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

    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.lock().log.entries().to_vec()
    }

    pub(crate) fn world(&self) -> WorldView {
        let (inner, now) = self.settled();
        view::of(&inner.state, now)
    }

    pub(crate) fn items(&self) -> Vec<ItemView> {
        let (inner, now) = self.settled();
        view::items(&inner.state, now)
    }

    pub(crate) fn item(&self, id: Uuid) -> Result<ItemView, AdminError> {
        self.items()
            .into_iter()
            .find(|item| item.id == id)
            .ok_or_else(|| unknown("content", id))
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.lock().violations.list().to_vec()
    }

    pub(crate) fn set_faults(&self, rules: Vec<FaultRule>) {
        self.lock().faults = FaultPlan::new(rules);
    }

    pub(crate) fn advance(&self, by: Duration) -> Timestamp {
        self.clock.advance(by);
        self.settled().1
    }

    /// Lays the given fields over the settings of a dataflow; for runs that begin from now on.
    pub(crate) fn change_dataflow(&self, id: Uuid, fields: &Value) -> Result<(), AdminError> {
        self.change("dataflow", &id.to_string(), fields, |world| {
            world.dataflows.iter_mut().find(|one| one.id == id)
        })
    }

    /// Lays the given fields over the settings of a Gen2 dataflow; for runs that begin from now on.
    pub(crate) fn change_dataflow_gen2(&self, id: Uuid, fields: &Value) -> Result<(), AdminError> {
        self.change("Gen2 dataflow", &id.to_string(), fields, |world| {
            world.dataflows_gen2.iter_mut().find(|one| one.id == id)
        })
    }

    /// Lays the given fields over the settings of a semantic model; for refreshes that begin from
    /// now on.
    pub(crate) fn change_model(&self, id: Uuid, fields: &Value) -> Result<(), AdminError> {
        self.change("semantic model", &id.to_string(), fields, |world| {
            world.models.iter_mut().find(|one| one.id == id)
        })
    }

    /// Lays the given fields over the settings of a flow; for triggers from now on.
    pub(crate) fn change_flow(&self, id: &str, fields: &Value) -> Result<(), AdminError> {
        self.change("flow", id, fields, |world| {
            let mut flows = world.flows.iter_mut();
            flows.find(|flow| flow.id.eq_ignore_ascii_case(id))
        })
    }

    /// Lays the given fields over the settings of a client; for tokens from now on.
    pub(crate) fn change_client(&self, id: Uuid, fields: &Value) -> Result<(), AdminError> {
        self.change("client", &id.to_string(), fields, |world| {
            let mut clients = world.tenants.values_mut().flat_map(|t| &mut t.clients);
            clients.find(|client| client.client_id == id)
        })
    }

    fn change<T: Serialize + DeserializeOwned>(
        &self,
        kind: &'static str,
        id: &str,
        fields: &Value,
        find: impl FnOnce(&mut World) -> Option<&mut T>,
    ) -> Result<(), AdminError> {
        let (mut inner, _) = self.settled();
        let settings = find(&mut inner.state.world).ok_or_else(|| unknown(kind, id))?;
        *settings = overlaid(settings, fields)?;
        Ok(())
    }

    /// Begins a run of any content as the scheduler or another user would; gives its id.
    pub(crate) fn begin_run(&self, id: Uuid, kind: RefreshType) -> Result<String, AdminError> {
        let (mut inner, now) = self.settled();
        inner
            .state
            .begin_by_itself(id, now, kind)
            .ok_or_else(|| unknown("content", id))
    }

    /// Ends what is in progress; gives the ids of the runs.
    pub(crate) fn complete(&self, id: Uuid, status: &str) -> Result<Vec<String>, AdminError> {
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
