//! Errors of the engine and of the component.

use std::path::PathBuf;

use thiserror::Error;

/// The component could not be loaded, or trapped.
#[derive(Debug, Clone, Error)]
pub enum EngineError {
    /// The engine itself does not start.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The embedded component does not load: a broken build, or a CPU that it was not built for.
    #[error("the embedded component does not load: {0}")]
    Embedded(String),
    /// The file of `--component` cannot be read.
    #[error("the component {path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The file of `--component` is not a component, or imports more than the sandbox provides.
    #[error("{path} is not a component that this runner can run: {reason}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The component trapped: a bug in it, or one of its limits.
    #[error("the component trapped: {0}")]
    Trapped(String),
}

impl EngineError {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(_) => "engine_failed",
            Self::Embedded(_) => "component_load_failed",
            Self::Unreadable { .. } => "component_unreadable",
            Self::Unusable { .. } => "component_unusable",
            Self::Trapped(_) => "component_trapped",
        }
    }
}
