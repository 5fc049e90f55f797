//! Writing to the audit log through the component.
//!
//! Only resolutions and notes may be written from outside: all other events record what the
//! component itself did. Texts are put on one line, redacted and cut.

use crate::contract::{AuditError, Entry, Event, Note, Receipt, Resolution, StoreError};
use crate::ports::Store;
use crate::redact::Redactor;

/// The most bytes of a text that are stored: a page of prose.
const TEXT_LIMIT: usize = 4096;
/// The most bytes of the name of a field or topic.
const NAME_LIMIT: usize = 128;
/// The most fields of a note.
const MOST_FIELDS: usize = 64;
/// What a run can be resolved as.
const RESOLUTIONS: [&str; 4] = ["never_started", "completed", "failed", "cancelled"];

/// Checks, redacts and normalises an entry, and appends it.
///
/// # Errors
/// If the entry may not be written from outside, or the store does not accept it.
pub fn record_audit(store: &dyn Store, entry: &Entry) -> Result<Receipt, AuditError> {
    let entry = checked(entry).map_err(AuditError::Invalid)?;
    store.append(&entry).map_err(|error| match error {
        StoreError::Unavailable(why) => AuditError::Unavailable(why),
        StoreError::Refused(why) => AuditError::Refused(why),
    })
}

fn checked(entry: &Entry) -> Result<Entry, String> {
    let run_id = entry.run_id.trim().to_owned();
    if run_id.len() > NAME_LIMIT || run_id.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(
            "The run id does not consist of up to 128 visible ASCII characters.".to_owned(),
        );
    }
    let event = match &entry.event {
        Event::Resolved(_) if run_id.is_empty() => {
            return Err("A resolution needs the id of the run that it resolves.".to_owned());
        }
        Event::Resolved(resolution) => Event::Resolved(checked_resolution(resolution)?),
        Event::Note(note) => Event::Note(checked_note(note)?),
        Event::Intent(_) | Event::Triggered(_) | Event::Observed(_) | Event::Outcome(_) => {
            return Err(
                "Only `resolved` and `note` can be written from outside the component.".to_owned(),
            );
        }
    };
    Ok(Entry { run_id, event })
}

fn checked_resolution(resolution: &Resolution) -> Result<Resolution, String> {
    let word = resolution.word.trim();
    if !RESOLUTIONS.contains(&word) {
        let known = RESOLUTIONS.join(", ");
        return Err(format!("A run can be resolved as one of: {known}."));
    }
    let reason = line(&resolution.reason, TEXT_LIMIT);
    if reason.is_empty() {
        return Err("A resolution needs a reason.".to_owned());
    }
    Ok(Resolution {
        word: word.to_owned(),
        reason,
    })
}

fn checked_note(note: &Note) -> Result<Note, String> {
    let topic = line(&note.topic, NAME_LIMIT);
    if topic.is_empty() {
        return Err("A note needs a topic, for example `deployment`.".to_owned());
    }
    if note.fields.len() > MOST_FIELDS {
        return Err(format!("A note has at most {MOST_FIELDS} fields."));
    }
    let mut fields = Vec::with_capacity(note.fields.len());
    for (key, value) in &note.fields {
        let key = line(key, NAME_LIMIT);
        if key.is_empty() || fields.iter().any(|(known, _)| *known == key) {
            return Err("Each field of a note needs a unique name.".to_owned());
        }
        fields.push((key, line(value, TEXT_LIMIT)));
    }
    Ok(Note {
        topic,
        message: line(&note.message, TEXT_LIMIT),
        fields,
    })
}

fn line(text: &str, limit: usize) -> String {
    Redactor::default().line(text, limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Conclusion, Observed, RefreshError, problem};
    use crate::testing::World;

    fn resolution(run_id: &str, word: &str, reason: &str) -> Entry {
        Entry {
            run_id: run_id.into(),
            event: Event::Resolved(Resolution {
                word: word.into(),
                reason: reason.into(),
            }),
        }
    }

    fn note(topic: &str, message: &str, fields: &[(&str, &str)]) -> Entry {
        Entry {
            run_id: String::new(),
            event: Event::Note(Note {
                topic: topic.into(),
                message: message.into(),
                fields: fields
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect(),
            }),
        }
    }

    #[test]
    fn a_resolution_is_stored_on_one_line_without_secrets() {
        let world = World::new();
        let entry = resolution(
            " run-1 ",
            "completed",
            "  seen in\n the portal, ?sig=INVENTED-sig-1 ",
        );
        record_audit(&world, &entry).unwrap();
        assert_eq!(
            world.events(),
            [Event::Resolved(Resolution {
                word: "completed".into(),
                reason: "seen in the portal, ?sig=***".into(),
            })]
        );
        assert_eq!(world.entries()[0].run_id, "run-1");
    }

    #[test]
    fn a_resolution_needs_a_run_a_known_status_and_a_reason() {
        let world = World::new();
        for entry in [
            resolution("", "completed", "r"),
            resolution("run-1", "done", "r"),
            resolution("run-1", "Completed", "r"),
            resolution("run-1", "completed", " \n "),
            resolution("run 1", "completed", "r"),
        ] {
            assert!(matches!(
                record_audit(&world, &entry),
                Err(AuditError::Invalid(_))
            ));
        }
        assert!(world.events().is_empty());
    }

    #[test]
    fn a_note_is_cut_and_its_field_names_are_unique() {
        let world = World::new();
        let long = "é".repeat(4000);
        record_audit(&world, &note("deployment", &long, &[("version", "1")])).unwrap();
        let events = world.events();
        let Event::Note(stored) = &events[0] else {
            panic!("{events:?}");
        };
        assert_eq!(stored.message.len(), TEXT_LIMIT);
        for entry in [
            note(" ", "m", &[]),
            note("t", "m", &[("", "v")]),
            note("t", "m", &[("a", "1"), ("a", "2")]),
            note("t", "m", &[("a", "1"); 65]),
        ] {
            assert!(matches!(
                record_audit(&world, &entry),
                Err(AuditError::Invalid(_))
            ));
        }
    }

    #[test]
    fn the_components_own_events_cannot_be_written_from_outside() {
        let world = World::new();
        let error = RefreshError::Invalid(problem("c", "m", "h"));
        for event in [
            Event::Outcome(Conclusion::Error(error)),
            Event::Observed(Observed {
                what: "not_sent".into(),
                run: None,
                message: String::new(),
            }),
        ] {
            let entry = Entry {
                run_id: "run-1".into(),
                event,
            };
            assert!(matches!(
                record_audit(&world, &entry),
                Err(AuditError::Invalid(_))
            ));
        }
        assert!(world.events().is_empty());
    }

    #[test]
    fn an_error_of_the_store_is_passed_on() {
        let world = World::new();
        world.store_says(StoreError::Unavailable("locked".into()));
        let entry = resolution("run-1", "failed", "r");
        assert!(
            matches!(record_audit(&world, &entry), Err(AuditError::Unavailable(w)) if w == "locked")
        );
        world.store_says(StoreError::Refused("no such run".into()));
        assert!(matches!(
            record_audit(&world, &entry),
            Err(AuditError::Refused(_))
        ));
    }
}
