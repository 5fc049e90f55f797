//! The reasons that Power BI and Fabric give, wherever they put them, and what follows from them.

use host_runner::verdict::{Matched, Sent, Status};
use simulator::faults::{CannedReply, Fault, FaultRule, Operation};
use simulator::world::{Failure, Item, RefreshType, World};

use super::lab::{Lab, assert_ends, ms};
use super::subjects::{Phase, Subject, truth};

const CONTENT: [Subject; 4] = [
    Subject::Dataflow,
    Subject::Gen2,
    Subject::Model,
    Subject::Enhanced,
];

const HOUR_S: u64 = 3_600;

/// The services of this kind with a reply in one of its phases.
fn with_reply(subject: Subject, phase: Phase, reply: CannedReply, times: Option<u64>) -> World {
    let (on, after) = subject.operation(phase).expect("a phase of this kind");
    let rule = FaultRule::on(on, reply).after(after);
    let rule = match times {
        Some(times) => rule.times(times),
        None => rule,
    };
    subject.world().fault(rule)
}

fn tokens(lab: &Lab) -> usize {
    let requests = lab.services.requests().into_iter();
    requests
        .filter(|request| request.on == Some(Operation::Token))
        .count()
}

#[test]
fn an_expired_token_is_renewed_once_wherever_the_service_reports_it() {
    let body = r#"{"error":{"code":"TokenExpired","message":"resubmit with a new access token"}}"#;
    let expired = CannedReply::status(403);
    for expired in [
        expired
            .clone()
            .header("x-powerbi-error-info", "TokenExpired"),
        expired.header("x-ms-public-api-error-code", "TokenExpired"),
        CannedReply::status(403).body(body),
        CannedReply::status(401).body(body),
    ] {
        for subject in CONTENT {
            for phase in [Phase::Look, Phase::Trigger, Phase::Follow] {
                let world = with_reply(subject, phase, expired.clone(), Some(1));
                subject.lab(world, "", async |lab: &Lab| {
                    lab.completes().await;
                    let found = (tokens(lab), truth(lab).effective);
                    assert_eq!(found, (2, 1), "{subject:?} {phase:?} {expired:?}");
                });
                let world = with_reply(subject, phase, expired.clone(), None);
                subject.lab(world, "", async |lab: &Lab| {
                    let result = lab.refresh().await;
                    assert_eq!(result.code, "token_expired", "{subject:?} {phase:?}");
                    assert_eq!(tokens(lab), 2, "{subject:?} {phase:?} {result:?}");
                });
            }
        }
    }
}

#[test]
fn a_permission_in_a_header_is_named_and_costs_no_other_token() {
    for subject in CONTENT {
        for phase in [Phase::Look, Phase::Trigger, Phase::Follow] {
            let denied = CannedReply::status(401);
            let denied = denied.header("x-powerbi-error-info", "GroupNotAccessible");
            let world = with_reply(subject, phase, denied, None);
            subject.lab(world, "", async |lab: &Lab| {
                let result = lab.refresh().await;
                let place = format!("{subject:?} {phase:?}: {result:?}");
                assert!(result.message.contains("GroupNotAccessible"), "{place}");
                assert_eq!(tokens(lab), 1, "{place}");
            });
        }
    }
}

#[test]
fn a_run_that_the_service_starts_by_itself_is_never_taken_for_ours() {
    let framing = RefreshType::DirectLakeFraming;
    for (kind, code) in [
        (framing, "direct_lake_framing"),
        (RefreshType::ViaXmlaEndpoint, "refresh_not_started"),
        (RefreshType::OneLakeIntegration, "refresh_not_started"),
        (RefreshType::DataFactory, "refresh_not_started"),
        (RefreshType::WebModeling, "refresh_not_started"),
        (RefreshType::OnDemandTraining, "refresh_not_started"),
        (RefreshType::Scheduled, "refresh_not_started"),
    ] {
        let subject = Subject::FlowModel;
        let only_theirs = |item: Item| item.never_starting().also_starts(1_000, kind);
        subject.lab(subject.with(only_theirs), "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Unknown, code);
            assert!(lab.time.passed() >= ms(300_000), "{kind:?}: {result:?}");
        });
        for subject in [subject, Subject::Model, Subject::Enhanced] {
            let both = subject.with(|item| item.also_starts(1_000, kind));
            subject.lab(both, "", async |lab: &Lab| {
                let run = lab.completes().await.service_run.to_lowercase();
                assert!(truth(lab).completed.contains(&run), "{subject:?} {kind:?}");
            });
            let ours_fails = subject.with(|item| item.also_starts(1_000, kind).ends("Failed"));
            subject.lab(ours_fails, "", async |lab: &Lab| {
                let result = lab.refresh().await;
                assert_eq!(result.status, Status::Failed, "{subject:?}: {result:?}");
                let run = result.service_run.to_lowercase();
                assert!(truth(lab).ours.contains(&run), "{subject:?} {kind:?}");
            });
        }
    }
}

