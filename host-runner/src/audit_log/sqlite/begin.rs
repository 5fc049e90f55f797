//! Beginning a run: what the audit log holds of its identity, the decision, and the claim, in one
//! transaction. Of any number of processes that start with one identity at once, one gets to start.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::fault::Fault;
use super::leases::{self, CLAIM_COLUMNS};
use super::{AuditLog, Durability, events};
use crate::audit_log::decide::{Begin, BeginOptions, Earlier, decide};
use crate::audit_log::error::AuditLogError;
use crate::audit_log::event::RunInfo;
use crate::audit_log::lease::{FORGET_AFTER, LEASE, after};

impl AuditLog {
    /// Begins a run, or says what an earlier one of the same identity leads to. After
    /// [`Begin::Start`] this process holds `run`, after [`Begin::Follow`] the earlier one; otherwise
    /// nothing has changed. Writes no event.
    ///
    /// # Errors
    /// [`AuditLogError::Corrupt`] where the earlier run cannot be read, and what a write ends with.
    pub fn begin(&self, run: &RunInfo, manner: BeginOptions) -> Result<Begin, AuditLogError> {
        // Without waiting for the disk: nothing was promised to anybody yet, and the intent, which
        // is waited for, comes after this in the same log.
        self.write(Durability::Relaxed, |transaction| {
            let now = self.now_ms();
            let begin = decide(self.earlier(transaction, &run.identity, now)?, manner);
            match &begin {
                Begin::Start => {
                    if !manner.new {
                        self.revoke_dead(transaction, &run.identity, now)?;
                    }
                    self.take(transaction, run, now)?;
                }
                Begin::Follow(view) => self.take(transaction, &view.run, now)?,
                Begin::Replay { .. } | Begin::Wait { .. } | Begin::Hold(_) => {}
            }
            Ok(begin)
        })
    }

    fn earlier(&self, connection: &Connection, identity: &str, now: i64) -> Result<Earlier, Fault> {
        let latest: Option<String> = connection
            .prepare_cached(
                "SELECT run FROM events WHERE identity = ?1 AND event = 'intent' ORDER BY number DESC LIMIT 1",
            )?
            .query_row([identity], |row| row.get(0))
            .optional()?;
        let latest = match latest {
            Some(run) => events::view_of(connection, &run)?,
            None => None,
        };
        let latest_alive = match &latest {
            Some(view) => leases::is_alive(connection, &view.run.run, now, &self.process)?,
            None => false,
        };
        Ok(Earlier {
            pending: self.pending(connection, identity, now)?,
            latest,
            latest_alive,
        })
    }

    /// A run of this identity that somebody holds and that has no intent yet.
    fn pending(
        &self,
        connection: &Connection,
        identity: &str,
        now: i64,
    ) -> Result<Option<String>, Fault> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {CLAIM_COLUMNS} FROM leases WHERE identity = ?1 AND NOT EXISTS \
             (SELECT 1 FROM events WHERE events.run = leases.run AND events.event = 'intent')"
        ))?;
        for claim in statement.query_map([identity], leases::claim)? {
            let claim = claim?;
            if claim.is_alive(now, &self.process) {
                return Ok(Some(claim.run));
            }
        }
        Ok(None)
    }

    /// Takes from their holders the runs of this identity whose leases no longer count. A holder
    /// that was merely slow can then store no intent; what else it knows it still can, because the
    /// lease itself stays for a day.
    fn revoke_dead(
        &self,
        transaction: &Transaction<'_>,
        identity: &str,
        now: i64,
    ) -> Result<(), Fault> {
        let mut statement = transaction.prepare_cached(&format!(
            "SELECT {CLAIM_COLUMNS} FROM leases WHERE identity = ?1"
        ))?;
        let claims = statement
            .query_map([identity], leases::claim)?
            .collect::<Result<Vec<_>, _>>()?;
        for claim in claims
            .iter()
            .filter(|claim| !claim.is_alive(now, &self.process))
        {
            transaction
                .prepare_cached("UPDATE leases SET holder = '' WHERE run = ?1")?
                .execute([&claim.run])?;
        }
        Ok(())
    }

    /// Makes this process the holder of a run, and forgets leases that ended long ago.
    fn take(&self, transaction: &Transaction<'_>, run: &RunInfo, now: i64) -> Result<(), Fault> {
        let forgotten = now.saturating_sub(after(0, FORGET_AFTER));
        for statement in [
            "DELETE FROM leases WHERE expires_at < ?1",
            "DELETE FROM resources WHERE expires_at < ?1",
        ] {
            transaction
                .prepare_cached(statement)?
                .execute([forgotten])?;
        }
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO leases \
                 (run, identity, target, resource, holder, machine, pid, started, expires_at) \
                 VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                run.run,
                run.identity,
                run.target,
                self.holder(),
                self.process.machine,
                self.process.pid,
                i64::try_from(self.process.started).unwrap_or_default(),
                after(now, LEASE),
            ])?;
        Ok(())
    }
}
