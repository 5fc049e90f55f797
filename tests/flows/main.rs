//! Our flows on Kestra's real engine, both lines, with the real binary, against the simulated services.
//!
//! One engine of each line serves the whole run. Tests share nothing else and run in parallel: each has its
//! own services, secrets, audit log and namespace.

#![allow(
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program: it may panic, and no other crate uses it"
)]

/// Makes one test per line from a scenario.
macro_rules! on_both_lines {
    ($(fn $name:ident($line:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            fn scenario($line: Line) $body

            #[test]
            fn on_kestra_1_3() {
                scenario(Line::V1);
            }

            #[test]
            fn on_kestra_2_0() {
                scenario(Line::V2);
            }
        }
    )+};
}

#[allow(
    dead_code,
    unused_imports,
    reason = "the end-to-end tests use the rest of it"
)]
#[path = "../e2e/support/mod.rs"]
mod support;

mod fixture;
mod shipped;

mod alerts;
mod context;
mod diagnostics;
mod first;
mod frames;
mod kinds;
mod lifecycle;
mod matrix;
mod migration;
mod pipeline;
mod triggered;
mod upkeep;
mod validity;
