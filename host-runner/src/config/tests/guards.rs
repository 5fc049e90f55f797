//! What holds a refresh back: in the target, in the defaults, and where it would do nothing.

use std::time::Duration;

use super::super::{IfRunning, Quota, QuotaMode, QuotaUnreadable, Retry, RunKind};
use super::*;

const DATAFLOW: &str = "kind: dataflow, workspace: W, dataflow: D";
const FLOW: &str = "kind: power-automate, url: \"${env:FLOW_URL}\"";

fn with_defaults(defaults: &str, targets: &str) -> String {
    file(targets) + &format!("defaults: {{{defaults}}}\n")
}

fn windows(target: &ResolvedTarget) -> Vec<String> {
    target.windows.iter().map(ToString::to_string).collect()
}

#[test]
fn without_guards_nothing_is_held_back_and_nothing_is_sent_twice() {
    let plain = target(DATAFLOW);
    assert_eq!(plain.quota, None);
    assert!(plain.windows.is_empty());
    assert_eq!(plain.min_interval, None);
    assert_eq!(plain.if_running, IfRunning::Wait);
    assert_eq!(
        plain.retry,
        Retry {
            max_attempts: 1,
            delay: Duration::from_secs(300)
        }
    );
}

#[test]
fn every_guard_of_a_target_reaches_it() {
    let guarded = target(&format!(
        "{DATAFLOW}, quota: {{limit: 48, count: [on_demand, via_xmla_endpoint, on_demand], mode: warn, when_unreadable: skip}}, \
         window: \"06:00-20:00 Europe/Copenhagen\", min_interval: 30m, retry: {{max_attempts: 3, delay: 90s}}, if_running: follow"
    ));
    assert_eq!(
        guarded.quota,
        Some(Quota {
            limit: 48,
            count: vec![RunKind::OnDemand, RunKind::ViaXmlaEndpoint],
            mode: QuotaMode::Warn,
            when_unreadable: QuotaUnreadable::Skip,
        })
    );
    assert_eq!(windows(&guarded), ["06:00-20:00 Europe/Copenhagen"]);
    assert_eq!(guarded.min_interval, Some(Duration::from_secs(1800)));
    assert_eq!(
        guarded.retry,
        Retry {
            max_attempts: 3,
            delay: Duration::from_secs(90)
        }
    );
    assert_eq!(guarded.if_running, IfRunning::Follow);
}

#[test]
fn a_quota_counts_what_the_service_is_taken_to_count() {
    let counted = |target: ResolvedTarget| -> Vec<&str> {
        let quota = target.quota.unwrap();
        assert_eq!((quota.limit, quota.mode), (8, QuotaMode::Block));
        assert_eq!(quota.when_unreadable, QuotaUnreadable::Send);
        quota.count.into_iter().map(RunKind::as_str).collect()
    };
    let dataflows = ["on_demand", "scheduled"];
    let models = ["on_demand", "scheduled", "via_api"];
    let quota = "quota: {limit: 8}";
    for kind in ["dataflow", "dataflow-gen2"] {
        let direct = format!("kind: {kind}, workspace: W, dataflow: D, {quota}");
        assert_eq!(counted(target(&direct)), dataflows);
    }
    let model = format!("kind: semantic-model, workspace: W, model: M, {quota}");
    assert_eq!(counted(target(&model)), models);
    let flow = format!("{FLOW}, {quota}, verify: {{kind: semantic-model, workspace: W, model: M}}");
    assert_eq!(counted(target(&flow)), models);
}

#[test]
fn every_word_of_a_quota_is_the_contracts_own() {
    for (name, kind) in RunKind::ALL {
        assert_eq!(kind.as_str(), name);
    }
}

