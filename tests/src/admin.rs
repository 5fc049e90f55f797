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
//! | `POST settings/{id}` | changes the given settings of an item, a flow or a client |
//! | `POST runs/{id}` | `{"refresh_type"}`: begins a run, as the scheduler or another user would |
//! | `POST complete/{id}` | `{"status"}`: ends every run that is in progress |
//! | `POST advance` | `{"seconds"}`: moves the clock on |

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339_millis;
use crate::core::{AdminError, Core};
use crate::faults::FaultRule;
use crate::message::{Reply, Request};
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
pub(crate) fn answer(engine: &Core, request: &Request) -> Reply {
    match act(engine, request) {
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

fn act(engine: &Core, request: &Request) -> Result<Value, AdminError> {
    let path = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["requests"]) => Ok(json!(engine.requests())),
        ("GET", ["world"]) => Ok(json!(engine.world())),
        ("GET", ["items"]) => Ok(json!(engine.items())),
        ("GET", ["items", id]) => Ok(json!(engine.item(guid("content", id)?)?)),
        ("GET", ["violations"]) => Ok(json!(engine.violations())),
        ("POST", ["faults"]) => {
            let rules: Vec<FaultRule> = body(request)?;
            let count = rules.len();
            engine.set_faults(rules);
            Ok(json!({"faults": count}))
        }
        ("POST", ["settings", id]) => {
            engine.change(id, &body(request)?)?;
            Ok(json!({"changed": id}))
        }
        ("POST", ["runs", id]) => {
            let wanted: BeginRun = body(request)?;
            let run = engine.begin_run(guid("item", id)?, wanted.refresh_type)?;
            Ok(json!({"began": run}))
        }
        ("POST", ["complete", id]) => {
            let wanted: Complete = body(request)?;
            let ended = engine.complete(guid("content", id)?, &wanted.status)?;
            Ok(json!({"completed": ended}))
        }
        ("POST", ["advance"]) => {
            let wanted: Advance = body(request)?;
            let by = Duration::try_from_secs_f64(wanted.seconds)
                .map_err(|error| AdminError::InvalidBody(format!("`seconds`: {error}")))?;
            Ok(json!({"now": rfc3339_millis(engine.advance(by))}))
        }
        _ => Err(AdminError::UnknownPath(request.path.clone())),
    }
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, AdminError> {
    serde_json::from_slice(&request.body)
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

    fn engine() -> Core {
        let clock = StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap());
        Core::new(scenario::order_list_completes(), Arc::new(clock))
    }

    fn post(engine: &Core, path: &str, body: &str) -> (u16, Value) {
        ask(engine, Method::POST, path, body)
    }

    fn ask(engine: &Core, method: Method, path: &str, body: &str) -> (u16, Value) {
        let request = request(method, &format!("{PREFIX}{path}"), &[], body);
        let reply = answer(engine, &request);
        (
            reply.status.as_u16(),
            serde_json::from_slice(&reply.body).unwrap(),
        )
    }

    #[test]
    fn a_scheduled_run_can_be_begun_completed_and_seen() {
        let engine = engine();
        let id = scenario::MASTER_ORDER_LIST;
        let change = format!("settings/{id}");
        assert_eq!(post(&engine, &change, r#"{"ends":"Never"}"#).0, 200);
        let (_, begun) = post(
            &engine,
            &format!("runs/{id}"),
            r#"{"refresh_type":"Scheduled"}"#,
        );
        let (_, completed) = post(&engine, &format!("complete/{id}"), r#"{"status":"Failed"}"#);
        assert_eq!(completed["completed"][0], begun["began"]);
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
            ("settings/x", "{}", 404, "unknown_id"),
            (
                "runs/x",
                r#"{"refresh_type":"OnDemand"}"#,
                404,
                "unknown_id",
            ),
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
