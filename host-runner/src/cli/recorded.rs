//! Which run of the audit log a command means.

use super::failure::Failure;
use crate::audit_log::{AuditLog, RunView};
use crate::config::{Config, ResolvedTarget};
use crate::verdict::{Status, Verdict};

/// The one target that is meant.
pub(super) fn one(targets: &[ResolvedTarget]) -> Result<&ResolvedTarget, Failure> {
    targets.first().ok_or_else(|| {
        Failure::of(Verdict::not_sent(
            Status::Invalid,
            "no_target",
            "no target is named",
            "name one of the configuration",
        ))
    })
}

/// The run that is meant: the newest of the target, or the one with this id.
pub(super) fn recorded(
    audit_log: &AuditLog,
    subject: &str,
    named: bool,
    config: &Config,
) -> Result<RunView, Failure> {
    if named {
        return audit_log.latest_run_of_target(subject)?.ok_or_else(|| {
            Failure::of(Verdict::not_sent(
                Status::Invalid,
                "no_run",
                format!("the audit log {} has no run of {subject}", audit_log.location()),
                "start one with `host-runner refresh`, or follow whatever the service shows with --any",
            ))
        });
    }
    audit_log.run(subject)?.ok_or_else(|| {
        Failure::of(Verdict::not_sent(
            Status::Invalid,
            "run_not_found",
            format!(
                "{subject} is neither a target of the configuration nor a run in the audit log {}",
                audit_log.location()
            ),
            format!(
                "targets are {}; runs are shown by `host-runner audit list`",
                config.target_names().join(", ")
            ),
        ))
    })
}
