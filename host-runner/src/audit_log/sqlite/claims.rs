//! Claims: which process works on which run and resource.
//!
//! Beginning a run reads its identity, decides and claims the run in one transaction: of any number of
//! processes that start with the same identity at once, one may start. A claim that was taken over is
//! not given back: its former holder notices at its next intent, which is rejected in the transaction
//! that would have stored it.

use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, params};

use super::{AuditLog, Durability, Fault, events};
use crate::audit_log::decide::{Begin, BeginOptions, Earlier, decide};
use crate::audit_log::error::AuditLogError;
use crate::audit_log::event::RunInfo;
use crate::audit_log::lease::{Claim, FORGET_AFTER, LEASE, Process, after};

/// The result of claiming a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceClaim {
    /// This process holds it until it releases it or stops renewing.
    Claimed,
    /// Another run holds it.
    HeldBy {
        /// That run.
        run: String,
        /// The name of its target.
        target: String,
    },
}

/// The columns that [`claim`] reads, in this order.
const CLAIM_COLUMNS: &str = "run, holder, machine, pid, started, expires_at";

/// Reads a row that starts with [`CLAIM_COLUMNS`].
fn claim(row: &Row<'_>) -> rusqlite::Result<Claim> {
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
    /// Begins a run, or returns what an earlier run of the same identity leads to. After
    /// [`Begin::Start`] this process holds `run`, after [`Begin::Follow`] the earlier run; otherwise
    /// nothing has changed. Stores no event.
    ///
    /// # Errors
    /// [`AuditLogError::File`], also if the earlier run cannot be read.
    pub fn begin(&self, run: &RunInfo, options: BeginOptions) -> Result<Begin, AuditLogError> {
        // Relaxed, because nothing was promised yet: the intent, which is synced, follows in the same
        // log.
        self.write(Durability::Relaxed, |transaction| {
            let now = self.now_ms();
            let begin = decide(self.earlier(transaction, &run.identity, now)?, options);
            match &begin {
                Begin::Start => {
                    if !options.new {
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
        let latest = events::latest_of(connection, "identity", identity)?;
        let latest_alive = match &latest {
            Some(view) => self.is_alive(connection, &view.run.run, now)?,
            None => false,
        };
        let without_intent = " AND NOT EXISTS \
            (SELECT 1 FROM events WHERE events.run = leases.run AND events.event = 'intent')";
        let pending = leases_of(connection, identity, without_intent)?
            .into_iter()
            .find(|claim| claim.is_alive(now, &self.process));
        Ok(Earlier {
            pending: pending.map(|claim| claim.run),
            latest,
            latest_alive,
        })
    }

    /// Revokes the expired leases of this identity. A slow holder can then store no intent, but
    /// everything else, because the row itself stays for a day.
    fn revoke_dead(
        &self,
        transaction: &Transaction<'_>,
        identity: &str,
        now: i64,
    ) -> Result<(), Fault> {
        for claim in leases_of(transaction, identity, "")? {
            if !claim.is_alive(now, &self.process) {
                transaction
                    .prepare_cached("UPDATE leases SET holder = '' WHERE run = ?1")?
                    .execute([&claim.run])?;
            }
        }
        Ok(())
    }

    /// Makes this process the holder of a run, and forgets leases that expired long ago.
    fn take(&self, transaction: &Transaction<'_>, run: &RunInfo, now: i64) -> Result<(), Fault> {
        let forgotten = now.saturating_sub(after(0, FORGET_AFTER));
        let expired = [
            "DELETE FROM leases WHERE expires_at < ?1",
            "DELETE FROM resources WHERE expires_at < ?1",
        ];
        execute_all(transaction, expired, [forgotten])?;
        self.put(
            transaction,
            "INSERT OR REPLACE INTO leases \
             (run, target, identity, resource, holder, machine, pid, started, expires_at) \
             VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?6, ?7, ?8)",
            run,
            &run.identity,
            now,
        )
    }

    /// Runs a statement that stores a claim of this process: on a run, or on a resource for it.
    fn put(
        &self,
        transaction: &Transaction<'_>,
        statement: &str,
        run: &RunInfo,
        subject: &str,
        now: i64,
    ) -> Result<(), Fault> {
        transaction.prepare_cached(statement)?.execute(params![
            run.run,
            run.target,
            subject,
            self.holder(),
            self.process.machine,
            self.process.pid,
            i64::try_from(self.process.started).unwrap_or_default(),
            after(now, LEASE),
        ])?;
        Ok(())
    }

    /// Claims a resource at the service for a run of this process, from look to match. From then on
    /// an intent of that run is only stored while the claim is valid.
    ///
    /// # Errors
    /// [`AuditLogError::ClaimLost`] if this process no longer holds the run, and
    /// [`AuditLogError::File`].
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
                let what = format!("run {}", run.run);
                return Err(AuditLogError::ClaimLost { what }.into());
            }
            self.put(
                transaction,
                "INSERT OR REPLACE INTO resources \
                 (run, target, resource, holder, machine, pid, started, expires_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                run,
                resource,
                now,
            )?;
            Ok(ResourceClaim::Claimed)
        })
    }

    /// Releases a resource of this process. Does nothing if another one holds it.
    ///
    /// # Errors
    /// [`AuditLogError::File`].
    pub fn release_resource(&self, resource: &str, run: &RunInfo) -> Result<(), AuditLogError> {
        self.write(Durability::Relaxed, |transaction| {
            let statements = [
                "DELETE FROM resources WHERE resource = ?1 AND run = ?2 AND holder = ?3",
                "UPDATE leases SET resource = NULL WHERE resource = ?1 AND run = ?2 AND holder = ?3",
            ];
            execute_all(transaction, statements, [resource, &run.run, self.holder()])
        })
    }

    /// Renews every claim of this process. Call it every
    /// [`RENEW_EVERY`](crate::audit_log::RENEW_EVERY).
    ///
    /// # Errors
    /// [`AuditLogError::File`].
    pub fn renew(&self) -> Result<(), AuditLogError> {
        self.write(Durability::Relaxed, |transaction| {
            let until = after(self.now_ms(), LEASE);
            let statements = [
                "UPDATE leases SET expires_at = ?1 WHERE holder = ?2",
                "UPDATE resources SET expires_at = ?1 WHERE holder = ?2",
            ];
            execute_all(transaction, statements, (until, self.holder()))
        })
    }

    /// Releases a run of this process and its resource. If this fails, the lease expires.
    ///
    /// # Errors
    /// [`AuditLogError::File`].
    pub fn finish(&self, run: &str) -> Result<(), AuditLogError> {
        self.write(Durability::Relaxed, |transaction| {
            release_run(transaction, run, self.holder())
        })
    }

    /// Returns whether a living process holds the run.
    pub(super) fn is_alive(
        &self,
        connection: &Connection,
        run: &str,
        now: i64,
    ) -> Result<bool, Fault> {
        let lease = connection
            .prepare_cached(&format!(
                "SELECT {CLAIM_COLUMNS} FROM leases WHERE run = ?1"
            ))?
            .query_row([run], claim)
            .optional()?;
        Ok(lease.is_some_and(|lease| lease.is_alive(now, &self.process)))
    }
}

/// The leases of this identity that meet an SQL condition.
fn leases_of(
    connection: &Connection,
    identity: &str,
    condition: &str,
) -> Result<Vec<Claim>, Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CLAIM_COLUMNS} FROM leases WHERE identity = ?1{condition}"
    ))?;
    let claims = statement.query_map([identity], claim)?;
    Ok(claims.collect::<Result<_, _>>()?)
}

