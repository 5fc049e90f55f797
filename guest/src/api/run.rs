//! A run in a service's history: its state, which one is running, and the baseline.

use std::cmp::Reverse;

use super::error::ErrorDetails;
use super::reply::{Row, each_row};
use crate::contract::ServiceRun;
use crate::ports::HttpAnswer;
use crate::time::{DAY_MS, Moment};

/// How far a run's times may be ahead of the service's clock: its servers have clocks of their own.
const CLOCK_SKEW_MS: i64 = 120_000;

/// A run in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The service's id.
    pub(crate) id: String,
    /// Its type as the service names it.
    pub(crate) refresh_type: String,
    /// Its state as the service names it.
    pub(crate) status: String,
    /// What that state means.
    pub(crate) state: RunState,
    /// When it started; taken from its id if the field is missing.
    pub(crate) started: Option<Moment>,
    /// When it ended.
    pub(crate) ended: Option<Moment>,
    /// Why it failed, as the service reports it.
    pub(crate) error: Option<ErrorDetails>,
}

/// What the text of a state means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunState {
    /// It completed.
    Succeeded,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// The service dropped it because another run of the same content was running. [V]
    Deduped,
    /// It is queued or running.
    Running,
    /// An unknown text: followed further, never taken for success.
    Unknown,
}

impl RunState {
    /// Reads a state, ignoring case. The texts of all kinds of content, from the documentation [V]
    /// and from practice [O].
    pub(crate) fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "success" | "succeeded" | "completed" => Self::Succeeded,
            "failed" | "failure" | "timedout" | "disabled" => Self::Failed,
            "cancelled" | "canceled" => Self::Cancelled,
            "deduped" => Self::Deduped,
            "inprogress" | "in progress" | "queued" | "notstarted" | "not started" | "running" => {
                Self::Running
            }
            _ => Self::Unknown,
        }
    }
}

impl Run {
    /// Whether the run's state is final.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self.state, RunState::Running | RunState::Unknown)
    }

    /// Whether the run is waiting in a queue.
    pub(crate) fn is_queued(&self) -> bool {
        let status = self.status.to_ascii_lowercase();
        self.state == RunState::Running
            && ["queued", "notstarted", "not started"].contains(&status.as_str())
    }

    /// Whether the run starts by itself: by a schedule, or to train a machine-learning model. [V]
    pub(crate) fn starts_itself(&self) -> bool {
        self.is_of_type("Scheduled") || self.is_of_type("OnDemandTraining") || self.is_framing()
    }

    /// Whether the service loaded a Direct Lake model because its tables changed. Some plain
    /// refreshes of such a model are listed like this too. [O]
    pub(crate) fn is_framing(&self) -> bool {
        self.is_of_type("DirectLakeFraming")
    }

    fn is_of_type(&self, kind: &str) -> bool {
        self.refresh_type.eq_ignore_ascii_case(kind)
    }

    /// Takes a final state back if the run's times contradict it: the run started before `earliest`,
    /// a time is in the future, or the end is before the start.
    pub(crate) fn doubt(&mut self, now: Moment, earliest: Option<Moment>) {
        let latest = now.plus_ms(CLOCK_SKEW_MS);
        let is_future = |at: Option<Moment>| at.is_some_and(|at| at > latest);
        let reversed = |start, end: Option<Moment>| end.is_some_and(|end| end < start);
        let is_wrong = self.started.is_some_and(|start| {
            let is_early = earliest.is_some_and(|at| start < at.plus_ms(-CLOCK_SKEW_MS));
            is_early || reversed(start, self.ended)
        });
        if self.is_final() && (is_wrong || is_future(self.started) || is_future(self.ended)) {
            self.state = RunState::Unknown;
            self.status.push_str(" with contradictory times");
        }
    }

    /// The run as a type of the contract.
    pub(crate) fn to_service_run(&self) -> ServiceRun {
        ServiceRun {
            id: self.id.clone(),
            refresh_type: self.refresh_type.clone(),
            status: self.status.clone(),
            started_at: self.started.map(|at| at.to_string()),
            ended_at: self.ended.map(|at| at.to_string()),
        }
    }

    /// A short description for messages.
    pub(crate) fn describe(&self) -> String {
        let kind = match self.refresh_type.as_str() {
            "" => "run",
            kind => kind,
        };
        match self.started {
            Some(at) => format!("{kind} {}, started {at}", self.id),
            None => format!("{kind} {}", self.id),
        }
    }
}

/// The newest run that is running at `now`. Some rows never get an end, so a run counts only for
/// 24 h after its start, longer than any refresh may take. [V]
pub(crate) fn newest_running(history: &[Run], now: Moment) -> Option<&Run> {
    history.iter().find(|run| {
        let recent = match run.started {
            Some(started) => started >= now.plus_ms(-DAY_MS),
            None => run.state == RunState::Running,
        };
        run.ended.is_none() && !run.is_final() && recent
    })
}

