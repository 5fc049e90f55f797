//! Reads one target: what every kind has.

use std::time::Duration;

use super::content::ContentKind;
use super::credential;
use super::endpoints::{self, Endpoints};
use super::keys;
use super::read_content;
use super::read_flow;
use super::read_guards::{self, Places};
use super::read_interrupt;
use super::read_model;
use super::reader::{Item, Reader, Section};
use super::target::{ResolvedTarget, What};
use super::tree::Entry;
use crate::audit_log::IfLost;

/// One invocation from its start: a dataflow on shared capacity may run for 3 hours, and it may have
/// to wait for its turn.
const DEADLINE: Duration = Duration::from_secs(3 * 3600 + 30 * 60);
/// One HTTP call.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What the targets of one file share.
pub(crate) struct Shared<'n> {
    pub(crate) credentials: Option<Section<'n>>,
    pub(crate) endpoints: Option<Endpoints>,
    pub(crate) allow_loopback: bool,
    defaults: Option<Section<'n>>,
    deadline: Option<Duration>,
    timeout: Option<Duration>,
}

impl<'n> Shared<'n> {
    /// Reads what the targets share.
    pub(crate) fn read(reader: &mut Reader<'_>, file: &Section<'n>) -> Self {
        // Where it is not known yet, nothing is refused for it.
        let allow_loopback = super::settings::loopback(reader, file).unwrap_or(true);
        let defaults = file
            .get("defaults")
            .and_then(|item| reader.section(&item, &keys::DEFAULTS));
        let mut default = |key, value| match &defaults {
            Some(section) => reader.duration(section, key, Some(value)),
            None => Some(value),
        };
        Self {
            deadline: default("deadline", DEADLINE),
            timeout: default("timeout", TIMEOUT),
            endpoints: endpoints::read(reader, file, allow_loopback),
            credentials: file
                .get("credentials")
                .and_then(|item| reader.mapping(&item)),
            allow_loopback,
            defaults,
        }
    }

    /// Checks what the file says to all targets and no target may need.
    pub(crate) fn check(&self, reader: &mut Reader<'_>) {
        if let Some(defaults) = &self.defaults {
            read_guards::check_defaults(reader, defaults);
            read_interrupt::check_defaults(reader, defaults);
        }
    }
}

/// The kinds of target.
#[derive(Clone, Copy)]
enum Kind {
    PowerAutomate,
    Content(ContentKind),
}

const KINDS: [(&str, Kind); 4] = [
    ("power-automate", Kind::PowerAutomate),
    ("dataflow", Kind::Content(ContentKind::Dataflow)),
    ("dataflow-gen2", Kind::Content(ContentKind::Gen2)),
    ("semantic-model", Kind::Content(ContentKind::Model)),
];

/// Reads the target of this entry.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    shared: &Shared<'_>,
    entry: &Entry,
    path: String,
) -> Option<ResolvedTarget> {
    let item = Item {
        node: &entry.node,
        path,
    };
    let section = reader.mapping(&item)?;
    let kind_item = reader.required(&section, "kind", "kind: power-automate")?;
    let kind = reader.word(&kind_item, &KINDS)?;
    let places = Places {
        target: &section,
        defaults: shared.defaults.as_ref(),
    };
    let (what, credential, watched) = match kind {
        Kind::PowerAutomate => {
            let flow = read_flow::read(reader, shared, &places);
            (flow.what, flow.credential, flow.content)
        }
        Kind::Content(kind) => {
            let what = content(reader, &section, kind);
            let credential = credential::needed(reader, shared.credentials.as_ref(), &section);
            require_fabric(reader, shared, &kind_item, kind);
            (what, credential.map(Some), Some(Some(kind)))
        }
    };
    let guards = read_guards::read(reader, &places, watched);
    let is_flow = matches!(kind, Kind::PowerAutomate);
    let stoppable = read_interrupt::stoppable(is_flow, what.as_ref(), watched);
    let on_interrupt = read_interrupt::read(reader, &places, stoppable);
    let timeout = reader.duration(&section, "timeout", shared.timeout);
    let deadline = reader.duration(&section, "deadline", shared.deadline);
    let if_lost = reader.choice(
        &section,
        "if_lost",
        &[("hold", IfLost::Hold), ("resend", IfLost::Resend)],
        IfLost::Hold,
    );
    let warnings = reader.take_warnings();
    let guards = guards?;
    Some(ResolvedTarget {
        name: entry.key.clone(),
        what: what?,
        endpoints: shared.endpoints.clone()?,
        credential: credential?,
        timeout: timeout?,
        deadline: deadline?,
        if_lost: if_lost?,
        if_running: guards.if_running,
        on_interrupt: on_interrupt?,
        quota: guards.quota,
        windows: guards.windows,
        min_interval: guards.min_interval,
        retry: guards.retry,
        warnings,
    })
}

fn content(reader: &mut Reader<'_>, section: &Section<'_>, kind: ContentKind) -> Option<What> {
    match kind {
        ContentKind::Dataflow => {
            reader.check_keys(section, &keys::DATAFLOW);
            read_content::dataflow(reader, section).map(What::Dataflow)
        }
        ContentKind::Gen2 => {
            reader.check_keys(section, &keys::GEN2);
            read_content::gen2(reader, section).map(What::Gen2)
        }
        ContentKind::Model => {
            reader.check_keys(section, &keys::MODEL);
            read_model::model(reader, section).map(What::Model)
        }
    }
}

/// Notes where Fabric is needed and nobody knows where it is.
pub(crate) fn require_fabric(
    reader: &mut Reader<'_>,
    shared: &Shared<'_>,
    kind_item: &Item<'_>,
    kind: ContentKind,
) {
    let unknown = matches!(&shared.endpoints, Some(there) if there.fabric.is_none());
    if kind == ContentKind::Gen2 && unknown {
        reader.bad::<()>(
            kind_item,
            "Microsoft documents no address of Fabric in this cloud",
            "set `endpoints.fabric` to the address that your administrators know".to_owned(),
        );
    }
}
