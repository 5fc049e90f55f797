//! The admin API under `/__simulator/`, for tests that run the simulator as a process. Its
//! requests are not logged and no fault befalls them.
//!
//! | request | what it does |
//! |---|---|
//! | `GET requests` | every request so far ([`LoggedRequest`](crate::log::LoggedRequest)) |
//! | `GET world` | the truth ([`WorldView`](crate::view::WorldView)) |
//! | `GET items` | the truth about every content ([`ItemView`](crate::view::ItemView)) |
//! | `GET items/{id}` | the truth about one |
//! | `GET violations` | what no client may do ([`Violation`](crate::violations::Violation)) |
//! | `POST faults` | replaces the faults by those of the array |
//! | `POST dataflows/{id}` | changes the given settings of a dataflow |
//! | `POST dataflows_gen2/{id}` | changes the given settings of a Gen2 dataflow |
//! | `POST models/{id}` | changes the given settings of a semantic model |
//! | `POST {any of these}/{id}/runs` | `{"refresh_type"}`: begins a run, as the scheduler or another user would |
//! | `POST clients/{client_id}` | changes the given settings of a client |
//! | `POST flows/{id}` | changes the given settings of a flow |
//! | `POST complete/{id}` | `{"status"}`: ends every run that is in progress |
//! | `POST advance` | `{"seconds"}`: moves the clock on |

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339_millis;
use crate::engine::{AdminError, Engine};
use crate::faults::FaultRule;
use crate::message::{Incoming, Reply};
use crate::world::RefreshType;

