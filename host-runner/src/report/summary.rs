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
    use crate::report::fixtures::{invocation, verdict};
    use crate::report::result::ExitRules;

    fn results(statuses: &[Status], rules: &ExitRules) -> Vec<RefreshResult> {
        let result = |(n, status): (usize, &Status)| {
            RefreshResult::new(&verdict(*status), &invocation(&format!("t{n}")), rules)
        };
        statuses.iter().enumerate().map(result).collect()
    }

    fn summary(statuses: &[Status]) -> Summary {
        Summary::of(&results(statuses, &ExitRules::default()))
    }

    #[test]
    fn the_worst_target_sets_status_and_exit_code() {
        let summary = summary(&[
            Status::Completed,
            Status::Unknown,
            Status::Failed,
            Status::Skipped,
        ]);
        assert_eq!((summary.status, summary.exit_code), (Status::Failed, 10));
        assert_eq!(summary.targets, ["t0", "t1", "t2", "t3"]);
    }

    #[test]
    fn every_status_has_a_count() {
        let summary = summary(&[Status::Completed, Status::Completed, Status::Skipped]);
        assert_eq!(summary.counts.len(), Status::value_variants().len());
        assert_eq!(summary.counts["completed"], 2);
        assert_eq!(summary.counts["skipped"], 1);
        assert_eq!(summary.counts["failed"], 0);
    }

    #[test]
    fn accepted_is_worse_than_completed_though_both_exit_zero() {
        let summary = summary(&[Status::Completed, Status::Accepted, Status::Completed]);
        assert_eq!((summary.status, summary.exit_code), (Status::Accepted, 0));
    }

    #[test]
    fn a_status_that_exits_zero_does_not_hide_a_worse_exit_code() {
        let rules = ExitRules {
            require_completed: false,
            zero_on: vec![Status::Failed],
        };
        let both = Summary::of(&results(&[Status::Failed, Status::Skipped], &rules));
        assert_eq!((both.status, both.exit_code), (Status::Skipped, 11));
        let alone = Summary::of(&results(&[Status::Completed, Status::Failed], &rules));
        assert_eq!((alone.status, alone.exit_code), (Status::Failed, 0));
    }

    #[test]
    fn no_target_is_never_a_success() {
        assert_eq!(Summary::of(&[]).exit_code, 2);
        let early = Summary::without_targets(Status::AuditUnavailable);
        assert_eq!((early.exit_code, early.targets.len()), (16, 0));
    }
}
