//! Fabric's REST interface: workspaces, Gen2 dataflows and their jobs (facts, 3 and 5.3). The codes
//! of a malformed request are guesses.

use serde_json::{Value, json};
use uuid::Uuid;

use super::api::{Access, without_nulls};
use super::{Call, Service};
use crate::clock::utc_without_z;
use crate::faults::Operation as Op;
use crate::message::{Answer, Reply};
use crate::state::{CancelOutcome, Run, RunRequest};
use crate::world::{Item, ItemKind::DataflowGen2, Principal};

/// The audience that a token for Fabric must have exactly.
pub(super) const AUDIENCE: &str = "https://api.fabric.microsoft.com";

pub(super) const SERVICE: Service = Service {
    name: "fabric",
    prefix: "/v1/",
    routes: "\
GET workspaces fabric_workspaces
GET workspaces/{workspace}/dataflows fabric_dataflows
GET workspaces/{workspace}/dataflows/{item} fabric_dataflows
POST workspaces/{workspace}/dataflows/{item}/jobs/execute/instances fabric_run
POST workspaces/{workspace}/items/{item}/jobs/instances fabric_run
POST workspaces/{workspace}/items/{item}/jobs/{type}/instances fabric_run
GET workspaces/{workspace}/items/{item}/jobs/instances fabric_instances
GET workspaces/{workspace}/items/{item}/jobs/instances/{run} fabric_instance
POST workspaces/{workspace}/items/{item}/jobs/instances/{run}/cancel fabric_cancel
",
    handler: |call| match (call.routed.operation, call.routed.named("item")) {
        (Some(Op::FabricWorkspaces), _) => workspaces(call),
        (Some(Op::FabricDataflows), None) => dataflows(call),
        (Some(Op::FabricDataflows), Some(_)) => dataflow(call),
        (Some(Op::FabricRun), _) => run(call),
        (Some(Op::FabricInstances), _) => instances(call),
        (Some(Op::FabricInstance), _) => instance(call),
        (Some(Op::FabricCancel), _) => cancel(call),
        _ => {
            call.caller()?;
            Err(call.refuse(404, "EntityNotFound", "There is nothing at this path."))
        }
    },
};

/// How many entries are on one page unless the world says so.
const DEFAULT_PAGE: u32 = 100;

/// The beginning of a continuation token; the number of entries so far follows.
const TOKEN: &str = "INVENTED-page-";

const EXECUTE_OPTIONS: [&str; 2] = ["SkipApplyChanges", "ApplyChangesIfNeeded"];

/// An error as Fabric writes it.
pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    let id = Uuid::new_v4().to_string();
    let body = json!({"requestId": id, "errorCode": code, "message": message});
    Reply::json(status, &body)
        .with_header("requestid", &id)
        .with_header("x-ms-public-api-error-code", code)
}

fn workspaces(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let caller = call.caller()?.oid;
    let workspaces = call.state.world.workspaces.iter();
    let all = workspaces
        .filter(|workspace| workspace.admits(caller))
        .map(|workspace| {
            json!({
                "id": workspace.id, "displayName": workspace.name, "description": "",
                "type": "Workspace",
            })
        })
        .collect();
    page(call, all)
}

fn shown_item(dataflow: &Item) -> Value {
    json!({
        "id": dataflow.id, "displayName": dataflow.name, "description": "",
        "type": "Dataflow", "workspaceId": dataflow.workspace,
    })
}

fn dataflows(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let all = call.items(DataflowGen2, shown_item)?;
    page(call, all)
}

fn dataflow(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let dataflow = call.item(DataflowGen2, Access::List)?;
    Ok(Reply::json(200, &shown_item(&dataflow)).into())
}

/// The requested page of a list, with the address of the next one.
fn page(call: &Call<'_>, all: Vec<Value>) -> Result<Answer, Reply> {
    let size = call.state.world.fabric_page_size.unwrap_or(DEFAULT_PAGE);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let token = call.request.query_value("continuationToken");
    let skip = token
        .map_or(Some(0), |token| token.strip_prefix(TOKEN)?.parse().ok())
        .ok_or_else(|| {
            let message = "The continuation token is not one that was given out.";
            call.refuse(400, "InvalidParameter", message)
        })?;
    let end = size.saturating_add(skip);
    let next = (end < all.len()).then(|| format!("{TOKEN}{end}"));
    let value: Vec<Value> = all.into_iter().skip(skip).take(size).collect();
    let here = format!("{}{}", call.request.base, call.request.path);
    let uri = next.as_ref();
    let uri = uri.map(|next| format!("{here}?continuationToken={next}"));
    let body = json!({"value": value, "continuationToken": next, "continuationUri": uri});
    let body = without_nulls(body);
    Ok(Reply::json(200, &body).into())
}

