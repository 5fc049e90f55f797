//! From the keys of an old configuration to a new one: the whole of it, piece by piece.

use super::content;
use super::error::ImportError;
use super::guards;
use super::keys::Role;
use super::payload;
use super::read::{Found, Old};
use super::secrets;
use super::values;
use super::write::{Lines, scalar, variable};
use super::{Imported, Note, Variable};
use crate::config::{Fault, TriggerAddress, parse_trigger_url, values as rules};

/// What holds whatever the old file says: what the script did and this does not.
const DIFFERENT: &[&str] = &[
    "an answer of 202 was the script's success; here it is `accepted`, and with `verify:` the service's own word decides",
    "an answer of 400 was a warning; here it is `failed` (exit code 10)",
    "the script always exited 0; here the exit code says what became of the refresh, and a task turns red by it",
    "`timestamp` was a local time without an offset; here it is RFC 3339 with one (2026-11-23T18:15:37+10:00)",
];

/// An import under way: what was learned on the way.
#[derive(Debug)]
pub(super) struct Import {
    /// The target's name.
    pub(super) target: String,
    notes: Vec<Note>,
    variables: Vec<Variable>,
    errors: Vec<ImportError>,
}

impl Import {
    /// Notes what was done with a key.
    pub(super) fn carried(&mut self, found: &Found<'_>, text: &str) {
        self.note(&found.key, found.line, text, false);
    }

    /// Notes what is different from now on.
    pub(super) fn differs(&mut self, found: &Found<'_>, text: &str) {
        self.note(&found.key, found.line, text, true);
    }

    /// Notes what somebody should know and no key says.
    pub(super) fn say(&mut self, text: &str) {
        self.note("", 0, text, true);
    }

    pub(super) fn note(&mut self, key: &str, line: u32, text: &str, matters: bool) {
        self.notes.push(Note {
            key: key.to_owned(),
            line,
            text: text.to_owned(),
            matters,
        });
    }

    /// The value of a key, where it can be read; the mistake is noted.
    pub(super) fn read<T>(&mut self, found: &Found<'_>, value: Result<T, Fault>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(fault) => {
                self.errors.push(ImportError::Value {
                    key: found.key.clone(),
                    line: found.line,
                    fault,
                });
                None
            }
        }
    }

    /// The text of a key.
    pub(super) fn text(&mut self, found: &Found<'_>) -> Option<String> {
        self.read(found, values::text(found.node))
    }

    /// Asks for a variable, and gives the value that fetches it.
    pub(super) fn variable(&mut self, name: &str, holds: &str) -> String {
        if !self.variables.iter().any(|known| known.name == name) {
            self.variables.push(Variable {
                name: name.to_owned(),
                holds: holds.to_owned(),
            });
        }
        variable(name)
    }

    /// A text as a scalar: a variable where it names one or is a secret, else itself.
    pub(super) fn scalar(&mut self, key: &str, shown: &str, text: &str) -> String {
        if let Some(name) = secrets::reference(text) {
            return self.variable(&name, &format!("the value of `{shown}`"));
        }
        if secrets::named_as_one(key) || secrets::looks_like_one(text) {
            let name = format!("{}_{}", self.prefix(), upper(key));
            return self.variable(&name, &format!("the value of `{shown}`, a secret"));
        }
        // What is no variable stays what it is.
        scalar(&text.replace("${", "$${"))
    }

    /// What the names of this target's variables begin with.
    pub(super) fn prefix(&self) -> String {
        let name = upper(&self.target);
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            format!("TARGET_{name}")
        } else {
            name
        }
    }
}

/// The new configuration.
pub(super) fn convert(old: &Old<'_>, name: Option<&str>) -> Result<Imported, Vec<ImportError>> {
    let mut import = Import {
        target: target_name(old, name),
        notes: Vec::new(),
        variables: Vec::new(),
        errors: Vec::new(),
    };
    let url = url(&mut import, old);
    let payload = payload::read(&mut import, old);
    let content = content::read(
        &mut import,
        old,
        url.as_ref().is_some_and(|url| url.signs_in),
    );
    let guards = guards::read(&mut import, old, content.is_watched());
    leave(&mut import, old);

    let mut out = Lines::default();
    out.comment(0, "Made by `host-runner import-config` out of the configuration of the script that came before.");
    out.comment(
        0,
        "Secrets come from the environment. Next: `host-runner check`.",
    );
    out.line(0, "version: 1");
    out.comment(
        0,
        "The record of every run, in a place that outlives a task; HOST_RUNNER_AUDIT names it too.",
    );
    out.comment(0, "audit: sqlite:/var/lib/host-runner/audit.db");
    content.write_credentials(&mut out);
    out.line(0, "targets:");
    // A name of digits alone would be a number, and `null` nothing.
    out.line(1, &format!("{}:", scalar(&import.target)));
    out.line(2, "kind: power-automate");
    if let Some(url) = &url {
        out.line(2, &format!("url: {}", url.value));
        if url.signs_in {
            out.line(2, "credentials: default");
        }
    }
    payload.write(&mut out);
    guards.write_own(&mut out);
    content.write_verify(&mut out);
    guards.write_quota(&mut out);
    write_left(&mut out, old);

    if !import.errors.is_empty() {
        return Err(import.errors);
    }
    for text in DIFFERENT {
        import.say(text);
    }
    import.notes.sort_by_key(|note| match note.line {
        0 => u32::MAX,
        line => line,
    });
    Ok(Imported {
        yaml: out.finish(),
        target: import.target,
        notes: import.notes,
        variables: import.variables,
    })
}

