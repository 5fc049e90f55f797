//! Every flow that refreshes, in every case that is not the good one: what is said, measured and
//! recorded is what it should be, whichever flow it is.

use kestra_engine::{Execution, Line};
use serde_json::{Value, json};
use simulator::faults::{CannedReply, FaultRule, Operation};
use simulator::world::{RefreshType, World};

use crate::shipped;
use crate::stage::Stage;
use crate::support::{dataflow, flow, world, world_of};

/// A flow that refreshes, started by hand for the target `order_list`.
#[derive(Clone, Copy)]
struct Refreshing {
    file: &'static str,
    id: &'static str,
    /// Whether its target stands in the namespace file, which has a quota.
    shared: bool,
    /// Whether a skipped refresh is green on purpose.
    skips_green: bool,
}

const ALL: [Refreshing; 5] = [
    Refreshing {
        file: "order-list-pipeline",
        id: "order_list_pipeline",
        shared: false,
        skips_green: false,
    },
    Refreshing {
        file: "refresh-one",
        id: "refresh_one",
        shared: false,
        skips_green: false,
    },
    Refreshing {
        file: "refresh-after",
        id: "refresh_after",
        shared: true,
        skips_green: false,
    },
    Refreshing {
        file: "refresh-webhook",
        id: "refresh_webhook",
        shared: true,
        skips_green: false,
    },
    Refreshing {
        file: "schedule-with-quota",
        id: "schedule_with_quota",
        shared: true,
        skips_green: true,
    },
];

impl Refreshing {
    /// On a stage of its own, with these replacements in its text and its configuration.
    fn on(self, line: Line, world: &World, changes: &[(&str, &str)]) -> Stage {
        let change = |text: String| {
            changes
                .iter()
                .fold(text, |text, (from, to)| text.replace(from, to))
        };
        let stage = Stage::new(line, world);
        stage.secret("REFRESH_WEBHOOK_KEY", "INVENTED-webhook-key");
        let shared = change(stage.adapted(&shipped::file("files/refresh.yaml")));
        stage.file("refresh.yaml", shared.as_bytes());
        let name = match self.file {
            "refresh-after" => format!("{}.{}", self.file, line.suffix()),
            file => file.to_owned(),
        };
        stage.load_text(&change(shipped::flow(&name)));
        stage
    }

    fn inputs(self, stage: &Stage) -> Value {
        let mut inputs = Stage::ids();
        match self.id {
            "order_list_pipeline" => inputs,
            "refresh_one" => {
                let fields = inputs.as_object_mut().unwrap();
                let dataflow = fields.remove("dataflow_id").unwrap();
                fields.insert("item_id".to_owned(), dataflow);
                fields.insert("kind".to_owned(), "power-automate".into());
                let url = stage.secret_name("ORDER_LIST_FLOW_URL");
                fields.insert("flow_url_secret".to_owned(), url.into());
                inputs
            }
            _ => json!({"target": "order_list"}),
        }
    }

    fn run(self, stage: &Stage) -> Execution {
        stage.run(self.id, &self.inputs(stage))
    }

    /// Begins it, and waits until its run at the service is known to be its own.
    fn begun(self, stage: &Stage) -> String {
        let execution = stage.begin(self.id, &self.inputs(stage));
        stage.until_matched();
        execution
    }
}

/// Carries out a case with every flow, side by side.
fn each(flows: &[Refreshing], case: impl Fn(Refreshing) + Sync) {
    std::thread::scope(|scope| {
        let case = &case;
        for flow in flows {
            scope.spawn(move || case(*flow));
        }
    });
}

/// Insists on state, status and exit code, wherever they can be read.
#[track_caller]
fn ends(stage: &Stage, execution: &Execution, state: &str, status: &str, exit: i64) {
    let raw = execution.raw();
    let refresh = execution.task("refresh").expect("it was run");
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
    assert_eq!(stage.runs()[0]["status"], status);
    let errors = execution.logged("ERROR").join("\n");
    assert_eq!(
        errors.contains(&format!("ended in {status}")),
        exit != 0,
        "{errors}"
    );
}

fn endless() -> World {
    world_of(dataflow().run_ms(3_600_000), flow())
}

