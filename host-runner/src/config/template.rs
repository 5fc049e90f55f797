//! `${env:NAME}` and `${file:PATH}` in a value.
//!
//! Secrets and what differs between machines stay out of the file this way. A variable that is
//! missing or empty is an error, never an empty text: an empty URL or secret would only fail later
//! and less clearly. What was fetched is not looked through again, so a secret may hold `${`.

use std::io::Read;
use std::path::Path;

use super::fault::Fault;

/// The largest file behind `${file:…}`, in bytes. Secrets are far smaller; this keeps a wrong path
/// such as a device or a log from being read whole.
const LARGEST_FILE: u64 = 64 * 1024;

/// Looks an environment variable up by its name.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Literal(&'a str),
    Env(&'a str),
    File(&'a str),
}

/// The pieces of a value.
pub(crate) fn split(text: &str) -> Result<Vec<Part<'_>>, Fault> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            parts.push(Part::Literal(before));
            parts.push(Part::Literal("${"));
            rest = after;
            continue;
        }
        parts.push(Part::Literal(before));
        let Some((inside, behind)) = after.split_once('}') else {
            return Err(Fault::BadPlaceholder {
                what: "has no closing brace",
            });
        };
        parts.push(reference(inside)?);
        rest = behind;
    }
    parts.push(Part::Literal(rest));
    parts.retain(|part| *part != Part::Literal(""));
    Ok(parts)
}

fn reference(inside: &str) -> Result<Part<'_>, Fault> {
    match inside.split_once(':') {
        Some(("env", name)) if is_variable_name(name) => Ok(Part::Env(name)),
        Some(("env", _)) => Err(Fault::BadPlaceholder {
            what: "does not name an environment variable (letters, digits and underscores)",
        }),
        Some(("file", path)) if !path.trim().is_empty() => Ok(Part::File(path)),
        Some(("file", _)) => Err(Fault::BadPlaceholder {
            what: "names no file",
        }),
        _ => Err(Fault::BadPlaceholder {
            what: "does not say where the value comes from",
        }),
    }
}

/// Whether a name is one that shells and orchestrators can set.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value that these pieces make. Relative files start at `base`.
pub(crate) fn join(parts: &[Part<'_>], env: Env<'_>, base: &Path) -> Result<String, Fault> {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Env(name) => out.push_str(&variable(name, env)?),
            Part::File(path) => out.push_str(&file(&base.join(path))?),
        }
    }
    Ok(out)
}

fn variable(name: &str, env: Env<'_>) -> Result<String, Fault> {
    match env(name) {
        None => Err(Fault::EnvMissing {
            variable: name.to_owned(),
        }),
        Some(value) if value.trim().is_empty() => Err(Fault::EnvEmpty {
            variable: name.to_owned(),
        }),
        Some(value) => Ok(value),
    }
}

/// The text of a file without the newline that editors and `echo` put at its end.
fn file(path: &Path) -> Result<String, Fault> {
    let unusable = |reason: &str| Fault::FileUnusable {
        path: path.to_path_buf(),
        reason: reason.to_owned(),
    };
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Fault::FileMissing {
                path: path.to_path_buf(),
            });
        }
        Err(error) => return Err(unusable(&error.to_string())),
        Ok(_) if bytes.len() as u64 > LARGEST_FILE => {
            return Err(unusable("it is larger than 64 KiB"));
        }
        Ok(_) => {}
    }
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8 text"))?;
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
        join(&split(text)?, &env, base)
    }

    #[test]
    fn a_variable_may_stand_anywhere_in_a_value() {
        let here = Path::new(".");
        assert_eq!(filled("plain", here).unwrap(), "plain");
        assert_eq!(filled("${env:A}", here).unwrap(), "alpha");
        assert_eq!(
            filled("x-${env:A}/${env:A}.y", here).unwrap(),
            "x-alpha/alpha.y"
        );
        assert_eq!(filled("", here).unwrap(), "");
    }

    #[test]
    fn a_doubled_dollar_is_a_literal_one_and_a_lone_one_is_itself() {
        let here = Path::new(".");
        assert_eq!(filled("$${env:A}", here).unwrap(), "${env:A}");
        assert_eq!(filled("a$b $$ $${", here).unwrap(), "a$b $$ ${");
    }

    #[test]
    fn a_fetched_value_is_not_looked_through_again() {
        assert_eq!(filled("${env:NESTED}", Path::new(".")).unwrap(), "${env:A}");
    }

    #[test]
    fn a_missing_and_an_empty_variable_are_errors_that_name_it() {
        let here = Path::new(".");
        let error = filled("${env:MISSING}", here).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable MISSING is not set"
        );
        for name in ["EMPTY", "BLANK"] {
            let error = filled(&format!("x${{env:{name}}}"), here).unwrap_err();
            assert_eq!(
                error,
                Fault::EnvEmpty {
                    variable: name.to_owned()
                }
            );
        }
    }

    #[test]
    fn another_form_is_refused_without_repeating_it() {
        for text in [
            "${INVENTED}",
            "${secret:INVENTED}",
            "${env:INVENTED secret}",
            "${env:INVENTED",
            "${file:}",
            "${env:}",
        ] {
            let error = split(text).unwrap_err();
            assert_eq!(error.code(), "invalid_placeholder", "{text}");
            assert!(!error.to_string().contains("INVENTED"), "{error}");
            assert!(error.hint().contains("${env:NAME}"));
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
    fn a_file_that_gives_no_value_is_an_error_that_names_it() {
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
