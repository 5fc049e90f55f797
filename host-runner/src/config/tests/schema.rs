//! The JSON Schema is current, and every configuration in the repository matches it and loads.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::json_schema;
use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every way in which a value does not match a schema. It knows the keywords that ours uses and no
/// others: a full validator would bring thirty crates into the build.
fn mismatches(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut out = Vec::new();
    let all = |schemas: &Value| -> Vec<Vec<String>> {
        let schemas = schemas.as_array().unwrap();
        schemas
            .iter()
            .map(|one| mismatches(root, one, value, path))
            .collect()
    };
    let mut wrong = |what: String| out.push(format!("{path}: {what}"));
    for (keyword, argument) in schema.as_object().into_iter().flatten() {
        match keyword.as_str() {
            "$schema" | "title" | "description" | "definitions" | "examples" | "default" => {}
            "$ref" => {
                let target = argument.as_str().unwrap().trim_start_matches('#');
                let found = mismatches(root, root.pointer(target).unwrap(), value, path);
                found.into_iter().for_each(&mut wrong);
            }
            "type" => {
                let fits = match argument.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    other => panic!("{other}"),
                };
                if !fits {
                    wrong(format!("is not of type {argument}"));
                }
            }
            "const" if value != argument => wrong(format!("is not {argument}")),
            "enum" if !argument.as_array().unwrap().contains(value) => {
                wrong(format!("is not one of {argument}"));
            }
            "const" | "enum" => {}
            "minimum" | "maximum" => {
                let limit = argument.as_f64().unwrap();
                let number = value.as_f64().unwrap_or(limit);
                if keyword == "minimum" && number < limit || keyword == "maximum" && number > limit
                {
                    wrong(format!("is beyond {argument}"));
                }
            }
            "minItems" if value.as_array().is_some_and(Vec::is_empty) => wrong("is empty".into()),
            "minItems" => {}
            "anyOf" if all(argument).iter().all(|found| !found.is_empty()) => {
                wrong(format!("matches no alternative: {:?}", all(argument)));
            }
            "oneOf"
                if all(argument)
                    .iter()
                    .filter(|found| found.is_empty())
                    .count()
                    != 1 =>
            {
                wrong(format!(
                    "does not match exactly one alternative: {:?}",
                    all(argument)
                ));
            }
            "anyOf" | "oneOf" => {}
            "allOf" => all(argument).into_iter().flatten().for_each(&mut wrong),
            "required" => {
                for key in argument.as_array().unwrap() {
                    if value.is_object() && value.get(key.as_str().unwrap()).is_none() {
                        wrong(format!("{key} is missing"));
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    let found = mismatches(root, argument, item, &format!("{path}[{index}]"));
                    found.into_iter().for_each(&mut wrong);
                }
            }
            "properties" | "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (key, inner) in value.as_object().into_iter().flatten() {
                    let property = known.and_then(|known| known.get(key));
                    let inner_schema = match (keyword.as_str(), property) {
                        ("properties", Some(property)) => property,
                        ("additionalProperties", None) => argument,
                        _ => continue,
                    };
                    if inner_schema == &Value::Bool(false) {
                        wrong(format!("the key {key} is not known"));
                    } else {
                        let path = format!("{path}.{key}");
                        let found = mismatches(root, inner_schema, inner, &path);
                        found.into_iter().for_each(&mut wrong);
                    }
                }
            }
            other => panic!("the keyword {other} is not known here"),
        }
    }
    out
}

fn matches_schema(text: &str) -> Vec<String> {
    let schema = json_schema();
    let tree = super::super::tree::parse(text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let value = serde_json::to_value(&tree).unwrap();
    mismatches(&schema, &schema, &value, "")
}

/// The blocks of a Markdown file that are fenced as YAML, without their common indentation.
fn yaml_blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in markdown.lines() {
        let text = line.trim_start();
        match &mut open {
            None if text.starts_with("```yaml") => {
                open = Some((line.len() - text.len(), String::new()));
            }
            None => {}
            Some(_) if text.starts_with("```") => {
                blocks.extend(open.take().map(|(_, block)| block))
            }
            Some((indent, block)) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
        }
    }
    blocks
}

