//! Semantic models of Power BI: their list, their history, and their refreshes (facts, 2.2, 5.2).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Call;
use super::api::{Access, without_nulls};
use crate::clock::{later, rfc3339_millis, utc_millis_without_z};
use crate::message::{Answer, Reply};
use crate::state::{CancelOutcome, Enhanced, Run, RunRequest};
use crate::world::{Failure, Item, ItemKind::SemanticModel};

/// How many refreshes the history shows without `$top`.
const DEFAULT_TOP: usize = 60;

/// The fields that make a refresh an enhanced one.
const ENHANCED_FIELDS: [&str; 8] = [
    "type",
    "commitMode",
    "maxParallelism",
    "retryCount",
    "timeout",
    "objects",
    "applyRefreshPolicy",
    "effectiveDate",
];

const TYPES: [&str; 6] = [
    "Full",
    "ClearValues",
    "Calculate",
    "DataOnly",
    "Automatic",
    "Defragment",
];

const COMMIT_MODES: [&str; 2] = ["Transactional", "PartialBatch"];

fn shown(model: &Item, base: &str) -> Value {
    json!({
        "id": model.id,
        "name": model.name,
        "webUrl": format!("{base}/groups/{}/datasets/{}", model.workspace, model.id),
        "addRowsAPIEnabled": false,
        "configuredBy": "owner@example.com",
        "isRefreshable": model.is_refreshable,
        "isEffectiveIdentityRequired": false,
        "isEffectiveIdentityRolesRequired": false,
        "isOnPremGatewayRequired": false,
        "targetStorageMode": if model.premium { "PremiumFiles" } else { "Abf" },
    })
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let value = call.items(SemanticModel, |model| shown(model, &call.request.base))?;
    Ok(Reply::json(200, &json!({"value": value})).into())
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let model = call.item(SemanticModel, Access::List)?;
    Ok(Reply::json(200, &shown(&model, &call.request.base)).into())
}

/// Begins a standard or an enhanced refresh.
pub(super) fn refresh(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let model = call.item(SemanticModel, Access::Write)?;
    let enhanced = enhanced(&call.request.body)
        .map_err(|message| call.refuse(400, "InvalidRequest", &message))?;
    let is_enhanced = enhanced.is_some();
    let request = RunRequest {
        enhanced,
        ..RunRequest::default()
    };
    let requester = call.requester();
    let id = call
        .state
        .request_run(model.id, call.now, requester, request)
        .map_err(|refusal| call.refused(&refusal))?
        .id;
    let reply = Reply::empty(202);
    if !is_enhanced || !model.names_refresh {
        return Ok(reply.with_header("requestid", &id).into());
    }
    let location = format!(
        "{}/v1.0/myorg/groups/{}/datasets/{}/refreshes/{id}",
        call.request.base, model.workspace, model.id
    );
    Ok(reply
        .with_header("x-ms-request-id", &id)
        .with_header("location", &location)
        .into())
}

/// The options in the body; `None`: a standard refresh. The error is a message.
fn enhanced(body: &[u8]) -> Result<Option<Enhanced>, String> {
    if body.is_empty() {
        return Ok(None);
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err("The body must be a JSON object.".to_owned());
    };
    let known = |name: &str| name == "notifyOption" || ENHANCED_FIELDS.contains(&name);
    if let Some(name) = fields.keys().find(|name| !known(name)) {
        return Err(format!("A refresh has no field `{name}`."));
    }
    let notify = fields.get("notifyOption");
    let options = ["NoNotification", "MailOnFailure", "MailOnCompletion"];
    if let Some(option) = notify
        && !option
            .as_str()
            .is_some_and(|option| options.contains(&option))
    {
        return Err(format!("`notifyOption` {option} is not one."));
    }
    if fields.keys().all(|name| name == "notifyOption") {
        return Ok(None);
    }
    if notify.is_some() {
        return Err(
            "Invalid dataset refresh request. notifyOption is not supported in an enhanced refresh"
                .to_owned(),
        );
    }
    let refresh = one_of(&fields, "type", &TYPES, "Automatic")?;
    let commit_mode = one_of(&fields, "commitMode", &COMMIT_MODES, "Transactional")?;
    for name in ["maxParallelism", "retryCount"] {
        if fields.get(name).is_some_and(|value| !value.is_u64()) {
            return Err(format!("`{name}` must be a number."));
        }
    }
    if let Some(timeout) = fields.get("timeout")
        && !timeout.as_str().is_some_and(is_timeout)
    {
        return Err("`timeout` must be hh:mm:ss and no more than 24 hours.".to_owned());
    }
    let objects = match fields.get("objects") {
        None => Vec::new(),
        Some(Value::Array(objects)) => objects.clone(),
        Some(_) => return Err("`objects` must be an array.".to_owned()),
    };
    Ok(Some(Enhanced {
        refresh,
        commit_mode,
        objects,
    }))
}

