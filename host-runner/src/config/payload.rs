//! The payload: of the configuration, or of `--payload FILE` in its place.
//!
//! JSON is YAML, so one reader serves both. In a payload file `${…}` means nothing: it may be made
//! from data of others, who must not be able to have the runner's environment sent to a flow.

use std::path::Path;

use super::error::ConfigError;
use super::fault::Fault;
use super::file;
use super::json;
use super::reader::{Item, Reader, Section};
use super::tree::{self, Entry, Node, Value};

/// The JSON text of the object in `file`.
pub(crate) fn from_file(path: &Path) -> Result<String, ConfigError> {
    let text = file::read(
        path,
        Fault::FileMissing {
            path: path.to_path_buf(),
        },
    )?;
    let node = tree::parse(&text)
        .map_err(|error| ConfigError::at(Some(path), error.line, error.column, error.fault))?;
    match &node.value {
        Value::Map(_) => Ok(json::text(&node)),
        other => Err(ConfigError::of_file(
            path,
            Fault::PayloadNotObject {
                found: other.kind(),
            },
        )),
    }
}

/// The payload as JSON, its `${…}` filled in.
pub(crate) fn read(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<String> {
    let Some(item) = section.get("payload") else {
        return Some("{}".to_owned());
    };
    if !matches!(item.node.value, Value::Map(_)) {
        let fault = Fault::PayloadNotObject {
            found: item.node.value.kind(),
        };
        return reader.wrong(item.node.at, &item.path, fault);
    }
    expanded(reader, &item).map(|node| json::text(&node))
}

/// A copy with every `${…}` filled in. Goes on after a mistake, to find them all.
fn expanded(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Node> {
    let value = match &item.node.value {
        Value::Text(_) => Value::Text(reader.text(item)?.text),
        Value::List(nodes) => {
            let nodes: Vec<Option<Node>> = nodes
                .iter()
                .enumerate()
                .map(|(index, node)| {
                    expanded(
                        reader,
                        &Item {
                            node,
                            path: format!("{}[{index}]", item.path),
                        },
                    )
                })
                .collect();
            Value::List(nodes.into_iter().collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let entries: Vec<Option<Entry>> = entries
                .iter()
                .map(|entry| {
                    let inner = Item {
                        node: &entry.node,
                        path: format!("{}.{}", item.path, entry.key),
                    };
                    let node = expanded(reader, &inner)?;
                    Some(Entry {
                        key: entry.key.clone(),
                        at: entry.at,
                        node,
                    })
                })
                .collect();
            Value::Map(entries.into_iter().collect::<Option<_>>()?)
        }
        plain => plain.clone(),
    };
    Some(Node {
        at: item.node.at,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(content: &str) -> Result<String, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("payload");
        std::fs::write(&path, content).unwrap();
        from_file(&path)
    }

    #[test]
    fn json_and_yaml_are_both_read_and_keep_their_order() {
        let json = r#"{"z":"😀","a":[1,2.5,null],"m":{"y":true}}"#;
        assert_eq!(given(json).unwrap(), json);
        assert_eq!(
            given("{\n\t\"z\": \"\\ud83d\\ude00\\/\"\n}\n").unwrap(),
            r#"{"z":"😀/"}"#
        );
        assert_eq!(given("z: x\na: 1\n").unwrap(), r#"{"z":"x","a":1}"#);
    }

    #[test]
    fn a_payload_from_elsewhere_cannot_read_the_environment() {
        assert_eq!(given("a: ${env:PATH}\n").unwrap(), r#"{"a":"${env:PATH}"}"#);
    }

    #[test]
    fn anything_but_an_object_is_refused_and_told_what_it_is() {
        for (content, found) in [
            ("[1]", "a list"),
            ("text", "a text"),
            ("12", "a number"),
            ("", "empty"),
            ("null", "empty"),
        ] {
            let error = given(content).unwrap_err();
            assert_eq!(error.code(), "payload_not_object", "{content}");
            assert!(
                error.message().ends_with(&format!("and this is {found}")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_broken_or_absent_file_is_told_with_its_line() {
        let error = given("{\"a\": 1,\n \"b\": }}\n").unwrap_err();
        assert_eq!(error.code(), "config_yaml");
        assert!(error.message().contains("payload:2:"), "{error}");
        let error = from_file(Path::new("/nowhere/payload.json")).unwrap_err();
        assert_eq!(error.code(), "file_not_found");
    }
}
