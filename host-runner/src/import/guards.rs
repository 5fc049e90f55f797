//! Time-outs, the hours gate, retries and the daily limit.

use super::content::put;
use super::convert::Import;
use super::keys::Role;
use super::read::{Found, Old};
use super::values;
use super::write::{Lines, scalar};
use crate::config::tree::Value;
use crate::config::{window, zone};
use crate::guard::{Day, TimeOfDay};

/// The hours that the script had built in.
const START: &str = "09:00";
const END: &str = "17:00";
const ZONE: &str = "Australia/Brisbane";
/// What the service allows in 24 hours on shared capacity.
const LIMIT: u32 = 8;
/// The most of a quota, as our configuration has it.
const MOST_REFRESHES: u32 = 1000;
/// The most triggers of one start, as our configuration has it.
const MOST_ATTEMPTS: u32 = 10;

/// The guards of the new target, written.
pub(super) struct Guards {
    timeout: Option<String>,
    deadline: Option<String>,
    /// The window, and whether it holds.
    window: Option<(String, bool)>,
    retry: Option<String>,
    /// The limit, and whether it holds.
    quota: Option<(u32, bool)>,
}

/// Reads the guards. `watched` says whether there is a history to count in.
pub(super) fn read(import: &mut Import, old: &Old<'_>, watched: bool) -> Guards {
    Guards {
        timeout: span(
            import,
            old,
            Role::Timeout,
            "is `timeout`, for each HTTP call; how long all of it may take is `deadline` (3h30m unless it is set)",
        ),
        deadline: span(
            import,
            old,
            Role::Deadline,
            "is `deadline`: one start with all its waiting; a refresh goes on at the service after it",
        ),
        window: window_of(import, old),
        retry: retry(import, old),
        quota: quota(import, old, watched),
    }
}

fn span(import: &mut Import, old: &Old<'_>, role: Role, note: &str) -> Option<String> {
    let found = old.get(role)?;
    let value = import.read(found, values::duration(found.node, found.unit))?;
    import.differs(found, &format!("{note} ({value})"));
    Some(value)
}

/// What the old file says of the hours; each `None` where it says nothing.
#[derive(Default)]
struct Gate {
    on: Option<bool>,
    start: Option<String>,
    end: Option<String>,
    zone: Option<String>,
    days: Option<Vec<&'static str>>,
}

fn window_of(import: &mut Import, old: &Old<'_>) -> Option<(String, bool)> {
    let mut gate = Gate::default();
    // The key that an impossible window is told of.
    let mut about: Option<&Found<'_>> = None;
    for role in [
        Role::Start,
        Role::End,
        Role::Hours,
        Role::Days,
        Role::HoursOn,
    ] {
        if let Some(found) = old.get(role) {
            read_gate(import, &mut gate, found);
            if about.is_some() {
                import.carried(found, "is a part of `window`");
            }
            about = about.or(Some(found));
        }
    }
    let zone_found = old.get(Role::Zone);
    if let Some(found) = zone_found {
        let text = import.text(found)?;
        gate.zone = Some(text);
        if about.is_some() {
            import.carried(found, "is a part of `window`");
        }
    }
    let Some(about) = about else {
        if let Some(found) = zone_found {
            import.differs(
                found,
                "is not carried over: no hours stand in the file; `timestamp` has the offset of the machine's own zone (`TZ`)",
            );
        } else {
            import.say(
                "the old file has no hours: where the script held refreshes back outside 09:00-17:00 Australia/Brisbane by itself, add \
                 `window: \"09:00-17:00 Australia/Brisbane\"` to the target",
            );
        }
        return None;
    };
    let on = gate.on.unwrap_or(true);
    if gate.start.is_none() || gate.end.is_none() || gate.zone.is_none() {
        import.differs(about, "leaves out a part of the hours: that of the script, 09:00-17:00 Australia/Brisbane, is taken");
    }
    let (from, to) = (
        gate.start.unwrap_or_else(|| START.to_owned()),
        gate.end.unwrap_or_else(|| END.to_owned()),
    );
    let name = gate.zone.unwrap_or_else(|| ZONE.to_owned());
    let days = gate.days.filter(|days| days.len() < Day::ALL.len());
    let zone = import.read(zone_found.unwrap_or(about), zone(&name))?;
    let (first, last) = (TimeOfDay::parse(&from)?, TimeOfDay::parse(&to)?);
    let every_day = Day::ALL.map(|(_, day)| day);
    import.read(about, window(first, last, &every_day, zone))?;
    let written = match days {
        None => format!("\"{from}-{to} {name}\""),
        Some(days) => format!(
            "{{from: \"{from}\", to: \"{to}\", zone: {}, days: [{}]}}",
            scalar(&name),
            days.join(", ")
        ),
    };
    import.differs(
        about,
        &if on {
            format!(
                "is `window: {written}`: open until before {to}; outside of it a start ends in `skipped` (exit code 11), unless `--force` is given"
            )
        } else {
            "belongs to hours that are switched off, so the window stands in a comment".to_owned()
        },
    );
    Some((written, on))
}

