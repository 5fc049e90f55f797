//! Content as targets and in `verify`: ids and names, and what each kind is asked for.

use std::time::Duration;

use super::super::{ApplyChanges, ContentKind, Verify, What, WhenUnreadable};
use super::*;

const IDS: &str = "workspace: 33333333-3333-3333-3333-33333333333A, dataflow: 44444444-4444-4444-4444-444444444444";

#[test]
fn a_name_is_kept_exactly_and_an_id_in_small_letters() {
    let by_id = target(&format!("kind: dataflow, {IDS}"));
    let watched = by_id.watched().unwrap();
    assert_eq!(watched.workspace, "33333333-3333-3333-3333-33333333333a");
    assert!(!watched.has_names());
    for (workspace, item) in [
        ("Data Admin", "44444444-4444-4444-4444-444444444444"),
        ("33333333-3333-3333-3333-333333333333", "Master Order List"),
        ("Data  Admin, ÆØÅ", "#1: \\\"Orders\\\" / {2026}"),
    ] {
        let named = target(&format!(
            "kind: dataflow, workspace: \"{workspace}\", dataflow: \"{item}\""
        ));
        let watched = named.watched().unwrap();
        assert!(watched.has_names());
        assert_eq!(watched.workspace, workspace);
        assert_eq!(watched.item, item.replace('\\', ""));
    }
}

#[test]
fn an_empty_name_and_blanks_around_one_are_refused() {
    for (name, word) in [
        ("\"\"", "an empty name"),
        ("\" \"", "an empty name"),
        ("\"Data Admin \"", "blanks around it"),
        ("\"Data\\nAdmin\"", "control character"),
    ] {
        let shown = mistake_of(&format!(
            "kind: dataflow-gen2, workspace: {name}, dataflow: D"
        ));
        assert!(
            shown.starts_with("invalid_value conf/refresh.yaml:9: targets.t.workspace: this is "),
            "{shown}"
        );
        assert!(shown.contains(word), "{shown}");
    }
}

#[test]
fn a_dataflow_may_mail_its_owner() {
    let notified = |more: &str| match target(&format!("kind: dataflow, {IDS}{more}")).what {
        What::Dataflow(one) => one.mail_on_failure,
        other => panic!("{other:?}"),
    };
    assert!(!notified("") && !notified(", notify: none"));
    assert!(notified(", notify: mail_on_failure"));
    let shown = mistake_of(&format!("kind: dataflow, {IDS}, notify: MailOnCompletion"));
    assert!(
        shown.contains("this is none of `none` and `mail_on_failure`"),
        "{shown}"
    );
}

#[test]
fn a_gen2_dataflow_takes_parameters_and_changes() {
    let plain = target(&format!("kind: dataflow-gen2, {IDS}"));
    assert_eq!(plain.kind(), "dataflow-gen2");
    let watched = plain.watched().unwrap();
    assert_eq!(watched.kind, ContentKind::Gen2);
    assert_eq!(
        (watched.start_within, watched.poll, watched.when_unreadable),
        (
            Duration::from_secs(300),
            Duration::from_secs(10),
            WhenUnreadable::Stop
        )
    );
    let full = target(&format!(
        "kind: dataflow-gen2, {IDS}, when_unreadable: accept, apply_changes: if_needed, \
         parameters: {{Day: \"2026-11-23\", n: 7, \"x y\": -0.5, yes: true, from: \"${{env:AZURE_TENANT_ID}}\"}}"
    ));
    assert_eq!(
        full.watched().unwrap().when_unreadable,
        WhenUnreadable::Accept
    );
    let What::Gen2(gen2) = full.what else {
        panic!()
    };
    assert_eq!(gen2.apply_changes, Some(ApplyChanges::IfNeeded));
    let shown: Vec<(&str, &str)> = gen2
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("Day", "\"2026-11-23\""),
            ("n", "7"),
            ("x y", "-0.5"),
            ("yes", "true"),
            ("from", "\"11111111-1111-1111-1111-111111111111\""),
        ]
    );
}

