//! The audit log in one SQLite file, for one machine.
//!
//! One connection, whose durability is set for each transaction: events are waited for
//! (`synchronous=FULL`: the commit returns when the log is on disk), leases and claims are not
//! (`NORMAL`): after a power cut their holders are gone as well, and nothing is lost but the
//! knowledge that somebody held them. A second connection would cost each start 0.3 ms (measured);
//! switching costs microseconds.
//!
//! All calls are synchronous and short. A lock that is held elsewhere is given up on after 50 ms
//! with [`AuditLogError::Busy`], each time; waiting longer is the caller's business, which also has
//! signals to answer.

mod begin;
mod events;
mod fault;
mod leases;
mod lists;
mod schema;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use events::{Entry, Receipt};
pub use leases::ResourceClaim;
pub use lists::{Filter, RunSummary, Watched};

use super::actor::Actor;
use super::error::AuditLogError;
use super::location::AuditLogLocation;
use super::process::Process;
use crate::clock::SharedClock;
use crate::secret::Redactor;
use fault::Fault;

/// The audit log, open. May be shared between threads; they take turns.
pub struct AuditLog {
    location: AuditLogLocation,
    clock: SharedClock,
    redactor: Redactor,
    actor: Actor,
    process: Process,
    connection: Mutex<Connection>,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

/// Whether a transaction is on disk when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// It is.
    Full,
    /// It is once a later one is, or the system gets round to it.
    Relaxed,
}

impl AuditLog {
    /// Opens the audit log, and creates it, for its owner alone, where there is none. Events are
    /// stamped by `clock`, signed with `actor`, and stored without what `redactor` knows.
    ///
    /// # Errors
    /// Everything of [`AuditLogError`] that is about a file; [`Busy`](RecordError::Busy) is worth
    /// another try.
    pub fn open(
        location: &AuditLogLocation,
        actor: Actor,
        clock: SharedClock,
        redactor: Redactor,
    ) -> Result<Self, AuditLogError> {
        Self::open_or(location, actor, clock, redactor, true)
    }

    /// Opens a record that is there. For what only makes sense of one that exists, such as showing.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`AuditLogError::NotFound`].
    pub fn open_existing(
        location: &AuditLogLocation,
        actor: Actor,
        clock: SharedClock,
        redactor: Redactor,
    ) -> Result<Self, AuditLogError> {
        Self::open_or(location, actor, clock, redactor, false)
    }

    fn open_or(
        location: &AuditLogLocation,
        actor: Actor,
        clock: SharedClock,
        redactor: Redactor,
        create: bool,
    ) -> Result<Self, AuditLogError> {
        let connection = schema::open(location, create)?;
        Ok(Self {
            location: location.clone(),
            clock,
            redactor,
            actor: Actor {
                invocation: uuid::Uuid::now_v7().to_string(),
                ..actor
            },
            process: Process::this(),
            connection: Mutex::new(connection),
        })
    }

    /// Where the audit log is.
    #[must_use]
    pub fn location(&self) -> &AuditLogLocation {
        &self.location
    }

    /// Whether the audit log can be written now. Changes nothing.
    ///
    /// # Errors
    /// What an append would end with, as far as it can be known without one.
    pub fn writable(&self) -> Result<(), AuditLogError> {
        self.read(|connection| Ok(connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?))
    }

    /// The id of this opening of the audit log, which holds its leases and claims.
    fn holder(&self) -> &str {
        &self.actor.invocation
    }

    /// Milliseconds since 1970, by our clock.
    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// Works on the audit log in one transaction that holds the write lock from its start.
    fn write<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, AuditLogError> {
        let mut connection = self.lock();
        let whole = || -> Result<T, Fault> {
            // Takes effect when it is compiled, not when it runs: never from a statement cache.
            connection.execute_batch(match durability {
                Durability::Full => "PRAGMA synchronous=FULL",
                Durability::Relaxed => "PRAGMA synchronous=NORMAL",
            })?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        whole().map_err(|fault| fault.at(self.location.path()))
    }

    /// Reads without a lock that writers would wait for.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, AuditLogError> {
        work(&self.lock()).map_err(|fault| fault.at(self.location.path()))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held has rolled its transaction back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit_log::event::{Detail, Note, RunInfo};
    use crate::audit_log::verify::Verification;
    use crate::clock::SystemClock;

    fn note() -> Detail {
        Detail::Note(Note {
            topic: "t".into(),
            message: "x".repeat(5000),
            fields: Vec::new(),
        })
    }

    #[test]
    fn without_room_nothing_is_half_stored_and_with_room_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let location = AuditLogLocation::file(folder.path().join("audit.db"));
        let audit_log = AuditLog::open(
            &location,
            Actor::default(),
            SystemClock::shared(),
            Redactor::new(),
        )
        .unwrap();
        audit_log.append(&RunInfo::default(), note()).unwrap();
        // SQLite reports this bound exactly as it reports a full disk.
        audit_log
            .lock()
            .execute_batch("PRAGMA max_page_count = 1")
            .unwrap();
        for _ in 0..2 {
            assert_eq!(
                audit_log
                    .append(&RunInfo::default(), note())
                    .unwrap_err()
                    .code(),
                "audit_log_disk_full"
            );
        }
        audit_log
            .lock()
            .execute_batch("PRAGMA max_page_count = 1000000")
            .unwrap();
        assert_eq!(
            audit_log
                .append(&RunInfo::default(), note())
                .unwrap()
                .number,
            2
        );
        assert!(matches!(
            audit_log.verify().unwrap(),
            Verification::Whole { events: 2, .. }
        ));
    }

    #[test]
    fn events_are_waited_for_and_claims_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let location = AuditLogLocation::file(folder.path().join("audit.db"));
        let audit_log = AuditLog::open(
            &location,
            Actor::default(),
            SystemClock::shared(),
            Redactor::new(),
        )
        .unwrap();
        let synchronous = || {
            audit_log
                .lock()
                .pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))
                .unwrap()
        };
        // The numbers of SQLite's documentation: 1 is NORMAL, 2 is FULL.
        for _ in 0..2 {
            audit_log.renew().unwrap();
            assert_eq!(synchronous(), 1);
            audit_log.append(&RunInfo::default(), note()).unwrap();
            assert_eq!(synchronous(), 2);
        }
    }
}
