//! The component, while it is being loaded beside everything else.
//!
//! Loading takes a quarter of a short refresh, and nothing needs the component before the audit log
//! has decided what a start leads to. So it is loaded in a thread of its own, begun as early as
//! possible and waited for as late as possible.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use super::component::ComponentHost;
use super::error::EngineError;

/// A component that is there, or will be.
pub struct Loading {
    thread: Mutex<Option<JoinHandle<Result<ComponentHost, EngineError>>>>,
    loaded: OnceLock<ComponentHost>,
}

impl Loading {
    /// Begins to load the embedded component, or the one in a file.
    ///
    /// # Errors
    /// [`EngineError::Engine`] where the system gives no thread.
    pub fn begin(file: Option<PathBuf>) -> Result<Self, EngineError> {
        let thread = std::thread::Builder::new()
            .name("component".to_owned())
            .spawn(move || match file {
                Some(path) => ComponentHost::from_file(&path),
                None => ComponentHost::embedded(),
            })
            .map_err(|error| EngineError::Engine(format!("no thread to load it in: {error}")))?;
        Ok(Self {
            thread: Mutex::new(Some(thread)),
            loaded: OnceLock::new(),
        })
    }

    /// The component, once it is there. Waits for it at the first call.
    ///
    /// # Errors
    /// Why it does not load, at the first call; that it did not, at later ones.
    pub fn get(&self) -> Result<&ComponentHost, EngineError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let component = match thread.map(JoinHandle::join) {
            Some(Ok(component)) => component?,
            Some(Err(_)) | None => {
                return Err(EngineError::Engine(
                    "the component was not loaded".to_owned(),
                ));
            }
        };
        Ok(self.loaded.get_or_init(|| component))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_component_is_there_however_often_it_is_asked_for() {
        let loading = Loading::begin(None).unwrap();
        assert!(!loading.get().unwrap().imports().is_empty());
        assert!(!loading.get().unwrap().exports().is_empty());
    }

    #[test]
    fn a_file_that_is_no_component_is_named() {
        let loading = Loading::begin(Some("/nowhere.wasm".into())).unwrap();
        let error = loading.get().err().unwrap();
        assert_eq!(error.code(), "component_unreadable");
        assert!(error.to_string().contains("/nowhere.wasm"));
        assert_eq!(loading.get().err().unwrap().code(), "engine");
    }
}