/// Deletes the claims of `holder` on a run.
pub(super) fn release_run(connection: &Connection, run: &str, holder: &str) -> Result<(), Fault> {
    let statements = [
        "DELETE FROM leases WHERE run = ?1 AND holder = ?2",
        "DELETE FROM resources WHERE run = ?1 AND holder = ?2",
    ];
    execute_all(connection, statements, [run, holder])
}

fn execute_all(
    connection: &Connection,
    statements: [&str; 2],
    params: impl Params + Copy,
) -> Result<(), Fault> {
    for statement in statements {
        connection.prepare_cached(statement)?.execute(params)?;
    }
    Ok(())
}

/// Checks that `holder` holds the run, and the resource if it claimed one for it. Whether the lease
/// has expired does not matter: until another process takes the run over, it is still ours.
pub(super) fn check_claim(
    connection: &Connection,
    run: &RunInfo,
    holder: &str,
) -> Result<(), Fault> {
    let resource: Option<Option<String>> = connection
        .prepare_cached("SELECT resource FROM leases WHERE run = ?1 AND holder = ?2")?
        .query_row([&run.run, holder], |row| row.get(0))
        .optional()?;
    let what = match resource {
        Some(None) => return Ok(()),
        None => format!("run {}", run.run),
        Some(Some(resource)) => {
            let held = connection
                .prepare_cached(
                    "SELECT 1 FROM resources WHERE resource = ?1 AND run = ?2 AND holder = ?3",
                )?
                .exists([&resource, &run.run, holder])?;
            if held {
                return Ok(());
            }
            format!("the resource {resource}")
        }
    };
    Err(AuditLogError::ClaimLost { what }.into())
}
