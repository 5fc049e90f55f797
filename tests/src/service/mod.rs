//! The simulated services: the route of a request, and the reply to it.
//!
//! One file per service. A service sees a complete request and the state and returns a complete
//! reply; it knows nothing of sockets, faults and the log. Each has a table of routes, because
//! faults, log and violations need the operation and the ids of a request even where the service
//! refuses it. The path decides the service: all of them share one address here.

mod api;
mod entra;
mod fabric;
mod models;
mod power_automate;
mod power_bi;
mod replies;

use http::Method;
use jiff::Timestamp;
use serde_json::json;

use crate::faults::Operation;
use crate::message::{Answer, Reply, Request, form_value};
use crate::state::State;

pub(crate) use entra::issue;
pub(crate) use power_automate::held_reply;
pub(crate) use replies::of_fault;

/// What a service does with a call. The `Err` is a refusal.
type Handler = fn(&mut Call<'_>) -> Result<Answer, Reply>;

/// A service.
struct Service {
    /// Its name in the log.
    name: &'static str,
    /// The prefix of its paths.
    prefix: &'static str,
    /// A line for each route: method (`*`: any), path below the prefix, operation. `{name}` stands
    /// for one segment of the path.
    routes: &'static str,
    handler: Handler,
}

const SERVICES: [Service; 4] = [
    power_bi::SERVICE,
    fabric::SERVICE,
    power_automate::SERVICE,
    entra::SERVICE,
];

/// The route of a request, and the ids in its path.
pub(crate) struct Routed {
    pub(crate) service: &'static str,
    pub(crate) operation: Option<Operation>,
    handler: Handler,
    ids: Ids,
}

impl Routed {
    /// The route of this method and path.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        for service in &SERVICES {
            let Some(rest) = path.strip_prefix(service.prefix) else {
                continue;
            };
            // Power Automate accepts a trailing slash.
            let is_root = service.prefix == "/";
            let rest = if is_root {
                rest.trim_end_matches('/')
            } else {
                rest
            };
            let routes = service.routes.lines();
            let mut matching = routes.filter_map(|route| matched(route, method.as_str(), rest));
            let (operation, ids) = match matching.next() {
                Some((operation, ids)) => (Some(operation), ids),
                None if is_root => continue,
                None => (None, Vec::new()),
            };
            return Self {
                service: service.name,
                operation,
                handler: service.handler,
                ids,
            };
        }
        Self {
            service: "unknown",
            operation: None,
            handler: nothing_here,
            ids: Vec::new(),
        }
    }

    /// The segment of the path with this name, if it has one.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        let mut ids = self.ids.iter();
        ids.find(|(known, _)| *known == name)
            .map(|(_, id)| id.as_str())
    }

    /// The segment of the path with this name; empty if it has none.
    pub(crate) fn id(&self, name: &str) -> &str {
        self.named(name).unwrap_or_default()
    }

    /// The segments that must be GUIDs.
    pub(crate) fn guids(&self) -> impl Iterator<Item = &str> {
        let guids = self.ids.iter();
        guids
            .filter(|(name, _)| self.is_api() && *name != "transaction" && *name != "type")
            .map(|(_, id)| id.as_str())
    }

    /// True for Power BI and Fabric.
    pub(crate) fn is_api(&self) -> bool {
        matches!(self.service, "power_bi" | "fabric")
    }

    /// The ids by which a fault rule can select the request.
    pub(crate) fn targets(&self, state: &State) -> Vec<String> {
        let transaction = power_bi::decoded(self.id("transaction"));
        let item = state.run(&transaction).map(|run| run.item.to_string());
        let flow = state.world.find_flow(self.id("flow"));
        let ids = self.ids.iter().map(|(_, id)| id.clone());
        ids.chain(item)
            .chain(flow.map(|flow| flow.name.to_string()))
            .collect()
    }

    /// Who calls, as far as the request proves it: the object id of a token, the client of a form,
    /// the flow of a signature.
    pub(crate) fn identity(&self, request: &Request, state: &State) -> String {
        let token = request.bearer().and_then(|token| state.claims_of(token));
        if let Some(claims) = token {
            return claims.oid.to_string();
        }
        match self.service {
            "entra" => form_value(&String::from_utf8_lossy(&request.body), "client_id"),
            _ => Some(self.id("flow").to_owned()),
        }
        .unwrap_or_default()
    }
}

/// The named segments of a path.
type Ids = Vec<(&'static str, String)>;

/// The operation of a route, and the segments of `path` that stand for its names; `None`: it does
/// not match.
fn matched(route: &'static str, method: &str, path: &str) -> Option<(Operation, Ids)> {
    let mut columns = route.split(' ');
    columns
        .next()
        .filter(|expected| *expected == "*" || *expected == method)?;
    let mut segments = path.split('/');
    let mut ids = Vec::new();
    for expected in columns.next()?.split('/') {
        let segment = segments.next()?;
        let name = expected.strip_prefix('{');
        match name.and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => ids.push((name, segment.to_owned())),
            None if segment.eq_ignore_ascii_case(expected) => {}
            None => return None,
        }
    }
    let operation = serde_json::from_value(columns.next()?.into()).ok()?;
    segments.next().is_none().then_some((operation, ids))
}

/// A request that a service handles.
pub(crate) struct Call<'a> {
    pub(crate) routed: &'a Routed,
    pub(crate) request: &'a Request,
    pub(crate) state: &'a mut State,
    pub(crate) now: Timestamp,
    /// The number of the request in the log.
    pub(crate) number: u64,
}

impl Call<'_> {
    /// The answer of the services.
    pub(crate) fn answer(mut self) -> Answer {
        if self.routed.is_api() {
            let service = self.routed.service;
            let identity = self.routed.identity(self.request, self.state);
            if let Some(seconds) = self.state.throttled(service, &identity, self.now) {
                return replies::too_many(service, self.now, seconds, false).into();
            }
        }
        (self.routed.handler)(&mut self).unwrap_or_else(Answer::Now)
    }
}

fn nothing_here(_: &mut Call<'_>) -> Result<Answer, Reply> {
    Err(Reply::json(
        404,
        &json!({"error": {"code": "NotFound", "message": "Nothing is simulated at this path."}}),
    ))
}
