//! Names where ids may stand: what is not a GUID is a name, and is matched exactly.
//!
//! A near miss is never taken: content that is named almost alike is refreshed by mistake, and
//! nobody notices for weeks. None, or several of one name, is an error that lists them.

use crate::catalogue;
use crate::content::dataflow::Listed;
use crate::content::{Kind, Watched};
use crate::contract::{
    Content, DataflowTarget, Endpoints, Gen2Target, ModelTarget, PowerAutomateTarget, RefreshError,
    Target, Verification, WatchedItem,
};
use crate::machine::{Halt, Step, Stop, persist};
use crate::request::check_endpoint;
use crate::session::Session;
use crate::trouble::{Trouble, invalid};
use crate::url::is_guid;

/// The most names that an error lists.
const MOST_NAMES: usize = 10;

/// The target with ids where names stood; the lists are asked for until the deadline.
pub(crate) fn resolved(
    session: &mut Session<'_>,
    target: &Target,
    endpoints: &Endpoints,
) -> Step<Target> {
    with_ids(target, |kind, item| {
        resolve(session, endpoints, kind, item, |session, list| {
            persist(session, list).map_err(|halt| match halt {
                Halt::Trouble(trouble) => Stop::Error(trouble.into_error()),
                Halt::Cancelled => Stop::Cancelled,
            })
        })
    })
}

/// The target with ids where names stood; the lists are asked for once.
pub(crate) fn resolved_now(
    session: &mut Session<'_>,
    target: &Target,
    endpoints: &Endpoints,
) -> Result<Target, RefreshError> {
    with_ids(target, |kind, item| {
        resolve(session, endpoints, kind, item, |session, list| {
            list(session).map_err(Trouble::into_error)
        })
    })
}

/// The id of a workspace that is given by id or name.
pub(crate) fn workspace_now(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    kind: Kind,
    name: &str,
) -> Result<String, RefreshError> {
    check_endpoint(kind, endpoints)?;
    if is_guid(name) {
        return Ok(name.to_owned());
    }
    let listed = catalogue::workspaces(session, endpoints, kind).map_err(Trouble::into_error)?;
    pick("workspace", name, &listed)
}

type List<'l> = &'l mut dyn FnMut(&mut Session<'_>) -> Result<Vec<Listed>, Trouble>;

fn resolve<E: From<RefreshError>>(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    kind: Kind,
    item: &WatchedItem,
    ask: impl Fn(&mut Session<'_>, List<'_>) -> Result<Vec<Listed>, E>,
) -> Result<WatchedItem, E> {
    let mut found = item.clone();
    if is_guid(&item.workspace) && is_guid(&item.item) {
        return Ok(found);
    }
    check_endpoint(kind, endpoints)?;
    if !is_guid(&found.workspace) {
        let listed = ask(session, &mut |session| {
            catalogue::workspaces(session, endpoints, kind)
        })?;
        found.workspace = pick("workspace", &item.workspace, &listed)?;
    }
    if !is_guid(&found.item) {
        let workspace = found.workspace.clone();
        let listed = ask(session, &mut |session| {
            catalogue::items(session, endpoints, kind, &workspace)
        })?;
        found.item = pick(kind.noun(), &item.item, &listed)?;
    }
    Ok(found)
}

/// The target with its item as `find` gives it; a target without an item as it is.
fn with_ids<E>(
    target: &Target,
    mut find: impl FnMut(Kind, &WatchedItem) -> Result<WatchedItem, E>,
) -> Result<Target, E> {
    Ok(match target {
        Target::PowerAutomate(flow) => {
            let verify = match &flow.verify {
                Verification::None => Verification::None,
                Verification::Response => Verification::Response,
                Verification::Content(content) => Verification::Content(match content {
                    Content::Dataflow(item) => Content::Dataflow(find(Kind::Dataflow, item)?),
                    Content::DataflowGen2(item) => Content::DataflowGen2(find(Kind::Gen2, item)?),
                    Content::SemanticModel(item) => {
                        Content::SemanticModel(find(Kind::Model, item)?)
                    }
                }),
            };
            Target::PowerAutomate(PowerAutomateTarget {
                verify,
                ..flow.clone()
            })
        }
        Target::Dataflow(one) => Target::Dataflow(DataflowTarget {
            item: find(Kind::Dataflow, &one.item)?,
            ..one.clone()
        }),
        Target::DataflowGen2(one) => Target::DataflowGen2(Gen2Target {
            item: find(Kind::Gen2, &one.item)?,
            ..one.clone()
        }),
        Target::SemanticModel(one) => Target::SemanticModel(ModelTarget {
            item: find(Kind::Model, &one.item)?,
            ..one.clone()
        }),
    })
}

/// The id of what is named so, exactly.
fn pick(noun: &str, name: &str, listed: &[Listed]) -> Result<String, RefreshError> {
    let same: Vec<&Listed> = listed.iter().filter(|item| item.name == name).collect();
    match same.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(invalid(
            "name_not_found",
            format!(
                "No {noun} is named `{name}`.{}",
                there_are(listed, Some(name))
            ),
            "Write the name exactly as it stands in the service, or give the id.",
        )),
        _ => Err(invalid(
            "name_ambiguous",
            format!(
                "More than one {noun} is named `{name}`: {}.",
                same.iter()
                    .map(|item| item.id.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            "Give the id of the one that is meant.",
        )),
    }
}

/// What is there, in a sentence: the names that may have been meant first.
pub(crate) fn there_are(listed: &[Listed], name: Option<&str>) -> String {
    if listed.is_empty() {
        return " None is to be seen.".to_owned();
    }
    let name = name.unwrap_or_default().to_lowercase();
    let alike = |item: &&Listed| {
        let other = item.name.to_lowercase();
        !name.is_empty() && (other.starts_with(&name) || name.starts_with(&other))
    };
    let (near, far): (Vec<&Listed>, Vec<&Listed>) = listed.iter().partition(alike);
    let names: Vec<String> = near
        .into_iter()
        .chain(far)
        .take(MOST_NAMES)
        .map(|item| format!("{} ({})", item.name, item.id))
        .collect();
    let more = match listed.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" There are {}{more}.", names.join(", "))
}

/// The item of a list that is watched.
pub(crate) fn listed_as<'l>(listed: &'l [Listed], watched: &Watched<'_>) -> Option<&'l Listed> {
    listed
        .iter()
        .find(|item| item.id.eq_ignore_ascii_case(&watched.item.item))
}
