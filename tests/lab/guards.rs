//! The guards (quota, window, interval), and retries.

use host_runner::run::{self, RefreshOptions};
use host_runner::verdict::Status;
use simulator::faults::{CannedReply, FaultRule, Operation};
use simulator::world::{Item, RefreshType, World};

use super::lab::{Lab, asked, ms};
use super::subjects::{ITEM, Subject, WORKSPACE, truth};

fn forced() -> RefreshOptions {
    RefreshOptions {
        force: true,
        ..asked()
    }
}

/// The usual dataflow with so many runs in the last hours, every other one by the schedule.
fn used(runs: u64) -> World {
    let mut world = Subject::Dataflow.world();
    let mut dataflow = Item::dataflow(WORKSPACE, ITEM, "Master Order List")
        .daily_limit(None)
        .run_ms(60_000);
    for run in 0..runs {
        let kind = match run % 2 {
            0 => RefreshType::Scheduled,
            _ => RefreshType::OnDemand,
        };
        dataflow = dataflow.past_run(3_600 * (run + 1), 60, kind, "Success");
    }
    world.items = vec![dataflow];
    world
}

fn with(keys: &str) -> String {
    let target = Subject::Dataflow.target();
    let body = target.strip_suffix('}').expect("a mapping");
    format!("{body}, {keys}}}")
}

fn lab<T>(world: World, keys: &str, scenario: impl AsyncFnOnce(&Lab) -> T) -> T {
    Subject::Dataflow.lab_with(world, "", &with(keys), scenario)
}

#[test]
fn an_exhausted_quota_is_skipped_with_the_next_slot() {
    lab(used(8), "quota: {limit: 8}", async |lab: &Lab| {
        let result = lab.invocation().refresh(asked()).await;
        assert_eq!(
            (result.status, result.code.as_str()),
            (Status::Skipped, "quota_exhausted"),
            "{result:?}"
        );
        // The oldest of the eight began eight hours before, so its slot opens sixteen hours later.
        assert_eq!(result.retry_at, "2026-11-24T00:00:00Z");
        let quota = &result.quota;
        assert_eq!((quota.limit, quota.counted, quota.left), (8, 8, 0));
        assert_eq!(quota.next_slot, result.retry_at);
        assert_eq!(lab.triggers(), 0);
        lab.time.pass(ms(16 * 3_600_000 + 1_000));
        let later = lab.invocation().refresh(asked()).await;
        assert_eq!(later.status, Status::Completed, "{later:?}");
        assert_eq!((later.quota.counted, later.quota.left), (7, 1));
    });
}

#[test]
fn the_counted_refresh_types_are_configurable() {
    for (count, left) in [
        ("[on_demand]", 4),
        ("[scheduled]", 4),
        ("[on_demand, scheduled]", 0),
    ] {
        let keys = format!("quota: {{limit: 8, count: {count}, mode: warn}}");
        lab(used(8), &keys, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Completed, "{result:?}");
            assert_eq!(result.quota.left, left, "{count}");
        });
    }
}

#[test]
fn force_overrides_the_quota_but_not_a_running_refresh() {
    lab(used(8), "quota: {limit: 8}", async |lab: &Lab| {
        lab.services
            .begin_run(ITEM, RefreshType::Scheduled)
            .expect("a run");
        lab.time.pass(ms(100));
        let invocation = lab.invocation();
        let result = invocation.refresh(forced()).await;
        assert_eq!(result.status, Status::Completed, "{result:?}");
        let view = invocation.newest_run().expect("a run");
        let intent = view.intent.expect("an intent");
        assert_eq!(intent.overridden, ["quota"]);
        assert!(!view.actor.host.is_empty() || !view.actor.user.is_empty());
        assert!(
            intent.looked_at.expect("a look").as_str() > "2026-11-23T08:00:00Z",
            "it waited for the run that was going on"
        );
    });
}

#[test]
fn an_unreadable_quota_is_sent_or_skipped_as_configured() {
    let mut world = used(0);
    for dataflow in &mut world.items {
        *dataflow = dataflow.clone().unreadable_to_apps();
    }
    for (what, status, code) in [
        ("send", Status::Accepted, "history_unreadable"),
        ("skip", Status::Skipped, "quota_unreadable"),
    ] {
        let keys = format!("when_unreadable: accept, quota: {{limit: 8, when_unreadable: {what}}}");
        lab(world.clone(), &keys, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(
                (result.status, result.code.as_str()),
                (status, code),
                "{result:?}"
            );
            assert_eq!(lab.triggers(), usize::from(what == "send"));
        });
    }
}

