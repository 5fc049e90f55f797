//! The allow-list holds what the targets need, and no more.

use super::super::Need;
use super::*;

const FLOW: &str = "https://0123456789abcdef0123456789abcd.ef.environment.api.powerplatform.com";
const PATH: &str = "/powerautomate/automations/direct/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke";

fn entries(text: &str) -> Vec<(Need, String)> {
    let targets = resolve_all(text).unwrap();
    let entries = settings(text).unwrap().policy_entries(&targets);
    entries
        .into_iter()
        .map(|entry| (entry.need, entry.rule.to_string()))
        .collect()
}

#[test]
fn a_flow_alone_reaches_its_trigger_and_nothing_else() {
    let text = "version: 1\ntargets: {a: {kind: power-automate, url: \"${env:FLOW_URL}\"}}";
    assert_eq!(entries(text), [(Need::Trigger, format!("{FLOW}{PATH}"))]);
}

#[test]
fn a_flow_that_answers_may_be_asked_later_at_its_host() {
    let text = "version: 1\ntargets: {a: {kind: power-automate, url: \"${env:FLOW_URL}\", verify: {kind: response}}}";
    assert_eq!(
        entries(text),
        [
            (Need::Trigger, format!("{FLOW}{PATH}")),
            (Need::Response, FLOW.to_owned())
        ]
    );
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
            (Need::Login, "https://login.microsoftonline.com".to_owned()),
            (Need::PowerBi, "https://pbi.corp.example/base".to_owned()),
            (Need::Configured, "https://extra.example".to_owned()),
        ]
    );
    let targets = resolve_all(&text).unwrap();
    let rules = settings(&text).unwrap().policy_entries(&targets);
    assert!(rules[1].rule.is_private() && !rules[0].rule.is_private());
}

#[test]
fn a_simulator_on_this_machine_needs_leave() {
    let text = |leave: bool| {
        format!(
            "version: 1\nendpoints: {{powerbi: \"http://127.0.0.1:8080\"}}\nsandbox: {{allow: [\"http://127.0.0.1:9\"], allow_loopback: {leave}}}\n\
             targets: {{a: {{kind: power-automate, url: \"http://127.0.0.1:8080/workflows/x/triggers/manual/paths/invoke?api-version=1&sig=INVENTED-sig-0123456789\"}}}}"
        )
    };
    assert_eq!(
        entries(&text(true)),
        [
            (
                Need::Trigger,
                "http://127.0.0.1:8080/workflows/x/triggers/manual/paths/invoke".to_owned()
            ),
            (Need::Configured, "http://127.0.0.1:9".to_owned()),
        ]
    );
    let shown = mistakes(&text(false));
    assert_eq!(shown.len(), 3, "{shown:#?}");
    assert!(
        shown
            .iter()
            .all(|line| line.contains("allow_loopback: true")),
        "{shown:#?}"
    );
}
