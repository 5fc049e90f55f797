//! Which run is ours, where the trigger gives no id.
//!
//! A run is ours when it was not in the baseline, began between the service's own date at the look
//! and `start_within` after the trigger, is of a kind that our trigger makes, and is not matched to
//! another run in the audit log. The window is that of the trigger: a later follow never widens it.
//!
//! It is decided at the first look that shows a candidate, and judged anew at every look after it:
//! should a second candidate appear, nobody can say which is ours. A run that has ended well while
//! the window is still open is accepted as ours when it is the only candidate at that look; a later
//! run would have been started by somebody else, for ours is then accounted for.
//!
//! A run whose start is not known cannot be judged. Where it is not in the baseline it makes the
//! match ambiguous even alone, because it may be a run of long ago as well as ours.

use super::run::Run;
use crate::time::Moment;

/// What is known of the trigger whose run is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The runs that were there before.
    pub(crate) baseline: Vec<String>,
    /// Runs that belong to other triggers of ours.
    pub(crate) taken: Vec<String>,
    /// No run that began earlier is ours.
    pub(crate) from: Moment,
    /// No run that began later is ours.
    pub(crate) until: Moment,
}

/// How the search came out at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match<'h> {
    /// No run could be ours.
    None,
    /// One run could be ours, and only it.
    One(&'h Run),
    /// Nobody can say which one is ours.
    Ambiguous(Vec<&'h Run>),
}

impl Wanted {
    /// The run that is ours at this look. `known` is the one that was matched earlier: it stays
    /// ours whatever its row says now, so only others are judged beside it.
    pub(crate) fn find<'h>(&self, history: &'h [Run], known: Option<&str>) -> Match<'h> {
        let candidates: Vec<&Run> = history
            .iter()
            .filter(|run| Some(run.id.as_str()) == known || self.may_be_ours(run))
            .collect();
        let is_known = |run: &Run| Some(run.id.as_str()) == known;
        match candidates.as_slice() {
            [] => Match::None,
            [one] if is_known(one) || (known.is_none() && one.started.is_some()) => Match::One(one),
            _ => Match::Ambiguous(candidates),
        }
    }

    /// The runs that are new since the look and yet not ours, newest first.
    pub(crate) fn strangers<'h>(&self, history: &'h [Run]) -> impl Iterator<Item = &'h Run> {
        history.iter().filter(|run| {
            !self.baseline.contains(&run.id)
                && !self.may_be_ours(run)
                && run.started.is_some_and(|at| at >= self.from)
        })
    }

    /// Whether a run began after the window, of a kind that our trigger makes.
    pub(crate) fn is_late(&self, run: &Run) -> bool {
        !run.is_of_another_kind()
            && !self.taken.contains(&run.id)
            && run.started.is_some_and(|at| at > self.until)
    }

    fn may_be_ours(&self, run: &Run) -> bool {
        !self.baseline.contains(&run.id)
            && !self.taken.contains(&run.id)
            && !run.is_of_another_kind()
            && run
                .started
                .is_none_or(|at| (self.from..=self.until).contains(&at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    fn wanted() -> Wanted {
        Wanted {
            baseline: vec!["old".into()],
            taken: vec!["sister".into()],
            from: Moment::parse("2026-11-23T10:00:00Z").unwrap(),
            until: Moment::parse("2026-11-23T10:05:00Z").unwrap(),
        }
    }

    fn at(id: &str, refresh_type: &str, minute: &str) -> Run {
        let start = format!("2026-11-23T{minute}:00Z");
        run(id, refresh_type, "InProgress", Some(&start), None)
    }

    #[test]
    fn a_run_in_the_window_is_ours() {
        for minute in ["10:00", "10:02", "10:05"] {
            let history = [
                at("new", "OnDemand", minute),
                at("old", "OnDemand", "09:00"),
            ];
            assert_eq!(
                wanted().find(&history, None),
                Match::One(&history[0]),
                "{minute}"
            );
        }
    }

    #[test]
    fn a_run_outside_the_window_is_not_ours() {
        for minute in ["09:59", "10:06"] {
            let history = [at("new", "OnDemand", minute)];
            assert_eq!(wanted().find(&history, None), Match::None, "{minute}");
        }
        let next_day = [run(
            "new",
            "OnDemand",
            "Success",
            Some("2026-11-24T10:02:00Z"),
            None,
        )];
        assert_eq!(wanted().find(&next_day, None), Match::None);
        assert!(wanted().is_late(&next_day[0]));
    }

    #[test]
    fn a_scheduled_run_in_the_same_minute_is_never_ours() {
        let history = [
            at("plan", "scheduled", "10:01"),
            at("new", "OnDemand", "10:01"),
        ];
        assert_eq!(wanted().find(&history, None), Match::One(&history[1]));
        assert_eq!(wanted().find(&history[..1], None), Match::None);
        assert!(!wanted().is_late(&at("plan", "Scheduled", "10:07")));
    }

    #[test]
    fn a_run_of_the_baseline_or_of_a_sister_is_not_ours() {
        let history = [
            at("old", "OnDemand", "10:01"),
            at("sister", "OnDemand", "10:01"),
        ];
        assert_eq!(wanted().find(&history, None), Match::None);
    }

    #[test]
    fn two_runs_in_the_window_are_ambiguous_also_after_one_was_matched() {
        let history = [at("a", "OnDemand", "10:01"), at("b", "ViaApi", "10:02")];
        let both = Match::Ambiguous(vec![&history[0], &history[1]]);
        assert_eq!(wanted().find(&history, None), both);
        assert_eq!(wanted().find(&history, Some("a")), both);
    }

    #[test]
    fn a_run_without_a_start_cannot_be_judged() {
        let history = [run("timeless", "OnDemand", "InProgress", None, None)];
        assert!(matches!(wanted().find(&history, None), Match::Ambiguous(_)));
        let plan = [run("timeless", "Scheduled", "InProgress", None, None)];
        assert_eq!(wanted().find(&plan, None), Match::None);
    }

    #[test]
    fn a_known_run_stays_ours_and_one_that_vanished_leaves_nothing() {
        let known = [run("k", "Scheduled", "Success", None, None)];
        assert_eq!(wanted().find(&known, Some("k")), Match::One(&known[0]));
        let other = [at("b", "OnDemand", "10:02")];
        assert_eq!(
            wanted().find(&other, Some("k")),
            Match::Ambiguous(vec![&other[0]])
        );
        assert_eq!(wanted().find(&[], Some("k")), Match::None);
    }

    #[test]
    fn new_runs_that_are_not_ours_are_told_from_old_ones() {
        let history = [
            at("late", "OnDemand", "10:09"),
            at("plan", "Scheduled", "10:01"),
            at("ours", "OnDemand", "10:01"),
            at("before", "OnDemand", "09:59"),
            at("old", "OnDemand", "10:01"),
        ];
        let ids: Vec<_> = wanted()
            .strangers(&history)
            .map(|run| run.id.clone())
            .collect();
        assert_eq!(ids, ["late", "plan"]);
    }
}
