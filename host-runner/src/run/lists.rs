//! What these credentials can see: workspaces, dataflows, models, runs.

use super::check::{ask, astray};
use super::convert;
use super::request;
use super::session::Session;
use crate::config::ResolvedTarget;
use crate::engine::bindings::exports::powerbi::refresh::refresh as api;
use crate::engine::bindings::powerbi::refresh::types as wit;
use crate::report::Signal;
use crate::verdict::Verdict;

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Workspaces.
    Workspaces,
    /// The dataflows of this workspace, of all generations: its id or exact name.
    Dataflows(String),
    /// The semantic models of this workspace: its id or exact name.
    Models(String),
    /// The runs of the target, as its history shows them, newest first.
    Runs,
}

/// One entry of a list, as names and values in the order of the columns.
pub type Row = Vec<(&'static str, String)>;

/// Asks for a list with the credentials of this target.
///
/// # Errors
/// The signal that ended it; within it, why there is no list.
pub async fn list(
    session: &Session,
    target: &ResolvedTarget,
    listing: Listing,
) -> Result<Result<Vec<Row>, Verdict>, Signal> {
    let question = match listing {
        Listing::Workspaces => api::Question::Workspaces,
        Listing::Dataflows(workspace) => api::Question::Dataflows(workspace),
        Listing::Models(workspace) => api::Question::Models(workspace),
        Listing::Runs => api::Question::Runs(request::target(target, &session.flow_id)),
    };
    Ok(match ask(session, target, question).await? {
        Ok(api::Inspection::Items(items)) => Ok(items.into_iter().map(item).collect()),
        Ok(api::Inspection::Runs(runs)) => Ok(runs.into_iter().map(run).collect()),
        Ok(_) => Err(astray()),
        Err(verdict) => Err(verdict),
    })
}

fn item(item: api::Item) -> Row {
    let kind = item.kind.map_or("", convert::kind);
    vec![
        ("id", item.id),
        ("name", item.name),
        ("kind", kind.to_owned()),
    ]
}

fn run(run: wit::ServiceRun) -> Row {
    vec![
        ("id", run.id),
        ("refresh_type", run.refresh_type),
        ("status", run.status),
        ("started_at", run.started_at.unwrap_or_default()),
        ("ended_at", run.ended_at.unwrap_or_default()),
    ]
}
