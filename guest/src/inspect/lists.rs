//! Lists of what there is, whole: a list that is longer than one page is read page by page.

use crate::contract::{Item, RefreshError, WorkspaceReference};
use crate::dataflow::api;
use crate::machine::list;
use crate::request::{check_endpoint, check_guid};
use crate::session::{Limit, Session};
use crate::trouble::Trouble;

/// Workspaces on one page. The service takes up to 5000; a page of this size stays well below the
/// largest answer that is read.
const PAGE: usize = 1000;
/// The most pages that are read, so that a service that ignores `$skip` does not hold us for ever.
const MOST_PAGES: usize = 50;

/// The workspaces that these credentials can see.
pub(super) fn workspaces(
    session: &mut Session<'_>,
    endpoint: &str,
) -> Result<Vec<Item>, RefreshError> {
    check_endpoint(endpoint)?;
    let mut all: Vec<Item> = Vec::new();
    for page in 0..MOST_PAGES {
        let url = api::workspaces_url(endpoint, PAGE, page.saturating_mul(PAGE));
        let what = "Listing the workspaces";
        let (items, _) = list(session, url, Limit::Deadline, what, api::workspace_list)
            .map_err(Trouble::into_error)?;
        let full = items.len() >= PAGE;
        let before = all.len();
        for item in items {
            if !all.iter().any(|known| known.id == item.id) {
                all.push(item);
            }
        }
        if !full || all.len() == before {
            break;
        }
    }
    Ok(all)
}

/// The dataflows of a workspace.
pub(super) fn dataflows(
    session: &mut Session<'_>,
    reference: &WorkspaceReference,
) -> Result<Vec<Item>, RefreshError> {
    check_endpoint(&reference.endpoint)?;
    check_guid("workspace", &reference.workspace)?;
    let url = api::dataflows_url(&reference.endpoint, &reference.workspace);
    let what = "Listing the dataflows";
    let (listed, _) = list(session, url, Limit::Deadline, what, api::dataflow_list)
        .map_err(Trouble::into_error)?;
    Ok(listed
        .into_iter()
        .map(|dataflow| Item {
            id: dataflow.id,
            name: dataflow.name,
        })
        .collect())
}
