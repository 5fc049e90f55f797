use secrecy::SecretString;

use super::*;
use crate::audit_log::chain::{GENESIS, canonical, link};

#[test]
fn events_are_numbered_from_one_and_round_trip() {
    let bench = Bench::new();
    let audit_log = bench.open();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    let details = [
        intent(),
        triggered(Some(202)),
        matched("ours"),
        outcome_of(Status::Completed, "ours"),
        interrupted(Sent::Yes),
        resolved(Decision::Failed),
        Detail::Reconciled(Resolution {
            decision: Decision::Completed,
            reason: "the history says so".into(),
        }),
        note("over"),
    ];
    for (number, detail) in (1..).zip(&details) {
        let receipt = audit_log.append(&run("r"), detail.clone()).unwrap();
        assert_eq!(
            (receipt.number, receipt.stored_at),
            (number, bench.clock.now())
        );
    }
    let stored = bench.open().events_of("r").unwrap();
    assert!(stored.iter().map(|entry| &entry.event.detail).eq(&details));
    let first = &stored[0].event;
    assert_eq!(
        (first.time.as_str(), first.actor.user.as_str(), &first.run),
        ("2026-11-18T11:06:40.000000Z", "ann", &run("r"))
    );
    assert_eq!(first.actor.invocation.len(), 36);
}

#[test]
fn each_event_is_chained_to_the_one_before() {
    let bench = Bench::new();
    let audit_log = bench.open();
    let mut head = GENESIS.to_owned();
    for message in ["one", "two"] {
        audit_log
            .append(&RunInfo::default(), note(message))
            .unwrap();
    }
    for entry in audit_log.events_of("").unwrap() {
        head = link(
            &head,
            &canonical(&serde_json::to_value(&entry.event).unwrap()),
        );
        assert_eq!(entry.hash, head);
    }
}

#[test]
fn an_event_of_an_unknown_run_is_rejected() {
    let bench = Bench::new();
    let audit_log = bench.open();
    for detail in [
        triggered(None),
        outcome(Status::Unknown, Sent::Maybe),
        resolved(Decision::Failed),
        note("x"),
    ] {
        assert_eq!(
            audit_log.append(&run("r"), detail).unwrap_err().code(),
            "run_not_found"
        );
    }
    assert_eq!(
        audit_log.append(&run("r"), intent()).unwrap_err().code(),
        "claim_lost"
    );
    assert_eq!(audit_log.events_of("r").unwrap(), Vec::new());
}

#[test]
fn a_fact_is_stored_no_matter_who_holds_the_run() {
    let bench = Bench::new();
    let (first, second) = (bench.open(), bench.open());
    first.begin(&run("r"), FOLLOWING).unwrap();
    first.append(&run("r"), intent()).unwrap();
    second
        .append(&run("r"), resolved(Decision::NeverStarted))
        .unwrap();
    first.finish("r").unwrap();
    first
        .append(&run("r"), outcome(Status::Unknown, Sent::Maybe))
        .unwrap();
    assert_eq!(second.run("r").unwrap().unwrap().last_event, 3);
}

#[test]
fn the_last_event_releases_the_run_in_the_same_transaction() {
    let bench = Bench::new();
    let audit_log = bench.open();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    audit_log.append(&run("r"), intent()).unwrap();
    assert!(audit_log.watch("r").unwrap().alive);
    audit_log
        .append_and_finish(&run("r"), outcome(Status::Failed, Sent::Yes))
        .unwrap();
    let watched = audit_log.watch("r").unwrap();
    assert!(!watched.alive);
    assert_eq!(
        watched.view.unwrap().verdict().unwrap().status,
        Status::Failed
    );
}

