//! The guards (quota, window, interval), and retries.

use host_runner::audit_log::Filter;
use host_runner::run::RefreshOptions;
use host_runner::verdict::{Sent, Status};
use simulator::faults::{CannedReply, FaultRule, Operation};
use simulator::world::{Item, RefreshType, World};

use super::lab::{Lab, assert_ends, ms, options};
use super::subjects::{Subject, truth};

const HOUR: u64 = 3_600_000;

fn forced() -> RefreshOptions {
    RefreshOptions {
        force: true,
        ..options()
    }
}

/// The usual dataflow with so many runs in the last hours, every other one by the schedule.
fn used(runs: u64) -> World {
    let dataflow = |item: Item| item.daily_limit(None).run_ms(60_000);
    Subject::Dataflow.with(|item| {
        (0..runs).fold(dataflow(item), |item, run| {
            let kind = match run % 2 {
                0 => RefreshType::Scheduled,
                _ => RefreshType::OnDemand,
            };
            item.past_run(3_600 * (run + 1), 60, kind, "Success")
        })
    })
}

fn lab<T>(world: World, keys: &str, scenario: impl AsyncFnOnce(&Lab) -> T) -> T {
    Subject::Dataflow.lab(world, keys, scenario)
}

#[test]
fn an_exhausted_quota_is_skipped_with_the_next_slot() {
    lab(used(8), "quota: {limit: 8}", async |lab: &Lab| {
        let result = lab.refresh().await;
        assert_ends(&result, Status::Skipped, "quota_exhausted");
        // The oldest of the eight began eight hours before, so its slot opens sixteen hours later.
        assert_eq!(result.retry_at, "2026-11-24T00:00:00Z");
        let quota = &result.quota;
        assert_eq!((quota.limit, quota.counted, quota.left), (8, 8, 0));
        assert_eq!(quota.next_slot, result.retry_at);
        assert_eq!(lab.triggers(), 0);
        lab.time.pass(ms(16 * HOUR + 1_000));
        let later = lab.completes().await;
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
            assert_eq!(lab.completes().await.quota.left, left, "{count}");
        });
    }
}

#[test]
fn force_overrides_the_quota_but_not_a_running_refresh() {
    lab(used(8), "quota: {limit: 8}", async |lab: &Lab| {
        lab.begin_scheduled_run();
        lab.time.pass(ms(100));
        let invocation = lab.invocation();
        let result = invocation.refresh(forced()).await;
        assert_ends(&result, Status::Completed, "");
        let view = invocation.newest_run().expect("a run");
        let intent = view.intent.expect("an intent");
        assert_eq!(intent.overridden, ["quota"]);
        assert!(!view.actor.host.is_empty() || !view.actor.user.is_empty());
        let looked_at = intent.looked_at.expect("a look");
        assert!(
            looked_at.as_str() > "2026-11-23T08:00:00Z",
            "it did not wait for the run that was in progress"
        );
    });
}

#[test]
fn no_message_of_a_forced_refresh_claims_that_nothing_was_sent() {
    let used_up = "quota: {limit: 8}";
    let unreadable = "when_unreadable: accept, quota: {limit: 8, when_unreadable: skip}";
    let unreadable_to_apps = Subject::Dataflow.with(Item::unreadable_to_apps);
    for (world, keys, says) in [
        (
            used(0),
            "window: \"20:00-06:00 Europe/Copenhagen\"",
            "--force overrides window: ",
        ),
        (
            used(0),
            "min_interval: 2h",
            "--force overrides min_interval: ",
        ),
        (used(8), used_up, "Triggering anyway."),
        (unreadable_to_apps, unreadable, "Triggering anyway."),
    ] {
        lab(world, keys, async |lab: &Lab| {
            let again = RefreshOptions {
                new: true,
                ..forced()
            };
            for _ in 0..2 {
                let result = lab.invocation().refresh(again).await;
                assert_eq!(result.sent, Sent::Yes, "{result:?}");
                assert!(!result.message.contains("nothing was sent"), "{result:?}");
            }
            let log = lab.log.lines().join("\n");
            assert!(log.contains(says), "{keys}: {log}");
            assert!(!log.contains("nothing was"), "{keys}: {log}");
        });
    }
}

#[test]
fn a_wait_for_another_refresh_is_logged_with_its_usual_duration_and_each_minute() {
    let mut world = used(3);
    world.items[0].run_ms = 10 * 60_000;
    lab(world, "if_running: wait", async |lab: &Lab| {
        lab.begin_scheduled_run();
        lab.time.pass(ms(100));
        lab.completes().await;
        let waiting = "already being refreshed: Scheduled ";
        let usual = ", started 2026-11-23T08:00:00Z; a refresh usually takes 1 min.";
        let lines = lab.log.lines();
        let of_wait = lines.iter().filter(|line| line.contains(waiting));
        let (beats, changes): (Vec<&String>, Vec<_>) =
            of_wait.partition(|line| line.contains(". (for "));
        assert_eq!(changes.len(), 1, "{lines:#?}");
        assert!(changes[0].ends_with(usual), "{changes:?}");
        // The other run takes ten minutes.
        let minutes: Vec<String> = (1..=10)
            .map(|minute| format!("info: 2026-11-23T08:{minute:02}:"))
            .collect();
        assert_eq!(beats.len(), minutes.len(), "{lines:#?}");
        for (beat, minute) in beats.iter().zip(minutes) {
            assert!(beat.starts_with(&minute), "{beat} at {minute}");
        }
        // Then our own is followed in the same way.
        let followed = lines
            .iter()
            .filter(|line| line.contains("state of the run"));
        assert!(followed.count() >= 10, "{lines:#?}");
    });
}

