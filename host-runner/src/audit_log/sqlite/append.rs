//! Appending events.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::Value;

use super::events::{timestamp, unreadable, unsigned};
use super::lists::RunSummary;
use super::{AuditLog, Durability, Fault, claims};
use crate::audit_log::chain::{Columns, GENESIS, canonical, link};
use crate::audit_log::decide::overridden;
use crate::audit_log::error::AuditLogError;
use crate::audit_log::event::{Detail, RunInfo, StoredEvent};
use crate::secret::{TEXT_LIMIT, cut, map_texts};

/// Confirms that an event is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The event's number.
    pub number: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
}

impl AuditLog {
    /// Appends an event. Returns when it is on disk.
    ///
    /// An intent is stored only while this process holds the run, and its resource if it claimed one; a
    /// manual decision only while the run accepts it. The same transaction checks this. Every other
    /// event is a fact and is stored if the run is known, no matter who holds it.
    ///
    /// # Errors
    /// [`AuditLogError::ClaimLost`], [`AuditLogError::UnknownRun`], [`AuditLogError::File`], and for a
    /// decision those of [`overridden`].
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
        mut detail: Detail,
    ) -> Result<Receipt, Fault> {
        match &mut detail {
            Detail::Intent(_) => claims::check_claim(transaction, run, self.holder())?,
            Detail::Note(_) if run.run.is_empty() => {}
            Detail::Resolved(decision) => {
                let known = self.summary(transaction, &run.run)?;
                let RunSummary { view, alive } =
                    known.ok_or_else(|| AuditLogError::UnknownRun(run.run.clone()))?;
                decision.overrides = overridden(&view, alive, decision.overrides)?;
            }
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
        // Text by text, because a secret with escaped characters would not be found in the JSON.
        let stored = |text: &str| cut(&self.redactor.scrub(text), TEXT_LIMIT);
        let value = map_texts(&value, &stored);
        insert(transaction, number, &previous, &value)?;
        Ok(Receipt { number, stored_at })
    }
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
    Err(AuditLogError::UnknownRun(run.to_owned()).into())
}
