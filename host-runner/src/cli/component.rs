//! `host-runner component`: what is embedded, and what it may reach.

use serde_json::json;

use super::args::ComponentArgs;
use super::failure::{self, Failure};
use super::setup::{self, Start};
use crate::engine::ComponentFile;
use crate::report::Mode;
use crate::verdict::{Status, Verdict};

/// The contract, as it lies in the repository.
const WIT: [&str; 3] = [
    include_str!("../../../wit/types.wit"),
    include_str!("../../../wit/host.wit"),
    include_str!("../../../wit/refresh.wit"),
];

/// Runs the command and gives its exit code.
pub(super) fn run(start: &Start, args: &ComponentArgs) -> u8 {
    match carry_out(start, args) {
        Ok(()) => 0,
        Err(failure) => failure::report(start, &[], &failure),
    }
}

fn carry_out(start: &Start, args: &ComponentArgs) -> Result<(), Failure> {
    if args.wit {
        start.reporter.print(&WIT.join("\n"));
        return Ok(());
    }
    if let Some(path) = &args.export {
        return std::fs::write(path, ComponentFile::portable()).map_err(|error| {
            Failure::of(Verdict::not_sent(
                Status::Invalid,
                "component_not_written",
                format!("{} cannot be written: {error}", path.display()),
                "name a file in a folder that you may write",
            ))
        });
    }
    let loading = setup::component(start, args.component.as_deref())?;
    let host = loading.get()?;
    let file = match &args.component {
        Some(path) => ComponentFile::read(path)?,
        None => ComponentFile::embedded(),
    };
    let (imports, exports) = (host.imports(), host.exports());
    if start.reporter.mode() == Mode::Text {
        let from = file
            .path
            .map_or_else(|| "embedded".to_owned(), |path| path.display().to_string());
        let list = |names: &[String]| {
            names
                .iter()
                .map(|name| format!("\n    {name}"))
                .collect::<String>()
        };
        start.reporter.print(&format!(
            "component {from}\n  sha256    {}\n  size      {} bytes, {} compiled\n  imports{}\n  exports{}\n",
            file.digest,
            file.size,
            file.compiled_size,
            list(&imports),
            list(&exports),
        ));
    } else {
        start.reporter.print_json(&json!({
            "sha256": file.digest,
            "size": file.size,
            "compiled_size": file.compiled_size,
            "imports": imports,
            "exports": exports,
        }));
    }
    Ok(())
}
