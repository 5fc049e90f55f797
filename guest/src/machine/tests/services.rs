//! What the services are known to send, beyond their documentation: statuses that are no refusal,
//! errors in other places, runs that the service starts by itself.

use super::*;
use crate::classify::{CallKind, Purpose, unanswered};
use crate::contract::{Content, Evidence, Matched, Sent, Status, Target, Verification};
use crate::contract::{Subject, TargetKind, WatchedItem};
use crate::ports::{Method, TransportKind};
use crate::testing::{
    Answer, Happened, OURS, answer, broken, dataflow, enhanced, error as refusal, flow, follow,
    gen2, item, ok, request, standard, start, trace, with,
};

fn verified_by(content: fn(WatchedItem) -> Content) -> Target {
    flow(Verification::Content(content(item())))
}

/// Every kind of target, with the type of the runs that its trigger starts.
fn targets() -> Vec<(Target, &'static str)> {
    vec![
        (flow(Verification::None), ""),
        (flow(Verification::Response), ""),
        (verified_by(Content::Dataflow), "OnDemand"),
        (verified_by(Content::DataflowGen2), "OnDemand"),
        (verified_by(Content::SemanticModel), "ViaApi"),
        (Target::Dataflow(dataflow()), "OnDemand"),
        (gen2(), "OnDemand"),
        (standard(), "ViaApi"),
        (enhanced(), "ViaEnhancedApi"),
    ]
}

fn with_history() -> impl Iterator<Item = (Target, &'static str)> {
    targets().into_iter().filter(|(_, kind)| !kind.is_empty())
}

fn run_of(kind: &str, end: &str) -> Scripted {
    timed(OURS, kind, 1_000, 60_000, end).by_trigger()
}

/// A response of the flow's own.
fn own(status: u16, body: &str) -> Answer {
    Ok(with(
        answer(status, body),
        "x-ms-workflow-run-id",
        "0858CU18",
    ))
}

