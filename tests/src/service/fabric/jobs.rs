//! The jobs of Gen2 dataflows: asked for, looked at, stopped.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{error, not_found};
use crate::clock::utc_without_z;
use crate::message::{Reply, Request};
use crate::state::{Asker, Claims, Job, JobRequest, State};
use crate::world::{DataflowGen2, Principal};

/// How many instances the list shows at most.
const LISTED: usize = 100;

/// The options of `executeOption`.
const EXECUTE_OPTIONS: [&str; 2] = ["SkipApplyChanges", "ApplyChangesIfNeeded"];

/// The address of an instance.
fn location(incoming: &Request, dataflow: &DataflowGen2, job: Uuid) -> String {
    format!(
        "{}/v1/workspaces/{}/items/{}/jobs/instances/{job}",
        incoming.base, dataflow.workspace, dataflow.id
    )
}

/// 202 that says where to look, and when.
fn accepted(location: &str, retry_after_s: u64) -> Reply {
    Reply::empty(202)
        .with_header("location", location)
        .with_header("retry-after", &retry_after_s.to_string())
        .with_header(
            "access-control-expose-headers",
            "RequestId,Location,Retry-After",
        )
}

/// Asks for a run. `job_type` is that of the path, where it has one.
pub(super) fn run(
    incoming: &Request,
    state: &mut State,
    dataflow: Uuid,
    job_type: Option<&str>,
    claims: &Claims,
    now: Timestamp,
    number: u64,
) -> Result<Reply, Reply> {
    let asked = incoming.query_value("jobType");
    let job_type = job_type.or(asked.as_deref()).unwrap_or_default();
    let job_type = ["Refresh", "Execute"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(job_type))
        .ok_or_else(|| error(400, "InvalidJobType", "The job type is invalid."))?;
    let settings = state
        .dataflow_gen2(dataflow)
        .cloned()
        .ok_or_else(not_found)?;
    let request = JobRequest {
        job_type: job_type.to_owned(),
        execution: execution(incoming, &settings)?,
        by_app: claims.idtyp == Principal::App,
    };
    let asker = Asker::api(incoming.header("x-ms-client-tracking-id"), number);
    let accepted_run = state
        .request_job(dataflow, now, &asker, &request)
        .map_err(|refusal| error(refusal.status, refusal.code, &refusal.message))?;
    Ok(accepted(
        &location(incoming, &settings, accepted_run.id),
        settings.retry_after_s,
    ))
}

/// The `executionData` of the body; null where there is none.
fn execution(incoming: &Request, dataflow: &DataflowGen2) -> Result<Value, Reply> {
    let bad = |message: &str| error(400, "InvalidInput", message);
    if incoming.body.is_empty() {
        return Ok(Value::Null);
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(&incoming.body) else {
        return Err(bad("The body must be a JSON object."));
    };
    let data = match fields.remove("executionData") {
        None | Some(Value::Null) => return Ok(Value::Null),
        Some(Value::Object(data)) => data,
        Some(_) => return Err(bad("`executionData` must be an object.")),
    };
    for (name, value) in &data {
        match name.as_str() {
            "executeOption" => {
                if !value
                    .as_str()
                    .is_some_and(|option| EXECUTE_OPTIONS.contains(&option))
                {
                    return Err(bad(&format!("`executeOption` {value} is not one.")));
                }
            }
            "parameters" => {
                for parameter in value.as_array().into_iter().flatten() {
                    let name = parameter.get("parameterName").and_then(Value::as_str);
                    if !name.is_some_and(|name| dataflow.parameters.iter().any(|p| p == name)) {
                        return Err(bad(&format!(
                            "The dataflow has no parameter '{}'.",
                            name.unwrap_or_default()
                        )));
                    }
                }
            }
            other => return Err(bad(&format!("`executionData` has no field `{other}`."))),
        }
    }
    Ok(Value::Object(data))
}

/// An instance as the service writes it.
fn shown(job: &Job, dataflow: &DataflowGen2, now: Timestamp) -> Value {
    let status = job.status(now);
    let ended = job
        .ended_at(now)
        .filter(|_| !(status == "Cancelled" && dataflow.cancelled_without_end));
    let failure = job
        .failure
        .as_ref()
        .filter(|_| job.ended_at(now).is_some())
        .map(|failure| {
            json!({
                "requestId": job.activity, "errorCode": failure.code,
                "message": failure.message, "isRetriable": failure.retriable,
            })
        });
    json!({
        "id": job.id,
        "itemId": job.dataflow,
        "jobType": job.job_type,
        "invokeType": job.invoke_type(),
        "status": status,
        "failureReason": failure,
        "rootActivityId": job.activity,
        "startTimeUtc": utc_without_z(job.queued_at),
        "endTimeUtc": ended.map(utc_without_z),
    })
}

/// The instance `id` of `dataflow`, if it can be found at `now`.
fn found<'a>(
    state: &'a State,
    dataflow: &DataflowGen2,
    id: Uuid,
    now: Timestamp,
) -> Result<&'a Job, Reply> {
    state
        .job(id)
        .filter(|job| job.dataflow == dataflow.id && job.visible_at <= now)
        .ok_or_else(not_found)
}

/// One instance.
pub(super) fn get(
    state: &State,
    dataflow: &DataflowGen2,
    id: Uuid,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let job = found(state, dataflow, id, now)?;
    let mut reply = Reply::json(200, &shown(job, dataflow, now));
    if let Some(seconds) = dataflow.poll_retry_after_s
        && job.ended_at(now).is_none()
    {
        reply.set_header("retry-after", &seconds.to_string());
    }
    Ok(reply)
}

/// The instances, newest first.
pub(super) fn list(state: &State, dataflow: &DataflowGen2, now: Timestamp) -> Reply {
    let value: Vec<Value> = state
        .jobs_of(dataflow.id)
        .into_iter()
        .filter(|job| job.visible_at <= now)
        .filter(|job| dataflow.lists_running || job.ended_at(now).is_some())
        .take(LISTED)
        .map(|job| shown(job, dataflow, now))
        .collect();
    Reply::json(200, &json!({"value": value}))
}

/// Asks an instance to stop.
pub(super) fn cancel(
    incoming: &Request,
    state: &mut State,
    dataflow: &DataflowGen2,
    id: Uuid,
    now: Timestamp,
) -> Result<Reply, Reply> {
    found(state, dataflow, id, now)?;
    if !dataflow.refreshable {
        return Err(super::forbidden());
    }
    if state.cancel_job(id, now) {
        let address = location(incoming, dataflow, id);
        Ok(accepted(&address, dataflow.retry_after_s))
    } else {
        Err(error(
            400,
            "JobAlreadyCompleted",
            "The job instance has already completed.",
        ))
    }
}