#[test]
fn a_parameter_that_is_no_single_value_is_refused_with_its_path() {
    for (value, found) in [("[1]", "a list"), ("{a: 1}", "a mapping"), ("~", "empty")] {
        let shown = mistake_of(&format!(
            "kind: dataflow-gen2, {IDS}, parameters: {{Day: {value}}}"
        ));
        let expected = format!(
            "invalid_value conf/refresh.yaml:9: targets.t.parameters.Day: this is {found}, and a parameter is"
        );
        assert!(shown.starts_with(&expected), "{shown}");
    }
}

#[test]
fn a_flow_is_verified_by_content_of_every_kind() {
    for (verify, kind, poll) in [
        ("kind: dataflow, dataflow: X", ContentKind::Dataflow, 5),
        ("kind: dataflow-gen2, dataflow: X", ContentKind::Gen2, 10),
        ("kind: semantic-model, model: X", ContentKind::Model, 10),
    ] {
        let flow = target(&format!(
            "kind: power-automate, url: \"${{env:FLOW_URL}}\", verify: {{{verify}, workspace: W, when_unreadable: accept}}"
        ));
        assert_eq!(flow.kind(), "power-automate");
        let watched = flow.watched().unwrap();
        assert_eq!((watched.kind, watched.item.as_str()), (kind, "X"));
        assert_eq!(watched.poll, Duration::from_secs(poll));
        assert_eq!(watched.when_unreadable, WhenUnreadable::Accept);
        let What::PowerAutomate(inner) = &flow.what else {
            panic!()
        };
        assert_eq!(inner.verify, Verify::Content(watched.clone()));
        assert_eq!(flow.credential.as_ref().unwrap().name, "default");
    }
}

#[test]
fn a_key_of_another_kind_is_told_where_it_belongs() {
    let flow = "kind: power-automate, url: \"${env:FLOW_URL}\"";
    for (target, words) in [
        (
            format!("kind: dataflow, {IDS}, model: X"),
            "belongs to the kind semantic-model; here it is `dataflow`",
        ),
        (
            format!("kind: dataflow, {IDS}, apply_changes: skip"),
            "belongs to a target of kind dataflow-gen2",
        ),
        (
            format!("kind: dataflow-gen2, {IDS}, notify: none"),
            "Fabric sends no mail about a job",
        ),
        (
            "kind: semantic-model, workspace: W, model: M, dataflow: D".to_owned(),
            "here it is `model`",
        ),
        (
            "kind: semantic-model, workspace: W, model: M, commit_mode: transactional".to_owned(),
            "belongs into `refresh: {…}`",
        ),
        (format!("{flow}, notify: none"), "decides by itself"),
        (
            format!("{flow}, when_unreadable: accept"),
            "or into `quota`",
        ),
        (
            format!("{flow}, model: M"),
            "`verify: {kind: semantic-model, …}`",
        ),
        (
            format!("{flow}, verify: {{kind: dataflow, {IDS}, refresh: standard}}"),
            "belongs to a target of kind semantic-model",
        ),
    ] {
        let shown = mistake_of(&target);
        assert!(shown.starts_with("unknown_key "), "{shown}");
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn the_tokens_of_a_target_go_to_the_apis_that_it_asks() {
    let shown = |target: &ResolvedTarget| -> Vec<String> {
        target
            .bearers()
            .into_iter()
            .map(|need| format!("{} {} {}", need.credential, need.base, need.scope))
            .collect()
    };
    let powerbi = "default https://api.powerbi.com/v1.0/myorg https://analysis.windows.net/powerbi/api/.default";
    let fabric =
        "default https://api.fabric.microsoft.com/v1 https://api.fabric.microsoft.com/.default";
    assert_eq!(
        shown(&target(&format!("kind: dataflow-gen2, {IDS}"))),
        [powerbi, fabric]
    );
    assert_eq!(
        shown(&target("kind: semantic-model, workspace: W, model: M")),
        [powerbi]
    );
    let alone = target("kind: power-automate, url: \"${env:FLOW_URL}\"");
    assert!(alone.bearers().is_empty());
}
