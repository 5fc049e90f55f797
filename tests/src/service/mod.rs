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

/// What a route does with a call. The `Err` is a refusal.
type Handler = fn(&mut Call<'_>) -> Result<Answer, Reply>;

/// One route of a service.
struct Route {
    /// The method; empty: any.
    method: &'static str,
    /// The path below the service's prefix. `{name}` stands for one segment.
    path: &'static str,
    operation: Operation,
    handler: Handler,
}

const fn route(
    method: &'static str,
    path: &'static str,
    operation: Operation,
    handler: Handler,
) -> Route {
    Route {
        method,
        path,
        operation,
        handler,
    }
}

/// A service: its name in the log, the prefix of its paths, its routes, and what it does with
/// other paths under the prefix.
struct Service {
    name: &'static str,
    prefix: &'static str,
    routes: &'static [Route],
    fallback: Handler,
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
    ids: Vec<(&'static str, String)>,
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
            for route in service.routes {
                if (route.method.is_empty() || route.method == method.as_str())
                    && let Some(ids) = captures(route.path, rest)
                {
                    return Self {
                        service: service.name,
                        operation: Some(route.operation),
                        handler: route.handler,
                        ids,
                    };
                }
            }
            if !is_root {
                return Self::without_route(service.name, service.fallback);
            }
        }
        Self::without_route("unknown", nothing_here)
    }

    fn without_route(service: &'static str, handler: Handler) -> Self {
        Self {
            service,
            operation: None,
            handler,
            ids: Vec::new(),
        }
    }

    /// The segment of the path with this name; empty if it has none.
    pub(crate) fn id(&self, name: &str) -> &str {
        let mut ids = self.ids.iter();
        ids.find(|(known, _)| *known == name)
            .map_or("", |(_, id)| id)
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

/// The segments of `path` that stand for the names in `pattern`; `None`: it does not match.
fn captures(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut segments = path.split('/');
    let mut ids = Vec::new();
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        let name = expected
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match name {
            Some(name) => ids.push((name, segment.to_owned())),
            None if segment.eq_ignore_ascii_case(expected) => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(ids)
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