#[test]
fn a_models_daily_limit_is_failed_with_its_next_slot() {
    for subject in [Subject::Model, Subject::Enhanced] {
        let mut world = subject.with(|item| item.daily_limit(Some(8)));
        for nth in 1..=8 {
            let item = world.items.remove(0);
            let ago = nth * 2 * HOUR_S;
            world.items = vec![item.past_run(ago, 60, RefreshType::ViaApi, "Completed")];
        }
        subject.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Failed, "model_daily_limit");
            assert_eq!(lab.triggers(), 1, "{subject:?}");
            assert!(result.retryable, "{result:?}");
            // The oldest run began 16 hours ago.
            assert_eq!(result.retry_at, "2026-11-23T16:00:00Z", "{result:?}");
            assert_eq!(result.quota.next_slot, result.retry_at, "{result:?}");
        });
    }
}

#[test]
fn an_enhanced_refresh_that_only_its_request_id_names_is_matched_exactly() {
    let subject = Subject::Enhanced;
    let named = |item: Item| Item {
        names_refresh: false,
        ..item.also_starts(500, RefreshType::ViaEnhancedApi)
    };
    for (ends, status) in [("Completed", Status::Completed), ("Failed", Status::Failed)] {
        let world = subject.with(|item| named(item).ends(ends));
        subject.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            let found = (result.status, result.matched);
            assert_eq!(found, (status, Matched::Exact), "{result:?}");
            let run = result.service_run.to_lowercase();
            assert_eq!(truth(lab).ours, [run]);
        });
    }
    // An id that the service does not know is only that of the request.
    let unknown = CannedReply::status(202);
    let unknown = unknown.header("RequestId", "d1d1d1d1-0000-4000-8000-000000000001");
    let rule = FaultRule::on(Operation::ModelRefresh, Fault::ReplaceAfterStatus(unknown));
    subject.lab(subject.world().fault(rule), "", async |lab: &Lab| {
        let result = lab.completes().await;
        assert_eq!(result.matched, Matched::Inferred, "{result:?}");
    });
}

#[test]
fn the_sentence_of_a_failed_model_is_found_three_levels_deep() {
    let sentence = "INVENTED: the owner of the model has no access any more";
    for subject in [Subject::FlowModel, Subject::Model, Subject::Enhanced] {
        let failure = Failure::new("Premium_ASWL_Error", sentence);
        let world = subject.with(|item| item.failing(failure));
        subject.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_eq!(result.status, Status::Failed, "{result:?}");
            assert_eq!(
                result.service_error.code, "Premium_ASWL_Error",
                "{subject:?}"
            );
            assert!(result.message.contains(sentence), "{subject:?}: {result:?}");
        });
    }
}

