//! What the services list by name: workspaces, dataflows, semantic models, each whole.
//!
//! A list that is longer than one page is read page by page; a service that never ends its pages
//! does not hold us for ever.

use crate::classify::Act;
use crate::content::dataflow::{self, Listed};
use crate::content::{Kind, gen2, model};
use crate::contract::Endpoints;
use crate::machine::list;
use crate::session::{Limit, Session};
use crate::trouble::Trouble;
use crate::url::encode_segment;

/// Workspaces on one page. The service takes up to 5000; a page of this size stays well below the
/// largest answer that is read.
const PAGE: usize = 1000;
/// The most pages that are read.
const MOST_PAGES: usize = 50;

/// The workspaces that these credentials can see, at the API that serves this kind.
pub(crate) fn workspaces(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    kind: Kind,
) -> Result<Vec<Listed>, Trouble> {
    const WHAT: &str = "Listing the workspaces";
    if kind == Kind::Gen2 {
        return fabric(session, gen2::workspaces_url(&endpoints.fabric), WHAT);
    }
    let asked = Kind::Dataflow.asked(Act::Read);
    let mut all: Vec<Listed> = Vec::new();
    for page in 0..MOST_PAGES {
        let url = dataflow::workspaces_url(&endpoints.power_bi, PAGE, page.saturating_mul(PAGE));
        let (items, _) = list(
            session,
            asked,
            url,
            Limit::Deadline,
            WHAT,
            dataflow::named_list,
        )?;
        let full = items.len() >= PAGE;
        if add(&mut all, items) == 0 || !full {
            break;
        }
    }
    Ok(all)
}

/// The items of this kind in a workspace.
pub(crate) fn items(
    session: &mut Session<'_>,
    endpoints: &Endpoints,
    kind: Kind,
    workspace: &str,
) -> Result<Vec<Listed>, Trouble> {
    let asked = kind.asked(Act::Read);
    match kind {
        Kind::Gen2 => {
            let url = gen2::dataflows_url(&endpoints.fabric, workspace);
            fabric(session, url, "Listing the workspace's Gen2 dataflows")
        }
        Kind::Dataflow => {
            let url = dataflow::dataflows_url(&endpoints.power_bi, workspace);
            let what = "Listing the workspace's dataflows";
            let parse = dataflow::dataflow_list;
            list(session, asked, url, Limit::Deadline, what, parse).map(|(items, _)| items)
        }
        Kind::Model => {
            let url = model::models_url(&endpoints.power_bi, workspace);
            let what = "Listing the workspace's semantic models";
            let parse = dataflow::named_list;
            list(session, asked, url, Limit::Deadline, what, parse).map(|(items, _)| items)
        }
    }
}

/// A list of Fabric, which hands out a token for the next page. The token goes to the address that
/// we know: an address that an answer names is not followed.
fn fabric(session: &mut Session<'_>, url: String, what: &str) -> Result<Vec<Listed>, Trouble> {
    let asked = Kind::Gen2.asked(Act::Read);
    let mut all = Vec::new();
    let mut page = url.clone();
    for _ in 0..MOST_PAGES {
        let ((items, next), _) = list(session, asked, page, Limit::Deadline, what, gen2::items)?;
        add(&mut all, items);
        match next {
            Some(token) => page = format!("{url}?continuationToken={}", encoded(&token)),
            None => break,
        }
    }
    Ok(all)
}

/// A token as a query takes it. The service hands it out encoded already, and encoded twice it
/// would be another one. [V] fabric/articles/pagination
fn encoded(token: &str) -> String {
    match token.contains('%') {
        true => encode_segment(token).replace("%25", "%"),
        false => encode_segment(token),
    }
}

/// Adds what is not there yet, and says how much that was.
fn add(all: &mut Vec<Listed>, items: Vec<Listed>) -> usize {
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
    use crate::testing::{Answer, World, call_context, endpoints, ok};

    fn page(id: &str, token: &str) -> Answer {
        Ok(ok(&format!(
            r#"{{"value":[{{"id":"{id}","displayName":"n"}}],"continuationToken":{token},"continuationUri":"https://elsewhere.example/"}}"#
        )))
    }

    fn listed(world: &World) -> Vec<String> {
        let call_context = call_context();
        let mut session = Session::open(world.ports(), "run-1", &call_context, &[]).unwrap();
        items(&mut session, &endpoints(), Kind::Gen2, "w")
            .unwrap()
            .into_iter()
            .map(|one| one.id)
            .collect()
    }

    #[test]
    fn fabric_is_read_page_by_page_by_the_token_as_it_was_handed_out() {
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
    fn pages_without_end_come_to_an_end() {
        let world = World::new().answers_every_get(page("a", r#""again""#));
        assert_eq!(listed(&world), ["a"]);
        assert_eq!(world.gets().len(), MOST_PAGES);
    }
}
