//! The admin API under `/__simulator/`, for tests that run the simulator as a process. Its
//! requests are not logged, and no fault affects them.
//!
//! | request | effect |
//! |---|---|
//! | `GET requests` | every request so far ([`LoggedRequest`](crate::log::LoggedRequest)) |
//! | `GET violations` | the broken rules ([`Violation`](crate::violations::Violation)) |
//! | `GET world` | the true state ([`WorldView`](crate::view::WorldView)) |
//! | `GET items` | the true state of every item ([`ItemView`](crate::view::ItemView)) |
//! | `GET items/{id}` | the true state of one item |
//! | `POST faults` | replaces the fault rules by those of the array |
//! | `POST settings/{id}` | changes the given settings of an item, a flow or a client |
//! | `POST runs/{id}` | `{"refresh_type"}`: begins a run, as the scheduler or another user would |
//! | `POST complete/{id}` | `{"status"}`: ends every run that is in progress |
//! | `POST advance` | `{"seconds"}`: moves the clock forward |

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::{http_date, rfc3339_millis};
use crate::core::{AdminError, Core};
use crate::faults::FaultRule;
use crate::message::{Reply, Request};

const PREFIX: &str = "/__simulator/";

/// The reply of the admin API; `None`: the request is for a service.
pub(crate) fn reply(core: &Core, request: &Request) -> Option<Reply> {
    let path = request.path.strip_prefix(PREFIX)?;
    let reply = match act(core, request, path) {
        Ok(body) => Reply::json(200, &body),
        Err(error) => {
            let status = match error {
                AdminError::InvalidBody(_) => 400,
                AdminError::UnknownPath(_) | AdminError::UnknownId { .. } => 404,
            };
            let message = error.to_string();
            let body = json!({"error": {"code": error.code(), "message": message}});
            Reply::json(status, &body)
        }
    };
    Some(reply.with_header("date", &http_date(core.now())))
}

fn act(core: &Core, request: &Request, path: &str) -> Result<Value, AdminError> {
    let segments: Vec<&str> = path.split('/').collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["requests"]) => Ok(json!(core.requests())),
        ("GET", ["violations"]) => Ok(json!(core.violations())),
        ("GET", ["world"]) => Ok(json!(core.world())),
        ("GET", ["items"]) => Ok(json!(core.items())),
        ("GET", ["items", id]) => Ok(json!(core.item(guid(id)?)?)),
        ("POST", ["faults"]) => {
            let rules: Vec<FaultRule> = body(request)?;
            let count = rules.len();
            core.set_faults(rules);
            Ok(json!({"faults": count}))
        }
        ("POST", ["settings", id]) => {
            core.change(id, &body(request)?)?;
            Ok(json!({"changed": id}))
        }
        ("POST", ["runs", id]) => {
            let refresh_type = field(request, "refresh_type")?;
            Ok(json!({"began": core.begin_run(guid(id)?, refresh_type)?}))
        }
        ("POST", ["complete", id]) => {
            let status: String = field(request, "status")?;
            Ok(json!({"completed": core.complete(guid(id)?, &status)?}))
        }
        ("POST", ["advance"]) => {
            let by = Duration::try_from_secs_f64(field(request, "seconds")?)
                .map_err(|error| AdminError::InvalidBody(format!("`seconds`: {error}")))?;
            Ok(json!({"now": rfc3339_millis(core.advance(by))}))
        }
        _ => Err(AdminError::UnknownPath(request.path.clone())),
    }
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, AdminError> {
    serde_json::from_slice(&request.body)
        .map_err(|error| AdminError::InvalidBody(error.to_string()))
}

/// The only field of the body.
fn field<T: DeserializeOwned>(request: &Request, name: &str) -> Result<T, AdminError> {
    let mut body: Value = body(request)?;
    let value = body.get_mut(name).map(Value::take).unwrap_or_default();
    serde_json::from_value(value)
        .map_err(|error| AdminError::InvalidBody(format!("`{name}`: {error}")))
}

fn guid(id: &str) -> Result<Uuid, AdminError> {
    Uuid::parse_str(id).map_err(|_| AdminError::UnknownId {
        kind: "item",
        id: id.to_owned(),
    })
}
