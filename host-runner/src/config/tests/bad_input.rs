//! Each mistake, with the words that its author reads.

use super::*;

fn one_mistake(text: &str) -> String {
    let all = mistakes(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0].clone()
}

#[track_caller]
fn says(text: &str, expected: &str) {
    assert_eq!(one_mistake(text), expected);
}

/// A target of kind `power-automate` with one more line.
fn flow(line: &str) -> String {
    format!(
        "version: 1\ntargets:\n  a:\n    kind: power-automate\n    url: ${{env:FLOW_URL}}\n    {line}\n"
    )
}

#[test]
fn yaml_that_does_not_parse_names_line_and_column() {
    says(
        "version: 1\ntargets: [\n",
        "config_yaml conf/refresh.yaml:2:10: this is not valid YAML: unclosed bracket '['; \
         look at this line and the one above it: indentation, a missing colon or quote",
    );
    assert!(
        one_mistake("version: 1\nversion: 1\n").starts_with("config_yaml conf/refresh.yaml:2:1: ")
    );
}

#[test]
fn a_file_that_is_absent_unreadable_or_no_text_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str| Config::load(&folder.path().join(name)).unwrap_err();
    assert_eq!(load("absent.yaml").code(), "config_not_found");
    assert_eq!(load(".").code(), "config_unreadable");
    std::fs::write(folder.path().join("binary"), [0xff, 0x00]).unwrap();
    assert!(
        load("binary")
            .message()
            .ends_with("the file cannot be read: it is not UTF-8 text")
    );
    std::fs::write(folder.path().join("huge"), "#".repeat(1_100_000)).unwrap();
    assert!(
        load("huge")
            .message()
            .ends_with("the file cannot be read: it is larger than 1 MiB")
    );
}

#[test]
fn an_unknown_key_names_itself_its_line_and_the_nearest_known_key() {
    says(
        &flow("timout: 30s"),
        "unknown_key conf/refresh.yaml:6: targets.a.timout: the key `timout` is unknown here; did you mean `timeout`?",
    );
    says(
        "version: 1\nflavour: red\n",
        "unknown_key conf/refresh.yaml:2: flavour: the key `flavour` is unknown here; known here: `version`, `audit`, \
         `defaults`, `credentials`, `cloud`, `endpoints`, `sandbox`, `transport` and `targets`",
    );
    says(
        &flow("workspace: Data Admin"),
        "unknown_key conf/refresh.yaml:6: targets.a.workspace: the key `workspace` is unknown here; \
         it belongs into `verify: {kind: dataflow, …}`, or into the payload",
    );
}

#[test]
fn a_key_of_a_later_version_is_refused_by_name() {
    says(
        &flow("after: [b]"),
        "not_supported_yet conf/refresh.yaml:6: targets.a.after: `after` is not in this version; \
         name the targets in their order, one start after the other",
    );
}

#[test]
fn a_kind_that_nothing_knows_is_answered_with_the_nearest() {
    says(
        &flow("verify: {kind: dataflow_gen2}"),
        "invalid_value conf/refresh.yaml:6: targets.a.verify.kind: this is none of `dataflow`, `dataflow-gen2`, \
         `semantic-model` and `response`; did you mean `dataflow-gen2`?",
    );
    says(
        "version: 1\ntargets: {a: {kind: power_automate}}",
        "invalid_value conf/refresh.yaml:2: targets.a.kind: this is none of `power-automate`, \
         `dataflow`, `dataflow-gen2` and `semantic-model`; did you mean `power-automate`?",
    );
    says(
        "version: 1\ncredentials: {x: {kind: managed-identity}}",
        "not_supported_yet conf/refresh.yaml:2: credentials.x.kind: \
         the credentials kind `managed-identity` is not in this version; use `kind: client-secret`",
    );
}

#[test]
fn a_guard_that_would_do_nothing_is_refused() {
    says(
        &flow("if_running: skip"),
        "invalid_value conf/refresh.yaml:6: targets.a.if_running: this has an effect where `verify` names content only; \
         take it out, or add `verify: {kind: dataflow, …}`",
    );
    assert!(one_mistake(&flow("response_timeout: 9s")).contains("`verify: {kind: response}` only"));
}

