//! What can go wrong between the runner and its component.

use std::path::PathBuf;

use thiserror::Error;

/// The component could not be loaded, or broke off.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The engine itself does not start.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The embedded component does not load. A broken build, or a CPU that it was not built for.
    #[error("the embedded component does not load: {0}")]
    Embedded(String),
    /// `--component` names a file that cannot be read.
    #[error("the component {path} cannot be read: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `--component` names a file that is not a component, or one that asks for more than a
    /// sandbox holds.
    #[error("{path} is not a component that this runner can run: {reason}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The component trapped: a bug in it, or one of its limits.
    #[error("the component broke off: {0}")]
    Trapped(String),
}

impl EngineError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(_) => "engine",
            Self::Embedded(_) => "component_embedded",
            Self::Unreadable { .. } => "component_unreadable",
            Self::Unusable { .. } => "component_unusable",
            Self::Trapped(_) => "component_trapped",
        }
    }
}
