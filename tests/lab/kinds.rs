//! Behaviour of single kinds: limits of the services, their own retries, and names instead of ids.

use host_runner::audit_log::event::{Decision, Resolution};
use host_runner::run::{self, FollowMode, OperationError, RefreshOptions};
use host_runner::verdict::{Matched, Sent, Status};
use simulator::faults::{CannedReply, FaultRule, Operation};
use simulator::world::{Cloud, Failure, Item, RefreshType};
use uuid::uuid;

use super::lab::{Lab, assert_ends, ms, options};
use super::subjects::{ITEM, Subject, WORKSPACE, lab, truth};

#[test]
fn every_kind_with_a_history_completes() {
    for (subject, matched) in [
        (Subject::FlowDataflow, Matched::Inferred),
        (Subject::OauthFlow, Matched::Inferred),
        (Subject::FlowModel, Matched::Inferred),
        (Subject::Dataflow, Matched::Inferred),
        (Subject::Gen2, Matched::Exact),
        (Subject::Model, Matched::Exact),
        (Subject::Enhanced, Matched::Exact),
    ] {
        subject.lab(subject.world(), "", async |lab: &Lab| {
            let result = lab.completes().await;
            assert_eq!(result.matched, matched, "{subject:?}");
            assert!(result.own_run && result.sent == Sent::Yes, "{subject:?}");
            let run = result.service_run.to_lowercase();
            assert!(truth(lab).completed.contains(&run), "{result:?}");
            assert!(lab.services.violations().is_empty(), "{subject:?}");
        });
    }
}

#[test]
fn a_failed_refresh_has_the_services_error() {
    let mashup = Failure::new("MashupException.Error", "no such column");
    let credentials = "ModelRefreshFailed_CredentialsNotSpecified".into();
    let processing = "ModelRefresh_ShortMessage_ProcessingError".into();
    for (subject, failure, code) in [
        (Subject::Gen2, mashup, "refresh_failed"),
        (Subject::Model, credentials, "model_credentials_missing"),
        (Subject::Enhanced, processing, "refresh_failed"),
    ] {
        let reason = failure.code.clone();
        let world = subject.with(|item| item.failing(failure));
        subject.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Failed, code);
            assert_eq!(result.service_error.code, reason);
        });
    }
}

#[test]
fn a_refresh_that_the_service_does_not_allow_is_failed_with_a_hint() {
    let forbidden = |item| Item {
        apps_may_refresh: false,
        ..item
    };
    let unpublished = |item| Item {
        published: false,
        ..item
    };
    for (world, code, way_out) in [
        (
            Subject::Gen2.with(forbidden),
            "spn_refresh_not_allowed",
            "Power Automate flow",
        ),
        (
            Subject::Gen2.with(unpublished),
            "dataflow_never_published",
            "apply_changes: if_needed",
        ),
    ] {
        Subject::Gen2.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Failed, code);
            let helps = result.hint.contains(way_out) && !result.retryable;
            assert!(helps, "{result:?}");
        });
    }
}

#[test]
fn a_run_that_the_service_dropped_is_skipped() {
    // The history does not list running refreshes, so the check before the trigger finds none.
    let world = Subject::Gen2.with(|item| Item {
        lists_running: false,
        ..item
    });
    Subject::Gen2.lab(world, "", async |lab: &Lab| {
        lab.begin_scheduled_run();
        let result = lab.refresh().await;
        assert_ends(&result, Status::Skipped, "deduplicated");
        assert!(!result.own_run && result.sent == Sent::Yes, "{result:?}");
        assert_eq!(truth(lab).effective, 0);
    });
}

#[test]
fn a_running_gen2_refresh_is_waited_for() {
    Subject::Gen2.lab(Subject::Gen2.world(), "", async |lab: &Lab| {
        lab.begin_scheduled_run();
        lab.completes().await;
        let now = lab.time.present().to_string();
        assert!(now.as_str() > "2026-11-23T08:19", "it did not wait");
        assert!(lab.services.violations().is_empty());
    });
}

#[test]
fn a_busy_model_is_triggered_once_it_is_free() {
    // A refresh is running, but the history does not list it yet.
    let world = Subject::Model.with(|item| item.appear_after_ms(120_000));
    Subject::Model.lab(world, "", async |lab: &Lab| {
        lab.begin_scheduled_run();
        lab.completes().await;
        assert_eq!(truth(lab).effective, 1);
    });
}

