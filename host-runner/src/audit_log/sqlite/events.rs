//! Appending events, and reading them back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};
use serde_json::Value;

use super::fault::Fault;
use super::{AuditLog, Durability, leases};
use crate::audit_log::chain::{GENESIS, canonical, link};
use crate::audit_log::error::AuditLogError;
use crate::audit_log::event::{Detail, RunInfo, StoredEvent};
use crate::audit_log::fold::RunView;
use crate::audit_log::verify::{Columns, Row, Verification, Verifier};
use crate::secret::Redactor;

/// The audit log's word that an event is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The event's number.
    pub number: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// An event and its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event.
    pub event: StoredEvent,
    /// Its hash, in hex.
    pub hash: String,
}

impl AuditLog {
    /// Appends an event. Returns when it is on disk.
    ///
    /// An intent is stored only while this process holds the run, and the run's resource if it was
    /// claimed: both are looked up in the same transaction. Everything else is a fact and is stored
    /// whoever holds the run, as long as the run is known.
    ///
    /// # Errors
    /// [`AuditLogError::ClaimLost`], [`AuditLogError::UnknownRun`], and what a write ends with.
    pub fn append(&self, run: &RunInfo, detail: Detail) -> Result<Receipt, AuditLogError> {
        self.write(Durability::Full, |transaction| {
            self.store(transaction, run, detail)
        })
    }

    /// Appends the last event of a run and gives up what this process holds of it, in one
    /// transaction.
    ///
    /// # Errors
    /// As [`append`](Self::append); then nothing is given up either.
    pub fn append_and_finish(
        &self,
        run: &RunInfo,
        detail: Detail,
    ) -> Result<Receipt, AuditLogError> {
        self.write(Durability::Full, |transaction| {
            let receipt = self.store(transaction, run, detail)?;
            leases::release_run(transaction, &run.run, self.holder())?;
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
            Detail::Intent(_) => leases::check_claim(transaction, run, self.holder())?,
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
        let mut value = serde_json::to_value(&event).map_err(|error| Fault::Unreadable {
            at: number,
            why: error.to_string(),
        })?;
        scrub(&mut value, &self.redactor);
        insert(transaction, number, &previous, &value)?;
        Ok(Receipt { number, stored_at })
    }

    /// The events of a run, in their order; none for a run that is not known.
    ///
    /// # Errors
    /// [`AuditLogError::Corrupt`] at an event that cannot be read, and what a read ends with.
    pub fn events_of(&self, run: &str) -> Result<Vec<Entry>, AuditLogError> {
        self.read(|connection| entries_of(connection, run))
    }

    /// What a run's events come to; nothing for a run without any.
    ///
    /// # Errors
    /// As [`events_of`](Self::events_of).
    pub fn run(&self, run: &str) -> Result<Option<RunView>, AuditLogError> {
        self.read(|connection| view_of(connection, run))
    }

    /// Reads everything and says whether it is as it was written.
    ///
    /// # Errors
    /// What a read ends with, also [`AuditLogError::Corrupt`] where SQLite itself finds the file
    /// damaged.
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

/// RFC 3339 in UTC with microseconds: of one width, so that its texts sort as the times do.
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

/// A run is known from its first event, or from the lease that it began with.
fn check_known(connection: &Connection, run: &str) -> Result<(), Fault> {
    let known = connection
        .prepare_cached("SELECT 1 FROM leases WHERE run = ?1 UNION ALL SELECT 1 FROM events WHERE run = ?1 LIMIT 1")?
        .exists([run])?;
    if known {
        Ok(())
    } else {
        Err(AuditLogError::UnknownRun {
            run: run.to_owned(),
        }
        .into())
    }
}

fn entries_of(connection: &Connection, run: &str) -> Result<Vec<Entry>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT number, text, hash FROM events WHERE run = ?1 ORDER BY number")?;
    let mut rows = statement.query([run])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        let event = serde_json::from_str(&text).map_err(|error| Fault::Unreadable {
            at: row.get(0).map(unsigned).unwrap_or_default(),
            why: error.to_string(),
        })?;
        entries.push(Entry {
            event,
            hash: row.get(2)?,
        });
    }
    Ok(entries)
}

/// What a run's events come to.
pub(super) fn view_of(connection: &Connection, run: &str) -> Result<Option<RunView>, Fault> {
    let entries = entries_of(connection, run)?;
    Ok(RunView::of(entries.into_iter().map(|entry| entry.event)))
}

fn stored_row(row: &SqlRow<'_>) -> Result<Row, Fault> {
    Ok(Row {
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

/// A number that SQLite stores with a sign and that is never negative in a record that we wrote.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Takes every known secret out of every text of the event. Text by text, because what JSON escapes
/// would not be recognised in the whole.
fn scrub(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(clean) = redactor.scrub(text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, redactor)),
        Value::Object(map) => {
            map.values_mut().for_each(|item| scrub(item, redactor));
            // A name may be somebody's text as well: labels are.
            let is_secret =
                |name: &String| matches!(redactor.scrub(name), std::borrow::Cow::Owned(_));
            if map.keys().any(is_secret) {
                *map = std::mem::take(map)
                    .into_iter()
                    .map(|(name, item)| (redactor.scrub(&name).into_owned(), item))
                    .collect();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
