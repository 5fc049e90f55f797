use clap::ValueEnum as _;
use secrecy::SecretString;

use super::*;
use crate::audit_log::chain::{GENESIS, canonical, link};
use crate::audit_log::{Begin, Filter};
use crate::secret::TEXT_LIMIT;

fn filter() -> Filter {
    Filter {
        target: None,
        open: false,
        limit: 10,
    }
}

#[test]
fn events_are_numbered_from_one_and_round_trip() {
    let (bench, audit_log) = Bench::one();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    let details = [
        intent(),
        triggered(Some(202)),
        matched("ours"),
        outcome_of(Status::Completed, "ours"),
        interrupted(Sent::Yes),
        Detail::Reconciled(Resolution {
            decision: Decision::Completed,
            reason: "the history says so".into(),
            overrides: None,
        }),
        note("over"),
    ];
    for (number, detail) in (1..).zip(&details) {
        let receipt = audit_log.append(&run("r"), detail.clone()).unwrap();
        let stored = (receipt.number, receipt.stored_at);
        assert_eq!(stored, (number, bench.clock.now()));
    }
    let stored = bench.open().events_of("r").unwrap();
    assert!(stored.iter().map(|entry| &entry.event.detail).eq(&details));
    let first = &stored[0].event;
    assert_eq!(first.time, "2026-11-18T11:06:40.000000Z");
    assert_eq!((first.actor.user.as_str(), &first.run), ("ann", &run("r")));
    assert_eq!(first.actor.invocation.len(), 36);
}

#[test]
fn each_event_is_chained_to_the_one_before() {
    let (_bench, audit_log) = Bench::one();
    for message in ["one", "two"] {
        add_note(&audit_log, message);
    }
    let mut head = GENESIS.to_owned();
    for entry in audit_log.events_of("").unwrap() {
        let text = canonical(&serde_json::to_value(&entry.event).unwrap());
        head = link(&head, &text);
        assert_eq!(entry.hash, head);
    }
}

#[test]
fn an_event_of_an_unknown_run_is_rejected() {
    let (_bench, audit_log) = Bench::one();
    for (detail, code) in [
        (triggered(None), "run_not_found"),
        (outcome(Status::Unknown, Sent::Maybe), "run_not_found"),
        (resolved(Decision::Failed), "run_not_found"),
        (note("x"), "run_not_found"),
        (intent(), "claim_lost"),
    ] {
        assert_eq!(refusal(&audit_log, &run("r"), detail), code);
    }
    assert_eq!(audit_log.events_of("r").unwrap(), Vec::new());
}

#[test]
fn a_fact_is_stored_no_matter_who_holds_the_run() {
    let (_bench, first, second) = Bench::shared();
    first.begin(&run("r"), FOLLOWING).unwrap();
    first.append(&run("r"), intent()).unwrap();
    second.append(&run("r"), note("by another")).unwrap();
    first.finish("r").unwrap();
    let unknown = outcome(Status::Unknown, Sent::Maybe);
    first.append(&run("r"), unknown).unwrap();
    assert_eq!(second.run("r").unwrap().unwrap().last_event, 3);
}

#[test]
fn a_secret_is_never_stored() {
    let (bench, redactor) = (Bench::new(), Redactor::new());
    redactor.register(&SecretString::from("INVENTED \"secret\" 0123456789"));
    let audit_log = bench.open_with(Actor::default(), redactor);
    let url = "https://h/x?sig=INVENTED-sig-0123456789&z=1";
    let detail = Detail::Note(Note {
        topic: "t".into(),
        message: "it said: INVENTED \"secret\" 0123456789".to_owned(),
        fields: vec![("url".to_owned(), url.to_owned())],
    });
    audit_log.append(&RunInfo::default(), detail).unwrap();
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"INVENTED"));
    }
    let stored = audit_log.events_of("").unwrap();
    let Detail::Note(note) = &stored[0].event.detail else {
        panic!("not a note")
    };
    assert_eq!(note.message, "it said: ***");
    assert_eq!(note.fields[0].1, "https://h/x?sig=***&z=1");
}

#[test]
fn a_secret_that_is_one_of_our_words_changes_no_event() {
    let (bench, redactor) = (Bench::new(), Redactor::new());
    let audit_log = bench.open_with(ann(), redactor.clone());
    let info = run("019e2c5d-0000-7000-8000-000000000001");
    let details = [
        intent(),
        triggered(Some(202)),
        matched("service-run-1"),
        observed(Observed::NOT_SENT, None, ""),
        interrupted(Sent::Yes),
        Detail::Note(Note {
            topic: Note::CANCEL.into(),
            message: "a message".into(),
            fields: vec![(Note::POLL_FROM.into(), "2026-11-23T08:00:09Z".into())],
        }),
        concluded(Verdict {
            evidence: Evidence::Service,
            matched: Matched::Inferred,
            likely_cause: "dataflow_daily_limit".into(),
            ..Verdict::not_sent(Status::Completed, "refresh_not_started", "a message", "")
        }),
    ];
    // Every name and every text of the events, and the statuses.
    let names = Status::value_variants().iter().map(|status| status.name());
    let texts = (&info, &details, names.collect::<Vec<_>>());
    for word in serde_json::to_string(&texts).unwrap().split('"') {
        redactor.register(&SecretString::from(word));
    }
    audit_log.begin(&info, FOLLOWING).unwrap();
    for detail in &details {
        audit_log.append(&info, detail.clone()).unwrap();
    }
    audit_log.finish(&info.run).unwrap();

    let stored = audit_log.events_of(&info.run).unwrap();
    assert!(stored.iter().all(|entry| entry.event.run == info));
    let kinds = stored.iter().map(|entry| entry.event.detail.name());
    assert!(kinds.eq(details.iter().map(Detail::name)));
    let (Detail::Note(note), Detail::Outcome(outcome)) =
        (&stored[5].event.detail, &stored[6].event.detail)
    else {
        panic!("{stored:?}")
    };
    assert_eq!(note.message, "***");
    let expected = Verdict {
        message: "***".into(),
        ..match &details[6] {
            Detail::Outcome(outcome) => outcome.verdict.clone(),
            _ => Verdict::default(),
        }
    };
    assert_eq!(outcome.verdict, expected);
    let listed = audit_log.list(&filter()).unwrap();
    assert_eq!(listed[0].view.state_name(), "completed");
    let begin = audit_log.begin(&run("r2"), FOLLOWING).unwrap();
    assert!(matches!(begin, Begin::Replay { .. }), "{begin:?}");
    assert_eq!(whole(&audit_log), Some(7));
}

