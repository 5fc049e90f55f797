//! Every mistake of one configuration, shown together.
//!
//! A reader who mends one mistake wants to know of the others too, so that nobody starts a program
//! five times to correct five lines. Each [`Problem`] says where, what, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use super::fault::Fault;

/// One mistake and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file; none where the mistake is in an option.
    pub file: Option<PathBuf>,
    /// The line, counted from 1; 0 where there is none.
    pub line: u32,
    /// The column, counted from 1; 0 where there is none.
    pub column: u32,
    /// The path of the key, for example `targets.order_list.url`, or the option; may be empty.
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
            out.push_str(&file.display().to_string());
            if self.line > 0 {
                out.push_str(&format!(":{}", self.line));
            }
            // Elsewhere the key says more than the column does.
            if self.column > 0 && matches!(self.fault, Fault::ConfigYaml { .. }) {
                out.push_str(&format!(":{}", self.column));
            }
            out.push_str(": ");
        }
        if !self.key.is_empty() {
            out.push_str(&format!("{}: ", self.key));
        }
        out.push_str(&self.fault.to_string());
        out
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message(), self.fault.hint())
    }
}

/// One or more mistakes: nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", shown(first, more))]
pub struct ConfigError {
    first: Box<Problem>,
    more: Vec<Problem>,
}

impl ConfigError {
    /// The error of these problems, or nothing when there is none.
    pub(crate) fn of(problems: Vec<Problem>) -> Option<Self> {
        let mut problems = problems.into_iter();
        let first = Box::new(problems.next()?);
        Some(Self {
            first,
            more: problems.collect(),
        })
    }

    /// The error of a file as a whole.
    pub(crate) fn of_file(file: &Path, fault: Fault) -> Self {
        Self::at(Some(file), 0, 0, fault)
    }

    /// The error of a place in a file, or of no file.
    pub(crate) fn at(file: Option<&Path>, line: u32, column: u32, fault: Fault) -> Self {
        let first = Problem {
            file: file.map(Path::to_path_buf),
            line,
            column,
            key: String::new(),
            fault,
        };
        Self {
            first: Box::new(first),
            more: Vec::new(),
        }
    }

    /// The error of an option.
    pub(crate) fn of_option(option: &str, fault: Fault) -> Self {
        let first = Problem {
            file: None,
            line: 0,
            column: 0,
            key: option.to_owned(),
            fault,
        };
        Self {
            first: Box::new(first),
            more: Vec::new(),
        }
    }

    /// The stable code of the first problem.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.first.fault.code()
    }

    /// Every problem, in the order of the file.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        std::iter::once(&*self.first).chain(&self.more)
    }

    /// What is wrong: of one problem without its hint, of several with all their hints.
    #[must_use]
    pub fn message(&self) -> String {
        if self.more.is_empty() {
            self.first.message()
        } else {
            self.to_string()
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        if self.more.is_empty() {
            self.first.fault.hint()
        } else {
            "mend them all, then ask `host-runner check`".to_owned()
        }
    }
}

fn shown(first: &Problem, more: &[Problem]) -> String {
    if more.is_empty() {
        return first.to_string();
    }
    let mut out = format!("{} mistakes:", more.len() + 1);
    for problem in std::iter::once(first).chain(more) {
        out.push_str(&format!("\n  {problem}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: u32, variable: &str) -> Problem {
        Problem {
            file: Some(PathBuf::from("refresh.yaml")),
            line,
            column: 3,
            key: "targets.a.url".to_owned(),
            fault: Fault::EnvMissing {
                variable: variable.to_owned(),
            },
        }
    }

    #[test]
    fn one_problem_is_a_message_and_a_hint() {
        let error = ConfigError::of(vec![problem(4, "A_URL")]).unwrap();
        assert_eq!(error.code(), "env_not_set");
        assert_eq!(
            error.message(),
            "refresh.yaml:4: targets.a.url: the environment variable A_URL is not set"
        );
        assert_eq!(
            error.hint(),
            "set A_URL where host-runner runs (under Kestra: in the task's `env:`)"
        );
    }

    #[test]
    fn several_problems_are_shown_together_each_with_its_hint() {
        let error = ConfigError::of(vec![problem(4, "A_URL"), problem(9, "B_URL")]).unwrap();
        let shown = error.to_string();
        assert!(
            shown.starts_with("2 mistakes:\n  refresh.yaml:4: "),
            "{shown}"
        );
        assert!(
            shown.contains("\n  refresh.yaml:9: ") && shown.contains("set B_URL"),
            "{shown}"
        );
        assert_eq!(error.message(), shown);
    }

    #[test]
    fn no_problem_is_no_error() {
        assert_eq!(ConfigError::of(Vec::new()), None);
    }
}
