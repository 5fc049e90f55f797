//! Bad input ends with its exit code and a message that says what to do next; nothing is sent.

use crate::support::{Outcome, Platform, Setup, WORKSPACE, dataflow, flow, world, world_of};

/// The usual setup, changed, must end in `invalid` before anything is sent.
#[track_caller]
fn invalid(change: impl FnOnce(Setup) -> Setup, says: &[&str]) -> Outcome {
    let platform = Platform::start(&world());
    let outcome = change(Setup::verified(&platform)).run(&["refresh", "order_list"]);
    outcome.exits(2);
    for part in says {
        outcome.says(part);
    }
    assert_eq!(platform.requests().len(), 0, "{outcome:#?}");
    outcome
}

#[test]
fn yaml_that_cannot_be_read_or_is_not_yaml_says_where() {
    invalid(|setup| setup.config("targets: [\n  - {"), &["refresh.yaml"]);
    let platform = Platform::start(&world());
    let outcome =
        Setup::verified(&platform).run(&["refresh", "order_list", "--config", "nowhere.yaml"]);
    outcome.exits(2).says("nowhere.yaml");
    let setup = Setup::verified(&platform);
    std::fs::create_dir(setup.path("folder.yaml")).unwrap();
    setup
        .run(&["refresh", "order_list", "--config", "folder.yaml"])
        .exits(2)
        .says("folder.yaml");
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_key() {
    invalid(
        |setup| setup.replacing("    payload:", "    paylaod:"),
        &["paylaod", "payload", "refresh.yaml:16"],
    );
}

#[test]
fn a_guard_that_this_version_does_not_have_is_refused_and_not_ignored() {
    invalid(
        |setup| setup.appending("    after: [order_list]\n"),
        &["after", "version"],
    );
}

#[test]
fn an_unknown_target_suggests_the_nearest() {
    let platform = Platform::start(&world());
    let outcome = Setup::verified(&platform).run(&["refresh", "order_lst"]);
    outcome.exits(2).says("order_lst").says("order_list");
}

#[test]
fn a_target_name_that_expressions_cannot_use_is_refused_with_one_that_they_can() {
    invalid(
        |setup| setup.replacing("  order_list:", "  order-list:"),
        &["order-list", "order_list"],
    );
}

#[test]
fn a_url_that_lacks_a_part_says_which() {
    let base = "https://flows.example/workflows/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/triggers/manual/paths/invoke";
    for (query, says) in [
        (
            "?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-sig-0123456789",
            "api-version",
        ),
        ("?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0", "sig"),
        ("?api-version=1", "&"),
    ] {
        let url = format!("{base}{query}");
        let outcome = invalid(
            |setup| setup.env("ORDER_LIST_FLOW_URL", &url),
            &[says, "targets.order_list.url"],
        );
        assert!(!outcome.stderr.contains("INVENTED-sig"), "{outcome:#?}");
    }
}

#[test]
fn plain_http_is_refused_beyond_loopback() {
    invalid(
        |setup| {
            setup.env(
                "ORDER_LIST_FLOW_URL",
                "http://flows.example/workflows/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/triggers/manual/paths/invoke?api-version=1&sig=INVENTED-sig-0123456789",
            )
        },
        &["https"],
    );
}

#[test]
fn an_old_url_is_warned_about() {
    let platform = Platform::start(&world());
    let outcome = Setup::unverified(&platform)
        .env(
            "ORDER_LIST_FLOW_URL",
            "https://prod-00.invented.logic.azure.com/workflows/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-sig-0123456789",
        )
        .run(&["refresh", "order_list", "--deadline", "300ms"]);
    outcome.says("30 November 2025").says("logic.azure.com");
}

#[test]
fn a_missing_or_empty_variable_is_named() {
    invalid(
        |setup| setup.without_env("ORDER_LIST_FLOW_URL"),
        &["ORDER_LIST_FLOW_URL", "targets.order_list.url"],
    );
    invalid(
        |setup| setup.env("AZURE_CLIENT_SECRET", ""),
        &["AZURE_CLIENT_SECRET", "empty"],
    );
}

#[test]
fn a_name_that_is_not_there_is_refused_with_those_that_are() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform).replacing(
        &format!("workspace: {WORKSPACE}"),
        "workspace: Data Admin Team",
    );
    setup
        .refresh(&[])
        .is("invalid", "name_not_found", 2)
        .says("Data Admin Team")
        .says("Available: Data Admin")
        .says("or give the id");
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_payload_that_is_not_an_object_is_refused() {
    invalid(
        |setup| {
            setup.replacing(
                "payload: {dataflow_name: Master Order List, workspace: Data Admin, source: ORDER_LIST_pipeline}",
                "payload: [1, 2]",
            )
        },
        &["payload", "object"],
    );
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    std::fs::write(setup.path("payload.json"), "\"text\"").unwrap();
    setup
        .run(&["refresh", "order_list", "--payload", "payload.json"])
        .exits(2)
        .says("payload.json")
        .says("object");
    assert_eq!(platform.requests().len(), 0);
}

#[test]
fn a_wrong_flag_exits_2_and_suggests() {
    let outcome = Setup::bare().run(&["refresh", "--dedline", "5m"]);
    outcome.exits(2).says("--deadline");
}

#[test]
fn nothing_to_refresh_says_how_to_name_something() {
    let outcome = Setup::bare().run(&["refresh"]);
    outcome.exits(2).says("refresh.yaml").says("--kind");
}

