//! Idempotency keys, replays and open runs across processes.

use std::process::Child;

use simulator::faults::{CannedReply, FaultRule, Operation};

use crate::support::{Platform, Setup, dataflow, flow, world, world_of};

const KEY: [&str; 2] = ["--idempotency-key", "invented-task-run"];

fn start(setup: &Setup, key: &str) -> Child {
    let arguments = ["--output", "json", "--idempotency-key", key];
    setup.start(&[&["refresh", "order_list"], &arguments[..]].concat())
}

#[test]
fn a_second_start_with_the_same_key_returns_the_recorded_result() {
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
fn without_a_key_with_new_or_with_another_payload_a_start_triggers_again() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    std::fs::write(setup.path("other.json"), r#"{"dataflow_name": "Another"}"#).unwrap();
    let [option, key] = KEY;
    let mut runs = std::collections::BTreeSet::new();
    for arguments in [
        &[][..],
        &[],
        &KEY,
        &[option, key, "--new"],
        &[option, key, "--payload", "other.json"],
    ] {
        let outcome = setup.refresh(arguments);
        outcome.exits(0);
        runs.insert(outcome.field("run"));
    }
    assert_eq!((runs.len(), platform.triggers()), (5, 5));
}

#[test]
fn after_a_failure_the_same_key_triggers_again() {
    let rule = FaultRule::on(Operation::Trigger, CannedReply::status(400)).times(1);
    let platform = Platform::start(&world().fault(rule));
    let setup = Setup::verified(&platform);
    setup.refresh(&KEY).exits(10);
    let second = setup.refresh(&KEY);
    second.is("completed", "", 0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn fifty_starts_with_one_key_trigger_once() {
    let platform = Platform::start(&world_of(dataflow().run_ms(1500), flow()));
    let setup = Setup::verified(&platform).replacing("deadline: 15s", "deadline: 60s");
    let children: Vec<_> = (0..50).map(|_| start(&setup, KEY[1])).collect();
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
fn fifty_keys_in_parallel_keep_the_audit_log_complete() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform).replacing("deadline: 15s", "deadline: 60s");
    let children: Vec<_> = (0..50)
        .map(|number| start(&setup, &format!("key-{number}")))
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
fn refreshes_of_one_dataflow_never_match_each_others_run() {
    let platform = Platform::start(&world_of(dataflow().run_ms(400), flow()));
    let setup = Setup::verified(&platform).replacing("deadline: 15s", "deadline: 30s");
    let children: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|key| start(&setup, key))
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
fn a_resolved_run_is_closed() {
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
fn if_lost_resend_triggers_again_if_nothing_can_be_followed() {
    let rule = FaultRule::on(Operation::Trigger, simulator::faults::Fault::HangAfter).times(1);
    let platform = Platform::start(&world().fault(rule));
    let setup = Setup::unverified(&platform).appending("    if_lost: resend\n");
    setup.refresh(&KEY).exits(12);
    setup.refresh(&KEY).exits(0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn a_lost_trigger_without_a_baseline_matches_no_run() {
    // The trigger never arrives, and another refresh succeeds shortly after it.
    let rule = FaultRule::on(Operation::Trigger, simulator::faults::Fault::Hang).times(1);
    let platform = Platform::start(&world().fault(rule));
    let setup = Setup::verified(&platform);
    setup.refresh(&[KEY[0], KEY[1], "--no-verify"]).exits(12);
    platform.start_run("OnDemand");
    platform.wait_until("the end of the other run", |platform| {
        platform.completed_runs().len() == 1
    });
    let again = setup.refresh(&KEY);
    again.is("unknown", "earlier_run_unresolved", 12);
    let followed = setup.run(&["follow", "order_list", "--output", "json"]);
    followed.is("unknown", "cannot_be_followed", 12);
    assert_eq!(platform.triggers(), 1);
}
