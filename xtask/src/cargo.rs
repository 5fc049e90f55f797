//! Calling cargo and rustup as a developer would.
//!
//! Adds the wasm target if rustup can, and otherwise says what to do. A failed build ends the command
//! with cargo's own output.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What the guest is built for.
const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Which packages every command builds. cargo enables in a dependency whatever any selected package
/// requests, so another selection would build wasmtime once more. This one requests the same as
/// `--workspace`, which the tests need, and omits the program that is running.
const SELECTION: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// How the programs are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Fast to build.
    Dev,
    /// As shipped.
    Release,
}

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The build folder: `CARGO_TARGET_DIR`, relative to the working directory as for cargo, otherwise
/// `target`.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .filter(|dir| !dir.is_empty())
        .and_then(|dir| std::path::absolute(dir).ok())
        .unwrap_or_else(|| root().join("target"))
}

/// A `cargo` in the workspace's root. `cargo run` sets variables about this package; they are removed,
/// because ring's build script would run again when they change, and rebuild everything that uses TLS.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if matches!(name.to_str(), Some(name) if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command.env("CARGO_TARGET_DIR", target_dir());
    command
}

/// Builds the workspace's programs and what `more` names, and returns their folder. cargo's progress
/// goes to stderr.
///
/// # Errors
/// If the wasm target cannot be installed or the build fails.
pub(crate) fn build(profile: Profile, more: &[&str]) -> Result<PathBuf> {
    ensure_wasm_target()?;
    let mut command = cargo();
    command
        .args(["build", "--locked", "--bins"])
        .args(SELECTION)
        .args(more);
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        bail!("the build failed; see cargo's output above");
    }
    Ok(target_dir().join(folder))
}

/// A built program in the folder that [`build`] returned.
pub(crate) fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Makes sure that the guest can be built.
fn ensure_wasm_target() -> Result<()> {
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