/// A record that cannot be used ends the run before anything is sent.
#[track_caller]
fn unusable_record(prepare: impl FnOnce(&Setup), location: &str, exit: i32, says: &str) {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    prepare(&setup);
    let location = location.replace("DIR", setup.dir().to_str().unwrap());
    let outcome = setup.run(&[
        "refresh",
        "order_list",
        "--deadline",
        "2s",
        "--audit",
        &location,
    ]);
    outcome.exits(exit).says(says);
    assert_eq!(platform.triggers(), 0, "{outcome:#?}");
}

#[test]
fn a_record_that_is_a_directory_sends_nothing() {
    unusable_record(
        |setup| std::fs::create_dir(setup.path("folder")).unwrap(),
        "sqlite:DIR/folder",
        16,
        "director",
    );
}

#[test]
fn a_record_that_cannot_be_written_sends_nothing() {
    // Nobody can write below /proc, not even root.
    unusable_record(|_| {}, "sqlite:/proc/version", 16, "/proc/version");
}

#[test]
fn a_record_that_is_not_sqlite_sends_nothing_and_is_left_as_it_is() {
    let text = "these are notes about the order list, and certainly no database\n".repeat(40);
    let kept = text.clone();
    unusable_record(
        move |setup| std::fs::write(setup.path("notes.txt"), text).unwrap(),
        "sqlite:DIR/notes.txt",
        16,
        "notes.txt",
    );
    assert!(kept.len() > 1000);
}

#[test]
fn a_record_on_a_full_disk_sends_nothing() {
    unusable_record(|_| {}, "sqlite:/dev/full", 16, "/dev/full");
}

#[test]
fn a_record_of_another_kind_of_database_says_what_is_supported() {
    unusable_record(|_| {}, "mysql://db.example/audit", 2, "sqlite");
}

#[test]
fn a_record_in_a_kestra_tasks_working_directory_sends_nothing() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    let dir = setup.dir().to_str().unwrap().to_owned();
    let setup = setup
        .env("KESTRA_TASKRUN_ID", "invented-task-run")
        .env("WORKING_DIR", &dir);
    let outcome = setup.run(&["refresh", "order_list"]);
    outcome.exits(2).says("working directory");
    assert_eq!(platform.requests().len(), 0);
}

#[test]
fn a_kestra_task_must_name_its_record() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform)
        .replacing("audit: sqlite:audit.db\n", "")
        .env("KESTRA_TASKRUN_ID", "invented-task-run");
    let outcome = setup.run(&["refresh", "order_list"]);
    outcome.exits(2).says("HOST_RUNNER_AUDIT");
    assert_eq!(platform.requests().len(), 0);
}

#[test]
fn a_locked_record_is_waited_for_and_then_16() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    // A first run makes the audit log; then somebody holds it.
    setup.run(&["audit", "list"]);
    setup.refresh(&["--no-verify"]).exits(0);
    let holder = rusqlite::Connection::open(setup.path("audit.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = platform.triggers();
    let outcome = setup.refresh(&["--deadline", "1500ms"]);
    outcome.exits(16);
    assert_eq!(outcome.field("status"), "audit_unavailable");
    assert_eq!(platform.triggers(), before);
    holder.execute_batch("ROLLBACK").unwrap();
    setup.refresh(&["--no-verify"]).exits(0);
}

/// The binary behind a limit of the shell's, as on a disk without room.
#[track_caller]
fn with_file_limit(setup: &Setup, blocks: u32, arguments: &[&str]) -> Outcome {
    let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = std::process::Command::new("/bin/sh");
    let prepared = setup.command(arguments);
    command
        .arg("-c")
        .arg(line)
        .arg(prepared.get_program())
        .args(prepared.get_args());
    command.current_dir(setup.dir()).env_clear();
    for (name, value) in prepared.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    Outcome::of(&command.output().unwrap())
}

#[test]
fn a_record_that_cannot_grow_any_more_sends_nothing() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    // The audit log is there and is whole; there is only no room for another event.
    setup.refresh(&[]).exits(0);
    let outcome = with_file_limit(
        &setup,
        8,
        &[
            "refresh",
            "order_list",
            "--output",
            "json",
            "--deadline",
            "2s",
        ],
    );
    outcome.exits(16);
    assert_eq!(outcome.field("status"), "audit_unavailable");
    assert_eq!(platform.triggers(), 1);
    setup.refresh(&[]).exits(0);
}

#[test]
fn a_verdict_that_cannot_be_stored_is_not_called_a_success_and_is_followed_later() {
    let platform = Platform::start(&world_of(dataflow().run_ms(500), flow()));
    let setup = Setup::verified(&platform);
    let child = setup.start(&[
        "refresh",
        "order_list",
        "--output",
        "json",
        "--deadline",
        "4s",
        "--idempotency-key",
        "k",
    ]);
    platform.wait_until("the run", |platform| platform.runs().len() == 1);
    let holder = rusqlite::Connection::open(setup.path("audit.db")).unwrap();
    holder
        .busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    outcome.exits(12);
    assert_eq!(outcome.field("status"), "unknown");
    assert_eq!(outcome.field("sent"), "yes");
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    let later = setup.refresh(&["--idempotency-key", "k"]);
    later.is("completed", "", 0);
    assert_eq!(platform.triggers(), 1);
}
