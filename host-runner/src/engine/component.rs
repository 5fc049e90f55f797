//! Loads the component and instantiates it.
//!
//! The embedded component was compiled by `build.rs` and starts without compiling. A component that
//! a user names is compiled here. A precompiled file from a user is never accepted, because loading
//! it would run whatever machine code it contains.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi_http::p2::bindings::{LinkOptions, http};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use super::error::EngineError;
use super::state::{HostState, Imports};
use crate::contract::{self, ComponentPre, audit_store, control, types};
use crate::files;

/// The embedded component in its portable form.
pub const PORTABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/component.wasm"));
/// The same, compiled for this architecture by `build.rs`.
const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/component.cwasm"));

/// How often a busy guest is made to yield, so that signals and deadlines take effect.
const EPOCH: Duration = Duration::from_millis(20);

/// The largest component, in KiB: the embedded one has less than 500.
const LARGEST_COMPONENT: u64 = 64 << 10;

/// The imports of the embedded component. A component that imports more gets the rest of WASI, with
/// an empty environment behind it.
const NARROW_IMPORTS: [&str; 4] = [
    "wasi:io/",
    "wasi:http/",
    "wasi:clocks/monotonic-clock",
    "powerbi:refresh/",
];

/// A component that is ready to be instantiated.
pub struct ComponentHost<I: 'static> {
    engine: Arc<Engine>,
    component: Component,
    pre: ComponentPre<HostState<I>>,
}

/// One instance and its store.
pub struct Instance<I: 'static> {
    /// The store, which owns everything that the guest uses.
    pub store: Store<HostState<I>>,
    /// The exports.
    pub exports: contract::Component,
}

impl<I: Imports> ComponentHost<I> {
    /// The embedded component. Compiles nothing.
    ///
    /// # Errors
    /// [`EngineError::Engine`], [`EngineError::Embedded`].
    pub fn embedded() -> Result<Self, EngineError> {
        let engine = engine()?;
        // The only place that trusts compiled code: our own, embedded at build time.
        #[allow(
            unsafe_code,
            reason = "the bytes were compiled by our own build.rs and embedded; no user can replace them"
        )]
        let component = unsafe { Component::deserialize(&engine, COMPILED) }
            .map_err(|error| EngineError::Embedded(format!("{error:#}")))?;
        Self::link(engine, component).map_err(|error| EngineError::Embedded(format!("{error:#}")))
    }

    /// Compiles the portable component in a file.
    ///
    /// # Errors
    /// [`EngineError::Unreadable`], [`EngineError::Unusable`], [`EngineError::Engine`].
    pub fn from_file(path: &Path) -> Result<Self, EngineError> {
        let unusable = |error: wasmtime::Error| EngineError::Unusable {
            path: path.to_owned(),
            reason: format!("{error:#}"),
        };
        let bytes = read(path)?;
        let engine = engine()?;
        // `from_binary` refuses precompiled files, which are never accepted from a user.
        let component = Component::from_binary(&engine, &bytes).map_err(unusable)?;
        Self::link(engine, component).map_err(unusable)
    }

    fn link(engine: Arc<Engine>, component: Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::<HostState<I>>::new(&engine);
        let narrow = component
            .component_type()
            .imports(&engine)
            .all(|(name, _)| NARROW_IMPORTS.iter().any(|known| name.starts_with(known)));
        if narrow {
            use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
            use wasmtime_wasi_io::bindings::wasi::io;
            io::error::add_to_linker::<_, HasTable>(&mut linker, |state| state.ctx().table)?;
            io::poll::add_to_linker::<_, HasTable>(&mut linker, |state| state.ctx().table)?;
            io::streams::add_to_linker::<_, HasTable>(&mut linker, |state| state.ctx().table)?;
            monotonic_clock::add_to_linker::<_, WasiClocks>(&mut linker, HostState::clocks)?;
        } else {
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        }
        let options = (&LinkOptions::default()).into();
        http::outgoing_handler::add_to_linker::<_, WasiHttp>(&mut linker, HostState::http)?;
        http::types::add_to_linker::<_, WasiHttp>(&mut linker, &options, HostState::http)?;
        types::add_to_linker::<_, HasSelf<I>>(&mut linker, |state| &mut state.imports)?;
        audit_store::add_to_linker::<_, HasSelf<I>>(&mut linker, |state| &mut state.imports)?;
        control::add_to_linker::<_, HasSelf<I>>(&mut linker, |state| &mut state.imports)?;
        let pre = ComponentPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self {
            engine,
            component,
            pre,
        })
    }

    /// Creates an instance with this state.
    ///
    /// # Errors
    /// [`EngineError::Trapped`] if the start of the component itself fails.
    pub async fn instantiate(&self, state: HostState<I>) -> Result<Instance<I>, EngineError> {
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let exports = self
            .pre
            .instantiate_async(&mut store)
            .await
            .map_err(|error| EngineError::Trapped(format!("{error:#}")))?;
        Ok(Instance { store, exports })
    }

    /// The interfaces that the component imports, in its own order.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        self.component
            .component_type()
            .imports(&self.engine)
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// The interfaces that the component exports, in its own order.
    #[must_use]
    pub fn exports(&self) -> Vec<String> {
        self.component
            .component_type()
            .exports(&self.engine)
            .map(|(name, _)| name.to_owned())
            .collect()
    }
}

struct HasTable;

impl wasmtime::component::HasData for HasTable {
    type Data<'a> = &'a mut wasmtime::component::ResourceTable;
}

/// A component's bytes, for `host-runner component`.
pub struct ComponentFile {
    /// The file; none for the embedded component.
    pub path: Option<PathBuf>,
    /// The size of the portable form, in bytes.
    pub size: usize,
    /// The size of the compiled form, in bytes; 0 if it is compiled at start.
    pub compiled_size: usize,
    /// SHA-256 of the portable form, in hexadecimal.
    pub digest: String,
}

impl ComponentFile {
    /// The embedded component.
    #[must_use]
    pub fn embedded() -> Self {
        Self {
            path: None,
            size: PORTABLE.len(),
            compiled_size: COMPILED.len(),
            digest: digest(PORTABLE),
        }
    }

    /// A component in a file.
    ///
    /// # Errors
    /// [`EngineError::Unreadable`].
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        let bytes = read(path)?;
        Ok(Self {
            path: Some(path.to_owned()),
            size: bytes.len(),
            compiled_size: 0,
            digest: digest(&bytes),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    files::read(path, LARGEST_COMPONENT).map_err(|error| EngineError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Creates an engine whose epoch advances until the engine is dropped.
fn engine() -> Result<Arc<Engine>, EngineError> {
    let engine = Engine::new(&super::engine_config())
        .map_err(|error| EngineError::Engine(format!("{error:#}")))?;
    let engine = Arc::new(engine);
    let weak = Arc::downgrade(&engine);
    std::thread::Builder::new()
        .name("epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH);
            }
        })
        .map_err(|error| EngineError::Engine(format!("no thread for its clock: {error}")))?;
    Ok(engine)
}
