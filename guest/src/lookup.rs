//! From names to ids: the services' lists, and what is missing in them.
//!
//! A workspace or item that is not a GUID is a name and must match exactly. A similar name is never
//! taken, because refreshing content of a similar name can go unnoticed for weeks. No match, or
//! several, is an error that lists the names.

use crate::api::content::{ContentKind, WatchedContent};
use crate::api::reply::ListedItem;
use crate::api::{dataflow, gen2, model};
use crate::call::{CallError, Step, Stop, get, retry};
use crate::classify::{CallKind, Purpose};
use crate::contract::{
    Content, DataflowTarget, Gen2Target, ModelTarget, PowerAutomateTarget, RefreshError, Target,
    Verification, WatchedItem, invalid,
};
use crate::ports::HttpAnswer;
use crate::session::{Session, TimeLimit};
use crate::url::{encode_segment, is_guid};

/// The most names that an error lists.
const MOST_NAMES: usize = 10;
/// Workspaces on one page. The service allows 5000; this size stays well below the largest response
/// that is read.
const PAGE: usize = 1000;
/// The most pages that are read: a service may never end its pages.
const MOST_PAGES: usize = 50;

/// How often a list is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempts {
    /// Once.
    Once,
    /// Until it can be read or the deadline comes.
    UntilDeadline,
}

/// The target with ids in place of names.
pub(crate) fn resolve(
    session: &mut Session<'_>,
    target: &Target,
    attempts: Attempts,
) -> Step<Target> {
    let mut resolved = target.clone();
    if let Some(content) = WatchedContent::of(target, session.endpoints)
        && let Some(item) = item_mut(&mut resolved)
        && !(is_guid(&item.workspace) && is_guid(&item.item))
    {
        let kind = content.kind;
        kind.check_endpoint(session.endpoints)?;
        if !is_guid(&item.workspace) {
            let listed = read(session, attempts, |session| workspaces(session, kind))?;
            item.workspace = pick("workspace", &item.workspace, &listed)?;
        }
        if !is_guid(&item.item) {
            let listed = read(session, attempts, |session| {
                items(session, kind, &item.workspace)
            })?;
            item.item = pick(kind.noun(), &item.item, &listed)?;
        }
    }
    Ok(resolved)
}

/// The target with ids in place of names; each list is requested once.
pub(crate) fn resolve_once(
    session: &mut Session<'_>,
    target: &Target,
) -> Result<Target, RefreshError> {
    resolve(session, target, Attempts::Once).map_err(Stop::into_error)
}

/// The id of a workspace that is given by id or name.
pub(crate) fn workspace_id(
    session: &mut Session<'_>,
    kind: ContentKind,
    name: &str,
) -> Result<String, RefreshError> {
    kind.check_endpoint(session.endpoints)?;
    if is_guid(name) {
        return Ok(name.to_owned());
    }
    let listed = workspaces(session, kind)?;
    pick("workspace", name, &listed)
}

fn read(
    session: &mut Session<'_>,
    attempts: Attempts,
    mut list: impl FnMut(&mut Session<'_>) -> Result<Vec<ListedItem>, CallError>,
) -> Step<Vec<ListedItem>> {
    Ok(match attempts {
        Attempts::Once => list(session)?,
        Attempts::UntilDeadline => retry(session, list)??,
    })
}

fn item_mut(target: &mut Target) -> Option<&mut WatchedItem> {
    match target {
        Target::PowerAutomate(PowerAutomateTarget {
            verify:
                Verification::Content(
                    Content::Dataflow(item)
                    | Content::DataflowGen2(item)
                    | Content::SemanticModel(item),
                ),
            ..
        })
        | Target::Dataflow(DataflowTarget { item, .. })
        | Target::DataflowGen2(Gen2Target { item, .. })
        | Target::SemanticModel(ModelTarget { item, .. }) => Some(item),
        Target::PowerAutomate(_) => None,
    }
}

fn pick(noun: &str, name: &str, listed: &[ListedItem]) -> Result<String, RefreshError> {
    let same: Vec<&ListedItem> = listed.iter().filter(|item| item.name == name).collect();
    match same.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(invalid(
            "name_not_found",
            format!(
                "No {noun} is named `{name}`.{}",
                available(listed, Some(name))
            ),
            "Write the name exactly as in the service, or give the id.",
        )),
        _ => {
            let ids: Vec<&str> = same.iter().map(|item| item.id.as_str()).collect();
            Err(invalid(
                "name_ambiguous",
                format!(
                    "More than one {noun} is named `{name}`: {}.",
                    ids.join(", ")
                ),
                "Give the id instead of the name.",
            ))
        }
    }
}

