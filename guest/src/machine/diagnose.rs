//! Why an item is not where the configuration says: is it of another generation, or not there?
//!
//! The service says 404 to all of it. Where the lists can be read they tell more; where they
//! cannot, the service's own word stands.

use crate::catalogue;
use crate::content::dataflow::Listed;
use crate::content::{Kind, Watched};
use crate::contract::RefreshError;
use crate::names::{listed_as, there_are};
use crate::session::Session;
use crate::trouble::{Trouble, invalid};

/// The error that a trouble before the trigger comes to.
pub(crate) fn explained(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    trouble: Trouble,
) -> RefreshError {
    if trouble.code != "entity_not_found" {
        return trouble.into_error();
    }
    match list(session, watched, watched.kind) {
        Some(own) if listed_as(&own, watched).is_none() => missing(session, watched, &own, None),
        _ => trouble.into_error(),
    }
}

/// Why the item is not in the list of its own kind. `told` is the name that it is known by.
pub(crate) fn missing(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    own: &[Listed],
    told: Option<&str>,
) -> RefreshError {
    let other = match watched.kind {
        Kind::Dataflow => Some(Kind::Gen2),
        Kind::Gen2 => Some(Kind::Dataflow),
        Kind::Model => None,
    };
    if let Some(other) = other
        && let Some(listed) = list(session, watched, other)
        && let Some(found) = listed_as(&listed, watched)
    {
        return wrong_generation(&found.name, other);
    }
    invalid(
        "entity_not_found",
        format!(
            "The workspace does not hold the {} {}.{}",
            watched.noun(),
            watched.item.item,
            there_are(own, told)
        ),
        "Check the ids of the workspace and of the item.",
    )
}

fn list(session: &mut Session<'_>, watched: &Watched<'_>, kind: Kind) -> Option<Vec<Listed>> {
    catalogue::items(session, watched.endpoints, kind, &watched.item.workspace).ok()
}

/// The configuration says one generation, and the service another.
fn wrong_generation(name: &str, is: Kind) -> RefreshError {
    let (message, hint) = match is {
        Kind::Gen2 => (
            format!("{name} is a Gen2 dataflow with CI/CD, which the Power BI API does not serve."),
            "Set `kind: dataflow-gen2`.",
        ),
        Kind::Dataflow | Kind::Model => (
            format!("{name} is a dataflow that the Power BI API serves, and no Fabric item."),
            "Set `kind: dataflow`.",
        ),
    };
    invalid("wrong_generation", message, hint)
}
