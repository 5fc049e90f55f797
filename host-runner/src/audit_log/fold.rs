//! The state of a run, computed from its events in their order.
//!
//! The events are the truth; this view is never stored. Three rules keep it from claiming too much or
//! allowing a second trigger:
//! - An intent starts a new attempt, which resets everything known about an earlier one.
//! - "Nothing was sent" only counts in an [`Observed::NOT_SENT`], and in an outcome or interruption
//!   from the invocation that wrote the intent. A later invocation that cannot reach the service does
//!   not know. After a 2xx it never counts.
//! - What is settled stays settled: a later `unknown` or interruption does not replace a `completed`,
//!   `failed`, `cancelled` or `skipped`, or a manual decision. A later settled outcome replaces all.

use super::actor::Actor;
use super::event::{
    Decision, Detail, Intent, Interrupted, Note, Observed, Outcome, Resolution, RunInfo,
    ServiceRun, StoredEvent, Triggered,
};
use crate::verdict::{Evidence, Matched, Sent, Status, Verdict};

/// A run as its events describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunView {
    /// The run, as in its first event.
    pub run: RunInfo,
    /// Who started it.
    pub actor: Actor,
    /// When its first event was stored: RFC 3339, UTC.
    pub first_time: String,
    /// When its last event was stored.
    pub last_time: String,
    /// The number of its last event.
    pub last_event: u64,
    /// Whether the trigger of the last attempt was sent.
    pub sent: Sent,
    /// The intent of the last attempt.
    pub intent: Option<Intent>,
    /// When that intent was stored.
    pub intent_time: String,
    /// The response to its trigger.
    pub triggered: Option<Triggered>,
    /// The service's id of the run, once it was matched; otherwise empty.
    pub service_run: String,
    /// How it was matched.
    pub matched: Matched,
    /// The flow run that the trigger started, if known; otherwise empty.
    pub flow_run: String,
    /// The service asks not to be polled about the run before this time; empty if it did not.
    pub poll_from: String,
    /// The last state of the service's run.
    pub service_state: Option<ServiceRun>,
    /// The outcome of the last attempt, unless an interruption replaced it.
    pub outcome: Option<Outcome>,
    /// The interruption of the last attempt, unless an outcome replaced it.
    pub interrupted: Option<Interrupted>,
    /// The decision or reconciliation that counts instead of both, and its author.
    pub resolved: Option<(Resolution, Actor)>,
    /// The invocation that wrote the intent.
    sender: String,
}

/// The state of a run, as it affects another start of the same identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Nothing was sent.
    NotSent,
    /// It ended in `completed`, `accepted`, `failed`, `skipped` or `cancelled`.
    Ended(Status),
    /// It is `accepted` because its history showed that it had started, and its end was not awaited.
    Detached,
    /// A decision states that its trigger started nothing.
    NeverStarted,
    /// Its trigger may have started a refresh, and the outcome is not known yet.
    Unsettled,
}

