//! Old configurations as people have them, and what comes of each.

use std::path::Path;

use super::{ImportError, Imported, import};
use crate::config::{Config, Inputs, QuotaMode, ResolvedTarget, RunKind, Selection, Verify, What};
use crate::secret::Redactor;

const SIG: &str = "INVENTED-trigger-sig_0123456789abcdefghijkl";
const SECRET: &str = "INVENTED~client-secret_0123456789";
const URL: &str = "https://0123456789abcdef0123456789abcd.ef.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-trigger-sig_0123456789abcdefghijkl";
const OLD_URL: &str = "https://prod-12.westeurope.logic.azure.com:443/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-trigger-sig_0123456789abcdefghijkl";
const WORKSPACE: &str = "33333333-3333-3333-3333-333333333333";
const DATAFLOW: &str = "44444444-4444-4444-4444-444444444444";

/// A file with everything that the script may have had.
fn everything() -> String {
    format!(
        "# the old script's settings\n\
         power_automate_url: \"{URL}\"\n\
         dataflow_name: Master Order List\n\
         workspace: Data Admin\n\
         trigger_type: Gen1_Dataflow_Refresh\n\
         source: ORDER_LIST_pipeline\n\
         timeout: 45\n\
         business_hours:\n  start: \"09:00\"\n  end: 17\n  timezone: Australia/Brisbane\n  days: [Mon, Tuesday, wed, thu, fri]\n\
         enforce_business_hours: true\n\
         force: true\n\
         daily_limit: 8\n\
         retries: 2\n\
         retry_delay_seconds: 30\n\
         audit_table: audit.refresh_log\n\
         audit_connection_string: Server=db;Password=INVENTED-db-password\n\
         workspace_id: {WORKSPACE}\n\
         dataflow_id: {DATAFLOW}\n\
         tenant_id: 11111111-1111-1111-1111-111111111111\n\
         client_id: 22222222-2222-2222-2222-222222222222\n\
         client_secret: {SECRET}\n\
         log_level: INFO\n\
         teams_webhook: https://hooks.example/INVENTED0a1b2c3d4e5f6g7h8i9j\n"
    )
}

fn imported(text: &str) -> Imported {
    import(text, None, &Redactor::new()).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"))
}

fn refused(text: &str) -> Vec<ImportError> {
    import(text, None, &Redactor::new()).unwrap_err()
}

fn code(text: &str) -> &'static str {
    refused(text)[0].code()
}

/// Everything that is said about an import.
fn said(imported: &Imported) -> String {
    format!("{imported:?}")
}

/// The notes on a key.
fn note(imported: &Imported, key: &str) -> String {
    let notes: Vec<&str> = imported
        .notes
        .iter()
        .filter(|note| note.key == key)
        .map(|note| note.text.as_str())
        .collect();
    notes.join("\n")
}

/// What the new configuration comes to, with every variable set that it asked for.
fn resolved(imported: &Imported) -> ResolvedTarget {
    let env = |name: &str| {
        let asked = imported.variables.iter().any(|one| one.name == name);
        asked.then(|| match name {
            name if name.ends_with("_URL") => URL.to_owned(),
            name if name.ends_with("CLIENT_ID") => {
                "22222222-2222-2222-2222-222222222222".to_owned()
            }
            name if name.ends_with("TENANT_ID") => "example.onmicrosoft.com".to_owned(),
            _ => SECRET.to_owned(),
        })
    };
    let redactor = Redactor::new();
    let inputs = Inputs {
        env: &env,
        redactor: &redactor,
        verify: true,
    };
    let config = Config::parse(&imported.yaml, Path::new("refresh.yaml"))
        .unwrap_or_else(|error| panic!("{error}\n{}", imported.yaml));
    assert_eq!(
        config.target_names(),
        std::slice::from_ref(&imported.target)
    );
    let mut targets = config
        .resolve(Selection::All, inputs)
        .unwrap_or_else(|error| panic!("{error}\n{}", imported.yaml));
    targets.remove(0)
}

fn flow(target: &ResolvedTarget) -> &crate::config::PowerAutomate {
    match &target.what {
        What::PowerAutomate(flow) => flow,
        _ => panic!("a flow is expected"),
    }
}

