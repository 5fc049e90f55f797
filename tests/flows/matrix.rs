//! Every flow that refreshes, in every case except success: outputs, label, metrics, log and audit log are
//! the same in every flow.

use kestra_engine::{Execution, Line};
use serde_json::{Value, json};
use simulator::faults::{CannedReply, FaultRule, Operation};
use simulator::world::{RefreshType, World};

use crate::fixture::Fixture;
use crate::fixture::worlds::never_starting;
use crate::shipped;
use crate::support::{
    DATAFLOW, dataflow, endless, exhausted_dataflow, flow, kill, world, world_of,
};

/// A flow that refreshes, started by hand for the target `order_list`.
#[derive(Clone, Copy)]
struct Refreshing {
    file: &'static str,
    id: &'static str,
    /// Whether its target is in the namespace file, where it has a quota.
    shared: bool,
    /// Whether a skipped refresh is green.
    skips_green: bool,
}

const ALL: [Refreshing; 5] = [
    refreshing("order-list-pipeline", "order_list_pipeline", true),
    refreshing("refresh-one", "refresh_one", false),
    refreshing("refresh-after", "refresh_after", true),
    refreshing("refresh-webhook", "refresh_webhook", true),
    Refreshing {
        skips_green: true,
        ..refreshing("schedule-with-quota", "schedule_with_quota", true)
    },
];

const fn refreshing(file: &'static str, id: &'static str, shared: bool) -> Refreshing {
    Refreshing {
        file,
        id,
        shared,
        skips_green: false,
    }
}

impl Refreshing {
    /// Loads it into a new fixture, with replacements in its text and its configuration.
    fn on(self, line: Line, world: &World, changes: &[(&str, &str)]) -> Fixture {
        let change = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
        let fixture = Fixture::new(line, world);
        fixture.secret("REFRESH_WEBHOOK_KEY", "INVENTED-webhook-key");
        fixture.configure(changes);
        let name = match self.file {
            "refresh-after" => format!("{}.{}", self.file, line.suffix()),
            file => file.to_owned(),
        };
        fixture.load_text(&changes.iter().fold(shipped::flow(&name), change));
        fixture
    }

    fn inputs(self, fixture: &Fixture) -> Value {
        match self.id {
            "order_list_pipeline" => json!({}),
            "refresh_one" => fixture.refresh_one_inputs(&json!({"kind": "power-automate"})),
            _ => json!({"target": "order_list"}),
        }
    }

    fn run(self, fixture: &Fixture) -> Execution {
        fixture.run(self.id, &self.inputs(fixture))
    }

    /// Starts it, and waits until its run at the service is identified.
    fn started(self, fixture: &Fixture) -> String {
        let execution = fixture.start(self.id, &self.inputs(fixture));
        fixture.wait_for_match();
        execution
    }
}

/// Runs a case with these flows in parallel.
fn each(flows: &[Refreshing], case: impl Fn(Refreshing) + Sync) {
    std::thread::scope(|scope| {
        let case = &case;
        for flow in flows {
            scope.spawn(move || case(*flow));
        }
    });
}

/// Asserts state, status and exit code wherever they can be read.
#[track_caller]
fn ends(fixture: &Fixture, execution: &Execution, state: &str, status: &str, exit: i64) {
    let raw = execution.raw();
    let refresh = execution.task("refresh").expect("the task ran");
    assert_eq!(
        (execution.state(), refresh.exit_code()),
        (state, exit),
        "{raw:#}"
    );
    assert_eq!(refresh.var("status"), status, "{raw:#}");
    assert_eq!(execution.output("status"), status, "{raw:#}");
    assert_eq!(execution.label("verdict"), status, "{raw:#}");
    let counter = format!("powerbi.refresh.{status}");
    assert_eq!(execution.metric(&counter), Some(1.0), "{raw:#}");
    assert_eq!(fixture.runs()[0]["status"], status);
    let errors = execution.logged("ERROR").join("\n");
    assert_eq!(
        errors.contains(&format!("ended in {status}")),
        exit != 0,
        "{errors}"
    );
}

fn is_running(pid: &Value) -> bool {
    kill("0", pid)
}

