//! `host-runner import-config`: converts the configuration of the script that this tool replaces.
//!
//! The new configuration goes to stdout and everything else to stderr, so that `> refresh.yaml` is
//! all that is needed. It reads one file and needs neither an audit log nor a network.

use super::args::ImportArgs;
use super::failure;
use super::setup::Start;
use crate::config::read_config_text;
use crate::import::{Imported, Variable, import};
use crate::report::Mode;

/// Runs the command and returns its exit code.
pub(super) fn run(start: &Start, args: &ImportArgs) -> u8 {
    let text = match read_config_text(&args.old) {
        Ok(text) => text,
        Err(error) => {
            // The error's own hint is about our configuration.
            let hint = "name the configuration file of the script, for example `host-runner import-config config.yaml`";
            let error = failure::invalid(error.code(), error.message(), hint);
            return failure::report(&start.reporter, &[], &error);
        }
    };
    match import(&text, &args.old, args.name.as_deref(), &start.redactor) {
        Ok(imported) => {
            print(start, &args.old.display().to_string(), &imported);
            0
        }
        Err(error) => failure::report(&start.reporter, &[], &error.into()),
    }
}

fn print(start: &Start, file: &str, imported: &Imported) {
    let reporter = &start.reporter;
    if reporter.mode() == Mode::Json {
        reporter.print_json(&serde_json::json!(imported));
        return;
    }
    reporter.print(&imported.yaml);
    let mut out = format!("Notes on {file}:\n");
    for note in &imported.notes {
        match note.line {
            0 => out += &format!("  {}\n", note.text),
            line => out += &format!("  line {line}: {}\n", note.text),
        }
    }
    out += "\nSet these variables where host-runner runs. Under Kestra, create a secret of each name and add its line to the task's `env:`.\n";
    for Variable { name, contains } in &imported.variables {
        out += &format!("  {name}: {contains}\n      {name}: \"{{{{ secret('{name}') }}}}\"\n");
    }
    out += &format!(
        "\nNext: `host-runner check`. Keep {file} in a safe place until the switch is done.\n"
    );
    reporter.aside(&out);
}
