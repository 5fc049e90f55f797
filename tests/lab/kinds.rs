//! Behaviour of single kinds: limits of the services, their own retries, and names instead of ids.

use host_runner::run;
use host_runner::verdict::{Matched, Sent, Status};
use simulator::world::{Failure, Item, RefreshType};
use uuid::uuid;

use super::lab::{Lab, asked, ms};
use super::subjects::{ITEM, Subject, TAKES_MS, WORKSPACE, truth};

fn gen2() -> Item {
    Item::dataflow_gen2(WORKSPACE, ITEM, "Master Order List").run_ms(TAKES_MS)
}

fn with_gen2(dataflow: Item) -> simulator::world::World {
    let mut world = Subject::Gen2.world();
    world.items = vec![dataflow];
    world
}

fn with_model(model: Item) -> simulator::world::World {
    let mut world = Subject::Model.world();
    world.items = vec![model];
    world
}

fn model() -> Item {
    Item::semantic_model(WORKSPACE, ITEM, "Sales").run_ms(TAKES_MS)
}

#[test]
fn every_kind_with_a_history_completes() {
    for (subject, matched) in [
        (Subject::FlowDataflow, Matched::Inferred),
        (Subject::OAuthFlow, Matched::Inferred),
        (Subject::FlowModel, Matched::Inferred),
        (Subject::Dataflow, Matched::Inferred),
        (Subject::Gen2, Matched::Exact),
        (Subject::Model, Matched::Exact),
        (Subject::Enhanced, Matched::Exact),
    ] {
        subject.lab(subject.world(), async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Completed, "{subject:?}: {result:?}");
            assert_eq!(result.matched, matched, "{subject:?}");
            assert!(result.own_run && result.sent == Sent::Yes, "{subject:?}");
            assert!(
                truth(lab)
                    .completed
                    .contains(&result.service_run.to_lowercase()),
                "{subject:?}: {result:?}"
            );
            assert!(lab.services.violations().is_empty(), "{subject:?}");
        });
    }
}

#[test]
fn a_failed_refresh_has_the_services_error() {
    let failing: [(Subject, simulator::world::World, &str, &str); 3] = [
        (
            Subject::Gen2,
            with_gen2(gen2().failing(Failure::new("MashupException.Error", "no such column"))),
            "refresh_failed",
            "MashupException.Error",
        ),
        (
            Subject::Model,
            with_model(model().failing("ModelRefreshFailed_CredentialsNotSpecified")),
            "model_credentials_missing",
            "ModelRefreshFailed_CredentialsNotSpecified",
        ),
        (
            Subject::Enhanced,
            with_model(model().failing("ModelRefresh_ShortMessage_ProcessingError")),
            "refresh_failed",
            "ModelRefresh_ShortMessage_ProcessingError",
        ),
    ];
    for (subject, world, code, said) in failing {
        subject.lab(world, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Failed, "{subject:?}: {result:?}");
            assert_eq!(
                (result.code.as_str(), result.service_error.code.as_str()),
                (code, said),
                "{subject:?}"
            );
        });
    }
}

#[test]
fn a_refresh_that_the_service_does_not_allow_is_failed_with_a_hint() {
    for (dataflow, code, way_out) in [
        (
            Item {
                apps_may_refresh: false,
                ..gen2()
            },
            "spn_refresh_not_allowed",
            "Power Automate flow",
        ),
        (
            Item {
                published: false,
                ..gen2()
            },
            "dataflow_never_published",
            "apply_changes: if_needed",
        ),
    ] {
        Subject::Gen2.lab(with_gen2(dataflow), async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(
                (result.status, result.code.as_str()),
                (Status::Failed, code),
                "{result:?}"
            );
            assert!(
                result.hint.contains(way_out) && !result.retryable,
                "{result:?}"
            );
        });
    }
}

#[test]
fn a_run_that_the_service_dropped_is_skipped() {
    // The history does not list running refreshes, so the check before the trigger finds none.
    let world = with_gen2(gen2());
    Subject::Gen2.lab(world, async |lab: &Lab| {
        lab.services
            .begin_run(ITEM, RefreshType::Scheduled)
            .expect("a run");
        let result = lab.invocation().refresh(asked()).await;
        assert_eq!(
            (
                result.status,
                result.code.as_str(),
                result.sent,
                result.own_run
            ),
            (Status::Skipped, "deduplicated", Sent::Yes, false),
            "{result:?}"
        );
        assert_eq!(truth(lab).effective, 0);
    });
}