#[test]
fn everything_that_has_a_place_comes_to_stand_in_it() {
    let imported = imported(&everything());
    assert_eq!(imported.target, "master_order_list");
    let target = resolved(&imported);
    let flow = flow(&target);
    assert_eq!(
        flow.payload,
        r#"{"trigger_type":"Gen1_Dataflow_Refresh","dataflow_name":"Master Order List","workspace":"Data Admin","source":"ORDER_LIST_pipeline"}"#
    );
    assert!(flow.standard_fields);
    assert_eq!(target.timeout.as_secs(), 45);
    assert_eq!(target.retry.max_attempts, 3);
    assert_eq!(target.retry.delay.as_secs(), 30);
    assert_eq!(
        target.windows[0].to_string(),
        "09:00-17:00 Australia/Brisbane (mon, tue, wed, thu, fri)"
    );
    let quota = target.quota.as_ref().unwrap();
    assert_eq!((quota.limit, quota.mode), (8, QuotaMode::Block));
    assert_eq!(quota.count, [RunKind::OnDemand, RunKind::Scheduled]);
    match &flow.verify {
        Verify::Content(watched) => {
            assert_eq!(
                (watched.workspace.as_str(), watched.item.as_str()),
                (WORKSPACE, DATAFLOW)
            );
        }
        other => panic!("{other:?}"),
    }
    let names: Vec<&str> = imported
        .variables
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["MASTER_ORDER_LIST_FLOW_URL", "AZURE_CLIENT_SECRET"]);
}

#[test]
fn no_secret_of_the_old_file_is_repeated_anywhere() {
    let redactor = Redactor::new();
    let imported = import(&everything(), None, &redactor).unwrap();
    let said = said(&imported);
    for secret in [
        SIG,
        SECRET,
        "INVENTED-db-password",
        "INVENTED0a1b2c3d4e5f6g7h8i9j",
    ] {
        assert!(!said.contains(secret), "{said}");
    }
    assert!(!said.contains("INVENTED"), "{said}");
    for secret in [SIG, SECRET, "INVENTED-db-password", URL] {
        let scrubbed = redactor.scrub(secret).into_owned();
        assert!(!scrubbed.contains("INVENTED"), "{scrubbed}");
    }
}

#[test]
fn no_error_repeats_a_value_and_none_repeats_the_broken_line() {
    for text in [
        format!("url: {URL}\n  broken: {SECRET}\n"),
        format!("url: \"{URL}\n"),
        format!("url: *{SIG}\n"),
        format!("{SIG}: 1\n{SIG}: 2\n"),
        format!("url: !secret {URL}\n"),
        format!("url: {URL}\n\tclient_secret: {SECRET}\n"),
        format!("url: http://flows.example/?sig={SIG}\n"),
        format!("url: {URL}\ntenant_id: {SECRET}\nclient_id: {SECRET}\ntimeout: {SECRET}\n"),
        format!("url: {URL}\nbusiness_hours: {SECRET}\n"),
        format!("url: {URL}\nflow_url: {URL}x\n"),
        SECRET.to_owned(),
        format!("- {SECRET}\n"),
    ] {
        for error in refused(&text) {
            let shown = format!("{error} {} {error:?}", error.hint());
            assert!(!shown.contains("INVENTED"), "{text}\n{shown}");
        }
    }
}

#[test]
fn the_payload_without_a_source_is_sent_without_one() {
    let imported = imported(&format!(
        "url: {URL}\ndataflow_name: Master Order List\nworkspace: Data Admin\ntrigger_source: kestra\nenvironment: production\n"
    ));
    let target = resolved(&imported);
    let flow = flow(&target);
    assert_eq!(flow.source.as_deref(), Some(""));
    assert_eq!(
        flow.payload,
        r#"{"dataflow_name":"Master Order List","workspace":"Data Admin","trigger_source":"kestra","environment":"production"}"#
    );
    let said = said(&imported);
    assert!(said.contains("`source: none` leaves it out"), "{said}");
}

