//! Invariants of the whole runner with random replies: any status, header and body in any phase of any kind,
//! faults of the connection, ends of runs and attempts, and two starts with one key.
//!
//! The stories are the same in every run, unless `CHANCE_SEED` names another seed. A failure prints the seed
//! and the shortest story found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_runner::audit_log::Filter;
use host_runner::audit_log::event::{Detail, StoredEvent};
use host_runner::report::RefreshResult;
use host_runner::verdict::{Evidence, Sent, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use simulator::faults::{CannedReply, Fault, FaultRule, Operation};
use simulator::log::LoggedRequest;
use simulator::world::{Item, World};

use super::faults;
use super::lab::{Lab, ms, options};
use super::subjects::{CLIENT, Phase, SECRET, SIG, Subject, truth};

/// The number of stories of each thread, and the number of threads.
const STORIES: u32 = 60;
const THREADS: u8 = 3;

/// The header in which a flow names its run.
const FLOW_RUN: &str = "x-ms-workflow-run-id";

/// A random reply, and which calls get it.
#[derive(Debug, Clone)]
struct Reply {
    phase: usize,
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    /// The body, and whether it reports success.
    body: (String, bool),
    has_effect: bool,
    after: u64,
    times: Option<u64>,
}

/// A random story.
#[derive(Debug, Clone)]
struct Story {
    subject: Subject,
    ends: &'static str,
    takes_min: u64,
    attempts: u32,
    replies: Vec<Reply>,
    faults: Vec<(usize, &'static str, u64)>,
    other_run: Option<u64>,
}

/// Secrets in every encoding in which they may come back, each with its part that must not be shown.
fn encodings(secrets: &[&str]) -> Vec<(String, String)> {
    let mut forms = Vec::new();
    for &secret in secrets {
        for tilde in ["~", "%7E", "%7e", "\\u007e"] {
            let form = secret.replace('~', tilde);
            forms.push((form.clone(), form));
        }
        for before in ["", "x", "xy", &format!("{CLIENT}:")] {
            let encoded = STANDARD.encode(format!("{before}{secret}"));
            // The characters at both ends also hold bits of their neighbours.
            let from = before.len().div_ceil(3) * 4;
            let core = encoded[from..encoded.len() - 4].to_owned();
            forms.push((encoded, core));
        }
    }
    forms
}

fn statuses() -> impl Strategy<Value = u16> {
    let known = vec![
        200, 200, 200, 202, 202, 204, 302, 400, 401, 403, 404, 408, 409, 415, 425, 429, 499, 500,
        502, 503, 504, 520,
    ];
    prop_oneof![3 => select(known), 1 => 100_u16..=999]
}

/// The parts of replies of this kind.
fn parts(kind: &str) -> Vec<&'static str> {
    let lines = include_str!("replies.txt").lines();
    let parts = lines.filter_map(|line| line.split_once(' '));
    parts
        .filter(|(of, _)| *of == kind)
        .map(|(_, part)| part)
        .collect()
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let all = parts("header").into_iter();
    let all = all.map(|header| header.split_once(' ').expect("a name and a value"));
    let some = subsequence(all.collect::<Vec<_>>(), 1..4);
    prop_oneof![Just(Vec::new()), some]
}

fn bodies() -> impl Strategy<Value = (String, bool)> {
    let echoes = encodings(&[SECRET, SIG]).into_iter();
    let echo = echoes.map(|(echo, _)| echo).collect::<Vec<_>>().join(" ");
    let of = |kind, succeeds| {
        let parts = parts(kind).into_iter();
        parts.map(move |part| (part, succeeds))
    };
    let all = of("body", false).chain(of("success", true));
    let all = all.chain([("", false)]);
    let all = all.map(|(body, succeeds)| (body.replace("ECHO", &echo), succeeds));
    select(all.collect::<Vec<_>>())
}

fn reply() -> impl Strategy<Value = Reply> {
    (
        0_usize..5,
        statuses(),
        headers(),
        bodies(),
        any::<bool>(),
        0_u64..3,
        prop_oneof![1 => Just(None), 2 => (1_u64..3).prop_map(Some)],
    )
        .prop_map(
            |(phase, status, headers, body, has_effect, after, times)| Reply {
                phase,
                status,
                headers,
                body,
                has_effect,
                after,
                times,
            },
        )
}

fn story() -> impl Strategy<Value = Story> {
    let quick_names: Vec<_> = quick().iter().map(|fault| fault.name).collect();
    (
        select(Subject::ALL.to_vec()),
        select(vec![
            "good",
            "good",
            "Failed",
            "Cancelled",
            "Never",
            "Perplexed",
        ]),
        1_u64..90,
        1_u32..=2,
        vec(reply(), 1..4),
        vec((0_usize..5, select(quick_names), 0_u64..4), 0..2),
        prop::option::weighted(0.2, 0_u64..40),
    )
        .prop_map(
            |(subject, ends, takes_min, attempts, replies, faults, other_run)| Story {
                subject,
                ends,
                takes_min,
                attempts,
                replies,
                faults,
                other_run,
            },
        )
}

/// The operation of a phase; the fifth one reads the history after the trigger.
fn operation(subject: Subject, phase: usize) -> Option<(Operation, u64)> {
    match phase {
        4 => subject.operation(Phase::Look).map(|(on, _)| (on, 1)),
        phase => subject.operation(Phase::ALL[phase]),
    }
}

impl Reply {
    fn rule(&self, subject: Subject) -> Option<FaultRule> {
        let (on, before) = operation(subject, self.phase)?;
        let reply = CannedReply::status(self.status).body(&self.body.0);
        // A success that asks to wait is a run's page, which the simulator sends itself.
        let waits = |name: &str| name == "retry-after" && self.status < 300;
        let headers = self.headers.iter().filter(|(name, _)| !waits(name));
        let reply = headers.fold(reply, |reply, (name, value)| reply.header(name, value));
        let fault = match self.has_effect && !is_refusal(self.status) {
            true => Fault::ReplaceAfterStatus(reply),
            false => Fault::Reply(reply),
        };
        let rule = FaultRule::on(on, fault).after(before + self.after);
        Some(match self.times {
            Some(times) => rule.times(times),
            None => rule,
        })
    }
}

/// Whether a trigger with this final status certainly started nothing.
fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status) && ![408, 499].contains(&status)
}

