//! Reads one target: what every kind has, and the kind `dataflow`.

use std::time::Duration;

use super::credential;
use super::fault::Fault;
use super::keys;
use super::read_flow;
use super::reader::{Item, Reader, Section};
use super::scalars::none_of;
use super::settings::Endpoints;
use super::target::{Dataflow, IfRunning, ResolvedTarget, What};
use super::tree::Entry;
use super::values;
use crate::record::IfLost;

/// One invocation from its start: a dataflow on shared capacity may run for 3 hours, and it may have
/// to wait for its turn.
const DEADLINE: Duration = Duration::from_secs(3 * 3600 + 30 * 60);
/// One HTTP call.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How late a run may begin: Microsoft's own script (DFUtils.psm1 of powerbi-powershell) waits as
/// long.
const START_WITHIN: Duration = Duration::from_secs(5 * 60);
/// The pause between two looks, from the same script.
const POLL: Duration = Duration::from_secs(5);

/// What the targets of one file share.
pub(crate) struct Shared<'n> {
    pub(crate) credentials: Option<Section<'n>>,
    pub(crate) endpoints: Option<Endpoints>,
    pub(crate) allow_loopback: bool,
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
            endpoints: super::settings::endpoints(reader, file, allow_loopback),
            credentials: file
                .get("credentials")
                .and_then(|item| reader.mapping(&item)),
            allow_loopback,
        }
    }
}

/// The kinds that this version refreshes.
#[derive(Clone, Copy)]
enum Kind {
    PowerAutomate,
    Dataflow,
}

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
    let kind = reader.required(&section, "kind", "kind: power-automate")?;
    let (what, credential) = match reader.parsed(&kind, target_kind)? {
        Kind::PowerAutomate => read_flow::read(reader, shared, &section),
        Kind::Dataflow => {
            reader.check_keys(&section, &keys::DATAFLOW);
            let credential = credential::needed(reader, shared.credentials.as_ref(), &section);
            (
                dataflow(reader, &section).map(What::Dataflow),
                credential.map(Some),
            )
        }
    };
    let timeout = reader.duration(&section, "timeout", shared.timeout);
    let deadline = reader.duration(&section, "deadline", shared.deadline);
    let if_lost = reader.choice(
        &section,
        "if_lost",
        &[("hold", IfLost::Hold), ("resend", IfLost::Resend)],
        IfLost::Hold,
    );
    let if_running = reader.choice(
        &section,
        "if_running",
        &[
            ("wait", IfRunning::Wait),
            ("skip", IfRunning::Skip),
            ("follow", IfRunning::Follow),
        ],
        IfRunning::Wait,
    );
    let warnings = reader.take_warnings();
    Some(ResolvedTarget {
        name: entry.key.clone(),
        what: what?,
        endpoints: shared.endpoints.clone()?,
        credential: credential?,
        timeout: timeout?,
        deadline: deadline?,
        if_lost: if_lost?,
        if_running: if_running?,
        warnings,
    })
}

fn target_kind(text: &str) -> Result<Kind, Fault> {
    match text {
        "power-automate" => Ok(Kind::PowerAutomate),
        "dataflow" => Ok(Kind::Dataflow),
        "dataflow-gen2" | "semantic-model" => Err(Fault::NotInThisVersion {
            what: format!("the kind `{text}`"),
            instead: "take the target out, or refresh it through a flow (kind power-automate)",
        }),
        other => Err(none_of(other, &["power-automate", "dataflow"])),
    }
}

/// Reads a dataflow and how its history is watched.
pub(crate) fn dataflow(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Dataflow> {
    let mut id = |key, example| {
        let item = reader.required(section, key, example)?;
        reader.parsed(&item, values::guid)
    };
    let workspace = id(
        "workspace",
        "workspace: 33333333-3333-3333-3333-333333333333",
    );
    let dataflow = id("dataflow", "dataflow: 44444444-4444-4444-4444-444444444444");
    let start_within = reader.duration(section, "start_within", Some(START_WITHIN));
    let poll = reader.duration(section, "poll", Some(POLL));
    Some(Dataflow {
        workspace: workspace?,
        dataflow: dataflow?,
        start_within: start_within?,
        poll: poll?,
    })
}
