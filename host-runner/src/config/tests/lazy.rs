//! What is behind `${…}` is fetched for what is asked for, and for nothing else.

use super::super::What;
use super::*;

const TWO: &str = "  a: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n  b: {kind: power-automate, url: \"${env:OTHER_URL}\"}\n";

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_target_that_nobody_asked_for_does_not_fail_for_its_variable() {
    let config = parse(&file(TWO)).unwrap();
    assert_eq!(
        resolve(&config, Selection::Names(&names(&["a"]))).unwrap()[0].name,
        "a"
    );
    let error = resolve(&config, Selection::All).unwrap_err();
    assert_eq!(
        error.to_string(),
        "conf/refresh.yaml:10: targets.b.url: the environment variable OTHER_URL is not set; \
         set OTHER_URL where host-runner runs (under Kestra: in the task's `env:`)"
    );
}

#[test]
fn targets_come_in_the_order_that_was_asked_for_and_once() {
    let text = file(
        "  a: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n  b: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n",
    );
    let config = parse(&text).unwrap();
    let targets = resolve(&config, Selection::Names(&names(&["b", "a", "b"]))).unwrap();
    let order: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(order, ["b", "a"]);
}

#[test]
fn credentials_are_fetched_only_where_a_target_needs_them() {
    let text = file(
        "  plain: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n  \
           seen: {kind: power-automate, url: \"${env:FLOW_URL}\", verify: {kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444}}\n",
    )
    .replace("AZURE_CLIENT_SECRET", "EMPTY");
    let config = parse(&text).unwrap();
    assert!(resolve(&config, Selection::Names(&names(&["plain"]))).is_ok());
    let error = resolve(&config, Selection::Names(&names(&["seen"]))).unwrap_err();
    assert_eq!(error.code(), "env_empty");
    assert_eq!(
        error.message(),
        "conf/refresh.yaml:7: credentials.default.client_secret: the environment variable EMPTY is empty"
    );
    let redactor = Redactor::new();
    let unverified = config
        .resolve(
            Selection::All,
            Inputs {
                env: &usual_env,
                redactor: &redactor,
                verify: false,
            },
        )
        .unwrap();
    assert!(unverified.iter().all(|target| target.credential.is_none()));
    assert!(unverified[1].watched().is_some());
}

#[test]
fn a_quota_is_counted_also_where_nobody_asks_what_became_of_it() {
    let text = file(
        "  a: {kind: power-automate, url: \"${env:FLOW_URL}\", quota: {limit: 8}, verify: {kind: dataflow, workspace: W, dataflow: D}}\n  \
           b: {kind: power-automate, url: \"${env:FLOW_URL}\", verify: {kind: dataflow, workspace: W, dataflow: D}}\n",
    );
    let redactor = Redactor::new();
    let targets = parse(&text)
        .unwrap()
        .resolve(
            Selection::All,
            Inputs {
                env: &usual_env,
                redactor: &redactor,
                verify: false,
            },
        )
        .unwrap();
    let fetched: Vec<bool> = targets.iter().map(|t| t.credential.is_some()).collect();
    assert_eq!(fetched, [true, false]);
}

#[test]
fn a_dataflow_needs_its_credentials_even_without_a_look() {
    let text = file(
        "  t: {kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444}\n",
    );
    let redactor = Redactor::new();
    let targets = parse(&text)
        .unwrap()
        .resolve(
            Selection::All,
            Inputs {
                env: &usual_env,
                redactor: &redactor,
                verify: false,
            },
        )
        .unwrap();
    assert!(targets[0].credential.is_some());
}

#[test]
fn the_record_is_found_although_the_proxy_is_not() {
    let text = "version: 1\naudit: sqlite:a.db\ntransport: {proxy: \"${env:MISSING}\"}\nsandbox: {allow_loopback: \"${env:MISSING}\"}\n";
    let config = parse(text).unwrap();
    let redactor = Redactor::new();
    let inputs = Inputs {
        env: &usual_env,
        redactor: &redactor,
        verify: true,
    };
    assert!(config.audit(inputs).is_ok());
    let error = config.settings(inputs).unwrap_err();
    let codes: Vec<&str> = error
        .problems()
        .map(|problem| problem.fault.code())
        .collect();
    assert_eq!(codes, ["env_not_set", "env_not_set"]);
}

#[test]
fn a_fetched_value_is_held_to_the_same_rules() {
    let text = file(
        "  t: {kind: dataflow, workspace: \"${env:EMPTY_ISH}\", dataflow: \"${env:BLANK}\", poll: \"${env:NAME}\"}\n",
    );
    let config = parse(&text).unwrap();
    let redactor = Redactor::new();
    let env = |name: &str| match name {
        "EMPTY_ISH" => Some("INVENTED-value\nwith a line break".to_owned()),
        "BLANK" => Some("INVENTED-name ".to_owned()),
        "NAME" => Some("INVENTED-value".to_owned()),
        other => usual_env(other),
    };
    let error = config
        .resolve(
            Selection::All,
            Inputs {
                env: &env,
                redactor: &redactor,
                verify: true,
            },
        )
        .unwrap_err();
    let codes: Vec<&str> = error
        .problems()
        .map(|problem| problem.fault.code())
        .collect();
    assert_eq!(codes, ["invalid_value"; 3]);
    assert!(!error.to_string().contains("INVENTED"), "{error}");
}

#[test]
fn a_wrong_placeholder_is_told_when_the_file_is_read_also_deep_in_a_payload() {
    let text = file(
        "  a: {kind: power-automate, url: \"${env:FLOW_URL}\", payload: {x: [1, \"${secret}\"]}}\n",
    );
    let shown = mistakes(&text);
    assert_eq!(shown.len(), 1);
    assert!(
        shown[0].starts_with("invalid_placeholder conf/refresh.yaml:9: targets.a.payload.x[1]: "),
        "{shown:?}"
    );
}

#[test]
fn a_doubled_dollar_reaches_the_flow_as_one() {
    let text = file(
        "  a: {kind: power-automate, url: \"${env:FLOW_URL}\", payload: {x: \"$${env:A}\"}}\n",
    );
    let target = only(&text);
    let What::PowerAutomate(flow) = &target.what else {
        panic!()
    };
    assert_eq!(flow.payload, r#"{"x":"${env:A}"}"#);
}
