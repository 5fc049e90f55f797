//! What is not as it should be in a task is told, with the line to add; and the line helps.

use kestra_engine::{Execution, Line};

use crate::shipped;
use crate::stage::{Stage, Task};
use crate::support::{host_runner, world};

/// A task that triggers and asks for no more.
fn task() -> Task {
    Task::new("host-runner refresh order_list", "")
}

fn said(execution: &Execution, level: &str) -> String {
    execution.logged(level).join("\n")
}

/// The pipeline with the namespace file `host-runner` in its last task; `first` stands before
/// everything else that the task runs.
fn with_delivered_binary(first: &str) -> String {
    let text = shipped::flow("order-list-pipeline");
    let text = text.replace(
        "    timeout: PT4H\n",
        "    timeout: PT4H\n    namespaceFiles: {enabled: true, include: [host-runner]}\n",
    );
    let guard = "    beforeCommands:\n";
    assert!(text.contains(guard) && text.contains("include: [host-runner]"));
    text.replace(guard, &format!("{guard}{first}"))
}

on_both_lines! {
    fn a_task_without_its_task_run_id_is_warned_with_the_line_to_add(line) {
        let stage = Stage::new(line, &world());
        let execution = stage.run_task(&task().without_env("KESTRA_TASKRUN_ID"));
        assert_eq!(execution.state(), "SUCCESS");
        let told = said(&execution, "WARN");
        assert!(told.contains("KESTRA_TASKRUN_ID: \"{{ taskrun.id }}\""), "{told}");
        assert_eq!(execution.task("refresh").unwrap().var("idempotency_key"), "");
    }

    fn a_record_in_the_working_directory_is_refused_with_the_line_to_add(line) {
        let stage = Stage::new(line, &world());
        let execution = stage.run_task(&task().env("HOST_RUNNER_AUDIT", "sqlite:audit.db"));
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("FAILED", 2));
        assert_eq!(refresh.var("code"), "audit_log_in_working_directory");
        let told = said(&execution, "ERROR");
        assert!(told.contains("HOST_RUNNER_AUDIT: \"sqlite:"), "{told}");
        assert_eq!(stage.platform.triggers(), 0);
    }

    fn a_task_that_names_no_record_is_refused_with_the_line_to_add(line) {
        let stage = Stage::new(line, &world());
        let execution = stage.run_task(&task().without_env("HOST_RUNNER_AUDIT"));
        let refresh = execution.task("refresh").unwrap();
        assert_eq!((execution.state(), refresh.exit_code()), ("FAILED", 2));
        assert_eq!(refresh.var("code"), "audit_log_not_configured");
        assert!(said(&execution, "ERROR").contains("HOST_RUNNER_AUDIT: \"sqlite:"));
        assert_eq!(stage.platform.triggers(), 0);
    }

    fn a_binary_that_arrived_without_its_run_bit_is_told_with_a_line_that_mends_it(line) {
        let stage = Stage::new(line, &world());
        // As small as a file may be that is a program all the same.
        let program = format!("#!/bin/sh\nexec '{}' \"$@\"\n", host_runner().display());
        stage.file("host-runner", program.as_bytes());
        stage.load_text(&with_delivered_binary(""));
        let execution = stage.run("order_list_pipeline", &Stage::ids());
        assert_eq!(execution.state(), "FAILED");
        assert_eq!(execution.task("refresh").unwrap().exit_code(), 2);
        let told = said(&execution, "ERROR");
        let (_, line_to_add) = told.split_once("Add the line ").expect("it says what to add");
        let (line_to_add, _) = line_to_add.split_once("  as the first one").expect("and where");
        assert_eq!(line_to_add.trim(), "- chmod +x host-runner");

        stage.load_text(&with_delivered_binary(&format!("      {}\n", line_to_add.trim())));
        let execution = stage.run("order_list_pipeline", &Stage::ids());
        assert_eq!(execution.state(), "SUCCESS", "{:#}", execution.raw());
        assert_eq!(stage.platform.triggers(), 1);
    }

    fn a_binary_that_is_nowhere_is_told_with_what_to_do(line) {
        let stage = Stage::new(line, &world());
        let text = shipped::flow("order-list-pipeline");
        stage.load_text(&text.replace(
            "      HOST_RUNNER_AUDIT:",
            "      PATH: /usr/bin:/bin\n      HOST_RUNNER_AUDIT:",
        ));
        let execution = stage.run("order_list_pipeline", &Stage::ids());
        assert_eq!(execution.state(), "FAILED");
        assert_eq!(execution.task("refresh").unwrap().exit_code(), 2);
        let told = said(&execution, "ERROR");
        assert!(told.contains("host-runner is not on the PATH of this worker"), "{told}");
    }
}