#[test]
fn a_running_gen2_refresh_is_waited_for() {
    Subject::Gen2.lab(
        with_gen2(Item {
            lists_running: true,
            ..gen2()
        }),
        async |lab: &Lab| {
            lab.services
                .begin_run(ITEM, RefreshType::Scheduled)
                .expect("a run");
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Completed, "{result:?}");
            assert!(
                lab.time.present().to_string().as_str() > "2026-11-23T08:19",
                "it waited"
            );
            assert!(lab.services.violations().is_empty());
        },
    );
}

#[test]
fn a_busy_model_is_triggered_once_it_is_free() {
    Subject::Model.lab(
        with_model(model().appear_after_ms(120_000)),
        async |lab: &Lab| {
            // A refresh is running, but the history does not list it yet.
            lab.services
                .begin_run(ITEM, RefreshType::OnDemand)
                .expect("a run");
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Completed, "{result:?}");
            assert_eq!(truth(lab).effective, 1);
        },
    );
}

#[test]
fn an_id_that_appears_late_is_found_and_a_dropped_request_is_unknown() {
    for (model, status, code) in [
        (model().appear_after_ms(200_000), Status::Completed, ""),
        (
            model().never_starting(),
            Status::Unknown,
            "refresh_not_started",
        ),
    ] {
        for subject in [Subject::Model, Subject::Enhanced] {
            subject.lab(with_model(model.clone()), async |lab: &Lab| {
                let result = lab.invocation().refresh(asked()).await;
                assert_eq!(
                    (result.status, result.code.as_str()),
                    (status, code),
                    "{subject:?}: {result:?}"
                );
            });
        }
    }
}

#[test]
fn an_unknown_state_is_followed_and_never_a_success() {
    let world = with_gen2(gen2().ends("PartiallySucceeded"));
    Subject::Gen2.lab(world, async |lab: &Lab| {
        let result = lab.invocation().refresh(asked()).await;
        assert_eq!(
            (result.status, result.code.as_str()),
            (Status::Unknown, "still_running"),
            "{result:?}"
        );
    });
}

#[test]
fn a_dataflow_of_the_other_generation_is_detected_before_the_trigger() {
    let gen1 = || {
        let mut world = Subject::Gen2.world();
        world.items.clear();
        world.item(Item::dataflow(WORKSPACE, ITEM, "Master Order List"))
    };
    let mut only_gen2 = Subject::Dataflow.world();
    only_gen2.items.clear();
    let only_gen2 = only_gen2.item(gen2());
    for (subject, world, kind) in [
        (Subject::Dataflow, only_gen2, "kind: dataflow-gen2"),
        (Subject::Gen2, gen1(), "kind: dataflow`"),
    ] {
        subject.lab(world, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(
                (result.status, result.code.as_str()),
                (Status::Invalid, "wrong_generation"),
                "{subject:?}: {result:?}"
            );
            assert!(result.hint.contains(kind), "{}", result.hint);
            assert_eq!(lab.triggers(), 0);
        });
    }
}

#[test]
fn names_can_replace_ids_and_match_exactly() {
    for (subject, key, name) in [
        (Subject::Dataflow, "dataflow", "Master Order List"),
        (Subject::Gen2, "dataflow", "Master Order List"),
        (Subject::Model, "model", "Sales"),
    ] {
        let kind = subject.target();
        let kind = kind
            .split(',')
            .next()
            .expect("a kind")
            .trim_start_matches('{');
        let target = format!("{{{kind}, workspace: Data Admin, {key}: {name}}}");
        subject.lab_with(subject.world(), "", &target, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Completed, "{subject:?}: {result:?}");
        });
        for wrong in ["master order list", "Master Order Lists", "sales"] {
            let target = format!("{{{kind}, workspace: Data Admin, {key}: {wrong}}}");
            subject.lab_with(subject.world(), "", &target, async |lab: &Lab| {
                let result = lab.invocation().refresh(asked()).await;
                assert_eq!(
                    (result.status, result.code.as_str()),
                    (Status::Invalid, "name_not_found"),
                    "{subject:?} {wrong}: {result:?}"
                );
                assert!(result.message.contains(name), "{}", result.message);
                assert_eq!(lab.triggers(), 0);
            });
        }
    }
}

