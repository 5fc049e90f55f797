//! Reads a target of kind `power-automate`: its trigger, what it is sent, how it is verified.

use std::time::Duration;

use super::content::ContentKind;
use super::credential;
use super::keys;
use super::payload;
use super::read_content;
use super::read_guards::Places;
use super::read_target::{Shared, require_fabric};
use super::reader::{Item, Reader, Section};
use super::target::{Credential, FlowAuthorization, PowerAutomate, Verify, What};
use super::tree::Value;
use super::trigger_url::{TriggerAddress, UrlForm, parse_trigger_url};

/// A flow may hold its caller for 120 s (Power Automate's limit for synchronous requests).
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(130);

/// How a flow can be verified; the content is what its history is read of.
#[derive(Clone, Copy)]
enum By {
    Response,
    Content(ContentKind),
}

const KINDS: [(&str, By); 4] = [
    ("dataflow", By::Content(ContentKind::Dataflow)),
    ("dataflow-gen2", By::Content(ContentKind::Gen2)),
    ("semantic-model", By::Content(ContentKind::Model)),
    ("response", By::Response),
];

/// What was read of a flow.
pub(crate) struct ReadFlow {
    pub(crate) what: Option<What>,
    /// The credentials that its verification needs.
    pub(crate) credential: Option<Option<Credential>>,
    /// The content that is watched, where that is known.
    pub(crate) content: Option<Option<ContentKind>>,
}

/// Reads what a flow needs, and the credentials that its verification needs.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    shared: &Shared<'_>,
    places: &Places<'_, '_>,
) -> ReadFlow {
    let section = places.target;
    reader.check_keys(section, &keys::POWER_AUTOMATE);
    let trigger = trigger(reader, shared, section);
    let payload = payload::read(reader, section);
    let standard_fields = reader.boolean(section, "standard_fields", true);
    let source = match section.get("source") {
        // To the component an empty one is none.
        Some(item) if is_none(&item) => Some(Some(String::new())),
        Some(item) => reader.filled(&item).map(Some),
        None => Some(None),
    };
    let (by, verify, credential) = verify(reader, shared, places);
    let response_timeout = reader.duration(section, "response_timeout", Some(RESPONSE_TIMEOUT));
    if let Some(by) = by {
        refuse_idle_keys(reader, section, by);
    }
    let flow = || {
        let (authorization, form) = trigger?;
        Some(What::PowerAutomate(Box::new(PowerAutomate {
            authorization,
            form,
            payload: payload?,
            standard_fields: standard_fields?,
            source: source?,
            verify: verify?,
            response_timeout: response_timeout?,
        })))
    };
    ReadFlow {
        what: flow(),
        credential,
        content: by.map(|by| match by {
            Some(By::Content(kind)) => Some(kind),
            Some(By::Response) | None => None,
        }),
    }
}

/// The trigger, and by what it lets us in: its signature, or `credentials`.
fn trigger(
    reader: &mut Reader<'_>,
    shared: &Shared<'_>,
    section: &Section<'_>,
) -> Option<(FlowAuthorization, UrlForm)> {
    let sign_in = section.get("credentials");
    let credential = sign_in
        .as_ref()
        .map(|_| credential::needed(reader, shared.credentials.as_ref(), section));
    let item = reader.required(section, "url", "url: ${env:ORDER_LIST_FLOW_URL}")?;
    let text = reader.text(&item)?;
    let url = match parse_trigger_url(&text.text, sign_in.is_some(), shared.allow_loopback) {
        Ok(url) => url,
        Err(fault) => return reader.wrong(item.node.at, &item.path, fault),
    };
    for warning in &url.warnings {
        reader.warn(&item, warning);
    }
    let authorization = match (url.address, sign_in) {
        (TriggerAddress::Signed(sas), None) => {
            reader.register_url(&sas);
            if text.literal {
                reader.warn(&item, "the URL's `sig` is a secret and stands in the file; move the URL to ${env:NAME} or ${file:PATH}");
            }
            FlowAuthorization::Sas(sas)
        }
        (TriggerAddress::Signed(sas), Some(sign_in)) => {
            reader.register_url(&sas);
            return reader.bad(
                &sign_in,
                "the URL has a `sig`, and the service refuses a request with a signature and a token",
                "take it out; the credentials that read the history stand inside `verify`"
                    .to_owned(),
            );
        }
        (TriggerAddress::Bare(url), _) => FlowAuthorization::OAuth {
            url,
            credential: credential??,
        },
    };
    Some((authorization, url.form))
}

/// How a flow is verified, as far as it is known, and the credentials that this needs.
type ReadVerify = (
    Option<Option<By>>,
    Option<Verify>,
    Option<Option<Credential>>,
);

fn verify(reader: &mut Reader<'_>, shared: &Shared<'_>, places: &Places<'_, '_>) -> ReadVerify {
    let Some(item) = places.target.get("verify") else {
        return (Some(None), Some(Verify::None), Some(None));
    };
    let Some(section) = reader.mapping(&item) else {
        return (None, None, None);
    };
    let kind_item = reader.required(&section, "kind", "kind: dataflow");
    let kind = kind_item
        .as_ref()
        .and_then(|item| reader.word(item, &KINDS));
    match (kind, kind_item) {
        (Some(By::Response), _) => {
            reader.check_keys(&section, &keys::VERIFY_RESPONSE);
            (Some(Some(By::Response)), Some(Verify::Response), Some(None))
        }
        (Some(By::Content(kind)), Some(kind_item)) => {
            let known = match kind {
                ContentKind::Model => &keys::VERIFY_MODEL,
                ContentKind::Dataflow | ContentKind::Gen2 => &keys::VERIFY_DATAFLOW,
            };
            reader.check_keys(&section, known);
            require_fabric(reader, shared, &kind_item, kind);
            // A quota is counted at the service, also where nobody asks what became of a refresh.
            let asked = reader.inputs.is_none_or(|inputs| inputs.verify) || places.have_quota();
            let credential = if asked {
                credential::needed(reader, shared.credentials.as_ref(), &section).map(Some)
            } else {
                Some(None)
            };
            let watched = read_content::watched(reader, &section, kind);
            let by = Some(Some(By::Content(kind)));
            (by, watched.map(Verify::Content), credential)
        }
        _ => (None, None, None),
    }
}

/// Whether a value is the word that takes a setting away.
fn is_none(item: &Item<'_>) -> bool {
    matches!(&item.node.value, Value::Text(text) if text == "none")
}

/// Keys that would change nothing: their author believes in something that does not happen.
fn refuse_idle_keys(reader: &mut Reader<'_>, section: &Section<'_>, by: Option<By>) {
    let content = matches!(by, Some(By::Content(_)));
    let response = matches!(by, Some(By::Response));
    for (key, effective, what, example) in [
        (
            "if_running",
            content,
            "this has an effect where `verify` names content only",
            "kind: dataflow, …",
        ),
        (
            "response_timeout",
            response,
            "this has an effect with `verify: {kind: response}` only",
            "kind: response",
        ),
    ] {
        if let Some(item) = section.get(key).filter(|_| !effective) {
            reader.bad::<()>(
                &item,
                what,
                format!("take it out, or add `verify: {{{example}}}`"),
            );
        }
    }
}
