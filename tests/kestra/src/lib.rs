//! Kestra's real engine as a test server, for both lines that are kept.
//!
//! [`Engine::start`] finds a JDK and Maven ([`tools`]), builds the small Java program beside this
//! crate with Kestra's published modules ([`build`]), starts it, and talks to it over its pipes
//! ([`engine`]). What an execution came to is read with [`Execution`]. One engine serves a whole
//! test run; whoever holds it keeps its flows apart by namespaces.
//!
//! It refuses to do without: where a tool is missing it says which and how it is had, and nothing
//! is skipped.

pub mod build;
pub mod engine;
mod error;
mod execution;
mod line;
pub mod tools;

pub use engine::Engine;
pub use error::EngineError;
pub use execution::{Execution, TaskRun};
pub use line::Line;