#[test]
fn the_services_daily_limit_is_failed_with_the_same_next_slot() {
    let mut world = used(8);
    for dataflow in &mut world.items {
        *dataflow = dataflow.clone().daily_limit(Some(8));
    }
    for keys in ["quota: {limit: 8, mode: warn}", "deadline: 45m"] {
        lab(world.clone(), keys, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(
                (result.status, result.code.as_str()),
                (Status::Failed, "dataflow_daily_limit"),
                "{result:?}"
            );
            assert_eq!(result.retry_at, "2026-11-24T00:00:00Z", "{keys}");
        });
    }
}

#[test]
fn outside_its_window_a_refresh_is_skipped_with_the_next_opening() {
    // It is 09:00 in Copenhagen.
    let keys = "window: \"20:00-06:00 Europe/Copenhagen\"";
    lab(used(0), keys, async |lab: &Lab| {
        let result = lab.invocation().refresh(asked()).await;
        assert_eq!(
            (
                result.status,
                result.code.as_str(),
                result.retry_at.as_str()
            ),
            (Status::Skipped, "outside_window", "2026-11-23T19:00:00Z"),
            "{result:?}"
        );
        assert!(lab.services.requests().is_empty(), "nobody was asked");
        let invocation = lab.invocation();
        let forced = invocation.refresh(forced()).await;
        assert_eq!(forced.status, Status::Completed, "{forced:?}");
        let intent = invocation.newest_run().and_then(|view| view.intent);
        assert_eq!(intent.expect("an intent").overridden, ["window"]);
    });
    lab(
        used(0),
        "window: \"06:00-20:00 Europe/Copenhagen\"",
        async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Completed, "{result:?}");
        },
    );
}

#[test]
fn a_refresh_within_the_minimum_interval_is_skipped() {
    lab(used(0), "min_interval: 2h", async |lab: &Lab| {
        let first = lab.invocation().refresh(asked()).await;
        assert_eq!(first.status, Status::Completed, "{first:?}");
        lab.time.pass(ms(3_600_000));
        let new = RefreshOptions {
            new: true,
            ..asked()
        };
        let soon = lab.invocation().refresh(new).await;
        assert_eq!(
            (soon.status, soon.code.as_str()),
            (Status::Skipped, "too_soon"),
            "{soon:?}"
        );
        lab.time.pass(ms(3_600_000));
        let due = lab.invocation().refresh(new).await;
        assert_eq!(due.status, Status::Completed, "{due:?}");
    });
}

#[test]
fn a_failed_refresh_is_retried_and_each_attempt_is_a_run() {
    let mut failing = used(0);
    for dataflow in &mut failing.items {
        *dataflow = dataflow.clone().ends("Failed");
    }
    lab(
        failing,
        "retry: {max_attempts: 3, delay: 5m}",
        async |lab: &Lab| {
            let invocation = lab.invocation();
            let result = invocation.refresh(asked()).await;
            assert_eq!(
                (result.status, result.attempt),
                (Status::Failed, 3),
                "{result:?}"
            );
            assert_eq!(truth(lab).effective, 3);
            let runs = invocation
                .audit
                .audit_log
                .list(&host_runner::audit_log::Filter {
                    target: None,
                    open: false,
                    limit: 10,
                })
                .expect("a list");
            assert_eq!(runs.len(), 3, "each attempt is a run of its own");
            assert!(runs.iter().all(|run| run.view.state_name() == "failed"));
        },
    );
}

#[test]
fn a_refresh_that_may_be_running_is_never_retried() {
    let lost = FaultRule::on(Operation::Refresh, CannedReply::status(504));
    let world = used(0).fault(lost);
    lab(
        world,
        "retry: {max_attempts: 3, delay: 1m}",
        async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Unknown, "{result:?}");
            assert_eq!(lab.triggers(), 1);
        },
    );
}

#[test]
fn a_dry_run_shows_the_guards() {
    for (runs, keys, would, code) in [
        (8, "quota: {limit: 8}", "skip", "quota_exhausted"),
        (7, "quota: {limit: 8}", "send", ""),
        (
            0,
            "window: \"20:00-06:00 Europe/Copenhagen\"",
            "skip",
            "outside_window",
        ),
    ] {
        lab(used(runs), keys, async |lab: &Lab| {
            let invocation = lab.invocation();
            let audit_log = &invocation.audit.audit_log;
            let plan =
                run::plan(&invocation.session, audit_log, invocation.target(), asked()).await;
            let plan = match plan {
                Ok(plan) => plan,
                other => panic!("{other:?}"),
            };
            assert_eq!((plan.would, plan.code.as_str()), (would, code), "{plan}");
            assert_eq!(lab.triggers(), 0);
        });
    }
}
