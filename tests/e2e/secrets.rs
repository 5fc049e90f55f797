//! Secrets in a URL, a `Location`, the environment or a file never appear in the output or the audit log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use simulator::faults::{CannedReply, FaultRule, Operation};
use simulator::world::{Flow, FlowForm, Item, ResponseAction};

use crate::support::{
    CLIENT_SECRET, DATAFLOW, FLOW, Outcome, Platform, SIG, Setup, WORKSPACE, dataflow, flow,
    frames, verified, world, world_of,
};

/// A secret in a payload.
const FETCHED: &str = "INVENTED-fetched-1";

/// Asserts that neither the output nor the audit log contains a secret or a token.
#[track_caller]
fn assert_no_secret(setup: &Setup, outcome: &Outcome) {
    for secret in [SIG, CLIENT_SECRET] {
        let forms = [
            secret.to_owned(),
            secret.replace('~', "%7E"),
            STANDARD.encode(secret),
        ];
        for form in forms {
            assert_without(setup, outcome, &form);
        }
    }
    // A token begins like this.
    assert_without(setup, outcome, "eyJ");
    assert!(!setup.audit_log_contains("Bearer "));
}

#[track_caller]
fn assert_without(setup: &Setup, outcome: &Outcome, form: &str) {
    assert!(!outcome.stdout.contains(form), "{}", outcome.stdout);
    assert!(!outcome.stderr.contains(form), "{}", outcome.stderr);
    assert!(!setup.audit_log_contains(form), "the audit log has {form}");
}

#[test]
fn a_verbose_refresh_shows_no_secret() {
    let (_platform, setup) = verified(&world());
    for mode in ["text", "json", "kestra"] {
        let outcome = setup.run(&format!("refresh order_list -vv --output {mode}"));
        outcome.exits(0);
        assert_no_secret(&setup, &outcome);
    }
}

#[test]
fn secrets_in_a_services_reply_are_masked() {
    let echo = format!(
        r#"{{"error":{{"code":"Echo","message":"you sent sig={SIG}, {CLIENT_SECRET} and {FETCHED}"}}}}"#
    );
    for on in [Operation::Trigger, Operation::Transactions] {
        let rule = FaultRule::on(on, CannedReply::status(400).body(&echo));
        let (_platform, setup) = verified(&world().fault(rule));
        let setup = setup.replacing("ORDER_LIST_pipeline", "\"${env:FETCHED}\"");
        let setup = setup.env("FETCHED", FETCHED);
        let outcome = setup.refresh("-vv");
        assert_ne!(outcome.code, 0);
        assert_no_secret(&setup, &outcome);
        assert_without(&setup, &outcome, FETCHED);
    }
}

#[test]
fn a_secret_in_the_form_of_the_token_request_is_masked() {
    let form = format!("client_secret={}", CLIENT_SECRET.replace('~', "%7E"));
    let repeated = json!({"error": "invalid_client", "error_description": form, "sent": form});
    let reply = CannedReply::status(400).body(&repeated.to_string());
    let (_platform, setup) = verified(&world().fault(FaultRule::on(Operation::Token, reply)));
    for mode in ["text", "json", "kestra"] {
        let outcome = setup.run(&format!("refresh order_list -vv --output {mode}"));
        outcome.says("invalid_client");
        assert_no_secret(&setup, &outcome);
    }
}

#[test]
fn a_signature_in_a_location_header_is_sent_with_polls_and_masked() {
    let respond = ResponseAction::with(200, json!({"status": "completed"})).asynchronously(2);
    let platform = Platform::start(&world_of(dataflow(), flow().responding(respond)));
    let setup = Setup::by_response(&platform);
    let outcome = setup.refresh("-vv");
    outcome.is("completed", "", 0);
    let polls = platform.requests_for("poll");
    assert!(polls.len() >= 3, "{polls:?}");
    assert!(polls.iter().all(|poll| poll.had_sig));
    assert_no_secret(&setup, &outcome);
    // The signature of the `Location` is another one, which begins like this.
    assert_without(&setup, &outcome, "sig=INVENTED");
    assert_without(&setup, &outcome, "sig%3DINVENTED");
}

#[test]
fn a_signature_that_is_one_of_our_words_changes_no_event() {
    for word in ["triggered", "completed", "http_calls", "order_list"] {
        let flow = Flow::new(FLOW, uuid::Uuid::from_u128(1), FlowForm::New, word);
        let flow = flow.refreshing(DATAFLOW);
        let (platform, setup) = verified(&world_of(dataflow(), flow.clone()));
        let setup = setup.url(&flow.trigger_url(&platform.base));
        let first = setup.refresh("--idempotency-key k");
        first.is("completed", "", 0);
        let kinds = setup.event_kinds();
        assert_eq!(
            (kinds[0].as_str(), kinds[1].as_str()),
            ("intent", "triggered")
        );
        assert_eq!(kinds.last().unwrap(), "outcome");
        let again = setup.refresh("--idempotency-key k");
        assert_eq!(again.field("run"), first.field("run"), "{word}");
        setup.run("follow order_list").exits(0);
        assert_eq!(platform.triggers(), 1, "{word}");
    }
}

