//! Invalid input: the exit code, a message with a hint, and nothing is sent.

use simulator::faults::{Fault, FaultRule, Operation};
use simulator::world::{Flow, FlowForm};

use crate::support::{
    CLIENT_SECRET, Outcome, Platform, Setup, WORKSPACE, dataflow, endless, flow, verified, world,
    world_of,
};

/// Asserts that the usual setup with this change exits with 2 before anything is sent.
#[track_caller]
fn invalid(change: impl FnOnce(Setup) -> Setup, says: &[&str]) -> Outcome {
    let platform = Platform::start(&world());
    let outcome = change(Setup::verified(&platform)).run("refresh order_list");
    outcome.exits(2);
    for part in says {
        outcome.says(part);
    }
    assert_eq!(platform.requests().len(), 0, "{outcome:#?}");
    outcome
}

#[test]
fn an_unreadable_or_invalid_file_is_named() {
    invalid(|setup| setup.config("targets: [\n  - {"), &["refresh.yaml"]);
    let (_platform, setup) = verified(&world());
    std::fs::create_dir(setup.path("folder.yaml")).unwrap();
    for name in ["nowhere.yaml", "folder.yaml"] {
        let outcome = setup.run(&format!("refresh order_list --config {name}"));
        outcome.exits(2).says(name);
    }
}

#[test]
fn a_pipe_a_device_or_a_directory_is_named_and_not_read() {
    for (file, is) in [
        ("pipe", "it is a pipe"),
        ("/dev/zero", "it is a device"),
        ("folder", "it is a directory"),
    ] {
        let start = |change: &dyn Fn(Setup) -> Setup, line: &str, exit: i32| {
            let platform = Platform::start(&world());
            let setup = change(Setup::verified(&platform));
            let mut mkfifo = std::process::Command::new("mkfifo");
            assert!(mkfifo.arg(setup.path("pipe")).status().unwrap().success());
            std::fs::create_dir(setup.path("folder")).unwrap();
            let outcome = setup.run(&line.replace("FILE", file));
            outcome.exits(exit).says(file).says(is);
            assert_eq!(platform.triggers(), usize::from(exit == 0));
        };
        let in_secret = |setup: Setup| {
            setup.replacing("${env:AZURE_CLIENT_SECRET}", &format!("${{file:{file}}}"))
        };
        let as_ca = |setup: Setup| setup.appending(&format!("transport: {{ca_file: {file}}}\n"));
        let as_context = |setup: Setup| setup.env("KESTRA_EXECUTION_CONTEXT_FILE", file);
        start(&|setup| setup, "refresh order_list --config FILE", 2);
        start(&|setup| setup, "refresh order_list --payload FILE", 2);
        start(&|setup| setup, "refresh order_list --component FILE", 2);
        start(&|setup| setup, "import-config FILE", 2);
        start(&in_secret, "check", 2);
        start(&as_ca, "refresh order_list", 2);
        start(&as_context, "refresh order_list --output text", 0);
    }
}

#[test]
fn text_that_windows_wrote_is_read_and_utf_16_is_named() {
    let (platform, setup) = verified(&world());
    let marked = |text: &str| format!("\u{feff}{text}").replace('\n', "\r\n");
    let config = std::fs::read_to_string(setup.path("refresh.yaml")).unwrap();
    let config = config
        .replace("${env:AZURE_CLIENT_SECRET}", "${file:secret.txt}")
        .replace("${env:ORDER_LIST_FLOW_URL}", "${file:url.txt}");
    let setup = setup.config(&marked(&config));
    let write = |name: &str, text: &[u8]| std::fs::write(setup.path(name), text).unwrap();
    write(
        "secret.txt",
        marked(&format!("{CLIENT_SECRET}\n\n")).as_bytes(),
    );
    write(
        "url.txt",
        marked(&format!("{}\n", platform.trigger_url())).as_bytes(),
    );
    write("payload.json", marked("{\"n\": 1}\n").as_bytes());
    setup
        .refresh("--payload payload.json")
        .is("completed", "", 0);
    let text = CLIENT_SECRET.encode_utf16();
    write(
        "secret.txt",
        &text.flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    );
    let outcome = setup.run("check");
    outcome
        .exits(2)
        .says("secret.txt")
        .says("UTF-16; save it as UTF-8");
}