#[test]
fn a_text_is_stored_up_to_a_limit_and_the_cut_is_marked() {
    let (_bench, audit_log) = Bench::one();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    for (length, kept) in [(4096, 4096), (30_000, 30_000), (4_000_000, TEXT_LIMIT)] {
        let id = "x".repeat(length);
        audit_log.append(&run("r"), matched(&id)).unwrap();
        let view = audit_log.run("r").unwrap().unwrap();
        assert_eq!(view.service_run.chars().count(), kept);
        assert_eq!(view.service_run.ends_with('…'), kept < length);
    }
}

#[test]
fn a_secret_in_a_label_is_stored_neither_as_value_nor_as_name() {
    let (bench, redactor) = (Bench::new(), Redactor::new());
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
    let audit_log = bench.open_with(actor, redactor);
    add_note(&audit_log, "later");
    let stored = audit_log.events_of("").unwrap();
    let labels = &stored[0].event.actor.kestra.as_ref().unwrap().labels;
    assert_eq!(labels["name"], "x ***");
    assert_eq!(labels["***"], "x ***");
    assert_eq!(whole(&audit_log), Some(1));
}

#[test]
fn an_event_of_an_older_version_is_read_and_its_chain_is_valid() {
    let (bench, audit_log) = Bench::one();
    // As version 0.1 wrote it, before labels, triggers and traces.
    let text = r#"{"actor":{"host":"h","invocation":"i","kestra":{"attempt":"0","execution":"ex1","flow":"f","namespace":"n","revision":"3","task_run":"tr1","tenant":""},"pid":7,"user":"u","version":"0.1.0"},"detail":{"fields":[],"message":"","topic":"t"},"event":"note","identity":"","key":"","kind":"","number":1,"resource":"","run":"","target":"","time":"2026-11-23T08:15:37.000001Z"}"#;
    let hash = link(GENESIS, text);
    let insert = "INSERT INTO events (number, time, run, event, target, identity, resource, service_run, hash, text) \
                  VALUES (1, '2026-11-23T08:15:37.000001Z', '', 'note', '', '', '', NULL, ?1, ?2)";
    let values = rusqlite::params![hash, text];
    bench.raw().execute(insert, values).unwrap();
    add_note(&audit_log, "later");
    let stored = audit_log.events_of("").unwrap();
    assert_eq!(stored.len(), 2);
    let old = stored[0].event.actor.kestra.as_ref().unwrap();
    assert_eq!((old.execution.as_str(), old.labels.len()), ("ex1", 0));
    assert_eq!(whole(&audit_log), Some(2));
}

#[test]
fn an_event_that_cannot_be_read_is_an_error_and_not_a_start() {
    let (bench, audit_log) = Bench::one();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    finish(&audit_log, "r", intent());
    let damage = "DROP TRIGGER events_are_not_changed; UPDATE events SET text = '{}'";
    bench.raw().execute_batch(damage).unwrap();
    let error = audit_log.begin(&run("r2"), FOLLOWING).unwrap_err();
    assert_eq!(error.code(), "audit_log_corrupt");
    assert!(error.to_string().contains("at event 1"), "{error}");
}

#[test]
fn an_event_that_cannot_be_read_hides_no_other_from_a_reader() {
    let (bench, audit_log) = Bench::one();
    for id in ["r1", "r2"] {
        audit_log
            .append(&RunInfo::default(), note("between"))
            .unwrap();
        let options = BeginOptions {
            new: true,
            ..FOLLOWING
        };
        audit_log.begin(&run(id), options).unwrap();
        audit_log.append(&run(id), triggered(Some(202))).unwrap();
        finish(&audit_log, id, outcome(Status::Failed, Sent::Yes));
    }
    let damage = "DROP TRIGGER events_are_not_changed; \
        UPDATE events SET text = replace(text, 'triggered', '***') WHERE number = 2";
    bench.raw().execute_batch(damage).unwrap();
    let listed = audit_log.list(&filter()).unwrap();
    let states = listed.iter().map(|one| one.view.state_name());
    assert!(states.eq(["failed", "failed"]));
    assert_eq!(audit_log.events_of("r1").unwrap()[0].event.number, 3);
    let damage = audit_log.damage_of("r1").unwrap();
    assert!(damage[0].to_string().contains("at event 2"), "{damage:?}");
    assert_eq!(audit_log.damage_of("r2").unwrap().len(), 0);
    assert_eq!(audit_log.run("r1").unwrap_err().code(), "audit_log_corrupt");
}
