//! Which run of the record a command means.

use super::failure::Failure;
use crate::config::{Config, ResolvedTarget};
use crate::record::{Record, RunView};
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
    record: &Record,
    subject: &str,
    named: bool,
    config: &Config,
) -> Result<RunView, Failure> {
    if named {
        return record.latest_run_of_target(subject)?.ok_or_else(|| {
            Failure::of(Verdict::not_sent(
                Status::Invalid,
                "no_run",
                format!("the record {} has no run of {subject}", record.location()),
                "start one with `host-runner refresh`, or follow whatever the service shows with --any",
            ))
        });
    }
    record.run(subject)?.ok_or_else(|| {
        Failure::of(Verdict::not_sent(
            Status::Invalid,
            "run_not_known",
            format!(
                "{subject} is neither a target of the configuration nor a run in the record {}",
                record.location()
            ),
            format!(
                "targets are {}; runs are shown by `host-runner audit list`",
                config.target_names().join(", ")
            ),
        ))
    })
}
