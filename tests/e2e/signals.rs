//! SIGINT and SIGTERM store an event and end the process soon with the signal's exit code. A closed stdout
//! only ends the output.

use std::process::Child;
use std::time::Duration;

use serde_json::Value;
use simulator::faults::{CannedReply, Fault, FaultRule, Operation};
use simulator::world::World;

use crate::support::{
    Outcome, Platform, Setup, dataflow, endless, flow, interrupt, kill, verified, world, world_of,
};

#[test]
fn a_signal_ends_the_process_with_its_exit_code_and_the_next_start_follows() {
    for (name, exit) in [("TERM", 143), ("INT", 130)] {
        let (platform, setup) = verified(&endless());
        let child = started(&platform, &setup, "--output json --idempotency-key k");
        let outcome = interrupt(child, name);
        outcome.ends("interrupted", "yes", exit);
        outcome.says("keeps running at the service");
        assert_eq!(setup.event_kinds().last().unwrap(), "interrupted");
        assert!(platform.requests_for("cancel").is_empty());
        assert_eq!(platform.runs()[0]["status"], "InProgress");

        platform.complete("Success");
        let next = setup.refresh("--idempotency-key k");
        next.is("completed", "", 0);
        assert_eq!(next.field("run"), outcome.field("run"));
        assert_eq!(platform.triggers(), 1);
    }
}

#[test]
fn a_signal_before_the_trigger_reports_that_nothing_was_sent() {
    let (platform, setup) = verified(&endless());
    platform.start_run("Scheduled");
    std::thread::sleep(Duration::from_millis(300));
    let child = setup.start_refresh("");
    wait_for_looks(&platform, 2);
    interrupt(child, "TERM").ends("interrupted", "no", 143);
    // The observed other run, and no trigger.
    assert_eq!(setup.event_kinds(), ["observed", "interrupted"]);
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_signal_while_the_audit_log_is_locked_ends_the_process() {
    let (_platform, setup) = verified(&world());
    setup.refresh("--no-verify").exits(0);
    let _lock = setup.lock_audit_log();
    let child = setup.start_refresh("");
    std::thread::sleep(Duration::from_millis(500));
    let outcome = interrupt(child, "TERM");
    outcome.exits(143);
    assert_eq!(outcome.field("sent"), "no");
}

#[test]
fn a_closed_stdout_does_not_end_the_refresh() {
    for mode in ["text", "json", "kestra"] {
        let (_platform, setup) = verified(&world_of(dataflow().ends("Failed"), flow()));
        let mut child = setup.start(&format!("refresh order_list --output {mode} -v"));
        drop(child.stdout.take());
        drop(child.stderr.take());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(10), "{mode}");
        assert_eq!(setup.event_kinds().last().unwrap(), "outcome", "{mode}");
    }
}

/// Waits until the history has been read this many times.
fn wait_for_looks(platform: &Platform, count: usize) {
    platform.wait_until("looks at the history", |platform| {
        platform.requests_for("transactions").len() >= count
    });
}

/// Starts a refresh of a run that does not end by itself, and waits until it is followed.
fn started(platform: &Platform, setup: &Setup, options: &str) -> Child {
    let child = setup.start(&format!("refresh order_list {options}"));
    platform.wait_until("the trigger", |platform| platform.runs().len() == 1);
    wait_for_looks(platform, platform.requests_for("transactions").len() + 3);
    child
}

/// Services, and the usual target whose run is cancelled on a signal.
fn cancelling(world: &World) -> (Platform, Setup) {
    let (platform, setup) = verified(world);
    (platform, cancels_on_interrupt(setup))
}

fn cancels_on_interrupt(setup: Setup) -> Setup {
    setup.replacing("defaults: {", "defaults: {on_interrupt: cancel, ")
}

