//! The trigger and its responses.

use super::*;
use crate::contract::{Evidence, Sent, Status, StoreError, Verification};
use crate::ports::{TransportError, TransportKind};
use crate::testing::{answer, broken, error as refusal, flow, page, request, verified, with};

fn unverified() -> RefreshRequest {
    request(flow(Verification::None))
}

#[test]
fn an_unsent_trigger_is_retried_after_a_new_history() {
    for kind in [
        TransportKind::NameNotResolved,
        TransportKind::ConnectionRefused,
        TransportKind::Unreachable,
        TransportKind::TlsFailed,
        TransportKind::ConnectTimeout,
        TransportKind::NotSentByHost,
    ] {
        let world = World::new()
            .with(our_run("Success"))
            .answers_post(broken(kind))
            .answers_post(broken(kind));
        let verdict = verdict(&world, &request(verified()));
        assert_eq!(
            (verdict.status, verdict.sent),
            (Status::Completed, Sent::Yes),
            "{kind:?}"
        );
        assert_eq!(world.posts().len(), 3);
        assert_eq!(
            world.kinds()[..6],
            [
                "intent",
                "not_sent",
                "intent",
                "not_sent",
                "intent",
                "triggered"
            ]
        );
        let attempts: Vec<u32> = world
            .intents()
            .iter()
            .map(|intent| intent.attempt)
            .collect();
        assert_eq!(attempts, [1, 2, 3]);
        // Each attempt read the history again.
        assert!(world.intents()[0].looked_at < world.intents()[2].looked_at);
    }
}

#[test]
fn a_connect_timeout_without_the_hosts_guarantee_is_never_sent_again() {
    for kind in [TransportKind::ConnectTimeout, TransportKind::NotSentByHost] {
        let world = World::new().answers_post(broken(kind));
        let mut request = unverified();
        request.call_context.host_reports_unsent = false;
        let verdict = verdict(&world, &request);
        assert_eq!(
            (verdict.status, verdict.sent),
            (Status::Unknown, Sent::Maybe)
        );
        assert_eq!(verdict.code, "trigger_response_lost");
        assert_eq!(world.posts().len(), 1);
    }
}

#[test]
fn only_a_host_with_a_guarantee_can_report_that_it_had_no_token() {
    let marked = || Ok(with(answer(503, "{}"), "x-host-runner-answer", "token"));
    for (reports_unsent, status, triggers) in
        [(true, Status::Accepted, 2), (false, Status::Unknown, 1)]
    {
        let world = World::new().answers_post(marked());
        let mut request = unverified();
        request.call_context.host_reports_unsent = reports_unsent;
        assert_eq!(verdict(&world, &request).status, status);
        assert_eq!(world.posts().len(), triggers);
    }
}

#[test]
fn denied_and_untrusted_end_immediately() {
    for (kind, expected) in [
        (TransportKind::Denied, ("denied", "request_denied")),
        (TransportKind::AddressDenied, ("denied", "address_denied")),
        (
            TransportKind::CertificateUntrusted,
            ("unavailable", "tls_certificate_untrusted"),
        ),
        (
            TransportKind::RequestInvalid,
            ("invalid", "request_invalid"),
        ),
    ] {
        let world = World::new().answers_post(broken(kind));
        let (kind, problem) = error(&world, &unverified());
        assert_eq!((kind, problem.code.as_str()), expected);
        assert_eq!(world.kinds(), ["intent", "not_sent", "error"]);
        assert_eq!(world.elapsed(), 20);
    }
}

#[test]
fn any_other_rejection_is_failed() {
    for (answer, code) in [
        (refusal(400, "WorkflowTriggerIsNotEnabled"), "flow_disabled"),
        (refusal(409, "Odd"), "request_rejected"),
    ] {
        let world = World::new().answers_post(answer);
        let verdict = verdict(&world, &request(verified()));
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Failed, code)
        );
        assert_eq!(
            (verdict.sent, verdict.evidence),
            (Sent::Yes, Evidence::Service)
        );
        assert!(!verdict.own_run && !verdict.hint.is_empty());
        assert_eq!(world.kinds(), ["intent", "triggered", "verdict"]);
        assert!(verdict.message.contains("flow.example"));
    }
}

#[test]
fn a_redirect_names_only_the_host_and_is_not_followed() {
    let moved = Ok(with(
        answer(302, ""),
        "Location",
        "https://login.example/in?sig=INVENTED-sig",
    ));
    let verdict = verdict(&World::new().answers_post(moved), &unverified());
    assert_eq!(
        (verdict.status, verdict.code.as_str(), verdict.sent),
        (Status::Unknown, "redirected", Sent::Maybe)
    );
    assert!(verdict.message.contains("login.example"));
    assert!(!verdict.message.contains("INVENTED"), "{}", verdict.message);
}

#[test]
fn a_trigger_that_was_perhaps_answered_is_lost_however_the_connection_ended() {
    let answered = TransportError {
        kind: TransportKind::TlsFailed,
        message: String::new(),
        status: Some(202),
    };
    for answer in [Err(answered), broken(TransportKind::Other)] {
        let world = World::new().answers_post(answer);
        let verdict = verdict(&world, &unverified());
        assert_eq!(
            (verdict.status, verdict.code.as_str(), verdict.sent),
            (Status::Unknown, "trigger_response_lost", Sent::Maybe)
        );
        assert!(!verdict.retryable);
        assert_eq!(world.kinds(), ["intent", "triggered", "verdict"]);
        assert_eq!(world.posts().len(), 1);
    }
}

#[test]
fn an_html_page_with_a_flow_run_comes_from_the_flow() {
    let page = page().map(|page| with(page, "x-ms-workflow-run-id", "0858CU18"));
    let world = World::new().answers_post(page);
    assert_eq!(verdict(&world, &unverified()).status, Status::Accepted);
    let created = Ok(with(answer(201, ""), "x-ms-workflow-run-id", "0858CU18"));
    let world = World::new().answers_post(created);
    assert_eq!(verdict(&world, &unverified()).status, Status::Accepted);
}

#[test]
fn a_lost_claim_sends_and_stores_nothing() {
    let world = World::new();
    world.store_says(StoreError::Refused("held by another".into()));
    let (kind, problem) = error(&world, &unverified());
    assert_eq!((kind, problem.code.as_str()), ("claim_lost", "claim_lost"));
    assert!(world.posts().is_empty() && world.events().is_empty());
}

#[test]
fn a_cancellation_between_attempts_sends_nothing() {
    let world = World::new()
        .answers_post(broken(TransportKind::ConnectionRefused))
        .cancels_after(0);
    assert_eq!(error(&world, &unverified()).0, "interrupted");
    assert_eq!(world.kinds(), ["intent", "not_sent"]);
}

#[test]
fn nothing_is_sent_once_the_deadline_has_passed() {
    let world = World::new();
    let mut late = unverified();
    late.call_context.deadline_ms = 0;
    let (kind, problem) = error(&world, &late);
    assert_eq!(
        (kind, problem.code.as_str()),
        ("unavailable", "deadline_passed")
    );
    assert!(world.posts().is_empty() && world.intents().is_empty());
}
