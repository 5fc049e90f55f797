//! Each error with its place, its key and the words that its author reads.

use super::*;

const FLOW: &str = "kind: power-automate, url: \"${env:FLOW_URL}\"";
const DATAFLOW: &str = "kind: dataflow, workspace: W, dataflow: D";
const GEN2: &str = "kind: dataflow-gen2, workspace: W, dataflow: D";
const MODEL: &str = "kind: semantic-model, workspace: W, model: M";

/// Checks that a file has one error, which starts and ends with these words.
#[track_caller]
fn has_error(text: &str, start: &str, end: &str) {
    let all = mistakes(text);
    assert_eq!(all.len(), 1, "{text}: {all:#?}");
    assert!(all[0].starts_with(start), "{text}: {}", all[0]);
    assert!(all[0].ends_with(end), "{text}: {}", all[0]);
}

#[test]
fn an_error_of_the_file_has_line_column_key_and_hint() {
    for (text, expected) in [
        (
            "version: 1\ntargets: [\n",
            "config_yaml conf/refresh.yaml:2:10: invalid YAML: unclosed bracket '['; \
             check this line and the one above it: indentation, a missing colon or quote",
        ),
        (
            "version: 1\nversion: 1\n",
            "config_yaml conf/refresh.yaml:2:1: invalid YAML: the key `version` appears twice; \
             check this line and the one above it: indentation, a missing colon or quote",
        ),
        (
            "version: 2\n",
            "invalid_value conf/refresh.yaml:1:10: version: this version is not supported; write `version: 1`",
        ),
        (
            "version: 1\nflavour: red\n",
            "unknown_key conf/refresh.yaml:2:1: flavour: unknown key `flavour`; known keys: `version`, `audit`, \
             `defaults`, `credentials`, `cloud`, `endpoints`, `sandbox`, `transport` and `targets`",
        ),
        (
            "version: 1\ntargtes: {}\n",
            "unknown_key conf/refresh.yaml:2:1: targtes: unknown key `targtes`; did you mean `targets`?",
        ),
        (
            "version: 1\nallow_loopback: true\n",
            "unknown_key conf/refresh.yaml:2:1: allow_loopback: unknown key `allow_loopback`; move it under `sandbox:`",
        ),
        (
            "version: 1\ncloud: gcc_high\n",
            "invalid_value conf/refresh.yaml:2:8: cloud: expected `public`, `gcc`, `gcc-high`, `dod` or `china`; \
             did you mean `gcc-high`?",
        ),
        (
            "version: 1\ncredentials: {x: {kind: managed-identity}}",
            "not_supported_yet conf/refresh.yaml:2:25: credentials.x.kind: `managed-identity` is not supported yet; \
             use `kind: client-secret`",
        ),
        (
            "- version: 1\n",
            "invalid_value conf/refresh.yaml:1:1: expected keys with values, found a list; \
             write `key: value` lines below it, indented",
        ),
        (
            "version: 1\naudit: {a: 1}\n",
            "invalid_value conf/refresh.yaml:2:8: audit: expected text, found keys with values; \
             write text; put text that looks like something else in quotes",
        ),
        (
            "version: 1\nsandbox: {allow: x}\n",
            "invalid_value conf/refresh.yaml:2:18: sandbox.allow: expected a list, found text; \
             write `[first, second]`, or one `- item` per line",
        ),
    ] {
        has_error(text, expected, "");
    }
    for (text, end) in [
        ("", "add for example `version: 1`"),
        ("version: 1\ntargets: [a]\n", "indented"),
        ("version: 1\naudit:\n", "in quotes"),
        (
            "version: 1\naudit: \" \"\n",
            "this text is empty; write a value, or remove the key",
        ),
        (
            "version: 1\nsandbox: {allow: [{url: \"https://a.example\", methods: []}]}\n",
            "this list is empty; add an entry, or remove the key",
        ),
    ] {
        has_error(text, "", end);
    }
}

#[test]
fn a_file_that_is_absent_unreadable_or_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("binary"), [0xff, 0x00]).unwrap();
    std::fs::write(folder.path().join("huge"), "#".repeat(1_100_000)).unwrap();
    for (name, code, end) in [
        ("absent.yaml", "config_not_found", "absent.yaml`"),
        (".", "config_unreadable", ""),
        ("binary", "config_unreadable", "it is not UTF-8 text"),
        ("huge", "config_unreadable", "it is larger than 1 MiB"),
    ] {
        let error = Config::load(&folder.path().join(name)).unwrap_err();
        assert_eq!(error.code(), code, "{name}");
        assert!(error.message().ends_with(end), "{error}");
    }
}

