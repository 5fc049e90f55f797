//! What an import keeps, refuses and never repeats.

use super::*;

const SIGNATURE: &str = "INVENTED-signature-of-a-flow-0123456789";
const CLIENT_SECRET: &str = "INVENTED-client-secret-value";

fn script() -> String {
    format!(
        r#"credential_profiles:
  default:
    tenant_id: 11111111-1111-1111-1111-111111111111
    client_id: 22222222-2222-2222-2222-222222222222
    client_secret: "{CLIENT_SECRET}"
priority_resources:
  dataflows:
    master_order_list:
      workspace_id: 33333333-3333-3333-3333-333333333333
      dataflow_id: 44444444-4444-4444-4444-444444444444
      name: Master Order List
power_automate:
  workflows:
    master_order_list:
      logic_app_url: "https://prod-01.westeurope.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke"
      api_version: "1"
      access_key_params: "sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={SIGNATURE}"
operation_settings:
  default_timeout: 300
  max_retries: 3
  retry_delay: 30
"#
    )
}

fn flat() -> String {
    format!(
        "logic_app_url: https://prod-01.example/invoke?api-version=1&sig={SIGNATURE}
workspace_id: 33333333-3333-3333-3333-333333333333
dataflow_id: 44444444-4444-4444-4444-444444444444
tenant_id: 11111111-1111-1111-1111-111111111111
client_id: 22222222-2222-2222-2222-222222222222
client_secret: ${{CLIENT_SECRET}}
dataflow_name: Master Order List
workspace: Data Admin
trigger_type: Gen1_Dataflow_Refresh
source: ORDER_LIST_pipeline
timestamp: now
"
    )
}

fn imported(text: &str) -> Imported {
    import(text, Path::new("old.yaml"), None, &Redactor::new())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> Vec<&'static str> {
    let error = import(text, Path::new("old.yaml"), None, &Redactor::new()).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains("INVENTED") && shown.contains("hint: "),
        "{shown}"
    );
    error.codes().collect()
}

