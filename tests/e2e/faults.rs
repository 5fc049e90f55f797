//! The network and the services at their worst: nothing is said that is not so, nothing is sent twice.

use std::net::TcpListener;

use simulator::faults::{CannedReply, Fault, FaultRule, Operation};

use crate::support::{Outcome, Platform, Setup, world};

fn with_fault(on: Operation, fault: impl Into<Fault>) -> Platform {
    Platform::start(&world().fault(FaultRule::on(on, fault)))
}

/// A verified refresh with a fault that never goes away.
#[track_caller]
fn ends(on: Operation, fault: impl Into<Fault>, status: &str, exit: i32) -> (Platform, Outcome) {
    let platform = with_fault(on, fault);
    let outcome = Setup::verified(&platform).refresh(&["--deadline", "2500ms"]);
    assert_eq!(outcome.field("status"), status, "{outcome:#?}");
    outcome.exits(exit);
    assert_ne!(outcome.field("message"), "");
    (platform, outcome)
}

#[test]
fn at_the_look_a_refusal_ends_it_and_a_weakness_is_waited_out() {
    for (status, expected, exit) in [
        (401, "unauthorized", 14),
        (403, "unauthorized", 14),
        (404, "invalid", 2),
        (400, "invalid", 2),
        (429, "unavailable", 15),
        (500, "unavailable", 15),
        (503, "unavailable", 15),
    ] {
        let (platform, outcome) = ends(
            Operation::Transactions,
            CannedReply::status(status),
            expected,
            exit,
        );
        assert_eq!(outcome.field("sent"), "no", "{status}");
        assert_eq!(platform.triggers(), 0, "{status}");
    }
}

#[test]
fn at_the_look_an_answer_that_is_none_sends_nothing() {
    for fault in [
        Fault::Hang,
        Fault::Reset,
        Fault::DropBefore,
        Fault::Truncated,
        Fault::Html,
        Fault::Garbage,
        Fault::HugeMb(100),
    ] {
        let (platform, outcome) = ends(Operation::Transactions, fault, "unavailable", 15);
        assert_eq!(outcome.field("sent"), "no");
        assert_eq!(platform.triggers(), 0);
    }
}

#[test]
fn at_the_token_a_refusal_is_unauthorized_and_a_weakness_unavailable() {
    for (status, body, expected, exit) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}"#,
            "unauthorized",
            14,
        ),
        (
            400,
            r#"{"error":"unauthorized_client","error_description":"AADSTS700016: not found","error_codes":[700016]}"#,
            "unauthorized",
            14,
        ),
        (403, "", "unauthorized", 14),
        (404, "", "unauthorized", 14),
        (429, "", "unavailable", 15),
        (503, "<html>busy</html>", "unavailable", 15),
    ] {
        let (platform, outcome) = ends(
            Operation::Token,
            CannedReply::status(status).body(body),
            expected,
            exit,
        );
        assert_eq!(outcome.field("sent"), "no");
        assert_eq!(platform.triggers(), 0);
        if body.contains("7000215") {
            outcome.says("7000215");
        }
    }
}

