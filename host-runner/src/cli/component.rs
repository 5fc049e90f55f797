//! `host-runner component`: the embedded component and its imports.

use serde_json::json;

use super::args::ComponentArgs;
use super::failure::invalid;
use super::setup::Start;
use crate::engine::{ComponentFile, PORTABLE};
use crate::report::Mode;

/// The contract, as in the repository: the files of one package, each with its name in the first line.
const WIT: [&str; 3] = [
    include_str!("../../../wit/types.wit"),
    include_str!("../../../wit/host.wit"),
    include_str!("../../../wit/refresh.wit"),
];

/// Runs the command and returns its exit code.
pub(super) fn run(start: &Start, args: &ComponentArgs) -> anyhow::Result<u8> {
    if args.wit {
        let [types, host, refresh] = WIT;
        let after_package = |text: &str| {
            text.split_once('\n')
                .map_or("", |(_, rest)| rest)
                .to_owned()
        };
        let text = types.to_owned() + &after_package(host) + &after_package(refresh);
        start.reporter.print(&text);
        return Ok(0);
    }
    if let Some(path) = &args.export {
        std::fs::write(path, PORTABLE).map_err(|error| {
            invalid(
                "component_not_written",
                format!("cannot write {}: {error}", path.display()),
                "name a file in a writable folder",
            )
        })?;
        return Ok(0);
    }
    let loading = start.component(args.component.as_deref())?;
    let host = loading.get()?;
    let file = match &args.component {
        Some(path) => ComponentFile::read(path)?,
        None => ComponentFile::embedded(),
    };
    let (imports, exports) = (host.imports(), host.exports());
    if start.reporter.mode() != Mode::Text {
        start.reporter.print_json(&json!({
            "sha256": file.digest,
            "size": file.size,
            "compiled_size": file.compiled_size,
            "imports": imports,
            "exports": exports,
        }));
        return Ok(0);
    }
    let name = file
        .path
        .map_or_else(|| "embedded".to_owned(), |path| path.display().to_string());
    let list =
        |names: &[String]| -> String { names.iter().map(|name| format!("\n    {name}")).collect() };
    start.reporter.print(&format!(
        "component {name}\n  sha256    {}\n  size      {} bytes, {} bytes compiled\n  imports{}\n  exports{}\n",
        file.digest,
        file.size,
        file.compiled_size,
        list(&imports),
        list(&exports),
    ));
    Ok(0)
}