#[test]
fn every_mistake_of_a_file_is_shown_at_once_and_in_its_order() {
    let text = "version: 2\n\
        defaults: {deadline: 30, timeout: 0s, exit_zero_on: [skiped, internal_error]}\n\
        sandbox: {allow: [api.example, {url: \"https://a.example\", methods: [FETCH]}], allow_loopback: maybe}\n\
        transport: {proxy: \"socks5://proxy.example\"}\n\
        endpoints: {powerbi: \"http://powerbi.example\"}\n\
        targets:\n  \
          order-list: {kind: power-automate, url: \"${env:FLOW_URL}\", payload: [1]}\n  \
          b: {kind: dataflow, workspace: \" Data Admin\", dataflow: 44444444-4444-4444-4444-444444444444, if_lost: keep}\n  \
          c: {kind: power-automate}\n";
    let shown = mistakes(text).join("\n").replace("conf/refresh.yaml:", "");
    let expected = "\
invalid_value 1: version: this is not a version that can be read; write `version: 1`
invalid_value 2: defaults.deadline: this is a duration without a unit; write numbers with units, as in 30s, 5m, 3h30m, 1500ms or PT90M (a day is 24h)
invalid_value 2: defaults.timeout: this is a duration of less than a millisecond; write numbers with units, as in 30s, 5m, 3h30m, 1500ms or PT90M (a day is 24h)
invalid_value 2: defaults.exit_zero_on[0]: this is none of `completed`, `accepted`, `failed`, `skipped`, `unknown`, `cancelled`, `denied`, `unauthorized`, `unavailable`, `audit_unavailable`, `invalid` and `interrupted`; did you mean `skipped`?
invalid_value 2: defaults.exit_zero_on[1]: this is none of `completed`, `accepted`, `failed`, `skipped`, `unknown`, `cancelled`, `denied`, `unauthorized`, `unavailable`, `audit_unavailable`, `invalid` and `interrupted`; write one of them
invalid_value 3: sandbox.allow[0]: `api.example` has no scheme; write `https://api.example`; an entry is `scheme://host[:port][/path]`
invalid_value 3: sandbox.allow[1].methods[0]: this is none of `GET`, `POST`, `PUT`, `PATCH` and `DELETE`; write one of them
invalid_value 3: sandbox.allow_loopback: this is neither true nor false; write `true` or `false`
invalid_value 4: transport.proxy: this is not a proxy that can be used; write `http://host:port`; https and SOCKS proxies are not supported
url_not_https 5: endpoints.powerbi: the address of `powerbi.example` begins with http:// and not with https://; write https://
invalid_target_name 7: targets.order-list: `order-list` cannot be a target's name: Kestra's expressions read `a-b` as a subtraction; call it `order_list`
payload_not_object 7: targets.order-list.payload: a payload must be an object, and this is a list; write keys and values, as in `{dataflow_name: Master Order List}`
unknown_credentials 8: targets.b: there are no credentials `default`; add `credentials: {default: {kind: client-secret, tenant: …, client_id: …, client_secret: \"${env:AZURE_CLIENT_SECRET}\"}}`
invalid_value 8: targets.b.workspace: this is a name with blanks around it; give the id out of the address in the browser, or the exact name
invalid_value 8: targets.b.if_lost: this is none of `hold` and `resend`; write one of them
missing_key 9: targets.c: `url` is missing; add for example `url: ${env:ORDER_LIST_FLOW_URL}`";
    assert_eq!(shown, expected);
}

#[test]
fn a_value_of_the_wrong_shape_is_told_what_it_is() {
    for (text, expected) in [
        (
            "version: 1\ntargets: [a]\n",
            "this is a list, and keys with values are wanted",
        ),
        (
            "version: 1\naudit: {a: 1}\n",
            "this is a mapping, and a text is wanted",
        ),
        ("version: 1\naudit:\n", "this has no value"),
        ("version: 1\naudit: \" \"\n", "this is an empty text"),
        (
            "version: 1\nsandbox: {allow: x}\n",
            "this is a text, and a list is wanted",
        ),
        (
            "- version: 1\n",
            "this is a list, and keys with values are wanted",
        ),
        (
            "version: 1\nsandbox: {allow: [{url: \"https://a.example\", methods: []}]}\n",
            "this list is empty",
        ),
    ] {
        let shown = one_mistake(text);
        assert!(
            shown.starts_with("invalid_value ") && shown.contains(expected),
            "{shown}"
        );
    }
    assert!(one_mistake("").starts_with("missing_key conf/refresh.yaml:"));
}

#[test]
fn a_trigger_url_in_the_file_is_checked_without_being_shown() {
    let url = |url: &str| {
        one_mistake(&format!(
            "version: 1\ntargets: {{a: {{kind: power-automate, url: \"{url}\"}}}}"
        ))
    };
    for (bad, code) in [
        (FLOW_URL.replace("https://", "http://"), "url_not_https"),
        (
            FLOW_URL.replace("api-version=1&", ""),
            "url_missing_api_version",
        ),
        (
            FLOW_URL.split("&sig=").next().unwrap().to_owned(),
            "url_missing_sig",
        ),
        (
            FLOW_URL.split('&').next().unwrap().to_owned(),
            "url_truncated",
        ),
        (FLOW_URL.replace("https://", ""), "url_unusable"),
    ] {
        let shown = url(&bad);
        assert!(
            shown.starts_with(&format!("{code} conf/refresh.yaml:2: targets.a.url: ")),
            "{shown}"
        );
        assert!(
            !shown.contains("INVENTED") && !shown.contains("workflows"),
            "{shown}"
        );
    }
}

#[test]
fn a_target_that_is_not_there_is_answered_with_the_nearest_and_all() {
    let config = parse(&file("  order_list: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n  sales: {kind: power-automate, url: \"${env:FLOW_URL}\"}\n")).unwrap();
    let ask = |name: &str| {
        resolve(&config, Selection::Names(&[name.to_owned()]))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        ask("order-list"),
        "conf/refresh.yaml: there is no target `order-list`; did you mean `order_list`? Targets: `order_list` and `sales`"
    );
    assert_eq!(
        ask("finance"),
        "conf/refresh.yaml: there is no target `finance`; targets: `order_list` and `sales`"
    );
    let none = resolve(&config, Selection::Names(&[])).unwrap_err();
    assert_eq!(none.code(), "no_target");
    assert_eq!(
        none.to_string(),
        "conf/refresh.yaml: no target is named; name one or more of `order_list` and `sales`, or say --all"
    );
}

#[test]
fn credentials_that_are_not_there_are_answered_with_the_nearest() {
    let text = file(
        "  t: {kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444, credentials: defualt}\n",
    );
    says(
        &text,
        "unknown_credentials conf/refresh.yaml:9: targets.t.credentials: there are no credentials `defualt`; did you mean `default`?",
    );
}
