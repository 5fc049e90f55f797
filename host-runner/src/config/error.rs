//! What can be wrong with a configuration, and where. All errors are reported together, each with
//! its place and its hint.
//!
//! No text repeats a value, because any value may be a secret in the wrong place. Shown are keys, the
//! names of targets, credentials and variables, hosts and file paths.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

/// The longest key that is shown. A forgotten blank turns `client_secret: VALUE` into one key.
const LONGEST_KEY: usize = 40;

/// A place in a file. Both are counted from 1, and 0 if there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What is wrong in one place, and what to do. The alternate form of its text has the hint on a
/// second line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    code: &'static str,
    what: String,
    hint: String,
}

impl Fault {
    /// A fault with a stable code of its own.
    pub(crate) fn new(
        code: &'static str,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// A value that is not valid here.
    pub(crate) fn bad(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new("invalid_value", what, hint)
    }

    /// A file that a value names does not exist.
    pub(crate) fn no_file(path: &Path) -> Self {
        let hint = "check the path; a relative path starts at the configuration file";
        let what = format!("there is no file `{}`", path.display());
        Self::new("file_not_found", what, hint)
    }

    /// A file that a value names gives nothing, for this reason.
    pub(crate) fn unusable_file(path: &Path, reason: &str, hint: &str) -> Self {
        let what = format!("cannot use the file `{}`: {reason}", path.display());
        Self::new("file_unusable", what, hint)
    }

    /// A word that is not one of the known ones.
    pub(crate) fn unknown_word(word: &str, known: &[&str]) -> Self {
        let hint = did_you_mean(word, known).unwrap_or_else(|| "use one of these words".to_owned());
        Self::bad(format!("expected {}", alternatives(known)), hint)
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What to do, as an instruction.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if f.alternate() {
            write!(f, "\n{}", self.hint)?;
        }
        Ok(())
    }
}

/// One error and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    at: At,
    /// The key path, for example `targets.order_list.url`, or the option. May be empty.
    key: String,
    fault: Fault,
}

/// Errors of one file or of the options, each kept once. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// None if the errors are in options.
    file: Option<PathBuf>,
    problems: Vec<Problem>,
    /// The key paths of values that are one placeholder, and its `env:NAME` or `file:PATH`.
    pub(super) sources: BTreeMap<String, String>,
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// No errors so far.
    pub(crate) fn none(file: Option<&Path>) -> Self {
        Self {
            file: file.map(Path::to_path_buf),
            problems: Vec::new(),
            sources: BTreeMap::new(),
        }
    }

    /// An error of a file, at a place of it or as a whole.
    pub(crate) fn of_file(file: Option<&Path>, at: At, fault: Fault) -> Self {
        let mut error = Self::none(file);
        error.add(at, "", fault);
        error
    }

    /// The error of an option; of none in particular if it is empty.
    pub(crate) fn of_option(option: &str, fault: Fault) -> Self {
        let mut error = Self::none(None);
        error.add(At::default(), option, fault);
        error
    }

    /// Adds an error at a place with this key path.
    pub(crate) fn add(&mut self, at: At, path: &str, fault: Fault) {
        let key = self.key(at, path).to_owned();
        let problem = Problem { at, key, fault };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The errors in the order of the file; `value` if there are none.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, Self> {
        self.problems
            .sort_by_key(|problem| (problem.at.line, problem.at.column));
        match self.problems.is_empty() {
            true => Ok(value),
            false => Err(self),
        }
    }

    /// A text that starts with its place.
    pub(crate) fn placed(&self, at: At, path: &str, text: impl Display) -> String {
        let mut out = String::new();
        match &self.file {
            Some(file) if at.line > 0 => {
                out = format!("{}:{}:{}: ", file.display(), at.line, at.column);
            }
            Some(file) if path.is_empty() => out = format!("{}: ", file.display()),
            _ => {}
        }
        match self.key(at, path) {
            "" => format!("{out}{text}"),
            key => match self.sources.get(path) {
                Some(source) => format!("{out}{key} ({source}): {text}"),
                None => format!("{out}{key}: {text}"),
            },
        }
    }

    /// A key path of the file, or the option or variable that a target of the command line has it
    /// from: such a target has no place in the file.
    fn key<'p>(&self, at: At, path: &'p str) -> &'p str {
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        match key {
            _ if self.file.is_some() && at.line > 0 => path,
            "kind" => "--kind",
            "url" => "--url-env",
            "workspace" => "--workspace",
            "dataflow" => "--dataflow",
            "model" => "--model",
            "tenant" => "AZURE_TENANT_ID",
            "client_id" => "AZURE_CLIENT_ID",
            "client_secret" => "AZURE_CLIENT_SECRET",
            _ if section == "targets" => "--kind",
            _ => path,
        }
    }

    /// The stable code of the first error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.codes().next().unwrap_or("invalid_value")
    }

    /// The stable codes, in the order of the file.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.problems.iter().map(|problem| problem.fault.code)
    }

    /// What is wrong: one error without its hint, several with all hints.
    #[must_use]
    pub fn message(&self) -> String {
        match self.problems.as_slice() {
            [one] => self.placed(one.at, &one.key, &one.fault),
            _ => self.to_string(),
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self.problems.as_slice() {
            [one] => &one.fault.hint,
            _ => "fix these errors, then run `host-runner check`",
        }
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = self.problems.len() > 1;
        if several {
            write!(f, "{} errors in the configuration:", self.problems.len())?;
        }
        for Problem { at, key, fault } in &self.problems {
            let line = if several { "\n" } else { "" };
            let message = self.placed(*at, key, fault);
            write!(f, "{line}{message}\n  hint: {}", fault.hint)?;
        }
        Ok(())
    }
}

