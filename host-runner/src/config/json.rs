//! JSON text of a part of the configuration, its keys in the order of the file.
//!
//! The payload goes out in the order in which its author wrote it: a flow that logs its input shows
//! it so, and the digest of the request does not depend on a map's inner order.

use super::tree::{Node, Value};

/// The JSON text of a tree. Object keys keep their order.
pub(crate) fn text(node: &Node) -> String {
    let mut out = String::new();
    write(&node.value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Text(text) => string(text, out),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(&item.value, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                string(&entry.key, out);
                out.push(':');
                write(&entry.node.value, out);
            }
            out.push('}');
        }
    }
}

fn string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn every_json_value_survives_in_the_order_of_the_file() {
        let yaml = "z: \"a\\\"\\n☃\"\na: [1, -2, 0.5, true, ~, []]\n\"m n\": {y: {}, x: '1'}\n";
        assert_eq!(
            text(&tree::parse(yaml).unwrap()),
            r#"{"z":"a\"\n☃","a":[1,-2,0.5,true,null,[]],"m n":{"y":{},"x":"1"}}"#
        );
    }
}
