//! `${env:NAME}` and `${file:PATH}` in values.
//!
//! They keep secrets, and what differs between machines, out of the file. They are filled in when a
//! value is needed, in the whole part of the tree that is read next. A missing or empty variable is
//! an error, because an empty URL or secret would fail later and less clearly. A fetched value is not
//! searched again, so a secret may contain `${`.

use std::io::ErrorKind;
use std::path::Path;

use super::error::{ConfigError, Fault, shown_credentials, shown_key, shown_target};
use super::tree::{Entry, Node, Value};
use crate::files;

/// The largest file of a `${file:…}`, in KiB. A secret is far smaller.
const LARGEST_FILE: u64 = 64;

/// Looks up an environment variable by its name.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where values come from.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// The environment. Without it, a value with `${…}` is unknown, which is not an error.
    pub(crate) env: Option<Env<'a>>,
    /// Where relative paths start.
    pub(crate) base: &'a Path,
}

/// A copy of a part of the tree with every `${…}` filled in. What is not known becomes unknown, and
/// errors are added to `problems`.
pub(crate) fn fill(
    node: &Node,
    path: &str,
    sources: Sources<'_>,
    problems: &mut ConfigError,
) -> Node {
    let value = match &node.value {
        Value::Text(written) => match filled(written, sources) {
            Ok(Some(text)) => {
                let one = written
                    .strip_prefix("${")
                    .and_then(|one| one.strip_suffix('}'));
                if let Some(source) = one.filter(|one| node.at.line > 0 && !one.contains('{')) {
                    problems.sources.insert(path.to_owned(), source.to_owned());
                }
                Value::Text(text)
            }
            Ok(None) => Value::Unknown,
            Err(fault) => {
                problems.add(node.at, path, fault);
                Value::Unknown
            }
        },
        Value::List(items) => {
            let items = items.iter().enumerate();
            let filled = items
                .map(|(index, item)| fill(item, &format!("{path}[{index}]"), sources, problems));
            Value::List(filled.collect())
        }
        Value::Map(entries) => {
            let filled = entries.iter().map(|entry| Entry {
                key: entry.key.clone(),
                at: entry.at,
                node: fill(&entry.node, &below(path, &entry.key), sources, problems),
            });
            Value::Map(filled.collect())
        }
        other => other.clone(),
    };
    Node { at: node.at, value }
}

/// Whether a value is written in the file as it is.
pub(crate) fn is_literal(node: &Node) -> bool {
    let Value::Text(text) = &node.value else {
        return true;
    };
    !text.replace("$${", "").contains("${")
}

/// A text with its `${…}` filled in; nothing if one of them is not fetched.
fn filled(text: &str, sources: Sources<'_>) -> Result<Option<String>, Fault> {
    let mut out = String::new();
    let mut known = true;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out = out + before + "${";
            rest = after;
            continue;
        }
        let Some((inside, behind)) = after.split_once('}') else {
            return Err(bad("has no closing brace"));
        };
        let value = match inside.split_once(':') {
            Some(("env", name)) if is_variable_name(name) => {
                sources.env.map(|env| variable(name, env))
            }
            Some(("env", _)) => {
                let what =
                    "does not name an environment variable (letters, digits and underscores)";
                return Err(bad(what));
            }
            Some(("file", path)) if !path.trim().is_empty() => {
                sources.env.map(|_| file(&sources.base.join(path)))
            }
            Some(("file", _)) => return Err(bad("names no file")),
            _ => return Err(bad("is neither `env:` nor `file:`")),
        };
        known &= value.is_some();
        out = out + before + &value.unwrap_or_else(|| Ok(String::new()))?;
        rest = behind;
    }
    Ok(known.then(|| out + rest))
}

/// The path of a key below a path.
pub(crate) fn below(path: &str, key: &str) -> String {
    let shown = match path {
        "targets" => shown_target(key),
        "credentials" => shown_credentials(key),
        _ => shown_key(key),
    };
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{}", shown.unwrap_or("…"))
}

fn bad(what: &str) -> Fault {
    let hint = "write `${env:NAME}` or `${file:PATH}`; a literal `${` is written `$${`";
    Fault::new(
        "invalid_placeholder",
        format!("a `${{…}}` in this value {what}"),
        hint,
    )
}