#[test]
fn a_paused_capacity_is_named_with_its_way_out_and_ends_at_once_unless_the_service_is_down() {
    for (status, in_header) in [(404, false), (404, true), (503, false)] {
        let reply = CannedReply::status(status);
        let reply = match in_header {
            true => reply.header("x-ms-public-api-error-code", "CapacityNotActive"),
            false => reply.body(r#"{"errorCode":"CapacityNotActive","message":"It is paused."}"#),
        };
        for subject in CONTENT {
            for phase in [Phase::Look, Phase::Trigger, Phase::Follow] {
                let world = with_reply(subject, phase, reply.clone(), None);
                subject.lab(world, "", async |lab: &Lab| {
                    let result = lab.refresh().await;
                    let place = format!("{subject:?} {phase:?} {status}: {result:?}");
                    assert!(lab.triggers() <= 1, "{place}");
                    if (phase, status) != (Phase::Trigger, 503) {
                        assert_eq!(result.code, "capacity_not_active", "{place}");
                        assert!(result.hint.contains("Resume the capacity"), "{place}");
                    }
                    if (phase, status) == (Phase::Look, 404) {
                        let at_once = lab.time.passed() < ms(60_000) && result.retryable;
                        assert!(at_once, "{place}");
                    }
                });
            }
        }
    }
}

#[test]
fn a_model_without_a_history_is_invalid_at_once() {
    let why = "This API can only be called on a Model-based dataset";
    for subject in [Subject::FlowModel, Subject::Model, Subject::Enhanced] {
        let reply = CannedReply::status(415).body(why);
        let world = with_reply(subject, Phase::Look, reply, None);
        subject.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Invalid, "no_history");
            assert!(result.message.contains(why), "{result:?}");
            assert!(!result.hint.contains("proxy"), "{result:?}");
            assert!(lab.time.passed() < ms(60_000), "{result:?}");
            assert_eq!((result.sent, lab.triggers()), (Sent::No, 0));
        });
    }
}

#[test]
fn a_refusal_of_service_principals_is_found_in_header_and_body() {
    let code = "PrincipalTypeNotSupported";
    let body = format!(r#"{{"errorCode":"{code}","message":"the service's message"}}"#);
    let refused = || CannedReply::status(400);
    for reply in [
        refused().header("x-ms-public-api-error-code", code),
        refused().body(&body),
        refused()
            .body(&body)
            .header("x-ms-public-api-error-code", code),
    ] {
        let world = with_reply(Subject::Gen2, Phase::Trigger, reply, None);
        Subject::Gen2.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Failed, "spn_refresh_not_allowed");
            let helps = result.hint.contains("Power Automate") && !result.retryable;
            assert!(helps, "{result:?}");
        });
    }
}

#[test]
fn a_job_is_found_on_any_page_and_the_quota_counts_all_of_them() {
    let subject = Subject::Gen2;
    let lost = FaultRule::on(Operation::FabricRun, Fault::DropAfter);
    for past in [0, 99, 100, 250] {
        let world = subject.with(|item| {
            let ago = |nth: u64| (nth + 1) * 240;
            (0..past).fold(item, |item, nth| {
                item.past_run(ago(nth), 60, RefreshType::OnDemand, "Completed")
            })
        });
        let keys = format!("quota: {{limit: {}}}", past + 1);
        subject.lab(world.fault(lost.clone()), &keys, async |lab: &Lab| {
            let result = lab.completes().await;
            assert_eq!(result.matched, Matched::Inferred, "{past}: {result:?}");
            assert_eq!(truth(lab).completed, [result.service_run.to_lowercase()]);
            let quota = &result.quota;
            assert_eq!((u64::from(quota.counted), quota.left), (past, 1), "{past}");
        });
    }
}

#[test]
fn a_time_to_wait_that_is_only_in_the_text_is_kept() {
    let seconds = r#"{"message":"Too many requests. Retry in 600 seconds."}"#;
    let longer = r#"{"message":"Too many requests. Retry in 7200 seconds."}"#;
    for subject in CONTENT {
        for phase in [Phase::Look, Phase::Trigger] {
            let reply = CannedReply::status(429).body(seconds);
            let world = with_reply(subject, phase, reply, Some(1));
            subject.lab(world, "", async |lab: &Lab| {
                lab.completes().await;
                let waited = lab.time.passed() >= ms(1_190_000);
                assert!(waited, "{subject:?} {phase:?}");
                assert!(lab.services.violations().is_empty(), "{subject:?}");
            });
            let world = with_reply(subject, phase, CannedReply::status(429).body(longer), None);
            subject.lab(world, "", async |lab: &Lab| {
                let result = lab.refresh().await;
                assert_ends(&result, Status::Unavailable, "throttled");
                assert!(
                    result.retry_at.starts_with("2026-11-23T10:00"),
                    "{result:?}"
                );
                assert!(lab.time.passed() < ms(60_000), "{subject:?} {phase:?}");
            });
        }
    }
}
