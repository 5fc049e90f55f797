//! The allow-list holds what the targets need, and no more.

use url::Url;

use super::super::Operation;
use super::*;
use crate::outbound::Policy;

const FLOW: &str = "https://0123456789abcdef0123456789abcd.ef.environment.api.powerplatform.com";
const PATH: &str = "/powerautomate/automations/direct/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke";

const POWERBI: &str = "https://api.powerbi.com/v1.0/myorg/groups";
const FABRIC: &str = "https://api.fabric.microsoft.com/v1/workspaces";

fn entries(text: &str) -> Vec<String> {
    let targets = resolve_all(text).unwrap();
    let rules = settings(text)
        .unwrap()
        .allow_list(&targets, Operation::Refresh);
    rules.iter().map(ToString::to_string).collect()
}

#[test]
fn a_flow_alone_reaches_its_trigger_and_nothing_else() {
    let text = "version: 1\ntargets: {a: {kind: power-automate, url: \"${env:FLOW_URL}\"}}";
    assert_eq!(entries(text), [format!("{FLOW}{PATH}")]);
}

#[test]
fn a_flow_that_answers_may_be_asked_later_at_its_host() {
    let text = "version: 1\ntargets: {a: {kind: power-automate, url: \"${env:FLOW_URL}\", verify: {kind: response}}}";
    assert_eq!(entries(text), [format!("{FLOW}{PATH}"), FLOW.to_owned()]);
}

#[test]
fn a_history_adds_the_services_once_and_the_operators_words_come_last() {
    let watch = "workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444";
    let text = file(&format!(
        "  a: {{kind: dataflow, {watch}}}\n  b: {{kind: dataflow, {watch}}}\n"
    )) + "endpoints: {powerbi: {url: \"https://pbi.corp.example/base\", private: true}}\nsandbox: {allow: [\"https://extra.example\"]}\n";
    assert_eq!(
        entries(&text),
        [
            "https://pbi.corp.example/base/v1.0/myorg/groups".to_owned(),
            FABRIC.to_owned(),
            "https://extra.example".to_owned(),
        ]
    );
    let targets = resolve_all(&text).unwrap();
    let settings = settings(&text).unwrap();
    let rules = settings.allow_list(&targets, Operation::Refresh);
    assert!(rules[0].is_private() && !rules[1].is_private());
}

/// Whether the allow-list of the file's targets lets this through.
fn lets(text: &str, cancel: bool, request: &str) -> bool {
    let targets = resolve_all(text).unwrap();
    let settings = settings(text).unwrap();
    let operation = match cancel {
        true => Operation::Cancel,
        false => Operation::Refresh,
    };
    let rules = settings.allow_list(&targets, operation);
    let policy = Policy::new(rules, false);
    let (method, url) = request.split_once(' ').unwrap();
    policy
        .judge(&method.parse().unwrap(), &Url::parse(url).unwrap())
        .is_ok()
}

#[test]
fn every_kind_of_content_reaches_its_own_api_and_reads_the_other_ones_lists() {
    let target =
        |kind: &str, key: &str| file(&format!("  t: {{kind: {kind}, workspace: W, {key}: X}}\n"));
    let dataflow = target("dataflow", "dataflow");
    let gen2 = target("dataflow-gen2", "dataflow");
    let model = target("semantic-model", "model");
    let stopped = file(
        "  t: {kind: semantic-model, workspace: W, model: X, refresh: {type: full}, on_interrupt: cancel}\n",
    );
    let (groups, workspaces) = (format!("{POWERBI}/w/x"), format!("{FABRIC}/w/x"));
    for (text, allowed) in [
        (&dataflow, ["GET p", "POST p", "GET f"].as_slice()),
        (&gen2, &["GET f", "POST f", "GET p"]),
        (&model, &["GET p", "POST p"]),
        (&stopped, &["GET p", "POST p", "DELETE p"]),
    ] {
        for method in ["GET", "POST", "DELETE", "PATCH", "PUT"] {
            for (letter, url) in [("p", &groups), ("f", &workspaces)] {
                let request = format!("{method} {letter}");
                assert_eq!(
                    lets(text, false, &format!("{method} {url}")),
                    allowed.contains(&request.as_str()),
                    "{text} {request}"
                );
            }
        }
        for elsewhere in [
            "GET https://api.powerbi.com/v1.0/myorg/admin/groups",
            "GET https://api.fabric.microsoft.com/v1/admin/workspaces",
            "POST https://login.microsoftonline.com/t/oauth2/v2.0/token",
        ] {
            assert!(!lets(text, false, elsewhere), "{elsewhere}");
        }
    }
}

#[test]
fn a_flow_only_reads_the_history_that_tells_the_truth_unless_a_run_is_to_be_stopped() {
    let text = |kind: &str, key: &str| {
        file(&format!(
            "  t: {{kind: power-automate, url: \"${{env:FLOW_URL}}\", verify: {{kind: {kind}, workspace: W, {key}: X}}}}\n"
        ))
    };
    let (groups, workspaces) = (format!("{POWERBI}/w/x"), format!("{FABRIC}/w/x"));
    for (kind, key, place, stop) in [
        ("dataflow", "dataflow", &groups, "POST"),
        ("dataflow-gen2", "dataflow", &workspaces, "POST"),
        ("semantic-model", "model", &groups, "DELETE"),
    ] {
        let text = text(kind, key);
        let on_signal = text.replace("verify:", "on_interrupt: cancel, verify:");
        for method in ["GET", "POST", "DELETE"] {
            let request = format!("{method} {place}");
            assert_eq!(lets(&text, false, &request), method == "GET", "{request}");
            let stops = ["GET", stop].contains(&method);
            assert_eq!(lets(&text, true, &request), stops, "{request}");
            assert_eq!(lets(&on_signal, false, &request), stops, "{request}");
        }
        let trigger = format!("POST {FLOW}{PATH}");
        assert!(lets(&text, false, &trigger) && !lets(&text, true, &trigger));
    }
}

#[test]
fn a_trigger_that_wants_a_sign_in_needs_tokens_and_no_more_places() {
    let text =
        file("  a: {kind: power-automate, url: \"${env:OAUTH_URL}\", credentials: default}\n");
    assert_eq!(entries(&text), [format!("{FLOW}{PATH}"),]);
}

#[test]
fn a_simulator_on_this_machine_needs_leave() {
    let text = "version: 1\nendpoints: {powerbi: \"http://127.0.0.1:8080\"}\nsandbox: {allow: [\"http://127.0.0.1:9\"], allow_loopback: true}\n\
        targets: {a: {kind: power-automate, url: \"http://127.0.0.1:8080/workflows/x/triggers/manual/paths/invoke?api-version=1&sig=INVENTED-sig-0123456789\"}}";
    assert_eq!(
        entries(text),
        [
            "http://127.0.0.1:8080/workflows/x/triggers/manual/paths/invoke".to_owned(),
            "http://127.0.0.1:9".to_owned(),
        ]
    );
}
