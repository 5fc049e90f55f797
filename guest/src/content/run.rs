//! A run in a history: what state it is in, which one is going on, and what the baseline is.

use crate::classify::Said;
use crate::contract::{ServiceError, ServiceRun};
use crate::redact::Redactor;
use crate::time::{DAY, Moment};

/// A run in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The service's id.
    pub(crate) id: String,
    /// Its kind, as the service says it.
    pub(crate) refresh_type: String,
    /// Its state, as the service says it.
    pub(crate) status: String,
    /// What that means.
    pub(crate) state: State,
    /// When it began; from its id where the field is missing.
    pub(crate) started: Option<Moment>,
    /// When it ended.
    pub(crate) ended: Option<Moment>,
    /// Why it failed, in the service's words.
    pub(crate) said: Option<RunError>,
}

/// Why a run failed, as the service says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunError {
    /// Code and message.
    pub(crate) said: Said,
    /// What the service's support asks for.
    pub(crate) activity_id: String,
}

/// What a state's text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed,
    /// It was stopped.
    Cancelled,
    /// The service dropped it, because another run of the same content was going on. [V]
    Deduped,
    /// It goes on.
    Running,
    /// A text that is not known: it is waited on, and never taken for success.
    Unknown,
}

impl RunError {
    /// The same, short and without secrets.
    pub(crate) fn in_short(&self, redactor: &Redactor) -> ServiceError {
        self.said.in_short(&self.activity_id, redactor)
    }
}

impl State {
    /// What a state's text means, without regard to case. Texts of the documentation [V] and those
    /// seen in the wild [O], of all kinds of content.
    pub(crate) fn of(text: &str) -> Self {
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
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self.state, State::Running | State::Unknown)
    }

    /// Whether the run waits for its turn.
    pub(crate) fn is_queued(&self) -> bool {
        let status = self.status.to_ascii_lowercase();
        self.state == State::Running
            && ["queued", "notstarted", "not started"].contains(&status.as_str())
    }

    /// Whether the run is of a kind that no trigger of ours ever makes: by a schedule, or the training
    /// of a machine-learning model. [V]
    pub(crate) fn is_of_another_kind(&self) -> bool {
        self.refresh_type.eq_ignore_ascii_case("scheduled")
            || self.refresh_type.eq_ignore_ascii_case("OnDemandTraining")
    }

    /// The run as the contract has it.
    pub(crate) fn to_service_run(&self) -> ServiceRun {
        ServiceRun {
            id: self.id.clone(),
            refresh_type: self.refresh_type.clone(),
            status: self.status.clone(),
            started_at: self.started.map(|at| at.to_string()),
            ended_at: self.ended.map(|at| at.to_string()),
        }
    }

    /// The run in a few words, for messages.
    pub(crate) fn words(&self) -> String {
        let kind = if self.refresh_type.is_empty() {
            "a run"
        } else {
            &self.refresh_type
        };
        match self.started {
            Some(at) => format!("{kind} {} of {at}", self.id),
            None => format!("{kind} {}", self.id),
        }
    }
}

/// The newest run that is going on at `now`. Rows that never got an end stay in a history for
/// ever, so a run counts only for 24 h after its start, longer than any refresh may take. [V]
pub(crate) fn going_on(history: &[Run], now: Moment) -> Option<&Run> {
    history.iter().find(|run| {
        let state = run.state;
        let recent = match run.started {
            Some(started) => started >= now.plus_ms(-DAY),
            None => state == State::Running,
        };
        run.ended.is_none() && !run.is_over() && recent
    })
}

/// The ids of all runs that could later be mistaken for ours: begun in the 24 h before the look,
/// begun at an unknown time, or not ended. What is older fails the test of the start anyway.
pub(crate) fn baseline(history: &[Run], looked_at: Moment) -> Vec<String> {
    history
        .iter()
        .filter(|run| {
            run.started.is_none_or(|at| at >= looked_at.plus_ms(-DAY))
                || (run.ended.is_none() && !run.is_over())
        })
        .map(|run| run.id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    fn now() -> Moment {
        Moment::parse("2026-11-23T10:00:00Z").unwrap()
    }

    #[test]
    fn a_state_is_known_by_its_text_and_an_unknown_one_is_never_success() {
        for (text, state) in [
            ("Success", State::Succeeded),
            ("COMPLETED", State::Succeeded),
            ("succeeded", State::Succeeded),
            ("Failed", State::Failed),
            ("Failure", State::Failed),
            ("Canceled", State::Cancelled),
            ("Cancelled", State::Cancelled),
            ("InProgress", State::Running),
            ("NotStarted", State::Running),
            ("TimedOut", State::Failed),
            ("Disabled", State::Failed),
            ("Deduped", State::Deduped),
            ("PartialComplete", State::Unknown),
            ("Unknown", State::Unknown),
            ("", State::Unknown),
        ] {
            assert_eq!(run("a", "", text, None, None).state, state, "{text}");
        }
    }

    #[test]
    fn only_a_recent_run_without_an_end_is_going_on() {
        let recent = Some("2026-11-23T09:00:00Z");
        let old = Some("2026-11-20T09:00:00Z");
        for (run, goes_on) in [
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
                going_on(std::slice::from_ref(&run), now()).is_some(),
                goes_on,
                "{run:?}"
            );
        }
    }

    #[test]
    fn the_baseline_holds_what_could_be_mistaken_for_ours() {
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
