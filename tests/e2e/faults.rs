//! Network faults that need a real socket, and the next start after them. `tests/lab` runs every fault of the
//! services in every phase.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use simulator::faults::{CannedReply, Fault, FaultRule, Operation};
use simulator::world::World;

use crate::support::{Platform, Setup, flow, verified, world};

fn with_fault(on: Operation, fault: Fault) -> World {
    world().fault(FaultRule::on(on, fault))
}

/// A listener that accepts nothing, and its address.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}

/// An address at which nothing listens.
fn closed_address() -> String {
    silent().1
}

#[test]
fn a_huge_reply_is_unavailable_before_the_trigger_and_no_second_trigger_after_it() {
    let (platform, setup) = verified(&with_fault(Operation::Transactions, Fault::HugeMb(100)));
    setup
        .refresh("--deadline 2500ms")
        .ends("unavailable", "no", 15);
    assert_eq!(platform.triggers(), 0);

    let (platform, setup) = verified(&with_fault(Operation::Trigger, Fault::HugeMb(100)));
    setup.refresh("").is("completed", "", 0);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_history_of_any_length_is_read_and_what_was_cut_is_reported() {
    let rows: Vec<String> = (0..150_000)
        .map(|n| format!(r#"{{"id":"r{n}"}}"#))
        .collect();
    let long_id = format!(r#"{{"id":"{}"}}"#, "x".repeat(4_000_000));
    for (rows, warns) in [(rows.join(","), true), (long_id, false)] {
        let body = format!(r#"{{"value":[{rows}]}}"#);
        let history = Fault::Reply(CannedReply::status(200).body(&body));
        let (_platform, setup) = verified(&with_fault(Operation::Transactions, history));
        let listed = setup.run("list runs order_list");
        listed.exits(0);
        assert_eq!(listed.stderr.contains("too long"), warns);
        assert!(listed.stdout.len() < 100_000);
    }
}

#[test]
fn a_response_that_never_begins_cannot_outlive_the_deadline() {
    let (listener, base) = silent();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let flood = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
            std::thread::spawn(move || {
                // Before the request it would be a reply to nothing.
                let _ = stream.read(&mut [0; 4096]);
                while stream.write_all(&flood).is_ok() {}
            });
        }
    });
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform).url(&flow().trigger_url(&base));
    setup.refresh("--deadline 2s").ends("unknown", "maybe", 12);
}

#[test]
fn a_check_reports_that_a_flow_cannot_be_reached_and_sends_it_nothing() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    setup.run("check").exits(0).says("can be reached");
    let elsewhere = setup.url(&flow().trigger_url(&closed_address()));
    elsewhere.run("check").exits(15).says("connection refused");
    assert_eq!(platform.requests_for("trigger").len(), 0);
}

#[test]
fn a_lost_reply_without_a_history_stays_unknown_until_it_is_resolved() {
    let platform = Platform::start(&with_fault(Operation::Trigger, Fault::HangAfter));
    let setup = Setup::unverified(&platform);
    let outcome = setup.refresh("--idempotency-key k");
    outcome.ends("unknown", "maybe", 12);
    let held = setup.refresh("--idempotency-key k");
    held.exits(12).says("audit resolve");
    assert_eq!(platform.triggers(), 1);
    platform.set_faults(&[]);
    setup.resolve(&outcome, "never_started").exits(0);
    setup.refresh("--idempotency-key k").exits(0);
    assert_eq!(platform.triggers(), 2);
}

#[test]
fn a_closed_port_or_an_unknown_host_sends_nothing() {
    let platform = Platform::start(&world());
    for base in [&closed_address(), "https://no-such-host.invalid"] {
        let setup = Setup::unverified(&platform).url(&flow().trigger_url(base));
        let outcome = setup.refresh("--deadline 1s");
        outcome.ends("unavailable", "no", 15);
        outcome.says(base.split("//").nth(1).unwrap());
    }
}

#[test]
fn a_run_that_was_not_sent_can_start_again() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform).url(&flow().trigger_url(&closed_address()));
    setup.refresh("--deadline 1s --idempotency-key k").exits(15);
    let setup = setup.url(&platform.trigger_url());
    setup.refresh("--idempotency-key k").exits(0);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_silent_server_is_unknown_after_the_trigger_and_unavailable_before_it() {
    let (_silent, address) = silent();
    let platform = Platform::start(&world());
    let after = Setup::unverified(&platform).url(&flow().trigger_url(&address));
    after.refresh("--deadline 5s").ends("unknown", "maybe", 12);
    let power_bi = |base: &str| format!("powerbi: {base}");
    let before =
        Setup::verified(&platform).replacing(&power_bi(&platform.base), &power_bi(&address));
    before
        .refresh("--deadline 2500ms")
        .ends("unavailable", "no", 15);
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn an_untrusted_certificate_sends_nothing_and_a_configured_ca_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let ca = format!("{}/root.pem", dir.path().display());
    let platform = Platform::start_tls(&world(), &ca);
    let outcome = Setup::unverified(&platform).refresh("");
    outcome
        .is("unavailable", "tls_certificate_untrusted", 15)
        .says("ca_file");
    assert_eq!(outcome.field("sent"), "no");
    Setup::verified(&platform)
        .appending(&format!("transport: {{ca_file: {ca}}}\n"))
        .refresh("")
        .is("completed", "", 0);
}
