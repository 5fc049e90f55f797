//! Network faults that need a real socket, and the next start after them. `tests/lab` runs every fault of the
//! services in every phase.

use std::net::TcpListener;

use simulator::faults::{Fault, FaultRule, Operation};

use crate::support::{Platform, Setup, flow, world};

fn with_fault(on: Operation, fault: Fault) -> Platform {
    Platform::start(&world().fault(FaultRule::on(on, fault)))
}

/// An address at which nothing listens.
fn closed_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_huge_reply_is_unavailable_before_the_trigger_and_no_second_trigger_after_it() {
    let platform = with_fault(Operation::Transactions, Fault::HugeMb(100));
    let outcome = Setup::verified(&platform).refresh(&["--deadline", "2500ms"]);
    outcome.exits(15);
    assert_eq!(outcome.field("sent"), "no");
    assert_eq!(platform.triggers(), 0);

    let platform = with_fault(Operation::Trigger, Fault::HugeMb(100));
    let outcome = Setup::verified(&platform).refresh(&[]);
    outcome.is("completed", "", 0);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_trigger_that_was_lost_is_unknown_and_not_sent_by_the_next_start() {
    let platform = with_fault(Operation::Trigger, Fault::DropBefore);
    let setup = Setup::verified(&platform);
    let outcome = setup.refresh(&["--idempotency-key", "k"]);
    outcome.is("unknown", "refresh_not_started", 12);
    assert_eq!(outcome.field("sent"), "maybe");
    setup.refresh(&["--idempotency-key", "k"]).exits(12);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_lost_reply_without_a_history_stays_unknown_until_it_is_resolved() {
    let platform = with_fault(Operation::Trigger, Fault::HangAfter);
    let setup = Setup::unverified(&platform);
    let outcome = setup.refresh(&["--idempotency-key", "k"]);
    outcome.exits(12);
    assert_eq!(outcome.field("status"), "unknown");
    assert_eq!(outcome.field("sent"), "maybe");
    let held = setup.refresh(&["--idempotency-key", "k"]);
    held.exits(12).says("audit resolve");
    assert_eq!(platform.triggers(), 1);
    platform.set_faults(&[]);
    setup
        .run(&[
            "audit",
            "resolve",
            &outcome.field("run"),
            "--as",
            "never_started",
            "--reason",
            "asked the flow's owner",
        ])
        .exits(0);
    setup.refresh(&["--idempotency-key", "k"]).exits(0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn a_closed_port_or_an_unknown_host_sends_nothing() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform).env(
        "ORDER_LIST_FLOW_URL",
        &flow().trigger_url(&closed_address()),
    );
    let outcome = setup.refresh(&["--deadline", "1s"]);
    outcome.exits(15);
    assert_eq!(outcome.field("sent"), "no");
    let setup = Setup::unverified(&platform).env(
        "ORDER_LIST_FLOW_URL",
        &flow().trigger_url("https://no-such-host.invalid"),
    );
    let outcome = setup.refresh(&["--deadline", "1s"]);
    outcome.exits(15).says("no-such-host.invalid");
    assert_eq!(outcome.field("sent"), "no");
}

#[test]
fn a_run_that_was_not_sent_can_start_again() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    let dead = flow().trigger_url(&closed_address());
    let setup = setup.env("ORDER_LIST_FLOW_URL", &dead);
    setup
        .refresh(&["--deadline", "1s", "--idempotency-key", "k"])
        .exits(15);
    let setup = setup.env("ORDER_LIST_FLOW_URL", &platform.trigger_url());
    setup.refresh(&["--idempotency-key", "k"]).exits(0);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_silent_server_is_unknown_after_the_trigger_and_unavailable_before_it() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let platform = Platform::start(&world());
    let after =
        Setup::unverified(&platform).env("ORDER_LIST_FLOW_URL", &flow().trigger_url(&address));
    let outcome = after.refresh(&["--deadline", "5s"]);
    outcome.exits(12);
    assert_eq!(outcome.field("sent"), "maybe");
    let before = Setup::verified(&platform).replacing(
        &format!("powerbi: {}", platform.base),
        &format!("powerbi: {address}"),
    );
    let outcome = before.refresh(&["--deadline", "2500ms"]);
    outcome.exits(15);
    assert_eq!(outcome.field("sent"), "no");
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn an_untrusted_certificate_sends_nothing_and_a_configured_ca_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("root.pem");
    let platform = Platform::start_tls(&world(), &ca);
    let base = platform.base.clone();
    let distrusting =
        Setup::unverified(&platform).env("ORDER_LIST_FLOW_URL", &flow().trigger_url(&base));
    let outcome = distrusting.refresh(&[]);
    outcome
        .is("unavailable", "tls_certificate_untrusted", 15)
        .says("ca_file");
    assert_eq!(outcome.field("sent"), "no");
    let trusting = Setup::verified(&platform)
        .env("ORDER_LIST_FLOW_URL", &flow().trigger_url(&base))
        .appending(&format!("transport: {{ca_file: {}}}\n", ca.display()));
    trusting.refresh(&[]).is("completed", "", 0);
}