#[test]
fn a_secret_is_never_stored() {
    let bench = Bench::new();
    let redactor = Redactor::new();
    redactor.register(&SecretString::from("INVENTED \"secret\" 0123456789"));
    let clock = Arc::new(bench.clock.clone());
    let audit_log = AuditLog::open(&bench.location(), Actor::default(), clock, redactor).unwrap();
    let fields = vec![(
        "url".to_owned(),
        "https://h/x?sig=INVENTED-sig-0123456789&z=1".to_owned(),
    )];
    let message = "it said: INVENTED \"secret\" 0123456789".to_owned();
    audit_log
        .append(
            &RunInfo::default(),
            Detail::Note(Note {
                topic: "t".into(),
                message,
                fields,
            }),
        )
        .unwrap();
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"INVENTED"));
    }
    let stored = audit_log.events_of("").unwrap();
    let Detail::Note(note) = &stored[0].event.detail else {
        panic!("not a note")
    };
    assert_eq!(
        (note.message.as_str(), note.fields[0].1.as_str()),
        ("it said: ***", "https://h/x?sig=***&z=1")
    );
}

#[test]
fn a_secret_in_a_label_is_stored_neither_as_value_nor_as_name() {
    let bench = Bench::new();
    let redactor = Redactor::new();
    redactor.register(&SecretString::from("INVENTED-secret-0123456789"));
    let labels = ["name", "INVENTED-secret-0123456789"]
        .map(|name| (name.to_owned(), "x INVENTED-secret-0123456789".to_owned()));
    let actor = Actor {
        kestra: Some(crate::audit_log::KestraContext {
            labels: labels.into(),
            ..Default::default()
        }),
        ..Actor::default()
    };
    let clock = Arc::new(bench.clock.clone());
    let audit_log = AuditLog::open(&bench.location(), actor, clock, redactor).unwrap();
    let note = Note {
        topic: "t".into(),
        message: String::new(),
        fields: Vec::new(),
    };
    audit_log
        .append(&RunInfo::default(), Detail::Note(note))
        .unwrap();
    let stored = audit_log.events_of("").unwrap();
    let labels = &stored[0].event.actor.kestra.as_ref().unwrap().labels;
    assert_eq!(labels["name"], "x ***");
    assert_eq!(labels["***"], "x ***");
    assert!(matches!(
        audit_log.verify().unwrap(),
        crate::audit_log::Verification::Whole { .. }
    ));
}

#[test]
fn an_event_of_an_older_version_is_read_and_its_chain_is_valid() {
    let bench = Bench::new();
    let audit_log = bench.open();
    // As version 0.1 wrote it, before labels, triggers and traces.
    let text = r#"{"actor":{"host":"h","invocation":"i","kestra":{"attempt":"0","execution":"ex1","flow":"f","namespace":"n","revision":"3","task_run":"tr1","tenant":""},"pid":7,"user":"u","version":"0.1.0"},"detail":{"fields":[],"message":"","topic":"t"},"event":"note","identity":"","key":"","kind":"","number":1,"resource":"","run":"","target":"","time":"2026-11-23T08:15:37.000001Z"}"#;
    let hash = link(GENESIS, text);
    bench
        .raw()
        .execute(
            "INSERT INTO events (number, time, run, event, target, identity, resource, service_run, hash, text) \
             VALUES (1, '2026-11-23T08:15:37.000001Z', '', 'note', '', '', '', NULL, ?1, ?2)",
            rusqlite::params![hash, text],
        )
        .unwrap();
    let note = Note {
        topic: "later".into(),
        message: String::new(),
        fields: Vec::new(),
    };
    audit_log
        .append(&RunInfo::default(), Detail::Note(note))
        .unwrap();
    let stored = audit_log.events_of("").unwrap();
    assert_eq!(stored.len(), 2);
    let old = stored[0].event.actor.kestra.as_ref().unwrap();
    assert_eq!((old.execution.as_str(), old.labels.len()), ("ex1", 0));
    assert!(matches!(
        audit_log.verify().unwrap(),
        crate::audit_log::Verification::Whole { .. }
    ));
}

#[test]
fn an_event_that_cannot_be_read_is_an_error_and_not_a_start() {
    let bench = Bench::new();
    let audit_log = bench.open();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    audit_log.append_and_finish(&run("r"), intent()).unwrap();
    bench
        .raw()
        .execute_batch("DROP TRIGGER events_are_not_changed; UPDATE events SET text = '{}'")
        .unwrap();
    let error = audit_log.begin(&run("r2"), FOLLOWING).unwrap_err();
    assert_eq!(error.code(), "audit_log_corrupt");
    assert!(error.to_string().contains("at event 1"), "{error}");
}
