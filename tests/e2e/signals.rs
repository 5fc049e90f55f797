//! SIGINT and SIGTERM store an event and end the process soon with the signal's exit code. A closed stdout
//! only ends the output.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::faults::{Fault, FaultRule, Operation};

use crate::support::{Outcome, Platform, Setup, dataflow, flow, world, world_of};

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn interrupted(name: &str, exit: i32) {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup = Setup::verified(&platform);
    let child = setup.start(&[
        "refresh",
        "order_list",
        "--output",
        "json",
        "--idempotency-key",
        "k",
    ]);
    platform.wait_until("the trigger", |platform| platform.runs().len() == 1);
    std::thread::sleep(Duration::from_millis(300));
    let signalled = Instant::now();
    signal(&child, name);
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    // Promised to the orchestrator.
    assert!(
        signalled.elapsed() < Duration::from_secs(2),
        "{:?}",
        signalled.elapsed()
    );
    assert_eq!(outcome.field("status"), "interrupted");
    assert_eq!(outcome.field("sent"), "yes");
    outcome.exits(exit).says("keeps running");
    assert_eq!(
        setup.event_kinds().last().map(String::as_str),
        Some("interrupted")
    );

    platform.complete("Success");
    let next = setup.refresh(&["--idempotency-key", "k"]);
    next.is("completed", "", 0);
    assert_eq!(next.field("run"), outcome.field("run"));
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn sigterm_ends_with_143_and_the_next_start_follows() {
    interrupted("TERM", 143);
}

#[test]
fn sigint_ends_with_130_and_the_next_start_follows() {
    interrupted("INT", 130);
}

#[test]
fn a_signal_before_the_trigger_reports_that_nothing_was_sent() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    platform.start_run("Scheduled");
    std::thread::sleep(Duration::from_millis(300));
    let setup = Setup::verified(&platform);
    let child = setup.start(&["refresh", "order_list", "--output", "json"]);
    platform.wait_until("a look", |platform| {
        platform.requests_for("transactions").len() > 1
    });
    signal(&child, "TERM");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    outcome.exits(143);
    assert_eq!(outcome.field("sent"), "no");
    // The observed other run, and no trigger.
    assert_eq!(setup.event_kinds(), ["observed", "interrupted"]);
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_signal_while_the_audit_log_is_locked_ends_the_process() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    setup.refresh(&["--no-verify"]).exits(0);
    let holder = rusqlite::Connection::open(setup.path("audit.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let child = setup.start(&["refresh", "order_list", "--output", "json"]);
    std::thread::sleep(Duration::from_millis(500));
    let signalled = Instant::now();
    signal(&child, "TERM");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    assert!(
        signalled.elapsed() < Duration::from_secs(2),
        "{:?}",
        signalled.elapsed()
    );
    outcome.exits(143);
    assert_eq!(outcome.field("sent"), "no");
}

#[test]
fn a_closed_stdout_does_not_end_the_refresh() {
    for mode in ["text", "json", "kestra"] {
        let platform = Platform::start(&world_of(dataflow().ends("Failed"), flow()));
        let setup = Setup::verified(&platform);
        let mut child = setup.start(&["refresh", "order_list", "--output", mode, "-v"]);
        drop(child.stdout.take());
        drop(child.stderr.take());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(10), "{mode}");
        assert_eq!(
            setup.event_kinds().last().map(String::as_str),
            Some("outcome"),
            "{mode}"
        );
    }
}

/// Starts a refresh of a run that does not end by itself, and waits until it is followed.
fn started(platform: &Platform, setup: &Setup, output: &str) -> Child {
    let child = setup.start(&["refresh", "order_list", "--output", output]);
    platform.wait_until("the trigger", |platform| platform.runs().len() == 1);
    let looks = platform.requests_for("transactions").len();
    platform.wait_until("looks at the run", |platform| {
        platform.requests_for("transactions").len() > looks + 2
    });
    child
}

fn cancels_on_interrupt(setup: Setup) -> Setup {
    setup.replacing("defaults: {", "defaults: {on_interrupt: cancel, ")
}

/// The notes on cancellations in the audit log.
fn notes(setup: &Setup) -> Vec<Value> {
    setup
        .events()
        .into_iter()
        .filter(|event| event["event"] == "note")
        .map(|event| {
            assert_eq!(event["detail"]["topic"], "cancel");
            event["detail"].clone()
        })
        .collect()
}

fn answer(note: &Value) -> &Value {
    &note["fields"][0][1]
}

fn last_two(setup: &Setup) -> Vec<String> {
    let kinds = setup.event_kinds();
    kinds[kinds.len() - 2..].to_vec()
}

#[test]
fn a_configured_cancellation_is_requested_and_in_the_audit_log() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    for setup in [Setup::verified(&platform), Setup::direct(&platform)] {
        let before = platform.requests_for("cancel").len();
        let setup = cancels_on_interrupt(setup);
        let child = setup.start(&["refresh", "order_list", "--output", "json"]);
        platform.wait_until("a run", |platform| {
            platform
                .runs()
                .iter()
                .any(|run| run["status"] == "InProgress")
        });
        signal(&child, "TERM");
        let outcome = Outcome::of(&child.wait_with_output().unwrap());
        outcome.exits(143).says("is cancelling the run");
        assert_eq!(outcome.field("status"), "interrupted");
        assert_eq!(platform.requests_for("cancel").len(), before + 1);
        let kinds = setup.event_kinds();
        let interrupted = kinds.iter().position(|kind| kind == "interrupted");
        let note = kinds.iter().position(|kind| kind == "note");
        assert!(interrupted.is_some() && interrupted < note, "{kinds:?}");
        assert_eq!(answer(&notes(&setup)[0]), "requested");
        assert!(
            platform
                .runs()
                .iter()
                .all(|run| run["status"] != "InProgress")
        );
        setup
            .run(&["follow", "order_list"])
            .exits(17)
            .says("cancelled");
    }
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn without_the_option_the_refresh_keeps_running() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup = Setup::direct(&platform);
    let child = started(&platform, &setup, "json");
    signal(&child, "TERM");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    outcome.exits(143).says("keeps running at the service");
    assert!(platform.requests_for("cancel").is_empty());
    assert!(notes(&setup).is_empty());
    assert_eq!(platform.runs()[0]["status"], "InProgress");
}

