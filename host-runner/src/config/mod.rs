//! The configuration: found, read, checked, and resolved as far as it is needed.
//!
//! | step | module |
//! |---|---|
//! | a file or options become a tree with places | `load`, `tree` |
//! | `${env:…}` and `${file:…}` are filled in, in the part that is needed | `template` |
//! | serde reads that part as a struct of the format | `de`, `schema`, `kinds`, `values` |
//! | defaults are applied and rules checked | `resolve`, `resolve_target`, `trigger_url`, `cloud` |
//! | the allow-list is derived | `policy` |
//!
//! An unknown key is an error, because a misspelled guard would have no effect. All errors are
//! reported together, with file, line, column and key, and never repeat a value
//! (`error`). Nothing here reads the environment or the clock by itself.

mod cloud;
mod de;
mod error;
mod json_schema;
mod kinds;
mod load;
mod policy;
mod resolve;
mod resolve_target;
mod schema;
mod target;
mod template;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod trigger_url;
pub(crate) mod values;

pub use cloud::Cloud;
pub(crate) use error::{At, shown_key};
pub use error::{ConfigError, Fault};
pub use json_schema::json_schema;
pub(crate) use load::read_config_text;
pub use load::{Config, FILE_NAME, Selection, TargetOptions, find_config};
pub use policy::{Operation, Settings};
pub use resolve::Inputs;
pub use schema::{Endpoint, OnInterrupt, Retry};
pub use target::{Credential, Endpoints, Mask, ResolvedTarget, content_of, item_of};
pub use template::Env;
pub use trigger_url::TriggerAddress;
pub use values::{Span, Whole, parse_duration};