#[test]
fn a_window_is_written_in_three_ways() {
    for (written, expected) in [
        (
            "\"6:00 - 20:00 Europe/Copenhagen\"",
            vec!["06:00-20:00 Europe/Copenhagen"],
        ),
        ("22:00-04:00 UTC", vec!["22:00-04:00 UTC"]),
        ("00:00–24:00 UTC", vec!["00:00-24:00 UTC"]),
        (
            "{from: 06:00, to: 24:00, zone: Australia/Brisbane, days: [fri, mon]}",
            vec!["06:00-24:00 Australia/Brisbane (mon, fri)"],
        ),
        (
            "[06:00-08:00 UTC, {from: 22:00, to: 04:00, zone: europe/copenhagen}]",
            vec!["06:00-08:00 UTC", "22:00-04:00 Europe/Copenhagen"],
        ),
    ] {
        let guarded = target(&format!("{DATAFLOW}, window: {written}"));
        assert_eq!(windows(&guarded), expected, "{written}");
    }
}

#[test]
fn the_target_wins_over_the_defaults_and_none_takes_a_guard_away() {
    let text = with_defaults(
        "quota: {limit: 8}, window: 06:00-20:00 UTC, min_interval: 10m, retry: {max_attempts: 2}, if_running: skip",
        &format!(
            "  inherits: {{{DATAFLOW}}}\n  \
               wins: {{{DATAFLOW}, quota: {{limit: 9}}, window: 07:00-08:00 UTC, min_interval: 1h, retry: {{delay: 1m}}, if_running: wait}}\n  \
               free: {{{DATAFLOW}, quota: none, window: none, min_interval: none}}\n"
        ),
    );
    let targets = resolve_all(&text).unwrap();
    let shown = |index: usize| {
        let target: &ResolvedTarget = &targets[index];
        (
            target.quota.as_ref().map(|quota| quota.limit),
            windows(target).join(" "),
            target.min_interval.map(|span| span.as_secs()),
            target.retry.max_attempts,
            target.if_running,
        )
    };
    let window = |text: &str| text.to_owned();
    assert_eq!(
        shown(0),
        (
            Some(8),
            window("06:00-20:00 UTC"),
            Some(600),
            2,
            IfRunning::Skip
        )
    );
    assert_eq!(
        shown(1),
        (
            Some(9),
            window("07:00-08:00 UTC"),
            Some(3600),
            1,
            IfRunning::Wait
        )
    );
    assert_eq!(shown(2), (None, String::new(), None, 2, IfRunning::Skip));
    assert!(targets.iter().all(|target| target.warnings.is_empty()));
}

#[test]
fn a_quota_without_content_to_count_in_is_refused() {
    for verify in ["", ", verify: {kind: response}"] {
        assert_eq!(
            mistake_of(&format!("{FLOW}{verify}, quota: {{limit: 8}}")),
            "invalid_value conf/refresh.yaml:9: targets.t.quota: a quota is counted in the history of content, and this target \
             watches none; name the content that the flow refreshes, as in `verify: {kind: dataflow, …}`, or take `quota` out"
        );
    }
    // Out of the defaults it may be meant for the others.
    let text = with_defaults("quota: {limit: 8}", &format!("  t: {{{FLOW}}}\n"));
    let unwatched = only(&text);
    assert_eq!(unwatched.quota, None);
    assert_eq!(unwatched.warnings.len(), 1);
    assert!(
        unwatched.warnings[0].contains("targets.t.quota: ")
            && unwatched.warnings[0].contains("holds nothing back"),
        "{:?}",
        unwatched.warnings
    );
    let text = with_defaults(
        "quota: {limit: 8}",
        &format!("  t: {{{FLOW}, quota: none}}\n"),
    );
    assert!(only(&text).warnings.is_empty());
}

#[test]
fn a_verification_that_is_known_later_does_not_make_a_quota_a_mistake() {
    let text = file(&format!(
        "  t: {{{FLOW}, quota: {{limit: 8}}, if_running: skip, verify: {{kind: \"${{env:KIND}}\", workspace: W, model: M}}}}\n"
    ));
    let config = parse(&text).unwrap();
    let redactor = Redactor::new();
    let resolved = |kind: &str| {
        let env = |name: &str| match name {
            "KIND" => Some(kind.to_owned()),
            other => usual_env(other),
        };
        config.resolve(
            Selection::All,
            Inputs {
                env: &env,
                redactor: &redactor,
                verify: true,
            },
        )
    };
    let quota = resolved("semantic-model").unwrap().remove(0).quota.unwrap();
    assert!(quota.count.contains(&RunKind::ViaApi));
    assert!(resolved("response").is_err());
}

