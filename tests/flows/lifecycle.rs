//! What Kestra does to tasks: kill, retry, a lost worker, Restart. Exactly one refresh is triggered, and
//! the audit log has it. `matrix` runs the other cases in every flow.

use kestra_engine::{Execution, Line};
use serde_json::{Value, json};

use crate::fixture::worlds::never_starting;
use crate::fixture::{Fixture, Task, VERIFY};
use crate::support::{endless, kill};

const FLOW: &str = "order_list_pipeline";

fn status(execution: &Execution) -> Value {
    execution.task("refresh").unwrap().var("status")
}

on_both_lines! {
    fn a_kill_also_cancels_the_refresh_if_configured(line) {
        let fixture = Fixture::new(line, &endless());
        fixture.configure(&[("deadline: 3h30m", "deadline: 3h30m\n  on_interrupt: cancel")]);
        fixture.load("order-list-pipeline");
        let execution = fixture.start(FLOW, &json!({}));
        fixture.wait_for_match();
        fixture.kill(&execution);
        fixture.wait_for("the service receives the cancellation", |fixture| {
            !fixture.platform.requests_for("cancel").is_empty()
        });
        fixture.wait_for("the service's reply is stored", |fixture| {
            fixture.event_kinds().last().is_some_and(|kind| kind == "note")
        });
        let kinds = fixture.event_kinds();
        assert_eq!(kinds[kinds.len() - 2..], ["interrupted", "note"]);
        assert_eq!(fixture.finished(&execution).state(), "KILLED");
        assert_eq!(fixture.platform.runs()[0]["status"], "Cancelled");
    }

    fn a_retry_after_a_lost_worker_follows_the_first_refresh(line) {
        let fixture = Fixture::new(line, &endless());
        // A task `retry:` of Kestra, which our flows do not have, starts the task again with the same
        // task run id, as after the loss of a worker.
        let task = Task::new("host-runner refresh order_list", VERIFY)
            .with("retry: {type: constant, interval: PT1S, maxAttempts: 2}");
        fixture.load_text(&task.flow());
        let execution = fixture.start("one_task", &json!({}));
        fixture.wait_for_match();
        let pid = fixture.only_run_events()[0]["actor"]["pid"].to_string();
        assert!(kill("9", &pid));
        fixture.wait_until(&execution, "a second attempt", |execution| {
            execution.task("refresh").is_some_and(|task| task.attempts() == 2)
        });
        fixture.platform.complete("Success");
        let ended = fixture.finished(&execution);
        let refresh = ended.task("refresh").unwrap();
        assert_eq!(ended.state(), "SUCCESS", "{:#}", ended.raw());
        assert_eq!(refresh.var("status"), "completed");
        assert_eq!(refresh.var("idempotency_key"), refresh.id());
        assert_eq!((fixture.platform.triggers(), fixture.runs().len()), (1, 1));
    }

    fn a_restart_after_an_unknown_outcome_checks_again_and_triggers_nothing(line) {
        let fixture = Fixture::new(line, &never_starting());
        fixture.load("order-list-pipeline");
        let first = fixture.run(FLOW, &json!({}));
        assert_eq!((first.state(), &status(&first)), ("FAILED", &json!("unknown")));
        let again = fixture.restart(first.id());
        assert_eq!((again.state(), &status(&again)), ("FAILED", &json!("unknown")));
        assert_eq!((fixture.platform.triggers(), fixture.runs().len()), (1, 1));
    }
}
