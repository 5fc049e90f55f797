//! Lists of what there is, with the kind of target that refreshes it.

use crate::catalogue;
use crate::content::Kind;
use crate::contract::{Endpoints, Item, RefreshError, TargetKind};
use crate::names::workspace_now;
use crate::request::check_endpoint;
use crate::session::Session;
use crate::trouble::Trouble;

/// The workspaces that these credentials can see.
pub(super) fn workspaces(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
) -> Result<Vec<Item>, RefreshError> {
    check_endpoint(Kind::Dataflow, endpoints)?;
    let listed = catalogue::workspaces(session, endpoints, Kind::Dataflow);
    Ok(named(listed.map_err(Trouble::into_error)?, None))
}

/// The dataflows of a workspace, of all generations: those of the Power BI API, and those of Fabric
/// that are not among them.
pub(super) fn dataflows(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    workspace: &str,
) -> Result<Vec<Item>, RefreshError> {
    check_endpoint(Kind::Gen2, endpoints)?;
    let id = workspace_now(session, endpoints, Kind::Dataflow, workspace)?;
    let mut all = items(session, endpoints, &id, Kind::Dataflow)?;
    let gen2 = catalogue::items(session, endpoints, Kind::Gen2, &id);
    let gen2 = named(gen2.map_err(Trouble::into_error)?, Some(Kind::Gen2));
    all.extend(
        gen2.into_iter()
            .filter(|one| !all.iter().any(|known| known.id == one.id))
            .collect::<Vec<_>>(),
    );
    Ok(all)
}

/// The semantic models of a workspace.
pub(super) fn models(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    workspace: &str,
) -> Result<Vec<Item>, RefreshError> {
    items(session, endpoints, workspace, Kind::Model)
}

fn items(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    workspace: &str,
    kind: Kind,
) -> Result<Vec<Item>, RefreshError> {
    let id = workspace_now(session, endpoints, kind, workspace)?;
    let listed = catalogue::items(session, endpoints, kind, &id);
    Ok(named(listed.map_err(Trouble::into_error)?, Some(kind)))
}

fn named(listed: Vec<crate::content::dataflow::Listed>, kind: Option<Kind>) -> Vec<Item> {
    let kind: Option<TargetKind> = kind.map(Kind::target_kind);
    listed
        .into_iter()
        .map(|one| Item {
            id: one.id,
            name: one.name,
            kind,
        })
        .collect()
}
