//! Power BI's REST interface: workspaces and Gen1 dataflows (facts, 2 and 5.2). Semantic models are
//! in `models`.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::api::{Access, without_nulls};
use super::{Call, Service, models};
use crate::clock::rfc3339_millis;
use crate::faults::Operation as Op;
use crate::message::{Answer, Reply};
use crate::state::{CancelOutcome, RunRequest};
use crate::world::{Item, ItemKind};

/// The audience that a token for Power BI must have exactly. Fabric's is accepted as well (facts, 3).
pub(super) const AUDIENCE: &str = "https://analysis.windows.net/powerbi/api";

pub(super) const SERVICE: Service = Service {
    name: "power_bi",
    prefix: "/v1.0/myorg/",
    routes: "\
GET groups groups
GET groups/{workspace}/dataflows dataflows
GET groups/{workspace}/dataflows/{item} dataflows
GET groups/{workspace}/dataflows/{item}/transactions transactions
POST groups/{workspace}/dataflows/{item}/refreshes refresh
POST groups/{workspace}/dataflows/transactions/{transaction}/cancel cancel
GET groups/{workspace}/datasets models
GET groups/{workspace}/datasets/{item} models
POST groups/{workspace}/datasets/{item}/refreshes model_refresh
GET groups/{workspace}/datasets/{item}/refreshes model_history
GET groups/{workspace}/datasets/{item}/refreshes/{run} model_details
DELETE groups/{workspace}/datasets/{item}/refreshes/{run} model_cancel
",
    handler: |call| match (call.routed.operation, call.routed.named("item")) {
        (Some(Op::Groups), _) => groups(call),
        (Some(Op::Dataflows), None) => dataflows(call),
        (Some(Op::Dataflows), Some(_)) => dataflow(call),
        (Some(Op::Transactions), _) => transactions(call),
        (Some(Op::Refresh), _) => refresh(call),
        (Some(Op::Cancel), _) => cancel(call),
        (Some(Op::Models), None) => models::list(call),
        (Some(Op::Models), Some(_)) => models::get(call),
        (Some(Op::ModelRefresh), _) => models::refresh(call),
        (Some(Op::ModelHistory), _) => models::history(call),
        (Some(Op::ModelDetails), _) => models::details(call),
        (Some(Op::ModelCancel), _) => models::cancel(call),
        _ => {
            call.caller()?;
            Err(call.not_found())
        }
    },
};

/// The workspaces of the caller, with the filter and the paging that clients use.
fn groups(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let caller = call.caller()?.oid;
    let bad = |message: &str| call.refuse(400, "BadRequest", message);
    let filter = call.request.query_value("$filter");
    let name = filter
        .map(|filter| {
            filtered_name(&filter).ok_or_else(|| bad("Only $filter=name eq '…' is simulated."))
        })
        .transpose()?;
    let number = |parameter, default| {
        call.number_of(parameter)
            .unwrap_or(Ok(default))
            .map_err(|()| bad("$top and $skip take a number."))
    };
    let workspaces = call.state.world.workspaces.iter();
    let value: Vec<Value> = workspaces
        .filter(|workspace| workspace.admits(caller))
        .filter(|workspace| name.as_ref().is_none_or(|name| *name == workspace.name))
        .skip(number("$skip", 0)?)
        .take(number("$top", usize::MAX)?)
        .map(|workspace| {
            json!({
                "id": workspace.id, "name": workspace.name, "isReadOnly": false,
                "isOnDedicatedCapacity": workspace.dedicated, "type": "Workspace",
            })
        })
        .collect();
    let body = json!({
        "@odata.context": format!("{}/v1.0/myorg/$metadata#groups", call.request.base),
        "@odata.count": value.len(),
        "value": value,
    });
    Ok(Reply::json(200, &body).into())
}

/// The name in `name eq '…'`, where a quote is doubled.
fn filtered_name(filter: &str) -> Option<String> {
    let rest = filter.trim().strip_prefix("name eq '")?;
    Some(rest.strip_suffix('\'')?.replace("''", "'"))
}

fn dataflows(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let base = &call.request.base;
    let shown = |dataflow: &Item| {
        json!({
            "objectId": dataflow.id,
            "name": dataflow.name,
            "description": "",
            "modelUrl": format!("{base}/model/{}/model.json", dataflow.id),
            "configuredBy": "owner@example.com",
            "generation": dataflow.generation,
        })
    };
    let value = call.items(ItemKind::Dataflow, shown)?;
    Ok(Reply::json(200, &json!({"value": value})).into())
}

fn dataflow(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let dataflow = call.item(ItemKind::Dataflow, Access::List)?;
    let body = json!({
        "name": dataflow.name, "description": "", "version": "1.0",
        "culture": "en-US", "modifiedTime": rfc3339_millis(call.now), "entities": [],
    });
    Ok(Reply::json(200, &body).into())
}

fn transactions(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let dataflow = call.item(ItemKind::Dataflow, Access::Read)?;
    let shown = call.visible_runs(&dataflow).map(|run| {
        without_nulls(json!({
            "id": run.id,
            "refreshType": run.refresh_type,
            "startTime": rfc3339_millis(run.started_at),
            "endTime": run.ended_at(call.now).map(rfc3339_millis),
            "status": run.status(call.now),
        }))
    });
    let body = json!({
        "@odata.context": format!(
            "{}/v1.0/myorg/groups/{}/$metadata#transactions",
            call.request.base, dataflow.workspace
        ),
        "value": shown.collect::<Vec<_>>(),
    });
    Ok(Reply::json(200, &body).into())
}

fn refresh(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let dataflow = call.item(ItemKind::Dataflow, Access::Write)?.id;
    // `notifyOption` is required, and an empty body is refused (facts, 2.1). The message is ours.
    let body: Value = serde_json::from_slice(&call.request.body).unwrap_or_default();
    let notify = body.get("notifyOption").and_then(Value::as_str);
    if !call.request.is_of_type("application/json")
        || !matches!(notify, Some("NoNotification" | "MailOnFailure"))
    {
        return Err(call.refuse(
            400,
            "BadRequest",
            "The body must be JSON with notifyOption \"NoNotification\" or \"MailOnFailure\".",
        ));
    }
    let requester = call.requester();
    call.state
        .request_run(dataflow, call.now, requester, RunRequest::default())
        .map_err(|refusal| call.refused(&refusal))?;
    Ok(Reply::empty(200).into())
}

/// A segment of a path without its percent-encoding.
pub(super) fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn cancel(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let workspace = call.workspace(Access::Write)?.id;
    let segment = call.routed.id("transaction");
    // Transaction ids contain `:`, `@` and `$`. The service does not accept them unencoded.
    if segment.contains([':', '@', '$']) {
        return Err(call.refuse(
            400,
            "BadRequest",
            "The transaction id in the path must be percent-encoded.",
        ));
    }
    let id = decoded(segment);
    let run = call.state.run(&id);
    let item = run.and_then(|run| call.state.world.find_item(run.item));
    let outcome = match item.is_some_and(|item| item.workspace == workspace) {
        true => call.state.cancel(&id, call.now),
        false => CancelOutcome::NotFound,
    };
    let status = match outcome {
        CancelOutcome::Marked => "SuccessfullyMarked",
        CancelOutcome::AlreadyConcluded => "AlreadyConcluded",
        CancelOutcome::NotFound => "NotFound",
    };
    Ok(Reply::json(200, &json!({"transactionId": id, "status": status})).into())
}
