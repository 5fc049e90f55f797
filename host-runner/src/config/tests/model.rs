//! Semantic models: standard refreshes, enhanced ones, and what Microsoft would refuse.

use std::time::Duration;

use super::super::{ContentKind, Enhanced, ModelObject, ModelRefresh, What};
use super::*;

const MODEL: &str = "kind: semantic-model, workspace: 33333333-3333-3333-3333-333333333333, model: 55555555-5555-5555-5555-555555555555";

fn refresh(more: &str) -> ModelRefresh {
    match target(&format!("{MODEL}{more}")).what {
        What::Model(model) => model.refresh,
        other => panic!("{other:?}"),
    }
}

fn enhanced(inside: &str) -> Enhanced {
    match refresh(&format!(", refresh: {{{inside}}}")) {
        ModelRefresh::Enhanced(enhanced) => enhanced,
        other @ ModelRefresh::Standard { .. } => panic!("{other:?}"),
    }
}

#[test]
fn a_model_is_refreshed_in_the_standard_way_unless_told_otherwise() {
    for (more, mail_on_failure) in [
        ("", false),
        (", refresh: standard", false),
        (", refresh: standard, notify: mail_on_failure", true),
        (", notify: mail_on_failure", true),
    ] {
        assert_eq!(
            refresh(more),
            ModelRefresh::Standard { mail_on_failure },
            "{more}"
        );
    }
    let plain = target(MODEL);
    assert_eq!(plain.kind(), "semantic-model");
    let watched = plain.watched().unwrap();
    assert_eq!(watched.kind, ContentKind::Model);
    assert_eq!(watched.item, "55555555-5555-5555-5555-555555555555");
    assert_eq!(watched.poll, Duration::from_secs(10));
}

#[test]
fn every_wish_of_an_enhanced_refresh_reaches_its_target() {
    assert_eq!(enhanced(""), Enhanced::default());
    assert_eq!(
        enhanced(
            "type: data_only, objects: [Sales, {table: Date, partition: \"Date 2026\"}], commit_mode: partial_batch, \
             max_parallelism: 4, retry_count: 0, timeout: 24h, apply_refresh_policy: false"
        ),
        Enhanced {
            refresh_type: Some("dataOnly"),
            objects: vec![
                ModelObject {
                    table: "Sales".to_owned(),
                    partition: None
                },
                ModelObject {
                    table: "Date".to_owned(),
                    partition: Some("Date 2026".to_owned())
                },
            ],
            partial_batch: Some(true),
            max_parallelism: Some(4),
            retry_count: Some(0),
            timeout: Some(Duration::from_secs(86_400)),
            apply_refresh_policy: Some(false),
            effective_date: None,
        }
    );
    let policy = enhanced(
        "commit_mode: transactional, apply_refresh_policy: true, effective_date: 2026-02-28",
    );
    assert_eq!(policy.partial_batch, Some(false));
    assert_eq!(policy.apply_refresh_policy, Some(true));
    assert_eq!(policy.effective_date.as_deref(), Some("2026-02-28"));
}

#[test]
fn microsofts_own_spelling_is_understood_and_kept() {
    for (written, kept) in [
        ("full", "full"),
        ("clear_values", "clearValues"),
        ("clearValues", "clearValues"),
        ("calculate", "calculate"),
        ("data_only", "dataOnly"),
        ("dataOnly", "dataOnly"),
        ("automatic", "automatic"),
        ("defragment", "defragment"),
    ] {
        let inside = format!("type: {written}");
        assert_eq!(enhanced(&inside).refresh_type, Some(kept), "{written}");
    }
    let partial = enhanced("commit_mode: partialBatch, apply_refresh_policy: false");
    assert_eq!(partial.partial_batch, Some(true));
}

#[test]
fn what_microsoft_would_refuse_is_refused_with_its_reason() {
    for (inside, key, words) in [
        (
            "type: dataonly",
            "refresh.type",
            "did you mean `data_only`?",
        ),
        ("type: all", "refresh.type", "write one of them"),
        ("objects: []", "refresh.objects", "this list is empty"),
        ("objects: [\" \"]", "refresh.objects[0]", "an empty name"),
        (
            "objects: [{partition: P}]",
            "refresh.objects[0]",
            "`table` is missing",
        ),
        (
            "objects: [{table: T, column: C}]",
            "refresh.objects[0].column",
            "known here: `table` and `partition`",
        ),
        (
            "commit_mode: partial",
            "refresh.commit_mode",
            "this is none of `transactional` and `partial_batch`",
        ),
        (
            "max_parallelism: 0",
            "refresh.max_parallelism",
            "no whole number from 1 to 1000",
        ),
        (
            "retry_count: -1",
            "refresh.retry_count",
            "no whole number from 0 to 100",
        ),
        (
            "retry_count: 1.5",
            "refresh.retry_count",
            "no whole number from 0 to 100",
        ),
        ("timeout: 25h", "refresh.timeout", "after 24 hours"),
        ("timeout: 1500ms", "refresh.timeout", "whole seconds"),
        ("timeout: 90", "refresh.timeout", "without a unit"),
        (
            "effective_date: 2026-02-29",
            "refresh.effective_date",
            "not a day of the calendar",
        ),
        (
            "effective_date: 20260228",
            "refresh.effective_date",
            "a text is wanted",
        ),
        (
            "effective_date: \"2026-2-28\"",
            "refresh.effective_date",
            "write it as in 2026-11-23",
        ),
        (
            "commit_mode: partial_batch, apply_refresh_policy: true",
            "refresh.apply_refresh_policy",
            "in one transaction only",
        ),
        (
            "commit_mode: partial_batch",
            "refresh.commit_mode",
            "write `apply_refresh_policy: false` beside",
        ),
        (
            "apply_refresh_policy: false, effective_date: 2026-02-28",
            "refresh.effective_date",
            "none is applied",
        ),
        ("notify: none", "refresh.notify", "Microsoft refuses it"),
        ("typ: full", "refresh.typ", "did you mean `type`?"),
    ] {
        let shown = mistake_of(&format!("{MODEL}, refresh: {{{inside}}}"));
        let place = format!(" conf/refresh.yaml:9: targets.t.{key}: ");
        assert!(shown.contains(&place), "{inside}: {shown}");
        assert!(shown.contains(words), "{inside}: {shown}");
    }
}

#[test]
fn a_mail_and_an_enhanced_refresh_exclude_each_other() {
    let shown = mistake_of(&format!(
        "{MODEL}, refresh: {{type: full}}, notify: mail_on_failure"
    ));
    assert!(
        shown.starts_with(
            "invalid_value conf/refresh.yaml:9: targets.t.notify: an enhanced refresh sends no mail"
        ),
        "{shown}"
    );
}

#[test]
fn a_refresh_that_is_neither_is_told_both_ways() {
    for (value, words) in [
        ("enhanced", "write `standard`, or keys as in `{type: full}`"),
        ("standart", "did you mean `standard`?"),
        ("[full]", "a text is wanted"),
        ("", "this has no value"),
    ] {
        let shown = mistake_of(&format!("{MODEL}, refresh: {value}"));
        assert!(shown.contains(words), "{shown}");
    }
}
