//! The trigger and its responses.

use super::*;
use crate::contract::{
    Credentials, Event, Evidence, FollowMode, Matched, Sent, Status, StoreError, Target,
    Verification,
};
use crate::ports::Method;
use crate::ports::{TransportError, TransportKind};
use crate::testing::{
    Answer, Happened, answer, broken, dataflow, error as refusal, flow, page, request, taken,
    verified, with,
};

fn unverified() -> RefreshRequest {
    request(flow(Verification::None))
}

#[test]
fn a_trigger_carries_the_standard_fields_and_our_id() {
    let world = World::new();
    let mut request = unverified();
    request.call_context.now = "2026-11-23T18:00:00+10:00".into();
    verdict(&world, &request);
    let sent = &world.posts()[0];
    let body: serde_json::Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!(body["timestamp"], "2026-11-23T08:00:00Z");
    assert_eq!(body["trigger_type"], "Gen1_Dataflow_Refresh");
    assert_eq!(
        sent.headers,
        [
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("x-ms-client-tracking-id".to_owned(), "run-1".to_owned()),
        ]
    );
    assert_eq!(sent.timeout_ms, 30_000);
    let intent = &world.intents()[0];
    assert_eq!(
        (&intent.request.url, &intent.request.body),
        (&sent.url, &sent.body)
    );
    assert_eq!(
        (intent.attempt, intent.sent_at.as_str()),
        (1, "2026-11-23T08:00:00Z")
    );
}

