//! What became of several targets together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::result::RefreshResult;
use crate::verdict::{Status, WORST_FIRST, worst};

/// What became of several targets together. Every field is always there and never null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The status of the worst target.
    pub status: Status,
    /// The exit code of the process.
    pub exit_code: u8,
    /// How many targets ended in each status. Every status has its entry, so that an expression
    /// may ask for any.
    pub counts: BTreeMap<String, usize>,
    /// The names of the targets, in the order in which they were reported.
    pub targets: Vec<String>,
    /// How many results are missing from the outputs for Kestra, because all of them would be too
    /// much for it. 0 but for hundreds of targets.
    pub left_out: usize,
}

impl Summary {
    /// The summary of these results. Of none it is that of an invocation that named no target.
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

    /// The summary of an invocation that ended before it came to any target, for example because
    /// its configuration cannot be read.
    #[must_use]
    pub fn without_targets(status: Status) -> Self {
        Self {
            status,
            exit_code: status.exit_code(),
            counts: Status::TABLE
                .iter()
                .map(|row| (row.name.to_owned(), 0))
                .collect(),
            targets: Vec::new(),
            left_out: 0,
        }
    }
}

/// Sorts results from the worst to the best: by the exit code that counts; among equals by the
/// status's own; and `accepted`, of which nobody knows the end, before `completed`.
pub(super) fn badness(result: &RefreshResult) -> (usize, usize, bool) {
    let rank = |code: u8| {
        WORST_FIRST
            .iter()
            .position(|known| *known == code)
            .unwrap_or(0)
    };
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
    fn the_worst_target_decides_status_and_exit_code() {
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
    fn every_status_is_counted_also_those_that_nobody_ended_in() {
        let summary = summary(&[Status::Completed, Status::Completed, Status::Skipped]);
        assert_eq!(summary.counts.len(), Status::TABLE.len());
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
