//! Queries: one run in progress, lists of runs, and the service's runs that are already matched.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::{AuditLog, Fault, events};
use crate::audit_log::error::AuditLogError;
use crate::audit_log::fold::{RunState, RunView};
use crate::verdict::Status;

/// How long before a run's intent a match of another run may have been stored and still matter to it.
/// A service run that could be mistaken for ours started after our look, so its match was stored
/// after that. A day covers the time from the look to the intent and the differences between clocks.
const MATCH_MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// A run that another process may be working on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStatus {
    /// The run; `None` before its first event.
    pub view: Option<RunView>,
    /// Whether a process holds it. If none does, its verdict is in the view or never comes.
    pub alive: bool,
}

/// The runs to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only runs of this target.
    pub target: Option<String>,
    /// Only open runs ([`RunSummary::is_open`]).
    pub open: bool,
    /// The maximum number of runs.
    pub limit: usize,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub view: RunView,
    /// Whether a process holds it.
    pub alive: bool,
}

impl RunSummary {
    /// Returns whether the run may have been sent, its outcome is not known, and no process holds it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.alive && matches!(self.view.state(), RunState::Unsettled | RunState::Detached)
    }
}

impl AuditLog {
    /// A run that another process may be working on.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn watch(&self, run: &str) -> Result<RunStatus, AuditLogError> {
        self.read(|connection| {
            // In this order, so that a run that finishes in between looks alive once more instead of
            // ended without its outcome.
            let alive = self.is_alive(connection, run, self.now_ms())?;
            Ok(RunStatus {
                view: events::view_of(connection, run)?,
                alive,
            })
        })
    }

    /// The run of this target with the newest intent.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn latest_run_of_target(&self, target: &str) -> Result<Option<RunView>, AuditLogError> {
        self.read(|connection| events::latest_of(connection, "target", target))
    }

    /// When the last refresh of this target was sent, ignoring runs that failed, were stopped or never
    /// started, because they refreshed nothing.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn last_refresh_of_target(&self, target: &str) -> Result<Option<Timestamp>, AuditLogError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT run FROM events WHERE target = ?1 AND event = 'intent' ORDER BY number DESC",
            )?;
            let mut rows = statement.query([target])?;
            let mut seen = HashSet::new();
            while let Some(row) = rows.next()? {
                let run: String = row.get(0)?;
                if !seen.insert(run.clone()) {
                    continue;
                }
                let Some(view) = events::view_of(connection, &run)? else {
                    continue;
                };
                if let RunState::Unsettled
                | RunState::Detached
                | RunState::Ended(Status::Completed | Status::Accepted) = view.state()
                {
                    return Ok(view.intent_time.parse().ok());
                }
            }
            Ok(None)
        })
    }

    /// The runs that match the filter, those with the newest events first. An event that cannot be read
    /// must not hide the others.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn list(&self, filter: &Filter) -> Result<Vec<RunSummary>, AuditLogError> {
        self.read(|connection| {
            let mut seen = HashSet::new();
            let mut found = Vec::new();
            let mut statement = connection.prepare_cached(
                "SELECT run FROM events WHERE run <> '' AND (?1 IS NULL OR target = ?1) ORDER BY number DESC",
            )?;
            let mut rows = statement.query([filter.target.as_deref()])?;
            while let Some(row) = rows.next()? {
                if found.len() >= filter.limit {
                    break;
                }
                let run: String = row.get(0)?;
                if seen.contains(&run) {
                    continue;
                }
                let events = events::entries_of(connection, &run)?.0.into_iter();
                let mut view = RunView::of(events.map(|entry| entry.event)).unwrap_or_default();
                view.run.run.clone_from(&run);
                let alive = self.is_alive(connection, &run, self.now_ms())?;
                let summary = Some(RunSummary { view, alive });
                found.extend(summary.filter(|summary| !filter.open || summary.is_open()));
                seen.insert(run);
            }
            Ok(found)
        })
    }

    pub(super) fn summary(
        &self,
        connection: &Connection,
        run: &str,
    ) -> Result<Option<RunSummary>, Fault> {
        let alive = self.is_alive(connection, run, self.now_ms())?;
        Ok(events::view_of(connection, run)?.map(|view| RunSummary { view, alive }))
    }

    /// The service's runs on this resource that are matched to other runs than `except` and could be
    /// mistaken for its own.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn taken_runs(&self, resource: &str, except: &str) -> Result<Vec<String>, AuditLogError> {
        self.read(|connection| {
            let now = self.clock.now();
            let intent_time: Option<String> = connection
                .prepare_cached("SELECT min(time) FROM events WHERE run = ?1 AND event = 'intent'")?
                .query_row([except], |row| row.get(0))?;
            let intent_time = intent_time.and_then(|time| time.parse().ok());
            let intent_time = intent_time.unwrap_or(now);
            let since = intent_time.checked_sub(MATCH_MARGIN).unwrap_or(intent_time);
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT service_run FROM events \
                 WHERE resource = ?1 AND service_run IS NOT NULL AND time >= ?2 AND run <> ?3",
            )?;
            let values = [resource, &events::timestamp(since), except];
            let taken = statement.query_map(values, |row| row.get(0))?;
            Ok(taken.collect::<Result<_, _>>()?)
        })
    }
}
