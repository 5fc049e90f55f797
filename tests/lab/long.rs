//! Refreshes that take longer than a token, a deadline or a day.

use host_runner::run::{FollowMode, RefreshOptions};
use host_runner::verdict::Status;
use simulator::faults::Operation;
use simulator::world::World;

use super::lab::{Lab, asked, ms};
use super::subjects::{Subject, truth};

const HOUR: u64 = 3_600_000;

const FOLLOWED: [Subject; 6] = [
    Subject::FlowDataflow,
    Subject::OAuthFlow,
    Subject::Dataflow,
    Subject::Gen2,
    Subject::Model,
    Subject::Enhanced,
];

/// The services with refreshes of this duration.
fn taking(subject: Subject, takes_ms: u64) -> World {
    let mut world = subject.world();
    for item in &mut world.items {
        item.run_ms = takes_ms;
    }
    world
}

fn with_deadline(subject: Subject, deadline: &str) -> String {
    let target = subject.target();
    let body = target.strip_suffix('}').expect("a mapping");
    format!("{body}, deadline: {deadline}}}")
}

#[test]
fn a_refresh_of_two_hours_renews_its_tokens() {
    for subject in FOLLOWED {
        let target = with_deadline(subject, "3h");
        let world = taking(subject, 2 * HOUR);
        subject.lab_with(world, "", &target, async |lab: &Lab| {
            let result = lab.invocation().refresh(asked()).await;
            assert_eq!(result.status, Status::Completed, "{subject:?}: {result:?}");
            let tokens = lab
                .services
                .requests()
                .iter()
                .filter(|request| request.on == Some(Operation::Token))
                .count();
            assert!(tokens >= 2, "{subject:?}: renewed");
            assert!(lab.services.violations().is_empty(), "{subject:?}");
        });
    }
}

#[test]
fn a_run_beyond_the_deadline_is_still_running_and_followed_by_the_next_start() {
    for subject in FOLLOWED {
        let target = with_deadline(subject, "30m");
        let world = taking(subject, HOUR);
        subject.lab_with(world, "", &target, async |lab: &Lab| {
            let first = lab.invocation().refresh(asked()).await;
            assert_eq!(
                (first.status, first.code.as_str()),
                (Status::Unknown, "still_running"),
                "{subject:?}: {first:?}"
            );
            lab.time.pass(ms(2 * HOUR));
            let next = lab.invocation().refresh(asked()).await;
            assert_eq!(next.status, Status::Completed, "{subject:?}: {next:?}");
            assert_eq!(next.run, first.run, "{subject:?}: the same run");
            assert_eq!(truth(lab).effective, 1, "{subject:?}: triggered once");
        });
    }
}

#[test]
fn a_detached_run_is_accepted_and_followed_the_next_day() {
    for subject in FOLLOWED {
        subject.lab(taking(subject, HOUR), async |lab: &Lab| {
            let detached = RefreshOptions {
                follow: FollowMode::UntilStarted,
                ..asked()
            };
            let begun = lab.invocation().refresh(detached).await;
            assert_eq!(begun.status, Status::Accepted, "{subject:?}: {begun:?}");
            lab.time.pass(ms(20 * HOUR));
            let end = lab.invocation().follow().await;
            assert_eq!(end.status, Status::Completed, "{subject:?}: {end:?}");
            assert_eq!(truth(lab).effective, 1, "{subject:?}");
        });
    }
}
