//! The runner's library, the embedded component and the simulator in one process with a virtual clock: every
//! kind, phase and fault; refreshes of hours in milliseconds.

#![allow(
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program: it may panic, and no other crate uses it"
)]

mod cell;
mod chance;
mod clock;
mod expected;
mod fault_table;
mod faults;
mod guards;
mod kinds;
mod lab;
mod long;
mod page;
mod reasons;
mod responses;
mod statuses;
mod subjects;
