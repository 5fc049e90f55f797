//! The outcome of several targets together.

use std::collections::BTreeMap;

use clap::ValueEnum as _;
use serde::{Deserialize, Serialize};

use super::result::RefreshResult;
use crate::verdict::{Status, rank, worst};

/// The outcome of several targets together. Every field is always present and never null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The status of the worst target.
    pub status: Status,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The number of targets per status. Every status has an entry, so that an expression can use
    /// any of them.
    pub counts: BTreeMap<String, usize>,
    /// The names of the targets, in the order of their results.
    pub targets: Vec<String>,
    /// The number of results missing from the Kestra outputs because all of them would be too
    /// large; only above a few hundred targets.
    pub left_out: usize,
}

impl Summary {
    /// The summary of these results. Without results it is that of an invocation without targets.
    #[must_use]
    pub fn of(results: &[RefreshResult]) -> Self {
        let Some(worst_result) = results.iter().min_by_key(|result| badness(result)) else {
            return Self::without_targets(Status::Invalid);
        };
        let mut summary = Self::without_targets(worst_result.status);
        summary.exit_code = worst(results.iter().map(|result| result.exit_code));
        for result in results {
            *summary
                .counts
                .entry(result.status.name().to_owned())
                .or_default() += 1;
            summary.targets.push(result.target.clone());
        }
        summary
    }

    /// The summary of an invocation that ended before its targets were known, for example because
    /// its configuration could not be read.
    #[must_use]
    pub fn without_targets(status: Status) -> Self {
        Self {
            status,
            exit_code: status.exit_code(),
            counts: Status::value_variants()
                .iter()
                .map(|status| (status.name().to_owned(), 0))
                .collect(),
            targets: Vec::new(),
            left_out: 0,
        }
    }
}

/// Sorts results from worst to best: by the exit code, then by the status's own exit code, and
/// `accepted` before `completed`.
pub(super) fn badness(result: &RefreshResult) -> (usize, usize, bool) {
    (
        rank(result.exit_code),
        rank(result.status.exit_code()),
        result.status == Status::Completed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{invocation, result, verdict};
    use crate::report::result::ExitRules;

    fn summary(statuses: &[Status]) -> Summary {
        let results = statuses.iter().map(|status| result(status.name(), *status));
        Summary::of(&results.collect::<Vec<_>>())
    }

    #[test]
    fn the_worst_target_sets_status_and_exit_code() {
        use Status::{Accepted, Completed, Failed, Skipped, Unknown};
        for (statuses, status, exit_code) in [
            (&[Completed, Unknown, Failed, Skipped][..], Failed, 10),
            // Both exit 0.
            (&[Completed, Accepted, Completed], Accepted, 0),
        ] {
            let summary = summary(statuses);
            assert_eq!((summary.status, summary.exit_code), (status, exit_code));
            assert!(
                summary
                    .targets
                    .iter()
                    .eq(statuses.iter().map(|status| status.name()))
            );
        }
    }

    #[test]
    fn every_status_has_a_count() {
        let summary = summary(&[Status::Completed, Status::Completed, Status::Skipped]);
        assert_eq!(summary.counts.len(), Status::value_variants().len());
        let counts = ["completed", "skipped", "failed"].map(|name| summary.counts[name]);
        assert_eq!(counts, [2, 1, 0]);
    }

    #[test]
    fn a_status_that_exits_zero_does_not_hide_a_worse_exit_code() {
        let rules = ExitRules {
            require_completed: false,
            zero_on: vec![Status::Failed],
        };
        for (other, status, exit_code) in [
            (Status::Skipped, Status::Skipped, 11),
            (Status::Completed, Status::Failed, 0),
        ] {
            let result = |status| RefreshResult::new(&verdict(status), &invocation("a"), &rules);
            let both = Summary::of(&[Status::Failed, other].map(result));
            assert_eq!((both.status, both.exit_code), (status, exit_code));
        }
    }

    #[test]
    fn no_target_is_never_a_success() {
        assert_eq!(Summary::of(&[]).exit_code, 2);
        let early = Summary::without_targets(Status::AuditUnavailable);
        assert_eq!((early.exit_code, early.targets.len()), (16, 0));
    }
}