impl RunView {
    /// The view of a run's events in their order; `None` without events.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = StoredEvent>) -> Option<Self> {
        let mut events = events.into_iter();
        let first = events.next()?;
        let mut view = Self {
            run: first.run.clone(),
            actor: first.actor.clone(),
            first_time: first.time.clone(),
            ..Self::default()
        };
        view.apply(first);
        events.for_each(|event| view.apply(event));
        Some(view)
    }

    fn apply(&mut self, event: StoredEvent) {
        let StoredEvent {
            number,
            time,
            actor,
            detail,
            ..
        } = event;
        match detail {
            Detail::Intent(intent) => self.start_attempt(intent, time.clone(), &actor),
            Detail::Triggered(triggered) => self.apply_response(triggered),
            Detail::Observed(observed) => self.observe(observed),
            Detail::Outcome(outcome) => self.end(outcome, &actor),
            Detail::Interrupted(interrupted) => {
                self.update_sent(interrupted.sent, &actor);
                if !self.is_settled() {
                    self.interrupted = Some(interrupted);
                    self.outcome = None;
                }
            }
            Detail::Reconciled(resolution) | Detail::Resolved(resolution) => {
                self.resolved = Some((resolution, actor));
            }
            Detail::Note(note) if note.topic == Note::CANCEL => {
                let mut fields = note.fields.into_iter();
                let poll_from = fields.find(|(name, _)| name == Note::POLL_FROM);
                update(&mut self.poll_from, poll_from.map(|(_, at)| at));
            }
            Detail::Note(_) => {}
        }
        self.last_event = number;
        self.last_time = time;
    }

    fn start_attempt(&mut self, intent: Intent, time: String, actor: &Actor) {
        let earlier = std::mem::take(self);
        *self = Self {
            run: earlier.run,
            actor: earlier.actor,
            first_time: earlier.first_time,
            sent: Sent::Maybe,
            intent: Some(intent),
            intent_time: time,
            sender: actor.invocation.clone(),
            ..Self::default()
        };
    }

    fn apply_response(&mut self, triggered: Triggered) {
        if matches!(triggered.http_status, Some(200..300)) {
            self.sent = Sent::Yes;
        }
        update(&mut self.flow_run, triggered.flow_run.clone());
        if let Some(run) = triggered.service_run.clone() {
            self.service_run = run;
            self.matched = Matched::Exact;
        }
        update(&mut self.poll_from, triggered.poll_from.clone());
        self.triggered = Some(triggered);
    }

    fn observe(&mut self, observed: Observed) {
        match (observed.what.as_str(), observed.run) {
            (Observed::NOT_SENT, _) if self.sent == Sent::Maybe => self.sent = Sent::No,
            (Observed::MATCHED, Some(run)) => {
                self.sent = Sent::Yes;
                self.service_run.clone_from(&run.id);
                if self.matched == Matched::None {
                    self.matched = Matched::Inferred;
                }
                self.service_state = Some(run);
            }
            (Observed::STATUS, Some(run)) => self.service_state = Some(run),
            _ => {}
        }
    }

    fn end(&mut self, outcome: Outcome, actor: &Actor) {
        let verdict = &outcome.verdict;
        self.update_sent(verdict.sent, actor);
        if verdict.own_run && !verdict.service_run.is_empty() {
            self.service_run.clone_from(&verdict.service_run);
            self.matched = verdict.matched;
        }
        update(&mut self.flow_run, Some(verdict.flow_run.clone()));
        if verdict.status.settles() || !self.is_settled() {
            self.outcome = Some(outcome);
            self.interrupted = None;
            self.resolved = None;
        }
    }

    /// Applies a later statement on whether the trigger was sent, as far as its author can know.
    fn update_sent(&mut self, sent: Sent, author: &Actor) {
        let is_sender = author.invocation == self.sender;
        match (self.sent, sent) {
            (Sent::Maybe, Sent::No) if is_sender => self.sent = Sent::No,
            (Sent::Maybe, Sent::Yes) => self.sent = Sent::Yes,
            _ => {}
        }
    }

    fn is_settled(&self) -> bool {
        let settles = |outcome: &Outcome| outcome.verdict.status.settles();
        self.resolved.is_some() || self.outcome.as_ref().is_some_and(settles)
    }

    /// The state of the run.
    #[must_use]
    pub fn state(&self) -> RunState {
        match &self.resolved {
            Some((resolution, _)) => {
                let status = resolution.decision.status();
                status.map_or(RunState::NeverStarted, RunState::Ended)
            }
            None => self.state_without_decision(),
        }
    }

    /// The state of the run without a manual decision.
    pub(super) fn state_without_decision(&self) -> RunState {
        let outcome = self.outcome.as_ref().map(|outcome| &outcome.verdict);
        match outcome.map(|verdict| (verdict.status, verdict.evidence)) {
            Some((Status::Accepted, Evidence::Service)) => RunState::Detached,
            Some((status, _)) if status.settles() || status == Status::Accepted => {
                RunState::Ended(status)
            }
            _ if self.sent == Sent::No => RunState::NotSent,
            _ => RunState::Unsettled,
        }
    }

    /// The state in lists: the verdict's status, `never_started`, or `open` without a verdict.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match (self.state(), self.verdict()) {
            (RunState::NeverStarted, _) => Decision::NeverStarted.name(),
            (_, Some(verdict)) => verdict.status.name(),
            (_, None) => "open",
        }
    }

    /// The verdict on the run: that of the outcome, or one that describes the interruption or the
    /// decision. `None` for `never_started`, which is not a status.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if let Some((resolution, actor)) = &self.resolved {
            let (decision, author) = (resolution.decision, actor.name());
            let (name, reason) = (decision.name(), &resolution.reason);
            let message = match resolution.overrides.map(Status::name) {
                Some(old) => format!("resolved as {name} by {author}, overriding {old}: {reason}"),
                None => format!("resolved as {name} by {author}: {reason}"),
            };
            return Some(self.verdict_with(decision.status()?, message));
        }
        if let Some(event) = &self.interrupted {
            let message = format!("stopped by {}: {}", event.signal, event.message);
            return Some(self.verdict_with(Status::Interrupted, message));
        }
        self.outcome.as_ref().map(|outcome| outcome.verdict.clone())
    }

    /// A verdict without evidence, with what is known about the run.
    fn verdict_with(&self, status: Status, message: String) -> Verdict {
        let state = self.service_state.as_ref();
        let time = |of: fn(&ServiceRun) -> &Option<String>| {
            state.and_then(|run| of(run).clone()).unwrap_or_default()
        };
        Verdict {
            sent: self.sent,
            matched: self.matched,
            own_run: !self.service_run.is_empty(),
            service_run: self.service_run.clone(),
            flow_run: self.flow_run.clone(),
            started_at: time(|run| &run.started_at),
            ended_at: time(|run| &run.ended_at),
            evidence: Evidence::None,
            ..Verdict::not_sent(status, "", message, "")
        }
    }
}

/// Replaces a text unless the new one is empty.
fn update(text: &mut String, new: Option<String>) {
    if let Some(new) = new.filter(|new| !new.is_empty()) {
        *text = new;
    }
}
