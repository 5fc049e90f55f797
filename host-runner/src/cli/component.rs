//! `host-runner component`: the embedded component and its imports.

use serde::Serialize;

use super::args::ComponentArgs;
use super::failure::invalid;
use super::setup::Start;
use crate::engine::ComponentFile;
use crate::report::Mode;

/// The contract, as in the repository.
const WIT: [&str; 3] = [
    include_str!("../../../wit/types.wit"),
    include_str!("../../../wit/host.wit"),
    include_str!("../../../wit/refresh.wit"),
];

#[derive(Serialize)]
struct Description {
    sha256: String,
    size: usize,
    compiled_size: usize,
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Runs the command and returns its exit code.
pub(super) fn run(start: &Start, args: &ComponentArgs) -> anyhow::Result<u8> {
    if args.wit {
        start.reporter.print(&WIT.join("\n"));
        return Ok(0);
    }
    if let Some(path) = &args.export {
        std::fs::write(path, ComponentFile::portable()).map_err(|error| {
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
    let description = Description {
        sha256: file.digest,
        size: file.size,
        compiled_size: file.compiled_size,
        imports: host.imports(),
        exports: host.exports(),
    };
    if start.reporter.mode() == Mode::Text {
        let name = file
            .path
            .map_or_else(|| "embedded".to_owned(), |path| path.display().to_string());
        start.reporter.print(&text(&name, &description));
    } else {
        start.reporter.print_json(&description);
    }
    Ok(0)
}

fn text(name: &str, description: &Description) -> String {
    let list =
        |names: &[String]| -> String { names.iter().map(|name| format!("\n    {name}")).collect() };
    format!(
        "component {name}\n  sha256    {}\n  size      {} bytes, {} bytes compiled\n  imports{}\n  exports{}\n",
        description.sha256,
        description.size,
        description.compiled_size,
        list(&description.imports),
        list(&description.exports),
    )
}
