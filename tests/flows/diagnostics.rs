//! Mistakes in a task are logged with the line to add, and that line fixes them.

use kestra_engine::{Execution, Line};

use crate::fixture::{Fixture, Task};
use crate::shipped;
use crate::support::{host_runner, world};

/// A task that only triggers.
fn task() -> Task {
    Task::new("host-runner refresh order_list", "")
}

fn logged(execution: &Execution, level: &str) -> String {
    execution.logged(level).join("\n")
}

/// The pipeline with the namespace file `host-runner` in its last task, and with `first` as the task's first
/// command.
fn with_binary_as_namespace_file(first: &str) -> String {
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
    fn a_missing_task_run_id_is_a_warning_with_the_line_to_add(line) {
        let fixture = Fixture::new(line, &world());
        let execution = fixture.run_task(&task().without_env("KESTRA_TASKRUN_ID"));
        assert_eq!(execution.state(), "SUCCESS");
        let text = logged(&execution, "WARN");
        assert!(text.contains("KESTRA_TASKRUN_ID: \"{{ taskrun.id }}\""), "{text}");
        assert_eq!(execution.task("refresh").unwrap().var("idempotency_key"), "");
    }

    fn an_audit_log_that_would_not_outlive_the_task_is_refused_with_the_line_to_add(line) {
        let fixture = Fixture::new(line, &world());
        for (task, code) in [
            (task().env("HOST_RUNNER_AUDIT", "sqlite:audit.db"), "audit_log_in_working_directory"),
            (task().without_env("HOST_RUNNER_AUDIT"), "audit_log_not_configured"),
        ] {
            let execution = fixture.run_task(&task);
            let refresh = execution.task("refresh").unwrap();
            assert_eq!((execution.state(), refresh.exit_code()), ("FAILED", 2));
            assert_eq!(refresh.var("code"), code);
            let errors = logged(&execution, "ERROR");
            assert!(errors.contains("HOST_RUNNER_AUDIT: \"sqlite:"), "{errors}");
        }
        assert_eq!(fixture.platform.triggers(), 0);
    }

    fn a_binary_that_is_not_executable_is_an_error_with_the_line_to_add(line) {
        let fixture = Fixture::new(line, &world());
        // A small program that runs the binary.
        let program = format!("#!/bin/sh\nexec '{}' \"$@\"\n", host_runner().display());
        fixture.upload("host-runner", program.as_bytes());
        fixture.load_text(&with_binary_as_namespace_file(""));
        let execution = fixture.run("order_list_pipeline", &Fixture::ids());
        assert_eq!(execution.state(), "FAILED");
        assert_eq!(execution.task("refresh").unwrap().exit_code(), 2);
        let text = logged(&execution, "ERROR");
        let (_, line_to_add) = text.split_once("Add the line ").expect("the line to add");
        let (line_to_add, _) = line_to_add.split_once("  as the first line").expect("and where");
        assert_eq!(line_to_add.trim(), "- chmod +x host-runner");

        fixture.load_text(&with_binary_as_namespace_file(&format!("      {}\n", line_to_add.trim())));
        fixture.succeeds("order_list_pipeline", &Fixture::ids());
        assert_eq!(fixture.platform.triggers(), 1);
    }

    fn a_missing_binary_is_an_error_with_a_hint(line) {
        let fixture = Fixture::new(line, &world());
        let text = shipped::flow("order-list-pipeline");
        fixture.load_text(&text.replace(
            "      HOST_RUNNER_AUDIT:",
            "      PATH: /usr/bin:/bin\n      HOST_RUNNER_AUDIT:",
        ));
        let execution = fixture.run("order_list_pipeline", &Fixture::ids());
        assert_eq!(execution.state(), "FAILED");
        assert_eq!(execution.task("refresh").unwrap().exit_code(), 2);
        let text = logged(&execution, "ERROR");
        assert!(text.contains("host-runner is not on the PATH of this worker"), "{text}");
    }
}
