//! Why an old configuration cannot be imported.
//!
//! No error repeats a value, nor what the YAML parser says of one: the line that is broken may be
//! the one with the secret.

use crate::config::Fault;

/// What keeps an old configuration from being imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Not YAML.
    #[error("this is not valid YAML (column {column})")]
    Yaml {
        /// The line, counted from 1; 0 where the parser does not know it.
        line: u32,
        /// The column, counted from 1.
        column: u32,
    },
    /// A key twice.
    #[error("a key stands here for the second time (column {column})")]
    Twice {
        /// The line of the second one.
        line: u32,
        /// Its column.
        column: u32,
    },
    /// Nothing but comments.
    #[error("the file is empty")]
    Empty,
    /// A text, a number or a list.
    #[error("the file is {found}, and keys with values are wanted")]
    NotAMapping {
        /// What it is.
        found: &'static str,
    },
    /// A configuration of ours.
    #[error("this is a configuration of host-runner already")]
    AlreadyNew,
    /// No key for the URL.
    #[error("no key of this file gives the flow's URL")]
    MissingUrl,
    /// Two keys of one meaning with different values.
    #[error(
        "`{key}` says something else than `{other}` of line {other_line}, and both mean {meaning}"
    )]
    Conflict {
        /// The second key.
        key: String,
        /// Its line.
        line: u32,
        /// The first key.
        other: String,
        /// Its line.
        other_line: u32,
        /// What they mean.
        meaning: &'static str,
    },
    /// A value that the new configuration would refuse.
    #[error("`{key}`: {fault}")]
    Value {
        /// The key.
        key: String,
        /// Its line.
        line: u32,
        /// What is wrong with its value.
        fault: Fault,
    },
    /// A name that no target can have.
    #[error("--name: {fault}")]
    Name {
        /// What is wrong with it.
        fault: Fault,
    },
    /// A secret that is another key's plain value too.
    #[error(
        "a value that must be kept secret stands in this file a second time, as the value of a key that is not secret"
    )]
    SecretElsewhere,
    /// What came out does not load: a fault of the import.
    #[error("the configuration that came out does not load: {reason}")]
    NotLoadable {
        /// What the loader said.
        reason: String,
    },
}

impl ImportError {
    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Yaml { .. } => "import_yaml",
            Self::Twice { .. } => "import_key_twice",
            Self::Empty => "import_empty",
            Self::NotAMapping { .. } => "import_not_a_mapping",
            Self::AlreadyNew => "import_already_new",
            Self::MissingUrl => "import_no_url",
            Self::Conflict { .. } => "import_conflict",
            Self::Value { .. } => "import_bad_value",
            Self::Name { .. } => "import_bad_name",
            Self::SecretElsewhere => "import_secret_elsewhere",
            Self::NotLoadable { .. } => "import_not_loadable",
        }
    }

    /// The line of the old file, counted from 1; 0 where it is about no line.
    #[must_use]
    pub fn line(&self) -> u32 {
        match self {
            Self::Yaml { line, .. }
            | Self::Twice { line, .. }
            | Self::Conflict { line, .. }
            | Self::Value { line, .. } => *line,
            _ => 0,
        }
    }

    /// What to do next, in a sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Yaml { .. } => "look at this line and the one above it: indentation, a tab, a missing colon or quote".to_owned(),
            Self::Twice { .. } => "keep the one that the script used; in YAML that is usually the last".to_owned(),
            Self::Empty | Self::NotAMapping { .. } => {
                "name the script's own file, with lines such as `dataflow_name: Master Order List`".to_owned()
            }
            Self::AlreadyNew => "ask `host-runner check --config FILE` about it".to_owned(),
            Self::MissingUrl => format!(
                "add it under one of {}; where the script has it from a variable, write `url: ${{NAME}}`",
                crate::import::keys::names_of_url()
            ),
            Self::Conflict { .. } => "take one of them out".to_owned(),
            Self::Value { fault, .. } | Self::Name { fault } => fault.hint(),
            Self::SecretElsewhere => {
                "put the secret into a variable and write `${NAME}` in its place, then import again".to_owned()
            }
            Self::NotLoadable { .. } => {
                "please report this with the file, its secrets taken out".to_owned()
            }
        }
    }
}
