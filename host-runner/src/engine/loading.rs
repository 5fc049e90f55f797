//! Loads the component in a thread of its own.
//!
//! Loading takes a quarter of a short refresh, and the component is not needed before the audit log
//! has decided what a start leads to. So loading begins as early as possible, and is waited for as
//! late as possible.

use std::path::PathBuf;
use std::sync::LazyLock;

use super::component::ComponentHost;
use super::error::EngineError;
use super::state::Imports;

type Loaded<I> = Result<ComponentHost<I>, EngineError>;

/// A component that is loaded, or being loaded.
pub struct Loading<I: 'static> {
    loaded: LazyLock<Loaded<I>, Box<dyn FnOnce() -> Loaded<I> + Send>>,
}

impl<I: Imports> Loading<I> {
    /// Begins to load the embedded component, or the one in `file`.
    ///
    /// # Errors
    /// [`EngineError::Engine`] if the thread cannot be started.
    pub fn begin(file: Option<PathBuf>) -> Result<Self, EngineError> {
        let thread = std::thread::Builder::new()
            .name("component".to_owned())
            .spawn(move || match file {
                Some(path) => ComponentHost::from_file(&path),
                None => ComponentHost::embedded(),
            })
            .map_err(|error| EngineError::Engine(format!("no thread to load it in: {error}")))?;
        let panicked = || EngineError::Engine("the component was not loaded".to_owned());
        let join = move || thread.join().unwrap_or_else(|_| Err(panicked()));
        Ok(Self {
            loaded: LazyLock::new(Box::new(join)),
        })
    }

    /// The loaded component. The first call waits until it is loaded.
    ///
    /// # Errors
    /// Why loading failed.
    pub fn get(&self) -> Result<&ComponentHost<I>, EngineError> {
        self.loaded.as_ref().map_err(EngineError::clone)
    }
}