/// Everything under this path is for the test, not for the services.
const PREFIX: &str = "/__simulator/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginRun {
    refresh_type: RefreshType,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Complete {
    status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

/// True for a request of the admin API.
pub(crate) fn is_for_us(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// What the admin API answers.
pub(crate) fn answer(engine: &Engine, incoming: &Incoming) -> Reply {
    match act(engine, incoming) {
        Ok(body) => Reply::json(200, &body),
        Err(error) => {
            let status = match error {
                AdminError::InvalidBody(_) => 400,
                AdminError::UnknownPath(_) | AdminError::UnknownId { .. } => 404,
            };
            let message = error.to_string();
            Reply::json(
                status,
                &json!({"error": {"code": error.code(), "message": message}}),
            )
        }
    }
}

fn act(engine: &Engine, incoming: &Incoming) -> Result<Value, AdminError> {
    let path = incoming.path.strip_prefix(PREFIX).unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    match (incoming.method.as_str(), segments.as_slice()) {
        ("GET", ["requests"]) => Ok(json!(engine.requests())),
        ("GET", ["world"]) => Ok(json!(engine.world())),
        ("GET", ["items"]) => Ok(json!(engine.items())),
        ("GET", ["items", id]) => Ok(json!(engine.item(guid("content", id)?)?)),
        ("GET", ["violations"]) => Ok(json!(engine.violations())),
        ("POST", ["faults"]) => {
            let rules: Vec<FaultRule> = body(incoming)?;
            let count = rules.len();
            engine.set_faults(rules);
            Ok(json!({"faults": count}))
        }
        ("POST", ["dataflows", id]) => {
            engine.change_dataflow(guid("dataflow", id)?, &body(incoming)?)?;
            Ok(json!({"changed": id}))
        }
        ("POST", ["dataflows_gen2", id]) => {
            engine.change_dataflow_gen2(guid("Gen2 dataflow", id)?, &body(incoming)?)?;
            Ok(json!({"changed": id}))
        }
        ("POST", ["models", id]) => {
            engine.change_model(guid("semantic model", id)?, &body(incoming)?)?;
            Ok(json!({"changed": id}))
        }
        ("POST", ["clients", id]) => {
            engine.change_client(guid("client", id)?, &body(incoming)?)?;
            Ok(json!({"changed": id}))
        }
        ("POST", ["dataflows" | "dataflows_gen2" | "models", id, "runs"]) => {
            let wanted: BeginRun = body(incoming)?;
            let run = engine.begin_run(guid("content", id)?, wanted.refresh_type)?;
            Ok(json!({"transaction": run}))
        }
        ("POST", ["flows", id]) => {
            engine.change_flow(id, &body(incoming)?)?;
            Ok(json!({"changed": id}))
        }
        ("POST", ["complete", id]) => {
            let wanted: Complete = body(incoming)?;
            let ended = engine.complete(guid("content", id)?, &wanted.status)?;
            Ok(json!({"completed": ended}))
        }
        ("POST", ["advance"]) => {
            let wanted: Advance = body(incoming)?;
            let by = Duration::try_from_secs_f64(wanted.seconds)
                .map_err(|error| AdminError::InvalidBody(format!("`seconds`: {error}")))?;
            Ok(json!({"now": rfc3339_millis(engine.advance(by))}))
        }
        _ => Err(AdminError::UnknownPath(incoming.path.clone())),
    }
}

fn body<T: DeserializeOwned>(incoming: &Incoming) -> Result<T, AdminError> {
    serde_json::from_slice(&incoming.body)
        .map_err(|error| AdminError::InvalidBody(error.to_string()))
}

fn guid(kind: &'static str, id: &str) -> Result<Uuid, AdminError> {
    Uuid::parse_str(id).map_err(|_| AdminError::UnknownId {
        kind,
        id: id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Method;

    use super::*;
    use crate::clock::StandingClock;
    use crate::scenario;
    use crate::service::testing::request;

    fn engine() -> Engine {
        let clock = StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap());
        Engine::new(scenario::order_list_completes(), Arc::new(clock))
    }

    fn post(engine: &Engine, path: &str, body: &str) -> (u16, Value) {
        ask(engine, Method::POST, path, body)
    }

    fn ask(engine: &Engine, method: Method, path: &str, body: &str) -> (u16, Value) {
        let incoming = request(method, &format!("{PREFIX}{path}"), &[], body);
        let reply = answer(engine, &incoming);
        (
            reply.status.as_u16(),
            serde_json::from_slice(&reply.body).unwrap(),
        )
    }

    #[test]
    fn a_scheduled_run_can_be_begun_completed_and_seen() {
        let engine = engine();
        let id = scenario::MASTER_ORDER_LIST;
        let change = format!("dataflows/{id}");
        assert_eq!(post(&engine, &change, r#"{"ends":"Never"}"#).0, 200);
        let (_, begun) = post(
            &engine,
            &format!("{change}/runs"),
            r#"{"refresh_type":"Scheduled"}"#,
        );
        let (_, completed) = post(&engine, &format!("complete/{id}"), r#"{"status":"Failed"}"#);
        assert_eq!(completed["completed"][0], begun["transaction"]);
        let (_, world) = ask(&engine, Method::GET, "world", "");
        let run = &world["dataflows"][0]["transactions"][0];
        assert_eq!(
            (&run["status"], &run["asked_by"]),
            (&json!("Failed"), &json!("scheduled"))
        );
    }

    #[test]
    fn the_truth_holds_no_signature() {
        let (_, world) = ask(&engine(), Method::GET, "world", "");
        assert_eq!(world["flows"][0]["sig"], "***");
        assert!(!world.to_string().contains("INVENTED"));
    }

    #[test]
    fn the_clock_moves_on_but_not_back() {
        let engine = engine();
        let (_, body) = post(&engine, "advance", r#"{"seconds":1.5}"#);
        assert_eq!(body["now"], "2026-10-01T01:00:01.500Z");
        assert_eq!(post(&engine, "advance", r#"{"seconds":-1}"#).0, 400);
    }

    #[test]
    fn what_cannot_be_done_says_why() {
        let engine = engine();
        for (path, body, status, code) in [
            ("nowhere", "{}", 404, "unknown_path"),
            ("dataflows/x", "{}", 404, "unknown_id"),
            ("flows/x", "{}", 404, "unknown_id"),
            (
                "faults",
                r#"[{"on":"tea","fault":"reset"}]"#,
                400,
                "invalid_body",
            ),
            ("advance", "", 400, "invalid_body"),
        ] {
            let (got, answer) = post(&engine, path, body);
            assert_eq!(
                (got, &answer["error"]["code"]),
                (status, &json!(code)),
                "{path}"
            );
        }
    }
}
