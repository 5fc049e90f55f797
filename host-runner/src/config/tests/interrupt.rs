//! What becomes of a run when a signal ends us: where it stands, and where it could do nothing.

use super::super::OnInterrupt;
use super::*;

const DATAFLOW: &str = "kind: dataflow, workspace: W, dataflow: D";
const GEN2: &str = "kind: dataflow-gen2, workspace: W, dataflow: D";
const STANDARD: &str = "kind: semantic-model, workspace: W, model: M";
const ENHANCED: &str = "kind: semantic-model, workspace: W, model: M, refresh: {type: full}";
const FLOW: &str = "kind: power-automate, url: \"${env:FLOW_URL}\"";

fn by_default(fields: &str) -> ResolvedTarget {
    let text = file(&format!("  t: {{{fields}}}\n")) + "defaults: {on_interrupt: cancel}\n";
    resolve_all(&text).unwrap().remove(0)
}

#[test]
fn a_run_is_left_alone_unless_the_target_or_the_defaults_say_otherwise() {
    assert_eq!(target(DATAFLOW).on_interrupt, OnInterrupt::Leave);
    for kind in [DATAFLOW, GEN2, ENHANCED] {
        let own = target(&format!("{kind}, on_interrupt: cancel"));
        assert_eq!(own.on_interrupt, OnInterrupt::Cancel, "{kind}");
        let given = by_default(kind);
        assert_eq!(given.on_interrupt, OnInterrupt::Cancel, "{kind}");
        assert!(given.warnings.is_empty(), "{:?}", given.warnings);
        let back = by_default(&format!("{kind}, on_interrupt: leave"));
        assert_eq!(back.on_interrupt, OnInterrupt::Leave, "{kind}");
    }
}

#[test]
fn where_nothing_can_be_stopped_it_is_refused_in_the_target_and_warned_about_in_the_defaults() {
    let response = format!("{FLOW}, verify: {{kind: response}}");
    for (kind, word) in [
        (STANDARD, "standard refresh"),
        (FLOW, "watches no content"),
        (response.as_str(), "watches no content"),
    ] {
        let shown = mistakes(&file(&format!("  t: {{{kind}, on_interrupt: cancel}}\n")));
        assert_eq!(shown.len(), 1, "{shown:#?}");
        assert!(shown[0].starts_with("invalid_value "), "{shown:#?}");
        assert!(shown[0].contains("targets.t.on_interrupt"), "{shown:#?}");
        assert!(shown[0].contains(word), "{shown:#?}");
        target(&format!("{kind}, on_interrupt: leave"));
        let given = by_default(kind);
        assert_eq!(given.on_interrupt, OnInterrupt::Leave, "{kind}");
        let warnings = given.warnings.join("\n");
        assert!(warnings.contains(word), "{warnings}");
        assert!(warnings.contains("on_interrupt: leave"), "{warnings}");
    }
}

#[test]
fn a_flow_whose_model_may_be_refreshed_either_way_is_warned_about() {
    let flow = target(&format!(
        "{FLOW}, verify: {{kind: semantic-model, workspace: W, model: M}}, on_interrupt: cancel"
    ));
    assert_eq!(flow.on_interrupt, OnInterrupt::Cancel);
    let warnings = flow.warnings.join("\n");
    assert!(warnings.contains("enhanced"), "{warnings}");
}

#[test]
fn another_word_is_refused_also_in_defaults_without_targets() {
    let shown = mistakes("version: 1\ndefaults: {on_interrupt: stop}\n");
    assert_eq!(shown.len(), 1, "{shown:#?}");
    assert!(shown[0].contains("`leave` and `cancel`"), "{shown:#?}");
}
