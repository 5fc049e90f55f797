//! Invariants of the whole runner with random kinds, faults, ends and attempts, and two invocations in a row.
//! The random cases are the same in every run.

use host_runner::audit_log::event::{Detail, Observed, StoredEvent};
use host_runner::audit_log::{Filter, RunView};
use host_runner::report::RefreshResult;
use host_runner::verdict::{Evidence, Sent, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use simulator::world::{Item, World};

use super::faults;
use super::lab::{Lab, ms};
use super::subjects::{Phase, Subject, truth};

/// The number of cases.
const CASES: u32 = 40;

/// A random case.
#[derive(Debug, Clone)]
struct Case {
    subject: Index,
    ends: &'static str,
    takes_min: u64,
    attempts: u32,
    faults: Vec<(Index, Index, u64)>,
    other_run: Option<u64>,
}

fn case() -> impl Strategy<Value = Case> {
    (
        any::<Index>(),
        select(vec!["good", "Failed", "Cancelled", "Never", "Perplexed"]),
        1_u64..90,
        1_u32..=3,
        vec((any::<Index>(), any::<Index>(), 0_u64..4), 0..4),
        prop::option::of(0_u64..40),
    )
        .prop_map(
            |(subject, ends, takes_min, attempts, faults, other_run)| Case {
                subject,
                ends,
                takes_min,
                attempts,
                faults,
                other_run,
            },
        )
}

/// The faults that do not hold a call, because held calls wait in real time.
fn quick() -> Vec<&'static faults::FaultCase> {
    faults::ALL
        .iter()
        .filter(|fault| !fault.name.starts_with("hang") && !fault.name.starts_with("slow"))
        .collect()
}

fn world(subject: Subject, case: &Case) -> World {
    let mut world = subject.with(|item| Item {
        run_ms: case.takes_min * 60_000,
        ends: (case.ends != "good").then(|| case.ends.to_owned()),
        daily_limit: None,
        ..item
    });
    let quick = quick();
    for (phase, fault, after) in &case.faults {
        let phase = *phase.get(&Phase::ALL[..4]);
        if let Some((operation, before)) = subject.operation(phase) {
            let rule = fault.get(&quick).rule(operation, before + after);
            world = world.fault(rule.times(2));
        }
    }
    world
}

/// All events of the audit log, in order.
fn events(lab: &Lab) -> Vec<StoredEvent> {
    let audit_log = lab.invocation().audit.audit_log;
    let all = Filter {
        target: None,
        open: false,
        limit: usize::MAX,
    };
    let mut events: Vec<StoredEvent> = audit_log
        .list(&all)
        .expect("a list")
        .iter()
        .flat_map(|run| audit_log.events_of(&run.view.run.run).expect("events"))
        .map(|entry| entry.event)
        .collect();
    events.sort_by_key(|event| event.number);
    events
}

/// Whether these events show that the trigger started nothing, or that its refresh failed.
fn allows_another(events: &[StoredEvent]) -> bool {
    let view = RunView::of(events.iter().cloned()).expect("events");
    events.iter().any(|event| match &event.detail {
        Detail::Observed(observed) => observed.what == Observed::NOT_SENT,
        Detail::Triggered(triggered) => matches!(triggered.http_status, Some(401 | 403)),
        Detail::Outcome(outcome) => {
            matches!(
                outcome.verdict.status,
                Status::Failed | Status::Skipped | Status::Cancelled
            ) || outcome.verdict.sent == Sent::No
        }
        _ => false,
    }) || view.sent == Sent::No
}

fn check(lab: &Lab, results: &[RefreshResult]) -> Result<(), TestCaseError> {
    let truth = truth(lab);
    for result in results {
        if result.status == Status::Completed && result.evidence != Evidence::Flow {
            prop_assert!(
                truth.completed.contains(&result.service_run.to_lowercase()),
                "reported as completed: {result:?} {truth:?}"
            );
        }
    }
    let events = events(lab);
    let intents: Vec<usize> = (0..events.len())
        .filter(|at| matches!(events[*at].detail, Detail::Intent(_)))
        .collect();
    prop_assert!(
        intents.len() >= lab.triggers(),
        "a trigger without an intent"
    );
    for pair in intents.windows(2) {
        prop_assert!(
            allows_another(&events[pair[0]..pair[1]]),
            "triggered again although not allowed: {:?}",
            &events[pair[0]..=pair[1]]
        );
    }
    let violations = lab.services.violations();
    prop_assert!(violations.is_empty(), "{violations:?}");
    Ok(())
}

fn play(case: &Case) -> Result<(), TestCaseError> {
    let subject = *case.subject.get(&Subject::ALL[2..]);
    let retry = format!("retry: {{max_attempts: {}, delay: 2m}}", case.attempts);
    subject.lab(world(subject, case), &retry, async |lab: &Lab| {
        if let Some(ago) = case.other_run {
            lab.begin_scheduled_run();
            lab.time.pass(ms(ago * 60_000));
        }
        let first = lab.refresh().await;
        lab.time.pass(ms(3_600_000));
        let second = lab.refresh().await;
        check(lab, &[first, second])
    })
}

#[test]
fn no_verdict_is_false_and_no_trigger_is_repeated_without_reason() {
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(CASES)
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(&case(), |case| play(&case));
    if let Err(error) = result {
        panic!("{error}");
    }
}
