//! The product as a Kestra user meets it: our flows on Kestra's real engine, both lines, with the
//! real binary, against the simulated services.
//!
//! One engine of each line serves the whole run. Nothing else is shared: every test has services,
//! secrets, a record and a namespace of its own, so that they run side by side.

#![allow(
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program: it may fail loudly, and nobody uses it from outside"
)]

/// Makes a test on each line of one scenario.
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

mod shipped;
mod stage;

mod alerts;
mod context;
mod faults;
mod frames;
mod kinds;
mod lifecycle;
mod matrix;
mod migration;
mod pipeline;
mod told;
mod triggered;
mod upkeep;
mod validity;