#[test]
fn every_error_is_reported_at_once_and_in_the_order_of_the_file() {
    let text = "version: 2\n\
        defaults: {deadline: 30, timeout: 0s, exit_zero_on: [skiped, internal_error]}\n\
        sandbox: {allow: [api.example, {url: \"https://a.example\", methods: [FETCH]}], allow_loopback: maybe}\n\
        cloud: mars\n";
    let starts = [
        "invalid_value conf/refresh.yaml:1:10: version: this version",
        "invalid_value conf/refresh.yaml:2:22: defaults.deadline: this duration has no unit",
        "invalid_value conf/refresh.yaml:2:35: defaults.timeout: this duration is less than",
        "invalid_value conf/refresh.yaml:2:54: defaults.exit_zero_on[0]: expected `completed`",
        "invalid_value conf/refresh.yaml:2:62: defaults.exit_zero_on[1]: a bug in the runner",
        "invalid_value conf/refresh.yaml:3:19: sandbox.allow[0]: this entry has no scheme",
        "invalid_value conf/refresh.yaml:3:69: sandbox.allow[1].methods[0]: expected `GET`",
        "invalid_value conf/refresh.yaml:3:95: sandbox.allow_loopback: expected `true` or `false`",
        "invalid_value conf/refresh.yaml:4:8: cloud: expected `public`",
    ];
    compare(&mistakes(text), &starts);
    let text = "version: 1\n\
        transport: {proxy: \"socks5://proxy.example\"}\n\
        endpoints: {powerbi: \"http://powerbi.example\"}\n\
        targets:\n  \
          order-list: {kind: power-automate, url: \"https://flow.example/?api-version=1&sig=0123456789\", payload: [1]}\n  \
          b: {kind: dataflow, workspace: W, dataflow: D}\n  \
          c: {kind: dataflow, workspace: \" Data Admin\", dataflw: D, if_lost: keep}\n  \
          d: {kind: power-automate}\n";
    let starts = [
        "invalid_value conf/refresh.yaml:2:20: transport.proxy: this proxy",
        "url_not_https conf/refresh.yaml:3:22: endpoints.powerbi: the address of `powerbi.example`",
        "invalid_target_name conf/refresh.yaml:5:3: targets.order-list: `order-list` is not a valid",
        "payload_not_object conf/refresh.yaml:5:106: targets.order-list.payload: expected a payload",
        "unknown_credentials conf/refresh.yaml:6:6: targets.b: there are no credentials `default`; add `credentials: ",
        "invalid_value conf/refresh.yaml:7:34: targets.c.workspace: this name has blanks around it",
        "unknown_key conf/refresh.yaml:7:49: targets.c.dataflw: unknown key `dataflw`; did you mean `dataflow`?",
        "invalid_value conf/refresh.yaml:7:70: targets.c.if_lost: expected `hold` or `resend`",
        "missing_key conf/refresh.yaml:8:6: targets.d: `url` is missing; add for example `url: ${env:ORDER_LIST_FLOW_URL}`",
    ];
    compare(&mistakes(text), &starts);
}

#[track_caller]
fn compare(found: &[String], starts: &[&str]) {
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found}\n{start}");
    }
    assert_eq!(found.len(), starts.len(), "{found:#?}");
}

