//! Reads `on_interrupt`: what becomes of a run at the service when a signal ends us.
//!
//! `cancel` where nothing can be stopped would be a promise that is not kept: it is refused where it
//! stands in the target; out of the defaults, which are for many targets, it is warned about.

use super::content::{ContentKind, ModelRefresh};
use super::guards::OnInterrupt;
use super::read_guards::Places;
use super::reader::{Item, Reader, Section};
use super::target::What;

const WORDS: [(&str, OnInterrupt); 2] = [
    ("leave", OnInterrupt::Leave),
    ("cancel", OnInterrupt::Cancel),
];

/// Whether the service can stop the runs of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stoppable {
    /// It can.
    Yes,
    /// It can where the flow asked for an enhanced refresh, which nobody here knows.
    IfEnhanced,
    /// It cannot: why, and what to do.
    No {
        /// Why.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

/// Whether the service can stop the runs of this target, as far as it is known. `content` is the kind
/// of what a flow watches.
pub(crate) fn stoppable(
    is_flow: bool,
    what: Option<&What>,
    content: Option<Option<ContentKind>>,
) -> Stoppable {
    match (is_flow, content, what) {
        (true, Some(None), _) => Stoppable::No {
            what: "a flow's run cannot be stopped, and this target watches no content whose refresh could be",
            hint: "name the content that the flow refreshes, as in `verify: {kind: dataflow, …}`",
        },
        (true, Some(Some(ContentKind::Model)), _) => Stoppable::IfEnhanced,
        (false, _, Some(What::Model(model)))
            if matches!(model.refresh, ModelRefresh::Standard { .. }) =>
        {
            Stoppable::No {
                what: "the service cannot stop a standard refresh of a semantic model",
                hint: "ask for an enhanced one, as in `refresh: {type: full}`",
            }
        }
        _ => Stoppable::Yes,
    }
}

/// Reads it for one target.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    places: &Places<'_, '_>,
    stoppable: Stoppable,
) -> Option<OnInterrupt> {
    let Some((item, own)) = places.get("on_interrupt") else {
        return Some(OnInterrupt::Leave);
    };
    let word = reader.word(&item, &WORDS)?;
    if word == OnInterrupt::Leave {
        return Some(word);
    }
    let name = Item {
        node: item.node,
        path: places.target.path_of("on_interrupt"),
    };
    match stoppable {
        Stoppable::Yes => Some(word),
        Stoppable::IfEnhanced => {
            reader.warn(
                &name,
                "the service can stop an enhanced refresh of a semantic model only; a standard one that the flow asks for goes on",
            );
            Some(word)
        }
        Stoppable::No { what, hint } if own => {
            reader.bad(&item, what, format!("{hint}, or take `on_interrupt` out"))
        }
        Stoppable::No { what, hint } => {
            reader.warn(
                &name,
                &format!("{what}, so that `cancel` of the defaults does nothing here; {hint}, or write `on_interrupt: leave`"),
            );
            Some(OnInterrupt::Leave)
        }
    }
}

/// Checks that of `defaults`, which a file without targets has nobody else to check.
pub(crate) fn check_defaults(reader: &mut Reader<'_>, defaults: &Section<'_>) {
    if let Some(item) = defaults.get("on_interrupt") {
        reader.word(&item, &WORDS);
    }
}