#[test]
fn fields_of_a_payload_section_are_sent_as_they_were_and_its_secrets_are_fetched() {
    let imported = imported(&format!(
        "flow_url: {URL}\npayload:\n  dataflow_name: Master Order List\n  source: nightly\n  priority: 1\n  urgent: true\n  tags: [a, {{b: \"x: y\"}}]\n  callback_token: {SECRET}\n  note: \"costs ${{5}} # no comment\"\n"
    ));
    let target = resolved(&imported);
    assert_eq!(
        flow(&target).payload,
        format!(
            r#"{{"dataflow_name":"Master Order List","source":"nightly","priority":1,"urgent":true,"tags":["a",{{"b":"x: y"}}],"callback_token":"{SECRET}","note":"costs ${{5}} # no comment"}}"#
        )
    );
    assert!(
        imported
            .yaml
            .contains("callback_token: \"${env:MASTER_ORDER_LIST_CALLBACK_TOKEN}\""),
        "{}",
        imported.yaml
    );
}

#[test]
fn every_spelling_and_one_level_of_groups_is_read() {
    let plain = format!(
        "url: {URL}\ndataflow_name: Master Order List\nworkspace: Data Admin\ntimeout: 30\n"
    );
    let wanted = imported(&plain).yaml;
    for text in [
        format!(
            "POWER_AUTOMATE_URL: {URL}\nDATAFLOW_NAME: Master Order List\nWORKSPACE: Data Admin\nTIMEOUT: 30\n"
        ),
        format!(
            "power-automate-url: {URL}\ndataflow-name: Master Order List\nworkspace-name: Data Admin\ntimeout-seconds: 30\n"
        ),
        format!(
            "power_automate: {{url: \"{URL}\", timeout: 30s}}\ndataflow: {{name: Master Order List}}\nworkspace: {{name: Data Admin}}\n"
        ),
        format!(
            "settings:\n  flowUrl: {URL}\n  dataflowName: Master Order List\n  workspaceName: Data Admin\n  requestTimeoutMs: 30000\n"
        ),
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("---\n{plain}...\n"),
        format!(
            "base: &base\n  timeout: 30\nsettings:\n  <<: *base\n  url: {URL}\n  dataflow_name: Master Order List\n  workspace: Data Admin\n"
        ),
    ] {
        let lines = |yaml: &str| -> Vec<String> {
            yaml.lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(lines(&imported(&text).yaml), lines(&wanted), "{text}");
    }
}

#[test]
fn a_value_that_named_a_variable_names_it_still() {
    let imported = imported(
        "url: ${POWER_AUTOMATE_URL}\ndataflow_name: Master Order List\nworkspace_id: $WORKSPACE_ID\ndataflow_id: 44444444-4444-4444-4444-444444444444\nclient_secret: \"{{ secret('PBI_SECRET') }}\"\n",
    );
    for line in [
        "url: ${env:POWER_AUTOMATE_URL}",
        "workspace: ${env:WORKSPACE_ID}",
        "client_secret: ${env:PBI_SECRET}",
        "tenant: ${env:AZURE_TENANT_ID}",
    ] {
        assert!(imported.yaml.contains(line), "{line}\n{}", imported.yaml);
    }
    resolved(&imported);
}

#[test]
fn without_ids_and_credentials_the_verification_is_prepared_and_serves_once_it_is_uncommented() {
    let imported = imported(&format!(
        "url: {URL}\ndataflow_name: Master Order List\nworkspace: Data Admin\ndaily_limit: 8\n"
    ));
    assert!(matches!(flow(&resolved(&imported)).verify, Verify::None));
    assert!(resolved(&imported).quota.is_none());
    assert!(note(&imported, "daily_limit").contains("in a comment"));

    let code = [
        "credentials:",
        "  default:",
        "    kind:",
        "    tenant:",
        "    client",
        "verify:",
        "  kind:",
        "  workspace:",
        "  dataflow:",
        "quota:",
    ];
    let uncommented: String = imported
        .yaml
        .lines()
        .map(|line| {
            let comment = line.trim_start().strip_prefix("# ");
            match comment.filter(|rest| code.iter().any(|start| rest.starts_with(start))) {
                Some(rest) => format!("{}{rest}\n", &line[..line.len() - line.trim_start().len()]),
                None => format!("{line}\n"),
            }
        })
        .collect();
    let config = Config::parse(&uncommented, Path::new("refresh.yaml"))
        .unwrap_or_else(|error| panic!("{error}\n{uncommented}"));
    let redactor = Redactor::new();
    let env = |name: &str| {
        Some(match name {
            "AZURE_TENANT_ID" => "example.onmicrosoft.com".to_owned(),
            "AZURE_CLIENT_ID" => WORKSPACE.to_owned(),
            "AZURE_CLIENT_SECRET" => SECRET.to_owned(),
            _ => URL.to_owned(),
        })
    };
    let targets = config
        .resolve(
            Selection::All,
            Inputs {
                env: &env,
                redactor: &redactor,
                verify: true,
            },
        )
        .unwrap();
    assert_eq!(targets[0].quota.as_ref().map(|quota| quota.limit), Some(8));
    let watched = targets[0].watched().unwrap();
    assert_eq!(
        (watched.workspace.as_str(), watched.item.as_str()),
        ("Data Admin", "Master Order List")
    );
}

#[test]
fn what_changes_its_meaning_is_said() {
    let imported = imported(&everything());
    for (key, part) in [
        ("force", "`refresh --force`"),
        ("daily_limit", "the script's check was none"),
        ("timeout", "`deadline`"),
        ("business_hours.start", "`skipped`"),
        ("retries", "retry.max_attempts: 3"),
        ("audit_table", "HOST_RUNNER_AUDIT"),
        ("log_level", "--log-level"),
        ("teams_webhook", "`errors:`"),
        ("power_automate_url", "MASTER_ORDER_LIST_FLOW_URL"),
    ] {
        let note = note(&imported, key);
        assert!(note.contains(part), "{key}: {note}");
    }
    let said = said(&imported);
    for part in ["400", "202", "RFC 3339", "exited 0"] {
        assert!(said.contains(part), "{part}");
    }
    assert!(!imported.yaml.contains("force: true"));
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_stands_in_a_comment_without_its_value() {
    let imported = imported(&format!(
        "url: {URL}\ndataflow_name: A\ndataflw_nam: INVENTED value\nwarehouse:\n  size: large\n"
    ));
    let unknown = note(&imported, "dataflw_nam");
    assert!(
        unknown.contains("NOT carried over") && unknown.contains("`dataflow_name`"),
        "{unknown}"
    );
    assert!(
        imported.yaml.contains("line 3: `dataflw_nam`"),
        "{}",
        imported.yaml
    );
    assert!(
        imported.yaml.contains("line 5: `warehouse.size`"),
        "{}",
        imported.yaml
    );
    assert!(!said(&imported).contains("INVENTED value"));
    let matters = imported
        .notes
        .iter()
        .any(|note| note.key == "warehouse.size" && note.line == 5 && note.matters);
    assert!(matters);
}

#[test]
fn what_cannot_be_imported_has_its_own_code_and_line() {
    for (text, code, line) in [
        (String::new(), "import_empty", 0),
        ("# only a comment\n".to_owned(), "import_empty", 0),
        ("{}\n".to_owned(), "import_empty", 0),
        ("- a\n".to_owned(), "import_not_a_mapping", 0),
        (format!("URL={URL}\n"), "import_not_a_mapping", 0),
        (
            "version: 1\ntargets: {}\n".to_owned(),
            "import_already_new",
            0,
        ),
        ("dataflow_name: A\n".to_owned(), "import_no_url", 0),
        (format!("url: {URL}\nurl: {URL}\n"), "import_key_twice", 2),
        (format!("url: {URL}\nbad\n"), "import_yaml", 2),
        (
            format!("url: {URL}\nFLOW_URL: {OLD_URL}\n"),
            "import_conflict",
            2,
        ),
        (
            format!("url: {URL}\ntimeout: soon\n"),
            "import_bad_value",
            2,
        ),
        (
            format!("url: {URL}\n\ntimezone: Mars/Olympus\nstart_hour: 9\n"),
            "import_bad_value",
            3,
        ),
        (
            format!("url: {URL}\nstart_hour: 9\nend_hour: 9\n"),
            "import_bad_value",
            2,
        ),
        (
            format!("url: {URL}\nbusiness_days: [0, 1]\n"),
            "import_bad_value",
            2,
        ),
        (
            format!("url: {URL}\ndaily_limit: many\n"),
            "import_bad_value",
            2,
        ),
        (
            format!("url: {URL}\nclient_id: mine\n"),
            "import_bad_value",
            2,
        ),
        (
            format!("url: {URL}\ndataflow_name: [A, B]\n"),
            "import_bad_value",
            2,
        ),
        (
            URL.split('&')
                .next()
                .map(|cut| format!("url: {cut}\n"))
                .unwrap(),
            "import_bad_value",
            1,
        ),
        (
            format!("url: {URL}\npassword: Master Order List\ndataflow_name: Master Order List\n"),
            "import_secret_elsewhere",
            0,
        ),
    ] {
        let errors = refused(&text);
        assert_eq!(
            (errors[0].code(), errors[0].line()),
            (code, line),
            "{text}\n{errors:?}"
        );
        assert!(!errors[0].hint().is_empty());
    }
    let several = refused(&format!("url: {URL}\ntimeout: soon\nclient_id: mine\n"));
    assert_eq!(several.len(), 2, "{several:?}");
    let error = import("url: x", Some("order-list"), &Redactor::new()).unwrap_err();
    assert_eq!(error[0].code(), "import_bad_name");
}

#[test]
fn two_keys_that_say_the_same_are_no_conflict() {
    let imported = imported(&format!(
        "url: {URL}\nflow_url: {URL}\nworkspace:\ndataflow_name: A\n"
    ));
    assert!(note(&imported, "flow_url").contains("says the same"));
    assert!(note(&imported, "workspace").contains("no value"));
}

#[test]
fn an_old_url_is_carried_and_warned_about_and_one_with_a_sign_in_gets_credentials() {
    let old = imported(&format!("url: {OLD_URL}\ndataflow_name: A\n"));
    assert!(note(&old, "url").contains("30 November 2025"));
    let bare = URL.split("&sp=").next().unwrap();
    assert_eq!(
        code(&format!("url: {bare}\ndataflow_name: A\n")),
        "import_bad_value"
    );
    let signed_in = imported(&format!(
        "url: {bare}\ndataflow_name: A\ntenant_id: example.onmicrosoft.com\nclient_id: {WORKSPACE}\nclient_secret: {SECRET}\n"
    ));
    assert!(
        signed_in.yaml.contains("    credentials: default\n"),
        "{}",
        signed_in.yaml
    );
}

#[test]
fn hours_are_read_in_every_usual_form() {
    for (keys, window) in [
        (
            "business_hours: \"09:00-17:00\"",
            "09:00-17:00 Australia/Brisbane",
        ),
        (
            "business_hours: 8-18 Europe/Copenhagen",
            "08:00-18:00 Europe/Copenhagen",
        ),
        ("business_hours: true", "09:00-17:00 Australia/Brisbane"),
        (
            "enforce_business_hours: yes",
            "09:00-17:00 Australia/Brisbane",
        ),
        ("start_hour: 7\nend_hour: 19\ntz: UTC", "07:00-19:00 UTC"),
        (
            "start_time: 09:30:00\nend_time: 24:00",
            "09:30-24:00 Australia/Brisbane",
        ),
        (
            "start_hour: 22\nend_hour: 4",
            "22:00-04:00 Australia/Brisbane",
        ),
        (
            "business_days: mon-wed",
            "09:00-17:00 Australia/Brisbane (mon, tue, wed)",
        ),
        (
            "business_days: \"sat, Sunday\"",
            "09:00-17:00 Australia/Brisbane (sat, sun)",
        ),
        (
            "business_days: weekdays",
            "09:00-17:00 Australia/Brisbane (mon, tue, wed, thu, fri)",
        ),
        (
            "business_days: fri-mon",
            "09:00-17:00 Australia/Brisbane (mon, fri, sat, sun)",
        ),
    ] {
        let imported = imported(&format!("url: {URL}\ndataflow_name: A\n{keys}\n"));
        let target = resolved(&imported);
        assert_eq!(target.windows[0].to_string(), window, "{keys}");
    }
    let off = imported(&format!(
        "url: {URL}\ndataflow_name: A\nbusiness_hours: {{enabled: false, start: 8, end: 18}}\n"
    ));
    assert!(resolved(&off).windows.is_empty());
    assert!(
        off.yaml
            .contains("# window: \"08:00-18:00 Australia/Brisbane\""),
        "{}",
        off.yaml
    );
}

#[test]
fn limits_time_outs_and_tries_are_read_as_their_author_meant_them() {
    let head = format!("url: {URL}\nworkspace_id: {WORKSPACE}\ndataflow_id: {DATAFLOW}\n");
    let target = |keys: &str| resolved(&imported(&format!("{head}{keys}\n")));
    for off in [
        "daily_limit: 0",
        "daily_limit: none",
        "check_daily_limit: false",
    ] {
        assert!(target(off).quota.is_none(), "{off}");
    }
    assert_eq!(target("daily_limit: \"6\"").quota.unwrap().limit, 6);
    assert_eq!(target("check_daily_limit: true").quota.unwrap().limit, 8);
    for (keys, milliseconds) in [
        ("timeout: 2.5", 2500),
        ("timeout: 90s", 90_000),
        ("timeout_minutes: 2", 120_000),
        ("timeout_s: 7", 7000),
    ] {
        assert_eq!(target(keys).timeout.as_millis(), milliseconds, "{keys}");
    }
    assert_eq!(target("max_wait: 3600").deadline.as_secs(), 3600);
    assert_eq!(target("max_attempts: 4").retry.max_attempts, 4);
    assert_eq!(target("retries: 0").retry.max_attempts, 1);
}

#[test]
fn any_name_of_a_dataflow_gives_a_target_that_loads() {
    for name in [
        "Master Order List",
        "order-list",
        "Größe & Gewicht / 100 %",
        "123",
        "null",
        "\u{202e}!!!",
        "it's \"quoted\" \\ back",
        "${not a variable}",
        "a very long name that goes on and on and on and on and on until nobody reads it",
        "4444",
        "true",
    ] {
        let quoted = serde_json::to_string(name).unwrap();
        let imported = imported(&format!("url: {URL}\ndataflow_name: {quoted}\n"));
        let target = resolved(&imported);
        let payload: serde_json::Value = serde_json::from_str(&flow(&target).payload).unwrap();
        assert_eq!(payload["dataflow_name"], name);
    }
    let named = import(&everything(), Some("order_list"), &Redactor::new()).unwrap();
    assert!(
        named.yaml.contains("  order_list:\n") && named.yaml.contains("${env:ORDER_LIST_FLOW_URL}")
    );
}

#[test]
fn the_same_file_gives_the_same_result_and_a_result_is_not_imported_again() {
    let first = imported(&everything());
    assert_eq!(first, imported(&everything()));
    assert_eq!(code(&first.yaml), "import_already_new");
}

/// Every subset of lines of the full file, in every order of two: what comes out loads, or the only
/// thing that is missing is the URL.
#[test]
fn whatever_lines_an_old_file_leaves_out_the_result_loads() {
    let whole = everything().replace(
        "business_hours:\n  start: \"09:00\"\n  end: 17\n  timezone: Australia/Brisbane\n  days: [Mon, Tuesday, wed, thu, fri]\n",
        "start_hour: 9\nend_hour: 17\ntimezone: Australia/Brisbane\nbusiness_days: [mon, fri]\ntrigger_source: kestra\nenvironment: production\nmystery: 1\n",
    );
    let lines: Vec<&str> = whole.lines().collect();
    // A linear congruence is enough of chance, and the same every time.
    let mut state: u64 = 0x2545_F491_4F6C_DD1D;
    for _ in 0..600 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let bits = state >> 20;
        let mut kept: Vec<&str> = lines
            .iter()
            .enumerate()
            .filter(|(index, _)| bits >> (index % 44) & 1 == 1)
            .map(|(_, line)| *line)
            .collect();
        if bits & 1 == 0 {
            kept.reverse();
        }
        let text = kept.join("\n");
        let result = import(&text, None, &Redactor::new());
        match result {
            Ok(imported) => {
                resolved(&imported);
                assert!(!said(&imported).contains("INVENTED"));
            }
            Err(errors) => {
                let codes: Vec<&str> = errors.iter().map(ImportError::code).collect();
                assert!(
                    !text.contains("power_automate_url")
                        && ["import_no_url", "import_empty"].contains(&codes[0])
                        && codes.len() == 1,
                    "{errors:?}\n{text}"
                );
            }
        }
    }
}
