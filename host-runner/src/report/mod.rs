//! What the runner says: results, progress and warnings, for people, for scripts and for Kestra.
//!
//! One [`Reporter`] serves a whole invocation. What it says is built by plain functions ([`text`],
//! [`json`], [`frames`], [`table`]); who is listening is chosen by plain functions as well
//! ([`mode`], [`color`]); writing happens in [`sink`] alone.
//!
//! Nothing here can change what becomes of a refresh: a reader that has gone away ends the
//! reporting, not the refresh, its record or its exit code. No secret, no escape sequence and no
//! forged line of a foreign text gets through ([`clean`]).

mod bounds;
pub mod clean;
pub mod color;
pub mod frames;
pub mod json;
pub mod level;
pub mod live;
pub mod mode;
pub mod otlp;
pub mod reporter;
pub mod result;
pub mod sink;
pub mod summary;
pub mod table;
pub mod text;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use color::ColorChoice;
pub use level::{Level, Verbosity};
pub use mode::{Mode, OutputChoice, Surroundings};
pub use otlp::Otlp;
pub use reporter::{Phase, Reporter, Settings, Update};
pub use result::{ExitRules, Invocation, RefreshResult, Signal};
pub use sink::Sink;
pub use summary::Summary;