on_both_lines! {
    fn accepted_but_never_begun_is_red_in_every_flow(line) {
        each(&ALL, |flow_of_ours| {
            let stage = flow_of_ours.on(line, &world_of(dataflow().never_starting(), flow()), &[]);
            let execution = flow_of_ours.run(&stage);
            ends(&stage, &execution, "FAILED", "unknown", 12);
            assert_eq!(stage.platform.triggers(), 1);
        });
    }

    fn a_used_up_quota_is_skipped_and_only_the_clocks_flow_is_green(line) {
        let mut full = dataflow();
        for hours in 1..=8_u64 {
            full = full.past_run(hours * 2 * 3600, 240, RefreshType::Scheduled, "Success");
        }
        let with_quota: Vec<Refreshing> = ALL.into_iter().filter(|one| one.shared).collect();
        each(&with_quota, |flow_of_ours| {
            let stage = flow_of_ours.on(line, &world_of(full.clone(), flow()), &[]);
            let execution = flow_of_ours.run(&stage);
            let (state, exit) = if flow_of_ours.skips_green { ("SUCCESS", 0) } else { ("FAILED", 11) };
            ends(&stage, &execution, state, "skipped", exit);
            assert_eq!(execution.metric("powerbi.refresh.order_list.quota_left"), Some(0.0));
            assert_eq!(stage.platform.triggers(), 0);
        });
    }

    fn a_service_that_stays_down_is_unavailable_in_every_flow(line) {
        let down = world().fault(FaultRule::on(Operation::Transactions, CannedReply::status(503)));
        each(&ALL, |flow_of_ours| {
            let stage = flow_of_ours.on(line, &down, &[("deadline: 3h30m", "deadline: 2500ms")]);
            let execution = flow_of_ours.run(&stage);
            ends(&stage, &execution, "FAILED", "unavailable", 15);
            assert_eq!(stage.platform.triggers(), 0);
        });
    }

    fn a_kill_of_any_flow_leaves_a_durable_word(line) {
        each(&ALL, |flow_of_ours| {
            let stage = flow_of_ours.on(line, &endless(), &[]);
            let execution = flow_of_ours.begun(&stage);
            stage.kill(&execution);
            assert_eq!(stage.end_of(&execution).state(), "KILLED");
            stage.eventually("the interruption is stored", |stage| {
                stage.event_kinds().last().is_some_and(|kind| kind == "interrupted")
            });
            assert_eq!(stage.platform.triggers(), 1);
        });
    }

    fn after_a_timeout_a_restart_of_any_flow_follows_what_it_began(line) {
        each(&ALL, |flow_of_ours| {
            let stage = flow_of_ours.on(line, &endless(), &[("timeout: PT4H", "timeout: PT10S")]);
            let execution = flow_of_ours.begun(&stage);
            let ended = stage.end_of(&execution);
            assert_eq!((ended.state(), ended.label("verdict")), ("FAILED", "none"));
            stage.platform.complete("Success");
            let again = stage.restart(&execution);
            ends(&stage, &again, "SUCCESS", "completed", 0);
            assert_eq!((stage.platform.triggers(), stage.runs().len()), (1, 1));
        });
    }

    fn a_failed_refresh_is_begun_afresh_by_a_restart_and_by_a_replay_of_any_flow(line) {
        each(&ALL, |flow_of_ours| {
            let stage = flow_of_ours.on(line, &world_of(dataflow().ends("Failed"), flow()), &[]);
            let failed = flow_of_ours.run(&stage);
            ends(&stage, &failed, "FAILED", "failed", 10);
            stage.platform.change_dataflow(json!({"ends": "Success"}));
            let again = stage.restart(failed.id());
            assert_eq!((again.state(), again.output("status")), ("SUCCESS", "completed".into()));
            let replay = stage.replay(failed.id());
            ends(&stage, &replay, "SUCCESS", "completed", 0);
            assert_eq!((stage.platform.triggers(), stage.runs().len()), (3, 3));
        });
    }

    fn a_second_delivery_of_any_flows_task_is_one_refresh(line) {
        each(&ALL, |flow_of_ours| {
            let stage = flow_of_ours.on(line, &endless(), &[]);
            let execution = flow_of_ours.begun(&stage);
            let task_run = stage.report(&execution).task("refresh").unwrap().id().to_owned();
            stage.deliver_again(&task_run);
            stage.until(&execution, "the second delivery waits for the first", |execution| {
                execution.logs().iter().any(|(_, message)| message.contains("another process works on run"))
            });
            stage.platform.complete("Success");
            let ended = stage.end_of(&execution);
            assert_eq!((ended.state(), ended.output("status")), ("SUCCESS", "completed".into()));
            assert_eq!(ended.metric("powerbi.refresh.completed"), Some(1.0));
            assert_eq!((stage.platform.triggers(), stage.runs().len()), (1, 1));
        });
    }
}