fn read_gate(import: &mut Import, gate: &mut Gate, found: &Found<'_>) {
    match found.role {
        Role::HoursOn => gate.on = import.read(found, values::truth(found.node)).or(gate.on),
        Role::Start => gate.start = time(import, found).or(gate.start.take()),
        Role::End => gate.end = time(import, found).or(gate.end.take()),
        Role::Days => gate.days = import.read(found, values::days(found.node)),
        _ if matches!(found.node.value, Value::Bool(_)) || values::truth(found.node).is_ok() => {
            gate.on = values::truth(found.node).ok();
        }
        _ => {
            let read = values::text(found.node).and_then(|text| values::hours(&text));
            if let Some((start, end, zone)) = import.read(found, read) {
                gate.start = Some(start);
                gate.end = Some(end);
                gate.zone = zone;
            }
        }
    }
}

fn time(import: &mut Import, found: &Found<'_>) -> Option<String> {
    let read = values::text(found.node).and_then(|text| values::clock(&text));
    import.read(found, read)
}

fn retry(import: &mut Import, old: &Old<'_>) -> Option<String> {
    let delay = old.get(Role::RetryDelay).and_then(|found| {
        let delay = import.read(found, values::duration(found.node, found.unit))?;
        import.carried(found, &format!("is `retry.delay` ({delay})"));
        Some(delay)
    });
    let attempts = match (old.get(Role::MaxAttempts), old.get(Role::Retries)) {
        (Some(found), other) => {
            let attempts = import.read(found, values::whole(found.node, 1, MOST_ATTEMPTS));
            if let Some(other) = other {
                import.differs(
                    other,
                    "is not carried over: how often it is tried in all is said too",
                );
            }
            attempts.map(|attempts| (found, attempts))
        }
        (None, Some(found)) => import
            .read(found, values::whole(found.node, 0, MOST_ATTEMPTS - 1))
            .map(|retries| (found, retries + 1)),
        (None, None) => None,
    };
    if let Some((found, attempts)) = attempts {
        import.differs(
            found,
            &format!(
                "is `retry.max_attempts: {attempts}`, the first one counted in: a trigger is sent again only after a `failed` that is worth it, \
                 never where one may have begun a refresh"
            ),
        );
    }
    match (attempts.map(|(_, attempts)| attempts), delay) {
        (None, None) => None,
        (Some(attempts), None) => Some(format!("{{max_attempts: {attempts}}}")),
        (None, Some(delay)) => Some(format!("{{delay: {delay}}}")),
        (Some(attempts), Some(delay)) => {
            Some(format!("{{max_attempts: {attempts}, delay: {delay}}}"))
        }
    }
}

fn quota(import: &mut Import, old: &Old<'_>, watched: bool) -> Option<(u32, bool)> {
    let switch = old.get(Role::DailyLimitOn).and_then(|found| {
        let on = import.read(found, values::truth(found.node))?;
        Some((found, on))
    });
    let (about, limit) = match (old.get(Role::DailyLimit), switch) {
        (Some(found), _) if is_off(found) => {
            import.carried(found, "is off, so no quota is set");
            return None;
        }
        (Some(found), _) => {
            let limit = import.read(found, values::whole(found.node, 1, MOST_REFRESHES))?;
            (found, limit)
        }
        (None, Some((found, true))) => (found, LIMIT),
        (None, Some((found, false))) => {
            import.carried(found, "is off, so no quota is set");
            return None;
        }
        (None, None) => return None,
    };
    let on = switch.is_none_or(|(_, on)| on);
    let what = match (on, watched) {
        (false, _) => "is off, so the quota stands in a comment",
        (true, false) => {
            "is prepared as `quota:` in a comment: it is counted in the dataflow's history, which `verify:` names"
        }
        (true, true) => {
            "is `quota:`, counted in the dataflow's own history over a rolling 24 hours, scheduled refreshes too"
        }
    };
    import.differs(
        about,
        &format!("{what} ({limit}); the script's check was none: it let every trigger through"),
    );
    Some((limit, on && watched))
}

/// Whether a limit says that there is none.
fn is_off(found: &Found<'_>) -> bool {
    let text = values::text(found.node).unwrap_or_default().to_lowercase();
    ["0", "-1", "none", "off", "false", "unlimited"].contains(&text.as_str())
}

impl Guards {
    /// Writes what needs no history.
    pub(super) fn write_own(&self, out: &mut Lines) {
        for (key, value) in [("timeout", &self.timeout), ("deadline", &self.deadline)] {
            if let Some(value) = value {
                out.line(2, &format!("{key}: {value}"));
            }
        }
        if let Some((window, on)) = &self.window {
            put(out, 2, 0, &format!("window: {window}"), !on);
        }
        if let Some(retry) = &self.retry {
            out.line(2, &format!("retry: {retry}"));
        }
    }

    /// Writes the quota, below what it is counted in.
    pub(super) fn write_quota(&self, out: &mut Lines) {
        if let Some((limit, on)) = self.quota {
            let line =
                format!("quota: {{limit: {limit}, count: [on_demand, scheduled], mode: block}}");
            put(out, 2, 0, &line, !on);
        }
    }
}
