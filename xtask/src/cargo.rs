//! Calling cargo and rustup as a developer would.
//!
//! Adds the wasm target by itself where rustup can, and says in one sentence what to do where it
//! cannot. It refuses to guess: a build that fails ends the command with the build's own words.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What the guest is built for.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder that built programs lie in.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A `cargo` in the workspace's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Makes sure that the guest can be built.
///
/// # Errors
/// Where the target is missing and rustup cannot add it.
pub fn ensure_wasm_target() -> Result<()> {
    let libdir = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .current_dir(root())
        .output()
        .context("rustc does not start: install Rust with rustup")?;
    let installed = libdir.status.success()
        && Path::new(String::from_utf8_lossy(&libdir.stdout).trim()).is_dir();
    if installed {
        return Ok(());
    }
    eprintln!("xtask: adding the Rust target {WASM_TARGET}");
    let added = Command::new("rustup")
        .args(["target", "add", WASM_TARGET])
        .current_dir(root())
        .status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => bail!(
            "the Rust target {WASM_TARGET} is missing and rustup could not add it: install it with \
             `rustup target add {WASM_TARGET}`, or, where Rust comes from a distribution, install \
             the distribution's package of that target"
        ),
    }
}

/// Builds programs of the workspace and gives the folder that they lie in.
///
/// # Errors
/// Where the build fails.
pub fn build_bins(release: bool) -> Result<PathBuf> {
    ensure_wasm_target()?;
    let mut command = cargo();
    command.args(["build", "--locked", "--quiet", "--bins"]);
    command.args(["--package", "host-runner", "--package", "powerbi-refresh-tests"]);
    if release {
        command.arg("--release");
    }
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        bail!("the build failed");
    }
    Ok(target_dir().join(if release { "release" } else { "debug" }))
}