/// The name that was asked for, else one out of the dataflow's, that Kestra's expressions can use.
fn target_name(old: &Old<'_>, name: Option<&str>) -> String {
    if let Some(name) = name {
        return name.to_owned();
    }
    let text = old
        .get(Role::DataflowName)
        .and_then(|found| values::text(found.node).ok())
        .filter(|text| {
            secrets::reference(text).is_none()
                && !secrets::looks_like_one(text)
                && !rules::is_guid(text)
        })
        .unwrap_or_default();
    let mut out = String::new();
    for c in text.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    match out.trim_end_matches('_') {
        "" => "refresh".to_owned(),
        name => name.chars().take(48).collect(),
    }
}

/// The URL, as the new configuration has it.
struct NewUrl {
    value: String,
    /// Whether the trigger wants a sign-in instead of having a signature.
    signs_in: bool,
}

fn url(import: &mut Import, old: &Old<'_>) -> Option<NewUrl> {
    let Some(found) = old.get(Role::Url) else {
        import.errors.push(ImportError::MissingUrl);
        return None;
    };
    let text = import.text(found)?;
    if let Some(name) = secrets::reference(&text) {
        let value = import.variable(&name, "the flow's whole URL, as the script had it");
        import.carried(found, &format!("is fetched from {name}, as before"));
        return Some(NewUrl {
            value,
            signs_in: false,
        });
    }
    // A URL of this machine is one of a simulator; whether it may be used, the loader judges.
    let signed = parse_trigger_url(&text, false, true);
    let has_application = old.get(Role::ClientSecret).is_some();
    let url = match signed {
        Err(fault @ (Fault::UrlNoSig { .. } | Fault::UrlCut { .. })) if has_application => {
            let bare = parse_trigger_url(&text, true, true).map_err(|_| fault);
            import.read(found, bare)?
        }
        signed => import.read(found, signed)?,
    };
    let name = format!("{}_FLOW_URL", import.prefix());
    let value = import.variable(
        &name,
        "the flow's whole URL, in quotes where a shell reads it",
    );
    import.differs(
        found,
        &format!(
            "was written in the file; it is a secret, so it is fetched from {name} from now on"
        ),
    );
    for warning in &url.warnings {
        import.differs(found, warning);
    }
    if text.starts_with("http:") {
        import.differs(
            found,
            "is a URL of this machine: set `sandbox: {allow_loopback: true}` for a simulator",
        );
    }
    Some(NewUrl {
        value,
        signs_in: matches!(url.address, TriggerAddress::Bare(_)),
    })
}

/// Notes what is known and not carried over, and what nothing knows.
fn leave(import: &mut Import, old: &Old<'_>) {
    for found in &old.found {
        match found.role {
            Role::Left(why) => import.differs(found, &format!("is not carried over: {why}")),
            Role::Force => {
                let on = values::truth(found.node).unwrap_or(true);
                import.note(
                    &found.key,
                    found.line,
                    "is not carried over: forcing is asked for per start, `refresh --force`, and recorded with who asked",
                    on,
                );
            }
            Role::Timestamp => import.differs(
                found,
                "is not carried over: the moment of the trigger is put in when it leaves",
            ),
            _ => {}
        }
    }
    for (key, line, what) in &old.idle {
        import.note(key, *line, what, false);
    }
    for unknown in &old.unknown {
        let near = match &unknown.nearest {
            Some(near) => format!("; was `{near}` meant?"),
            None => String::new(),
        };
        import.note(
            &unknown.key,
            unknown.line,
            &format!("is not known and NOT carried over{near}"),
            true,
        );
    }
}

fn write_left(out: &mut Lines, old: &Old<'_>) {
    let mut left: Vec<(u32, String)> = old
        .unknown
        .iter()
        .map(|unknown| {
            (
                unknown.line,
                format!("`{}`, which is not known", unknown.key),
            )
        })
        .collect();
    left.extend(old.found.iter().filter_map(|found| {
        let left = matches!(found.role, Role::Left(_) | Role::Force | Role::Timestamp);
        left.then(|| (found.line, format!("`{}`", found.key)))
    }));
    if left.is_empty() {
        return;
    }
    left.sort();
    out.comment(
        0,
        "Not carried over, with the line of the old file (values are left out):",
    );
    for (line, what) in left {
        out.comment(0, &format!("  line {line}: {what}"));
    }
}

/// A name in the letters of environment variables.
fn upper(name: &str) -> String {
    let mapped: String = name
        .to_uppercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    match mapped.trim_matches('_') {
        "" => "VALUE".to_owned(),
        name => name.to_owned(),
    }
}
