//! The configuration of the script that came before, made into one of ours.
//!
//! A pure function: the old text in, the new text out, with a word on every key and the names of the
//! variables that somebody has to set ([`import`]). The old file is flat YAML whose keys are known by
//! their meaning only, so a table of usual names is read (`keys.rs`). Nothing of it is lost silently:
//! what is not carried over is named, with its line, in the notes and in a comment of the result.
//!
//! It refuses what it would have to guess: no URL, two keys that mean the same and say different
//! things, a value that the new configuration would refuse. And it never repeats a secret: whatever
//! looks like one, by its key or by itself, is replaced by `${env:NAME}` or left out, in the result,
//! in the notes and in the errors.

mod content;
mod convert;
mod error;
mod guards;
mod keys;
mod payload;
mod read;
mod secrets;
#[cfg(test)]
mod tests;
mod values;
mod write;

use std::path::Path;

pub use error::ImportError;

use crate::config::{Config, ConfigError, read_config_text, values as rules};
use crate::secret::Redactor;

/// What became of an old configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The new configuration: YAML that loads.
    pub yaml: String,
    /// The name of its target.
    pub target: String,
    /// What was done with each key, and what changes its meaning, in the order of the old file.
    pub notes: Vec<Note>,
    /// The variables that somebody has to set before the new configuration serves.
    pub variables: Vec<Variable>,
}

/// A word on the import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The key of the old file; empty where the note is about no key.
    pub key: String,
    /// Its line, counted from 1; 0 where the note is about no key.
    pub line: u32,
    /// What was done, or what is different from now on.
    pub text: String,
    /// Whether a person should act or know, where it is not only for the curious.
    pub matters: bool,
}

/// An environment variable, or a secret of the orchestrator that becomes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it holds, for people.
    pub holds: String,
}

/// Makes a new configuration out of the old one's text.
///
/// `name` is the new target's name; without it the dataflow's name gives one. The redactor learns
/// every secret of the old text.
///
/// # Errors
/// Every mistake that keeps the old text from being imported; at least one.
pub fn import(
    text: &str,
    name: Option<&str>,
    redactor: &Redactor,
) -> Result<Imported, Vec<ImportError>> {
    if let Some(name) = name {
        rules::target_name(name).map_err(|fault| vec![ImportError::Name { fault }])?;
    }
    let tree = read::tree(text).map_err(|error| vec![error])?;
    secrets::register(&tree, redactor);
    let old = read::old(&tree)?;
    let imported = convert::convert(&old, name)?;
    // A value that is a secret in one place may stand in another one as well.
    if redactor.scrub(&imported.yaml) != imported.yaml {
        return Err(vec![ImportError::SecretElsewhere]);
    }
    Config::parse(&imported.yaml, Path::new("refresh.yaml")).map_err(|error| {
        vec![ImportError::NotLoadable {
            reason: error.message(),
        }]
    })?;
    Ok(imported)
}

/// The text of an old configuration.
///
/// # Errors
/// Where the file is not there, or is no UTF-8 text of a sensible size.
pub fn read_old(path: &Path) -> Result<String, ConfigError> {
    read_config_text(path)
}
