//! Which run is ours, if the trigger returned no id.
//!
//! A run is ours if it is not in the baseline, started between the service's own date when the
//! history was read and `start_within` after the trigger, is of a type that our trigger produces,
//! and is not matched to another run in the audit log. The window is that of the trigger: following
//! it later never widens it.
//!
//! The first history with a candidate decides, and every later one is checked again: if a second
//! candidate appears, the match becomes ambiguous. A run that succeeded while the window is open is
//! accepted as ours if it is the only candidate at that time; a later run must then have been
//! started by another trigger.
//!
//! A run without a known start is ambiguous even if it is the only candidate, unless it is in the
//! baseline: it may be an old run as well as ours.

use crate::api::content::ContentKind;
use crate::api::run::Run;
use crate::time::Moment;

/// What is known about the trigger whose run is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchWindow {
    /// The runs that existed before.
    pub(crate) baseline: Vec<String>,
    /// Runs that belong to other triggers of ours.
    pub(crate) taken: Vec<String>,
    /// The content that our trigger refreshes; `None` if the run of any trigger is searched for.
    pub(crate) triggered: Option<ContentKind>,
    /// The earliest start of our run.
    pub(crate) from: Moment,
    /// The latest start of our run.
    pub(crate) until: Moment,
}

/// The result of a search in one history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match<'h> {
    /// No run can be ours.
    None,
    /// Exactly one run can be ours.
    One(&'h Run),
    /// Several runs can be ours.
    Ambiguous(Vec<&'h Run>),
}

impl MatchWindow {
    /// Searches for our run. `known` is the run that was matched earlier: it stays ours, whatever
    /// its row shows now, and is compared with the other candidates.
    pub(crate) fn find<'h>(&self, history: &'h [Run], known: Option<&str>) -> Match<'h> {
        let is_known = |run: &Run| Some(run.id.as_str()) == known;
        let candidates: Vec<&Run> = history
            .iter()
            .filter(|run| is_known(run) || self.is_candidate(run))
            .collect();
        match candidates.as_slice() {
            [] => Match::None,
            [one] if is_known(one) || (known.is_none() && one.started.is_some()) => Match::One(one),
            _ => Match::Ambiguous(candidates),
        }
    }

    /// The new runs that are not ours, newest first.
    pub(crate) fn unmatched<'h>(&self, history: &'h [Run]) -> impl Iterator<Item = &'h Run> {
        history.iter().filter(|run| {
            !self.baseline.contains(&run.id)
                && !self.is_candidate(run)
                && run.started.is_some_and(|at| at >= self.from)
        })
    }

    /// Whether a run of a type that our trigger produces started after the window.
    pub(crate) fn is_late(&self, run: &Run) -> bool {
        self.may_be_triggered(run)
            && !self.taken.contains(&run.id)
            && run.started.is_some_and(|at| at > self.until)
    }

    /// Whether the run is of a type that the trigger produces.
    pub(crate) fn may_be_triggered(&self, run: &Run) -> bool {
        match self.triggered {
            Some(content) => content.may_be_triggered(run),
            None => !run.starts_itself(),
        }
    }

    /// A run in the window that may be ours although the service lists it as started by itself.
    pub(crate) fn framing<'h>(&self, history: &'h [Run]) -> Option<&'h Run> {
        let starts = |run: &Run| run.started.is_some_and(|at| at <= self.until);
        self.unmatched(history)
            .find(|run| run.is_framing() && !self.taken.contains(&run.id) && starts(run))
    }

    fn is_candidate(&self, run: &Run) -> bool {
        !self.baseline.contains(&run.id)
            && !self.taken.contains(&run.id)
            && self.may_be_triggered(run)
            && run
                .started
                .is_none_or(|at| (self.from..=self.until).contains(&at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    fn window() -> MatchWindow {
        MatchWindow {
            baseline: vec!["old".into()],
            taken: vec!["other".into()],
            triggered: None,
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
                window().find(&history, None),
                Match::One(&history[0]),
                "{minute}"
            );
        }
    }

    #[test]
    fn a_run_outside_the_window_is_not_ours() {
        for minute in ["09:59", "10:06"] {
            let history = [at("new", "OnDemand", minute)];
            assert_eq!(window().find(&history, None), Match::None, "{minute}");
        }
        let next_day = [run(
            "new",
            "OnDemand",
            "Success",
            Some("2026-11-24T10:02:00Z"),
            None,
        )];
        assert_eq!(window().find(&next_day, None), Match::None);
        assert!(window().is_late(&next_day[0]));
    }

    #[test]
    fn a_scheduled_run_in_the_same_minute_is_never_ours() {
        let history = [
            at("plan", "scheduled", "10:01"),
            at("new", "OnDemand", "10:01"),
        ];
        assert_eq!(window().find(&history, None), Match::One(&history[1]));
        assert_eq!(window().find(&history[..1], None), Match::None);
        assert!(!window().is_late(&at("plan", "Scheduled", "10:07")));
    }

    #[test]
    fn only_a_refresh_through_the_api_is_ours_after_a_trigger_of_a_model() {
        let window = MatchWindow {
            triggered: Some(ContentKind::Model),
            ..window()
        };
        for kind in [
            "DirectLakeFraming",
            "ViaXmlaEndpoint",
            "OneLakeIntegration",
            "DataFactory",
            "WebModeling",
            "OnDemand",
            "Scheduled",
            "NewType",
        ] {
            let history = [at("a", kind, "10:01"), at("b", "viaApi", "10:02")];
            let ours = Match::One(&history[1]);
            assert_eq!(window.find(&history, None), ours, "{kind}");
            assert_eq!(window.find(&history[..1], None), Match::None, "{kind}");
            let framing = window.framing(&history[..1]).is_some();
            assert_eq!(framing, kind == "DirectLakeFraming");
        }
        let history = [at("a", "ViaEnhancedApi", "10:01"), at("b", "", "10:02")];
        assert!(matches!(window.find(&history, None), Match::Ambiguous(_)));
    }

    #[test]
    fn a_run_of_the_baseline_or_of_another_trigger_is_not_ours() {
        let history = [
            at("old", "OnDemand", "10:01"),
            at("other", "OnDemand", "10:01"),
        ];
        assert_eq!(window().find(&history, None), Match::None);
    }

    #[test]
    fn two_runs_in_the_window_are_ambiguous_even_after_a_match() {
        let history = [at("a", "OnDemand", "10:01"), at("b", "ViaApi", "10:02")];
        let both = Match::Ambiguous(vec![&history[0], &history[1]]);
        assert_eq!(window().find(&history, None), both);
        assert_eq!(window().find(&history, Some("a")), both);
    }

    #[test]
    fn a_run_without_a_start_is_ambiguous() {
        let history = [run("timeless", "OnDemand", "InProgress", None, None)];
        assert!(matches!(window().find(&history, None), Match::Ambiguous(_)));
        let plan = [run("timeless", "Scheduled", "InProgress", None, None)];
        assert_eq!(window().find(&plan, None), Match::None);
    }

    #[test]
    fn a_known_run_stays_ours_until_it_vanishes() {
        let known = [run("k", "Scheduled", "Success", None, None)];
        assert_eq!(window().find(&known, Some("k")), Match::One(&known[0]));
        let other = [at("b", "OnDemand", "10:02")];
        assert_eq!(
            window().find(&other, Some("k")),
            Match::Ambiguous(vec![&other[0]])
        );
        assert_eq!(window().find(&[], Some("k")), Match::None);
    }

    #[test]
    fn new_runs_that_are_not_ours_are_listed() {
        let history = [
            at("late", "OnDemand", "10:09"),
            at("plan", "Scheduled", "10:01"),
            at("ours", "OnDemand", "10:01"),
            at("before", "OnDemand", "09:59"),
            at("old", "OnDemand", "10:01"),
        ];
        let ids: Vec<_> = window()
            .unmatched(&history)
            .map(|run| run.id.clone())
            .collect();
        assert_eq!(ids, ["late", "plan"]);
    }
}
