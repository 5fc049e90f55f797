//! One identity, one refresh: keys, replays, retries, and what the audit log decides.

use simulator::faults::{CannedReply, FaultRule, Operation};

use crate::support::{Platform, Setup, dataflow, flow, world, world_of};

const KEY: [&str; 2] = ["--idempotency-key", "invented-task-run"];

#[test]
fn a_second_start_with_the_same_key_is_answered_from_the_record() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    let first = setup.refresh(&KEY);
    let second = setup.refresh(&KEY);
    second.is("completed", "", 0);
    assert_eq!(first.field("replayed"), "false");
    assert_eq!(second.field("replayed"), "true");
    assert_eq!(second.field("run"), first.field("run"));
    assert_eq!(second.field("service_run"), first.field("service_run"));
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn without_a_key_every_start_is_a_run_of_its_own() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    let first = setup.refresh(&[]);
    let second = setup.refresh(&[]);
    assert_ne!(first.field("run"), second.field("run"));
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn new_ignores_what_the_key_began_before() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    setup.refresh(&KEY).exits(0);
    setup.refresh(&[KEY[0], KEY[1], "--new"]).exits(0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn another_payload_is_another_refresh() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    setup.refresh(&KEY).exits(0);
    std::fs::write(setup.path("other.json"), r#"{"dataflow_name": "Another"}"#).unwrap();
    setup
        .refresh(&[KEY[0], KEY[1], "--payload", "other.json"])
        .exits(0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn after_a_failure_the_same_key_starts_afresh() {
    let rule = FaultRule::on(Operation::Trigger, CannedReply::status(400)).times(1);
    let platform = Platform::start(&world().fault(rule));
    let setup = Setup::verified(&platform);
    setup.refresh(&KEY).exits(10);
    let second = setup.refresh(&KEY);
    second.is("completed", "", 0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn fifty_starts_with_one_key_are_one_trigger() {
    let platform = Platform::start(&world_of(dataflow().run_ms(1500), flow()));
    let setup = Setup::verified(&platform).replacing("deadline: 15s", "deadline: 60s");
    let children: Vec<_> = (0..50)
        .map(|_| setup.start(&["refresh", "order_list", "--output", "json", KEY[0], KEY[1]]))
        .collect();
    let mut runs = std::collections::BTreeSet::new();
    for child in children {
        let outcome = crate::support::Outcome::of(&child.wait_with_output().unwrap());
        assert_eq!(outcome.field("status"), "completed", "{outcome:#?}");
        runs.insert(outcome.field("run"));
    }
    assert_eq!(platform.triggers(), 1);
    assert_eq!(runs.len(), 1, "{runs:?}");
}

#[test]
fn fifty_keys_at_once_keep_the_record_whole() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform).replacing("deadline: 15s", "deadline: 60s");
    let children: Vec<_> = (0..50)
        .map(|number| {
            setup.start(&[
                "refresh",
                "order_list",
                "--output",
                "json",
                "--idempotency-key",
                &format!("key-{number}"),
            ])
        })
        .collect();
    for child in children {
        let outcome = crate::support::Outcome::of(&child.wait_with_output().unwrap());
        assert_eq!(outcome.field("status"), "accepted", "{outcome:#?}");
    }
    assert_eq!(platform.triggers(), 50);
    let numbers: Vec<u64> = setup
        .events()
        .iter()
        .filter_map(|event| event["number"].as_u64())
        .collect();
    assert_eq!(numbers, (1..=150).collect::<Vec<u64>>());
}

#[test]
fn two_targets_of_ours_on_one_dataflow_never_take_each_others_run() {
    let platform = Platform::start(&world_of(dataflow().run_ms(400), flow()));
    let setup = Setup::verified(&platform).replacing("deadline: 15s", "deadline: 30s");
    let children: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|key| {
            setup.start(&[
                "refresh",
                "order_list",
                "--output",
                "json",
                "--idempotency-key",
                key,
            ])
        })
        .collect();
    let mut runs = std::collections::BTreeSet::new();
    for child in children {
        let outcome = crate::support::Outcome::of(&child.wait_with_output().unwrap());
        assert_eq!(outcome.field("status"), "completed", "{outcome:#?}");
        runs.insert(outcome.field("service_run"));
    }
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert_eq!(platform.triggers(), 3);
}

#[test]
fn a_run_that_is_resolved_by_a_person_is_settled() {
    let platform = Platform::start(&world_of(dataflow().never_starting(), flow()));
    let setup = Setup::verified(&platform);
    let lost = setup.refresh(&KEY);
    lost.exits(12);
    setup
        .run(&[
            "audit",
            "resolve",
            &lost.field("run"),
            "--as",
            "completed",
            "--reason",
            "seen in the portal",
        ])
        .exits(0);
    let again = setup.refresh(&KEY);
    again.exits(0).says("seen in the portal");
    assert_eq!(again.field("replayed"), "true");
    assert_eq!(platform.triggers(), 1);
    let open = setup.run(&["audit", "list", "--open", "--output", "json"]);
    assert_eq!(open.results.len(), 0, "{open:#?}");
}

#[test]
fn if_lost_resend_starts_afresh_where_nothing_can_be_followed() {
    let rule = FaultRule::on(Operation::Trigger, simulator::faults::Fault::HangAfter).times(1);
    let platform = Platform::start(&world().fault(rule));
    let setup = Setup::unverified(&platform).appending("    if_lost: resend\n");
    setup.refresh(&KEY).exits(12);
    setup.refresh(&KEY).exits(0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn a_trigger_that_was_lost_without_a_look_before_it_is_held_and_nobodys_run_is_taken_for_it() {
    // The trigger never arrives, and somebody else's refresh succeeds right after it.
    let rule = FaultRule::on(Operation::Trigger, simulator::faults::Fault::Hang).times(1);
    let platform = Platform::start(&world().fault(rule));
    let setup = Setup::verified(&platform);
    setup.refresh(&[KEY[0], KEY[1], "--no-verify"]).exits(12);
    platform.start_run("OnDemand");
    platform.wait_until("the other's end", |platform| {
        platform.completed_runs().len() == 1
    });
    let again = setup.refresh(&KEY);
    again.is("unknown", "earlier_run_unresolved", 12);
    let followed = setup.run(&["follow", "order_list", "--output", "json"]);
    followed.is("unknown", "cannot_be_followed", 12);
    assert_eq!(platform.triggers(), 1);
}