/// Whether shells and orchestrators can set a variable of this name.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn variable(name: &str, env: Env<'_>) -> Result<String, Fault> {
    match env(name) {
        None => Err(Fault::new(
            "env_not_set",
            format!("the environment variable {name} is not set"),
            format!("set {name} where host-runner runs (under Kestra: in the task's `env:`)"),
        )),
        Some(value) if value.trim().is_empty() => Err(Fault::new(
            "env_empty",
            format!("the environment variable {name} is empty"),
            format!(
                "give {name} a value; under Kestra an `env:` entry is empty if its secret or variable does not exist"
            ),
        )),
        // A Windows tool may have written it.
        Some(value) => Ok(value.trim_start_matches('\u{feff}').to_owned()),
    }
}

/// The text of a file, without the line break that editors and `echo` add at its end.
fn file(path: &Path) -> Result<String, Fault> {
    let hint = "put only the value in a UTF-8 text file";
    let unusable = |reason: &str| Fault::unusable_file(path, reason, hint);
    let text = files::read_text(path, LARGEST_FILE).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Fault::no_file(path),
        _ => unusable(&error.to_string()),
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(unusable("it is empty"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, base: &Path) -> Result<String, Fault> {
        let env = |name: &str| match name {
            "A" => Some("alpha".to_owned()),
            "NESTED" => Some("${env:A}".to_owned()),
            "EMPTY" => Some(String::new()),
            "BLANK" => Some(" \n".to_owned()),
            _ => None,
        };
        let env: Env<'_> = &env;
        super::filled(
            text,
            Sources {
                env: Some(env),
                base,
            },
        )
        .map(Option::unwrap)
    }

    #[test]
    fn a_variable_may_be_anywhere_and_a_doubled_dollar_is_a_literal_one() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("${env:A}", "alpha"),
            ("x-${env:A}/${env:A}.y", "x-alpha/alpha.y"),
            ("$${env:A}", "${env:A}"),
            ("a$b $$ $${", "a$b $$ ${"),
            // A fetched value is not searched again.
            ("${env:NESTED}", "${env:A}"),
        ] {
            assert_eq!(filled(text, Path::new(".")).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_filled_in_is_an_error_that_does_not_repeat_it() {
        for (text, code, word) in [
            ("${env:MISSING}", "env_not_set", "MISSING is not set"),
            ("x${env:EMPTY}", "env_empty", "EMPTY is empty"),
            ("${env:BLANK}", "env_empty", "BLANK is empty"),
            ("${INVENTED}", "invalid_placeholder", "neither"),
            ("${secret:INVENTED}", "invalid_placeholder", "neither"),
            ("${env:INVENTED secret}", "invalid_placeholder", "variable"),
            ("${env:INVENTED", "invalid_placeholder", "brace"),
            ("${file:}", "invalid_placeholder", "no file"),
            ("${env:}", "invalid_placeholder", "variable"),
        ] {
            let fault = filled(text, Path::new(".")).unwrap_err();
            assert_eq!(fault.code(), code, "{text}");
            assert!(fault.to_string().contains(word), "{fault}");
            assert!(
                !format!("{fault} {fault:?}").contains("INVENTED"),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_file_is_read_relative_to_the_base_without_its_last_newline() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("unix", "alpha\n\n"),
            ("windows", "alpha\r\n"),
            ("bare", "alpha"),
        ] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        assert_eq!(filled("${file:unix}", folder.path()).unwrap(), "alpha\n");
        assert_eq!(
            filled("<${file:windows}>", folder.path()).unwrap(),
            "<alpha>"
        );
        assert_eq!(filled("${file:./bare}", folder.path()).unwrap(), "alpha");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        std::fs::write(folder.path().join("binary"), [0xff, 0xfe, 0x00]).unwrap();
        std::fs::write(folder.path().join("huge"), "x".repeat(70_000)).unwrap();
        let code = |text: &str| filled(text, folder.path()).unwrap_err().code();
        assert_eq!(code("${file:absent}"), "file_not_found");
        for name in ["empty", "binary", "huge", "."] {
            assert_eq!(
                code(&format!("${{file:{name}}}")),
                "file_unusable",
                "{name}"
            );
        }
    }
}
