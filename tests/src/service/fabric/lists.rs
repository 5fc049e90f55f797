//! The lists of Fabric, page by page.

use serde_json::{Value, json};
use uuid::Uuid;

use super::error;
use crate::message::{Reply, Request};
use crate::state::State;
use crate::world::DataflowGen2;

/// How many entries are on one page where the world does not say.
const USUAL_PAGE: u32 = 100;

/// What a continuation token begins with; the number of entries so far follows.
const TOKEN: &str = "INVENTED-page-";

/// The workspaces that the caller was added to.
pub(super) fn workspaces(incoming: &Request, state: &State, caller: Uuid) -> Result<Reply, Reply> {
    let all = state
        .world
        .workspaces
        .iter()
        .filter(|workspace| workspace.admits(caller))
        .map(|workspace| {
            json!({
                "id": workspace.id, "displayName": workspace.name, "description": "",
                "type": "Workspace",
            })
        })
        .collect();
    page(incoming, state, all)
}

/// The Gen2 dataflows of a workspace.
pub(super) fn dataflows(
    incoming: &Request,
    state: &State,
    workspace: Uuid,
) -> Result<Reply, Reply> {
    let all = state
        .world
        .dataflows_gen2
        .iter()
        .filter(|dataflow| dataflow.workspace == workspace)
        .map(listed)
        .collect();
    page(incoming, state, all)
}

/// A dataflow as the list shows it.
pub(super) fn listed(dataflow: &DataflowGen2) -> Value {
    json!({
        "id": dataflow.id, "displayName": dataflow.name, "description": "",
        "type": "Dataflow", "workspaceId": dataflow.workspace,
    })
}

/// The page that the request asks for, and where the next one is.
fn page(incoming: &Request, state: &State, all: Vec<Value>) -> Result<Reply, Reply> {
    let size = state.world.fabric_page_size.unwrap_or(USUAL_PAGE);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let skip = match incoming.query_value("continuationToken") {
        None => 0,
        Some(token) => token
            .strip_prefix(TOKEN)
            .and_then(|rest| rest.parse::<usize>().ok())
            .ok_or_else(|| {
                error(
                    400,
                    "InvalidParameter",
                    "The continuation token is not one that was given out.",
                )
            })?,
    };
    let end = skip.saturating_add(size);
    let more = end < all.len();
    let mut body = json!({
        "value": all.into_iter().skip(skip).take(size).collect::<Vec<_>>(),
    });
    if let Some(fields) = body.as_object_mut()
        && more
    {
        let token = format!("{TOKEN}{end}");
        let uri = format!(
            "{}{}?continuationToken={token}",
            incoming.base, incoming.path
        );
        fields.insert("continuationToken".to_owned(), token.into());
        fields.insert("continuationUri".to_owned(), uri.into());
    }
    Ok(Reply::json(200, &body))
}
