//! Semantic models: their list, their history, and what can be asked of them (facts, 2.2, 5.2).

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error;
use crate::clock::{rfc3339_millis, utc_millis_without_z};
use crate::message::{Reply, Request};
use crate::state::{Asker, Attempt, Enhanced, ModelRefresh, State};
use crate::world::SemanticModel;

/// How many refreshes the history shows where `$top` does not say.
const USUAL_TOP: usize = 60;

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

/// The values of `type`.
const TYPES: [&str; 6] = [
    "Full",
    "ClearValues",
    "Calculate",
    "DataOnly",
    "Automatic",
    "Defragment",
];

/// The values of `commitMode`.
const COMMIT_MODES: [&str; 2] = ["Transactional", "PartialBatch"];

/// A model as the list of models shows it.
pub(super) fn listed(model: &SemanticModel, base: &str) -> Value {
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

/// Asks for a refresh: a standard one, or an enhanced one.
pub(super) fn refresh(
    incoming: &Request,
    state: &mut State,
    workspace: Uuid,
    model: Uuid,
    now: Timestamp,
    number: u64,
) -> Result<Reply, Reply> {
    let enhanced = enhanced(incoming)?;
    let is_enhanced = enhanced.is_some();
    let asker = Asker::api(incoming.header("x-ms-client-tracking-id"), number);
    let id = state
        .request_model_refresh(model, now, &asker, enhanced)
        .map_err(|refusal| Reply::json(refusal.status, &refusal.body()))?
        .id;
    Ok(if is_enhanced {
        let location = format!(
            "{}/v1.0/myorg/groups/{workspace}/datasets/{model}/refreshes/{id}",
            incoming.base
        );
        Reply::empty(202)
            .with_header("x-ms-request-id", &id.to_string())
            .with_header("location", &location)
    } else {
        Reply::empty(202).with_header("requestid", &id.to_string())
    })
}

/// What the body asks for; `None`: a standard refresh.
fn enhanced(incoming: &Request) -> Result<Option<Enhanced>, Reply> {
    let bad = |message: &str| error(400, "InvalidRequest", message);
    if incoming.body.is_empty() {
        return Ok(None);
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(&incoming.body) else {
        return Err(bad("The body must be a JSON object."));
    };
    if let Some(name) = fields
        .keys()
        .find(|name| *name != "notifyOption" && !ENHANCED_FIELDS.contains(&name.as_str()))
    {
        return Err(bad(&format!("A refresh has no field `{name}`.")));
    }
    let notify = fields.get("notifyOption");
    if let Some(option) = notify
        && !matches!(
            option.as_str(),
            Some("NoNotification" | "MailOnFailure" | "MailOnCompletion")
        )
    {
        return Err(bad(&format!("`notifyOption` {option} is not one.")));
    }
    if fields.keys().all(|name| name == "notifyOption") {
        return Ok(None);
    }
    if notify.is_some() {
        return Err(bad(
            "Invalid dataset refresh request. notifyOption is not supported in an enhanced refresh",
        ));
    }
    let refresh = word(&fields, "type", &TYPES, "Automatic").map_err(|m| bad(&m))?;
    let commit_mode =
        word(&fields, "commitMode", &COMMIT_MODES, "Transactional").map_err(|m| bad(&m))?;
    for name in ["maxParallelism", "retryCount"] {
        if fields
            .get(name)
            .is_some_and(|value| value.as_u64().is_none())
        {
            return Err(bad(&format!("`{name}` must be a number.")));
        }
    }
    if let Some(timeout) = fields.get("timeout")
        && !timeout.as_str().is_some_and(is_timeout)
    {
        return Err(bad("`timeout` must be hh:mm:ss and no more than 24 hours."));
    }
    Ok(Some(Enhanced {
        refresh,
        commit_mode,
        objects: match fields.get("objects") {
            None => Vec::new(),
            Some(Value::Array(objects)) => objects.clone(),
            Some(_) => return Err(bad("`objects` must be an array.")),
        },
    }))
}

/// The value of a field that takes one of a few words, in the service's spelling.
fn word(
    fields: &Map<String, Value>,
    name: &str,
    words: &[&str],
    usual: &str,
) -> Result<String, String> {
    let Some(given) = fields.get(name) else {
        return Ok(usual.to_owned());
    };
    given
        .as_str()
        .and_then(|given| words.iter().find(|word| word.eq_ignore_ascii_case(given)))
        .map(|word| (*word).to_owned())
        .ok_or_else(|| format!("`{name}` {given} is not one."))
}

/// True for `hh:mm:ss` of at most a day.
fn is_timeout(text: &str) -> bool {
    let numbers: Option<Vec<u32>> = text.split(':').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([hours, minutes, seconds]) => {
            *hours <= 24
                && *minutes < 60
                && *seconds < 60
                && (*hours < 24 || minutes + seconds == 0)
        }
        _ => false,
    }
}

/// The `serviceExceptionJson` of a failure: JSON within JSON.
fn service_exception(code: &str) -> Value {
    json!({"errorCode": code}).to_string().into()
}

/// The type of a refresh as its attempts and details name it.
fn type_of(refresh: &ModelRefresh) -> &str {
    refresh
        .enhanced
        .as_ref()
        .map_or("Full", |enhanced| enhanced.refresh.as_str())
}

fn attempt(attempt: &Attempt, refresh: &ModelRefresh) -> Value {
    let mut shown = json!({
        "attemptId": attempt.id,
        "startTime": rfc3339_millis(attempt.began),
        "type": type_of(refresh),
    });
    if let Some(fields) = shown.as_object_mut() {
        if let Some(ended) = attempt.ended {
            fields.insert("endTime".to_owned(), rfc3339_millis(ended).into());
        }
        if let Some(code) = &attempt.failure {
            fields.insert("serviceExceptionJson".to_owned(), service_exception(code));
        }
    }
    shown
}

fn attempts(refresh: &ModelRefresh, now: Timestamp) -> Vec<Value> {
    refresh
        .attempts(now)
        .iter()
        .map(|one| attempt(one, refresh))
        .collect()
}

/// The refreshes that show at `now`, newest first.
pub(super) fn history(
    incoming: &Request,
    state: &State,
    model: &SemanticModel,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let top = match incoming.query_value("$top") {
        None => USUAL_TOP,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|&top| top > 0)
            .ok_or_else(|| error(400, "BadRequest", "$top takes a number from 1."))?,
    };
    let value: Vec<Value> = state
        .refreshes_of(model.id)
        .into_iter()
        .filter(|refresh| refresh.visible_at <= now)
        .take(top)
        .map(|refresh| in_history(refresh, now))
        .collect();
    Ok(Reply::json(
        200,
        &json!({
            "@odata.context": format!("{}/v1.0/myorg/groups/{}/$metadata#refreshes", incoming.base, model.workspace),
            "value": value,
        }),
    ))
}

