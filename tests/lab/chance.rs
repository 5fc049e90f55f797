//! What must hold whatever happens, with the whole runner: kinds, faults, ends and attempts by
//! chance, two invocations one after the other. The stories are the same ones at every start.

use host_runner::audit_log::event::{Detail, Observed, StoredEvent};
use host_runner::audit_log::{Filter, RunView};
use host_runner::report::RefreshResult;
use host_runner::verdict::{Sent, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use simulator::world::{RefreshType, World};

use super::faults;
use super::lab::{Lab, asked, ms};
use super::subjects::{ITEM, Phase, Subject, truth};

/// How many stories are told.
const STORIES: u32 = 40;

/// Everything that is left to chance.
#[derive(Debug, Clone)]
struct Story {
    subject: Index,
    ends: &'static str,
    takes_min: u64,
    attempts: u32,
    faults: Vec<(Index, Index, u64)>,
    stranger: Option<u64>,
}

fn story() -> impl Strategy<Value = Story> {
    (
        any::<Index>(),
        select(vec!["good", "Failed", "Cancelled", "Never", "Perplexed"]),
        1_u64..90,
        1_u32..=3,
        vec((any::<Index>(), any::<Index>(), 0_u64..4), 0..4),
        prop::option::of(0_u64..40),
    )
        .prop_map(
            |(subject, ends, takes_min, attempts, faults, stranger)| Story {
                subject,
                ends,
                takes_min,
                attempts,
                faults,
                stranger,
            },
        )
}

/// The faults that do not hold a call: those wait in real time.
fn quick() -> Vec<&'static faults::Wrong> {
    faults::ALL
        .iter()
        .filter(|wrong| !wrong.name.starts_with("hang") && !wrong.name.starts_with("slow"))
        .collect()
}

fn world(subject: Subject, story: &Story) -> World {
    let takes_ms = story.takes_min * 60_000;
    let mut world = subject.world();
    for item in &mut world.items {
        item.run_ms = takes_ms;
        item.ends = (story.ends != "good").then(|| story.ends.to_owned());
        item.daily_limit = None;
    }
    let quick = quick();
    for (phase, wrong, after) in &story.faults {
        let phase = *phase.get(&Phase::ALL[..4]);
        if let Some((operation, before)) = subject.operation(phase) {
            let rule = wrong.get(&quick).befalling(operation, before + after);
            world = world.fault(rule.times(2));
        }
    }
    world
}

/// All events of the audit log, in their order.
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

/// Whether these events say that the trigger before them began nothing, or that it failed.
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

fn hold(lab: &Lab, results: &[RefreshResult]) -> Result<(), TestCaseError> {
    let truth = truth(lab);
    for result in results {
        if result.status == Status::Completed
            && result.evidence != host_runner::verdict::Evidence::Flow
        {
            prop_assert!(
                truth.completed.contains(&result.service_run.to_lowercase()),
                "said completed: {result:?} {truth:?}"
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
            "triggered again without a word that allows it: {:?}",
            &events[pair[0]..=pair[1]]
        );
    }
    let violations = lab.services.violations();
    prop_assert!(violations.is_empty(), "{violations:?}");
    Ok(())
}

fn play(story: &Story) -> Result<(), TestCaseError> {
    let subject = *story.subject.get(&Subject::ALL[2..]);
    let target = subject.target();
    let body = target.strip_suffix('}').expect("a mapping");
    let target = format!(
        "{body}, retry: {{max_attempts: {}, delay: 2m}}}}",
        story.attempts
    );
    subject.lab_with(world(subject, story), "", &target, async |lab: &Lab| {
        if let Some(ago) = story.stranger {
            lab.services
                .begin_run(ITEM, RefreshType::Scheduled)
                .expect("a run");
            lab.time.pass(ms(ago * 60_000));
        }
        let first = lab.invocation().refresh(asked()).await;
        lab.time.pass(ms(3_600_000));
        let second = lab.invocation().refresh(asked()).await;
        hold(lab, &[first, second])
    })
}

#[test]
fn whatever_happens_no_verdict_says_more_than_is_true_and_nothing_is_triggered_unasked() {
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(STORIES)
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let told = TestRunner::new_with_rng(config, rng).run(&story(), |story| play(&story));
    if let Err(error) = told {
        panic!("{error}");
    }
}
