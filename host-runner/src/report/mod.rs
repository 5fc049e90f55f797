//! Output: results, progress and warnings, for people, scripts and Kestra.
//!
//! One [`Reporter`] serves an invocation. Plain functions build its output ([`text`], [`frames`]) and
//! choose its form ([`mode`]); only [`crate::sink`] writes.
//!
//! Nothing here affects a refresh: a reader that has gone away ends the output, but not the refresh,
//! its audit log or its exit code. No secret, escape sequence or forged line in foreign text gets
//! through ([`clean`]).

pub mod clean;
pub mod frames;
pub mod mode;
pub mod plan;
pub mod reporter;
pub mod result;
pub mod streams;
pub mod summary;
pub mod text;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use frames::Otlp;
pub use mode::{ColorChoice, Level, Mode, OutputChoice, Surroundings, threshold};
pub use plan::Plan;
pub use reporter::{ReportOptions, Reporter, Update, width_of_stdout};
pub use result::{ExitRules, Invocation, RefreshResult, Signal};
pub use summary::Summary;

pub use crate::sink::Sink;