fn in_history(refresh: &ModelRefresh, now: Timestamp) -> Value {
    let mut shown = json!({
        "requestId": refresh.id,
        "id": 937_845_000 + refresh.number,
        "refreshType": refresh.refresh_type.as_str(),
        "startTime": rfc3339_millis(refresh.started_at),
        "status": refresh.status(now),
        "refreshAttempts": attempts(refresh, now),
    });
    if let Some(fields) = shown.as_object_mut() {
        if let Some(ended) = refresh.ended_at(now) {
            fields.insert("endTime".to_owned(), rfc3339_millis(ended).into());
        }
        if let Some(code) = refresh.failure(now) {
            fields.insert("serviceExceptionJson".to_owned(), service_exception(code));
        }
        if refresh.enhanced.is_some() {
            let extended = refresh.extended_status(now);
            fields.insert("extendedStatus".to_owned(), extended.into());
        }
    }
    shown
}

/// The enhanced refresh `id` of `model`, if it shows at `now`.
fn found(state: &State, model: Uuid, id: Uuid, now: Timestamp) -> Result<&ModelRefresh, Reply> {
    state
        .refresh(id)
        .filter(|refresh| refresh.model == model && refresh.visible_at <= now)
        .ok_or_else(|| error(404, "PowerBIEntityNotFound", ""))
}

/// One enhanced refresh: 202 while it is in progress, then 200.
pub(super) fn details(
    state: &State,
    model: &SemanticModel,
    id: Uuid,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let refresh = found(state, model.id, id, now)?;
    let Some(enhanced) = &refresh.enhanced else {
        return Err(error(404, "PowerBIEntityNotFound", ""));
    };
    let ended = refresh.ended_at(now);
    let extended = refresh.extended_status(now);
    let attempts = attempts(refresh, now);
    let done = refresh
        .attempts(now)
        .iter()
        .filter(|attempt| attempt.ended.is_some())
        .count();
    let mut shown = json!({
        "startTime": utc_millis_without_z(refresh.started_at),
        "type": enhanced.refresh,
        "commitMode": enhanced.commit_mode,
        "status": refresh.status(now),
        "extendedStatus": extended,
        "currentRefreshType": enhanced.refresh,
        "numberOfAttempts": done,
        "objects": objects(model, enhanced, extended),
        "messages": messages(refresh, now),
        "refreshAttempts": attempts,
    });
    if let (Some(fields), Some(ended)) = (shown.as_object_mut(), ended) {
        fields.insert("endTime".to_owned(), utc_millis_without_z(ended).into());
    }
    Ok(Reply::json(if ended.is_some() { 200 } else { 202 }, &shown))
}

/// What is refreshed, each with its status.
fn objects(model: &SemanticModel, enhanced: &Enhanced, status: &str) -> Vec<Value> {
    let asked: Vec<Value> = if enhanced.objects.is_empty() {
        let tables = model.tables.iter();
        tables.map(|table| json!({"table": table})).collect()
    } else {
        enhanced.objects.clone()
    };
    asked
        .into_iter()
        .map(|mut object| {
            if let Some(fields) = object.as_object_mut() {
                let partition = fields.get("table").cloned().unwrap_or_default();
                fields.entry("partition").or_insert(partition);
                fields.insert("status".to_owned(), status.into());
            }
            object
        })
        .collect()
}

/// What the engine has to say of a refresh that failed.
fn messages(refresh: &ModelRefresh, now: Timestamp) -> Vec<Value> {
    refresh
        .failure(now)
        .map(|code| json!({"code": "0xC11C0020", "message": code, "type": "Error"}))
        .into_iter()
        .collect()
}

/// Asks an enhanced refresh to stop.
pub(super) fn cancel(
    state: &mut State,
    model: Uuid,
    id: Uuid,
    now: Timestamp,
) -> Result<Reply, Reply> {
    let bad = |message: &str| error(400, "InvalidRequest", message);
    if found(state, model, id, now)?.enhanced.is_none() {
        return Err(bad("Only an enhanced refresh can be cancelled."));
    }
    if state.cancel_refresh(id, now) {
        Ok(Reply::empty(200))
    } else {
        Err(bad("The refresh is not in progress."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_at_most_a_day() {
        for good in ["02:00:00", "24:00:00", "00:00:30"] {
            assert!(is_timeout(good), "{good}");
        }
        for bad in ["24:00:01", "2 h", "01:60:00", "01:00", ""] {
            assert!(!is_timeout(bad), "{bad}");
        }
    }
}
