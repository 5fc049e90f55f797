//! The engine's settings, in one place.
//!
//! `build.rs` includes this file: what compiles the embedded component and what runs it must agree
//! on every setting, or the compiled form is refused at start. So each setting that the
//! environment or a feature could change is set here, on both sides.

use wasmtime::{Config, WasmBacktraceDetails};

/// The settings of the engine that compiles, and of the one that runs.
#[must_use]
pub fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // The guest may be stopped between any two of its instructions.
        .epoch_interruption(true)
        // Otherwise WASMTIME_BACKTRACE_DETAILS=1 in a user's environment refuses the component.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Maps addresses back to wasm offsets, which nobody reads here: a sixth of the size.
        .generate_address_map(false);
    config
}
