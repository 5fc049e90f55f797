//! SIGKILL at many points of a refresh: every trigger has its intent, the next start follows it, and only a
//! completed refresh is reported as completed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::{dataflow, flow, verified, world_of};

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
    let (platform, setup) = verified(&world_of(dataflow().run_ms(250), flow()));
    let mut child = setup.start_refresh("--idempotency-key k");
    std::thread::sleep(Duration::from_millis(point));
    child.kill().unwrap();
    let _ = child.wait();

    // Every trigger that the services received has an intent.
    let seen: BTreeSet<String> = platform
        .requests_for("trigger")
        .iter()
        .filter_map(|trigger| trigger.headers["x-ms-client-tracking-id"].as_str())
        .map(str::to_owned)
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

    let outcome = setup.refresh("--idempotency-key k");
    let place = format!("killed at {point} ms: {outcome:#?}");
    assert!(platform.triggers() <= 1, "{place}");
    match outcome.field("status").as_str() {
        "completed" => {
            let run = outcome.field("service_run");
            assert!(platform.completed_runs().contains(&run), "{place}");
        }
        // The intent was stored but the trigger was not sent, which the next start cannot know.
        "unknown" => {
            assert_eq!(outcome.field("code"), "refresh_not_started", "{place}");
            assert_eq!(platform.triggers(), 0, "{place}");
        }
        _ => panic!("{place}"),
    }
    if let Some(run) = intents.first() {
        assert_eq!(&outcome.field("run"), run, "another run was begun: {place}");
    }
}