fn empty() -> Option<Answer> {
    Some(Ok(ok(r#"{"value":[]}"#)))
}

#[test]
fn every_status_at_the_trigger_is_a_refusal_or_may_have_started_a_run() {
    for (target, kind) in targets() {
        // The table is tested with all statuses; here are those at the edges.
        for status in [
            100, 101, 199, 300, 304, 399, 400, 401, 402, 403, 404, 407, 408, 409, 410, 425, 498,
            499, 500, 502, 503, 504, 599, 600, 999,
        ] {
            let refuses = (400..500).contains(&status) && ![408, 499].contains(&status);
            let is_model = matches!(target, Target::SemanticModel(_));
            // A busy trigger is sent again.
            if status == 409 && is_model {
                continue;
            }
            let world = World::new();
            world.triggers_go(&[(Some(Ok(answer(status, ""))), !refuses)]);
            let world = match kind {
                "" => world,
                kind => world.with(run_of(kind, "Success")),
            };
            let end = refresh(&world, &request(target.clone()));
            assert_eq!(world.posts().len(), 1, "{status} {target:?}");
            let found = match &end {
                Ok(verdict) => (verdict.status, verdict.sent),
                Err(RefreshError::Unauthorized(_)) => (Status::Skipped, Sent::No),
                Err(error) => panic!("{status} {target:?}: {error:?}"),
            };
            let expected = match (status, kind) {
                (401 | 403, _) => (Status::Skipped, Sent::No),
                _ if refuses => (Status::Failed, Sent::Yes),
                (_, "") => (Status::Unknown, Sent::Maybe),
                _ => (Status::Completed, Sent::Yes),
            };
            assert_eq!(found, expected, "{status} {target:?}");
        }
    }
}

#[test]
fn a_response_of_the_flow_is_its_word_unless_a_history_decides() {
    for status in [400, 401, 403, 404, 408, 409, 429, 499, 500, 502, 503] {
        let said = || {
            own(
                status,
                r#"{"error":{"code":"Request Throttled","message":"m"}}"#,
            )
        };
        for verify in [Verification::None, Verification::Response] {
            let world = World::new().answers_post(said());
            let verdict = verdict(&world, &request(flow(verify)));
            assert_eq!(
                (verdict.status, verdict.sent, verdict.evidence),
                (Status::Failed, Sent::Yes, Evidence::Flow)
            );
            assert_eq!(verdict.code, "request_throttled");
            assert_eq!(world.posts().len(), 1);
        }
        for (content, kind) in with_history().take(3) {
            for (end, status) in [("Success", Status::Completed), ("Failed", Status::Failed)] {
                let world = World::new().with(run_of(kind, end));
                world.triggers_go(&[(Some(said()), true)]);
                let verdict = verdict(&world, &request(content.clone()));
                assert_eq!(
                    (verdict.status, verdict.evidence),
                    (status, Evidence::Service)
                );
            }
            // Without a run in the history the flow's word counts, but not before.
            let world = World::new();
            world.triggers_go(&[(Some(said()), false)]);
            let verdict = verdict(&world, &request(content));
            assert_eq!(
                (verdict.status, verdict.code.as_str(), verdict.evidence),
                (Status::Failed, "request_throttled", Evidence::Flow)
            );
            assert!(world.elapsed() >= 300_000);
        }
    }
}

#[test]
fn the_platforms_word_about_a_missing_response_is_not_the_flows() {
    for (status, code) in [(502, "NoResponse"), (504, "GatewayTimeout"), (504, "")] {
        let said = refusal(status, code).map(|one| with(one, "x-ms-workflow-run-id", "0858CU18"));
        let world = World::new().answers_post(said);
        let verdict = verdict(&world, &request(flow(Verification::Response)));
        assert_eq!(
            (verdict.status, verdict.sent),
            (Status::Unknown, Sent::Maybe)
        );
    }
}

#[test]
fn a_success_status_with_an_error_is_never_a_success() {
    for (target, kind) in targets() {
        for status in [200, 202] {
            let said = || Ok(answer(status, r#"{"error":{"code":"A","message":"m"}}"#));
            let world = World::new();
            world.triggers_go(&[(Some(said()), false)]);
            let found = verdict(&world, &request(target.clone()));
            assert_eq!(found.status, Status::Unknown, "{status} {target:?}");
            assert_eq!(found.service_error.unwrap().code, "A");
            if !kind.is_empty() {
                let world = World::new().with(run_of(kind, "Success"));
                world.triggers_go(&[(Some(said()), true)]);
                let found = verdict(&world, &request(target.clone()));
                assert_eq!(found.status, Status::Completed, "{target:?}");
            }
        }
    }
}

#[test]
fn a_paused_capacity_ends_at_once_before_the_trigger_and_is_waited_for_afterwards() {
    let paused = |status| refusal(status, "CapacityNotActive");
    for (target, kind) in with_history() {
        let world = World::new().answers_every_get(paused(404));
        let (variant, why) = error(&world, &request(target.clone()));
        assert_eq!(
            (variant, why.code.as_str()),
            ("unavailable", "capacity_not_active")
        );
        assert!(why.retryable && why.hint.contains("Resume"), "{}", why.hint);
        assert!(world.elapsed() < 1_000 && world.posts().is_empty());

        let world = World::new().with(run_of(kind, "Success"));
        world.looks_go(&[
            None,
            Some(paused(404)),
            Some(paused(503)),
            Some(paused(404)),
        ]);
        assert_eq!(
            verdict(&world, &request(target.clone())).status,
            Status::Completed
        );

        let world = World::new().answers_every_get(paused(404));
        world.looks_go(&[empty()]);
        let verdict = verdict(&world, &request(target));
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Unknown, "capacity_not_active")
        );
        assert!(world.elapsed() > 3_500_000, "{}", world.elapsed());
    }
    for target in [Target::Dataflow(dataflow()), gen2(), standard(), enhanced()] {
        let world = World::new().answers_post(paused(404));
        let verdict = verdict(&world, &request(target));
        assert_eq!((verdict.status, verdict.retryable), (Status::Failed, true));
        assert_eq!(world.posts().len(), 1);
    }
}

#[test]
fn a_model_refresh_over_the_daily_limit_names_the_next_slot() {
    let limit = r#"{"error":{"code":"Request Throttled","message":"Invalid dataset refresh request. Number of refresh requests in last 24 hours exceeded limit"}}"#;
    for target in [standard(), enhanced()] {
        let mut world = World::new().answers_post(Ok(answer(429, limit)));
        for number in 1..=9 {
            let begins = -2 * number * 3_600_000;
            world = world.with(timed(
                &format!("r{number}"),
                "ViaApi",
                begins,
                60_000,
                "Success",
            ));
        }
        let verdict = verdict(&world, &request(target));
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Failed, "model_daily_limit")
        );
        assert_eq!(verdict.retry_at.as_deref(), Some("2026-11-23T16:00:00Z"));
        let quota = verdict.quota.unwrap();
        assert_eq!((quota.limit, quota.counted, quota.left), (8, 9, 0));
        assert_eq!(
            (quota.next_slot, verdict.retryable),
            (verdict.retry_at, true)
        );
        assert_eq!(world.posts().len(), 1);
    }
}

#[test]
fn nothing_is_sent_before_the_time_that_a_sentence_names() {
    let said =
        r#"{"message":"You have exceeded the amount of requests allowed. Retry in 40 seconds."}"#;
    for (target, _) in targets() {
        let world = World::new().answers_post(Ok(answer(429, said)));
        let _ = refresh(&world, &request(target));
        let is_call = |happened: &&Happened| matches!(happened, Happened::Call(..));
        let log = world.log();
        let mut calls = log.iter().filter(is_call);
        let is_trigger = |one: &Happened| matches!(one, Happened::Call(Method::Post, _));
        let trigger = calls.position(is_trigger).unwrap();
        let times = world.call_times();
        assert!(times[trigger + 1] - times[trigger] >= 40_000, "{times:?}");
    }
}

#[test]
fn a_direct_lake_framing_is_never_taken_for_our_run() {
    for target in [verified_by(Content::SemanticModel), standard(), enhanced()] {
        let row = |id: &str, kind: &str, status: &str| {
            let (from, to) = (start().after_ms(2_000), start().after_ms(9_000));
            format!(
                r#"{{"requestId":"{id}","refreshType":"{kind}","startTime":"{from}","endTime":"{to}","status":"{status}"}}"#
            )
        };
        let framing = row("framing", "DirectLakeFraming", "Completed");
        let played = |rows: &str| {
            let history = Ok(ok(&format!(r#"{{"value":[{rows}]}}"#)));
            let world = World::new().answers_every_get(history);
            world.looks_go(&[empty()]);
            world.triggers_go(&[(Some(broken(TransportKind::ConnectionLost)), true)]);
            let verdict = verdict(&world, &request(target.clone()));
            (verdict, world.elapsed())
        };
        let (alone, elapsed) = played(&framing);
        assert_eq!(
            (alone.status, alone.code.as_str()),
            (Status::Unknown, "direct_lake_framing")
        );
        assert!(elapsed >= 300_000 && alone.message.contains("framing"));
        let (beside, _) = played(&format!("{framing},{}", row(OURS, "ViaApi", "Failed")));
        assert_eq!(
            (beside.status, beside.service_run.as_deref()),
            (Status::Failed, Some(OURS))
        );
    }
}

/// A response that names the run in the header that every response has.
fn named_by_request_id(id: &str) -> Answer {
    Ok(with(answer(202, ""), "RequestId", id))
}

#[test]
fn a_request_id_names_the_run_if_the_service_knows_it() {
    let foreign = timed("other", "ViaEnhancedApi", 500, 1_000, "Success").by_trigger();
    for target in [standard(), enhanced()] {
        let world = World::new()
            .with(foreign.clone())
            .with(run_of("ViaEnhancedApi", "Failed"));
        world.triggers_go(&[(Some(named_by_request_id(OURS)), true)]);
        let found = verdict(&world, &request(target));
        assert_eq!(
            (found.status, found.matched, found.service_run.as_deref()),
            (Status::Failed, Matched::Exact, Some(OURS))
        );
    }
    // An id that is never seen says nothing: the window decides when it has passed.
    let unknown = "99999999-9999-9999-9999-999999999999";
    let world = World::new().with(run_of("ViaEnhancedApi", "Success"));
    world.triggers_go(&[(Some(named_by_request_id(unknown)), true)]);
    let found = verdict(&world, &request(enhanced()));
    assert_eq!(
        (found.status, found.matched),
        (Status::Completed, Matched::Inferred)
    );
    assert!(world.elapsed() >= 300_000);
}

#[test]
fn a_model_without_a_history_is_invalid_at_once() {
    let said = || refusal(415, "InvalidRequest");
    for target in [verified_by(Content::SemanticModel), standard(), enhanced()] {
        let world = World::new().answers_every_get(said());
        let (kind, why) = error(&world, &request(target));
        assert_eq!((kind, why.code.as_str()), ("invalid", "no_history"));
        assert!(why.message.contains("m of InvalidRequest") && world.elapsed() < 1_000);
    }
}

#[test]
fn a_job_on_a_later_page_is_found() {
    let page = |job: &str, token: &str| {
        Ok(ok(&format!(
            r#"{{"value":[{{"id":"{job}","jobType":"Refresh","invokeType":"Manual","status":"Completed","startTimeUtc":"{}","endTimeUtc":"{}"}}],"continuationToken":{token}}}"#,
            start().after_ms(2_000),
            start().after_ms(3_000),
        )))
    };
    let old = r#"{"value":[],"continuationToken":"t%3D1"}"#;
    let world = World::new();
    world.pass(5_000);
    world.looks_go(&[Some(Ok(ok(old))), Some(page(OURS, "null"))]);
    let ours = follow(gen2(), Subject::Ours(trace()));
    let found = crate::follow_refresh(world.ports(), &ours).unwrap();
    assert_eq!(found.service_run.as_deref(), Some(OURS));
    let gets = world.gets();
    assert!(
        gets[1]
            .url
            .ends_with("/jobs/instances?continuationToken=t%3D1")
    );
}

#[test]
fn endless_pages_of_a_history_are_cut_and_the_cut_is_reported() {
    let endless = r#"{"value":[],"continuationToken":"again"}"#;
    let world = World::new().answers_every_get(Ok(ok(endless)));
    let mut request = request(gen2());
    request.call_context.deadline_ms = 30_000;
    let _ = refresh(&world, &request);
    let cut: Vec<String> = world.warnings();
    let cut: Vec<&String> = cut
        .iter()
        .filter(|text| text.contains("too long"))
        .collect();
    assert_eq!(cut.len(), 1, "{cut:?}");
}

#[test]
fn a_response_in_a_coding_that_was_not_requested_is_never_a_success() {
    for (target, kind) in targets() {
        let encoded = |status| {
            Ok(with(
                answer(status, "\u{1f}\u{8b}"),
                "Content-Encoding",
                "br",
            ))
        };
        let world = World::new();
        world.triggers_go(&[(Some(encoded(200)), false)]);
        let found = verdict(&world, &request(target.clone()));
        assert_eq!((found.status, found.sent), (Status::Unknown, Sent::Maybe));
        if !kind.is_empty() {
            let world = World::new().answers_every_get(encoded(200));
            let (variant, why) = error(&world, &request(target.clone()));
            let code = why.code.as_str();
            assert_eq!(
                (variant, code),
                ("unavailable", "response_encoding_unsupported")
            );
            assert!(why.message.contains("br") && world.elapsed() < 1_000);
        }
        // The status of a refusal is enough.
        let world = World::new().answers_post(encoded(400));
        assert_eq!(verdict(&world, &request(target)).status, Status::Failed);
    }
}

#[test]
fn what_the_host_did_not_send_has_the_hosts_code_in_every_phase() {
    let unsent = |code: &str| {
        let mut error = broken(TransportKind::NotSentByHost).unwrap_err();
        error.message = format!("{code}: signing in at login.example failed");
        Err(error)
    };
    for (code, variant, at_once) in [
        ("tls_certificate_untrusted", "unavailable", true),
        ("proxy_refused", "unavailable", true),
        ("address_denied", "denied", true),
        ("request_denied", "denied", true),
        ("proxy_unavailable", "unavailable", false),
        ("name_not_resolved", "unavailable", false),
        ("response_timed_out", "unavailable", false),
    ] {
        for (target, kind) in targets() {
            let mut request = request(target);
            request.call_context.host_reports_unsent = true;
            let mut worlds = vec![World::new()];
            let always: Vec<(Option<Answer>, bool)> =
                (0..99).map(|_| (Some(unsent(code)), false)).collect();
            worlds[0].triggers_go(&always);
            if !kind.is_empty() {
                worlds.push(World::new().answers_every_get(unsent(code)));
            }
            for world in worlds {
                let (found, why) = error(&world, &request);
                assert_eq!((found, why.code.as_str()), (variant, code));
                assert!(why.message.contains("signing in at login.example failed"));
                assert_eq!(world.elapsed() < 1_000, at_once, "{code}");
            }
        }
    }
    let read = CallKind::new(TargetKind::Dataflow, Purpose::Read);
    let row = unanswered(read, TransportKind::NotSentByHost);
    assert_eq!(row.code, "not_sent_by_host");
}