/// A whole file, from a fragment: a part of a target, a target, or top-level sections.
fn whole(block: &str) -> Option<String> {
    let first = block
        .lines()
        .find(|line| !line.trim().is_empty() && !line.trim().starts_with('#'))?;
    if first.starts_with("version:") {
        return Some(block.to_owned());
    }
    let top = [
        "targets:",
        "defaults:",
        "sandbox:",
        "transport:",
        "endpoints:",
        "credentials:",
    ];
    if top.iter().any(|key| first.starts_with(key)) {
        let credentials = block.contains("\ncredentials:") || first.starts_with("credentials:");
        let head = if credentials {
            "version: 1\n".to_owned()
        } else {
            file("").replace("targets:\n", "")
        };
        return Some(format!("{head}{block}"));
    }
    let keys = [
        "if_running:",
        "quota:",
        "window:",
        "verify:",
        "kind:",
        "refresh:",
        "payload:",
    ];
    if keys.iter().any(|key| first.trim_start().starts_with(key)) {
        let indent = first.len() - first.trim_start().len();
        let body: String = block
            .lines()
            .map(|line| format!("    {}\n", line.get(indent..).unwrap_or_default()))
            .collect();
        let flow = "    kind: power-automate\n    url: ${env:FLOW_URL}\n    verify: {kind: dataflow, workspace: W, dataflow: D}\n";
        return Some(file(&format!("  fragment:\n{flow}{body}")));
    }
    None
}

/// Every configuration of the repository, as (where it is, text).
fn configurations() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut folders = vec![
        root().join("docs"),
        root().join("kestra-flows"),
        root().join("tests"),
    ];
    let mut files = vec![root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    for path in files {
        let name = path.display().to_string();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("md") => {
                let text = std::fs::read_to_string(&path).unwrap();
                let blocks = yaml_blocks(&text).into_iter().enumerate();
                all.extend(blocks.filter_map(|(index, block)| {
                    Some((format!("{name}#{index}"), whole(&block)?))
                }));
            }
            Some("yaml" | "yml") => {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.lines().any(|line| line.starts_with("version: 1")) {
                    all.push((name, text));
                }
            }
            _ => {}
        }
    }
    all
}

#[test]
fn the_committed_schema_is_current() {
    let path = root().join("docs/refresh.schema.json");
    let current = format!("{:#}\n", json_schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).is_ok_and(|committed| committed == current),
        "run `host-runner schema > docs/refresh.schema.json`"
    );
    let editor = std::fs::read_to_string(root().join(".vscode/settings.json")).unwrap();
    assert!(editor.contains("docs/refresh.schema.json"));
}

#[test]
fn every_configuration_in_the_repository_matches_the_schema_and_loads() {
    let all = configurations();
    for expected in [
        "README.md#0",
        "README.md#1",
        "README.md#2",
        "kestra-flows/files/refresh.yaml",
    ] {
        assert!(
            all.iter().any(|(name, _)| name.ends_with(expected)),
            "{expected}"
        );
    }
    for (name, text) in all {
        let found = matches_schema(&text);
        assert!(found.is_empty(), "{name}: {found:#?}");
        if let Err(error) = parse(&text).and_then(|config| config.check()) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let flow = "kind: power-automate, url: x";
    for target in [
        "kind: power-automate".to_owned(),
        "kind: nothing".to_owned(),
        format!("{flow}, timout: 5s"),
        format!("{flow}, workspace: W"),
        format!("{flow}, if_running: never"),
        format!("{flow}, if_running: ~"),
        format!("{flow}, payload: 1"),
        format!("{flow}, quota: {{limit: 0}}"),
        format!("{flow}, retry: {{max_attempts: 11}}"),
        format!("{flow}, window: []"),
        format!("{flow}, verify: {{kind: dataflow, workspace: W, model: M}}"),
        "kind: semantic-model, workspace: W, model: M, refresh: enhanced".to_owned(),
        "kind: semantic-model, workspace: 5, model: M".to_owned(),
    ] {
        let text = file(&format!("  t: {{{target}}}\n"));
        assert!(!matches_schema(&text).is_empty(), "{target}");
        assert!(
            parse(&text).and_then(|config| config.check()).is_err(),
            "{target}"
        );
    }
    assert!(!matches_schema("version: 1\nflavour: red\n").is_empty());
    assert!(!matches_schema("version: 2\n").is_empty());
}