/// The value of a field that takes one of a few words, in the service's spelling.
fn one_of(
    fields: &Map<String, Value>,
    name: &str,
    words: &[&str],
    default: &str,
) -> Result<String, String> {
    let Some(value) = fields.get(name) else {
        return Ok(default.to_owned());
    };
    let text = value.as_str().unwrap_or_default();
    let mut words = words.iter();
    words
        .find(|word| word.eq_ignore_ascii_case(text))
        .map(|word| (*word).to_owned())
        .ok_or_else(|| format!("`{name}` {value} is not one."))
}

/// True for `hh:mm:ss` of at most a day.
fn is_timeout(text: &str) -> bool {
    let numbers: Option<Vec<u32>> = text.split(':').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([hours, minutes, seconds]) => {
            *minutes < 60 && *seconds < 60 && hours * 3600 + minutes * 60 + seconds <= 86_400
        }
        _ => false,
    }
}

/// The `status` of a refresh, which has fewer values than its `extendedStatus`.
fn status(run: &Run, now: Timestamp) -> &str {
    match run.status(now) {
        "InProgress" | "NotStarted" => "Unknown",
        "TimedOut" => "Failed",
        other => other,
    }
}

/// The `serviceExceptionJson` of a failure: JSON within JSON. A message is three levels deep.
fn service_exception(failure: Option<&Failure>) -> Option<String> {
    let Failure { code, message, .. } = failure?;
    let details = [
        json!({"code": "HResult", "detail": {"type": 1, "value": "-2147467259"}}),
        json!({"code": format!("{code}_Details_Label"), "detail": {"type": 1, "value": message}}),
    ];
    Some(match message.as_str() {
        "" => json!({"errorCode": code}).to_string(),
        _ => json!({"error": {"code": code, "pbi.error": {"code": code, "details": details}}})
            .to_string(),
    })
}

/// The attempts that have begun at `now`, oldest first, and how many have ended. They share the time
/// equally; a refresh that does not end by itself has one.
fn attempts(run: &Run, now: Timestamp) -> (Vec<Value>, usize) {
    let count = run.ends_at.map_or(1, |_| run.failed_attempts + 1);
    let end = run.ends_at.unwrap_or(run.started_at);
    let whole = Duration::try_from(end.duration_since(run.started_at)).unwrap_or_default();
    let share = whole.checked_div(count).unwrap_or_default();
    let enhanced = run.request.enhanced.as_ref();
    let refresh_type = enhanced.map_or("Full", |options| &options.refresh);
    let mut ended = 0;
    let mut shown = Vec::new();
    for id in 1..=count {
        let began = later(run.started_at, share.saturating_mul(id - 1));
        if began > now {
            break;
        }
        let last = id == count;
        let ends = match last {
            true => run.ends_at,
            false => Some(later(run.started_at, share.saturating_mul(id))),
        };
        let ends = ends.filter(|&end| end <= now);
        let failed = ends.is_some() && (!last || run.failure(now).is_some());
        let reason = run.reason.as_ref().filter(|_| failed);
        ended += usize::from(ends.is_some());
        shown.push(without_nulls(json!({
            "attemptId": id,
            "startTime": rfc3339_millis(began),
            "endTime": ends.map(rfc3339_millis),
            "type": refresh_type,
            "serviceExceptionJson": service_exception(reason),
        })));
    }
    (shown, ended)
}