/// How long a refresh usually takes: the median of those that succeeded. Without sorting, which would
/// add kilobytes to the component.
pub(crate) fn usual_ms(history: &[Run]) -> Option<u64> {
    let took = |run: &Run| Some(run.started?.until(run.ended?));
    let succeeded = |run: &&Run| run.state == RunState::Succeeded;
    let all: Vec<u64> = history.iter().filter(succeeded).filter_map(took).collect();
    let at_most = |limit: u64| all.iter().filter(|ms| **ms <= limit).count();
    let half = |ms: &u64| at_most(*ms) * 2 >= all.len();
    all.iter().copied().filter(half).min()
}

/// The ids of all runs that could later be mistaken for ours: started in the 24 h before the
/// history was read, started at an unknown time, or not ended. Older runs are too early to match.
pub(crate) fn baseline(history: &[Run], read_at: Moment) -> Vec<String> {
    history
        .iter()
        .filter(|run| {
            run.started.is_none_or(|at| at >= read_at.plus_ms(-DAY_MS))
                || (run.ended.is_none() && !run.is_final())
        })
        .map(|run| run.id.clone())
        .collect()
}

/// The most runs of a history that are considered, far more than a content can have in a day. It
/// bounds the memory and the time that a history costs.
const MOST_RUNS: usize = 1000;

/// The newest runs of a history of any length.
#[derive(Debug, Default)]
pub(crate) struct RunList {
    runs: Vec<Run>,
    dropped: usize,
}

