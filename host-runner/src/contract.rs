//! The types and interfaces of `wit/`, generated.
//!
//! They sit below everything else: the audit log stores some of them as they are and the report
//! prints some, so all of them implement serde's traits.

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
    additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
});

pub use self::exports::powerbi::refresh::{audit, refresh};
pub use self::powerbi::refresh::{audit_store, control, types};