/// The faults that do not hold a call, because held calls wait in real time.
fn quick() -> Vec<&'static faults::FaultCase> {
    faults::ALL
        .iter()
        .filter(|fault| !fault.name.starts_with("hang") && !fault.name.starts_with("slow"))
        .collect()
}

fn world(subject: Subject, story: &Story) -> World {
    let mut world = subject.with(|item| Item {
        run_ms: story.takes_min * 60_000,
        ends: (story.ends != "good").then(|| story.ends.to_owned()),
        daily_limit: None,
        ..item
    });
    let quick = quick();
    for (phase, fault, after) in &story.faults {
        if let Some((on, before)) = operation(subject, *phase) {
            let fault = quick.iter().find(|one| one.name == *fault);
            let rule = fault.expect("its name").rule(on, before + after);
            world = world.fault(rule.times(2));
        }
    }
    let replies = story.replies.iter();
    replies
        .filter_map(|reply| reply.rule(subject))
        .fold(world, World::fault)
}

/// All events of the audit log.
fn events(lab: &Lab) -> Vec<StoredEvent> {
    let audit_log = lab.invocation().audit.audit_log;
    let all = Filter {
        target: None,
        open: false,
        limit: usize::MAX,
    };
    audit_log
        .list(&all)
        .expect("a list")
        .iter()
        .flat_map(|run| audit_log.events_of(&run.view.run.run).expect("events"))
        .map(|entry| entry.event)
        .collect()
}

/// The triggers that may have arrived, by what their sender saw.
fn perhaps_arrived(lab: &Lab, story: &Story) -> Vec<LoggedRequest> {
    use Operation::{FabricRun, ModelRefresh, Refresh, Trigger};
    let names_run = |reply: &Reply| reply.headers.iter().any(|(name, _)| *name == FLOW_RUN);
    let names_flow_run = story.replies.iter().any(names_run);
    let requests = lab.services.requests().into_iter();
    let triggers = requests.filter(|request| {
        let triggers = [FabricRun, ModelRefresh, Refresh, Trigger].map(Some);
        triggers.contains(&request.on)
    });
    triggers
        .filter(|request| {
            let status = request.status.as_u64().and_then(|n| u16::try_from(n).ok());
            // A refusal with a flow run's id is the Response of a flow that ran.
            let is_of_flow = request.on == Some(Trigger) && names_flow_run;
            is_of_flow || !status.is_some_and(is_refusal)
        })
        .collect()
}

/// Whether a poll got the simulator's own Response, which reports success.
fn flow_responded(lab: &Lab) -> bool {
    let requests = lab.services.requests();
    requests.iter().any(|request| {
        request.on == Some(Operation::Poll) && request.status == 200 && request.fault.is_none()
    })
}