#[test]
fn a_key_in_the_wrong_place_says_where_it_belongs() {
    for (target, end) in [
        (format!("{DATAFLOW}, timout: 5s"), "did you mean `timeout`?"),
        (
            format!("{DATAFLOW}, colour: red"),
            "`deadline`, `timeout`, `if_running`, `on_interrupt`, `quota`, `window`, \
          `min_interval`, `retry`, `if_lost`, `credentials`, `start_within`, `poll`, `when_unreadable`, `notify`, `workspace` and `dataflow`",
        ),
        (
            format!("{DATAFLOW}, model: X"),
            "it is a key of kind `semantic-model`",
        ),
        (
            format!("{DATAFLOW}, apply_changes: skip"),
            "it is a key of kind `dataflow-gen2`",
        ),
        (
            format!("{DATAFLOW}, url: x"),
            "it is a key of kind `power-automate`",
        ),
        (
            format!("{GEN2}, notify: none"),
            "it is a key of kind `dataflow` or `semantic-model`",
        ),
        (
            format!("{MODEL}, commit_mode: transactional"),
            "move it under `refresh:`",
        ),
        (
            format!("{MODEL}, refresh: {{if_running: skip}}"),
            "move it to `defaults` or the target",
        ),
        (format!("{MODEL}, dataset: D"), "it is called `model`"),
        (
            format!("{DATAFLOW}, interval: 30m"),
            "it is called `min_interval`",
        ),
        (format!("{FLOW}, workspace: W"), "move it under `verify:`"),
        (
            format!("{FLOW}, when_unreadable: accept"),
            "move it under `quota:` or `verify:`",
        ),
        (
            format!(
                "{FLOW}, verify: {{kind: dataflow, workspace: W, dataflow: D, quota: {{limit: 8}}}}"
            ),
            "move it to `defaults` or the target",
        ),
        (
            format!("{DATAFLOW}, retry: {{attempts: 2}}"),
            "known keys: `max_attempts` and `delay`",
        ),
        (
            format!("{DATAFLOW}, window: {{from: 06:00, to: 20:00, until: 20:00, zone: UTC}}"),
            "it is called `to`",
        ),
    ] {
        let shown = mistake_of(&target);
        assert!(
            shown.starts_with("unknown_key conf/refresh.yaml:9:"),
            "{shown}"
        );
        assert!(shown.ends_with(end), "{shown}");
    }
    assert!(
        mistake_of(&format!("{DATAFLOW}, after: [b]")).ends_with(
            ": targets.t.after: `after` is not supported yet; name the targets in their order, one start after the other"
        )
    );
}

#[test]
fn a_value_that_is_not_valid_says_how_to_write_it() {
    for (target, key, words) in [
        (
            "kind: power_automate",
            "kind",
            "did you mean `power-automate`?",
        ),
        (
            "workspace: W",
            "t",
            "`kind` is missing; add for example `kind: power-automate`",
        ),
        (
            "quota: {}",
            "quota",
            "`limit` is missing; add for example `limit: 8`",
        ),
        (
            "quota: 8",
            "quota",
            "expected keys with values, found a number",
        ),
        (
            "quota: {limit: 0}",
            "quota.limit",
            "expected an integer between 1 and 1000",
        ),
        (
            "quota: {limit: 8, count: []}",
            "quota.count",
            "this list is empty",
        ),
        (
            "quota: {limit: 8, count: [OnDemand]}",
            "quota.count[0]",
            "did you mean `on_demand`?",
        ),
        (
            "quota: {limit: 8, mode: stop}",
            "quota.mode",
            "expected `block` or `warn`",
        ),
        (
            "quota: {limit: 8, when_unreadable: stop}",
            "quota.when_unreadable",
            "expected `send` or `skip`",
        ),
        (
            "window: 06:00-20:00",
            "window",
            "this window has no time zone",
        ),
        ("window: always", "window", "this is not a window"),
        (
            "window: 06:00-20:00 Europe/Kopenhagen",
            "window",
            "not a known time zone",
        ),
        (
            "window: 06:00-20:00 +01:00",
            "window",
            "not a known time zone",
        ),
        ("window: 06:00-25:00 UTC", "window", "not a time of day"),
        (
            "window: 06:00-06:00 UTC",
            "window",
            "for the whole day write 00:00 to 24:00",
        ),
        ("window: []", "window", "this list is empty"),
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
            "this list is empty",
        ),
        (
            "window: {from: 06:00, to: 20:00, zone: UTC, days: [monday]}",
            "window.days[0]",
            "expected `mon`",
        ),
        (
            "window: {from: 6, to: 20:00, zone: UTC}",
            "window.from",
            "expected text, found a number",
        ),
        (
            "min_interval: 30",
            "min_interval",
            "this duration has no unit",
        ),
        (
            "min_interval: 0s",
            "min_interval",
            "less than a millisecond",
        ),
        (
            "retry: {max_attempts: 11}",
            "retry.max_attempts",
            "expected an integer between 1 and 10",
        ),
        (
            "retry: 3",
            "retry",
            "expected keys with values, found a number",
        ),
        (
            "if_running: none",
            "if_running",
            "expected `wait`, `skip` or `follow`",
        ),
        (
            "on_interrupt: stop",
            "on_interrupt",
            "expected `leave` or `cancel`",
        ),
        (
            "notify: ~",
            "notify",
            "expected `none` or `mail_on_failure`",
        ),
        (
            "credentials: defualt",
            "credentials",
            "there are no credentials with this name; did you mean `default`?",
        ),
        (
            "credentials: flows",
            "credentials",
            "there are no credentials with this name; known credentials: `default`",
        ),
    ] {
        let dataflow = if key == "kind" || key == "t" {
            ""
        } else {
            "kind: dataflow, workspace: W, dataflow: D, "
        };
        let shown = mistake_of(&format!("{dataflow}{target}"));
        let place = if key == "t" {
            "targets.t: ".to_owned()
        } else {
            format!("targets.t.{key}: ")
        };
        assert!(shown.contains(&place), "{target}: {shown}");
        assert!(shown.contains(words), "{target}: {shown}");
    }
    for (value, found) in [
        ("[1]", "a list"),
        ("{a: 1}", "keys with values"),
        ("~", "nothing"),
    ] {
        let shown = mistake_of(&format!("{GEN2}, parameters: {{day: {value}}}"));
        let end = format!(
            "targets.t.parameters.day: expected text, a number, true or false, found {found}; put a date or a list in quotes, as the dataflow reads it"
        );
        assert!(shown.ends_with(&end), "{shown}");
    }
}