#[test]
fn what_is_around_a_value_is_reported_with_its_variable() {
    for key in ["tenant", "client_id", "url"] {
        let change = |setup: Setup| {
            let (from, to) = (format!("    {key}: "), format!("    {key}: ${{env:IT}} # "));
            let setup = setup.replacing(&from, &to);
            setup.env("IT", "\"11111111-1111-1111-1111-111111111111\"")
        };
        invalid(change, &["quotes", "env:IT", key]);
    }
    let inside = format!("{CLIENT_SECRET}\n{CLIENT_SECRET}");
    let change = |setup: Setup| setup.env("AZURE_CLIENT_SECRET", &inside);
    invalid(change, &["line break", "env:AZURE_CLIENT_SECRET"]);
    // Line breaks at the end are no part of a secret; what may be one is sent, with a warning.
    for (value, warns, exit) in [
        (format!("{CLIENT_SECRET}\r\n\n"), "", 0),
        (
            format!("\"{CLIENT_SECRET}\""),
            "_SECRET): quotes around",
            14,
        ),
        (format!("{CLIENT_SECRET} \n"), "_SECRET): blanks around", 14),
    ] {
        let (_platform, setup) = verified(&world());
        let setup = setup.env("AZURE_CLIENT_SECRET", &value);
        for command in ["refresh order_list", "check"] {
            let outcome = setup.run(command);
            outcome.exits(exit).says(warns);
            assert!(!format!("{outcome:?}").contains(CLIENT_SECRET));
        }
    }
}

#[test]
fn an_unknown_key_is_reported_with_its_line_and_the_nearest_key() {
    invalid(
        |setup| setup.replacing("    payload:", "    paylaod:"),
        &["paylaod", "payload", "refresh.yaml:16"],
    );
}

#[test]
fn a_guard_of_another_version_is_refused() {
    invalid(
        |setup| setup.appending("    after: [order_list]\n"),
        &["after", "not supported yet"],
    );
}

#[test]
fn an_unknown_target_suggests_the_nearest_name() {
    let (_platform, setup) = verified(&world());
    let outcome = setup.run("refresh order_lst");
    outcome.exits(2).says("order_lst").says("order_list");
}

#[test]
fn a_target_name_that_expressions_cannot_use_is_refused_with_a_suggestion() {
    invalid(
        |setup| setup.replacing("  order_list:", "  order-list:"),
        &["order-list", "order_list"],
    );
}

#[test]
fn the_missing_part_of_a_url_is_named() {
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
        let outcome = invalid(|setup| setup.url(&url), &[says, "targets.order_list.url"]);
        assert!(!outcome.stderr.contains("INVENTED-sig"), "{outcome:#?}");
    }
}

#[test]
fn plain_http_is_refused_beyond_loopback() {
    let url = flow().trigger_url("http://flows.example");
    invalid(|setup| setup.url(&url), &["https"]);
}