#[track_caller]
fn contains_no_secret(imported: &Imported) {
    let all = format!("{imported:?}{}", serde_json::json!(imported));
    for secret in [SIGNATURE, CLIENT_SECRET, "sp=%2Ftriggers"] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[test]
fn the_scripts_three_level_file_becomes_a_verified_target() {
    let imported = imported(&script());
    assert_eq!(imported.targets, ["master_order_list"]);
    for line in [
        "defaults: {timeout: 300s}",
        "tenant: \"11111111-1111-1111-1111-111111111111\"",
        "client_secret: \"${env:AZURE_CLIENT_SECRET}\"",
        "url: \"${env:MASTER_ORDER_LIST_FLOW_URL}\"",
        "payload: {dataflow_name: \"Master Order List\"}",
        "verify: {kind: dataflow, workspace: \"33333333-3333-3333-3333-333333333333\", dataflow: \"44444444-4444-4444-4444-444444444444\"}",
    ] {
        assert!(imported.yaml.contains(line), "{line}\n{}", imported.yaml);
    }
    assert!(!imported.yaml.contains("retry"), "{}", imported.yaml);
    let notes: Vec<u32> = imported.notes.iter().map(|note| note.line).collect();
    assert_eq!(notes, [20, 19, 0], "{:?}", imported.notes);
    let mut variables = imported.variables.iter();
    let url = variables.find(|variable| variable.name == "MASTER_ORDER_LIST_FLOW_URL");
    assert!(url.unwrap().contains.contains("LOGIC_APP_URL?api-version="));
    contains_no_secret(&imported);
}

#[test]
fn the_same_keys_on_one_level_become_the_same_target() {
    let imported = imported(&flat());
    assert_eq!(imported.targets, ["master_order_list"]);
    assert!(imported.yaml.contains("source: \"ORDER_LIST_pipeline\""));
    assert!(imported.yaml.contains("\"${env:CLIENT_SECRET}\""));
    assert!(!imported.yaml.contains("timestamp"));
    contains_no_secret(&imported);
    let named = import(
        &flat(),
        Path::new("old.yaml"),
        Some("order_list"),
        &Redactor::new(),
    )
    .unwrap();
    assert_eq!(named.targets, ["order_list"]);
}

#[test]
fn a_payload_with_a_trigger_source_gets_no_source() {
    let text = flat().replace("source: ORDER_LIST_pipeline", "trigger_source: kestra");
    assert!(imported(&text).yaml.contains("source: none"));
}

#[test]
fn every_workflow_becomes_a_target_and_a_dataflow_without_one_is_reported() {
    let text = script()
        .replace(
            "operation_settings:",
            "    second flow:\n      logic_app_url: ${SECOND_URL}\noperation_settings:",
        )
        .replace(
            "power_automate:",
            "    unused:\n      dataflow_id: 55555555-5555-5555-5555-555555555555\npower_automate:",
        );
    let imported = imported(&text);
    assert_eq!(imported.targets, ["master_order_list", "second_flow"]);
    assert!(imported.yaml.contains("url: \"${env:SECOND_URL}\""));
    let notes = format!("{:?}", imported.notes);
    assert!(notes.contains("is not verified"), "{notes}");
    assert!(notes.contains("no workflow has the name"), "{notes}");
}

#[test]
fn everything_else_is_refused_with_its_line_and_without_its_value() {
    let replaced = |from: &str, to: &str| {
        let text = script().replace(from, to);
        assert_ne!(text, script());
        text
    };
    let secret = "    client_secret:";
    let unknown = replaced(secret, "    colour: INVENTED\n    client_secret:");
    assert_eq!(refused(&unknown), ["import_unknown_key"]);
    let top = script() + "business_hours: INVENTED\n";
    assert_eq!(refused(&top), ["import_unknown_key"]);
    let glued = replaced("    client_secret: \"", "    client_secret:\"");
    assert_eq!(refused(&glued).len(), 1);
    let version = "      api_version: \"1\"\n";
    let twice = format!("{version}      api_version: INVENTED\n");
    for (text, code) in [
        ("a: [INVENTED", "config_yaml"),
        ("INVENTED", "import_invalid_value"),
        ("", "import_invalid_value"),
        ("power_automate: INVENTED", "import_invalid_value"),
        ("name: INVENTED", "import_missing_key"),
        ("version: 1\ntargets: {}", "import_unknown_key"),
    ] {
        assert_eq!(refused(text)[0], code, "{text}");
    }
    let (timeout, name) = ("default_timeout: 300", "name: Master Order List");
    for (from, to, code) in [
        (timeout, "default_timeout: INVENTED", "import_invalid_value"),
        (name, "name: [INVENTED]", "import_invalid_value"),
        ("  default:\n", "  other:\n", "import_unknown_key"),
        (version, &twice, "config_yaml"),
    ] {
        assert_eq!(refused(&replaced(from, to))[0], code, "{to}");
    }
    let no_url = refused(&replaced("logic_app_url", "api_version_"));
    assert!(no_url.contains(&"import_missing_key"));
    let repeated = replaced(name, &format!("name: {CLIENT_SECRET}"));
    assert_eq!(refused(&repeated), ["import_secret_repeated"]);
    assert!(
        import(
            &script(),
            Path::new("old.yaml"),
            Some("Not A Name"),
            &Redactor::new()
        )
        .is_err()
    );
}

#[test]
fn a_text_of_any_kind_is_carried_over_unchanged() {
    let names = "true|007|a: b|{a}|\"q\"|Größe 😀|50 % ${x|- a #b";
    for name in names.split('|') {
        let quoted = serde_json::Value::from(name);
        let text = format!("logic_app_url: ${{URL}}\ndataflow_name: {quoted}\n");
        let yaml = imported(&text).yaml;
        let read: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        let mut targets = read["targets"].as_object().unwrap().values();
        let written = &targets.next().unwrap()["payload"]["dataflow_name"];
        assert_eq!(*written, name.replace("${", "$${"), "{yaml}");
    }
}