/// 202 with the address of an instance and the time to wait.
fn accepted(call: &Call<'_>, dataflow: &Item, instance: &str) -> Answer {
    let location = format!(
        "{}/v1/workspaces/{}/items/{}/jobs/instances/{instance}",
        call.request.base, dataflow.workspace, dataflow.id
    );
    Reply::empty(202)
        .with_header("location", &location)
        .with_header("retry-after", &dataflow.retry_after_s.to_string())
        .with_header(
            "access-control-expose-headers",
            "RequestId,Location,Retry-After",
        )
        .into()
}

fn run(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let dataflow = call.item(DataflowGen2, Access::Write)?;
    // The type is in the path, in the query, or fixed.
    let job_type = match call.routed.named("type") {
        Some(job_type) => job_type.to_owned(),
        None if call.request.path.contains("/items/") => {
            call.request.query_value("jobType").unwrap_or_default()
        }
        None => "Execute".to_owned(),
    };
    let job_type = ["Refresh", "Execute"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(&job_type))
        .ok_or_else(|| call.refuse(400, "InvalidJobType", "The job type is invalid."))?;
    let execution = execution(&call.request.body, &dataflow)
        .map_err(|message| call.refuse(400, "InvalidInput", &message))?;
    let request = RunRequest {
        job_type: job_type.to_owned(),
        execution,
        by_app: call.caller()?.idtyp == Principal::App,
        enhanced: None,
    };
    let requester = call.requester();
    let run = call
        .state
        .request_run(dataflow.id, call.now, requester, request)
        .map_err(|refusal| call.refused(&refusal))?;
    Ok(accepted(call, &dataflow, &run.id))
}

/// The `executionData` of the body; null where there is none. The error is a message.
fn execution(body: &[u8], dataflow: &Item) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err("The body must be a JSON object.".to_owned());
    };
    let data = match fields.remove("executionData") {
        None | Some(Value::Null) => return Ok(Value::Null),
        Some(Value::Object(data)) => data,
        Some(_) => return Err("`executionData` must be an object.".to_owned()),
    };
    for (name, value) in &data {
        match name.as_str() {
            "executeOption" => {
                let option = value.as_str().unwrap_or_default();
                if !EXECUTE_OPTIONS.contains(&option) {
                    return Err(format!("`executeOption` {value} is not one."));
                }
            }
            "parameters" => {
                for parameter in value.as_array().into_iter().flatten() {
                    let name = parameter.get("parameterName").and_then(Value::as_str);
                    let name = name.unwrap_or_default();
                    if !dataflow.parameters.iter().any(|known| known == name) {
                        return Err(format!("The dataflow has no parameter '{name}'."));
                    }
                }
            }
            other => return Err(format!("`executionData` has no field `{other}`.")),
        }
    }
    Ok(Value::Object(data))
}

fn shown_run(call: &Call<'_>, run: &Run, dataflow: &Item) -> Value {
    let status = run.status(call.now);
    let hides_end = status == "Cancelled" && dataflow.cancelled_without_end;
    let ended = run.ended_at(call.now).filter(|_| !hides_end);
    let failure = run.failure(call.now).map(|failure| {
        json!({
            "requestId": run.activity, "errorCode": failure.code,
            "message": failure.message, "isRetriable": failure.retriable,
        })
    });
    let job_type = match run.request.job_type.as_str() {
        "" => "Refresh",
        other => other,
    };
    json!({
        "id": run.id,
        "itemId": run.item,
        "jobType": job_type,
        "invokeType": run.invoke_type(),
        "status": status,
        "failureReason": failure,
        "rootActivityId": run.activity,
        "startTimeUtc": utc_without_z(run.started_at),
        "endTimeUtc": ended.map(utc_without_z),
    })
}

fn instance(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let dataflow = call.item(DataflowGen2, Access::Read)?;
    let run = call.run_in_path(&dataflow)?;
    let mut reply = Reply::json(200, &shown_run(call, run, &dataflow));
    if let Some(seconds) = dataflow.poll_retry_after_s
        && run.ended_at(call.now).is_none()
    {
        reply.set_header("retry-after", &seconds.to_string());
    }
    Ok(reply.into())
}

fn instances(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let dataflow = call.item(DataflowGen2, Access::Read)?;
    let mut all: Vec<Value> = call
        .visible_runs(&dataflow)
        .filter(|run| dataflow.lists_running || run.ended_at(call.now).is_some())
        .map(|run| shown_run(call, run, &dataflow))
        .collect();
    // No order is promised, so it is the one that helps a client least.
    all.reverse();
    page(call, all)
}

fn cancel(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let dataflow = call.item(DataflowGen2, Access::Write)?;
    let id = call.run_in_path(&dataflow)?.id.clone();
    if !dataflow.refreshable {
        return Err(call.forbidden());
    }
    match call.state.cancel(&id, call.now) {
        CancelOutcome::Marked => Ok(accepted(call, &dataflow, &id)),
        _ => Err(call.refuse(
            400,
            "JobAlreadyCompleted",
            "The job instance has already completed.",
        )),
    }
}