/// The names of a list in a sentence, those similar to `name` first.
pub(crate) fn available(listed: &[ListedItem], name: Option<&str>) -> String {
    if listed.is_empty() {
        return " None is visible to these credentials.".to_owned();
    }
    let name = name.unwrap_or_default().to_lowercase();
    let is_similar = |item: &&ListedItem| {
        let other = item.name.to_lowercase();
        !name.is_empty() && (other.starts_with(&name) || name.starts_with(&other))
    };
    let (similar, others): (Vec<&ListedItem>, Vec<&ListedItem>) =
        listed.iter().partition(is_similar);
    let names: Vec<String> = similar
        .into_iter()
        .chain(others)
        .take(MOST_NAMES)
        .map(|item| format!("{} ({})", item.name, item.id))
        .collect();
    let more = match listed.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" Available: {}{more}.", names.join(", "))
}

/// The watched item in a list.
pub(crate) fn find_item<'l>(
    listed: &'l [ListedItem],
    content: &WatchedContent<'_>,
) -> Option<&'l ListedItem> {
    let mut items = listed.iter();
    items.find(|item| item.id.eq_ignore_ascii_case(&content.item.item))
}

/// The error of a call before the trigger. A 404 says little; the lists may tell whether the item
/// is missing or of another generation.
pub(crate) fn explain(
    session: &mut Session<'_>,
    content: &WatchedContent<'_>,
    error: CallError,
) -> RefreshError {
    if error.code == "entity_not_found"
        && let Ok(listed) = items_of(session, content, content.kind)
        && find_item(&listed, content).is_none()
    {
        return missing(session, content, &listed, None);
    }
    error.into()
}

/// Why the item is not in the list of its own kind. `name` is its name, if that is known.
pub(crate) fn missing(
    session: &mut Session<'_>,
    content: &WatchedContent<'_>,
    listed: &[ListedItem],
    name: Option<&str>,
) -> RefreshError {
    let other = match content.kind {
        ContentKind::Dataflow => Some(ContentKind::Gen2),
        ContentKind::Gen2 => Some(ContentKind::Dataflow),
        ContentKind::Model => None,
    };
    if let Some(other) = other
        && let Ok(listed) = items_of(session, content, other)
        && let Some(found) = find_item(&listed, content)
    {
        return wrong_generation(&found.name, other);
    }
    let (noun, id) = (content.noun(), &content.item.item);
    let available = available(listed, name);
    invalid(
        "entity_not_found",
        format!("The workspace has no {noun} {id}.{available}"),
        "Check the ids of the workspace and of the item.",
    )
}

fn wrong_generation(name: &str, actual: ContentKind) -> RefreshError {
    let (what, hint) = match actual {
        ContentKind::Gen2 => (
            "a Gen2 dataflow with CI/CD, which the Power BI API does not serve",
            "Set `kind: dataflow-gen2`.",
        ),
        ContentKind::Dataflow | ContentKind::Model => (
            "a dataflow of the Power BI API, not a Fabric item",
            "Set `kind: dataflow`.",
        ),
    };
    invalid("wrong_generation", format!("{name} is {what}."), hint)
}

fn items_of(
    session: &mut Session<'_>,
    content: &WatchedContent<'_>,
    kind: ContentKind,
) -> Result<Vec<ListedItem>, CallError> {
    items(session, kind, &content.item.workspace)
}

/// The workspaces that these credentials can see, at the API that serves this kind.
pub(crate) fn workspaces(
    session: &mut Session<'_>,
    kind: ContentKind,
) -> Result<Vec<ListedItem>, CallError> {
    const WHAT: &str = "Listing the workspaces failed";
    if kind == ContentKind::Gen2 {
        return fabric_list(
            session,
            gen2::workspaces_url(&session.endpoints.fabric),
            WHAT,
        );
    }
    let mut all: Vec<ListedItem> = Vec::new();
    for page in 0..MOST_PAGES {
        let skip = page.saturating_mul(PAGE);
        let url = dataflow::workspaces_url(&session.endpoints.power_bi, PAGE, skip);
        let items = list(session, kind, &url, WHAT, dataflow::named_items)?;
        let is_full = items.len() >= PAGE;
        if add(&mut all, items) == 0 || !is_full {
            break;
        }
    }
    Ok(all)
}

