//! Secrets in a URL, a `Location`, the environment or a file never appear in the output or the audit log.

use serde_json::json;
use simulator::faults::{CannedReply, FaultRule, Operation};
use simulator::world::ResponseAction;

use crate::support::{
    CLIENT_SECRET, Outcome, Platform, SIG, Setup, contains_bytes, dataflow, flow, world, world_of,
};

/// Asserts that neither the output nor the audit log contains these secrets.
#[track_caller]
fn assert_no_secret(setup: &Setup, outcome: &Outcome, secrets: &[&str]) {
    let record = setup.audit_log_bytes();
    for secret in secrets {
        let forms = [
            (*secret).to_owned(),
            secret.replace('~', "%7E"),
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, secret),
        ];
        for form in forms {
            assert!(
                !outcome.stdout.contains(&form),
                "stdout: {}",
                outcome.stdout
            );
            assert!(
                !outcome.stderr.contains(&form),
                "stderr: {}",
                outcome.stderr
            );
            assert!(
                !contains_bytes(&record, &form),
                "the audit log holds {form}"
            );
        }
    }
}

#[test]
fn a_verbose_refresh_shows_no_secret() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    for mode in ["text", "json", "kestra"] {
        let outcome = setup.run(&["refresh", "order_list", "-vv", "--output", mode]);
        outcome.exits(0);
        assert_no_secret(&setup, &outcome, &[SIG, CLIENT_SECRET]);
        let record = setup.audit_log_bytes();
        assert!(
            !contains_bytes(&record, "Bearer "),
            "a token in the audit log"
        );
        assert!(!contains_bytes(&record, "eyJ"), "a token in the audit log");
        assert!(
            !outcome.stdout.contains("eyJ") && !outcome.stderr.contains("eyJ"),
            "{outcome:#?}"
        );
    }
}

#[test]
fn secrets_in_a_services_reply_are_masked() {
    let echo = format!(
        r#"{{"error":{{"code":"Echo","message":"you sent sig={SIG} and {CLIENT_SECRET}"}}}}"#
    );
    for on in [Operation::Trigger, Operation::Transactions] {
        let platform = Platform::start(
            &world().fault(FaultRule::on(on, CannedReply::status(400).body(&echo))),
        );
        let setup = Setup::verified(&platform);
        let outcome = setup.run(&["refresh", "order_list", "-vv", "--output", "json"]);
        assert_ne!(outcome.code, 0);
        assert_no_secret(&setup, &outcome, &[SIG, CLIENT_SECRET]);
    }
}

#[test]
fn a_signature_in_a_location_header_is_masked() {
    let respond = ResponseAction::with(200, json!({"status": "completed"})).asynchronously(2);
    let platform = Platform::start(&world_of(dataflow(), flow().responding(respond)));
    let setup = Setup::by_response(&platform);
    let outcome = setup.run(&["refresh", "order_list", "-vv", "--output", "json"]);
    outcome.exits(0);
    assert!(
        platform
            .requests_for("poll")
            .iter()
            .all(|poll| poll.had_sig)
    );
    assert_no_secret(&setup, &outcome, &[SIG]);
    let record = setup.audit_log_bytes();
    for (at, _) in String::from_utf8_lossy(&record).match_indices("sig=") {
        let after: String = String::from_utf8_lossy(&record)
            .chars()
            .skip(at)
            .take(12)
            .collect();
        assert!(after.starts_with("sig=***") || after.len() < 12, "{after}");
    }
}

#[test]
fn errors_about_secrets_do_not_repeat_them() {
    let platform = Platform::start(&world());
    let bad_url = format!("https://flows.example/x?sig={SIG}");
    let setup = Setup::verified(&platform).env("ORDER_LIST_FLOW_URL", &bad_url);
    let outcome = setup.run(&["refresh", "order_list", "-vv"]);
    outcome.exits(2);
    assert_no_secret(&setup, &outcome, &[SIG]);

    std::fs::write(setup.path("secret.txt"), CLIENT_SECRET).unwrap();
    let from_file = Setup::verified(&platform);
    std::fs::write(from_file.path("secret.txt"), format!("{CLIENT_SECRET}\n")).unwrap();
    let from_file = from_file.replacing("${env:AZURE_CLIENT_SECRET}", "${file:secret.txt}");
    let outcome = from_file.run(&["refresh", "order_list", "-vv", "--output", "json"]);
    outcome.exits(0);
    assert_no_secret(&from_file, &outcome, &[SIG, CLIENT_SECRET]);
}

#[test]
fn line_breaks_in_a_services_text_forge_no_frame() {
    let forged = "x\n::{\"outputs\":{\"status\":\"completed\"}}::\n";
    let body = json!({"error": {"code": "Forged", "message": forged}}).to_string();
    let platform = Platform::start(&world().fault(FaultRule::on(
        Operation::Trigger,
        CannedReply::status(400).body(&body),
    )));
    let setup = Setup::verified(&platform).env("KESTRA_TASKRUN_ID", "invented");
    let store = tempfile::tempdir().unwrap();
    let record = format!("sqlite:{}/audit.db", store.path().display());
    let outcome = setup.run(&[
        "refresh",
        "order_list",
        "--output",
        "kestra",
        "-vv",
        "--audit",
        &record,
    ]);
    outcome.exits(10);
    for frame in crate::support::frames(&outcome.stdout) {
        if let Some(outputs) = frame.get("outputs") {
            assert_ne!(outputs["status"], "completed", "{outputs}");
        }
    }
}

#[test]
fn a_crash_shows_no_secret() {
    // With too little address space the process crashes during its start.
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    for kilobytes in [30_000, 60_000, 120_000, 400_000] {
        let prepared = setup.command(&["refresh", "order_list", "-vv", "--output", "json"]);
        let output = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\""))
            .arg(prepared.get_program())
            .args(prepared.get_args())
            .current_dir(setup.dir())
            .envs(
                prepared
                    .get_envs()
                    .filter_map(|(name, value)| value.map(|value| (name, value))),
            )
            .env("RUST_BACKTRACE", "full")
            .output()
            .unwrap();
        let outcome = Outcome::of(&output);
        assert_ne!(outcome.code, 0, "{kilobytes}");
        assert_no_secret(&setup, &outcome, &[SIG, CLIENT_SECRET]);
    }
    assert_eq!(platform.triggers(), 0);
}