#[test]
fn what_microsoft_would_refuse_in_an_enhanced_refresh_is_refused() {
    for (inside, key, words) in [
        (
            "{type: dataonly}",
            "refresh.type",
            "did you mean `data_only`?",
        ),
        ("{type: all}", "refresh.type", "use one of these words"),
        ("{typ: full}", "refresh.typ", "did you mean `type`?"),
        ("{objects: []}", "refresh.objects", "this list is empty"),
        (
            "{objects: [\" \"]}",
            "refresh.objects[0]",
            "this text is empty",
        ),
        (
            "{objects: [{partition: P}]}",
            "refresh.objects[0]",
            "`table` is missing",
        ),
        (
            "{objects: [{table: T, column: C}]}",
            "refresh.objects[0].column",
            "known keys: `table` and `partition`",
        ),
        (
            "{commit_mode: partial}",
            "refresh.commit_mode",
            "expected `transactional` or `partial_batch`",
        ),
        (
            "{max_parallelism: 0}",
            "refresh.max_parallelism",
            "between 1 and 1000",
        ),
        (
            "{retry_count: -1}",
            "refresh.retry_count",
            "between 0 and 100",
        ),
        (
            "{retry_count: 1.5}",
            "refresh.retry_count",
            "between 0 and 100",
        ),
        ("{timeout: 25h}", "refresh.timeout", "after 24 hours"),
        ("{timeout: 1500ms}", "refresh.timeout", "whole seconds"),
        ("{timeout: 90}", "refresh.timeout", "no unit"),
        (
            "{effective_date: 2026-02-29}",
            "refresh.effective_date",
            "this is not a date",
        ),
        (
            "{effective_date: 20260228}",
            "refresh.effective_date",
            "expected text",
        ),
        (
            "{effective_date: \"2026-2-28\"}",
            "refresh.effective_date",
            "write it as in 2026-11-23",
        ),
        (
            "{commit_mode: partial_batch, apply_refresh_policy: true}",
            "refresh.apply_refresh_policy",
            "in one transaction only",
        ),
        (
            "{commit_mode: partial_batch}",
            "refresh.commit_mode",
            "write `apply_refresh_policy: false` beside",
        ),
        (
            "{apply_refresh_policy: false, effective_date: 2026-02-28}",
            "refresh.effective_date",
            "none is applied",
        ),
        (
            "{type: full}, notify: mail_on_failure",
            "notify",
            "an enhanced refresh sends no e-mail",
        ),
        ("enhanced", "refresh", "expected `standard`"),
        ("standart", "refresh", "did you mean `standard`?"),
        (
            "[full]",
            "refresh",
            "expected text or keys with values, found a list",
        ),
        ("", "refresh", "found nothing"),
    ] {
        let shown = mistake_of(&format!("{MODEL}, refresh: {inside}"));
        assert!(
            shown.contains(&format!(" targets.t.{key}: ")),
            "{inside}: {shown}"
        );
        assert!(shown.contains(words), "{inside}: {shown}");
    }
}