impl RunList {
    /// Reads the runs of a response, and returns the token of the history's next page; `None` if it
    /// holds no history.
    pub(super) fn read(
        &mut self,
        answer: &HttpAnswer,
        run_of: fn(&Row<'_>) -> Option<Run>,
    ) -> Option<Option<String>> {
        each_row(answer, |row| {
            self.runs.extend(run_of(&row));
            if self.runs.len() >= 2 * MOST_RUNS {
                self.shorten();
            }
        })
    }

    /// The runs, newest first, and how many were dropped.
    pub(crate) fn newest_first(mut self) -> (Vec<Run>, usize) {
        self.shorten();
        (self.runs, self.dropped)
    }

    /// The services list runs newest first but do not promise it. A run with an unknown start may be
    /// the newest and comes first. A run may be on two pages if another one starts meanwhile.
    fn shorten(&mut self) {
        let key = |run: &Run| Reverse((run.started.is_none(), run.started));
        self.runs.sort_by_key(key);
        self.runs.dedup_by(|one, other| one.id == other.id);
        self.dropped += self.runs.len().saturating_sub(MOST_RUNS);
        self.runs.truncate(MOST_RUNS);
    }
}

/// The runs in one response.
#[cfg(test)]
pub(super) fn runs_of(
    answer: &HttpAnswer,
    run_of: fn(&Row<'_>) -> Option<Run>,
) -> Option<Vec<Run>> {
    let mut list = RunList::default();
    list.read(answer, run_of)?;
    Some(list.newest_first().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    fn now() -> Moment {
        Moment::parse("2026-11-23T10:00:00Z").unwrap()
    }

    #[test]
    fn an_unknown_state_is_never_success() {
        for (text, state) in [
            ("Success", RunState::Succeeded),
            ("COMPLETED", RunState::Succeeded),
            ("succeeded", RunState::Succeeded),
            ("Failed", RunState::Failed),
            ("Failure", RunState::Failed),
            ("Canceled", RunState::Cancelled),
            ("Cancelled", RunState::Cancelled),
            ("InProgress", RunState::Running),
            ("NotStarted", RunState::Running),
            ("TimedOut", RunState::Failed),
            ("Disabled", RunState::Failed),
            ("Deduped", RunState::Deduped),
            ("PartialComplete", RunState::Unknown),
            ("Unknown", RunState::Unknown),
            ("", RunState::Unknown),
        ] {
            assert_eq!(run("a", "", text, None, None).state, state, "{text}");
        }
    }

    #[test]
    fn a_state_with_contradictory_times_settles_nothing() {
        let (early, late) = ("2026-11-23T09:00:00Z", "2026-11-23T09:30:00Z");
        let (ahead, future) = ("2026-11-23T10:01:00Z", "2026-11-23T10:03:00Z");
        for status in ["Completed", "Failed", "Cancelled"] {
            for (start, end, settles) in [
                (Some(early), Some(late), true),
                (Some(early), Some(early), true),
                (Some(early), Some(ahead), true),
                (Some(early), None, true),
                (None, None, true),
                (Some(late), Some(early), false),
                (Some(early), Some(future), false),
                (Some(future), None, false),
                (None, Some(future), false),
            ] {
                let mut run = run("a", "ViaApi", status, start, end);
                run.doubt(now(), None);
                assert_eq!(run.is_final(), settles, "{status} {start:?} {end:?}");
            }
        }
    }

    #[test]
    fn a_run_that_started_before_its_trigger_settles_nothing() {
        for (earliest, settles) in [
            ("2026-11-23T08:59:00Z", true),
            ("2026-11-23T09:01:00Z", true),
            ("2026-11-23T09:03:00Z", false),
        ] {
            let mut run = run("a", "", "Completed", Some("2026-11-23T09:00:00Z"), None);
            run.doubt(now(), Moment::parse(earliest));
            assert_eq!(run.is_final(), settles, "{earliest}");
        }
    }

    #[test]
    fn a_history_of_any_length_and_order_is_cut_to_its_newest_runs() {
        let day = Moment::parse("2026-11-23T00:00:00Z").unwrap();
        let row = |n: usize| {
            let start = day.after_ms(n as u64 * 1000);
            format!(r#"{{"requestId":"r{n}","startTime":"{start}","status":"Completed"}}"#)
        };
        for reversed in [false, true] {
            let mut rows: Vec<String> = (0..20_000).map(row).collect();
            if reversed {
                rows.reverse();
            }
            let answer = crate::testing::ok(&format!(r#"{{"value":[{}]}}"#, rows.join(",")));
            let mut list = RunList::default();
            list.read(&answer, super::super::model::refresh).unwrap();
            let (runs, dropped) = list.newest_first();
            assert_eq!((runs.len(), dropped), (MOST_RUNS, 20_000 - MOST_RUNS));
            assert_eq!(
                (runs[0].id.as_str(), runs[999].id.as_str()),
                ("r19999", "r19000")
            );
        }
    }

    #[test]
    fn a_run_on_two_pages_is_one_run() {
        let row = r#"{"requestId":"r1","startTime":"2026-11-23T09:00:00Z"}"#;
        let answer = crate::testing::ok(&format!(r#"{{"value":[{row},{row}]}}"#));
        assert_eq!(
            runs_of(&answer, super::super::model::refresh)
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn only_a_recent_run_without_an_end_is_newest_running() {
        let recent = Some("2026-11-23T09:00:00Z");
        let old = Some("2026-11-20T09:00:00Z");
        for (run, running) in [
            (run("a", "OnDemand", "InProgress", recent, None), true),
            (run("a", "OnDemand", "Sleeping", recent, None), true),
            (run("a", "OnDemand", "", recent, None), true),
            (run("a", "OnDemand", "InProgress", None, None), true),
            (run("a", "OnDemand", "Sleeping", None, None), false),
            (run("a", "OnDemand", "InProgress", old, None), false),
            (run("a", "OnDemand", "InProgress", recent, recent), false),
            (run("a", "OnDemand", "Success", recent, None), false),
            (run("a", "OnDemand", "Failed", recent, None), false),
        ] {
            assert_eq!(
                newest_running(std::slice::from_ref(&run), now()).is_some(),
                running,
                "{run:?}"
            );
        }
    }

    #[test]
    fn a_refresh_usually_takes_the_median_of_those_that_succeeded() {
        for (minutes, status, expected) in [
            (&[][..], "Success", None),
            (&[4], "Success", Some(4)),
            (&[4], "Failed", None),
            (&[9, 1, 5], "Success", Some(5)),
            (&[2, 50, 3, 4], "Success", Some(3)),
            (&[7, 7, 7, 59], "Success", Some(7)),
        ] {
            let runs: Vec<Run> = minutes
                .iter()
                .map(|minutes| {
                    let end = format!("2026-11-23T09:{minutes:02}:00Z");
                    run("a", "", status, Some("2026-11-23T09:00:00Z"), Some(&end))
                })
                .collect();
            let expected = expected.map(|minutes: u64| minutes * 60_000);
            // A run without an end says nothing.
            let running = run("b", "", "InProgress", Some("2026-11-23T09:00:00Z"), None);
            let history: Vec<Run> = [running].into_iter().chain(runs).collect();
            assert_eq!(usual_ms(&history), expected, "{minutes:?} {status}");
        }
    }

    #[test]
    fn the_baseline_holds_every_run_that_could_be_mistaken_for_ours() {
        let history = [
            run(
                "recent",
                "",
                "Success",
                Some("2026-11-22T10:00:00Z"),
                Some("2026-11-22T10:05:00Z"),
            ),
            run(
                "old",
                "",
                "Success",
                Some("2026-11-22T09:59:59Z"),
                Some("2026-11-22T10:05:00Z"),
            ),
            run(
                "endless",
                "",
                "InProgress",
                Some("2026-11-01T10:00:00Z"),
                None,
            ),
            run("timeless", "", "Success", None, None),
        ];
        assert_eq!(baseline(&history, now()), ["recent", "endless", "timeless"]);
    }
}
