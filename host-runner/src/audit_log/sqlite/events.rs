//! Reading events.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::{AuditLog, Fault};
use crate::audit_log::chain::{Columns, StoredRow, Verification, Verifier};
use crate::audit_log::error::{AuditLogError, FileProblem};
use crate::audit_log::event::StoredEvent;
use crate::audit_log::fold::RunView;

/// An event and its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The event.
    #[serde(flatten)]
    pub event: StoredEvent,
    /// Its hash, in hex.
    pub hash: String,
}

impl AuditLog {
    /// The events of a run that can be read, in their order; none for an unknown run.
    ///
    /// # Errors
    /// [`AuditLogError::File`].
    pub fn events_of(&self, run: &str) -> Result<Vec<Entry>, AuditLogError> {
        self.read(|connection| Ok(entries_of(connection, run)?.0))
    }

    /// The events of a run that cannot be read.
    ///
    /// # Errors
    /// As [`events_of`](Self::events_of).
    pub fn damage_of(&self, run: &str) -> Result<Vec<FileProblem>, AuditLogError> {
        self.read(|connection| Ok(entries_of(connection, run)?.1))
    }

    /// The view of a run; `None` if it has no events.
    ///
    /// # Errors
    /// [`AuditLogError::File`], with [`FileProblem::Corrupt`] for an event that cannot be read: nothing
    /// is decided without it.
    pub fn run(&self, run: &str) -> Result<Option<RunView>, AuditLogError> {
        self.read(|connection| view_of(connection, run))
    }

    /// Reads every event and verifies the chain.
    ///
    /// # Errors
    /// [`AuditLogError::File`], with [`FileProblem::Corrupt`] if SQLite itself finds the file damaged.
    pub fn verify(&self) -> Result<Verification, AuditLogError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT number, time, run, event, target, identity, resource, service_run, text, hash \
                 FROM events ORDER BY number",
            )?;
            let mut rows = statement.query([])?;
            let mut verifier = Verifier::new();
            while let Some(row) = rows.next()? {
                if let Err(broken) = verifier.take(stored_row(row)?) {
                    return Ok(broken);
                }
            }
            Ok(verifier.whole())
        })
    }
}

/// RFC 3339 in UTC with microseconds. The width is fixed, so that texts sort like times.
pub(super) fn timestamp(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// The events of a run, and those that cannot be read.
pub(super) fn entries_of(
    connection: &Connection,
    run: &str,
) -> Result<(Vec<Entry>, Vec<FileProblem>), Fault> {
    let mut statement = connection
        .prepare_cached("SELECT number, text, hash FROM events WHERE run = ?1 ORDER BY number")?;
    let mut rows = statement.query([run])?;
    let (mut entries, mut damage) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (number, text, hash): (_, String, _) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match serde_json::from_str(&text) {
            Ok(event) => entries.push(Entry { event, hash }),
            Err(error) => damage.push(unreadable(unsigned(number), &error)),
        }
    }
    Ok((entries, damage))
}

/// The view of a run.
pub(super) fn view_of(connection: &Connection, run: &str) -> Result<Option<RunView>, Fault> {
    let (entries, damage) = entries_of(connection, run)?;
    if let Some(problem) = damage.into_iter().next() {
        return Err(problem.into());
    }
    Ok(RunView::of(entries.into_iter().map(|entry| entry.event)))
}

/// The run with the newest intent that has this value in a column.
pub(super) fn latest_of(
    connection: &Connection,
    column: &str,
    value: &str,
) -> Result<Option<RunView>, Fault> {
    let run: Option<String> = connection
        .prepare_cached(&format!(
            "SELECT run FROM events WHERE {column} = ?1 AND event = 'intent' ORDER BY number DESC LIMIT 1"
        ))?
        .query_row([value], |row| row.get(0))
        .optional()?;
    run.map_or(Ok(None), |run| view_of(connection, &run))
}

pub(super) fn unreadable(number: u64, error: &serde_json::Error) -> FileProblem {
    FileProblem::Corrupt {
        at: Some(number),
        why: error.to_string(),
    }
}

fn stored_row(row: &Row<'_>) -> Result<StoredRow, Fault> {
    Ok(StoredRow {
        number: unsigned(row.get(0)?),
        columns: Columns {
            time: row.get(1)?,
            run: row.get(2)?,
            event: row.get(3)?,
            target: row.get(4)?,
            identity: row.get(5)?,
            resource: row.get(6)?,
            service_run: row.get(7)?,
        },
        text: row.get(8)?,
        hash: row.get(9)?,
    })
}

/// SQLite stores numbers with a sign; ours are never negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
