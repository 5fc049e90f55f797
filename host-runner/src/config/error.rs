//! All errors of one configuration, reported together, each with its place and its hint.

use std::fmt;
use std::path::{Path, PathBuf};

use super::fault::Fault;

/// Where a part of the configuration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// In the file. Both are counted from 1.
    File { line: u32, column: u32 },
    /// In this option of the command line.
    Option(&'static str),
}

impl At {
    /// The line in the file, counted from 1; 0 for an option.
    pub(crate) fn line(self) -> u32 {
        match self {
            Self::File { line, .. } => line,
            Self::Option(_) => 0,
        }
    }
}

/// One error and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file; none if the error is in an option.
    pub file: Option<PathBuf>,
    /// The line, counted from 1; 0 if there is none.
    pub line: u32,
    /// The column, counted from 1; 0 if there is none.
    pub column: u32,
    /// The path of the key, for example `targets.order_list.url`, or the option. May be empty.
    pub key: String,
    /// What is wrong.
    pub fault: Fault,
}

impl Problem {
    /// Where and what, without the hint.
    #[must_use]
    pub fn message(&self) -> String {
        let mut out = String::new();
        if let Some(file) = &self.file {
            out = file.display().to_string();
            if self.line > 0 {
                out += &format!(":{}:{}", self.line, self.column);
            }
            out += ": ";
        }
        if !self.key.is_empty() {
            out += &format!("{}: ", self.key);
        }
        out + &self.fault.to_string()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  hint: {}", self.message(), self.fault.hint())
    }
}

/// The errors that were found so far. Each is kept once.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    file: Option<&'a Path>,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(crate) fn of(file: Option<&'a Path>) -> Self {
        Self {
            file,
            found: Vec::new(),
        }
    }

    /// Adds an error at a place with this key path.
    pub(crate) fn add(&mut self, at: At, key: &str, fault: Fault) {
        let (file, line, column, key) = match at {
            At::File { line, column } => (self.file.map(Path::to_path_buf), line, column, key),
            At::Option(option) => (None, 0, 0, option),
        };
        let problem = Problem {
            file,
            line,
            column,
            key: key.to_owned(),
            fault,
        };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    /// A text that starts with the place.
    pub(crate) fn placed(&self, at: At, key: &str, text: &str) -> String {
        match (at, self.file) {
            (At::File { line, column }, Some(file)) => {
                format!("{}:{line}:{column}: {key}: {text}", file.display())
            }
            (At::File { .. }, None) => format!("{key}: {text}"),
            (At::Option(option), _) => format!("{option}: {text}"),
        }
    }

    /// The errors in the order of the file; `value` if there are none.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, ConfigError> {
        self.found
            .sort_by_key(|problem| (problem.line, problem.column));
        let mut found = self.found.into_iter();
        match found.next() {
            None => Ok(value),
            Some(first) => Err(ConfigError {
                first: Box::new(first),
                more: found.collect(),
            }),
        }
    }
}

/// One or more errors. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", shown(first, more))]
pub struct ConfigError {
    first: Box<Problem>,
    more: Vec<Problem>,
}

impl ConfigError {
    /// The error of a whole file.
    pub(crate) fn of_file(file: &Path, fault: Fault) -> Self {
        Self::at(Some(file), 0, 0, fault)
    }

    /// An error at a place of a file.
    pub(crate) fn at(file: Option<&Path>, line: u32, column: u32, fault: Fault) -> Self {
        Self {
            first: Box::new(Problem {
                file: file.map(Path::to_path_buf),
                line,
                column,
                key: String::new(),
                fault,
            }),
            more: Vec::new(),
        }
    }

    /// The error of an option.
    pub(crate) fn of_option(option: &str, fault: Fault) -> Self {
        let mut error = Self::at(None, 0, 0, fault);
        option.clone_into(&mut error.first.key);
        error
    }

    /// The stable code of the first error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.first.fault.code()
    }

    /// Every error, in the order of the file.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        std::iter::once(&*self.first).chain(&self.more)
    }

    /// What is wrong: one error without its hint, several with all hints.
    #[must_use]
    pub fn message(&self) -> String {
        if self.more.is_empty() {
            self.first.message()
        } else {
            self.to_string()
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        if self.more.is_empty() {
            self.first.fault.hint()
        } else {
            "fix these errors, then run `host-runner check`".to_owned()
        }
    }
}

fn shown(first: &Problem, more: &[Problem]) -> String {
    if more.is_empty() {
        return first.to_string();
    }
    let mut out = format!("{} errors in the configuration:", more.len() + 1);
    for problem in std::iter::once(first).chain(more) {
        out.push_str(&format!("\n{problem}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(lines: &[u32]) -> Result<(), ConfigError> {
        let mut problems = Problems::of(Some(Path::new("refresh.yaml")));
        for &line in lines {
            let variable = "A_URL".to_owned();
            let fault = Fault::EnvMissing { variable };
            problems.add(At::File { line, column: 3 }, "targets.a.url", fault);
        }
        problems.finish(())
    }

    #[test]
    fn one_error_is_a_message_and_a_hint() {
        let error = error(&[4, 4]).unwrap_err();
        assert_eq!(error.code(), "env_not_set");
        let message = "refresh.yaml:4:3: targets.a.url: the environment variable A_URL is not set";
        let hint = "set A_URL where host-runner runs (under Kestra: in the task's `env:`)";
        assert_eq!(
            (error.message(), error.hint()),
            (message.into(), hint.into())
        );
        assert_eq!(error.to_string(), format!("{message}\n  hint: {hint}"));
    }

    #[test]
    fn several_errors_are_a_list_in_the_order_of_the_file_with_each_hint_on_its_own_line() {
        let error = error(&[9, 4]).unwrap_err();
        let shown = error.to_string();
        let starts: Vec<&str> = shown.lines().map(|line| &line[..14]).collect();
        assert_eq!(
            starts,
            [
                "2 errors in th",
                "refresh.yaml:4",
                "  hint: set A_",
                "refresh.yaml:9",
                "  hint: set A_"
            ]
        );
        assert_eq!(error.message(), shown);
        assert!(self::error(&[]).is_ok());
    }
}