on_both_lines! {
    fn a_refresh_that_is_accepted_but_never_starts_is_red(line) {
        each(&ALL, |flow_of_ours| {
            let fixture = flow_of_ours.on(line, &never_starting(), &[]);
            let execution = flow_of_ours.run(&fixture);
            ends(&fixture, &execution, "FAILED", "unknown", 12);
            assert_eq!(fixture.platform.triggers(), 1);
        });
    }

    fn an_exhausted_quota_is_skipped_and_only_the_scheduled_flow_is_green(line) {
        let with_quota: Vec<Refreshing> = ALL.into_iter().filter(|one| one.shared).collect();
        each(&with_quota, |flow_of_ours| {
            let world = world_of(exhausted_dataflow(RefreshType::Scheduled), flow());
            let fixture = flow_of_ours.on(line, &world, &[]);
            let execution = flow_of_ours.run(&fixture);
            let (state, exit) = if flow_of_ours.skips_green { ("SUCCESS", 0) } else { ("FAILED", 11) };
            ends(&fixture, &execution, state, "skipped", exit);
            assert_eq!(execution.output("code"), "quota_exhausted");
            assert_ne!(execution.output("retry_at"), "");
            let warnings = execution.logged("WARN").join("\n");
            assert_eq!(warnings.contains("Nothing was refreshed"), flow_of_ours.skips_green, "{warnings}");
            assert_eq!(execution.metric("powerbi.refresh.order_list.quota_left"), Some(0.0));
            assert_eq!(fixture.platform.triggers(), 0);
        });
    }

    fn a_service_that_stays_down_is_unavailable(line) {
        let down = world().fault(FaultRule::on(Operation::Transactions, CannedReply::status(503)));
        each(&ALL, |flow_of_ours| {
            let fixture = flow_of_ours.on(line, &down, &[("deadline: 3h30m", "deadline: 2500ms")]);
            let execution = flow_of_ours.run(&fixture);
            ends(&fixture, &execution, "FAILED", "unavailable", 15);
            assert_eq!(execution.task("refresh").unwrap().var("retryable"), true);
            assert_eq!(fixture.platform.triggers(), 0);
        });
    }

    fn a_kill_ends_the_process_stores_the_interruption_and_leaves_the_refresh_running(line) {
        each(&ALL, |flow_of_ours| {
            let fixture = flow_of_ours.on(line, &endless(), &[]);
            let execution = flow_of_ours.started(&fixture);
            let pid = fixture.only_run_events()[0]["actor"]["pid"].clone();
            fixture.kill(&execution);
            assert_eq!(fixture.finished(&execution).state(), "KILLED");
            fixture.wait_for("the process ends", |_| !is_running(&pid));
            let events = fixture.only_run_events();
            let last = events.last().unwrap();
            assert_eq!(last["event"], "interrupted");
            assert_eq!((&last["detail"]["signal"], &last["detail"]["sent"]), (&json!("SIGTERM"), &json!("yes")));
            assert_eq!(fixture.platform.runs()[0]["status"], "InProgress");
            assert!(fixture.platform.requests_for("cancel").is_empty());
            assert_eq!(fixture.platform.triggers(), 1);
        });
    }

    fn a_restart_after_a_timeout_follows_the_same_refresh(line) {
        each(&ALL, |flow_of_ours| {
            let fixture = flow_of_ours.on(line, &endless(), &[("timeout: PT4H", "timeout: PT10S")]);
            let execution = flow_of_ours.started(&fixture);
            let ended = fixture.finished(&execution);
            assert_eq!((ended.state(), ended.label("verdict")), ("FAILED", "none"));
            // Kestra drops the outputs of a task that timed out; the audit log has the interruption.
            assert_eq!(ended.task("refresh").unwrap().var("status"), Value::Null);
            assert!(ended.logged("ERROR").join("\n").contains("no verdict"));
            fixture.wait_for("the interruption is stored", |fixture| {
                fixture.event_kinds().last().is_some_and(|kind| kind == "interrupted")
            });
            fixture.platform.complete("Success");
            let again = fixture.restart(&execution);
            ends(&fixture, &again, "SUCCESS", "completed", 0);
            assert_eq!((fixture.platform.triggers(), fixture.runs().len()), (1, 1));
        });
    }

    fn a_restart_and_a_replay_after_a_failed_refresh_trigger_again(line) {
        each(&ALL, |flow_of_ours| {
            let fixture = flow_of_ours.on(line, &world_of(dataflow().ends("Failed"), flow()), &[]);
            let task_run = |execution: &Execution| execution.task("refresh").unwrap().id().to_owned();
            let failed = flow_of_ours.run(&fixture);
            ends(&fixture, &failed, "FAILED", "failed", 10);
            fixture.platform.change(DATAFLOW, json!({"ends": "Success"}));
            let again = fixture.restart(failed.id());
            assert_eq!((again.state(), again.output("status")), ("SUCCESS", "completed".into()));
            assert_eq!(task_run(&again), task_run(&failed), "a Restart keeps the task run");
            let replay = fixture.replay(failed.id());
            ends(&fixture, &replay, "SUCCESS", "completed", 0);
            assert_ne!(task_run(&replay), task_run(&failed), "a Replay is a new refresh");
            assert_eq!(replay.task("refresh").unwrap().var("replayed"), false);
            assert_eq!((fixture.platform.triggers(), fixture.runs().len()), (3, 3));
        });
    }

    fn a_task_that_is_delivered_twice_is_one_refresh(line) {
        each(&ALL, |flow_of_ours| {
            let fixture = flow_of_ours.on(line, &endless(), &[]);
            let execution = flow_of_ours.started(&fixture);
            let task_run = fixture.report(&execution).task("refresh").unwrap().id().to_owned();
            fixture.deliver_again(&task_run);
            fixture.wait_until(&execution, "the second delivery waits for the first", |execution| {
                execution.logs().iter().any(|(_, message)| message.contains("waiting for its verdict"))
            });
            fixture.platform.complete("Success");
            let ended = fixture.finished(&execution);
            assert_eq!((ended.state(), ended.output("status")), ("SUCCESS", "completed".into()));
            assert_eq!(ended.metric("powerbi.refresh.completed"), Some(1.0));
            assert_eq!((fixture.platform.triggers(), fixture.runs().len()), (1, 1));
        });
    }
}