#[test]
fn an_unreadable_quota_is_sent_or_skipped_as_configured() {
    for (what, status, code) in [
        ("send", Status::Accepted, "history_unreadable"),
        ("skip", Status::Skipped, "quota_unreadable"),
    ] {
        let keys = format!("when_unreadable: accept, quota: {{limit: 8, when_unreadable: {what}}}");
        let world = Subject::Dataflow.with(Item::unreadable_to_apps);
        lab(world, &keys, async |lab: &Lab| {
            assert_ends(&lab.refresh().await, status, code);
            assert_eq!(lab.triggers(), usize::from(what == "send"));
        });
    }
}

#[test]
fn the_services_daily_limit_is_failed_with_the_same_next_slot() {
    for keys in ["quota: {limit: 8, mode: warn}", "deadline: 45m"] {
        let mut world = used(8);
        world.items[0].daily_limit = Some(8);
        lab(world, keys, async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Failed, "dataflow_daily_limit");
            assert_eq!(result.retry_at, "2026-11-24T00:00:00Z", "{keys}");
        });
    }
}

#[test]
fn outside_its_window_a_refresh_is_skipped_with_the_next_opening() {
    // It is 09:00 in Copenhagen.
    let keys = "window: \"20:00-06:00 Europe/Copenhagen\"";
    lab(used(0), keys, async |lab: &Lab| {
        let result = lab.refresh().await;
        assert_ends(&result, Status::Skipped, "outside_window");
        assert_eq!(result.retry_at, "2026-11-23T19:00:00Z");
        let local = "it opens at 2026-11-23 20:00 Europe/Copenhagen; nothing was sent";
        assert!(result.message.ends_with(local), "{}", result.message);
        assert!(lab.services.requests().is_empty(), "a request was sent");
        let invocation = lab.invocation();
        let forced = invocation.refresh(forced()).await;
        assert_ends(&forced, Status::Completed, "");
        let intent = invocation.newest_run().and_then(|view| view.intent);
        assert_eq!(intent.expect("an intent").overridden, ["window"]);
    });
    let keys = "window: \"06:00-20:00 Europe/Copenhagen\"";
    lab(used(0), keys, async |lab: &Lab| {
        lab.completes().await;
    });
}

#[test]
fn a_refresh_within_the_minimum_interval_is_skipped() {
    let new = RefreshOptions {
        new: true,
        ..options()
    };
    lab(used(0), "min_interval: 2h", async |lab: &Lab| {
        lab.completes().await;
        lab.time.pass(ms(HOUR));
        let soon = lab.invocation().refresh(new).await;
        assert_ends(&soon, Status::Skipped, "too_soon");
        lab.time.pass(ms(HOUR));
        let due = lab.invocation().refresh(new).await;
        assert_ends(&due, Status::Completed, "");
    });
}

#[test]
fn a_failed_refresh_is_retried_and_each_attempt_is_a_run() {
    let world = Subject::Dataflow.with(|item| item.ends("Failed"));
    let keys = "retry: {max_attempts: 3, delay: 5m}";
    lab(world, keys, async |lab: &Lab| {
        let invocation = lab.invocation();
        let result = invocation.refresh(options()).await;
        let end = (result.status, result.attempt);
        assert_eq!(end, (Status::Failed, 3), "{result:?}");
        assert_eq!(truth(lab).effective, 3);
        let all = Filter {
            target: None,
            open: false,
            limit: 10,
        };
        let runs = invocation.audit.audit_log.list(&all).expect("a list");
        assert_eq!(runs.len(), 3, "each attempt is a run of its own");
        assert!(runs.iter().all(|run| run.view.state_name() == "failed"));
    });
}

#[test]
fn a_refresh_that_may_be_running_is_never_retried() {
    let lost = FaultRule::on(Operation::Refresh, CannedReply::status(504));
    let keys = "retry: {max_attempts: 3, delay: 1m}";
    lab(used(0).fault(lost), keys, async |lab: &Lab| {
        let result = lab.refresh().await;
        assert_eq!(result.status, Status::Unknown, "{result:?}");
        assert_eq!(lab.triggers(), 1);
    });
}

#[test]
fn a_dry_run_shows_the_guards() {
    let window = "window: \"20:00-06:00 Europe/Copenhagen\"";
    for (runs, keys, would, code) in [
        (8, "quota: {limit: 8}", "skip", "quota_exhausted"),
        (7, "quota: {limit: 8}", "send", ""),
        (0, window, "skip", "outside_window"),
    ] {
        lab(used(runs), keys, async |lab: &Lab| {
            let plan = lab.invocation().plan().await;
            assert_eq!((plan.would, plan.code.as_str()), (would, code), "{plan}");
            assert_eq!(lab.triggers(), 0);
        });
    }
}
