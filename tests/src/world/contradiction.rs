//! What cannot be in a world: things that are nowhere, and ids that are given twice.

use uuid::Uuid;

use super::{Flow, ItemKind, World, entra_error};

/// The first thing in `world` that cannot be.
pub(super) fn of(world: &World) -> Option<String> {
    clients(world)
        .or_else(|| content(world))
        .or_else(|| flows(world))
        .or_else(|| limits(world))
}

fn clients(world: &World) -> Option<String> {
    world
        .tenants
        .values()
        .flat_map(|tenant| &tenant.clients)
        .filter_map(|client| client.error)
        .find(|&number| entra_error(number).is_none())
        .map(|number| format!("error {number} of a client is not one that Entra is known for"))
}

/// Every thing that can be refreshed: its kind, its id and its workspace.
fn all(world: &World) -> Vec<(ItemKind, Uuid, Uuid)> {
    let dataflows = world.dataflows.iter();
    let gen2 = world.dataflows_gen2.iter();
    let models = world.models.iter();
    dataflows
        .map(|one| (ItemKind::Dataflow, one.id, one.workspace))
        .chain(gen2.map(|one| (ItemKind::DataflowGen2, one.id, one.workspace)))
        .chain(models.map(|one| (ItemKind::SemanticModel, one.id, one.workspace)))
        .collect()
}

fn content(world: &World) -> Option<String> {
    let all = all(world);
    for (kind, id, workspace) in &all {
        if !world.workspaces.iter().any(|w| w.id == *workspace) {
            return Some(format!(
                "{kind} {id} is in workspace {workspace}, which is not in `workspaces`"
            ));
        }
        if all.iter().filter(|(_, other, _)| other == id).count() > 1 {
            return Some(format!("{kind} id {id} is given twice"));
        }
    }
    None
}

fn flows(world: &World) -> Option<String> {
    for flow in &world.flows {
        let Flow { id, .. } = flow;
        if id.len() != 32 || !id.chars().all(|c| c.is_ascii_hexdigit()) {
            return Some(format!("flow id `{id}` is not 32 hexadecimal digits"));
        }
        if world
            .flows
            .iter()
            .filter(|other| other.id.eq_ignore_ascii_case(id))
            .count()
            > 1
        {
            return Some(format!("flow id {id} is given twice"));
        }
        if flow.oauth.is_none() && flow.sig.expose().is_empty() {
            return Some(format!("flow {id} has neither `sig` nor `oauth`"));
        }
        if let Some(inner) = flow.inner
            && !all(world)
                .iter()
                .any(|(kind, other, _)| (*kind, *other) == (inner.kind(), inner.id()))
        {
            let list = match inner.kind() {
                ItemKind::Dataflow => "dataflows",
                ItemKind::DataflowGen2 => "dataflows_gen2",
                ItemKind::SemanticModel => "models",
            };
            return Some(format!(
                "flow {id} refreshes {} {}, which is not in `{list}`",
                inner.kind(),
                inner.id()
            ));
        }
    }
    None
}

fn limits(world: &World) -> Option<String> {
    if world.fabric_page_size == Some(0) {
        return Some("`fabric_page_size` is 0, so that no list would ever end".to_owned());
    }
    world
        .throttle
        .filter(|throttle| throttle.calls == 0 || throttle.window_s == 0)
        .map(|_| {
            "`throttle` lets no call through: give at least one call and one second".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;
    use crate::world::{Client, DataflowGen2, FlowForm};

    fn reason(world: &World) -> String {
        of(world).unwrap()
    }

    #[test]
    fn an_id_is_given_once_whatever_its_kind() {
        let twice = DataflowGen2::new(scenario::DATA_ADMIN, scenario::SALES_MODEL, "Orders");
        let world = scenario::every_kind().dataflow_gen2(twice);
        assert!(reason(&world).contains("given twice"));
    }

    #[test]
    fn a_flow_needs_some_protection_and_something_to_refresh() {
        let id = "e".repeat(32);
        let bare = Flow::new(&id, Uuid::nil(), FlowForm::New, "");
        let world = World::new().flow(bare.clone());
        assert!(reason(&world).contains("neither `sig` nor `oauth`"));
        let lost = Flow::new(&id, Uuid::nil(), FlowForm::New, "INVENTED-sig-0123456789")
            .refreshing_gen2(Uuid::nil());
        assert!(reason(&World::new().flow(lost)).contains("not in `dataflows_gen2`"));
    }

    #[test]
    fn limits_that_stop_everything_and_unknown_errors_are_refused() {
        assert!(reason(&World::new().throttle(0, 1)).contains("`throttle`"));
        assert!(reason(&World::new().fabric_page_size(0)).contains("`fabric_page_size`"));
        let client = Client::new(Uuid::nil(), Uuid::nil(), "INVENTED-secret").with_error(1);
        assert!(reason(&World::new().client(Uuid::nil(), client)).contains("error 1"));
    }
}
