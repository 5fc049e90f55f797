//! Appending events and reading them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use serde_json::Value;

use super::{AuditLog, Durability, Fault, claims};
use crate::audit_log::chain::{
    Columns, GENESIS, StoredRow, Verification, Verifier, canonical, link,
};
use crate::audit_log::error::{AuditLogError, FileProblem};
use crate::audit_log::event::{Detail, RunInfo, StoredEvent};
use crate::audit_log::fold::RunView;
use crate::secret::map_texts;

/// Confirms that an event is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The event's number.
    pub number: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
}

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
    /// Appends an event. Returns when it is on disk.
    ///
    /// An intent is stored only while this process holds the run, and its resource if it claimed one;
    /// the same transaction checks both. Every other event is a fact and is stored if the run is
    /// known, no matter who holds it.
    ///
    /// # Errors
    /// [`AuditLogError::ClaimLost`], [`AuditLogError::UnknownRun`] and [`AuditLogError::File`].
    pub fn append(&self, run: &RunInfo, detail: Detail) -> Result<Receipt, AuditLogError> {
        self.write(Durability::Full, |transaction| {
            self.store(transaction, run, detail)
        })
    }

    /// Appends the last event of a run and releases the run, in one transaction.
    ///
    /// # Errors
    /// As [`append`](Self::append); the run is then not released.
    pub fn append_and_finish(
        &self,
        run: &RunInfo,
        detail: Detail,
    ) -> Result<Receipt, AuditLogError> {
        self.write(Durability::Full, |transaction| {
            let receipt = self.store(transaction, run, detail)?;
            claims::release_run(transaction, &run.run, self.holder())?;
            Ok(receipt)
        })
    }

    fn store(
        &self,
        transaction: &Transaction<'_>,
        run: &RunInfo,
        detail: Detail,
    ) -> Result<Receipt, Fault> {
        match &detail {
            Detail::Intent(_) => claims::check_claim(transaction, run, self.holder())?,
            Detail::Note(_) if run.run.is_empty() => {}
            _ => check_known(transaction, &run.run)?,
        }
        let stored_at = self.clock.now();
        let (last, previous) = head(transaction)?;
        let number = last + 1;
        let event = StoredEvent {
            number,
            time: timestamp(stored_at),
            run: run.clone(),
            actor: self.actor.clone(),
            detail,
        };
        let value = serde_json::to_value(&event).map_err(|error| unreadable(number, &error))?;
        // Text by text, because a secret with escaped characters would not be found in the JSON. Names
        // too, because those of labels are foreign text.
        let value = map_texts(&value, &|text| self.redactor.scrub(text).into_owned());
        insert(transaction, number, &previous, &value)?;
        Ok(Receipt { number, stored_at })
    }

    /// The events of a run, in their order; none for an unknown run.
    ///
    /// # Errors
    /// [`AuditLogError::File`], with [`FileProblem::Corrupt`] for an event that cannot be read.
    pub fn events_of(&self, run: &str) -> Result<Vec<Entry>, AuditLogError> {
        self.read(|connection| entries_of(connection, run))
    }

    /// The view of a run; `None` if it has no events.
    ///
    /// # Errors
    /// As [`events_of`](Self::events_of).
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

/// The number and the hash of the last event.
fn head(connection: &Connection) -> Result<(u64, String), Fault> {
    let last = connection
        .prepare_cached("SELECT number, hash FROM events ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
        .optional()?;
    Ok(last.map_or_else(
        || (0, GENESIS.to_owned()),
        |(number, hash)| (unsigned(number), hash),
    ))
}

fn insert(
    connection: &Connection,
    number: u64,
    previous: &str,
    event: &Value,
) -> Result<(), Fault> {
    let text = canonical(event);
    let hash = link(previous, &text);
    let columns = Columns::of(event);
    connection
        .prepare_cached(
            "INSERT INTO events (number, time, run, event, target, identity, resource, service_run, hash, text) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            i64::try_from(number).unwrap_or(i64::MAX),
            columns.time,
            columns.run,
            columns.event,
            columns.target,
            columns.identity,
            columns.resource,
            columns.service_run,
            hash,
            text,
        ])?;
    Ok(())
}

/// Checks that the run has an event or a lease.
fn check_known(connection: &Connection, run: &str) -> Result<(), Fault> {
    let known = connection
        .prepare_cached("SELECT 1 FROM leases WHERE run = ?1 UNION ALL SELECT 1 FROM events WHERE run = ?1 LIMIT 1")?
        .exists([run])?;
    if known {
        return Ok(());
    }
    let run = run.to_owned();
    Err(AuditLogError::UnknownRun { run }.into())
}

fn entries_of(connection: &Connection, run: &str) -> Result<Vec<Entry>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT number, text, hash FROM events WHERE run = ?1 ORDER BY number")?;
    let mut rows = statement.query([run])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        let event = serde_json::from_str(&text)
            .map_err(|error| unreadable(row.get(0).map(unsigned).unwrap_or_default(), &error))?;
        entries.push(Entry {
            event,
            hash: row.get(2)?,
        });
    }
    Ok(entries)
}

/// The view of a run.
pub(super) fn view_of(connection: &Connection, run: &str) -> Result<Option<RunView>, Fault> {
    let entries = entries_of(connection, run)?;
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

fn unreadable(number: u64, error: &serde_json::Error) -> FileProblem {
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
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
