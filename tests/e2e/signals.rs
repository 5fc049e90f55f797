//! SIGINT and SIGTERM end with a durable event, the signal's own exit code, and soon. A closed
//! stdout ends the reporting and nothing else.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

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
    let asked = Instant::now();
    signal(&child, name);
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    // The contract with the orchestrator, not a measure of speed.
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(outcome.field("status"), "interrupted");
    assert_eq!(outcome.field("sent"), "yes");
    outcome.exits(exit).says("goes on");
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
fn a_signal_before_the_trigger_says_that_nothing_was_sent() {
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
    // What was seen of the run that was waited for, and nothing that looks like a trigger.
    assert_eq!(setup.event_kinds(), ["observed", "interrupted"]);
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_signal_while_the_record_is_locked_is_heard() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    setup.refresh(&["--no-verify"]).exits(0);
    let holder = rusqlite::Connection::open(setup.path("audit.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let child = setup.start(&["refresh", "order_list", "--output", "json"]);
    std::thread::sleep(Duration::from_millis(500));
    let asked = Instant::now();
    signal(&child, "TERM");
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    outcome.exits(143);
    assert_eq!(outcome.field("sent"), "no");
}

#[test]
fn a_closed_stdout_ends_the_reporting_and_not_the_refresh() {
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
