//! The configuration: found, read, checked, and resolved as far as it is needed.
//!
//! | step | module |
//! |---|---|
//! | a file or options become a tree with places | `load`, `tree` |
//! | `${env:…}` and `${file:…}` are filled in, in the part that is needed | `template` |
//! | serde reads that part as a struct of the format | `de`, `schema`, `values`, `time` |
//! | defaults are applied and rules checked | `resolve`, `target`, `trigger_url`, `cloud` |
//! | the allow-list is derived | `policy` |
//!
//! An unknown key is an error, because a misspelled guard would have no effect. All errors are
//! reported together, with file, line, column and key, and never repeat a value
//! (`error`, `fault`). Nothing here reads the environment or the clock by itself.

mod cloud;
mod de;
mod error;
mod fault;
mod json_schema;
mod load;
mod policy;
mod resolve;
mod schema;
mod target;
mod template;
#[cfg(test)]
mod tests;
mod time;
pub(crate) mod tree;
mod trigger_url;
pub(crate) mod values;

pub use cloud::Cloud;
pub use error::{ConfigError, Problem};
pub use fault::Fault;
pub use json_schema::json_schema;
pub(crate) use load::read_config_text;
pub use load::{Config, FILE_NAME, Selection, TargetOptions, find_config, usual_places};
pub use policy::{Need, PolicyEntry, Settings};
pub use resolve::Inputs;
pub use schema::{
    ApplyChanges, CommitMode, Endpoint, Enhanced, IfRunning, ModelObject, OnInterrupt, Quota,
    QuotaMode, QuotaUnreadable, RefreshType, Retry, RunKind, WhenUnreadable,
};
pub use target::{
    BearerNeed, ContentKind, Credential, Dataflow, Endpoints, FlowAuthorization, Gen2, Model,
    ModelRefresh, PowerAutomate, ResolvedTarget, Verify, Watched, What,
};
pub use template::Env;
pub use time::{CalendarDay, RefreshTimeout, Span, parse_duration};
pub use trigger_url::{TriggerAddress, TriggerUrl, UrlForm, parse_trigger_url};
pub use values::{FilledList, Scalar, Whole, Wrong};