/// A key, unless it may be a secret in the wrong place.
pub(crate) fn shown_key(key: &str) -> Option<&str> {
    shown(key, |c| c.is_ascii_lowercase() || "_-".contains(c))
}

/// The name of credentials, unless it may be a secret in the wrong place.
pub(crate) fn shown_credentials(name: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    shown(name, |c| plain(c) || "_-".contains(c))
}

/// The name of a target, unless it may be a secret in the wrong place.
pub(crate) fn shown_target(name: &str) -> Option<&str> {
    shown(name, |c| c.is_ascii_alphanumeric() || " ._-!".contains(c))
}

fn shown(key: &str, plain: impl Fn(char) -> bool) -> Option<&str> {
    (key.len() <= LONGEST_KEY && key.chars().all(plain)).then_some(key)
}

/// `a, b and c`, each in backticks.
pub(crate) fn list<T: Display>(words: &[T]) -> String {
    joined(words, "and")
}

/// The words that are valid, each in backticks.
pub(crate) fn alternatives<T: Display>(words: &[T]) -> String {
    joined(words, "or")
}

fn joined<T: Display>(words: &[T], conjunction: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} {conjunction} {last}", before.join(", ")),
    }
}

/// A hint, if `word` is probably a misspelling of a known word: at most a third of it differs.
pub(crate) fn did_you_mean<T: AsRef<str>>(word: &str, known: &[T]) -> Option<String> {
    let allowed = (word.chars().count() / 3).max(1);
    let folded = word.to_lowercase().replace('-', "_");
    let distance = |known: &&str| strsim::damerau_levenshtein(&folded, &known.replace('-', "_"));
    let known = known.iter().map(AsRef::as_ref);
    let nearest = known.min_by_key(distance)?;
    (distance(&nearest) <= allowed).then(|| format!("did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(lines: &[u32]) -> Result<(), ConfigError> {
        let mut problems = ConfigError::none(Some(Path::new("refresh.yaml")));
        for &line in lines {
            let fault = Fault::new("env_not_set", "A_URL is not set", "set A_URL");
            problems.add(At { line, column: 3 }, "targets.a.url", fault);
        }
        problems.finish(())
    }

    #[test]
    fn one_error_is_a_message_and_a_hint_and_several_are_a_list_in_the_order_of_the_file() {
        let one = error(&[4, 4]).unwrap_err();
        let message = "refresh.yaml:4:3: targets.a.url: A_URL is not set";
        assert_eq!((one.code(), one.hint()), ("env_not_set", "set A_URL"));
        assert_eq!(one.message(), message);
        assert_eq!(one.to_string(), format!("{message}\n  hint: set A_URL"));
        let two = error(&[9, 4]).unwrap_err();
        let second = message.replace(":4:", ":9:");
        let expected = format!(
            "2 errors in the configuration:\n{message}\n  hint: set A_URL\n{second}\n  hint: set A_URL"
        );
        assert_eq!(
            (two.message(), two.to_string()),
            (expected.clone(), expected)
        );
        assert!(error(&[]).is_ok());
    }

    #[test]
    fn a_list_reads_like_a_sentence() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(alternatives(&["a", "b"]), "`a` or `b`");
    }

    #[test]
    fn a_misspelled_word_is_recognised_and_another_word_is_not() {
        let known = ["timeout", "deadline", "if_running", "power-automate"];
        for (word, expected) in [
            ("timout", Some("timeout")),
            ("If-Running", Some("if_running")),
            ("power_automate", Some("power-automate")),
            ("colour", None),
            ("x", None),
        ] {
            let expected = expected.map(|word| format!("did you mean `{word}`?"));
            assert_eq!(did_you_mean(word, &known), expected, "{word}");
        }
    }

    #[test]
    fn a_key_that_may_be_a_secret_is_not_shown() {
        assert_eq!(shown_key("client_secret"), Some("client_secret"));
        for key in ["client_secret:INVENTED", "Q8~x", "a".repeat(41).as_str()] {
            assert_eq!(shown_key(key), None, "{key}");
        }
    }
}
