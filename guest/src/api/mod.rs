//! The services: their addresses, request bodies and responses, and their runs and quotas.
//!
//! There is one file for each service. Runs, states and quotas are the same for all of them, so a
//! verdict means the same for every kind of content.

pub(crate) mod content;
pub(crate) mod dataflow;
pub(crate) mod error;
pub(crate) mod flow;
pub(crate) mod gen2;
pub(crate) mod model;
pub(crate) mod quota;
pub(crate) mod reply;
pub(crate) mod run;
