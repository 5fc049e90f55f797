//! SIGKILL at many points of a refresh: every trigger has its intent, the next start follows it, and only a
//! completed refresh is reported as completed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::{Platform, Setup, dataflow, flow, world_of};

/// The points, in milliseconds after the start. The refresh takes about half a second.
const POINTS: [u64; 24] = [
    1, 3, 5, 8, 11, 14, 17, 20, 24, 28, 33, 38, 44, 50, 60, 75, 90, 110, 140, 180, 230, 300, 400,
    550,
];

#[test]
fn a_killed_refresh_is_followed_by_the_next_start_and_never_triggered_twice() {
    std::thread::scope(|scope| {
        for lane in 0..4_usize {
            scope.spawn(move || {
                for point in POINTS.iter().skip(lane).step_by(4) {
                    killed_at(*point);
                }
            });
        }
    });
}

fn killed_at(point: u64) {
    let platform = Platform::start(&world_of(dataflow().run_ms(250), flow()));
    let setup = Setup::verified(&platform);
    let key = ["--idempotency-key", "k"];
    let mut child = setup.start(&["refresh", "order_list", "--output", "json", key[0], key[1]]);
    std::thread::sleep(Duration::from_millis(point));
    child.kill().unwrap();
    let _ = child.wait();

    // Every trigger that the services received has an intent.
    let seen: BTreeSet<String> = platform
        .requests_for("trigger")
        .iter()
        .filter_map(|trigger| {
            trigger.headers["x-ms-client-tracking-id"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    let intents: BTreeSet<String> = setup
        .events()
        .iter()
        .filter(|event| event["event"] == "intent")
        .filter_map(|event| event["run"].as_str().map(str::to_owned))
        .collect();
    assert!(
        seen.is_subset(&intents),
        "killed at {point} ms: {seen:?} without intent, only {intents:?}"
    );

    let outcome = setup.refresh(&key);
    let status = outcome.field("status");
    assert!(
        platform.triggers() <= 1,
        "killed at {point} ms: triggered twice"
    );
    match status.as_str() {
        "completed" => {
            assert!(
                platform
                    .completed_runs()
                    .contains(&outcome.field("service_run")),
                "killed at {point} ms: {outcome:#?}"
            );
        }
        // The intent was stored but the trigger was not sent, which the next start cannot know.
        "unknown" => {
            assert_eq!(
                outcome.field("code"),
                "refresh_not_started",
                "killed at {point} ms: {outcome:#?}"
            );
            assert_eq!(platform.triggers(), 0, "killed at {point} ms");
        }
        other => panic!("killed at {point} ms: {other}: {outcome:#?}"),
    }
    if let Some(run) = intents.first() {
        assert_eq!(
            &outcome.field("run"),
            run,
            "killed at {point} ms: another run was begun"
        );
    }
}