#[test]
fn an_id_that_appears_late_is_found_and_a_dropped_request_is_unknown() {
    for subject in [Subject::Model, Subject::Enhanced] {
        let late = subject.with(|item| item.appear_after_ms(200_000));
        subject.lab(late, "", async |lab: &Lab| {
            assert_ends(&lab.refresh().await, Status::Completed, "");
        });
        let dropped = subject.with(Item::never_starting);
        subject.lab(dropped, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Unknown, "refresh_not_started");
        });
    }
}

#[test]
fn an_unknown_state_is_followed_and_never_a_success() {
    let world = Subject::Gen2.with(|item| item.ends("PartiallySucceeded"));
    Subject::Gen2.lab(world, "", async |lab: &Lab| {
        assert_ends(&lab.refresh().await, Status::Unknown, "still_running");
    });
}

#[test]
fn a_dataflow_of_the_other_generation_is_detected_before_the_trigger() {
    for (subject, other, kind) in [
        (Subject::Dataflow, Subject::Gen2, "kind: dataflow-gen2"),
        (Subject::Gen2, Subject::Dataflow, "kind: dataflow`"),
    ] {
        subject.lab(other.world(), "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Invalid, "wrong_generation");
            assert!(result.hint.contains(kind), "{}", result.hint);
            assert_eq!(lab.triggers(), 0);
        });
    }
}

#[test]
fn names_can_replace_ids_and_match_exactly() {
    for (subject, kind, key, name) in [
        (
            Subject::Dataflow,
            "dataflow",
            "dataflow",
            "Master Order List",
        ),
        (
            Subject::Gen2,
            "dataflow-gen2",
            "dataflow",
            "Master Order List",
        ),
        (Subject::Model, "semantic-model", "model", "Sales"),
    ] {
        let target = |name: &str| format!("{{kind: {kind}, workspace: Data Admin, {key}: {name}}}");
        lab(subject.world(), &target(name), async |lab: &Lab| {
            lab.completes().await;
        });
        for wrong in ["master order list", "Master Order Lists", "sales"] {
            lab(subject.world(), &target(wrong), async |lab: &Lab| {
                let result = lab.refresh().await;
                assert_ends(&result, Status::Invalid, "name_not_found");
                assert!(result.message.contains(name), "{}", result.message);
                assert_eq!(lab.triggers(), 0);
            });
        }
    }
}

#[test]
fn an_ambiguous_name_is_refused_with_both_ids() {
    let twin = uuid!("55555555-5555-5555-5555-555555555555");
    let item = Item::dataflow_gen2(WORKSPACE, twin, "Master Order List");
    let target = "{kind: dataflow-gen2, workspace: Data Admin, dataflow: Master Order List}";
    lab(
        Subject::Gen2.world().item(item),
        target,
        async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Invalid, "name_ambiguous");
            for id in [ITEM, twin] {
                let message = &result.message;
                assert!(message.contains(&id.to_string()), "{message}");
            }
        },
    );
}

#[test]
fn an_unreadable_history_is_refused_unless_accepted() {
    let to_apps: fn(Item) -> Item = Item::unreadable_to_apps;
    for (subject, change) in [
        (Subject::Dataflow, to_apps),
        (Subject::Gen2, Item::unreadable),
        (Subject::Model, Item::unreadable),
    ] {
        subject.lab(subject.with(change), "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_eq!(result.status, Status::Unauthorized, "{result:?}");
            assert_eq!(lab.triggers(), 0, "{subject:?}");
        });
        let accept = "when_unreadable: accept";
        subject.lab(subject.with(change), accept, async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Accepted, "history_unreadable");
            assert_eq!(truth(lab).effective, 1, "{subject:?}");
        });
    }
}

#[test]
fn a_scheduled_run_in_the_same_minute_is_never_matched() {
    for subject in [Subject::FlowDataflow, Subject::Dataflow, Subject::FlowModel] {
        let world = subject.with(|item| {
            item.also_starts(10, RefreshType::Scheduled)
                .appear_after_ms(5_000)
        });
        subject.lab(world, "", async |lab: &Lab| {
            let run = lab.completes().await.service_run.to_lowercase();
            assert!(truth(lab).completed.contains(&run), "{subject:?}");
        });
    }
}

#[test]
fn a_dry_run_of_each_kind_shows_its_request_and_only_posts_for_tokens() {
    for subject in Subject::ALL {
        subject.lab(subject.world(), "", async |lab: &Lab| {
            let plan = lab.invocation().plan().await;
            assert_eq!(plan.would, "send", "{subject:?}: {plan}");
            assert_eq!(plan.request.method, "POST", "{subject:?}");
            let text = format!("{plan:?}");
            assert!(!text.contains("INVENTED"), "{subject:?}: {text}");
            assert_eq!(lab.triggers(), 0, "{subject:?}");
            for request in lab.services.requests() {
                let is_token = request.on == Some(Operation::Token);
                assert!(request.method == "GET" || is_token, "{request:?}");
            }
        });
    }
}