/// The items of this kind in a workspace.
pub(crate) fn items(
    session: &mut Session<'_>,
    kind: ContentKind,
    workspace: &str,
) -> Result<Vec<ListedItem>, CallError> {
    let what = format!("Listing the {}s of the workspace failed", kind.noun());
    let (url, parse): (_, fn(&_) -> _) = match kind {
        ContentKind::Gen2 => {
            let url = gen2::dataflows_url(&session.endpoints.fabric, workspace);
            return fabric_list(session, url, &what);
        }
        ContentKind::Dataflow => (
            dataflow::dataflows_url(&session.endpoints.power_bi, workspace),
            dataflow::dataflows,
        ),
        ContentKind::Model => (
            model::models_url(&session.endpoints.power_bi, workspace),
            dataflow::named_items,
        ),
    };
    list(session, kind, &url, &what, parse)
}

/// A list of Fabric, which returns a token for the next page. The token is sent to the known
/// address: the address that a response names is not followed.
fn fabric_list(
    session: &mut Session<'_>,
    url: String,
    what: &str,
) -> Result<Vec<ListedItem>, CallError> {
    let mut all = Vec::new();
    let mut page = url.clone();
    for _ in 0..MOST_PAGES {
        let (items, next) = list(session, ContentKind::Gen2, &page, what, gen2::listed_items)?;
        add(&mut all, items);
        match next {
            Some(token) => page = format!("{url}?continuationToken={}", encoded(&token)),
            None => break,
        }
    }
    Ok(all)
}

fn list<T>(
    session: &mut Session<'_>,
    kind: ContentKind,
    url: &str,
    what: &str,
    parse: fn(&HttpAnswer) -> Option<T>,
) -> Result<T, CallError> {
    let call = CallKind::new(kind.target_kind(), Purpose::Read);
    let (items, _) = get(session, call, url, TimeLimit::Deadline, what, parse)?;
    Ok(items)
}

/// A token for a query. The service returns it encoded, and encoding it twice would change it. [V]
/// fabric/articles/pagination
fn encoded(token: &str) -> String {
    let encoded = encode_segment(token);
    if token.contains('%') {
        encoded.replace("%25", "%")
    } else {
        encoded
    }
}

/// Adds the items that are new, and returns how many they are.
fn add(all: &mut Vec<ListedItem>, items: Vec<ListedItem>) -> usize {
    let before = all.len();
    for item in items {
        if !all.iter().any(|known| known.id == item.id) {
            all.push(item);
        }
    }
    all.len().saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, World, call_context, ok};

    fn page(id: &str, token: &str) -> Answer {
        Ok(ok(&format!(
            r#"{{"value":[{{"id":"{id}","displayName":"n"}}],"continuationToken":{token},"continuationUri":"https://elsewhere.example/"}}"#
        )))
    }

    fn listed(world: &World) -> Vec<String> {
        let call_context = call_context();
        let mut session = Session::open(world.ports(), "run-1", &call_context, &[]).unwrap();
        items(&mut session, ContentKind::Gen2, "w")
            .unwrap()
            .into_iter()
            .map(|one| one.id)
            .collect()
    }

    #[test]
    fn fabric_is_read_page_by_page_with_the_token_unchanged() {
        let world = World::new()
            .answers_get(page("a", r#""LDEsMTAwMDAwLDA%3D""#))
            .answers_get(page("b", r#""x+y/z=&q""#))
            .answers_get(page("a", "null"));
        assert_eq!(listed(&world), ["a", "b"]);
        let base = "https://api.fabric.example/v1/workspaces/w/dataflows";
        let urls: Vec<String> = world.gets().into_iter().map(|get| get.url).collect();
        assert_eq!(
            urls,
            [
                base.to_owned(),
                format!("{base}?continuationToken=LDEsMTAwMDAwLDA%3D"),
                format!("{base}?continuationToken=x%2By%2Fz%3D%26q"),
            ]
        );
    }

    #[test]
    fn endless_pages_are_cut_off() {
        let world = World::new().answers_every_get(page("a", r#""again""#));
        assert_eq!(listed(&world), ["a"]);
        assert_eq!(world.gets().len(), MOST_PAGES);
    }
}