#[test]
fn at_the_trigger_a_refusal_is_final_and_sent_once() {
    for (status, body, expected, code, exit) in [
        (
            401,
            r#"{"error":{"code":"AuthorizationFailed","message":"The authentication credentials are not valid."}}"#,
            "unauthorized",
            "sas_rejected",
            14,
        ),
        (
            404,
            r#"{"error":{"code":"WorkflowNotFound","message":"The workflow could not be found."}}"#,
            "failed",
            "flow_not_found",
            10,
        ),
        (
            400,
            r#"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"trigger is not enabled."}}"#,
            "failed",
            "flow_disabled",
            10,
        ),
    ] {
        let (platform, outcome) = ends(
            Operation::Trigger,
            CannedReply::status(status).body(body),
            expected,
            exit,
        );
        assert_eq!(outcome.field("code"), code);
        assert_eq!(platform.triggers(), 1, "{status}");
    }
    let (platform, _) = ends(
        Operation::Trigger,
        CannedReply::status(403),
        "unauthorized",
        14,
    );
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_throttled_trigger_is_sent_again_when_the_service_says_so() {
    let throttled = CannedReply::status(429).header("Retry-After", "1");
    let platform =
        Platform::start(&world().fault(FaultRule::on(Operation::Trigger, throttled).times(1)));
    let setup = Setup::verified(&platform);
    setup.refresh(&[]).is("completed", "", 0);
    assert_eq!(platform.triggers(), 2);
    let intents = setup
        .event_kinds()
        .iter()
        .filter(|kind| *kind == "intent")
        .count();
    assert_eq!(intents, 2, "every trigger has an intent of its own");
}

#[test]
fn a_trigger_that_is_throttled_for_an_hour_is_not_waited_for_in_vain() {
    let throttled = CannedReply::status(429).header("Retry-After", "3600");
    let (platform, outcome) = ends(Operation::Trigger, throttled, "unavailable", 15);
    assert_ne!(outcome.field("retry_at"), "");
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_trigger_whose_answer_was_lost_is_searched_for_and_never_sent_again() {
    for fault in [
        Fault::DropAfter,
        Fault::ResetAfter,
        Fault::HangAfter,
        Fault::Garbage,
        Fault::ReplaceAfterStatus(CannedReply::status(502)),
        Fault::ReplaceAfterStatus(CannedReply::status(503)),
        Fault::ReplaceAfterStatus(CannedReply::status(504)),
    ] {
        let name = format!("{fault:?}");
        let platform = with_fault(Operation::Trigger, fault);
        let outcome = Setup::verified(&platform).refresh(&[]);
        assert_eq!(outcome.field("status"), "completed", "{name}: {outcome:#?}");
        assert_eq!(platform.triggers(), 1, "{name}");
    }
}

#[test]
fn a_trigger_that_was_lost_with_its_effect_is_unknown_and_never_sent_again() {
    for fault in [
        Fault::DropBefore,
        Fault::Reset,
        Fault::Hang,
        Fault::HtmlBefore,
    ] {
        let platform = with_fault(Operation::Trigger, fault);
        let setup = Setup::verified(&platform);
        let outcome = setup.refresh(&["--idempotency-key", "k"]);
        outcome.is("unknown", "refresh_not_started", 12);
        assert_eq!(outcome.field("sent"), "maybe");
        setup.refresh(&["--idempotency-key", "k"]).exits(12);
        assert_eq!(platform.triggers(), 1);
    }
}

#[test]
fn without_a_history_to_search_a_lost_answer_stays_unknown() {
    let platform = with_fault(Operation::Trigger, Fault::HangAfter);
    let setup = Setup::unverified(&platform);
    let outcome = setup.refresh(&["--idempotency-key", "k"]);
    outcome.exits(12);
    assert_eq!(outcome.field("status"), "unknown");
    assert_eq!(outcome.field("sent"), "maybe");
    // The next start holds it, until a person settles it.
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
fn while_following_a_refusal_to_read_is_unknown_and_a_weakness_is_waited_out() {
    for (status, code) in [
        (401, "read_forbidden"),
        (403, "read_forbidden"),
        (404, "read_failed"),
    ] {
        let rule = FaultRule::on(Operation::Transactions, CannedReply::status(status)).after(1);
        let platform = Platform::start(&world().fault(rule));
        let outcome = Setup::verified(&platform).refresh(&[]);
        outcome.is("unknown", code, 12);
        assert_eq!(outcome.field("sent"), "yes");
        assert_eq!(platform.triggers(), 1);
    }
    for fault in [
        Fault::from(CannedReply::status(503)),
        CannedReply::status(429).header("Retry-After", "1").into(),
        Fault::Html,
        Fault::Truncated,
        Fault::Reset,
        Fault::Hang,
        Fault::HugeMb(100),
    ] {
        let rule = FaultRule::on(Operation::Transactions, fault)
            .after(1)
            .times(1);
        let platform = Platform::start(&world().fault(rule));
        let outcome = Setup::verified(&platform).refresh(&[]);
        outcome.is("completed", "", 0);
        assert_eq!(platform.triggers(), 1);
    }
}

#[test]
fn a_service_that_stays_down_while_following_is_unknown_at_the_deadline() {
    let rule = FaultRule::on(Operation::Transactions, CannedReply::status(503)).after(1);
    let platform = Platform::start(&world().fault(rule));
    let outcome = Setup::verified(&platform).refresh(&["--deadline", "2500ms"]);
    outcome.exits(12);
    assert_eq!(outcome.field("status"), "unknown");
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_token_that_expires_in_a_long_poll_is_renewed_without_the_run_noticing() {
    let expired = CannedReply::status(403)
        .body(r#"{"error":{"code":"TokenExpired","message":"Access token has expired, resubmit with a new access token"}}"#);
    let rule = FaultRule::on(Operation::Transactions, expired)
        .after(1)
        .times(1);
    let platform = Platform::start(&world().fault(rule));
    Setup::verified(&platform)
        .refresh(&[])
        .is("completed", "", 0);
    assert_eq!(platform.requests_for("token").len(), 2);
}

#[test]
fn a_refused_port_or_a_name_that_does_not_resolve_sends_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform).env(
        "ORDER_LIST_FLOW_URL",
        &simulator_url(&format!("http://{closed}")),
    );
    let outcome = setup.refresh(&["--deadline", "1s"]);
    outcome.exits(15);
    assert_eq!(outcome.field("sent"), "no");
    let setup = Setup::unverified(&platform).env(
        "ORDER_LIST_FLOW_URL",
        &simulator_url("https://no-such-host.invalid"),
    );
    let outcome = setup.refresh(&["--deadline", "1s"]);
    outcome.exits(15).says("no-such-host.invalid");
    assert_eq!(outcome.field("sent"), "no");
}

#[test]
fn a_run_that_never_left_is_free_to_start_again() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    let dead = simulator_url(&format!("http://{closed}"));
    let setup = setup.env("ORDER_LIST_FLOW_URL", &dead);
    setup
        .refresh(&["--deadline", "1s", "--idempotency-key", "k"])
        .exits(15);
    let setup = setup.env("ORDER_LIST_FLOW_URL", &platform.trigger_url());
    setup.refresh(&["--idempotency-key", "k"]).exits(0);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_server_that_accepts_and_never_answers_is_unknown_after_the_trigger_and_unavailable_before_it()
{
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let platform = Platform::start(&world());
    let after = Setup::unverified(&platform).env("ORDER_LIST_FLOW_URL", &simulator_url(&address));
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
fn a_certificate_that_nobody_vouches_for_sends_nothing_and_one_that_the_operator_names_is_trusted()
{
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("root.pem");
    let platform = Platform::start_tls(&world(), &ca);
    let base = platform.base.clone();
    let distrusting =
        Setup::unverified(&platform).env("ORDER_LIST_FLOW_URL", &simulator_url(&base));
    let outcome = distrusting.refresh(&[]);
    outcome
        .is("unavailable", "tls_certificate_untrusted", 15)
        .says("ca_file");
    assert_eq!(outcome.field("sent"), "no");
    let trusting = Setup::verified(&platform)
        .env("ORDER_LIST_FLOW_URL", &simulator_url(&base))
        .appending(&format!("transport: {{ca_file: {}}}\n", ca.display()));
    trusting.refresh(&[]).is("completed", "", 0);
}

#[test]
fn an_answer_of_the_trigger_that_is_truncated_or_enormous_is_never_a_second_trigger() {
    for fault in [Fault::Truncated, Fault::HugeMb(100), Fault::Html] {
        let name = format!("{fault:?}");
        let platform = with_fault(Operation::Trigger, fault);
        let outcome = Setup::verified(&platform).refresh(&[]);
        assert_eq!(outcome.field("status"), "completed", "{name}: {outcome:#?}");
        assert_eq!(platform.triggers(), 1, "{name}");
    }
}

fn simulator_url(base: &str) -> String {
    crate::support::flow().trigger_url(base)
}