#[test]
fn a_dataflow_is_triggered_through_its_own_api() {
    let world = World::new()
        .with(our_run("Success"))
        .answers_post(Ok(answer(200, "")));
    let verdict = verdict(&world, &request(Target::Dataflow(dataflow())));
    assert_eq!(verdict.status, Status::Completed);
    let sent = &world.posts()[0];
    assert!(sent.url.ends_with("/refreshes"), "{}", sent.url);
    assert_eq!(sent.body, r#"{"notifyOption":"NoNotification"}"#);
}

#[test]
fn a_flow_without_verification_ends_in_accepted() {
    for answer in [Ok(taken()), Ok(answer(200, "")), Ok(answer(202, "x"))] {
        let world = World::new().answers_post(answer);
        let verdict = verdict(&world, &unverified());
        assert_eq!(
            (verdict.status, verdict.sent),
            (Status::Accepted, Sent::Yes)
        );
        assert_eq!(
            (verdict.evidence, verdict.matched),
            (Evidence::None, Matched::None)
        );
        assert_eq!(world.kinds(), ["intent", "triggered", "verdict"]);
    }
}

#[test]
fn nothing_is_read_without_following() {
    let world = World::new().with(our_run("Success"));
    let mut request = request(verified());
    request.follow = FollowMode::NotAtAll;
    let verdict = verdict(&world, &request);
    assert_eq!(verdict.status, Status::Accepted);
    assert!(verdict.flow_run.is_some_and(|id| id.ends_with("CU18")));
    assert!(world.gets().is_empty());
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
fn a_trigger_that_is_never_sent_is_unavailable_at_the_deadline() {
    let refused = broken(TransportKind::ConnectionRefused);
    let mut world = World::new();
    for _ in 0..200 {
        world = world.answers_post(refused.clone());
    }
    let (kind, problem) = error(&world, &unverified());
    assert_eq!(
        (kind, problem.code.as_str()),
        ("unavailable", "connection_refused")
    );
    assert!(world.elapsed() <= 3_660_000);
    assert_eq!(world.kinds().last().map(String::as_str), Some("error"));
    assert_eq!(world.intents().len(), world.posts().len());
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
fn a_retry_after_beyond_the_deadline_is_unavailable_immediately() {
    let world = World::new().answers_post(Ok(with(
        answer(429, r#"{"message":"Retry in 7200 seconds."}"#),
        "Retry-After",
        "7200",
    )));
    let (kind, problem) = error(&world, &unverified());
    assert_eq!((kind, problem.code.as_str()), ("unavailable", "throttled"));
    assert_eq!(
        problem.retry_at.as_deref(),
        Some("2026-11-23T10:00:00.020Z")
    );
    assert!(problem.retryable && world.elapsed() == 20);
    assert_eq!(world.kinds(), ["intent", "not_sent", "error"]);
}

#[test]
fn any_other_rejection_is_failed() {
    for (answer, code) in [
        (
            refusal(400, "TriggerInputSchemaMismatch"),
            "flow_input_schema_mismatch",
        ),
        (refusal(400, "WorkflowTriggerIsNotEnabled"), "flow_disabled"),
        (
            refusal(400, "DirectApiRequestHasMoreThanOneAuthorization"),
            "multiple_authorizations",
        ),
        (refusal(404, "WorkflowNotFound"), "flow_not_found"),
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
fn the_daily_limit_names_the_next_slot() {
    let hour = 3_600_000;
    let full = |mut world: World| {
        for number in 1..=9 {
            let id = format!("r{number}");
            world = world.with(timed(
                &id,
                "Scheduled",
                -2 * number * hour,
                60_000,
                "Success",
            ));
        }
        world
    };
    let limit = refusal(400, crate::api::error::DAILY_LIMIT);
    for target in [verified(), Target::Dataflow(dataflow())] {
        let world = full(World::new()).answers_post(limit.clone());
        let verdict = verdict(&world, &request(target));
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Failed, "dataflow_daily_limit")
        );
        assert!(verdict.retryable);
        // The eighth newest run started 16 h before the start of the test.
        assert_eq!(verdict.retry_at.as_deref(), Some("2026-11-23T16:00:00Z"));
        assert_eq!(
            verdict.service_error.unwrap().code,
            crate::api::error::DAILY_LIMIT
        );
    }
    let world = World::new().answers_post(limit);
    let verdict = verdict(&world, &unverified());
    assert_eq!(
        (verdict.code.as_str(), verdict.retry_at),
        ("dataflow_daily_limit", None)
    );
}

/// Every response after which a trigger may have arrived.
fn lost() -> Vec<(Answer, &'static str)> {
    vec![
        (
            broken(TransportKind::AnswerTimeout),
            "trigger_response_lost",
        ),
        (
            broken(TransportKind::ConnectionLost),
            "trigger_response_lost",
        ),
        (broken(TransportKind::Truncated), "trigger_response_lost"),
        (broken(TransportKind::Other), "trigger_response_lost"),
        (
            Err(TransportError {
                kind: TransportKind::TlsFailed,
                message: String::new(),
                status: Some(202),
            }),
            "trigger_response_lost",
        ),
        (
            broken(TransportKind::TooLarge),
            "trigger_response_unreadable",
        ),
        (
            broken(TransportKind::NotHttp),
            "trigger_response_unreadable",
        ),
        (page(), "trigger_response_unreadable"),
        (Ok(answer(204, "")), "trigger_response_unreadable"),
        (refusal(502, ""), "trigger_gateway_error"),
        (refusal(502, "NoResponse"), "flow_no_response"),
        (refusal(503, ""), "trigger_gateway_error"),
        (refusal(504, ""), "trigger_gateway_error"),
    ]
}

#[test]
fn a_lost_trigger_without_a_history_is_unknown() {
    for (answer, code) in lost() {
        let world = World::new().answers_post(answer);
        let verdict = verdict(&world, &unverified());
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Unknown, code)
        );
        assert_eq!((verdict.sent, verdict.retryable), (Sent::Maybe, false));
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
fn an_html_page_from_the_power_bi_api_is_not_a_response() {
    let world = World::new().with(our_run("Success")).answers_post(page());
    let verdict = verdict(&world, &request(Target::Dataflow(dataflow())));
    assert_eq!(verdict.status, Status::Completed);
    assert_eq!(world.posts().len(), 1);
}

#[test]
fn the_intent_is_stored_before_the_trigger_is_sent() {
    let world = World::new().answers_post(broken(TransportKind::ConnectionRefused));
    verdict(&world, &unverified());
    let mut intents = 0;
    let mut posts = 0;
    for happened in world.log() {
        match happened {
            Happened::Append(event) if matches!(*event, Event::Intent(_)) => intents += 1,
            Happened::Call(Method::Post, _) => {
                posts += 1;
                assert_eq!(intents, posts);
            }
            _ => {}
        }
    }
    assert_eq!(posts, 2);
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

#[test]
fn a_bearer_token_is_not_part_of_the_intent() {
    let world = World::new();
    let mut request = unverified();
    request.call_context.credentials = Credentials::Bearer("INVENTED-bearer-0123456789".into());
    verdict(&world, &request);
    let headers = &world.intents()[0].request.headers;
    assert!(headers.iter().all(|(name, _)| name != "Authorization"));
    assert!(
        world.posts()[0]
            .headers
            .iter()
            .any(|(name, _)| name == "Authorization")
    );
}
