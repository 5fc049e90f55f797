//! Reads the guards of a target: those of the target itself, else those of `defaults`.
//!
//! `none` takes a guard of the defaults away from one target. A guard that could hold nothing back
//! is refused where it stands in the target; out of the defaults, which are for many targets, it is
//! warned about.

use std::time::Duration;

use super::content::ContentKind;
use super::guards::{IfRunning, Quota, QuotaMode, QuotaUnreadable, Retry, RunKind};
use super::keys;
use super::read_window;
use super::reader::{Item, Reader, Section};
use super::tree::Value;
use crate::guard::Window;

/// The most triggers of one start. More is the orchestrator's business.
const MOST_ATTEMPTS: u32 = 10;
/// The most refreshes of a quota; a larger number is a slip of the finger.
const MOST_REFRESHES: u32 = 1000;
/// No further trigger.
const RETRY: Retry = Retry {
    max_attempts: 1,
    delay: Duration::from_secs(5 * 60),
};

/// The guards of one target.
pub(crate) struct Guards {
    pub(crate) if_running: IfRunning,
    pub(crate) quota: Option<Quota>,
    pub(crate) windows: Vec<Window>,
    pub(crate) min_interval: Option<Duration>,
    pub(crate) retry: Retry,
}

/// Where the guards of a target may stand.
pub(crate) struct Places<'s, 'n> {
    pub(crate) target: &'s Section<'n>,
    pub(crate) defaults: Option<&'s Section<'n>>,
}

impl<'n> Places<'_, 'n> {
    /// The value of a guard, and whether it stands in the target itself.
    pub(crate) fn get(&self, key: &str) -> Option<(Item<'n>, bool)> {
        let own = self.target.get(key).map(|item| (item, true));
        own.or_else(|| Some((self.defaults?.get(key)?, false)))
    }

    /// The same of a guard that `none` takes away.
    fn unless_none(&self, key: &str) -> Option<(Item<'n>, bool)> {
        self.get(key)
            .filter(|(item, _)| !matches!(&item.node.value, Value::Text(text) if text == "none"))
    }

    /// Whether a quota will be counted: the service has to be asked then, whatever else is not.
    pub(crate) fn have_quota(&self) -> bool {
        self.unless_none("quota").is_some()
    }
}

/// Reads the guards of a target. `content` is the kind of what it watches, where that is known, and
/// nothing inside where it watches nothing.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    places: &Places<'_, '_>,
    content: Option<Option<ContentKind>>,
) -> Option<Guards> {
    let if_running = match places.get("if_running") {
        Some((item, _)) => if_running(reader, &item),
        None => Some(IfRunning::Wait),
    };
    let quota = quota_of_target(reader, places, content);
    let windows = match places.unless_none("window") {
        Some((item, _)) => read_window::read(reader, &item),
        None => Some(Vec::new()),
    };
    let min_interval = match places.unless_none("min_interval") {
        Some((item, _)) => reader.span(&item).map(Some),
        None => Some(None),
    };
    let retry = match places.get("retry") {
        Some((item, _)) => retry(reader, &item),
        None => Some(RETRY),
    };
    Some(Guards {
        if_running: if_running?,
        quota: quota?,
        windows: windows?,
        min_interval: min_interval?,
        retry: retry?,
    })
}

/// Checks the guards of `defaults`, which a file without targets has nobody else to check.
pub(crate) fn check_defaults(reader: &mut Reader<'_>, defaults: &Section<'_>) {
    let alone = Places {
        target: defaults,
        defaults: None,
    };
    read(reader, &alone, None);
}

fn if_running(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<IfRunning> {
    reader.word(
        item,
        &[
            ("wait", IfRunning::Wait),
            ("skip", IfRunning::Skip),
            ("follow", IfRunning::Follow),
        ],
    )
}

fn quota_of_target(
    reader: &mut Reader<'_>,
    places: &Places<'_, '_>,
    content: Option<Option<ContentKind>>,
) -> Option<Option<Quota>> {
    const NOTHING: &str =
        "a quota is counted in the history of content, and this target watches none";
    let Some((item, own)) = places.unless_none("quota") else {
        return Some(None);
    };
    // Where the kind is not known yet, the quota is read for its mistakes.
    let Some(kind) = content.unwrap_or(Some(ContentKind::Dataflow)) else {
        let hint = "name the content that the flow refreshes, as in `verify: {kind: dataflow, …}`";
        if own {
            return reader.bad(&item, NOTHING, format!("{hint}, or take `quota` out"));
        }
        let name = Item {
            node: item.node,
            path: places.target.path_of("quota"),
        };
        reader.warn(
            &name,
            &format!("{NOTHING}, so that of the defaults holds nothing back; {hint}, or write `quota: none` here"),
        );
        return Some(None);
    };
    quota(reader, &item, kind).map(Some)
}

fn quota(reader: &mut Reader<'_>, item: &Item<'_>, kind: ContentKind) -> Option<Quota> {
    let section = reader.section(item, &keys::QUOTA)?;
    let limit = reader
        .required(&section, "limit", "limit: 8")
        .and_then(|item| reader.whole(&item, 1, MOST_REFRESHES));
    let count = match section.get("count") {
        Some(item) => count(reader, &item),
        None => Some(usual_count(kind)),
    };
    let mode = reader.choice(
        &section,
        "mode",
        &[("block", QuotaMode::Block), ("warn", QuotaMode::Warn)],
        QuotaMode::Block,
    );
    let when_unreadable = reader.choice(
        &section,
        "when_unreadable",
        &[
            ("send", QuotaUnreadable::Send),
            ("skip", QuotaUnreadable::Skip),
        ],
        QuotaUnreadable::Send,
    );
    Some(Quota {
        limit: limit?,
        count: count?,
        mode: mode?,
        when_unreadable: when_unreadable?,
    })
}

/// What the service is taken to count. A refresh of a model by its API has a kind of its own.
fn usual_count(kind: ContentKind) -> Vec<RunKind> {
    let mut kinds = vec![RunKind::OnDemand, RunKind::Scheduled];
    if kind == ContentKind::Model {
        kinds.push(RunKind::ViaApi);
    }
    kinds
}

fn count(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<RunKind>> {
    let items = reader.list(item)?;
    if items.is_empty() {
        return reader.bad(
            item,
            "this list is empty, so nothing would count",
            "name kinds of run, as in `[on_demand, scheduled]`, or take the key out".to_owned(),
        );
    }
    let all: Vec<Option<RunKind>> = items
        .iter()
        .map(|item| reader.word(item, &RunKind::ALL))
        .collect();
    let mut kinds: Vec<RunKind> = Vec::new();
    for kind in all.into_iter().collect::<Option<Vec<_>>>()? {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Some(kinds)
}

fn retry(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Retry> {
    let section = reader.section(item, &keys::RETRY)?;
    let max_attempts = match section.get("max_attempts") {
        Some(item) => reader.whole(&item, 1, MOST_ATTEMPTS),
        None => Some(RETRY.max_attempts),
    };
    let delay = reader.duration(&section, "delay", Some(RETRY.delay));
    Some(Retry {
        max_attempts: max_attempts?,
        delay: delay?,
    })
}