#[test]
fn a_service_that_does_not_reply_does_not_delay_the_end() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup =
        cancels_on_interrupt(Setup::verified(&platform)).replacing("timeout: 1s", "timeout: 30s");
    let child = started(&platform, &setup, "json");
    platform.set_faults(&[FaultRule::on(Operation::Cancel, Fault::Hang)]);
    signal(&child, "TERM");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    outcome.exits(143).says("did not respond in time");
    assert_eq!(outcome.field("status"), "interrupted");
    assert_eq!(last_two(&setup), ["interrupted", "note"]);
    assert_eq!(answer(&notes(&setup)[0]), "no_response");
}

#[test]
fn a_run_that_is_not_identified_cannot_be_cancelled() {
    let platform = Platform::start(&world_of(dataflow().never_starting(), flow()));
    let setup = cancels_on_interrupt(Setup::verified(&platform))
        .replacing("start_within: 1500ms", "start_within: 1m");
    let child = setup.start(&["refresh", "order_list", "--output", "json"]);
    platform.wait_until("the trigger", |platform| platform.triggers() == 1);
    let looks = platform.requests_for("transactions").len();
    platform.wait_until("a look", |platform| {
        platform.requests_for("transactions").len() > looks
    });
    signal(&child, "TERM");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    outcome.exits(143).says("not known yet");
    assert!(platform.requests_for("cancel").is_empty());
    assert_eq!(last_two(&setup), ["interrupted", "note"]);
    assert_eq!(answer(&notes(&setup)[0]), "not_asked");
}

#[test]
fn a_run_that_appears_late_is_found_and_cancelled() {
    let late = dataflow().ends("Never").appear_after_ms(300);
    let platform = Platform::start(&world_of(late, flow()));
    let setup = cancels_on_interrupt(Setup::verified(&platform));
    let child = setup.start(&["refresh", "order_list", "--output", "json"]);
    platform.wait_until("the trigger", |platform| platform.triggers() == 1);
    signal(&child, "TERM");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    outcome.exits(143).says("is cancelling the run");
    assert_eq!(answer(&notes(&setup)[0]), "requested");
    assert!(!setup.event_kinds().contains(&"outcome".to_owned()));
}

#[test]
fn a_refused_stop_is_told_with_the_service_s_words() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup = cancels_on_interrupt(Setup::verified(&platform));
    let child = started(&platform, &setup, "json");
    platform.set_faults(&[FaultRule::on(
        Operation::Cancel,
        simulator::faults::CannedReply::status(403),
    )]);
    signal(&child, "TERM");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    outcome.exits(143).says("which keeps running");
    assert_eq!(answer(&notes(&setup)[0]), "refused");
}

#[test]
fn a_second_signal_changes_nothing() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup = cancels_on_interrupt(Setup::verified(&platform));
    let child = started(&platform, &setup, "json");
    signal(&child, "TERM");
    signal(&child, "INT");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    outcome.exits(143);
    assert_eq!(last_two(&setup), ["interrupted", "note"]);
    assert_eq!(answer(&notes(&setup)[0]), "requested");
}

#[test]
fn a_signal_after_the_streams_were_closed_ends_the_process() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup = cancels_on_interrupt(Setup::verified(&platform));
    let mut child = started(&platform, &setup, "kestra");
    drop(child.stdout.take());
    drop(child.stderr.take());
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let kinds = setup.event_kinds();
    assert!(kinds.contains(&"interrupted".to_owned()), "{kinds:?}");
    assert_eq!(answer(&notes(&setup)[0]), "requested");
}
