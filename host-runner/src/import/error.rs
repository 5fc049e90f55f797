//! The reasons why a script's configuration cannot be imported.
//!
//! No error repeats a value, nor the YAML parser's text: the broken line may be the one with the
//! secret.

/// A problem that prevents an import.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The text is not YAML.
    #[error("invalid YAML (column {column})")]
    Yaml {
        /// The line, counted from 1; 0 if the parser does not know it.
        line: u32,
        /// The column, counted from 1.
        column: u32,
    },
    /// A key that the script does not have.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// Its line.
        line: u32,
        /// The keys that are known there.
        known: String,
    },
    /// A value of the wrong type.
    #[error("`{key}`: expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// Its line.
        line: u32,
        /// What is expected.
        expected: &'static str,
    },
    /// Something that every such file has.
    #[error("{what} is missing")]
    Missing {
        /// The key.
        what: &'static str,
        /// The line of the mapping.
        line: u32,
    },
    /// A secret that is also the plain value of another key.
    #[error("a secret of this file is also the value of another key that is not secret")]
    SecretRepeated,
    /// The result does not load: a value has the right type and is still refused.
    #[error("the result does not load: {0}")]
    NotLoadable(String),
}

impl ImportError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Yaml { .. } => "import_invalid_yaml",
            Self::UnknownKey { .. } => "import_unknown_key",
            Self::Value { .. } => "import_invalid_value",
            Self::Missing { .. } => "import_missing_key",
            Self::SecretRepeated => "import_secret_repeated",
            Self::NotLoadable(_) => "import_not_loadable",
        }
    }

    /// The line in the old file, counted from 1; 0 if unknown.
    #[must_use]
    pub fn line(&self) -> u32 {
        match self {
            Self::Yaml { line, .. }
            | Self::UnknownKey { line, .. }
            | Self::Value { line, .. }
            | Self::Missing { line, .. } => *line,
            _ => 0,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::UnknownKey { known, .. } => return format!("remove it, or use one of: {known}"),
            Self::Yaml { .. } => {
                "check this line and the one above it: indentation, a tab, a missing colon or quote, a repeated key"
            }
            Self::Value { .. } => "correct it and import again",
            Self::Missing { .. } => {
                "name the script's own file, or add the key; `${NAME}` reads a variable"
            }
            Self::SecretRepeated => {
                "put the secret into a variable, write `${NAME}` in its place, and import again"
            }
            Self::NotLoadable(_) => "correct the value in the old file and import again",
        };
        hint.to_owned()
    }
}
