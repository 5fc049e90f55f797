//! The simulated services: which of them a request is for, and what it answers.
//!
//! One file per service. A service sees a whole request and the state, and gives a whole reply;
//! it knows nothing of sockets, faults and the log. Paths decide the service, because all of them
//! stand behind one address here.

pub mod entra;
pub mod fabric;
pub mod instead;
pub mod power_automate;
pub mod power_bi;

use http::Method;
use jiff::Timestamp;
use serde_json::json;

use crate::faults::Operation;
use crate::message::{Answer, Reply, Request, form_value};
use crate::state::State;

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Entra.
    Entra(entra::Call),
    /// Power BI.
    PowerBi(power_bi::Call),
    /// Fabric.
    Fabric(fabric::Call),
    /// Power Automate.
    PowerAutomate(power_automate::Call),
    /// Nothing that is simulated here.
    Unknown,
}

impl Call {
    /// The call that this method and path stand for.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        power_bi::Call::of(method, &segments)
            .map(Self::PowerBi)
            .or_else(|| fabric::Call::of(method, &segments).map(Self::Fabric))
            .or_else(|| power_automate::Call::of(&segments).map(Self::PowerAutomate))
            .or_else(|| entra::Call::of(&segments).map(Self::Entra))
            .unwrap_or(Self::Unknown)
    }

    /// The name of the service in the log.
    #[must_use]
    pub fn service(&self) -> &'static str {
        match self {
            Self::Entra(_) => "entra",
            Self::PowerBi(_) => "power_bi",
            Self::Fabric(_) => "fabric",
            Self::PowerAutomate(_) => "power_automate",
            Self::Unknown => "unknown",
        }
    }

    /// What it asks for, in the words of faults and log.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self {
            Self::Entra(_) => Some(Operation::Token),
            Self::PowerBi(call) => call.operation(),
            Self::Fabric(call) => call.operation(),
            Self::PowerAutomate(call) => Some(call.operation()),
            Self::Unknown => None,
        }
    }

    /// The ids by which a fault may name it.
    #[must_use]
    pub fn targets(&self, state: &State) -> Vec<String> {
        match self {
            Self::Entra(call) => vec![call.tenant.clone()],
            Self::PowerBi(call) => call.targets(state),
            Self::Fabric(call) => call.ids().into_iter().map(str::to_owned).collect(),
            Self::PowerAutomate(call) => call.targets(state),
            Self::Unknown => Vec::new(),
        }
    }

    /// Who calls, by what the request proves: the object id of a token, the client of a form, the
    /// flow of a signature. Nobody of a request that proves nothing.
    #[must_use]
    pub fn identity(&self, incoming: &Request, state: &State) -> String {
        let by_token = || {
            incoming
                .bearer()
                .and_then(|token| state.claims_of(token))
                .map(|claims| claims.oid.to_string())
        };
        let identity = match self {
            Self::Entra(_) => form_value(&String::from_utf8_lossy(&incoming.body), "client_id"),
            Self::PowerBi(_) | Self::Fabric(_) | Self::Unknown => by_token(),
            Self::PowerAutomate(call) => by_token().or_else(|| Some(call.workflow().to_owned())),
        };
        identity.unwrap_or_else(|| "nobody".to_owned())
    }
}

/// What the services answer to `call` at `now`; `number` is the request's number in the log.
pub fn answer(
    call: &Call,
    incoming: &Request,
    state: &mut State,
    now: Timestamp,
    number: u64,
) -> Answer {
    if matches!(call, Call::PowerBi(_) | Call::Fabric(_)) {
        let identity = call.identity(incoming, state);
        if let Some(seconds) = state.throttled(call.service(), &identity, now) {
            return instead::too_many(call.service(), now, seconds, false).into();
        }
    }
    match call {
        Call::Entra(call) => entra::answer(call, incoming, state, now).into(),
        Call::PowerBi(call) => power_bi::answer(call, incoming, state, now, number).into(),
        Call::Fabric(call) => fabric::answer(call, incoming, state, now, number).into(),
        Call::PowerAutomate(call) => {
            power_automate::answer(call, incoming, state, now, number)
        }
        Call::Unknown => Reply::json(
            404,
            &json!({"error": {"code": "NotFound", "message": "Nothing is simulated at this path."}}),
        )
        .into(),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Requests for the tests of the services.

    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue, Method};

    use super::Request;

    /// A request to `target` (path and query).
    pub(crate) fn request(
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        Request {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: map,
            body: Bytes::copy_from_slice(body.as_bytes()),
            base: "http://127.0.0.1:9".to_owned(),
        }
    }
}