#[test]
fn an_ambiguous_name_is_refused_with_both_ids() {
    let twin = uuid!("55555555-5555-5555-5555-555555555555");
    let world =
        Subject::Gen2
            .world()
            .item(Item::dataflow_gen2(WORKSPACE, twin, "Master Order List"));
    let target = "{kind: dataflow-gen2, workspace: Data Admin, dataflow: Master Order List}";
    Subject::Gen2.lab_with(world, "", target, async |lab: &Lab| {
        let result = lab.invocation().refresh(asked()).await;
        assert_eq!(
            (result.status, result.code.as_str()),
            (Status::Invalid, "name_ambiguous"),
            "{result:?}"
        );
        for id in [ITEM, twin] {
            assert!(
                result.message.contains(&id.to_string()),
                "{}",
                result.message
            );
        }
    });
}

#[test]
fn an_unreadable_history_is_refused_unless_accepted() {
    for (subject, world, key) in [
        (
            Subject::Dataflow,
            {
                let mut world = Subject::Dataflow.world();
                for dataflow in &mut world.items {
                    *dataflow = dataflow.clone().unreadable_to_apps();
                }
                world
            },
            "dataflow",
        ),
        (Subject::Gen2, with_gen2(gen2().unreadable()), "dataflow"),
        (Subject::Model, with_model(model().unreadable()), "model"),
    ] {
        subject.lab(world.clone(), async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(
                result.status,
                Status::Unauthorized,
                "{subject:?}: {result:?}"
            );
            assert_eq!(lab.triggers(), 0, "{subject:?}");
        });
        let target = subject.target().replace(
            &format!("{key}: {ITEM}"),
            &format!("{key}: {ITEM}, when_unreadable: accept"),
        );
        subject.lab_with(world, "", &target, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(
                (result.status, result.code.as_str()),
                (Status::Accepted, "history_unreadable"),
                "{subject:?}: {result:?}"
            );
            assert_eq!(truth(lab).effective, 1, "{subject:?}");
        });
    }
}

#[test]
fn a_scheduled_run_in_the_same_minute_is_never_matched() {
    for subject in [Subject::FlowDataflow, Subject::Dataflow, Subject::FlowModel] {
        let mut world = subject.world();
        for dataflow in &mut world.items {
            *dataflow = dataflow
                .clone()
                .also_starts(10, RefreshType::Scheduled)
                .appear_after_ms(5_000);
        }
        subject.lab(world, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Completed, "{subject:?}: {result:?}");
            assert!(
                truth(lab)
                    .completed
                    .contains(&result.service_run.to_lowercase())
            );
        });
    }
}

