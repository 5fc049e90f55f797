//! `host-runner import-config`: the configuration of the script that came before, as one of ours.
//!
//! The new configuration goes to stdout and everything that is said about it to stderr, so that
//! `> refresh.yaml` is all that has to be written. It reads one file and needs neither a record nor
//! a network.

use serde_json::{Value, json};

use super::args::ImportArgs;
use super::failure;
use super::setup::Start;
use crate::import::{ImportError, Imported, Note, Variable, import, read_old};
use crate::report::{Level, Mode, Summary};
use crate::verdict::Status;

/// Runs the command and gives its exit code.
pub(super) fn run(start: &Start, args: &ImportArgs) -> u8 {
    let text = match read_old(&args.old) {
        Ok(text) => text,
        Err(error) => {
            // The error's own hint is about our configuration.
            let hint = "name the configuration file of the script, for example `host-runner import-config config.yaml`";
            let error = failure::invalid(error.code(), error.message(), hint);
            return failure::report(start, &[], &error);
        }
    };
    let file = args.old.display().to_string();
    match import(&text, args.name.as_deref(), &start.redactor) {
        Ok(imported) => {
            tell(start, &file, &imported);
            0
        }
        Err(errors) => {
            refuse(start, &file, &errors);
            start
                .reporter
                .summary(&Summary::without_targets(Status::Invalid));
            Status::Invalid.exit_code()
        }
    }
}

fn tell(start: &Start, file: &str, imported: &Imported) {
    let reporter = &start.reporter;
    if reporter.mode() == Mode::Json {
        reporter.print_json(&as_json(imported));
        return;
    }
    reporter.print(&imported.yaml);
    reporter.aside(&in_words(file, imported));
}

fn as_json(imported: &Imported) -> Value {
    let notes: Vec<Value> = imported
        .notes
        .iter()
        .map(|note| json!({"key": note.key, "line": note.line, "text": note.text, "matters": note.matters}))
        .collect();
    let variables: Vec<Value> = imported
        .variables
        .iter()
        .map(|variable| json!({"name": variable.name, "holds": variable.holds}))
        .collect();
    json!({
        "refresh_yaml": imported.yaml,
        "target": imported.target,
        "notes": notes,
        "variables": variables,
    })
}

/// What became of each key, what is different from now on, and what a person must do: names of
/// variables, never their values.
fn in_words(file: &str, imported: &Imported) -> String {
    let mut out = format!("{file}, key by key (`!`: read this one):\n");
    let (of_keys, of_all): (Vec<&Note>, Vec<&Note>) =
        imported.notes.iter().partition(|note| note.line > 0);
    for note in of_keys {
        let mark = if note.matters { '!' } else { ' ' };
        out += &format!("{mark} {:>4}  `{}` {}\n", note.line, note.key, note.text);
    }
    out += "\nDifferent from the script, or not in its file:\n";
    for note in of_all {
        out += &format!("! {}\n", note.text);
    }
    if !imported.variables.is_empty() {
        out += "\nSet these, where host-runner runs. Under Kestra make a secret of each name, and add its line to the task's `env:`.\n";
    }
    for Variable { name, holds } in &imported.variables {
        out += &format!("  {name}: {holds}\n      {name}: \"{{{{ secret('{name}') }}}}\"\n");
    }
    out += &format!(
        "\nThen: host-runner check {}. Keep {file} until the switch is done, where nobody else reads it.\n",
        imported.target
    );
    out
}

fn refuse(start: &Start, file: &str, errors: &[ImportError]) {
    for error in errors {
        let place = match error.line() {
            0 => file.to_owned(),
            line => format!("{file}:{line}"),
        };
        start.reporter.log(
            Level::Error,
            &format!("{place}: {error}; {} ({})", error.hint(), error.code()),
        );
    }
}