#[test]
fn a_setting_without_effect_is_refused_in_a_target_and_a_warning_in_the_defaults() {
    let response = format!("{FLOW}, verify: {{kind: response}}");
    for (target, setting, words) in [
        (FLOW, "quota: {limit: 8}", "this target watches none"),
        (&response, "quota: {limit: 8}", "this target watches none"),
        (FLOW, "on_interrupt: cancel", "watches no content"),
        (&response, "on_interrupt: cancel", "watches no content"),
        (MODEL, "on_interrupt: cancel", "standard refresh"),
    ] {
        let text = |own: &str, defaults: &str| {
            file(&format!("  t: {{{target}{own}}}\n")) + &format!("defaults: {{{defaults}}}\n")
        };
        let key = setting.split(':').next().unwrap();
        let error = resolve_all(&text(&format!(", {setting}"), "")).unwrap_err();
        assert!(
            error.message().contains(&format!("targets.t.{key}: ")),
            "{error}"
        );
        assert!(error.message().contains(words), "{error}");
        let given = only(&text("", setting));
        assert!(given.quota.is_none() && given.on_interrupt == super::super::OnInterrupt::Leave);
        assert_eq!(given.warnings.len(), 1, "{:?}", given.warnings);
        assert!(
            given.warnings[0].contains(&format!("targets.t.{key}: ")),
            "{:?}",
            given.warnings
        );
        assert!(given.warnings[0].contains(words), "{:?}", given.warnings);
        let off = if key == "quota" {
            ", quota: none"
        } else {
            ", on_interrupt: leave"
        };
        assert!(only(&text(off, setting)).warnings.is_empty());
    }
    for (setting, words) in [
        (
            "if_running: skip",
            "`verify` names no content; remove it, or add `verify: {kind: dataflow, …}`",
        ),
        (
            "response_timeout: 9s",
            "only with `verify: {kind: response}`",
        ),
    ] {
        let error = resolve_all(&file(&format!("  t: {{{FLOW}, {setting}}}\n"))).unwrap_err();
        assert!(
            error.to_string().contains(words)
                || error.hint().contains(words)
                || error.message().contains("has no effect"),
            "{error}"
        );
    }
}

#[test]
fn an_error_in_the_defaults_is_reported_once_and_also_without_targets() {
    assert_eq!(
        mistakes("version: 1\ndefaults: {window: 06:00-20:00, min_interval: 5}\n").len(),
        2
    );
    let text = file(&format!("  a: {{{DATAFLOW}}}\n  b: {{{DATAFLOW}}}\n"))
        + "defaults: {window: 06:00-20:00}\n";
    let shown = mistakes(&text);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    assert!(shown[0].contains(" defaults.window: "), "{shown:?}");
}

#[test]
fn fabric_in_a_cloud_without_its_address_says_what_to_set() {
    let flow = format!("{FLOW}, verify: {{{GEN2}}}");
    for (target, key) in [(GEN2, "targets.t.kind"), (&flow, "targets.t.verify.kind")] {
        let text = file(&format!("  t: {{{target}}}\n")) + "cloud: dod\n";
        let error = resolve_all(&text).unwrap_err();
        assert!(error.message().contains(key), "{error}");
        assert!(error.hint().contains("set `endpoints.fabric`"), "{error}");
        let set = text + "endpoints: {fabric: \"https://fabric.example\"}\n";
        assert_eq!(resolve_all(&set).unwrap().len(), 1);
    }
    let dataflow = file(&format!("  t: {{{DATAFLOW}}}\n")) + "cloud: dod\n";
    assert_eq!(only(&dataflow).bearers().len(), 1);
}

#[test]
fn a_trigger_url_in_the_file_is_checked_without_being_shown() {
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
        let shown = mistake_of(&format!("kind: power-automate, url: \"{bad}\""));
        assert!(
            shown.starts_with(&format!("{code} conf/refresh.yaml:9:34: targets.t.url: ")),
            "{shown}"
        );
        assert!(
            !shown.contains("INVENTED") && !shown.contains("workflows"),
            "{shown}"
        );
    }
}

#[test]
fn an_unknown_target_is_answered_with_the_nearest_and_all() {
    let text = file(&format!(
        "  order_list: {{{DATAFLOW}}}\n  sales: {{{DATAFLOW}}}\n"
    ));
    let config = parse(&text).unwrap();
    for (names, code, message) in [
        (
            vec!["order-list".to_owned()],
            "unknown_target",
            "conf/refresh.yaml: there is no target `order-list`\n  hint: did you mean `order_list`? Targets: `order_list` and `sales`",
        ),
        (
            vec!["finance".to_owned()],
            "unknown_target",
            "conf/refresh.yaml: there is no target `finance`\n  hint: targets: `order_list` and `sales`",
        ),
        (
            Vec::new(),
            "no_target",
            "conf/refresh.yaml: no target is named\n  hint: name one or more of `order_list` and `sales`, or use --all",
        ),
    ] {
        let error = resolve(&config, Selection::Names(&names)).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
}
