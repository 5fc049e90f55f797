//! Mistakes in a task are logged with the line to add, and that line fixes them.

use kestra_engine::{Execution, Line};
use serde_json::json;

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

/// The first flow with the binary as a namespace file, and with these lines before its command.
fn with_binary_as_namespace_file(lines: &str) -> String {
    let text = shipped::flow("first-refresh");
    let changed = text
        .replace(
            "include: [refresh.yaml]",
            "include: [refresh.yaml, host-runner]",
        )
        .replace(
            "    commands: [host-runner",
            &format!("{lines}    commands: [./host-runner"),
        );
    assert!(changed.contains(", host-runner]") && changed.contains("[./host-runner"));
    changed
}

on_both_lines! {
    fn a_missing_context_is_a_warning_with_the_line_to_add(line) {
        let fixture = Fixture::new(line, &world());
        let without = task().without_env("KESTRA_CONTEXT");
        let execution = fixture.run_task(&without);
        assert_eq!(execution.state(), "SUCCESS");
        assert_eq!(execution.task("refresh").unwrap().var("idempotency_key"), "");
        let text = logged(&execution, "WARN");
        let (_, line_to_add) = text.split_once("the line ").expect("the line to add");
        let (name, value) = line_to_add.trim_end_matches('"').split_once(": \"").unwrap();

        let execution = fixture.run_task(&without.env(name, value));
        assert_eq!(execution.logged("WARN"), [""; 0]);
        let refresh = execution.task("refresh").unwrap();
        assert_eq!(refresh.var("idempotency_key"), refresh.id());
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

    fn a_binary_as_a_namespace_file_must_be_made_executable(line) {
        let fixture = Fixture::new(line, &world());
        // A small program that runs the binary.
        let program = format!("#!/bin/sh\nexec '{}' \"$@\"\n", host_runner().display());
        fixture.upload("host-runner", program.as_bytes());
        fixture.load_text(&with_binary_as_namespace_file(""));
        let execution = fixture.run("first_refresh", &json!({}));
        assert_eq!(execution.state(), "FAILED");
        assert_eq!(execution.task("refresh").unwrap().exit_code(), 126);
        let text = logged(&execution, "ERROR");
        assert!(text.contains("host-runner") && text.contains("Permission denied"), "{text}");

        let line_of_the_readme = "    beforeCommands: [chmod +x host-runner]\n";
        assert!(shipped::file("README.md").contains(line_of_the_readme));
        fixture.load_text(&with_binary_as_namespace_file(line_of_the_readme));
        fixture.succeeds("first_refresh", &json!({}));
        assert_eq!(fixture.platform.triggers(), 1);
    }

    fn a_missing_binary_is_an_error_that_names_it(line) {
        let fixture = Fixture::new(line, &world());
        let text = shipped::flow("first-refresh");
        fixture.load_text(&text.replace("    env:\n", "    env:\n      PATH: /usr/bin:/bin\n"));
        let execution = fixture.run("first_refresh", &json!({}));
        assert_eq!(execution.state(), "FAILED");
        assert_eq!(execution.task("refresh").unwrap().exit_code(), 127);
        let text = logged(&execution, "ERROR");
        assert!(text.contains("host-runner: not found"), "{text}");
    }
}