#[test]
fn an_old_url_is_a_warning() {
    let old = Flow {
        form: FlowForm::Old,
        ..flow()
    };
    let platform = Platform::start(&world());
    Setup::unverified(&platform)
        .url(&old.trigger_url("https://prod-00.invented.logic.azure.com"))
        .run("refresh order_list --deadline 300ms")
        .says("targets.order_list.url (env:ORDER_LIST_FLOW_URL)")
        .says("30 November 2025")
        .says("logic.azure.com");
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
fn an_unknown_workspace_is_refused_with_the_available_names() {
    let (platform, setup) = verified(&world());
    setup
        .replacing(&WORKSPACE.to_string(), "Data Admin Team")
        .refresh("")
        .is("invalid", "name_not_found", 2)
        .says("Data Admin Team")
        .says("Available: Data Admin")
        .says("or give the id");
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_payload_that_is_not_an_object_is_refused() {
    invalid(
        |setup| setup.replacing("payload: {", "payload: [1, 2] # {"),
        &["payload", "object"],
    );
    let (platform, setup) = verified(&world());
    std::fs::write(setup.path("payload.json"), "\"text\"").unwrap();
    setup
        .run("refresh order_list --payload payload.json")
        .exits(2)
        .says("payload.json")
        .says("object");
    assert_eq!(platform.requests().len(), 0);
}

#[test]
fn an_unknown_option_exits_with_2_and_a_suggestion() {
    let outcome = Setup::bare().run("refresh --dedline 5m");
    outcome.exits(2).says("--deadline");
}

#[test]
fn a_refresh_without_a_target_lists_the_ways_to_name_one() {
    let outcome = Setup::bare().run("refresh");
    outcome.exits(2).says("refresh.yaml").says("--kind");
}

/// Asserts that an unusable audit log ends the run before anything is sent.
#[track_caller]
fn unusable_audit_log(setup: &Setup, platform: &Platform, location: &str, exit: i32, says: &str) {
    let location = location.replace("DIR", setup.dir().to_str().unwrap());
    let line = format!("refresh order_list --deadline 2s --audit {location}");
    let outcome = setup.run(&line);
    outcome.exits(exit).says(says);
    assert_eq!(platform.triggers(), 0, "{outcome:#?}");
}

#[test]
fn an_unusable_audit_log_sends_nothing() {
    let (platform, setup) = verified(&world());
    std::fs::create_dir(setup.path("folder")).unwrap();
    for (location, exit, says) in [
        ("sqlite:DIR/folder", 16, "director"),
        // Not even root can write below /proc.
        ("sqlite:/proc/version", 16, "/proc/version"),
        ("sqlite:/dev/full", 16, "/dev/full"),
        ("mysql://db.example/audit", 2, "sqlite"),
    ] {
        unusable_audit_log(&setup, &platform, location, exit, says);
    }
}

#[test]
fn a_file_that_is_not_sqlite_sends_nothing_and_stays_unchanged() {
    let (platform, setup) = verified(&world());
    let text = "these are notes about the order list, and certainly no database\n".repeat(40);
    std::fs::write(setup.path("notes.txt"), &text).unwrap();
    unusable_audit_log(&setup, &platform, "sqlite:DIR/notes.txt", 16, "notes.txt");
    let after = std::fs::read_to_string(setup.path("notes.txt")).unwrap();
    assert_eq!(after, text);
}

#[test]
fn an_audit_log_in_a_kestra_tasks_working_directory_is_refused() {
    invalid(
        |setup| {
            let dir = setup.dir().to_str().unwrap().to_owned();
            setup
                .env("KESTRA_TASKRUN_ID", "invented-task-run")
                .env("WORKING_DIR", &dir)
        },
        &["working directory"],
    );
}

#[test]
fn a_kestra_task_must_configure_its_audit_log() {
    invalid(
        |setup| {
            setup
                .replacing("audit: sqlite:audit.db\n", "")
                .env("KESTRA_TASKRUN_ID", "invented-task-run")
        },
        &["HOST_RUNNER_AUDIT"],
    );
}

#[test]
fn a_locked_audit_log_is_named_and_never_leads_to_a_second_trigger() {
    let slow = |on| world().fault(FaultRule::on(on, Fault::DelayMs(900)));
    let late = dataflow().appear_after_ms(1200);
    std::thread::scope(|scope| {
        for (place, world) in [
            ("open", world()),
            ("intent", slow(Operation::Transactions)),
            ("triggered", slow(Operation::Trigger)),
            ("observed", world_of(late, flow())),
            ("outcome", endless()),
        ] {
            scope.spawn(move || {
                let (platform, setup) = verified(&world);
                setup.run("check").exits(0);
                let looks = platform.requests_for("transactions").len();
                let start = || setup.start_refresh("--deadline 6s --idempotency-key k");
                let child = (place != "open").then(start);
                let stored = |kind: &str| setup.event_kinds().contains(&kind.to_owned());
                platform.wait_until(place, |platform| match place {
                    "intent" => platform.requests_for("transactions").len() > looks,
                    "triggered" => platform.triggers() == 1,
                    "observed" => stored("triggered"),
                    "outcome" => stored("observed"),
                    _ => true,
                });
                let lock = setup.lock_audit_log();
                if place == "outcome" {
                    platform.complete("Success");
                }
                let outcome = Outcome::end_of(child.unwrap_or_else(start));
                let expected = match place {
                    "open" => ["audit_unavailable", "audit_log_locked", "no"],
                    "intent" => ["audit_unavailable", "audit_unavailable", "no"],
                    _ => ["unknown", "audit_write_failed", "yes"],
                };
                let ends = ["status", "code", "sent"].map(|name| outcome.field(name));
                assert_eq!(ends, expected, "{place}: {outcome:#?}");
                outcome.says("is locked by another process").says("fuser");
                drop(lock);
                let later = setup.refresh("--idempotency-key k");
                later.is("completed", "", 0);
                assert_eq!(platform.triggers(), 1, "{place}");
            });
        }
    });
}

#[test]
fn an_audit_log_that_cannot_grow_sends_nothing() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    // The audit log is valid, but there is no space for another event, as on a full disk.
    setup.refresh("").exits(0);
    let line = "refresh order_list --output json --deadline 2s";
    let outcome = Outcome::of(&setup.limited("-f 8", line).output().unwrap());
    outcome.ends("audit_unavailable", "no", 16);
    outcome.says("may not be larger");
    assert_eq!(platform.triggers(), 1);
    setup.refresh("").exits(0);
}
