//! Kestra's real engine as a test server, for both supported lines.
//!
//! [`Engine::start`] finds a JDK and Maven ([`tools`]), builds the small Java program of this crate with
//! Kestra's published modules ([`build`]), starts it, and sends requests over its pipes ([`engine`]).
//! [`Execution`] reads the result of an execution. One engine serves a whole test run; use a namespace
//! per test.
//!
//! A missing tool is an error that says how to install it; nothing is skipped.

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
