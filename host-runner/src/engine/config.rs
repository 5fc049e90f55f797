//! The settings of the engine.
//!
//! `build.rs` includes this file: the engine that compiles the embedded component and the engine that
//! runs it must agree on every setting, otherwise the compiled form is refused at start. So every
//! setting that the environment or a feature could change is set here.

use wasmtime::{Config, WasmBacktraceDetails};

/// The settings of the engine, at build time and at run time.
#[must_use]
pub fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Lets the host stop a busy guest.
        .epoch_interruption(true)
        // Otherwise WASMTIME_BACKTRACE_DETAILS=1 in the environment makes the component unloadable.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // The map from addresses to wasm offsets is not used here and is a sixth of the size.
        .generate_address_map(false);
    config
}
