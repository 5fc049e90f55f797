//! What commands print (help, tables, the WIT), and their exit code if stdout cannot be written.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use wit_parser::{Resolve, World};

use crate::support::{Outcome, Platform, Setup, frames, verified, world};

/// Ends the command with this stdout.
fn end_with(setup: &Setup, line: &str, stdout: impl Into<Stdio>) -> Outcome {
    let child = setup.command(line).stdout(stdout).spawn().unwrap();
    Outcome::end_of(child)
}

/// A full device.
fn full() -> File {
    File::create("/dev/full").unwrap()
}

/// A pipe whose reader has gone, as after `| head`.
fn without_reader() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn a_command_that_only_prints_fails_if_it_cannot() {
    let (_platform, setup) = verified(&world());
    let run = setup.refresh("").field("run");
    std::fs::write(
        setup.path("old.yaml"),
        "power_automate: {workflows: {a: {logic_app_url: \"https://flows.example/x\"}}}\n",
    )
    .unwrap();
    for line in [
        "schema",
        "schema --output json",
        "component",
        "component --wit",
        "check",
        "list workspaces",
        "list runs order_list",
        "list workspaces --output json",
        "audit list",
        "audit list --output json",
        &format!("audit show {run}"),
        &format!("audit show {run} --output json"),
        "import-config old.yaml",
    ] {
        setup.run(line).exits(0);
        let outcome = end_with(&setup, line, full());
        outcome.exits(2).says("error: cannot write to stdout: ");
        let outcome = end_with(&setup, line, without_reader());
        outcome.exits(141);
        assert!(!outcome.stderr.contains("stdout"), "{line}: {outcome:#?}");
    }
}

#[test]
fn the_exit_code_of_a_verdict_does_not_depend_on_its_reader() {
    let (_platform, setup) = verified(&world());
    for line in ["refresh order_list", "follow order_list"] {
        end_with(&setup, line, full()).exits(0);
        end_with(&setup, line, without_reader()).exits(0);
    }
}

#[test]
fn a_boolean_variable_is_a_boolean_and_an_empty_one_is_ignored() {
    let (_platform, setup) = verified(&world());
    let setup = &setup;
    for (option, line) in [
        ("QUIET", "schema"),
        ("NO_PROGRESS", "schema"),
        ("KESTRA_OTLP", "schema"),
        ("WIT", "component"),
        ("OPEN", "audit list"),
        ("ANY", "follow order_list"),
        ("ALL", "refresh"),
        ("DRY_RUN", "refresh"),
        ("NO_VERIFY", "refresh"),
        ("DETACH", "refresh"),
        ("NEW", "refresh"),
        ("FORCE", "refresh"),
    ] {
        let with = |value: &str| {
            let mut command = setup.command(line);
            command.env(format!("HOST_RUNNER_{option}"), value);
            Outcome::of(&command.output().unwrap())
        };
        for value in ["maybe", "2"] {
            let outcome = with(value);
            let name = option.to_lowercase().replace('_', "-");
            outcome.exits(2).says(&format!("'--{name}'"));
            outcome.says("not a boolean");
        }
        for value in ["", "No"] {
            let outcome = with(value);
            assert!(
                !outcome.stderr.contains("boolean"),
                "{option}={value}: {outcome:#?}"
            );
        }
    }
    let with = |name: &str, value: &str, line: &str| {
        let mut command = setup.command(line);
        Outcome::of(&command.env(name, value).output().unwrap())
    };
    // A value that Kestra renders as an empty text is no value.
    for name in [
        "OUTPUT",
        "LOG_LEVEL",
        "COLOR",
        "VERBOSE",
        "AUDIT",
        "CONFIG",
        "TARGET",
        "LIMIT",
    ] {
        with(&format!("HOST_RUNNER_{name}"), "", "audit list").exits(0);
    }
    let outcome = with("HOST_RUNNER_DRY_RUN", "yes", "refresh order_list");
    outcome.exits(0).says("dry run of order_list");
}