#[test]
fn a_dry_run_of_each_kind_shows_its_request_and_only_posts_for_tokens() {
    for subject in Subject::ALL {
        subject.lab(subject.world(), async |lab: &Lab| {
            let invocation = lab.invocation();
            let plan = run::plan(
                &invocation.session,
                &invocation.audit.audit_log,
                invocation.target(),
                asked(),
            )
            .await;
            let plan = match plan {
                Ok(plan) => plan,
                other => panic!("{subject:?}: {other:?}"),
            };
            assert_eq!(plan.would, "send", "{subject:?}: {plan}");
            assert_eq!(plan.request.method, "POST", "{subject:?}");
            let text = format!("{plan:?}");
            assert!(!text.contains("INVENTED"), "{subject:?}: {text}");
            assert_eq!(lab.triggers(), 0, "{subject:?}");
            for request in lab.services.requests() {
                assert!(
                    request.method == "GET"
                        || request.on == Some(simulator::faults::Operation::Token),
                    "{subject:?}: {request:?}"
                );
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
        subject.lab(subject.world(), async |lab: &Lab| {
            let invocation = lab.invocation();
            let detached = run::RefreshOptions {
                follow: run::FollowMode::UntilStarted,
                ..asked()
            };
            let begun = invocation.refresh(detached).await;
            assert_eq!(begun.status, Status::Accepted, "{subject:?}: {begun:?}");
            for expected in ["requested", "already_concluded"] {
                let again = lab.cancelling();
                let view = again.newest_run().expect("a run");
                let end = run::cancel(&again.session, &again.audit, again.target(), view).await;
                match end {
                    Ok(end) => assert_eq!(end.status.name(), expected, "{subject:?}: {end:?}"),
                    Err(error) => panic!("{subject:?}: {error:?}"),
                }
                lab.time.pass(ms(60_000));
            }
            let end = lab.invocation().follow().await;
            assert_eq!(end.status, Status::Cancelled, "{subject:?}: {end:?}");
            assert!(lab.services.violations().is_empty(), "{subject:?}");
        });
    }
}

#[test]
fn name_lookups_are_retried_and_not_needed_for_a_recorded_result() {
    let target = "{kind: dataflow, workspace: Data Admin, dataflow: Master Order List}";
    let unavailable = || simulator::faults::CannedReply::status(503);
    let world = Subject::Dataflow.world().fault(
        simulator::faults::FaultRule::on(simulator::faults::Operation::Groups, unavailable())
            .times(2),
    );
    Subject::Dataflow.lab_with(world, "", target, async |lab: &Lab| {
        let first = lab.invocation().refresh(asked()).await;
        assert_eq!(first.status, Status::Completed, "{first:?}");
        let calls = lab.services.requests().len();
        let again = lab.invocation().refresh(asked()).await;
        assert!(again.replayed, "{again:?}");
        assert_eq!(lab.services.requests().len(), calls, "no request");
    });
}

#[test]
fn without_verification_the_content_is_read_only_for_a_guard() {
    use host_runner::run::FollowMode;
    let blind = run::RefreshOptions {
        follow: FollowMode::NotAtAll,
        ..asked()
    };
    let flow = "kind: power-automate, url: \"${env:FLOW_URL}\"";
    let verify = "verify: {kind: dataflow, workspace: Data Admin, dataflow: Master Order List}";
    for (more, asks) in [("", false), (", quota: {limit: 8}", true)] {
        let target = format!("{{{flow}, {verify}{more}}}");
        let world = Subject::FlowDataflow.world();
        Subject::FlowDataflow.lab_with(world, "", &target, async |lab: &Lab| {
            let result = lab.invocation().refresh(blind).await;
            assert_eq!(result.status, Status::Accepted, "{result:?}");
            let others = lab
                .services
                .requests()
                .iter()
                .filter(|request| request.on != Some(simulator::faults::Operation::Trigger))
                .count();
            assert_eq!(others > 0, asks, "{more}");
            assert_eq!(result.quota.limit > 0, asks, "{more}");
        });
    }
}

#[test]
fn a_sign_in_trigger_gets_the_exact_audience_of_its_cloud() {
    use simulator::world::Cloud;
    for (name, cloud) in [
        ("public", Cloud::Public),
        ("gcc", Cloud::Gcc),
        ("gcc-high", Cloud::GccHigh),
        ("dod", Cloud::Dod),
        ("china", Cloud::China),
    ] {
        let mut world = Subject::OAuthFlow.world();
        for flow in &mut world.flows {
            flow.oauth = flow.oauth.clone().map(|policy| policy.cloud(cloud));
        }
        let flow = "kind: power-automate, url: \"${env:FLOW_URL}\", credentials: default";
        let target = format!("{{{flow}}}\ncloud: {name}");
        Subject::OAuthFlow.lab_with(world.clone(), "", &target, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Accepted, "{name}: {result:?}");
            assert_eq!(truth(lab).effective, 1, "{name}");
        });
        let other = if name == "dod" { "gcc" } else { "dod" };
        let target = format!("{{{flow}}}\ncloud: {other}");
        Subject::OAuthFlow.lab_with(world, "", &target, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(
                (result.status, result.code.as_str()),
                (Status::Unauthorized, "oauth_claims_mismatch"),
                "{name}: {result:?}"
            );
        });
    }
}
