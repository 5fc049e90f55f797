//! Who works on which run and which resource: claiming, renewing, giving up.
//!
//! A claim that was taken over is not given back: its former holder finds out at its next intent,
//! which is then refused in the very transaction that would have stored it.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::fault::Fault;
use super::{AuditLog, Durability};
use crate::audit_log::error::AuditLogError;
use crate::audit_log::event::RunInfo;
use crate::audit_log::lease::{Claim, LEASE, after};
use crate::audit_log::process::Process;

/// What became of the wish to have a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceClaim {
    /// It is ours until it is released, or this process stops renewing.
    Claimed,
    /// Another run has it.
    HeldBy {
        /// That run.
        run: String,
        /// Its target's name.
        target: String,
    },
}

/// The columns that [`claim`] reads, in its order.
pub(super) const CLAIM_COLUMNS: &str = "run, holder, machine, pid, started, expires_at";

/// A row that begins with [`CLAIM_COLUMNS`].
pub(super) fn claim(row: &Row<'_>) -> rusqlite::Result<Claim> {
    let started: i64 = row.get(4)?;
    Ok(Claim {
        run: row.get(0)?,
        holder: row.get(1)?,
        process: Process {
            machine: row.get(2)?,
            pid: row.get(3)?,
            started: u64::try_from(started).unwrap_or_default(),
        },
        expires_at: row.get(5)?,
    })
}

impl AuditLog {
    /// Claims a resource at the service for a run of this process, from look to match. From then on
    /// an intent of that run is only stored while the claim stands.
    ///
    /// # Errors
    /// [`AuditLogError::ClaimLost`] where this process no longer holds the run, and what a write ends
    /// with.
    pub fn claim_resource(
        &self,
        resource: &str,
        run: &RunInfo,
    ) -> Result<ResourceClaim, AuditLogError> {
        self.write(Durability::Relaxed, |transaction| {
            let now = self.now_ms();
            let held = transaction
                .prepare_cached(&format!(
                    "SELECT {CLAIM_COLUMNS}, target FROM resources WHERE resource = ?1"
                ))?
                .query_row([resource], |row| {
                    Ok((claim(row)?, row.get::<_, String>(6)?))
                })
                .optional()?;
            if let Some((held, target)) = held {
                let ours = held.run == run.run && held.holder == self.holder();
                if !ours && held.is_alive(now, &self.process) {
                    return Ok(ResourceClaim::HeldBy {
                        run: held.run,
                        target,
                    });
                }
            }
            let leased = transaction
                .prepare_cached("UPDATE leases SET resource = ?1 WHERE run = ?2 AND holder = ?3")?
                .execute([resource, &run.run, self.holder()])?;
            if leased == 0 {
                return Err(AuditLogError::ClaimLost {
                    what: format!("run {}", run.run),
                }
                .into());
            }
            self.put_resource(transaction, resource, run, now)?;
            Ok(ResourceClaim::Claimed)
        })
    }

    fn put_resource(
        &self,
        transaction: &Transaction<'_>,
        resource: &str,
        run: &RunInfo,
        now: i64,
    ) -> Result<(), Fault> {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO resources (resource, run, target, holder, machine, pid, started, expires_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                resource,
                run.run,
                run.target,
                self.holder(),
                self.process.machine,
                self.process.pid,
                i64::try_from(self.process.started).unwrap_or_default(),
                after(now, LEASE),
            ])?;
        Ok(())
    }

    /// Gives up a resource of this process. Nothing happens where it is not ours.
    ///
    /// # Errors
    /// What a write ends with.
    pub fn release_resource(&self, resource: &str, run: &RunInfo) -> Result<(), AuditLogError> {
        self.write(Durability::Relaxed, |transaction| {
            let ours = [resource, &run.run, self.holder()];
            transaction
                .prepare_cached("DELETE FROM resources WHERE resource = ?1 AND run = ?2 AND holder = ?3")?
                .execute(ours)?;
            transaction
                .prepare_cached("UPDATE leases SET resource = NULL WHERE resource = ?1 AND run = ?2 AND holder = ?3")?
                .execute(ours)?;
            Ok(())
        })
    }

    /// Renews everything that this process holds. To be called every
    /// [`RENEW_EVERY`](crate::audit_log::RENEW_EVERY).
    ///
    /// # Errors
    /// What a write ends with.
    pub fn renew(&self) -> Result<(), AuditLogError> {
        self.write(Durability::Relaxed, |transaction| {
            let until = after(self.now_ms(), LEASE);
            for statement in [
                "UPDATE leases SET expires_at = ?1 WHERE holder = ?2",
                "UPDATE resources SET expires_at = ?1 WHERE holder = ?2",
            ] {
                transaction
                    .prepare_cached(statement)?
                    .execute(params![until, self.holder()])?;
            }
            Ok(())
        })
    }

    /// Gives up what this process holds of a run. Where this fails, the lease's end does it.
    ///
    /// # Errors
    /// What a write ends with.
    pub fn finish(&self, run: &str) -> Result<(), AuditLogError> {
        self.write(Durability::Relaxed, |transaction| {
            release_run(transaction, run, self.holder())
        })
    }
}

/// Deletes what `holder` holds of a run.
pub(super) fn release_run(connection: &Connection, run: &str, holder: &str) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM leases WHERE run = ?1 AND holder = ?2",
        "DELETE FROM resources WHERE run = ?1 AND holder = ?2",
    ] {
        connection
            .prepare_cached(statement)?
            .execute([run, holder])?;
    }
    Ok(())
}

/// Whether `holder` holds the run, and the resource that it claimed for it, as far as it did. Not
/// whether the lease has run out: as long as nobody has taken the run over, it is still ours.
pub(super) fn check_claim(
    connection: &Connection,
    run: &RunInfo,
    holder: &str,
) -> Result<(), Fault> {
    let resource: Option<Option<String>> = connection
        .prepare_cached("SELECT resource FROM leases WHERE run = ?1 AND holder = ?2")?
        .query_row([&run.run, holder], |row| row.get(0))
        .optional()?;
    let lost = |what: String| Err(AuditLogError::ClaimLost { what }.into());
    match resource {
        None => lost(format!("run {}", run.run)),
        Some(None) => Ok(()),
        Some(Some(resource)) => {
            let held = connection
                .prepare_cached(
                    "SELECT 1 FROM resources WHERE resource = ?1 AND run = ?2 AND holder = ?3",
                )?
                .exists([&resource, &run.run, holder])?;
            if held {
                Ok(())
            } else {
                lost(format!("the resource {resource}"))
            }
        }
    }
}

/// Whether somebody holds the run.
pub(super) fn is_alive(
    connection: &Connection,
    run: &str,
    now: i64,
    here: &Process,
) -> Result<bool, Fault> {
    let lease = connection
        .prepare_cached(&format!(
            "SELECT {CLAIM_COLUMNS} FROM leases WHERE run = ?1"
        ))?
        .query_row([run], claim)
        .optional()?;
    Ok(lease.is_some_and(|lease| lease.is_alive(now, here)))
}
