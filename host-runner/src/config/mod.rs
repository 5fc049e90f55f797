//! The configuration: found, read, checked, and resolved as far as it is needed.
//!
//! Text → YAML → a tree that knows its lines → checks of every key and literal value, all mistakes
//! shown together ([`Config::load`]) → `${env:…}` and `${file:…}` of what is asked for, and the same
//! checks again ([`Config::resolve`], [`Config::settings`], [`Config::audit`]). A target without a
//! file comes the same way ([`Config::from_options`]).
//!
//! It refuses every key that it does not know, and keys of later versions by name: a guard that is
//! misspelled or not there yet would hold nothing back, and nobody would notice. It reads no
//! environment and no clock by itself, and never repeats a value in an error.

mod credential;
mod duration;
mod error;
mod fault;
mod file;
mod find;
mod json;
mod keys;
mod options;
mod payload;
mod policy;
mod read_flow;
mod read_target;
mod reader;
mod scalars;
mod settings;
mod target;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod trigger_url;
mod values;
mod whole;
mod words;

pub use duration::parse_duration;
pub use error::{ConfigError, Problem};
pub use fault::Fault;
pub use find::{FILE_NAME, find_config, usual_places};
pub use options::TargetOptions;
pub use policy::{Need, PolicyEntry};
pub use reader::Inputs;
pub use settings::{Endpoint, Endpoints, Settings};
pub use target::{Credential, Dataflow, IfRunning, PowerAutomate, ResolvedTarget, Verify, What};
pub use template::Env;
pub use trigger_url::{TriggerUrl, UrlForm, parse_trigger_url};
pub use whole::{Config, Selection};
