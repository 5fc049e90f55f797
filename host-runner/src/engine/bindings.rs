//! The Rust side of `wit/`, generated.

#![allow(
    missing_docs,
    clippy::all,
    reason = "generated from wit/, where everything is documented"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "component",
    imports: { default: async },
    exports: { default: async },
});