/// Asserts that the audit log ends with the interruption and the only answer to a cancellation, perhaps with what
/// was observed in between.
#[track_caller]
fn ends_with_answer(setup: &Setup, answer: &str) {
    let events = setup.events();
    let kinds = events.iter().map(|event| &event["event"]);
    let kinds: Vec<&Value> = kinds.filter(|kind| **kind != "observed").collect();
    assert_eq!(kinds[kinds.len() - 2..], ["interrupted", "note"]);
    assert_eq!(kinds.iter().filter(|kind| **kind == "note").count(), 1);
    let note = &events[events.len() - 1];
    assert_eq!(note["event"], "note");
    assert_eq!(note["detail"]["topic"], "cancel");
    assert_eq!(note["detail"]["fields"][0][1], answer);
}

#[test]
fn a_configured_cancellation_is_requested_and_in_the_audit_log() {
    let platform = Platform::start(&endless());
    for setup in [Setup::verified(&platform), Setup::direct(&platform)] {
        let before = platform.requests_for("cancel").len();
        let setup = cancels_on_interrupt(setup);
        let running = |run: &Value| run["status"] == "InProgress";
        let child = setup.start_refresh("");
        platform.wait_until("a run", |platform| platform.runs().iter().any(running));
        let outcome = interrupt(child, "TERM");
        outcome.exits(143).says("is cancelling the run");
        assert_eq!(outcome.field("status"), "interrupted");
        assert_eq!(platform.requests_for("cancel").len(), before + 1);
        ends_with_answer(&setup, "requested");
        assert!(!platform.runs().iter().any(running));
        let followed = setup.run("follow order_list");
        followed.exits(17).says("cancelled");
    }
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_cancellation_that_is_refused_or_not_answered_does_not_delay_the_end() {
    let refused = CannedReply::status(403).into();
    for (fault, says, answer) in [
        (Fault::Hang, "did not respond in time", "no_response"),
        (refused, "which keeps running", "refused"),
    ] {
        let (platform, setup) = cancelling(&endless());
        let setup = setup.replacing("timeout: 1s", "timeout: 30s");
        let child = started(&platform, &setup, "--output json");
        platform.set_faults(&[FaultRule::on(Operation::Cancel, fault)]);
        let outcome = interrupt(child, "TERM");
        outcome.ends("interrupted", "yes", 143).says(says);
        ends_with_answer(&setup, answer);
    }
}

#[test]
fn a_run_that_is_not_identified_cannot_be_cancelled() {
    let (platform, setup) = cancelling(&world_of(dataflow().never_starting(), flow()));
    let setup = setup.replacing("start_within: 1500ms", "start_within: 1m");
    let child = setup.start_refresh("");
    platform.wait_until("the trigger", |platform| platform.triggers() == 1);
    wait_for_looks(&platform, platform.requests_for("transactions").len() + 1);
    interrupt(child, "TERM").exits(143).says("not known yet");
    assert!(platform.requests_for("cancel").is_empty());
    ends_with_answer(&setup, "not_asked");
}

#[test]
fn a_run_that_appears_late_is_found_and_cancelled() {
    let late = dataflow().ends("Never").appear_after_ms(300);
    let (platform, setup) = cancelling(&world_of(late, flow()));
    let child = setup.start_refresh("");
    platform.wait_until("the trigger", |platform| platform.triggers() == 1);
    let outcome = interrupt(child, "TERM");
    outcome.exits(143).says("is cancelling the run");
    ends_with_answer(&setup, "requested");
}

#[test]
fn a_second_signal_changes_nothing() {
    let (platform, setup) = cancelling(&endless());
    let child = started(&platform, &setup, "--output json");
    assert!(kill("TERM", child.id()));
    assert!(kill("INT", child.id()));
    Outcome::end_of(child).exits(143);
    ends_with_answer(&setup, "requested");
}

#[test]
fn a_signal_after_the_streams_were_closed_ends_the_process() {
    let (platform, setup) = cancelling(&endless());
    let mut child = started(&platform, &setup, "--output kestra");
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert!(kill("TERM", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(143));
    ends_with_answer(&setup, "requested");
}
