//! A component that misbehaves is stopped and reported.
//!
//! Each one is generated from the contract in `wit/`: every function exists and misbehaves in the same way.

use std::path::Path;
use std::time::Duration;

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use crate::support::{Outcome, Platform, Setup, interrupt, world};

/// A component whose functions all run `what`, in WebAssembly text.
fn component_that(what: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(&wit).unwrap();
    let world = resolve.select_world(&[package], Some("component")).unwrap();
    let dummy = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    let text = wasmprinter::print_bytes(&dummy).unwrap();
    assert!(text.contains("unreachable"), "{text}");
    let bad = text.replace("unreachable", &format!("{what}\nunreachable"));
    let mut module = wat::parse_str(&bad).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

fn setup_with(platform: &Platform, what: &str) -> Setup {
    let setup = Setup::verified(platform);
    std::fs::write(setup.path("bad.wasm"), component_that(what)).unwrap();
    setup
}

#[test]
fn a_component_that_traps_or_exceeds_its_memory_is_stopped_and_nothing_is_sent() {
    let platform = Platform::start(&world());
    let endless_growth = "loop i32.const 64 memory.grow drop br 0 end";
    for (what, says) in [("nop", "component"), (endless_growth, "memory")] {
        let outcome = setup_with(&platform, what).refresh("--component bad.wasm");
        outcome.is("internal_error", "component_failed", 1);
        outcome.ends("internal_error", "no", 1).says(says);
    }
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn an_endless_component_is_stopped_by_a_signal_or_the_deadline() {
    let platform = Platform::start(&world());
    // Two audit logs, because on one dataflow the second refresh would wait for the first.
    let setup = setup_with(&platform, "loop br 0 end");
    let other = setup_with(&platform, "loop br 0 end");
    let endless = setup.start_refresh("--component bad.wasm --deadline 1s");
    let stopped = other.start_refresh("--component bad.wasm --deadline 1s");
    // Compiling it takes a moment.
    std::thread::sleep(Duration::from_millis(2500));
    interrupt(stopped, "TERM").exits(143);
    let outcome = Outcome::end_of(endless);
    outcome
        .is("internal_error", "component_failed", 1)
        .says("deadline");
    assert_eq!(platform.triggers(), 0);
}
