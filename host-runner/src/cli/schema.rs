//! `host-runner schema`: the JSON Schema of the configuration, for editors.

use super::setup::Start;
use crate::config::json_schema;
use crate::report::Mode;

/// Prints the schema and returns the exit code.
pub(super) fn run(start: &Start) -> u8 {
    let schema = json_schema();
    match start.reporter.mode() {
        Mode::Text => start.reporter.print(&format!("{schema:#}\n")),
        Mode::Json | Mode::Kestra => start.reporter.print_json(&schema),
    }
    0
}
