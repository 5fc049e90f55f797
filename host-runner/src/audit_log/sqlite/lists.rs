//! Looking through the audit log: one run while it is going on, many runs, the runs at the service that
//! are spoken for.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::fault::Fault;
use super::{AuditLog, events, leases};
use crate::audit_log::error::AuditLogError;
use crate::audit_log::fold::RunView;
use crate::audit_log::standing::Standing;
use crate::verdict::Status;

/// How much earlier than a run's intent a match of another run may have been stored and still
/// matter to it. A service run that could be taken for ours began after our look, so its match was
/// stored after that; a day covers the look's distance to the intent and the differences of clocks.
const MATCH_MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// A run that somebody else may be working on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What its events come to; nothing before the first.
    pub view: Option<RunView>,
    /// Whether somebody holds it. Once nobody does, its verdict is in the view or never comes.
    pub alive: bool,
}

/// Which runs to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this target.
    pub target: Option<String>,
    /// Only those that may have been sent, that nobody has settled, and that nobody holds.
    pub open: bool,
    /// At most so many, the newest.
    pub limit: usize,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// What its events come to.
    pub view: RunView,
    /// Whether somebody holds it.
    pub alive: bool,
}

impl RunSummary {
    /// Whether the run may have been sent, nobody has settled it, and nobody holds it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.alive && self.view.standing() == Standing::Unsettled
    }
}

impl AuditLog {
    /// A run that somebody else may be working on.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn watch(&self, run: &str) -> Result<Watched, AuditLogError> {
        self.read(|connection| {
            // In this order: a run that is finished between the two looks is then seen as alive once
            // more, and not as ended without the outcome that came with its end.
            let alive = leases::is_alive(connection, run, self.now_ms(), &self.process)?;
            Ok(Watched {
                view: events::view_of(connection, run)?,
                alive,
            })
        })
    }

    /// The run of this target whose intent is the newest.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn latest_run_of_target(&self, target: &str) -> Result<Option<RunView>, AuditLogError> {
        self.read(|connection| {
            let run: Option<String> = connection
                .prepare_cached(
                    "SELECT run FROM events WHERE target = ?1 AND event = 'intent' ORDER BY number DESC LIMIT 1",
                )?
                .query_row([target], |row| row.get(0))
                .optional()?;
            run.map_or(Ok(None), |run| events::view_of(connection, &run))
        })
    }

    /// When the last refresh of this target was sent, as far as one has not failed, was not stopped
    /// and has not turned out never to have begun: those refreshed nothing.
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
                let refreshed = match view.standing() {
                    Standing::NotSent | Standing::NeverStarted => false,
                    Standing::Ended(status) => {
                        matches!(status, Status::Completed | Status::Accepted)
                    }
                    Standing::Unsettled => true,
                };
                if refreshed {
                    return Ok(view.intent_time.parse().ok());
                }
            }
            Ok(None)
        })
    }

    /// The runs that a crash, or a verdict of `unknown`, left open: sent or perhaps sent, settled by
    /// nobody, held by nobody. The newest first.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn open_runs(&self) -> Result<Vec<RunView>, AuditLogError> {
        let all = Filter {
            target: None,
            open: true,
            limit: usize::MAX,
        };
        Ok(self
            .list(&all)?
            .into_iter()
            .map(|summary| summary.view)
            .collect())
    }

    /// The runs that the filter lets through, those with the newest events first.
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
                let summary = self.summary(connection, &run)?;
                found.extend(summary.filter(|summary| !filter.open || summary.is_open()));
                seen.insert(run);
            }
            Ok(found)
        })
    }

    fn summary(&self, connection: &Connection, run: &str) -> Result<Option<RunSummary>, Fault> {
        let alive = leases::is_alive(connection, run, self.now_ms(), &self.process)?;
        Ok(events::view_of(connection, run)?.map(|view| RunSummary { view, alive }))
    }

    /// The service's runs on this resource that were matched to other runs of the audit log than
    /// `except`, as far as they could be mistaken for its own.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn taken_runs(&self, resource: &str, except: &str) -> Result<Vec<String>, AuditLogError> {
        self.read(|connection| {
            let now = self.clock.now();
            let asked: Option<String> = connection
                .prepare_cached("SELECT min(time) FROM events WHERE run = ?1 AND event = 'intent'")?
                .query_row([except], |row| row.get(0))?;
            let asked = asked.and_then(|time| time.parse().ok()).unwrap_or(now);
            let since = asked.checked_sub(MATCH_MARGIN).unwrap_or(asked);
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT service_run FROM events \
                 WHERE resource = ?1 AND service_run IS NOT NULL AND time >= ?2 AND run <> ?3",
            )?;
            let taken = statement
                .query_map([resource, &events::timestamp(since), except], |row| {
                    row.get(0)
                })?;
            Ok(taken.collect::<Result<_, _>>()?)
        })
    }
}
