//! From names to ids: the services' lists, and what is missing in them.
//!
//! A workspace or item that is not a GUID is a name and must match exactly. A similar name is never
//! taken, because refreshing content of a similar name can go unnoticed for weeks. No match, or
//! several, is an error that lists the names.

use std::hash::{BuildHasherDefault, DefaultHasher};

use indexmap::IndexMap;

use crate::api::content::{ContentKind, WatchedContent, next_page};
use crate::api::reply::{ListedItem, listed_items};
use crate::call::{CallError, Step, fetch, parsed, retry};
use crate::classify::{CallKind, Purpose};
use crate::contract::{
    Content, DataflowTarget, Gen2Target, ModelTarget, PowerAutomateTarget, RefreshError, Target,
    Verification, WatchedItem, invalid,
};
use crate::ports::Method;
use crate::session::{Session, TimeLimit};
use crate::url::is_guid;

/// The most names that an error lists.
const MOST_NAMES: usize = 10;
/// Workspaces on one page. The service allows 5000; this size stays well below the largest response
/// that is read.
const PAGE: usize = 1000;
/// The most pages that are read: a service may never end its pages.
const MOST_PAGES: usize = 50;

/// Each item once, in the order of the list.
pub(crate) type ById<T> = IndexMap<String, T, BuildHasherDefault<DefaultHasher>>;

/// The target with ids in place of names.
pub(crate) fn resolve(session: &mut Session<'_>, target: &Target) -> Step<Target> {
    let mut resolved = target.clone();
    if let Some(content) = WatchedContent::of(target, session.endpoints)
        && let Some(item) = item_mut(&mut resolved)
        && !(is_guid(&item.workspace) && is_guid(&item.item))
    {
        let kind = content.kind;
        item.workspace = workspace_id(session, kind, &item.workspace)?;
        if !is_guid(&item.item) {
            let listed = retry(session, |session| items(session, kind, &item.workspace))??;
            item.item = pick(kind.noun(), &item.item, &listed)?;
        }
    }
    Ok(resolved)
}

/// The id of a workspace that is given by id or name.
pub(crate) fn workspace_id(
    session: &mut Session<'_>,
    kind: ContentKind,
    name: &str,
) -> Step<String> {
    kind.check_endpoint(session.endpoints)?;
    if is_guid(name) {
        return Ok(name.to_owned());
    }
    let listed = retry(session, |session| workspaces(session, kind))??;
    Ok(pick("workspace", name, &listed)?)
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
        [] => {
            let available = available(listed, Some(name));
            let message = format!("No {noun} is named `{name}`.{available}");
            let hint = "Write the name exactly as in the service, or give the id.";
            Err(invalid("name_not_found", message, hint))
        }
        _ => {
            let ids: Vec<&str> = same.iter().map(|item| item.id.as_str()).collect();
            let ids = ids.join(", ");
            let message = format!("More than one {noun} is named `{name}`: {ids}.");
            let hint = "Give the id instead of the name.";
            Err(invalid("name_ambiguous", message, hint))
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
        && let Ok(listed) = items(session, content.kind, &content.item.workspace)
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
        ContentKind::Dataflow => Some((
            ContentKind::Gen2,
            "a Gen2 dataflow with CI/CD, which the Power BI API does not serve",
            "Set `kind: dataflow-gen2`.",
        )),
        ContentKind::Gen2 => Some((
            ContentKind::Dataflow,
            "a dataflow of the Power BI API, not a Fabric item",
            "Set `kind: dataflow`.",
        )),
        ContentKind::Model => None,
    };
    if let Some((kind, what, hint)) = other
        && let Ok(listed) = items(session, kind, &content.item.workspace)
        && let Some(found) = find_item(&listed, content)
    {
        return invalid(
            "wrong_generation",
            format!("{} is {what}.", found.name),
            hint,
        );
    }
    let (noun, id) = (content.noun(), &content.item.item);
    let available = available(listed, name);
    invalid(
        "entity_not_found",
        format!("The workspace has no {noun} {id}.{available}"),
        "Check the ids of the workspace and of the item.",
    )
}

/// The workspaces that these credentials can see, at the API that serves this kind.
pub(crate) fn workspaces(
    session: &mut Session<'_>,
    kind: ContentKind,
) -> Result<Vec<ListedItem>, CallError> {
    let url = kind.workspaces_url(session.endpoints);
    let (is_numbered, what) = (kind != ContentKind::Gen2, "Listing the workspaces failed");
    list(session, kind, &url, is_numbered, what)
}

/// The items of this kind in a workspace.
pub(crate) fn items(
    session: &mut Session<'_>,
    kind: ContentKind,
    workspace: &str,
) -> Result<Vec<ListedItem>, CallError> {
    let url = kind.items_url(session.endpoints, workspace);
    let what = format!("Listing the {}s of the workspace failed", kind.noun());
    list(session, kind, &url, false, &what)
}

/// All pages of a list, each item once. A list whose pages are numbered ends with a page that is not
/// full; otherwise the service returns a token for the next page. The token is sent to the known
/// address: the address that a response names is not followed.
fn list(
    session: &mut Session<'_>,
    kind: ContentKind,
    url: &str,
    is_numbered: bool,
    what: &str,
) -> Result<Vec<ListedItem>, CallError> {
    let call = CallKind::of(kind, Purpose::Read);
    let numbered = |page: usize| format!("?$top={PAGE}&$skip={}", page.saturating_mul(PAGE));
    let mut query = Some(numbered(0))
        .filter(|_| is_numbered)
        .unwrap_or_default();
    let mut all: ById<ListedItem> = ById::default();
    for page in 1..=MOST_PAGES {
        let address = format!("{url}{query}");
        let limit = TimeLimit::Deadline;
        let answer = fetch(session, call, (Method::Get, &address), limit, what)?;
        let (items, token) = parsed(session, call, &answer, what, listed_items)?;
        let (is_full, before) = (items.len() >= PAGE, all.len());
        for item in items {
            all.entry(item.id.clone()).or_insert(item);
        }
        query = match token {
            Some(token) => format!("?{}", next_page(&token)),
            None if is_numbered && is_full && all.len() > before => numbered(page),
            None => break,
        };
    }
    Ok(all.into_values().collect())
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
        let mut session = Session::open(world.ports(), "run-1", &call_context, None).unwrap();
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
