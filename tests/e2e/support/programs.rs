//! The built programs.

use std::path::PathBuf;

/// The built `host-runner`, beside the test program's own folder.
pub fn host_runner() -> PathBuf {
    let test = std::env::current_exe().expect("a test program has a path");
    let dir = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests are in target/PROFILE/deps");
    let program = dir.join("host-runner");
    assert!(
        program.is_file(),
        "{} is not built: run `cargo xtask test`, or `cargo build --bins` first",
        program.display()
    );
    program
}
