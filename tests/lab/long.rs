//! Refreshes that take longer than a token, a deadline or a day.

use host_runner::run::RefreshOptions;
use host_runner::verdict::Status;
use simulator::faults::{CannedReply, Fault, FaultRule, Operation};
use simulator::world::World;

use super::lab::{Lab, assert_ends, ms, options};
use super::subjects::{Phase, Subject, truth};

const HOUR: u64 = 3_600_000;

const FOLLOWED: [Subject; 6] = [
    Subject::FlowDataflow,
    Subject::OauthFlow,
    Subject::Dataflow,
    Subject::Gen2,
    Subject::Model,
    Subject::Enhanced,
];

/// The services with refreshes of this duration.
fn taking(subject: Subject, takes_ms: u64) -> World {
    subject.with(|item| item.run_ms(takes_ms))
}

#[test]
fn a_refresh_of_two_hours_renews_its_tokens() {
    for subject in FOLLOWED {
        let world = taking(subject, 2 * HOUR);
        subject.lab(world, "deadline: 3h", async |lab: &Lab| {
            lab.completes().await;
            let requests = lab.services.requests().into_iter();
            let tokens = requests.filter(|request| request.on == Some(Operation::Token));
            assert!(tokens.count() >= 2, "{subject:?}: renewed");
            assert!(lab.services.violations().is_empty(), "{subject:?}");
        });
    }
}

#[test]
fn a_run_beyond_the_deadline_is_still_running_and_followed_by_the_next_start() {
    for subject in FOLLOWED {
        let world = taking(subject, HOUR);
        subject.lab(world, "deadline: 30m", async |lab: &Lab| {
            let first = lab.refresh().await;
            assert_ends(&first, Status::Unknown, "still_running");
            lab.time.pass(ms(2 * HOUR));
            let next = lab.completes().await;
            assert_eq!(next.run, first.run, "{subject:?}: the same run");
            assert_eq!(truth(lab).effective, 1, "{subject:?}: triggered once");
        });
    }
}

#[test]
fn a_detached_run_is_accepted_and_followed_the_next_day() {
    for subject in FOLLOWED {
        subject.lab(taking(subject, HOUR), "", async |lab: &Lab| {
            lab.detach().await;
            lab.time.pass(ms(20 * HOUR));
            let end = lab.invocation().follow().await;
            assert_eq!(end.status, Status::Completed, "{subject:?}: {end:?}");
            assert_eq!(truth(lab).effective, 1, "{subject:?}");
        });
        subject.lab(taking(subject, HOUR), "", async |lab: &Lab| {
            lab.detach().await;
            let strict = RefreshOptions {
                require_completed: true,
                ..options()
            };
            for (options, status, replayed, passes) in [
                (options(), Status::Accepted, true, 0),
                (strict, Status::Completed, false, 20 * HOUR),
                (options(), Status::Completed, true, 0),
            ] {
                lab.time.pass(ms(passes));
                let end = lab.invocation().refresh(options).await;
                let found = (end.status, end.replayed);
                assert_eq!(found, (status, replayed), "{subject:?}: {end:?}");
                assert_eq!(truth(lab).effective, 1, "{subject:?}: triggered once");
            }
        });
    }
}

#[test]
fn network_faults_end_after_the_patience_before_the_trigger_and_at_the_deadline_after_it() {
    // The deadline of the lab is 45 minutes, the patience ten.
    for subject in FOLLOWED {
        for (phase, minutes, status) in [
            (Phase::Token, 10, Status::Unavailable),
            (Phase::Look, 10, Status::Unavailable),
            (Phase::Follow, 45, Status::Unknown),
        ] {
            let (operation, after) = subject.operation(phase).expect("a phase of this kind");
            for (fault, minutes) in [
                (Fault::DropBefore, minutes),
                (Fault::from(CannedReply::status(503)), 45),
            ] {
                let rule = FaultRule::on(operation, fault).after(after);
                subject.lab(subject.world().fault(rule), "", async |lab: &Lab| {
                    let result = lab.refresh().await;
                    assert_eq!(result.status, status, "{subject:?} {phase:?}: {result:?}");
                    let took = lab.time.passed().as_secs() / 60;
                    let expected = minutes - 2..=minutes + 1;
                    assert!(
                        expected.contains(&took),
                        "{subject:?} {phase:?} took {took} min: {result:?}"
                    );
                    let gave_up = result.message.contains("connect_patience");
                    assert_eq!(gave_up, minutes == 10, "{result:?}");
                });
            }
        }
    }
}

#[test]
fn a_service_that_asks_to_wait_longer_than_the_patience_is_waited_for() {
    let later = || {
        CannedReply::status(429)
            .header("Retry-After", "1200")
            .body("{}")
    };
    for subject in FOLLOWED {
        for phase in [Phase::Token, Phase::Look, Phase::Trigger] {
            let (operation, after) = subject.operation(phase).expect("a phase of this kind");
            let rule = FaultRule::on(operation, later()).after(after).times(1);
            subject.lab(subject.world().fault(rule), "", async |lab: &Lab| {
                lab.completes().await;
                assert!(lab.time.passed() >= ms(1_200_000), "{subject:?} {phase:?}");
            });
        }
    }
}

#[test]
fn the_patience_begins_again_after_a_response_and_is_set_in_defaults() {
    let subject = Subject::Dataflow;
    let unreachable = FaultRule::on(Operation::Transactions, Fault::DropBefore).times(3);
    let config = subject
        .config("")
        .replace("timeout: 30s", "timeout: 30s, connect_patience: 1m");
    Lab::run(
        subject.world().fault(unreachable),
        &config,
        async |lab: &Lab| {
            lab.completes().await;
        },
    );
    let unreachable = FaultRule::on(Operation::Transactions, Fault::DropBefore);
    Lab::run(
        subject.world().fault(unreachable),
        &config,
        async |lab: &Lab| {
            assert_eq!(lab.refresh().await.status, Status::Unavailable);
            assert!(lab.time.passed() <= ms(90_000));
        },
    );
}
