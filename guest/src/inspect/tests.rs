//! Questions, and cancelling a run.

use super::*;
use crate::contract::{
    CancelRequest, CancellationStatus, FindingLevel, FollowMode, QuotaGuard, QuotaMode,
    QuotaUnreadable, TargetKind, Verification, WhenUnreadable,
};
use crate::ports::Method;
use crate::ports::TransportKind;
use crate::testing::{
    DATAFLOW, WORKSPACE, World, answer, broken, call_context, dataflow, enhanced, error as refusal,
    flow, gen2, ok, request, standard, timed, verified,
};

fn ask(world: &World, question: Question) -> Result<Inspection, RefreshError> {
    let query = Query {
        call_context: call_context(),
        question,
    };
    let answer = inspect(world.ports(), &query);
    assert!(world.posts().is_empty() && world.events().is_empty());
    answer
}

fn findings(world: &World, target: Target) -> Vec<(String, FindingLevel, String)> {
    match ask(world, Question::Access(target)) {
        Ok(Inspection::Access(findings)) => findings
            .into_iter()
            .inspect(|finding| {
                assert_eq!(finding.error.is_some(), finding.level == FindingLevel::Bad);
            })
            .map(|finding| (finding.subject, finding.level, finding.message))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn level(findings: &[(String, FindingLevel, String)], subject: &str) -> Option<FindingLevel> {
    findings
        .iter()
        .find(|(known, ..)| known == subject)
        .map(|(_, level, _)| *level)
}

fn listed(rows: &str) -> crate::testing::Answer {
    Ok(ok(&format!(r#"{{"value":[{rows}]}}"#)))
}

fn row(name: &str, generation: u32) -> String {
    format!(r#"{{"objectId":"{DATAFLOW}","name":"{name}","generation":{generation}}}"#)
}

#[test]
fn a_plan_fails_with_the_error_of_its_history() {
    let mut blind = request(verified());
    blind.follow = FollowMode::NotAtAll;
    let world = World::new();
    assert!(ask(&world, Question::Plan(blind)).is_ok());
    assert!(world.gets().is_empty());
    let world = World::new().answers_every_get(refusal(503, ""));
    let error = ask(&world, Question::Plan(request(verified()))).unwrap_err();
    assert!(matches!(error, RefreshError::Unavailable(problem) if problem.http_calls == 1));
}

#[test]
fn a_check_warns_of_an_old_url_and_a_missing_verification() {
    let Target::PowerAutomate(mut old) = flow(Verification::None) else {
        panic!("no flow");
    };
    old.url = "https://prod-01.uksouth.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?api-version=2016-10-01".into();
    let found = findings(&World::new(), Target::PowerAutomate(old));
    assert_eq!(level(&found, "url"), Some(FindingLevel::Warning));
    assert!(found[0].2.contains("30 November 2025"));
    assert_eq!(level(&found, "verification"), Some(FindingLevel::Warning));
    let found = findings(&World::new(), flow(Verification::Response));
    assert_eq!(level(&found, "verification"), None);
}

#[test]
fn a_check_compares_similar_names() {
    let twin = r#"{"objectId":"55555555-5555-5555-5555-555555555555","name":"order_lists"}"#;
    let world = World::new().answers_get(listed(twin));
    let found = findings(&world, verified());
    assert_eq!(level(&found, "dataflow"), Some(FindingLevel::Bad));
    let message = &found
        .iter()
        .find(|(subject, ..)| subject == "dataflow")
        .unwrap()
        .2;
    assert!(message.contains("order_lists (55555555"), "{message}");

    let world = World::new().answers_get(listed(&row("order_lists", 1)));
    let found = findings(&world, verified());
    assert_eq!(level(&found, "dataflow"), Some(FindingLevel::Warning));
    let world = World::new().answers_get(listed(&row("order_lists", 1)));
    let found = findings(&world, Target::Dataflow(dataflow()));
    assert_eq!(level(&found, "dataflow"), Some(FindingLevel::Good));
    let world = World::new().answers_get(listed(&row("order_list", 2)));
    assert_eq!(
        level(&findings(&world, verified()), "dataflow"),
        Some(FindingLevel::Warning)
    );
}

#[test]
fn a_check_has_the_error_of_a_refresh() {
    let world = World::new()
        .answers_get(refusal(403, "PowerBINotAuthorizedException"))
        .answers_get(broken(TransportKind::Denied));
    let Ok(Inspection::Access(found)) = ask(&world, Question::Access(verified())) else {
        panic!("no findings");
    };
    let errors: Vec<_> = found
        .iter()
        .filter_map(|finding| finding.error.as_ref())
        .collect();
    assert!(matches!(errors[0], RefreshError::Unauthorized(_)));
    assert!(matches!(errors[1], RefreshError::Denied(_)));

    let mut wrong = dataflow();
    wrong.item.workspace = "Data Admin".into();
    let world = World::new().answers_get(listed(r#"{"id":"w","name":"Data Administration"}"#));
    let found = findings(&world, Target::Dataflow(wrong));
    assert_eq!(level(&found, "names"), Some(FindingLevel::Bad));
    assert!(found[0].2.contains("Data Administration"));
}

#[test]
fn a_check_warns_of_a_reached_limit() {
    let mut world = World::new();
    for number in 1..=8 {
        let id = format!("r{number}");
        world = world.with(timed(
            &id,
            "Scheduled",
            -number * 3_600_000,
            60_000,
            "Success",
        ));
    }
    let world = world.answers_get(listed(&row("order_list", 1)));
    assert_eq!(
        level(&findings(&world, verified()), "daily_limit"),
        Some(FindingLevel::Warning)
    );
}

#[test]
fn runs_are_listed_newest_first() {
    let world = World::new()
        .with(timed("old", "Scheduled", -90_000, 60_000, "Success"))
        .with(timed("new", "OnDemand", -30_000, 60_000, "Success"));
    let Ok(Inspection::Runs(runs)) = ask(&world, Question::Runs(verified())) else {
        panic!("no runs");
    };
    let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, ["new", "old"]);
    let none = ask(&World::new(), Question::Runs(flow(Verification::None)));
    assert!(matches!(none, Err(RefreshError::NotSupported(_))));
}

#[test]
fn workspaces_are_listed_page_by_page() {
    let page = |from: usize, to: usize| {
        let rows: Vec<String> = (from..to)
            .map(|number| format!(r#"{{"id":"w{number}","name":"n{number}"}}"#))
            .collect();
        listed(&rows.join(","))
    };
    let world = World::new()
        .answers_get(page(0, 1000))
        .answers_get(page(1000, 1010));
    let Ok(Inspection::Items(items)) = ask(&world, Question::Workspaces) else {
        panic!("no items");
    };
    assert_eq!((items.len(), items[1009].name.as_str()), (1010, "n1009"));
    assert!(world.gets()[1].url.ends_with("$top=1000&$skip=1000"));

    // Reading ends even if the service always returns the same page.
    let world = World::new().answers_every_get(page(0, 1000));
    assert!(ask(&world, Question::Workspaces).is_ok());
    assert_eq!(world.gets().len(), 2);
}

#[test]
fn dataflows_of_all_generations_and_models_are_listed_with_their_kind() {
    let fabric = format!(
        r#"{{"id":"{DATAFLOW}","displayName":"order_list"}},{{"id":"g2","displayName":"new"}}"#
    );
    let world = World::new()
        .answers_get(listed(&row("order_list", 1)))
        .answers_get(listed(&fabric));
    let items = match ask(&world, Question::Dataflows(WORKSPACE.into())) {
        Ok(Inspection::Items(items)) => items,
        other => panic!("{other:?}"),
    };
    let text: Vec<_> = items
        .iter()
        .map(|item| (item.id.as_str(), item.name.as_str(), item.kind))
        .collect();
    assert_eq!(
        text,
        [
            (DATAFLOW, "order_list", Some(TargetKind::Dataflow)),
            ("g2", "new", Some(TargetKind::DataflowGen2)),
        ]
    );

    let world = World::new()
        .answers_get(listed(&format!(
            r#"{{"id":"{WORKSPACE}","name":"Data Admin"}}"#
        )))
        .answers_get(listed(r#"{"id":"m","name":"Sales"}"#));
    let Ok(Inspection::Items(items)) = ask(&world, Question::Models("Data Admin".into())) else {
        panic!("no models");
    };
    assert_eq!(
        (items[0].id.as_str(), items[0].kind),
        ("m", Some(TargetKind::SemanticModel))
    );
    assert!(
        world.gets()[1]
            .url
            .ends_with(&format!("/groups/{WORKSPACE}/datasets"))
    );
}

// Every kind.

#[test]
fn a_plan_of_every_kind_shows_the_running_refresh_and_the_quota() {
    for target in [Target::Dataflow(dataflow()), gen2(), standard(), enhanced()] {
        let world = World::new()
            .with(timed("other", "OnDemand", -60_000, 600_000, "Success"))
            .with(timed("old", "Scheduled", -3_600_000, 60_000, "Success"));
        let mut wanted = request(target);
        wanted.quota = Some(quota(2));
        wanted.follow = FollowMode::NotAtAll;
        let Ok(Inspection::Plan(plan)) = ask(&world, Question::Plan(wanted)) else {
            panic!("no plan");
        };
        assert_eq!(plan.running.map(|run| run.id).as_deref(), Some("other"));
        assert_eq!(plan.newest.map(|run| run.id).as_deref(), Some("other"));
        let used = plan.quota.unwrap();
        assert_eq!((used.counted, used.left), (2, 0));
        assert_eq!(used.next_slot.as_deref(), Some("2026-11-24T07:00:00Z"));
        assert!(world.sent(Method::Delete).is_empty());
    }
}

fn quota(limit: u32) -> QuotaGuard {
    QuotaGuard {
        limit,
        count: vec!["on_demand".into(), "scheduled".into()],
        mode: QuotaMode::Block,
        when_unreadable: QuotaUnreadable::Send,
    }
}

#[test]
fn a_plan_needs_a_history_if_the_refresh_does() {
    use FollowMode::{NotAtAll, ToTheEnd};
    use QuotaUnreadable::{Send, Skip};
    for (accepted, follow, unreadable, status, planned) in [
        (WhenUnreadable::Accept, ToTheEnd, Send, 403, true),
        (WhenUnreadable::Accept, ToTheEnd, Skip, 403, false),
        (WhenUnreadable::Accept, ToTheEnd, Send, 503, false),
        (WhenUnreadable::Stop, ToTheEnd, Send, 403, false),
        (WhenUnreadable::Stop, NotAtAll, Send, 503, true),
        (WhenUnreadable::Stop, NotAtAll, Skip, 503, false),
    ] {
        let mut target = dataflow();
        target.item.when_unreadable = accepted;
        let mut planned_request = request(Target::Dataflow(target));
        planned_request.follow = follow;
        planned_request.quota = Some(QuotaGuard {
            when_unreadable: unreadable,
            ..quota(2)
        });
        let world = World::new().answers_every_get(refusal(status, ""));
        match ask(&world, Question::Plan(planned_request)) {
            // An unread history does not count as an empty one.
            Ok(Inspection::Plan(plan)) => assert!(planned && plan.quota.is_none()),
            other => assert!(!planned, "{other:?}"),
        }
    }
    let mut without_history = request(flow(Verification::None));
    without_history.quota = Some(quota(2));
    let error = ask(&World::new(), Question::Plan(without_history)).unwrap_err();
    assert_eq!(
        kind_and_code(error),
        ("invalid", "quota_without_history".into())
    );
}

#[test]
fn a_plan_reports_the_wrong_generation() {
    let world = World::new()
        .serves("/jobs/instances", refusal(404, "ItemNotFound"))
        .serves(
            "/v1/workspaces/33333333-3333-3333-3333-333333333333/dataflows",
            listed(""),
        )
        .serves(
            "/groups/33333333-3333-3333-3333-333333333333/dataflows",
            listed(&row("n", 1)),
        );
    for question in [Question::Plan(request(gen2())), Question::Runs(gen2())] {
        let error = ask(&world, question).unwrap_err();
        assert_eq!(kind_and_code(error), ("invalid", "wrong_generation".into()));
    }
    let found = findings(&world, gen2());
    assert_eq!(level(&found, "dataflow"), Some(FindingLevel::Bad));
    assert!(
        found
            .iter()
            .any(|(_, _, text)| text.contains("not a Fabric item"))
    );
}

#[test]
fn a_check_of_every_kind_is_good() {
    let item = format!(
        r#"{{"id":"{DATAFLOW}","objectId":"{DATAFLOW}","displayName":"n","name":"order_list"}}"#
    );
    for (target, subjects) in [
        (verified(), "url payload workspace dataflow transactions"),
        (
            Target::Dataflow(dataflow()),
            "workspace dataflow transactions",
        ),
        (gen2(), "workspace dataflow history"),
        (standard(), "workspace model history"),
    ] {
        let world = World::new()
            .serves("/dataflows", listed(&item))
            .serves("/datasets", listed(&item));
        let found = findings(&world, target);
        let names: Vec<&str> = found.iter().map(|(subject, ..)| subject.as_str()).collect();
        assert_eq!(names.join(" "), subjects);
        let is_good = |(_, level, _): &(_, FindingLevel, _)| *level == FindingLevel::Good;
        assert!(found.iter().all(is_good), "{found:?}");
    }
}

#[test]
fn a_check_only_warns_of_an_accepted_unreadable_history() {
    let mut accepting = dataflow();
    accepting.item.when_unreadable = WhenUnreadable::Accept;
    for (target, expected) in [
        (accepting, FindingLevel::Warning),
        (dataflow(), FindingLevel::Bad),
    ] {
        let world = World::new()
            .serves("/dataflows", listed(&row("n", 1)))
            .serves("/transactions", refusal(403, ""));
        let found = findings(&world, Target::Dataflow(target));
        assert_eq!(level(&found, "transactions"), Some(expected));
    }
}

#[test]
fn a_target_is_resolved_to_ids() {
    let mut named = dataflow();
    named.item.item = "n".into();
    let world = World::new().serves("/dataflows", listed(&row("n", 1)));
    let Ok(Inspection::Resolved(resolved)) =
        ask(&world, Question::Resolve(Target::Dataflow(named)))
    else {
        panic!("not resolved");
    };
    assert_eq!(resolved, Target::Dataflow(dataflow()));
    // With ids no call is made.
    let world = World::new();
    assert!(ask(&world, Question::Resolve(gen2())).is_ok());
    assert!(world.call_times().is_empty());
}

#[test]
fn a_run_of_every_kind_is_cancelled_and_an_ended_one_is_not_an_error() {
    use CancellationStatus::{AlreadyConcluded, NotFound, Requested};
    let status = |status: &str| {
        Ok(ok(&format!(
            r#"{{"transactionId":"x","status":"{status}"}}"#
        )))
    };
    for (target, answer, expected) in [
        (verified(), status("SuccessfullyMarked"), Requested),
        (verified(), status("successfullyMarked"), Requested),
        (verified(), status("alreadyConcluded"), AlreadyConcluded),
        (verified(), status("NotFound"), NotFound),
        (gen2(), Ok(answer(202, "")), Requested),
        (
            gen2(),
            refusal(400, "JobAlreadyCompleted"),
            AlreadyConcluded,
        ),
        (
            gen2(),
            refusal(409, "JobAlreadyCompleted"),
            AlreadyConcluded,
        ),
        (gen2(), refusal(404, "EntityNotFound"), NotFound),
        (enhanced(), Ok(ok("")), Requested),
        (enhanced(), refusal(404, ""), NotFound),
    ] {
        let world = World::new()
            .answers_post(answer)
            .answers_get(refusal(404, "EntityNotFound"));
        assert_eq!(cancel(&world, target).unwrap(), expected);
    }
}

#[test]
fn a_rejected_cancellation_is_an_error() {
    let plain = || Target::Dataflow(dataflow());
    for (target, answer, kind, code) in [
        (
            plain(),
            Ok(ok(r#"{"status":"invalid"}"#)),
            "invalid",
            "cancel_rejected",
        ),
        (
            plain(),
            broken(TransportKind::Denied),
            "denied",
            "request_denied",
        ),
        (
            standard(),
            refusal(400, "InvalidRequest"),
            "invalid",
            "cannot_be_cancelled",
        ),
    ] {
        let world = World::new().answers_post(answer);
        let error = cancel(&world, target).unwrap_err();
        assert_eq!(kind_and_code(error), (kind, code.to_owned()));
        assert_eq!(world.posts().len() + world.sent_deletes(), 1);
    }
    let flow = cancel(&World::new(), flow(Verification::Response));
    assert!(matches!(flow, Err(RefreshError::NotSupported(_))));
}

fn cancel(world: &World, target: Target) -> Result<CancellationStatus, RefreshError> {
    let request = CancelRequest {
        run_id: "run-1".into(),
        name: "order_list".into(),
        target,
        call_context: call_context(),
        service_run: "2026-11-23T08:00:00Z@x$1".into(),
    };
    let cancelled = crate::cancel_refresh(world.ports(), &request);
    assert!(world.events().is_empty());
    cancelled.map(|cancelled| cancelled.status)
}

fn kind_and_code(error: RefreshError) -> (&'static str, String) {
    let (kind, problem) = crate::machine::problem(error);
    (kind, problem.code)
}
