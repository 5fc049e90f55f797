//! Builds the guest, wraps it as a component and precompiles it, so that both forms can be embedded.
//!
//! The guest has its own target folder under `OUT_DIR` and an environment without the flags and
//! wrappers of the surrounding build: `cargo clippy` or a `RUSTFLAGS` meant for the runner must not
//! change what is shipped.

#[path = "src/engine/config.rs"]
#[allow(
    unreachable_pub,
    reason = "public in the library, which shares the file"
)]
mod config;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const WASM_TARGET: &str = "wasm32-unknown-unknown";
const GUEST: &str = "powerbi-refresh-guest";

/// The settings that make the guest small: it is loaded at every start, and does no heavy work.
const GUEST_PROFILE: [(&str, &str); 7] = [
    ("OPT_LEVEL", "z"),
    ("LTO", "true"),
    ("CODEGEN_UNITS", "1"),
    ("PANIC", "abort"),
    ("STRIP", "true"),
    ("DEBUG", "false"),
    // Macros run once; optimising them would take longer than running them.
    ("BUILD_OVERRIDE_OPT_LEVEL", "0"),
];

fn main() {
    if let Err(error) = run() {
        // cargo shows this line as the reason for the failure.
        println!("cargo::error={error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    for input in [
        "build.rs",
        "src/engine/config.rs",
        "../guest/src",
        "../guest/Cargo.toml",
        "../wit",
        "../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo gives no OUT_DIR")?);
    let module = build_guest(&out)?;
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .map_err(|error| format!("the guest is not a component module: {error:#}"))?
        .encode()
        .map_err(|error| format!("the guest cannot be wrapped as a component: {error:#}"))?;
    fs::write(out.join("component.wasm"), &component)?;

    let mut settings = config::engine_config();
    // Naming the target prevents wasmtime from using features of this machine's CPU: the compiled form
    // must run on any CPU of the architecture.
    settings
        .target(&env::var("TARGET")?)
        .map_err(|error| format!("{error:#}"))?;
    let compiled = wasmtime::Engine::new(&settings)
        .and_then(|engine| engine.precompile_component(&component))
        .map_err(|error| format!("the component does not compile: {error:#}"))?;
    fs::write(out.join("component.cwasm"), compiled)?;
    Ok(())
}

/// Builds the guest and returns the bytes of the core module.
fn build_guest(out: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").ok_or("cargo gives no RUSTC")?;
    let installed = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .output()?;
    let libdir = String::from_utf8_lossy(&installed.stdout);
    if !installed.status.success() || !Path::new(libdir.trim()).is_dir() {
        return Err(format!(
            "the Rust target {WASM_TARGET} is not installed: run `rustup target add {WASM_TARGET}` and build again"
        )
        .into());
    }

    let cargo = env::var_os("CARGO").ok_or("cargo gives no CARGO")?;
    let target_dir = out.join("guest");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--locked", "--lib", "--release"])
        .args(["--package", GUEST])
        .args(["--target", WASM_TARGET, "--target-dir"])
        .arg(&target_dir)
        .arg("--manifest-path")
        .arg(Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../Cargo.toml"));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let inherited = text.starts_with("CARGO_PROFILE_")
            || text.starts_with("CARGO_TARGET_")
            || text.starts_with("CARGO_BUILD_")
            || text.starts_with("CARGO_FEATURE_")
            || text.starts_with("CARGO_CFG_")
            || text.starts_with("RUSTC")
            || text.ends_with("RUSTFLAGS")
            || text.ends_with("RUSTDOCFLAGS");
        if inherited {
            command.env_remove(&name);
        }
    }
    for (name, value) in GUEST_PROFILE {
        command.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
    }
    let built = command.output()?;
    if !built.status.success() {
        return Err(format!(
            "the guest does not build for {WASM_TARGET}:\n{}",
            String::from_utf8_lossy(&built.stderr)
        )
        .into());
    }
    let module = format!("{WASM_TARGET}/release/{}.wasm", GUEST.replace('-', "_"));
    Ok(fs::read(target_dir.join(module))?)
}
