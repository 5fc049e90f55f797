//! The list of workspaces, with the filter and the paging that clients use.

use serde_json::{Value, json};
use uuid::Uuid;

use super::error;
use crate::message::{Reply, Request};
use crate::state::State;

/// The workspaces that the caller was added to.
pub(super) fn list(incoming: &Request, state: &State, caller: Uuid) -> Result<Reply, Reply> {
    let bad = |message: &str| error(400, "BadRequest", message);
    let name = match incoming.query_value("$filter") {
        None => None,
        Some(filter) => Some(
            filtered_name(&filter).ok_or_else(|| bad("Only $filter=name eq '…' is simulated."))?,
        ),
    };
    let number = |parameter: &str| match incoming.query_value(parameter) {
        None => Ok(None),
        Some(text) => text
            .parse::<usize>()
            .map(Some)
            .map_err(|_| bad("$top and $skip take a number.")),
    };
    let skip = number("$skip")?.unwrap_or(0);
    let top = number("$top")?.unwrap_or(usize::MAX);
    let value: Vec<Value> = state
        .world
        .workspaces
        .iter()
        .filter(|workspace| workspace.admits(caller))
        .filter(|workspace| name.as_ref().is_none_or(|name| *name == workspace.name))
        .skip(skip)
        .take(top)
        .map(|workspace| {
            json!({
                "id": workspace.id, "name": workspace.name, "isReadOnly": false,
                "isOnDedicatedCapacity": workspace.dedicated, "type": "Workspace",
            })
        })
        .collect();
    Ok(Reply::json(
        200,
        &json!({
            "@odata.context": format!("{}/v1.0/myorg/$metadata#groups", incoming.base),
            "@odata.count": value.len(),
            "value": value,
        }),
    ))
}

/// The name in `name eq '…'`, where a doubled quote stands for one.
fn filtered_name(filter: &str) -> Option<String> {
    filter
        .trim()
        .strip_prefix("name eq '")?
        .strip_suffix('\'')
        .map(|name| name.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_is_written_twice() {
        assert_eq!(filtered_name("name eq 'Ann''s'").as_deref(), Some("Ann's"));
    }
}