/// The visible refreshes, newest first.
pub(super) fn history(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let model = call.item(SemanticModel, Access::Read)?;
    let top = call.number_of("$top").unwrap_or(Ok(DEFAULT_TOP));
    let top = top
        .ok()
        .filter(|&top| top > 0)
        .ok_or_else(|| call.refuse(400, "BadRequest", "$top takes a number from 1."))?;
    let now = call.now;
    let shown = call.visible_runs(&model).take(top).map(|run| {
        without_nulls(json!({
            "requestId": run.id,
            "id": 937_845_000 + run.number,
            "refreshType": run.refresh_type,
            "startTime": rfc3339_millis(run.started_at),
            "endTime": run.ended_at(now).map(rfc3339_millis),
            "status": status(run, now),
            "extendedStatus": run.request.enhanced.as_ref().map(|_| run.status(now)),
            "serviceExceptionJson": service_exception(run.failure(now)),
            "refreshAttempts": attempts(run, now).0,
        }))
    });
    let body = json!({
        "@odata.context": format!(
            "{}/v1.0/myorg/groups/{}/$metadata#refreshes",
            call.request.base, model.workspace
        ),
        "value": shown.collect::<Vec<_>>(),
    });
    Ok(Reply::json(200, &body).into())
}

/// One enhanced refresh: 202 while it is in progress, then 200.
pub(super) fn details(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let model = call.item(SemanticModel, Access::Read)?;
    let now = call.now;
    let run = call.run_in_path(&model)?;
    let Some(enhanced) = &run.request.enhanced else {
        return Err(call.not_found());
    };
    let (attempts, ended_attempts) = attempts(run, now);
    let messages = run
        .failure(now)
        .map(|reason| json!({"code": "0xC11C0020", "message": reason.code, "type": "Error"}));
    let ended = run.ended_at(now);
    let shown = without_nulls(json!({
        "startTime": utc_millis_without_z(run.started_at),
        "type": enhanced.refresh,
        "commitMode": enhanced.commit_mode,
        "status": status(run, now),
        "extendedStatus": run.status(now),
        "currentRefreshType": enhanced.refresh,
        "numberOfAttempts": ended_attempts,
        "objects": objects(&model, enhanced, run.status(now)),
        "messages": messages.into_iter().collect::<Vec<_>>(),
        "refreshAttempts": attempts,
        "endTime": ended.map(utc_millis_without_z),
    }));
    Ok(Reply::json(if ended.is_some() { 200 } else { 202 }, &shown).into())
}

/// The refreshed objects, each with its status.
fn objects(model: &Item, enhanced: &Enhanced, status: &str) -> Vec<Value> {
    let mut objects = enhanced.objects.clone();
    if objects.is_empty() {
        let tables = model.tables.iter();
        objects = tables.map(|table| json!({"table": table})).collect();
    }
    for object in &mut objects {
        if let Some(fields) = object.as_object_mut() {
            let partition = fields.get("table").cloned().unwrap_or_default();
            fields.entry("partition").or_insert(partition);
            fields.insert("status".to_owned(), status.into());
        }
    }
    objects
}

/// Cancels an enhanced refresh.
pub(super) fn cancel(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let model = call.item(SemanticModel, Access::Write)?;
    let run = call.run_in_path(&model)?;
    if run.request.enhanced.is_none() {
        let message = "Only an enhanced refresh can be cancelled.";
        return Err(call.refuse(400, "InvalidRequest", message));
    }
    let id = run.id.clone();
    match call.state.cancel(&id, call.now) {
        CancelOutcome::Marked => Ok(Reply::empty(200).into()),
        _ => Err(call.refuse(400, "InvalidRequest", "The refresh is not in progress.")),
    }
}