fn check(
    lab: &Lab,
    story: &Story,
    results: &[(RefreshResult, usize)],
) -> Result<(), TestCaseError> {
    let truth = truth(lab);
    let is_said = story.replies.iter().any(|reply| reply.body.1);
    let arrived = perhaps_arrived(lab, story);
    let events = events(lab);
    let ends = |statuses: &[Status]| {
        let of = |event: &&StoredEvent| matches!(&event.detail, Detail::Outcome(end) if statuses.contains(&end.verdict.status));
        events.iter().filter(of).count()
    };
    for (result, arrived_by_then) in results {
        prop_assert_ne!(result.status, Status::InternalError, "{:?}", result);
        if result.status == Status::Completed && !is_said {
            let is_flows = result.evidence == Evidence::Flow && flow_responded(lab);
            let run = result.service_run.to_lowercase();
            let is_true = is_flows || truth.completed.contains(&run);
            prop_assert!(is_true, "reported as completed: {:?} {:?}", result, truth);
        }
        if result.status == Status::Accepted {
            let mut statuses = arrived.iter().filter_map(|one| one.status.as_u64());
            let is_taken = statuses.any(|status| (200..300).contains(&status));
            prop_assert!(is_taken, "{:?} {:?}", result, arrived);
        }
        if result.sent == Sent::No && ends(&[Status::Failed, Status::Cancelled]) == 0 {
            prop_assert_eq!(*arrived_by_then, 0, "{:?} {:?}", result, arrived);
        }
    }
    // After one that may have arrived, only an end that is known allows another.
    let allowed = 1 + ends(&[Status::Failed, Status::Cancelled, Status::Skipped]);
    prop_assert!(arrived.len() <= allowed, "{:?} {:?}", results, arrived);
    let intents = events
        .iter()
        .filter(|event| event.detail.name() == "intent");
    prop_assert!(
        intents.count() >= arrived.len(),
        "a trigger without an intent"
    );
    let violations = lab.services.violations();
    prop_assert!(violations.is_empty(), "{:?}", violations);
    let written = lab.log.lines().join("\n") + &lab.stored_text();
    let signs_in = story.subject.operation(Phase::Token).is_some();
    let is_signed = story.subject.keys().contains("FLOW_URL");
    let mut secrets = encodings(if signs_in { &[SECRET] } else { &[] });
    secrets.extend(encodings(if is_signed { &[SIG] } else { &[] }));
    let tokens = [
        "eyJ0eXAiOiJKV1Qi",
        "INVENTED-other-sig",
        "INVENTED-signature",
    ];
    let shown = secrets.into_iter().map(|(_, shown)| shown);
    for secret in shown.chain(tokens.map(str::to_owned)) {
        if let Some((before, after)) = written.split_once(&secret) {
            let before = before.get(before.len().saturating_sub(200)..);
            let after = after.get(..after.len().min(200));
            prop_assert!(false, "{} is written: {:?} {:?}", secret, before, after);
        }
    }
    Ok(())
}

fn play(story: &Story) -> Result<(), TestCaseError> {
    let subject = story.subject;
    let retry = format!("retry: {{max_attempts: {}, delay: 2m}}", story.attempts);
    subject.lab(world(subject, story), &retry, async |lab: &Lab| {
        if let Some(ago) = story.other_run {
            lab.begin_scheduled_run();
            lab.time.pass(ms(ago * 60_000));
        }
        let mut results = Vec::new();
        for _ in 0..2 {
            let before = lab.time.passed();
            let invocation = lab.invocation();
            let result = invocation.refresh(options()).await;
            invocation.session.reporter.result(&result);
            results.push((result, perhaps_arrived(lab, story).len()));
            let took = lab.time.passed() - before;
            prop_assert!(took <= ms(46 * 60_000), "{:?}: {:?}", took, results);
            lab.time.pass(ms(3_600_000));
        }
        check(lab, story, &results)
    })
}

fn run(seed: u64, thread: u8) {
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::with_cases(STORIES)
    };
    let mut bytes = [thread; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let result = TestRunner::new_with_rng(config, rng).run(&story(), |story| play(&story));
    if let Err(error) = result {
        panic!("CHANCE_SEED={seed}, thread {thread}: {error}");
    }
}

#[test]
fn no_verdict_is_false_and_no_trigger_is_repeated_whatever_is_replied() {
    let seed = std::env::var("CHANCE_SEED").map_or(12, |seed| seed.parse().expect("a number"));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || run(seed, thread));
        }
    });
}