#[test]
fn a_mistake_in_a_guard_says_how_to_write_it() {
    for (guard, key, words) in [
        ("quota: {}", "quota", "`limit` is missing"),
        ("quota: 8", "quota", "keys with values are wanted"),
        (
            "quota: {limit: 0}",
            "quota.limit",
            "no whole number from 1 to 1000",
        ),
        (
            "quota: {limit: 8, count: []}",
            "quota.count",
            "nothing would count",
        ),
        (
            "quota: {limit: 8, count: [OnDemand]}",
            "quota.count[0]",
            "did you mean `on_demand`?",
        ),
        (
            "quota: {limit: 8, mode: stop}",
            "quota.mode",
            "this is none of `block` and `warn`",
        ),
        (
            "quota: {limit: 8, when_unreadable: stop}",
            "quota.when_unreadable",
            "this is none of `send` and `skip`",
        ),
        ("window: 06:00-20:00", "window", "no time zone"),
        ("window: always", "window", "this is not a window"),
        (
            "window: 06:00-20:00 Europe/Kopenhagen",
            "window",
            "this time zone is not known",
        ),
        ("window: 06:00-20:00 +01:00", "window", "is not known"),
        ("window: 06:00-25:00 UTC", "window", "not a time of day"),
        (
            "window: 06:00-06:00 UTC",
            "window",
            "for the whole day write 00:00 to 24:00",
        ),
        ("window: []", "window", "would never be open"),
        (
            "window: [06:00-07:00 UTC, 6-7 UTC]",
            "window[1]",
            "not a time of day",
        ),
        (
            "window: {from: 06:00, to: 20:00}",
            "window",
            "`zone` is missing",
        ),
        (
            "window: {from: 06:00, to: 20:00, zone: UTC, days: []}",
            "window.days",
            "would never be open",
        ),
        (
            "window: {from: 06:00, to: 20:00, zone: UTC, days: [monday]}",
            "window.days[0]",
            "this is none of `mon`",
        ),
        (
            "window: {from: 6, to: 20:00, zone: UTC}",
            "window.from",
            "a text is wanted",
        ),
        ("min_interval: 30", "min_interval", "without a unit"),
        (
            "min_interval: 0s",
            "min_interval",
            "less than a millisecond",
        ),
        (
            "retry: {max_attempts: 11}",
            "retry.max_attempts",
            "no whole number from 1 to 10",
        ),
        (
            "retry: {attempts: 2}",
            "retry.attempts",
            "known here: `max_attempts` and `delay`",
        ),
        ("retry: 3", "retry", "keys with values are wanted"),
        (
            "if_running: none",
            "if_running",
            "this is none of `wait`, `skip` and `follow`",
        ),
        ("interval: 30m", "interval", "it is called `min_interval`"),
    ] {
        let shown = mistake_of(&format!("{DATAFLOW}, {guard}"));
        let place = format!(" conf/refresh.yaml:9: targets.t.{key}: ");
        assert!(
            shown.contains(&place) || key == "quota" && shown.contains("targets.t.quota: "),
            "{guard}: {shown}"
        );
        assert!(shown.contains(words), "{guard}: {shown}");
    }
}

#[test]
fn a_mistake_in_the_defaults_is_told_once_and_also_without_targets() {
    let mistake = "version: 1\ndefaults: {window: 06:00-20:00, min_interval: 5}\n";
    assert_eq!(mistakes(mistake).len(), 2);
    let text = with_defaults(
        "window: 06:00-20:00",
        &format!("  a: {{{DATAFLOW}}}\n  b: {{{DATAFLOW}}}\n"),
    );
    let shown = mistakes(&text);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    assert!(shown[0].contains(" defaults.window: "), "{shown:?}");
}
