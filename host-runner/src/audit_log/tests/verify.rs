use super::*;
use crate::audit_log::chain::{GENESIS, link};

fn filled() -> (Bench, AuditLog) {
    let (bench, audit_log) = Bench::one();
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
    let change = format!(
        "DROP TRIGGER events_are_appended; DROP TRIGGER events_are_not_changed; \
         DROP TRIGGER events_are_not_deleted; {change}"
    );
    bench.raw().execute_batch(&change).unwrap();
    match audit_log.verify().unwrap() {
        Verification::Broken { at, .. } => Some(at),
        Verification::Whole { .. } => None,
    }
}

#[test]
fn an_unchanged_audit_log_is_whole() {
    let (_bench, audit_log) = filled();
    let head = audit_log.events_of("r").unwrap()[3].hash.clone();
    let expected = Verification::Whole { events: 4, head };
    assert_eq!(audit_log.verify().unwrap(), expected);
    assert_eq!(broken_after(""), None);
    let empty = Verification::Whole {
        events: 0,
        head: GENESIS.to_owned(),
    };
    assert_eq!(Bench::new().open().verify().unwrap(), empty);
}

#[test]
fn a_change_is_found_at_its_event() {
    let inserted = "INSERT INTO events SELECT 5, time, run, event, target, identity, resource, service_run, hash, text \
                    FROM events WHERE number = 4";
    for (change, at) in [
        (
            "UPDATE events SET text = replace(text, '202', '500') WHERE number = 2",
            2,
        ),
        ("UPDATE events SET text = text || ' ' WHERE number = 4", 4),
        ("UPDATE events SET hash = upper(hash) WHERE number = 3", 3),
        ("DELETE FROM events WHERE number = 1", 1),
        ("DELETE FROM events WHERE number = 3", 3),
        // A column that hides an event.
        ("UPDATE events SET run = 'other' WHERE number = 3", 3),
        ("UPDATE events SET event = 'other' WHERE number = 3", 3),
        ("UPDATE events SET target = 'other' WHERE number = 3", 3),
        ("UPDATE events SET identity = 'other' WHERE number = 3", 3),
        ("UPDATE events SET resource = 'other' WHERE number = 3", 3),
        ("UPDATE events SET time = 'other' WHERE number = 3", 3),
        ("UPDATE events SET service_run = NULL WHERE number = 3", 3),
        ("UPDATE events SET service_run = 'x' WHERE number = 2", 2),
        (inserted, 5),
        ("UPDATE events SET number = 9 WHERE number = 4", 4),
    ] {
        assert_eq!(broken_after(change), Some(at), "{change}");
    }
}

#[test]
fn a_text_that_was_changed_with_its_hash_is_found_at_the_next_event() {
    // The event's own text and hash match, but the next event was chained to the old hash.
    let (bench, audit_log) = filled();
    let raw = bench.raw();
    let column = |query: &str| raw.query_row(query, [], |row| row.get::<_, String>(0));
    let text = column("SELECT text FROM events WHERE number = 2").unwrap();
    let before = column("SELECT hash FROM events WHERE number = 1").unwrap();
    let text = text.replace(r#""http_status":202"#, r#""http_status":500"#);
    let hash = link(&before, &text);
    let (allow, change) = (
        "DROP TRIGGER events_are_not_changed",
        "UPDATE events SET text = ?1, hash = ?2 WHERE number = 2",
    );
    raw.execute_batch(allow).unwrap();
    raw.execute(change, [text, hash]).unwrap();
    let verified = audit_log.verify().unwrap();
    assert!(matches!(verified, Verification::Broken { at: 3, .. }));
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
        let error = bench
            .raw()
            .execute_batch(statement)
            .unwrap_err()
            .to_string();
        assert!(error.contains("events are "), "{statement}: {error}");
    }
    assert_eq!(whole(&audit_log), Some(4));
}