#[test]
fn a_cancelled_run_is_cancelled_when_followed() {
    for subject in [
        Subject::FlowDataflow,
        Subject::Dataflow,
        Subject::Gen2,
        Subject::Enhanced,
    ] {
        subject.lab(subject.world(), "", async |lab: &Lab| {
            lab.detach().await;
            for expected in ["requested", "already_concluded"] {
                let end = lab.cancel().await.expect("a reply");
                assert_eq!(end.status.name(), expected, "{subject:?}: {end:?}");
                lab.time.pass(ms(60_000));
            }
            let end = lab.invocation().follow().await;
            assert_eq!(end.status, Status::Cancelled, "{subject:?}: {end:?}");
            assert!(lab.services.violations().is_empty(), "{subject:?}");
        });
    }
}

#[test]
fn a_decision_on_a_run_that_completed_meanwhile_is_refused_by_the_store() {
    Subject::Dataflow.lab(Subject::Dataflow.world(), "", async |lab: &Lab| {
        lab.completes().await;
        let invocation = lab.invocation();
        let run = invocation.newest_run().expect("a run").run;
        // As if the run had been open when the command looked at it.
        let late = Resolution {
            decision: Decision::NeverStarted,
            reason: "not in the history".to_owned(),
            overrides: None,
        };
        let audit_log = &invocation.audit.audit_log;
        let refused = run::resolve(&invocation.session, audit_log, run, &late).await;
        let Err(OperationError::Failed(verdict)) = refused else {
            panic!("{refused:?}");
        };
        let found = (verdict.status, verdict.code.as_str());
        assert_eq!(found, (Status::Invalid, "run_changed"), "{verdict:?}");
        assert!(verdict.message.contains("completed"), "{verdict:?}");
        let end = lab.invocation().follow().await;
        assert_eq!(end.status, Status::Completed, "{end:?}");
    });
}

#[test]
fn name_lookups_are_retried_and_not_needed_for_a_recorded_result() {
    let target = "{kind: dataflow, workspace: Data Admin, dataflow: Master Order List}";
    let unavailable = FaultRule::on(Operation::Groups, CannedReply::status(503)).times(2);
    let world = Subject::Dataflow.world().fault(unavailable);
    lab(world, target, async |lab: &Lab| {
        lab.completes().await;
        let calls = lab.services.requests().len();
        let again = lab.refresh().await;
        assert!(again.replayed, "{again:?}");
        assert_eq!(lab.services.requests().len(), calls, "a request was sent");
    });
}

#[test]
fn without_verification_the_content_is_read_only_for_a_guard() {
    let blind = RefreshOptions {
        follow: FollowMode::NotAtAll,
        ..options()
    };
    let flow = Subject::Flow.keys();
    let verify = "verify: {kind: dataflow, workspace: Data Admin, dataflow: Master Order List}";
    for (more, asks) in [("", false), ("quota: {limit: 8}", true)] {
        let target = format!("{{{flow}, {verify}, {more}}}");
        lab(Subject::Flow.world(), &target, async |lab: &Lab| {
            let result = lab.invocation().refresh(blind).await;
            assert_eq!(result.status, Status::Accepted, "{result:?}");
            let requests = lab.services.requests().into_iter();
            let others = requests.filter(|request| request.on != Some(Operation::Trigger));
            assert_eq!(others.count() > 0, asks, "{more}");
            assert_eq!(result.quota.limit > 0, asks, "{more}");
        });
    }
}

#[test]
fn a_sign_in_trigger_gets_the_exact_audience_of_its_cloud() {
    for (name, cloud) in [
        ("public", Cloud::Public),
        ("gcc", Cloud::Gcc),
        ("gcc-high", Cloud::GccHigh),
        ("dod", Cloud::Dod),
        ("china", Cloud::China),
    ] {
        let mut world = Subject::OauthFlow.world();
        let policy = world.flows[0].oauth.take();
        world.flows[0].oauth = policy.map(|policy| policy.cloud(cloud));
        let flow = Subject::Flow.keys();
        let target = |name: &str| format!("{{{flow}, credentials: default}}\ncloud: {name}");
        lab(world.clone(), &target(name), async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_eq!(result.status, Status::Accepted, "{name}: {result:?}");
            assert_eq!(truth(lab).effective, 1, "{name}");
        });
        let other = if name == "dod" { "gcc" } else { "dod" };
        lab(world, &target(other), async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Unauthorized, "oauth_claims_mismatch");
        });
    }
}
