//! Reads a target of kind `semantic-model`.
//!
//! The rules of an enhanced refresh are those of "Enhanced refresh with the Power BI REST API"
//! (<https://learn.microsoft.com/power-bi/connect-data/asynchronous-refresh>). What the service
//! would refuse is refused here, before anything is sent.

use std::time::Duration;

use jiff::civil::Date;

use super::content::{ContentKind, Enhanced, Model, ModelObject, ModelRefresh};
use super::fault::Fault;
use super::keys;
use super::read_content::{mail_on_failure, watched};
use super::reader::{Item, Reader, Section};
use super::scalars::none_of;
use super::tree::Value;

/// The types of a refresh: ours, Microsoft's spelling.
const TYPES: [(&str, &str); 6] = [
    ("full", "full"),
    ("clear_values", "clearValues"),
    ("calculate", "calculate"),
    ("data_only", "dataOnly"),
    ("automatic", "automatic"),
    ("defragment", "defragment"),
];
/// Microsoft's limit for a refresh with all its attempts.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Microsoft names no limit; a larger number is a slip of the finger.
const MOST_THREADS: u32 = 1000;
/// Microsoft names no limit; a larger number is a slip of the finger.
const MOST_RETRIES: u32 = 100;

/// A semantic model.
pub(crate) fn model(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Model> {
    let watched = watched(reader, section, ContentKind::Model);
    let refresh = refresh(reader, section);
    Some(Model {
        watched: watched?,
        refresh: refresh?,
    })
}

fn refresh(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<ModelRefresh> {
    let item = section.get("refresh");
    let enhanced = item.filter(|item| matches!(item.node.value, Value::Map(_)));
    if let Some(item) = enhanced {
        if let Some(notify) = section.get("notify") {
            reader.bad::<()>(
                &notify,
                "an enhanced refresh sends no mail: Microsoft refuses `notifyOption` in it",
                "take `notify` out, or `refresh` for a standard refresh".to_owned(),
            );
        }
        return read_enhanced(reader, &item).map(ModelRefresh::Enhanced);
    }
    let standard = match section.get("refresh") {
        Some(item) => reader.parsed(&item, |text| match text {
            "standard" => Ok(()),
            other => Err(Fault::BadValue {
                what: "this is neither `standard` nor what an enhanced refresh is asked for"
                    .to_owned(),
                hint: match none_of(other, &["standard"]).hint() {
                    near if near.starts_with("did you mean") => near,
                    _ => "write `standard`, or keys as in `{type: full}`".to_owned(),
                },
            }),
        }),
        None => Some(()),
    };
    let mail_on_failure = mail_on_failure(reader, section);
    standard?;
    Some(ModelRefresh::Standard {
        mail_on_failure: mail_on_failure?,
    })
}

fn read_enhanced(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Enhanced> {
    let section = reader.section(item, &keys::ENHANCED)?;
    let refresh_type = optional(reader, &section, "type", |reader, item| {
        reader.parsed(item, refresh_type)
    });
    let objects = match section.get("objects") {
        Some(item) => objects(reader, &item),
        None => Some(Vec::new()),
    };
    let partial_batch = optional(reader, &section, "commit_mode", |reader, item| {
        reader.parsed(item, commit_mode)
    });
    let max_parallelism = optional(reader, &section, "max_parallelism", |reader, item| {
        reader.whole(item, 1, MOST_THREADS)
    });
    let retry_count = optional(reader, &section, "retry_count", |reader, item| {
        reader.whole(item, 0, MOST_RETRIES)
    });
    let timeout = timeout(reader, &section);
    let apply_refresh_policy = match section.get("apply_refresh_policy") {
        Some(_) => reader
            .boolean(&section, "apply_refresh_policy", true)
            .map(Some),
        None => Some(None),
    };
    let effective_date = optional(reader, &section, "effective_date", |reader, item| {
        reader.parsed(item, date)
    });
    let enhanced = Enhanced {
        refresh_type: refresh_type?,
        objects: objects?,
        partial_batch: partial_batch?,
        max_parallelism: max_parallelism?,
        retry_count: retry_count?,
        timeout: timeout?,
        apply_refresh_policy: apply_refresh_policy?,
        effective_date: effective_date?,
    };
    refuse_nonsense(reader, &section, &enhanced)?;
    Some(enhanced)
}

/// What a key says; nothing where it is not there.
fn optional<T>(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    key: &str,
    read: impl FnOnce(&mut Reader<'_>, &Item<'_>) -> Option<T>,
) -> Option<Option<T>> {
    match section.get(key) {
        Some(item) => read(reader, &item).map(Some),
        None => Some(None),
    }
}

/// What Microsoft refuses, or what would change nothing.
fn refuse_nonsense(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    enhanced: &Enhanced,
) -> Option<()> {
    let policy = enhanced.apply_refresh_policy;
    if enhanced.partial_batch == Some(true)
        && policy != Some(false)
        && let Some(item) = section
            .get("apply_refresh_policy")
            .or_else(|| section.get("commit_mode"))
    {
        return reader.bad(
            &item,
            "Microsoft applies an incremental refresh policy in one transaction only, and applies one unless told not to",
            "write `apply_refresh_policy: false` beside `commit_mode: partial_batch`, or take `commit_mode` out".to_owned(),
        );
    }
    if policy == Some(false)
        && let Some(item) = section.get("effective_date")
    {
        return reader.bad(
            &item,
            "this is the day that a refresh policy counts from, and none is applied",
            "take it out, or `apply_refresh_policy: false`".to_owned(),
        );
    }
    Some(())
}

fn refresh_type(text: &str) -> Result<&'static str, Fault> {
    let found = TYPES
        .into_iter()
        .find(|(ours, theirs)| [*ours, *theirs].contains(&text));
    match found {
        Some((_, theirs)) => Ok(theirs),
        None => Err(none_of(text, &TYPES.map(|(ours, _)| ours))),
    }
}

fn commit_mode(text: &str) -> Result<bool, Fault> {
    match text {
        "transactional" => Ok(false),
        "partial_batch" | "partialBatch" => Ok(true),
        other => Err(none_of(other, &["transactional", "partial_batch"])),
    }
}

fn timeout(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Option<Duration>> {
    let Some(item) = section.get("timeout") else {
        return Some(None);
    };
    let timeout = reader.duration(section, "timeout", None)?;
    if timeout > LONGEST {
        return reader.bad(
            &item,
            "Microsoft ends a refresh after 24 hours, its own further attempts included",
            "write at most 24h".to_owned(),
        );
    }
    if timeout.subsec_nanos() != 0 {
        return reader.bad(
            &item,
            "Microsoft counts this in whole seconds",
            "write it as in 90m or 5h".to_owned(),
        );
    }
    Some(Some(timeout))
}

/// A day as it is written, where it is one.
fn date(text: &str) -> Result<String, Fault> {
    match text.parse::<Date>() {
        // Other spellings of a day are no `YYYY-MM-DD`.
        Ok(date) if date.to_string() == text => Ok(text.to_owned()),
        _ => Err(Fault::BadValue {
            what: "this is not a day of the calendar".to_owned(),
            hint: "write it as in 2026-11-23".to_owned(),
        }),
    }
}

fn objects(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<ModelObject>> {
    let items = reader.list(item)?;
    if items.is_empty() {
        return reader.bad(
            item,
            "this list is empty",
            "name tables, or leave the key out for the whole model".to_owned(),
        );
    }
    let all: Vec<Option<ModelObject>> = items.iter().map(|item| object(reader, item)).collect();
    all.into_iter().collect()
}

fn object(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<ModelObject> {
    if !matches!(item.node.value, Value::Map(_)) {
        return Some(ModelObject {
            table: named(reader, item)?,
            partition: None,
        });
    }
    let section = reader.section(item, &keys::MODEL_OBJECT)?;
    let table = reader
        .required(&section, "table", "table: Sales")
        .and_then(|item| named(reader, &item));
    let partition = optional(reader, &section, "partition", named);
    Some(ModelObject {
        table: table?,
        partition: partition?,
    })
}

/// A name, kept exactly.
fn named(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<String> {
    reader.parsed(item, |text| match text.trim() {
        "" => Err(Fault::BadValue {
            what: "this is an empty name".to_owned(),
            hint: "write the name as the model shows it".to_owned(),
        }),
        _ => Ok(text.to_owned()),
    })
}
