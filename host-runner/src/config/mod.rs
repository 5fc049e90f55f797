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

mod cloud;
mod content;
mod credential;
mod duration;
mod endpoints;
mod error;
mod fault;
mod file;
mod find;
mod guards;
pub(crate) mod json;
mod key_tables;
mod keys;
mod options;
mod payload;
mod policy;
mod read_content;
mod read_flow;
mod read_guards;
mod read_interrupt;
mod read_model;
mod read_target;
mod read_window;
mod reader;
mod scalars;
mod settings;
mod target;
mod template;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod trigger_url;
pub(crate) mod values;
mod whole;
pub(crate) mod words;

pub use cloud::Cloud;
pub use content::{
    ApplyChanges, ContentKind, Dataflow, Enhanced, Gen2, Model, ModelObject, ModelRefresh, Watched,
    WhenUnreadable,
};
pub use duration::parse_duration;
pub use endpoints::{Endpoint, Endpoints};
pub use error::{ConfigError, Problem};
pub use fault::Fault;
pub(crate) use file::text_of as read_config_text;
pub use find::{FILE_NAME, find_config, usual_places};
pub use guards::{IfRunning, OnInterrupt, Quota, QuotaMode, QuotaUnreadable, Retry, RunKind};
pub use options::TargetOptions;
pub use policy::{Need, PolicyEntry};

pub use reader::Inputs;
pub use settings::Settings;
pub use target::{
    BearerNeed, Credential, FlowAuthorization, PowerAutomate, ResolvedTarget, Verify, What,
};
pub use template::Env;
pub use trigger_url::{TriggerAddress, TriggerUrl, UrlForm, parse_trigger_url};
pub use whole::{Config, Selection};
