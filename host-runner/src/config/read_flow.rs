//! Reads a target of kind `power-automate`.

use std::time::Duration;

use super::credential;
use super::fault::Fault;
use super::keys;
use super::payload;
use super::read_target::{Shared, dataflow};
use super::reader::{Reader, Section};
use super::scalars::none_of;
use super::target::{Credential, PowerAutomate, Verify, What};
use super::tree::Value;
use super::trigger_url::{TriggerUrl, parse_trigger_url};

/// A flow may hold its caller for 120 s (Power Automate's limit for synchronous requests).
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(130);

/// Reads what a flow needs, and the credentials that its verification needs.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    shared: &Shared<'_>,
    section: &Section<'_>,
) -> (Option<What>, Option<Option<Credential>>) {
    reader.check_keys(section, &keys::POWER_AUTOMATE);
    let url = trigger_url(reader, section, shared.allow_loopback);
    let payload = payload::read(reader, section);
    let standard_fields = reader.boolean(section, "standard_fields", true);
    let source = match section.get("source") {
        Some(item) => reader.filled(&item).map(Some),
        None => Some(None),
    };
    let (verify, credential) = verify(reader, shared, section);
    let response_timeout = reader.duration(section, "response_timeout", Some(RESPONSE_TIMEOUT));
    refuse_idle_keys(reader, section);
    let flow = || {
        let url = url?;
        Some(What::PowerAutomate(Box::new(PowerAutomate {
            trigger: url.sas,
            form: url.form,
            payload: payload?,
            standard_fields: standard_fields?,
            source: source?,
            verify: verify?,
            response_timeout: response_timeout?,
        })))
    };
    (flow(), credential)
}

fn trigger_url(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    allow_loopback: bool,
) -> Option<TriggerUrl> {
    let item = reader.required(section, "url", "url: ${env:ORDER_LIST_FLOW_URL}")?;
    let text = reader.text(&item)?;
    match parse_trigger_url(&text.text, allow_loopback) {
        Ok(url) => {
            reader.register_url(&url.sas);
            if text.literal {
                reader.warn(&item, "the URL's `sig` is a secret and stands in the file; move the URL to ${env:NAME} or ${file:PATH}");
            }
            for warning in &url.warnings {
                reader.warn(&item, warning);
            }
            Some(url)
        }
        Err(fault) => reader.wrong(item.node.at, &item.path, fault),
    }
}

fn verify(
    reader: &mut Reader<'_>,
    shared: &Shared<'_>,
    section: &Section<'_>,
) -> (Option<Verify>, Option<Option<Credential>>) {
    let Some(item) = section.get("verify") else {
        return (Some(Verify::None), Some(None));
    };
    let Some(section) = reader.mapping(&item) else {
        return (None, None);
    };
    let kind = reader
        .required(&section, "kind", "kind: dataflow")
        .and_then(|item| reader.parsed(&item, verify_kind));
    match kind {
        None => (None, None),
        Some("response") => {
            reader.check_keys(&section, &keys::VERIFY_RESPONSE);
            (Some(Verify::Response), Some(None))
        }
        Some(_) => {
            reader.check_keys(&section, &keys::VERIFY_DATAFLOW);
            let wanted = reader.inputs.is_none_or(|inputs| inputs.verify);
            let credential = if wanted {
                credential::needed(reader, shared.credentials.as_ref(), &section).map(Some)
            } else {
                Some(None)
            };
            (dataflow(reader, &section).map(Verify::Dataflow), credential)
        }
    }
}

fn verify_kind(text: &str) -> Result<&'static str, Fault> {
    match text {
        "dataflow" => Ok("dataflow"),
        "response" => Ok("response"),
        "dataflow-gen2" | "semantic-model" => Err(Fault::NotInThisVersion {
            what: format!("`verify` with the kind `{text}`"),
            instead: "take `verify` out, or let the flow answer with a Response action (verify: {kind: response})",
        }),
        other => Err(none_of(other, &["dataflow", "response"])),
    }
}

/// Keys that would change nothing: their author believes in something that does not happen.
fn refuse_idle_keys(reader: &mut Reader<'_>, section: &Section<'_>) {
    let verify = section
        .get("verify")
        .and_then(|item| match &item.node.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == "kind"),
            _ => None,
        });
    let kind = verify.and_then(|entry| match &entry.node.value {
        Value::Text(kind) => Some(kind.as_str()),
        _ => None,
    });
    for (key, needs) in [("if_running", "dataflow"), ("response_timeout", "response")] {
        if let Some(item) = section.get(key).filter(|_| kind != Some(needs)) {
            let what = format!("this has an effect with `verify: {{kind: {needs}}}` only");
            reader.bad::<()>(
                &item,
                &what,
                format!("take it out, or add `verify: {{kind: {needs}, …}}`"),
            );
        }
    }
}
