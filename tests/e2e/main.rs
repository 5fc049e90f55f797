//! The real binary as a process, against the simulated services: exit codes, signals, streams, files.
//! `tests/lab` covers what needs no process.

#![allow(
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program: it may panic, and no other crate uses it"
)]

mod support;

mod bad_input;
mod codes;
mod faults;
mod identity;
mod kestra_task;
mod kill;
mod kinds;
mod limits;
mod migration;
mod output;
mod sandbox;
mod secrets;
mod signals;
mod unread;
mod verdicts;
