//! Every case of `cases/*.txt`: a configuration, and what the reader makes of it.
//!
//! A case is a block of lines, with comments above it. A line such as `t: {…}` is a target in a file
//! with credentials; more lines are more of that file. The outcome
//! follows after `> `: every error with its hint, or every target. `UPDATE_CASES=1` writes the
//! outcomes anew, for review in the diff.

use serde::Serialize;

use super::*;
use crate::config::values::word;

#[track_caller]
fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/cases");
    let path = path.join(name).with_extension("txt");
    let cases = std::fs::read_to_string(&path).unwrap();
    let current: Vec<String> = cases.trim_end().split("\n\n").map(with_outcome).collect();
    let current = format!("{}\n", current.join("\n\n"));
    if std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    for (written, current) in cases.split("\n\n").zip(current.split("\n\n")) {
        assert_eq!(written.trim_end(), current.trim_end());
    }
    let mut outcomes = current.lines().filter(|line| line.starts_with("> "));
    assert!(outcomes.all(|line| !line.contains("INVENTED")));
}

/// A case with its current outcome.
fn with_outcome(case: &str) -> String {
    let lines = case.lines().filter(|line| !line.starts_with("> "));
    let input: Vec<&str> = lines
        .clone()
        .filter(|line| !line.starts_with("# "))
        .collect();
    let input = match input.as_slice() {
        [first, ..] if first.starts_with("t: ") => file(&format!("  {}\n", input.join("\n"))),
        lines => lines.join("\n") + "\n",
    };
    let outcome = outcome(&input).unwrap_or_else(|error| {
        let codes: Vec<&str> = error.codes().collect();
        format!("{}\n{error}", codes.join(", "))
    });
    let outcome = outcome.lines().map(|line| format!("> {line}"));
    let lines: Vec<String> = lines.map(str::to_owned).chain(outcome).collect();
    lines.join("\n")
}

fn outcome(text: &str) -> Result<String, ConfigError> {
    let config = parse(text)?;
    config.check()?;
    let targets = resolve(&config, Selection::All)?;
    let shown: Vec<String> = targets.iter().map(|target| shown(target, text)).collect();
    Ok(shown.join("\n"))
}

/// All of a target.
fn shown(target: &ResolvedTarget, text: &str) -> String {
    let names: Vec<&str> = target.credentials().iter().map(|one| &*one.name).collect();
    let needs = target.bearers();
    let tokens: Vec<&str> = needs.iter().map(|(base, _)| base.as_str()).collect();
    let windows: Vec<String> = target.windows.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        format!("{}: {}", target.name, json(&target.wit)),
        format!(
            "  timeout {:?}, deadline {:?}, response {:?}, interval {:?}, windows {windows:?}, retry {} x {:?}",
            target.timeout,
            target.deadline,
            target.response_timeout,
            target.min_interval,
            target.retry.max_attempts.0,
            target.retry.delay.0,
        ),
        format!(
            "  {:?}, {}, {:?}, quota {}, credentials {names:?}, tokens for {tokens:?}",
            target.if_lost,
            word(target.if_running),
            target.on_interrupt,
            json(&target.quota),
        ),
    ];
    if text.contains("cloud:") || text.contains("endpoints:") {
        lines.push(format!("  {:?}", target.endpoints));
    }
    lines.extend(
        target
            .warnings
            .iter()
            .map(|text| format!("  warning: {text}")),
    );
    lines.join("\n")
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn an_error_has_a_place_a_key_and_a_hint() {
    check("file_errors");
}

#[test]
fn a_key_or_a_value_of_a_target_that_is_not_valid_is_an_error_with_a_remedy() {
    check("target_errors");
}

#[test]
fn a_setting_that_would_be_refused_or_have_no_effect_is_found_before_anything_is_sent() {
    check("rules");
}

#[test]
fn every_key_reaches_its_target() {
    check("targets");
}
