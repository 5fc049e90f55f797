use super::*;
use crate::audit_log::Verification;
use crate::audit_log::chain::GENESIS;

fn filled() -> (Bench, AuditLog) {
    let bench = Bench::new();
    let audit_log = bench.open();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    for detail in [
        intent(),
        triggered(Some(202)),
        matched("ours"),
        outcome_of(Status::Completed, "ours"),
    ] {
        audit_log.append(&run("r"), detail).unwrap();
    }
    (bench, audit_log)
}

/// The first broken event after a change that bypasses the triggers.
fn broken_after(change: &str) -> Option<u64> {
    let (bench, audit_log) = filled();
    bench
        .raw()
        .execute_batch(&format!(
            "DROP TRIGGER events_are_appended; DROP TRIGGER events_are_not_changed; \
             DROP TRIGGER events_are_not_deleted; {change}"
        ))
        .unwrap();
    match audit_log.verify().unwrap() {
        Verification::Broken { at, .. } => Some(at),
        Verification::Whole { .. } => None,
    }
}

#[test]
fn an_unchanged_audit_log_is_whole() {
    let (_bench, audit_log) = filled();
    let head = audit_log
        .events_of("r")
        .unwrap()
        .last()
        .unwrap()
        .hash
        .clone();
    assert_eq!(
        audit_log.verify().unwrap(),
        Verification::Whole { events: 4, head }
    );
    assert_eq!(broken_after(""), None);
    let empty = Bench::new().open().verify().unwrap();
    assert_eq!(
        empty,
        Verification::Whole {
            events: 0,
            head: GENESIS.to_owned()
        }
    );
}

#[test]
fn a_changed_text_is_found() {
    assert_eq!(
        broken_after("UPDATE events SET text = replace(text, '202', '500') WHERE number = 2"),
        Some(2)
    );
    assert_eq!(
        broken_after("UPDATE events SET text = text || ' ' WHERE number = 4"),
        Some(4)
    );
}

#[test]
fn a_changed_hash_is_found() {
    assert_eq!(
        broken_after("UPDATE events SET hash = upper(hash) WHERE number = 3"),
        Some(3)
    );
}

#[test]
fn a_text_that_was_changed_with_its_hash_is_found_at_the_next_event() {
    // The event's own text and hash match, but the next event was chained to the old hash.
    let (bench, audit_log) = filled();
    let (text, before): (String, String) = bench
        .raw()
        .query_row(
            "SELECT b.text, a.hash FROM events a, events b WHERE a.number = 1 AND b.number = 2",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let text = text.replace(r#""http_status":202"#, r#""http_status":500"#);
    let raw = bench.raw();
    raw.execute_batch("DROP TRIGGER events_are_not_changed")
        .unwrap();
    let hash = crate::audit_log::chain::link(&before, &text);
    raw.execute(
        "UPDATE events SET text = ?1, hash = ?2 WHERE number = 2",
        [text, hash],
    )
    .unwrap();
    assert!(matches!(
        audit_log.verify().unwrap(),
        Verification::Broken { at: 3, .. }
    ));
}

#[test]
fn a_deleted_event_is_found() {
    assert_eq!(broken_after("DELETE FROM events WHERE number = 1"), Some(1));
    assert_eq!(broken_after("DELETE FROM events WHERE number = 3"), Some(3));
}

#[test]
fn a_column_that_hides_an_event_is_found() {
    for column in ["run", "event", "target", "identity", "resource", "time"] {
        let change = format!("UPDATE events SET {column} = 'other' WHERE number = 3");
        assert_eq!(broken_after(&change), Some(3), "{column}");
    }
    assert_eq!(
        broken_after("UPDATE events SET service_run = NULL WHERE number = 3"),
        Some(3)
    );
    assert_eq!(
        broken_after("UPDATE events SET service_run = 'x' WHERE number = 2"),
        Some(2)
    );
}

#[test]
fn an_inserted_or_renumbered_event_is_found() {
    let insert = "INSERT INTO events SELECT 5, time, run, event, target, identity, resource, service_run, hash, text \
                  FROM events WHERE number = 4";
    assert_eq!(broken_after(insert), Some(5));
    assert_eq!(
        broken_after("UPDATE events SET number = 9 WHERE number = 4"),
        Some(4)
    );
}

#[test]
fn sql_alone_can_neither_change_nor_delete_nor_replace_an_event() {
    let (bench, audit_log) = filled();
    for statement in [
        "UPDATE events SET text = '{}'",
        "UPDATE events SET run = 'other' WHERE number = 1",
        "DELETE FROM events WHERE number = 4",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE number = 4",
        "INSERT INTO events SELECT 9, time, run, event, target, identity, resource, service_run, hash, text FROM events \
         WHERE number = 4",
    ] {
        let error = bench.raw().execute_batch(statement).unwrap_err();
        assert!(
            error.to_string().contains("events are "),
            "{statement}: {error}"
        );
    }
    assert!(matches!(
        audit_log.verify().unwrap(),
        Verification::Whole { events: 4, .. }
    ));
}
