//! Idempotency keys, replays and open runs across processes.

use std::collections::BTreeSet;

use simulator::faults::{CannedReply, Fault, FaultRule, Operation};

use crate::support::{
    Outcome, Platform, Setup, dataflow, endless, flow, verified, world, world_of,
};

const KEY: &str = "--idempotency-key invented-task-run";

/// Starts a refresh with each key at the same time, and returns the outcomes.
fn in_parallel(setup: &Setup, keys: impl Iterator<Item = String>) -> Vec<Outcome> {
    let children: Vec<_> = keys
        .map(|key| setup.start_refresh(&format!("--deadline 60s --idempotency-key {key}")))
        .collect();
    children.into_iter().map(Outcome::end_of).collect()
}

/// The different values of a field.
fn values(outcomes: &[Outcome], field: &str) -> BTreeSet<String> {
    outcomes
        .iter()
        .map(|outcome| outcome.field(field))
        .collect()
}

#[test]
fn a_second_start_with_the_same_key_returns_the_recorded_result() {
    let (platform, setup) = verified(&world());
    let first = setup.refresh(KEY);
    let second = setup.refresh(KEY);
    second.is("completed", "", 0);
    assert_eq!(first.field("replayed"), "false");
    assert_eq!(second.field("replayed"), "true");
    for field in ["run", "service_run"] {
        assert_eq!(second.field(field), first.field(field));
    }
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn without_a_key_with_new_or_with_another_payload_a_start_triggers_again() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    std::fs::write(setup.path("other.json"), r#"{"dataflow_name": "Another"}"#).unwrap();
    let options = [
        "",
        "",
        KEY,
        &format!("{KEY} --new"),
        &format!("{KEY} --payload other.json"),
    ];
    let outcomes = options.map(|options| setup.refresh(options));
    assert!(outcomes.iter().all(|outcome| outcome.code == 0));
    assert_eq!(
        (values(&outcomes, "run").len(), platform.triggers()),
        (5, 5)
    );
}

#[test]
fn after_a_failure_the_same_key_triggers_again() {
    let rule = FaultRule::on(Operation::Trigger, CannedReply::status(400)).times(1);
    let (platform, setup) = verified(&world().fault(rule));
    setup.refresh(KEY).exits(10);
    setup.refresh(KEY).is("completed", "", 0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn fifty_starts_with_one_key_trigger_once() {
    let (platform, setup) = verified(&world_of(dataflow().run_ms(1500), flow()));
    let outcomes = in_parallel(&setup, (0..50).map(|_| "one".to_owned()));
    assert_eq!(values(&outcomes, "status"), ["completed".to_owned()].into());
    assert_eq!(platform.triggers(), 1);
    assert_eq!(values(&outcomes, "run").len(), 1);
}

#[test]
fn fifty_keys_in_parallel_keep_the_audit_log_complete() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    let outcomes = in_parallel(&setup, (0..50).map(|number| format!("key-{number}")));
    assert_eq!(values(&outcomes, "status"), ["accepted".to_owned()].into());
    assert_eq!(platform.triggers(), 50);
    let events = setup.events();
    let numbers = events.iter().filter_map(|event| event["number"].as_u64());
    assert_eq!(numbers.collect::<Vec<_>>(), (1..=150).collect::<Vec<_>>());
}

#[test]
fn refreshes_of_one_dataflow_never_match_each_others_run() {
    let (platform, setup) = verified(&world_of(dataflow().run_ms(400), flow()));
    let outcomes = in_parallel(&setup, ["a", "b", "c"].into_iter().map(str::to_owned));
    assert_eq!(values(&outcomes, "status"), ["completed".to_owned()].into());
    assert_eq!(values(&outcomes, "service_run").len(), 3);
    assert_eq!(platform.triggers(), 3);
}

#[test]
fn a_resolved_run_is_closed_until_a_person_corrects_the_decision() {
    let (platform, setup) = verified(&world_of(dataflow().never_starting(), flow()));
    let lost = setup.refresh(KEY);
    lost.exits(12);
    setup.resolve(&lost, "completed").exits(0);
    let again = setup.refresh(KEY);
    again.exits(0).says("seen in the portal");
    assert_eq!(again.field("replayed"), "true");
    assert_eq!(platform.triggers(), 1);
    assert_eq!(setup.open_runs(), Vec::<String>::new());
    // Nobody knows when it ended, and the time of the decision says nothing about it.
    assert_eq!(again.field("ended_at"), "");
    // A person may be wrong, and corrects it.
    setup.resolve(&lost, "failed").exits(0);
    setup.refresh(KEY).exits(12);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn a_decision_overrides_a_verdict_only_if_asked_to_and_never_completed() {
    for (end, exit, overrides) in [
        ("Failed", 10, true),
        ("Cancelled", 17, true),
        ("Success", 0, false),
    ] {
        let (platform, setup) = verified(&world_of(dataflow().ends(end), flow()));
        let first = setup.refresh(KEY);
        first.exits(exit);
        let status = first.field("status");
        let refused = setup.resolve(&first, "never_started");
        refused.exits(2).says(&status);
        let decided = setup.resolve(&first, "completed --override");
        if !overrides {
            decided.exits(2).says("no decision overrides");
            assert_eq!(setup.event_kinds().last().unwrap(), "outcome");
            continue;
        }
        refused.says("--override");
        decided.exits(0);
        let show = format!("audit show {}", first.field("run"));
        setup.run(&show).says(&format!("overrides: {status}"));
        for later in [&format!("refresh order_list {KEY}"), "follow order_list"] {
            let later = setup.run(&format!("{later} --output json"));
            later.is("completed", "", 0);
            later.says(&format!("overriding {status}"));
            for field in ["started_at", "ended_at", "duration_ms"] {
                assert_eq!(later.field(field), first.field(field), "{field}");
            }
        }
        assert_eq!(platform.triggers(), 1);
    }
}

#[test]
fn a_run_that_was_not_sent_needs_no_decision() {
    let (_platform, setup) = verified(&world());
    let setup = setup.env("AZURE_CLIENT_SECRET", "INVENTED~another-secret_9876543210");
    let outcome = setup.refresh(KEY);
    outcome.ends("unauthorized", "no", 14);
    for decision in ["failed", "failed --override"] {
        setup
            .resolve(&outcome, decision)
            .exits(2)
            .says("was not sent");
    }
}

#[test]
fn the_environment_makes_no_decision() {
    let (_platform, setup) = verified(&world_of(dataflow().ends("Failed"), flow()));
    let failed = setup.refresh(KEY);
    let setup = setup
        .env("HOST_RUNNER_AS", "completed")
        .env("HOST_RUNNER_REASON", "by accident")
        .env("HOST_RUNNER_OVERRIDE", "true");
    let run = failed.field("run");
    for options in ["", "--as completed", "--as completed --reason 'on purpose'"] {
        setup
            .run(&format!("audit resolve {run} {options}"))
            .exits(2);
    }
    assert_eq!(setup.event_kinds().last().unwrap(), "outcome");
}

#[test]
fn a_detached_run_is_open_until_a_follow_or_a_start_that_requires_completed_reports_its_end() {
    let strict = format!("refresh order_list {KEY} --require completed");
    for settling in [strict.as_str(), "follow order_list"] {
        let (platform, setup) = verified(&endless());
        let detached = setup.refresh(&format!("{KEY} --detach"));
        detached.ends("accepted", "yes", 0);
        let run = detached.field("run");
        assert_eq!(setup.open_runs(), [run.as_str()]);
        let again = setup.refresh(KEY);
        again.ends("accepted", "yes", 0);
        assert_eq!(again.field("replayed"), "true");
        platform.complete("Success");
        let end = setup.run(&format!("{settling} --output json"));
        end.is("completed", "", 0);
        let found = (end.field("run"), end.field("replayed"));
        assert_eq!(found, (run, "false".to_owned()), "{settling}");
        assert_eq!(setup.open_runs(), Vec::<String>::new());
        setup.refresh(KEY).is("completed", "", 0);
        assert_eq!(platform.triggers(), 1, "{settling}");
    }
}

#[test]
fn a_start_that_requires_completed_waits_for_a_detaching_start_and_follows_its_run() {
    let slow = dataflow().ends("Never").appear_after_ms(700);
    let (platform, setup) = verified(&world_of(slow, flow()));
    let detaching = setup.start_refresh(&format!("{KEY} --detach"));
    platform.wait_until("the trigger", |platform| platform.triggers() == 1);
    let strict = setup.start_refresh(&format!("{KEY} --require completed"));
    let detached = Outcome::end_of(detaching);
    detached.ends("accepted", "yes", 0);
    platform.complete("Success");
    let end = Outcome::end_of(strict);
    end.is("completed", "", 0);
    assert_eq!(end.field("run"), detached.field("run"));
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn if_lost_resend_triggers_again_if_nothing_can_be_followed() {
    let rule = FaultRule::on(Operation::Trigger, Fault::HangAfter).times(1);
    let platform = Platform::start(&world().fault(rule));
    let setup = Setup::unverified(&platform).appending("    if_lost: resend\n");
    setup.refresh(KEY).exits(12);
    setup.refresh(KEY).exits(0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn a_lost_trigger_without_a_baseline_matches_no_run() {
    // The trigger never arrives, and another refresh succeeds shortly after it.
    let rule = FaultRule::on(Operation::Trigger, Fault::Hang).times(1);
    let (platform, setup) = verified(&world().fault(rule));
    setup.refresh(&format!("{KEY} --no-verify")).exits(12);
    platform.start_run("OnDemand");
    platform.wait_until("the end of the other run", |platform| {
        platform.completed_runs().len() == 1
    });
    let again = setup.refresh(KEY);
    again.is("unknown", "earlier_run_unresolved", 12);
    let followed = setup.run("follow order_list --output json");
    followed.is("unknown", "cannot_be_followed", 12);
    assert_eq!(platform.triggers(), 1);
}