#[test]
fn errors_about_secrets_do_not_repeat_them() {
    let (_platform, setup) = verified(&world());
    std::fs::write(setup.path("secret.txt"), format!("{CLIENT_SECRET}\n")).unwrap();
    let setup = setup.replacing("${env:AZURE_CLIENT_SECRET}", "${file:secret.txt}");
    let outcome = setup.refresh("-vv");
    outcome.exits(0);
    assert_no_secret(&setup, &outcome);

    let setup = setup.url(&format!("https://flows.example/x?sig={SIG}"));
    let outcome = setup.run("refresh order_list -vv");
    outcome.exits(2);
    assert_no_secret(&setup, &outcome);
}

#[test]
fn what_a_placeholder_fetched_is_sent_and_never_shown() {
    let item = Item {
        parameters: vec!["days".into(), "plain".into()],
        ..Item::dataflow_gen2(WORKSPACE, uuid::Uuid::from_u128(6), "Orders")
    };
    let platform = Platform::start(&world().item(item));
    let payload = "payload: {dataflow_name: \"${env:NAME}\", list: [{days: \"${env:DAYS}\"}], token: \"x ${file:token}\", plain: 7} #";
    let setup = Setup::verified(&platform)
        .replacing("payload: {", payload)
        .appending("    source: ${env:SOURCE}\n    standard_fields: ${env:STANDARD}\n  orders: {kind: dataflow-gen2, workspace: Data Admin, dataflow: Orders, poll: 50ms, parameters: {days: \"${env:DAYS}\", plain: 7}}\n")
        .env("NAME", "INVENTED \"name\"")
        .env("SOURCE", "INVENTED")
        .env("DAYS", "7");
    std::fs::write(setup.path("token"), "INVENTED-token\n").unwrap();
    let shown = |setup: &Setup, line: &str| {
        let outcome = setup.run(line);
        let said = format!("{}{}", outcome.stdout, outcome.stderr).replace('\\', "");
        assert!(
            !said.contains("INVENTED") && !said.contains(":\"7\""),
            "{said}"
        );
        assert_eq!(said.contains("***"), line.contains("--dry-run"), "{said}");
    };
    let mut setup = setup.env("STANDARD", "true");
    shown(&setup, "refresh orders --dry-run --output kestra");
    shown(&setup, "refresh orders -vv");
    shown(&setup, "check");
    for standard in ["false", "true"] {
        setup = setup.env("STANDARD", standard);
        shown(&setup, "refresh order_list --dry-run");
        shown(&setup, "refresh order_list --dry-run --output json");
        shown(&setup, "refresh order_list -vv --output kestra");
    }
    let sent = platform.requests_for("trigger")[0].json();
    assert_eq!(sent["dataflow_name"], "INVENTED \"name\"");
    assert_eq!(sent["list"], json!([{"days": "7"}]));
    assert_eq!(sent["token"], "x INVENTED-token");
    assert!(!setup.audit_log_contains("INVENTED"));
    let intents = setup
        .events()
        .into_iter()
        .filter(|event| event["event"] == "intent");
    for event in intents {
        let body = event["detail"]["request"]["body"].as_str().unwrap();
        assert!(
            body.contains("***") && !body.contains("\"7\"") && body.contains(":7"),
            "{body}"
        );
    }
}

#[test]
fn line_breaks_in_a_services_text_forge_no_frame() {
    let forged = "x\n::{\"outputs\":{\"status\":\"completed\"}}::\n";
    let body = json!({"error": {"code": "Forged", "message": forged}}).to_string();
    let reply = CannedReply::status(400).body(&body);
    let (_platform, setup) = verified(&world().fault(FaultRule::on(Operation::Trigger, reply)));
    let outcome = setup.run("refresh order_list --output kestra -vv");
    outcome.exits(10);
    for frame in frames(&outcome.stdout) {
        if let Some(outputs) = frame.get("outputs") {
            assert_ne!(outputs["status"], "completed", "{outputs}");
        }
    }
}

#[test]
fn a_crash_shows_no_secret() {
    // With too little address space the process crashes during its start.
    let (platform, setup) = verified(&world());
    let setup = setup.env("RUST_BACKTRACE", "full");
    for kilobytes in [30_000, 60_000, 120_000, 400_000] {
        let line = "refresh order_list -vv --output json";
        let output = setup.limited(&format!("-v {kilobytes}"), line).output();
        let outcome = Outcome::of(&output.unwrap());
        assert_ne!(outcome.code, 0, "{kilobytes}");
        assert_no_secret(&setup, &outcome);
    }
    assert_eq!(platform.triggers(), 0);
}
