//! The payload: the fields that the script sent, and no others.

use super::convert::Import;
use super::keys::Role;
use super::read::{Found, Old};
use super::values;
use super::write::{Lines, flow, scalar};
use crate::config::tree::Value;
use crate::config::values as rules;

/// The fields that are known by name, in the order in which the script sent them.
const FIELDS: &[(Role, &str)] = &[
    (Role::TriggerType, "trigger_type"),
    (Role::DataflowName, "dataflow_name"),
    (Role::Workspace, "workspace"),
    (Role::TriggerSource, "trigger_source"),
    (Role::Environment, "environment"),
    (Role::Source, "source"),
];

/// What the new target sends.
pub(super) struct Payload {
    /// Names and values, written.
    fields: Vec<(String, String)>,
    /// Whether the fifth standard field is left out, because the script did not send it.
    without_source: bool,
}

/// Reads the payload's fields.
pub(super) fn read(import: &mut Import, old: &Old<'_>) -> Payload {
    let mut fields = Vec::new();
    for (role, name) in FIELDS {
        if let Some(found) = old.get(*role)
            && let Some(value) = value(import, name, found)
        {
            import.carried(found, &format!("is sent as `{name}` of the payload"));
            fields.push(((*name).to_owned(), value));
        }
    }
    for field in &old.fields {
        let mut write = |key: &str, text: &str| import.scalar(key, &field.key, text);
        let value = flow(&field.raw, field.node, &mut write);
        import.note(
            &field.key,
            field.line,
            "is sent as it was, as a field of the payload",
            false,
        );
        fields.push((field.raw.clone(), value));
    }
    let without_source = variant(import, old);
    Payload {
        fields,
        without_source,
    }
}

/// A known field's value. A number stays one: the flow's schema may want it.
fn value(import: &mut Import, name: &str, found: &Found<'_>) -> Option<String> {
    match &found.node.value {
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => {
            let text = import.text(found)?;
            Some(import.scalar(name, &found.key, &text))
        }
    }
}

/// Which of the two payloads the script sent, and what of it the file does not show. True where it
/// had no `source`.
fn variant(import: &mut Import, old: &Old<'_>) -> bool {
    let has = |role| old.get(role).is_some();
    let second = has(Role::TriggerSource) || has(Role::Environment);
    match (second, has(Role::Source)) {
        (true, true) => import.say(
            "the old file has `source` and fields of the payload that has none (`trigger_source`, `environment`): \
             all are sent; take out below `payload:` what the script did not send",
        ),
        (true, false) => {
            import.say(
                "the script's payload with `trigger_source` and `environment` has no `source`: `source: none` leaves it out",
            );
            for (role, name) in [
                (Role::TriggerSource, "trigger_source"),
                (Role::Environment, "environment"),
            ] {
                if !has(role) {
                    import.say(&format!(
                        "the old file does not say `{name}`, which that payload has: where the script filled it in by itself, add it below `payload:`"
                    ));
                }
            }
        }
        (false, true) => {}
        (false, false) => import.say(
            "the old file does not say `source`: `host-runner` is sent (under Kestra the flow's id); where the flow looks at \
             it, write the script's own word below `payload:`",
        ),
    }
    for (role, what) in [
        (
            Role::TriggerType,
            "`trigger_type`: `Gen1_Dataflow_Refresh` is sent",
        ),
        (
            Role::Workspace,
            "`workspace`: it is left out of the payload",
        ),
    ] {
        if !has(role) {
            import.say(&format!(
                "the old file does not say {what}; where the script had another word, write it below `payload:`"
            ));
        }
    }
    if !has(Role::DataflowName) {
        let name = import.target.clone();
        import.say(&format!(
            "the old file names no dataflow: the flow is told `{name}`; write the exact name below `payload:`, as `dataflow_name`"
        ));
    }
    second && !has(Role::Source)
}

impl Payload {
    /// Writes the fields.
    pub(super) fn write(&self, out: &mut Lines) {
        if !self.fields.is_empty() {
            out.comment(
                2,
                "What the script sent; `timestamp` is put in when the trigger leaves.",
            );
            out.line(2, "payload:");
            for (name, value) in &self.fields {
                out.line(3, &format!("{}: {value}", scalar(name)));
            }
        }
        if self.without_source {
            out.comment(2, "The script's payload had no such field.");
            out.line(2, "source: none");
        }
    }
}

/// A name of the payload that may be the exact name at the service too.
pub(super) fn exact_name(import: &mut Import, old: &Old<'_>, role: Role) -> Option<String> {
    let found = old.get(role)?;
    let name = FIELDS.iter().find(|(known, _)| *known == role)?.1;
    let text = rules::id_or_name(&values::text(found.node).ok()?).ok()?;
    Some(import.scalar(name, &found.key, &text))
}
