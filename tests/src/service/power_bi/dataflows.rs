//! Gen1 dataflows: their list, their transactions, and what can be asked of them.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{decode, error};
use crate::clock::rfc3339_millis;
use crate::message::{Reply, Request};
use crate::state::{Asker, CancelAnswer, State};
use crate::world::Dataflow;

/// A dataflow as the list of dataflows shows it.
pub(super) fn listed(dataflow: &Dataflow, base: &str) -> Value {
    json!({
        "objectId": dataflow.id,
        "name": dataflow.name,
        "description": "",
        "modelUrl": format!("{base}/model/{}/model.json", dataflow.id),
        "configuredBy": "owner@example.com",
        "generation": dataflow.generation,
    })
}

/// The runs that show at `now`, newest first.
pub(super) fn transactions(
    state: &State,
    dataflow: &Dataflow,
    base: &str,
    now: Timestamp,
) -> Reply {
    let value: Vec<Value> = state
        .runs_of(dataflow.id)
        .into_iter()
        .filter(|run| run.visible_at <= now)
        .map(|run| {
            let mut shown = json!({
                "id": run.id,
                "refreshType": run.refresh_type.as_str(),
                "startTime": rfc3339_millis(run.started_at),
                "status": run.status(now),
            });
            if let (Some(fields), Some(ended)) = (shown.as_object_mut(), run.ended_at(now)) {
                fields.insert("endTime".to_owned(), rfc3339_millis(ended).into());
            }
            shown
        })
        .collect();
    Reply::json(
        200,
        &json!({
            "@odata.context": format!("{base}/v1.0/myorg/groups/{}/$metadata#transactions", dataflow.workspace),
            "value": value,
        }),
    )
}

/// Asks for a refresh.
pub(super) fn refresh(
    incoming: &Request,
    state: &mut State,
    dataflow: Uuid,
    now: Timestamp,
    number: u64,
) -> Result<Reply, Reply> {
    // `notifyOption` is required, and an empty body is refused (facts, 2.1). The words are ours.
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    let notify = body.get("notifyOption").and_then(Value::as_str);
    if !incoming.is_of_type("application/json")
        || !matches!(notify, Some("NoNotification" | "MailOnFailure"))
    {
        return Err(error(
            400,
            "BadRequest",
            "The body must be JSON with notifyOption \"NoNotification\" or \"MailOnFailure\".",
        ));
    }
    let asker = Asker::api(incoming.header("x-ms-client-tracking-id"), number);
    state
        .request_refresh(dataflow, now, &asker)
        .map(|_| Reply::empty(200))
        .map_err(|refusal| Reply::json(refusal.status, &refusal.body()))
}

/// Asks a run to stop.
pub(super) fn cancel(
    state: &mut State,
    workspace: Uuid,
    segment: &str,
    now: Timestamp,
) -> Result<Reply, Reply> {
    // Transaction ids hold `:`, `@` and `$`. The service does not take them as they are.
    if segment.contains([':', '@', '$']) {
        return Err(error(
            400,
            "BadRequest",
            "The transaction id in the path must be percent-encoded.",
        ));
    }
    let id = decode(segment);
    let here = state
        .run(&id)
        .and_then(|run| state.dataflow(run.dataflow))
        .is_some_and(|dataflow| dataflow.workspace == workspace);
    let answer = if here {
        state.cancel(&id, now)
    } else {
        CancelAnswer::NotFound
    };
    let status = match answer {
        CancelAnswer::Marked => "SuccessfullyMarked",
        CancelAnswer::AlreadyConcluded => "AlreadyConcluded",
        CancelAnswer::NotFound => "NotFound",
    };
    Ok(Reply::json(
        200,
        &json!({"transactionId": id, "status": status}),
    ))
}
