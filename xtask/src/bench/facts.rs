//! What is measured once: the program, its component, and how long that takes to start.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;

/// Facts of a build.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The program without symbols, in bytes.
    pub(crate) program: u64,
    /// The portable component, in bytes.
    pub(crate) component: u64,
    /// The compiled component, in bytes.
    pub(crate) compiled: u64,
    /// The interfaces of WASI that the component imports.
    pub(crate) wasi_imports: u64,
    /// Loading and linking the compiled component, in microseconds: the first time in a process,
    /// and the median.
    pub(crate) load: (f64, f64),
    /// Making an instance of it, likewise.
    pub(crate) instantiate: (f64, f64),
}

impl Facts {
    /// Looks at what was built in `programs`.
    ///
    /// # Errors
    /// Where a program does not start or says something unexpected.
    pub(crate) fn of(programs: &Path) -> Result<Self> {
        let runner = cargo::program(programs, "host-runner");
        let component = said_by(Command::new(&runner).args(["component", "--output", "json"]))?;
        let startup = said_by(&mut Command::new(cargo::program(
            &programs.join("examples"),
            "startup",
        )))?;
        let number = |value: &Value, pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_u64);
            found.with_context(|| format!("`host-runner component` does not say {pointer}"))
        };
        let time = |pointer: &str| {
            let found = startup.pointer(pointer).and_then(Value::as_f64);
            found.with_context(|| format!("the example `startup` does not say {pointer}"))
        };
        Ok(Self {
            program: stripped_size(&runner)?,
            component: number(&component, "/size")?,
            compiled: number(&component, "/compiled_size")?,
            wasi_imports: wasi_imports(&component),
            load: (time("/load_us/first")?, time("/load_us/median")?),
            instantiate: (
                time("/instantiate_us/first")?,
                time("/instantiate_us/median")?,
            ),
        })
    }
}

/// How many of the component's imports are interfaces of WASI.
fn wasi_imports(component: &Value) -> u64 {
    let imports = component.pointer("/imports").and_then(Value::as_array);
    let of_wasi = |name: &&Value| name.as_str().is_some_and(|name| name.starts_with("wasi:"));
    imports.map_or(0, |all| all.iter().filter(of_wasi).count() as u64)
}

/// The size of a copy without symbols. The release profile leaves them out already; `strip` would
/// still find some that a platform's own objects bring.
fn stripped_size(program: &Path) -> Result<u64> {
    let copy = tempfile::NamedTempFile::new()?;
    std::fs::copy(program, copy.path())?;
    let stripped = Command::new("strip").arg(copy.path()).status();
    if !stripped.is_ok_and(|status| status.success()) {
        eprintln!(
            "xtask: there is no `strip`; the program's size is the one that it was built with"
        );
    }
    Ok(std::fs::metadata(copy.path())?.len())
}

fn said_by(command: &mut Command) -> Result<Value> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} does not start"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{command:?} said something that is not JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_interfaces_of_wasi_are_counted() {
        let component = serde_json::json!({"imports": [
            "powerbi:refresh/control@0.1.0", "wasi:io/poll@0.2.2", "wasi:http/types@0.2.2"
        ]});
        assert_eq!(wasi_imports(&component), 2);
        assert_eq!(wasi_imports(&Value::Null), 0);
    }
}