#[test]
fn global_options_are_described_in_the_programs_help_and_work_after_a_command() {
    let setup = Setup::bare();
    let help = setup.run("help");
    help.exits(0).says("Global options:").says("--log-level");
    for line in [
        "help refresh",
        "refresh -h",
        "refresh --help",
        "help list",
        "list --help",
        "list runs -h",
        "help audit show",
        "component --help",
        "help import-config",
    ] {
        let outcome = setup.run(line);
        outcome
            .exits(0)
            .says("Global options and environment variables: host-runner help");
        for absent in ["--log-level", "--kestra-otlp", "HOST_RUNNER_"] {
            assert!(!outcome.stdout.contains(absent), "{line}: {outcome:#?}");
        }
    }
    setup
        .run("help refresh")
        .says("Exit codes:")
        .says("Examples:")
        .says("--idempotency-key");
    setup
        .run("list")
        .exits(2)
        .says("Global options and environment variables");
    let outcome = setup.run("schema --output kestra --log-level info");
    outcome.exits(0);
    assert_eq!(frames(&outcome.stdout).len(), 1);
}

#[test]
fn the_printed_wit_is_the_contract_in_one_text() {
    let printed = Setup::bare().run("component --wit");
    printed.exits(0);
    let mut of_text = Resolve::default();
    let package = of_text.push_str("component.wit", &printed.stdout).unwrap();
    let text = of_text.select_world(&[package], Some("component")).unwrap();
    let mut of_folder = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = of_folder.push_dir(&wit).unwrap();
    let folder = of_folder
        .select_world(&[package], Some("component"))
        .unwrap();
    assert_eq!(
        functions(&of_text, &of_text.worlds[text]),
        functions(&of_folder, &of_folder.worlds[folder])
    );
    assert_eq!(of_text.types.len(), of_folder.types.len());
    assert!(printed.stdout.contains("/// "), "without its comments");
}

/// The interfaces of a world and their functions.
fn functions(resolve: &Resolve, world: &World) -> Vec<String> {
    let ports = world.imports.iter().chain(&world.exports);
    ports
        .flat_map(|(key, _)| {
            let name = resolve.name_world_key(key);
            let wit_parser::WorldKey::Interface(id) = key else {
                panic!("{name}");
            };
            let functions = resolve.interfaces[*id].functions.keys();
            let functions: Vec<String> = functions.map(|one| format!("{name}.{one}")).collect();
            [name].into_iter().chain(functions).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_history_of_a_flow_without_content_is_explained() {
    let platform = Platform::start(&world());
    for setup in [Setup::by_response(&platform), Setup::unverified(&platform)] {
        let outcome = setup.run("list runs order_list");
        outcome.exits(2).says("order_list has no refresh history");
        outcome.says("hint: give the target a `verify:`");
        assert!(!outcome.stderr.contains("credentials"), "{outcome:#?}");
    }
    assert_eq!(platform.requests().len(), 0);
}

#[test]
fn without_a_terminal_each_change_of_state_is_a_line_with_its_time() {
    let (_platform, setup) = verified(&world());
    for (options, shown) in [
        ("", true),
        ("-q", false),
        ("--no-progress", false),
        ("-v --no-progress", true),
    ] {
        let outcome = setup.run(&format!("refresh order_list --new {options}"));
        outcome.exits(0);
        let is_shown = outcome.stderr.contains("order_list: Matched the run");
        assert_eq!(is_shown, shown, "{options}: {outcome:#?}");
        assert!(
            outcome.stdout.starts_with("completed  order_list"),
            "{outcome:#?}"
        );
    }
    let outcome = setup.run("refresh order_list --new");
    for line in outcome.stderr.lines() {
        let time = line
            .strip_prefix("info: ")
            .and_then(|line| line.split(' ').next());
        let time = time.unwrap_or_else(|| panic!("{outcome:#?}"));
        assert!(
            time.ends_with('Z') && time.len() == "2026-11-23T08:00:00Z".len(),
            "{line}"
        );
    }
}
