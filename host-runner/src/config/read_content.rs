//! Reads content: the kinds `dataflow` and `dataflow-gen2`, and how any content is watched.

use std::time::Duration;

use super::content::{ApplyChanges, ContentKind, Dataflow, Gen2, Watched, WhenUnreadable};
use super::json;
use super::reader::{Item, Reader, Section};
use super::tree::{Node, Value};
use super::values;

/// How late a run may begin: Microsoft's own script (DFUtils.psm1 of powerbi-powershell) waits as
/// long.
const START_WITHIN: Duration = Duration::from_secs(5 * 60);
/// The pause between two looks at a dataflow's history, from the same script.
const POLL_DATAFLOW: Duration = Duration::from_secs(5);
/// The pause between two looks at a run that the service names by itself: there is nothing to match,
/// and Fabric asks for a minute anyhow.
const POLL_NAMED: Duration = Duration::from_secs(10);

/// What is watched, of a target or of `verify`.
pub(crate) fn watched(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    kind: ContentKind,
) -> Option<Watched> {
    let mut named = |key, example| {
        let item = reader.required(section, key, example)?;
        reader.parsed(&item, values::id_or_name)
    };
    let workspace = named(
        "workspace",
        "workspace: 33333333-3333-3333-3333-333333333333",
    );
    let item = match kind {
        ContentKind::Dataflow | ContentKind::Gen2 => {
            named("dataflow", "dataflow: 44444444-4444-4444-4444-444444444444")
        }
        ContentKind::Model => named("model", "model: 55555555-5555-5555-5555-555555555555"),
    };
    let poll = match kind {
        ContentKind::Dataflow => POLL_DATAFLOW,
        ContentKind::Gen2 | ContentKind::Model => POLL_NAMED,
    };
    let start_within = reader.duration(section, "start_within", Some(START_WITHIN));
    let poll = reader.duration(section, "poll", Some(poll));
    let when_unreadable = reader.choice(
        section,
        "when_unreadable",
        &[
            ("stop", WhenUnreadable::Stop),
            ("accept", WhenUnreadable::Accept),
        ],
        WhenUnreadable::Stop,
    );
    Some(Watched {
        kind,
        workspace: workspace?,
        item: item?,
        start_within: start_within?,
        poll: poll?,
        when_unreadable: when_unreadable?,
    })
}

/// `notify`: whether the service mails the owner when the refresh fails.
pub(crate) fn mail_on_failure(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<bool> {
    let words = [("none", false), ("mail_on_failure", true)];
    reader.choice(section, "notify", &words, false)
}

/// A dataflow of the Power BI API.
pub(crate) fn dataflow(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Dataflow> {
    let watched = watched(reader, section, ContentKind::Dataflow);
    let mail_on_failure = mail_on_failure(reader, section);
    Some(Dataflow {
        watched: watched?,
        mail_on_failure: mail_on_failure?,
    })
}

/// A Fabric dataflow.
pub(crate) fn gen2(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Gen2> {
    let watched = watched(reader, section, ContentKind::Gen2);
    let apply_changes = match section.get("apply_changes") {
        Some(item) => reader
            .word(
                &item,
                &[
                    ("skip", ApplyChanges::Skip),
                    ("if_needed", ApplyChanges::IfNeeded),
                ],
            )
            .map(Some),
        None => Some(None),
    };
    let parameters = match section.get("parameters") {
        Some(item) => parameters(reader, &item),
        None => Some(Vec::new()),
    };
    Some(Gen2 {
        watched: watched?,
        apply_changes: apply_changes?,
        parameters: parameters?,
    })
}

/// Names and their values as JSON text. Goes on after a mistake, to find them all.
fn parameters(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<(String, String)>> {
    let section = reader.mapping(item)?;
    let all: Vec<Option<(String, String)>> = section
        .entries
        .iter()
        .map(|entry| {
            let item = Item {
                node: &entry.node,
                path: section.path_of(&entry.key),
            };
            if entry.key.trim().is_empty() {
                return reader.bad(
                    &item,
                    "this parameter has no name",
                    "give the name that it has in the dataflow".to_owned(),
                );
            }
            parameter(reader, &item).map(|value| (entry.key.clone(), value))
        })
        .collect();
    all.into_iter().collect()
}

fn parameter(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<String> {
    let value = match &item.node.value {
        Value::Text(_) => Value::Text(reader.text(item)?.text),
        Value::Bool(_) | Value::Number(_) => item.node.value.clone(),
        other => {
            let what = format!(
                "this is {}, and a parameter is a text, a number, or true or false",
                other.kind()
            );
            return reader.bad(
                item,
                &what,
                "write one value; a date or a list goes into quotes, as the dataflow reads it"
                    .to_owned(),
            );
        }
    };
    let at = item.node.at;
    Some(json::text(&Node { at, value }))
}
